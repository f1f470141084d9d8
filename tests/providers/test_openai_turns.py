"""OpenAI Realtime: what the device sends of a turn, and what the service says of it."""

from __future__ import annotations

import base64

from device.commands import (
    AppendAudio,
    ClearInput,
    CommitTurn,
    RequestReply,
)
from device.events import (
    ReplyDone,
    ReplyStarted,
    ServiceSpeechStarted,
    ServiceSpeechStopped,
    ServiceTrouble,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import SessionSpec
from device.providers.openai_frames import BYTES_PER_MS
from tests.providers.driver import URL, Driver, event_ids, events, frames, kinds, notes

AUDIO = AppendAudio(bytes(200 * BYTES_PER_MS))


def test_audio_is_appended() -> None:
    (frame,) = frames(Driver().ready().command(AppendAudio(b"\x01\x02")))
    assert frame == {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(b"\x01\x02").decode(),
    }
    assert Driver().ready().command(AppendAudio(b"")) == []


def test_the_device_commits_and_asks() -> None:
    driver = Driver(SessionSpec(url=URL, device_ends_turn=True)).ready()
    driver.command(AUDIO)
    assert kinds(driver.command(CommitTurn())) == ["input_audio_buffer.commit", "response.create"]
    assert driver.event("input_audio_buffer.committed", item_id="u1")[0].event == (  # type: ignore[union-attr]
        TurnCommitted("u1")
    )


def test_asking_waits_for_the_reply_under_way() -> None:
    driver = Driver(SessionSpec(url=URL, device_ends_turn=True)).ready()
    driver.command(RequestReply("hello"))
    driver.created("r1")
    driver.command(AUDIO)
    assert kinds(driver.command(CommitTurn())) == ["input_audio_buffer.commit"]
    assert kinds(driver.done("r1")) == ["response.create"]


def test_a_turn_too_short_for_the_service_is_not_sent() -> None:
    driver = Driver(SessionSpec(url=URL, device_ends_turn=True)).ready()
    driver.command(AppendAudio(bytes(99 * BYTES_PER_MS)))
    outputs = driver.command(CommitTurn())
    assert kinds(outputs) == ["input_audio_buffer.clear"]
    started, done = events(outputs)
    assert isinstance(started, ReplyStarted)
    words = "the turn was too short for the service"
    assert done == ReplyDone(started.reply_id, "failed", words)


EMPTY = {"code": "input_audio_buffer_commit_empty", "message": "buffer too small"}


def test_a_turn_that_the_service_refuses_gets_a_reply_that_failed_and_no_other() -> None:
    driver = Driver(SessionSpec(url=URL, device_ends_turn=True)).ready()
    driver.command(AUDIO)
    commit, create = event_ids(driver.command(CommitTurn()))
    started, done = events(driver.event("error", error={**EMPTY, "event_id": commit}))
    assert isinstance(started, ReplyStarted)
    assert isinstance(done, ReplyDone)
    assert (done.reply_id, done.status) == (started.reply_id, "failed")
    outputs = driver.created("r1", request=create)
    assert (events(outputs), kinds(outputs)) == ([], ["response.cancel"])
    driver.command(AUDIO)
    assert "response.create" in kinds([*driver.command(CommitTurn()), *driver.done("r1")])


def test_while_another_reply_is_under_way_a_refused_turn_is_a_trouble_and_no_reply() -> None:
    driver = Driver(SessionSpec(url=URL, device_ends_turn=True)).ready()
    driver.command(RequestReply("hello"))
    driver.created("r1")
    driver.command(AUDIO)
    (commit,) = event_ids(driver.command(CommitTurn()))
    (trouble,) = events(driver.event("error", error={**EMPTY, "event_id": commit}))
    assert isinstance(trouble, ServiceTrouble)
    assert kinds(driver.done("r1")) == []


def test_cleared_audio_does_not_count_as_a_turn() -> None:
    driver = Driver(SessionSpec(url=URL, device_ends_turn=True)).ready()
    driver.command(AUDIO)
    assert kinds(driver.command(ClearInput())) == ["input_audio_buffer.clear"]
    assert kinds(driver.command(CommitTurn())) == ["input_audio_buffer.clear"]


def test_the_services_verdicts_on_the_turn() -> None:
    driver = Driver().ready()
    driver.event("input_audio_buffer.speech_started", audio_start_ms=120, item_id="u1")
    driver.event("input_audio_buffer.speech_stopped", audio_end_ms=900, item_id="u1")
    driver.event("input_audio_buffer.committed", item_id="u1")
    prefix = "conversation.item.input_audio_transcription"
    driver.event(f"{prefix}.delta", item_id="u1", delta="what")
    driver.event(f"{prefix}.completed", item_id="u1", transcript="what time is it")
    assert events(driver.outputs)[1:] == [
        ServiceSpeechStarted(120),
        ServiceSpeechStopped(900),
        TurnCommitted("u1"),
        UserTranscript("what", final=False, item_id="u1"),
        UserTranscript("what time is it", final=True, item_id="u1"),
    ]
    assert "not transcribed" in notes(driver.event(f"{prefix}.failed", error={"message": "x"}))[0]
