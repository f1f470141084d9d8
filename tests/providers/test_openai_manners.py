"""What those that speak the protocol say in ways of their own, and how it is understood."""

from __future__ import annotations

import pytest

from device.commands import AppendAudio, CommitTurn, RequestReply
from device.events import (
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ServiceTrouble,
    UserTranscript,
)
from device.providers.base import SessionSpec
from device.providers.openai_dialects import (
    AZURE,
    COMPATIBLE,
    OFFLINE,
    OPENAI,
    VOICE_LIVE,
    XAI,
    Dialect,
)
from tests.providers.driver import URL, Driver, event_ids, events, frames, kinds, notes

ALL = (OPENAI, OFFLINE, AZURE, XAI, COMPATIBLE, VOICE_LIVE)
WORDS = "conversation.item.input_audio_transcription"


@pytest.mark.parametrize("dialect", ALL)
def test_a_turn_and_its_reply_on_every_service(dialect: Dialect) -> None:
    driver = Driver(SessionSpec(url=URL, device_ends_turn=True), dialect).ready()
    driver.command(AppendAudio(bytes(9600)))
    asked = driver.command(CommitTurn())
    assert kinds(asked) == ["input_audio_buffer.commit", "response.create"]
    driver.event("input_audio_buffer.committed", item_id="u1")
    name = event_ids(asked)[1] if dialect.names_requests else ""
    assert ReplyStarted("r1") in events(driver.created(request=name))
    assert events(driver.audio(b"\1\2")) == [ReplyAudio("r1", "i1", b"\1\2")]
    assert events(driver.done()) == [ReplyDone("r1", "completed")]


def test_a_server_that_is_told_no_names_is_asked_without() -> None:
    driver = Driver(dialect=COMPATIBLE).ready()
    assert frames(driver.command(RequestReply())) == [{"type": "response.create"}]
    driver.created("r1")
    assert frames(driver.done("r1")) == []
    assert frames(driver.command(RequestReply("say hello"))) == [
        {"type": "response.create", "response": {"instructions": "say hello"}}
    ]


def test_one_that_refuses_names_is_asked_again_without() -> None:
    driver = Driver(dialect=XAI).ready()
    (event_id,) = event_ids(driver.command(RequestReply("say hello")))
    error = {"code": "unknown_parameter", "message": "Unknown parameter: 'response.metadata'."}
    outputs = driver.event("error", error={**error, "event_id": event_id})
    assert not [e for e in events(outputs) if isinstance(e, ServiceTrouble)]
    assert frames(outputs) == [
        {"type": "response.create", "response": {"instructions": "say hello"}}
    ]
    assert events(driver.created("r1"))[0] == ReplyStarted("r1")


def test_the_conversation_is_the_first_that_xai_tells_of() -> None:
    driver = Driver(dialect=XAI)
    driver.connect()
    assert kinds(driver.event("conversation.created", conversation={"id": "c"})) == [
        "session.update"
    ]
    assert driver.event("session.created", session={"id": "s"}) == []
    assert events(driver.event("session.updated", session={})) == [LinkOpened("s")]


def test_transcripts_that_are_told_whole_each_time_become_additions() -> None:
    driver = Driver(dialect=XAI).ready()
    driver.outputs.clear()
    for words in ("what", "what time", "what time"):
        driver.event(f"{WORDS}.updated", item_id="u1", transcript=words)
    driver.event(f"{WORDS}.updated", item_id="u1", transcript="That was corrected")
    driver.event(f"{WORDS}.completed", item_id="u1", transcript="What time is it?")
    assert events(driver.outputs) == [
        UserTranscript("what", final=False, item_id="u1"),
        UserTranscript(" time", final=False, item_id="u1"),
        UserTranscript("What time is it?", final=True, item_id="u1"),
    ]


def test_words_of_a_reply_that_are_not_repeated_in_the_end_are_put_together() -> None:
    driver = Driver(dialect=XAI).ready()
    driver.created()
    for delta in ("hel", "lo"):
        driver.event(
            "response.output_audio_transcript.delta", response_id="r1", item_id="i1", delta=delta
        )
    done = driver.event("response.output_audio_transcript.done", response_id="r1", item_id="i1")
    assert events(done) == [ReplyTranscript("r1", "i1", "hello", final=True)]


@pytest.mark.parametrize("dialect", [XAI, COMPATIBLE])
def test_a_service_that_breaks_off_its_reply_says_that_it_heard_the_user(dialect: Dialect) -> None:
    driver = Driver(dialect=dialect).ready()
    driver.created()
    driver.audio(b"\1\2")
    heard = {"type": "cancelled", "reason": "turn_detected"}
    assert events(driver.done(status="cancelled", status_details=heard)) == [
        ReplyInterrupted("r1"),
        ReplyDone("r1", "cancelled", "turn_detected"),
    ]


def test_what_they_say_beside_is_ignored_or_noted() -> None:
    driver = Driver(dialect=XAI).ready()
    assert driver.event("ping", timestamp=1) == []
    warned = Driver(dialect=VOICE_LIVE).ready().event("warning", warning={"message": "slow"})
    assert notes(warned) == ["the service warns: slow"]
