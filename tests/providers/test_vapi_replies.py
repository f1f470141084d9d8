"""Vapi: turns and replies are found in the sound; control messages help where they come."""

from __future__ import annotations

import json

import pytest

from device.commands import AbandonTurn, CancelReply, ClearInput
from device.events import (
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyTranscript,
    TurnCommitted,
    UserTranscript,
)
from tests.providers.driver import events
from tests.providers.duplex_driver import names, only, sound_ms
from tests.providers.line_drivers import Call

RATE_HZ = 16000


def answered() -> Call:
    call = Call().ready()
    call.says()
    call.wait(0.6)
    call.sounds(300)
    call.command(ClearInput())
    return call


def says(call: Call, role: str, words: str, kind: str = "final") -> list[object]:
    return events(call.event("transcript", role=role, transcript=words, transcriptType=kind))


def test_sound_alone_makes_a_conversation() -> None:
    call = answered()
    assert names(call.outputs) == ["turn", "reply_1 begins", "reply_1 sounds"]
    outputs = call.wait(1.5) + call.sounds(200)
    assert names(outputs) == ["reply_1 sounds"]
    assert names(call.wait(3)) == ["reply_1 completed"]
    assert sound_ms(call.outputs, RATE_HZ) == 500


def test_the_persons_words_take_the_turn() -> None:
    call = Call().ready()
    call.says()
    assert says(call, "user", "what", "partial") == []
    assert says(call, "user", "what is it") == [
        TurnCommitted("turn_1"),
        UserTranscript("what is it", True, "turn_1"),
    ]
    assert names(call.sounds(100)) == ["reply_1 begins", "reply_1 sounds"]


def test_the_assistants_words_are_the_replys() -> None:
    call = answered()
    says(call, "assistant", "It is noon.")
    says(call, "assistant", "Anything else?")
    call.wait(3)
    told = [(e.text, e.final) for e in only(call.outputs, ReplyTranscript)]
    assert told == [
        ("It is noon. ", False),
        ("Anything else? ", False),
        ("It is noon. Anything else?", True),
    ]


def test_words_that_come_before_the_sound_are_of_the_reply_that_follows() -> None:
    call = Call().ready()
    call.says()
    says(call, "assistant", "Soon.")
    assert only(call.outputs, ReplyTranscript) == []
    assert only(call.sounds(100), ReplyTranscript) != []


def test_a_word_that_the_assistant_stopped_shortens_the_end() -> None:
    call = answered()
    call.event("speech-update", role="assistant", status="stopped")
    assert names(call.wait(1.6)) == ["reply_1 completed"]


def test_an_assistant_that_starts_again_may_pause_as_before() -> None:
    call = answered()
    call.event("speech-update", role="assistant", status="stopped")
    call.event("speech-update", role="assistant", status="started")
    assert names(call.wait(1.7)) == []
    assert names(call.wait(0.4)) == ["reply_1 completed"]


@pytest.mark.parametrize("after_s", [0.3, 0.7, 1.2])
def test_it_is_no_end_when_the_next_sentence_follows(after_s: float) -> None:
    call = answered()
    call.event("speech-update", role="assistant", status="stopped")
    assert names(call.wait(after_s) + call.sounds(200)) == ["reply_1 sounds"]


def test_messages_may_come_in_an_envelope() -> None:
    call = answered()
    outputs = call.receive(json.dumps({"message": {"type": "user-interrupted"}}))
    assert events(outputs) == [ReplyInterrupted("reply_1"), ReplyDone("reply_1", "cancelled")]


def test_a_cut_reply_is_never_heard_again_and_the_next_is_from_its_first_sound() -> None:
    call = answered()
    assert names(call.command(CancelReply("reply_1"))) == ["reply_1 cancelled"]
    outputs = call.sounds(2000)
    outputs += call.event("transcript", role="assistant", transcript="x", transcriptType="final")
    assert only(outputs, ReplyAudio) + only(outputs, ReplyTranscript) == []
    call.says()
    outputs = call.sounds(200)
    assert names(outputs) == ["turn", "reply_2 begins", "reply_2 sounds"]
    assert sound_ms(outputs, RATE_HZ) == 200
    assert only(outputs, ReplyTranscript) == []


def test_no_word_and_no_answer_of_an_abandoned_turn_is_emitted() -> None:
    call = Call().ready()
    call.says()
    call.command(AbandonTurn())
    assert says(call, "user", "what is it") == []
    assert names(call.sounds(1000)) == []
    call.says(300, 0)
    assert says(call, "user", "what is it") == [], "it is about the turn before"
    call.says(100, 300)
    call.wait(0.6)
    assert names(call.sounds(100))[0] == "turn"


def test_the_answer_to_the_turn_behind_an_abandoned_one_is_heard_though_words_came_first() -> None:
    call = Call().ready()
    call.says()
    call.command(AbandonTurn())
    call.says()
    assert says(call, "user", "what is it") != []
    assert names(call.sounds(100)) == ["reply_1 begins", "reply_1 sounds"]


def test_an_abandoned_turn_that_was_taken_by_its_words_is_not_answered() -> None:
    call = Call().ready()
    call.says()
    says(call, "user", "what is it")
    call.command(AbandonTurn())
    assert names(call.sounds(1000)) == []
