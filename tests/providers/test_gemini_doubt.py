"""Gemini Live on a slow line: the marks of what was broken off come after the next turn."""

from __future__ import annotations

import pytest

from device.commands import AbandonTurn, AppendAudio, CancelReply, ClearInput, CommitTurn
from device.events import ReplyInterrupted, ReplyStarted, ToolCalled
from device.providers.gemini_doubt import DOUBT_S, MOST_HELD
from tests.providers.driver import events
from tests.providers.gemini_driver import (
    SECOND,
    Driver,
    device_ends,
    done,
    heard,
    of,
    service_ends,
    sound,
    started,
    taken,
    transcripts,
)

LATE = b"\x63\x00" * 10  #: audio that nobody may hear
NEXT = b"\x07\x00" * 10


def cut_and_next_turn() -> Driver:
    """A reply was cut, and the next turn committed, before the service could say anything."""
    driver = device_ends()
    driver.speaks()
    driver.command(CancelReply(driver.is_answered()))
    driver.speaks()
    driver.outputs.clear()
    return driver


def given_up_and_next_turn() -> Driver:
    """A committed turn was given up, and the next one committed at once."""
    driver = device_ends()
    driver.speaks()
    driver.command(AbandonTurn())
    driver.speaks()
    driver.outputs.clear()
    return driver


# --- a cut reply's rest ---


def test_a_late_piece_behind_an_interruption_is_not_the_next_reply() -> None:
    driver = cut_and_next_turn()
    driver.audio(LATE)
    driver.interrupted()
    driver.audio(LATE)
    driver.completed()
    assert events(driver.outputs) == []
    assert heard(driver.audio(NEXT)) == NEXT
    assert done(driver.generated()) == [("reply_2", "completed")]


def test_nor_is_one_in_the_message_of_the_interruption() -> None:
    driver = cut_and_next_turn()
    driver.content(interrupted=True, modelTurn=sound(LATE), generationComplete=True)
    driver.content(modelTurn=sound(LATE), turnComplete=True)
    assert events(driver.outputs) == []
    assert heard(driver.audio(NEXT)) == NEXT


def test_words_of_the_next_turn_tell_that_the_interrupted_one_is_over() -> None:
    driver = cut_and_next_turn()
    driver.interrupted()
    driver.audio(LATE)
    driver.content(inputTranscription={"text": "go on"})
    assert heard(driver.audio(NEXT)) == NEXT
    assert heard(driver.outputs) == NEXT


def test_where_the_interrupted_turn_never_ends_the_answer_is_late_and_whole() -> None:
    driver = cut_and_next_turn()
    driver.interrupted()
    assert driver.audio(NEXT) == []
    assert driver.audio(NEXT) == []
    assert driver.wait(DOUBT_S / 2) == []
    outputs = driver.wait(DOUBT_S / 2)
    assert (started(outputs), heard(outputs)) == (["reply_2"], NEXT + NEXT)
    assert heard(driver.audio(NEXT)) == NEXT
    assert driver.codec.deadline is None


def test_after_a_while_nothing_is_late_any_more() -> None:
    driver = device_ends()
    driver.speaks()
    driver.command(CancelReply(driver.is_answered()))
    driver.interrupted()
    driver.command(SECOND)
    driver.now += DOUBT_S
    driver.command(CommitTurn())
    assert heard(driver.audio(NEXT)) == NEXT


def test_more_than_is_ever_on_its_way_is_not_held() -> None:
    driver = cut_and_next_turn()
    driver.interrupted()
    piece = bytes(range(256)) * 400
    outputs = [o for _ in range(MOST_HELD // len(piece) + 1) for o in driver.audio(piece)]
    assert started(outputs) == ["reply_2"]
    assert set(heard(outputs)) == set(piece)


# --- an answer that was given up before it began ---


def test_the_answer_to_a_turn_given_up_is_not_that_to_the_next() -> None:
    driver = given_up_and_next_turn()
    driver.content(inputTranscription={"text": "first", "finished": True})
    driver.audio(LATE)
    driver.interrupted()
    driver.audio(LATE)
    driver.completed()
    assert events(driver.outputs) == []
    driver.content(inputTranscription={"text": "second", "finished": True})
    assert transcripts(driver.outputs) == ["second"]
    assert heard(driver.audio(NEXT)) == NEXT
    assert not of(driver.outputs, ReplyInterrupted)


def test_nor_are_its_calls_told() -> None:
    driver = given_up_and_next_turn()
    driver.calls("c1")
    driver.says(toolCallCancellation={"ids": ["c1"]})
    driver.interrupted()
    driver.completed()
    assert events(driver.outputs) == []
    assert of(driver.calls("c2"), ToolCalled)


def test_of_several_turns_given_up_each_is_marked() -> None:
    driver = device_ends()
    for _ in range(3):
        driver.speaks()
        driver.command(AbandonTurn())
    driver.speaks()
    driver.outputs.clear()
    for _ in range(3):
        driver.audio(LATE)
        driver.interrupted()
        driver.completed()
    assert events(driver.outputs) == []
    assert heard(driver.audio(NEXT)) == NEXT


@pytest.mark.parametrize("give_up", [AbandonTurn(), ClearInput()])
def test_a_turn_given_up_in_its_middle_is_one_of_them(give_up: AbandonTurn | ClearInput) -> None:
    driver = device_ends()
    driver.command(SECOND)
    driver.command(give_up)
    driver.speaks()
    driver.outputs.clear()
    driver.content(inputTranscription={"text": "first"})
    driver.completed()
    assert events(driver.outputs) == []
    assert heard(driver.audio(NEXT)) == NEXT


def test_where_no_mark_comes_the_answer_is_late_and_whole() -> None:
    driver = given_up_and_next_turn()
    driver.content(inputTranscription={"text": "second", "finished": True})
    driver.audio(NEXT)
    driver.content(outputTranscription={"text": "Yes."})
    driver.generated()
    assert events(driver.outputs) == []
    outputs = driver.wait(DOUBT_S)
    assert transcripts(outputs) == ["second"]
    assert heard(outputs) == NEXT
    assert done(outputs) == [("reply_1", "completed")]


def test_what_is_held_is_dropped_when_that_turn_is_given_up_too() -> None:
    driver = given_up_and_next_turn()
    driver.audio(LATE)
    driver.command(AbandonTurn())
    assert driver.wait(DOUBT_S) == []
    driver.speaks()
    assert heard(driver.audio(NEXT)) == NEXT
    assert not [e for e in events(driver.outputs) if e == ReplyStarted("reply_2")]


# --- tools that the service called off ---


def called_off() -> Driver:
    driver = service_ends()
    driver.command(SECOND)
    driver.calls("c1")
    driver.says(toolCallCancellation={"ids": ["c1"]})
    driver.outputs.clear()
    return driver


def test_the_turn_whose_calls_were_called_off_ends_with_its_mark() -> None:
    driver = called_off()
    outputs = driver.completed()
    assert (started(outputs), done(outputs)) == (["reply_2"], [("reply_2", "completed")])
    driver.command(SECOND)
    assert taken(driver.audio(NEXT)) == 1


def test_or_with_the_interruption_that_called_them_off() -> None:
    driver = called_off()
    outputs = driver.interrupted()
    assert events(outputs)[1] == ReplyInterrupted("reply_2")
    assert done(outputs) == [("reply_2", "cancelled")]
    assert driver.completed() == []
    driver.command(SECOND)
    words = {"text": "and the date", "finished": True}
    assert taken(driver.content(inputTranscription=words)) == 1
    assert started(driver.audio(NEXT)) == ["reply_3"]


def test_but_the_service_may_go_on_without_them() -> None:
    driver = called_off()
    assert started(driver.audio(NEXT)) == ["reply_2"]


def test_calls_of_which_some_are_left_are_waited_for() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.calls("c1", "c2")
    driver.says(toolCallCancellation={"ids": ["c1"]})
    assert driver.completed() == []


# --- what is kept is bounded ---


@pytest.mark.parametrize("field", ["outputTranscription", "inputTranscription"])
def test_words_without_end_are_not_kept(field: str) -> None:
    driver = device_ends()
    driver.speaks()
    for _ in range(10):  # before the sound, and behind it
        driver.content(**{field: {"text": "x" * 10_000}})
    driver.audio()
    for _ in range(10):
        driver.content(**{field: {"text": "x" * 10_000}})
    kept = [e for e in events(driver.completed()) if getattr(e, "final", False)]
    assert [len(getattr(e, "text", "")) for e in kept] == [20_000]


def test_more_calls_than_any_answer_has_are_not_told() -> None:
    driver = device_ends()
    driver.speaks()
    outputs = [o for n in range(200) for o in driver.calls(f"c{n}")]
    assert len(of(outputs, ToolCalled)) == 64
    assert driver.command(AppendAudio(b"\0\0"))
