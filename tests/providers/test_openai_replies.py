"""Replies: received whole, called off for good, truncated honestly, tools once each."""

from __future__ import annotations

import pytest

from device.commands import (
    CancelReply,
    TruncateReply,
)
from device.events import (
    ErrorKind,
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ServiceTrouble,
    UsageReported,
)
from device.providers.base import SessionSpec
from device.providers.openai_frames import BYTES_PER_MS
from tests.providers.driver import URL, Driver, event_ids, events, frames, kinds, notes

SECOND = bytes(1000 * BYTES_PER_MS)


def test_a_spoken_reply() -> None:
    driver = Driver().ready()
    driver.outputs.clear()
    driver.created()
    driver.event(
        "response.output_audio_transcript.delta", response_id="r1", item_id="i1", delta="hel"
    )
    driver.audio(b"\x01\x02\x03\x04")
    driver.event("response.output_audio.done", response_id="r1", item_id="i1")
    driver.event(
        "response.output_audio_transcript.done", response_id="r1", item_id="i1", transcript="hello"
    )
    driver.done(usage={"total_tokens": 9, "output_token_details": {"audio_tokens": 4}})
    assert events(driver.outputs) == [
        ReplyStarted("r1"),
        ReplyTranscript("r1", "i1", "hel", final=False),
        ReplyAudio("r1", "i1", b"\x01\x02\x03\x04"),
        ReplyTranscript("r1", "i1", "hello", final=True),
        UsageReported(audio_out=4),
        ReplyDone(
            "r1",
            "completed",
            usage={"total_tokens": 9.0, "output_token_details.audio_tokens": 4.0},
        ),
    ]


def test_retired_event_names_make_the_same_reply() -> None:
    driver = Driver().ready()
    driver.created()
    (event,) = events(
        driver.event("response.audio.delta", response_id="r1", item_id="i1", delta="AQI=")
    )
    assert event == ReplyAudio("r1", "i1", b"\x01\x02")
    (event,) = events(
        driver.event("response.audio_transcript.done", response_id="r1", transcript="x")
    )
    assert isinstance(event, ReplyTranscript)
    (event,) = events(driver.event("response.text.delta", response_id="r1", delta="y"))
    assert isinstance(event, ReplyTranscript)


def test_a_reply_whose_beginning_was_lost_begins_with_its_first_event() -> None:
    driver = Driver().ready()
    assert events(driver.audio(b"\x01\x02")) == [
        ReplyStarted("r1"),
        ReplyAudio("r1", "i1", b"\x01\x02"),
    ]
    assert driver.created() == []
    driver.done()
    assert driver.audio(b"\x01\x02") == []  # late
    assert driver.done() == []  # twice


def test_events_without_ids_belong_to_the_reply_under_way() -> None:
    driver = Driver().ready()
    driver.created("r7")
    (event,) = events(driver.event("response.output_audio.delta", delta="AQI="))
    assert isinstance(event, ReplyAudio)
    assert event.reply_id == "r7"
    assert driver.command(TruncateReply(event.item_id, 0)) != []
    assert frames(driver.command(TruncateReply(event.item_id, 0))) == []  # no id to name
    assert events(driver.event("response.done", response={}))[0] == ReplyDone("r7", "completed")
    assert "ignored" in notes(driver.event("response.done"))[0]


# --- odd-length audio -----------------------------------------------------------------


def test_half_a_sample_waits_for_its_other_half() -> None:
    driver = Driver().ready()
    driver.created()
    assert events(driver.audio(b"\x01\x02\x03")) == [ReplyAudio("r1", "i1", b"\x01\x02")]
    assert driver.audio(b"\xaa\xbb\xcc\xdd", item_id="i2") != []  # another item, not mixed
    assert events(driver.audio(b"\x04")) == [ReplyAudio("r1", "i1", b"\x03\x04")]
    assert len(events(driver.done())) == 1


def test_half_a_sample_at_the_end_is_reported_once() -> None:
    driver = Driver().ready()
    driver.created()
    assert driver.audio(b"\x01") == []
    (trouble,) = events(driver.event("response.output_audio.done", response_id="r1", item_id="i1"))
    assert isinstance(trouble, ServiceTrouble)
    assert trouble.kind is ErrorKind.PROTOCOL
    assert len(events(driver.done())) == 1


# --- cancel ---------------------------------------------------------------------------


def test_nothing_of_a_cancelled_reply_is_emitted_but_its_end() -> None:
    driver = Driver().ready()
    driver.created()
    driver.audio(SECOND)
    assert frames(driver.command(CancelReply("r1"))) == [
        {"type": "response.cancel", "response_id": "r1"}
    ]
    assert driver.command(CancelReply("r1")) == []
    driver.outputs.clear()
    driver.audio(b"\x01\x02\x03")
    driver.event("response.output_text.delta", response_id="r1", delta="x")
    driver.call("c1")
    driver.event("response.output_audio.done", response_id="r1", item_id="i1")
    driver.done(status="cancelled", status_details={"reason": "client_cancelled"})
    assert events(driver.outputs) == [ReplyDone("r1", "cancelled", "client_cancelled")]


def test_cancelled_by_the_service_itself() -> None:
    driver = Driver().ready()
    driver.created()
    details = {"type": "cancelled", "reason": "turn_detected"}
    interrupted, done = events(driver.done(status="cancelled", status_details=details))
    assert interrupted == ReplyInterrupted("r1")
    assert done == ReplyDone("r1", "cancelled", "turn_detected")


def test_cancelling_what_is_over_sends_nothing() -> None:
    driver = Driver().ready()
    driver.created()
    driver.done()
    assert driver.command(CancelReply("r1")) == []


def test_a_cancel_that_crossed_the_beginning_is_sent_then() -> None:
    driver = Driver().ready()
    assert driver.command(CancelReply("r1")) == []
    assert kinds(driver.created("r1")) == ["response.cancel"]
    assert driver.audio(SECOND) == []


# --- truncate ---------------------------------------------------------------------------


@pytest.mark.parametrize(("heard_ms", "sent_ms"), [(400, 400), (0, 0), (-5, 0), (5000, 1000)])
def test_truncated_to_what_was_heard_but_never_beyond_what_came(
    heard_ms: int, sent_ms: int
) -> None:
    driver = Driver().ready()
    driver.created()
    driver.audio(SECOND)
    driver.command(CancelReply("r1"))
    assert frames(driver.command(TruncateReply("i1", heard_ms))) == [
        {
            "type": "conversation.item.truncate",
            "item_id": "i1",
            "content_index": 0,
            "audio_end_ms": sent_ms,
        }
    ]


def test_received_time_is_rounded_down_and_counts_from_the_first_delta() -> None:
    driver = Driver().ready()
    driver.created()
    driver.audio(bytes(100 * BYTES_PER_MS + BYTES_PER_MS - 2))
    driver.audio(bytes(50 * BYTES_PER_MS))
    driver.audio(SECOND, item_id="i2")
    (frame,) = frames(driver.command(TruncateReply("i1", 10_000)))
    assert frame["audio_end_ms"] == 150


def test_a_second_truncation_never_lengthens() -> None:
    driver = Driver().ready()
    driver.created()
    driver.audio(SECOND)
    driver.command(TruncateReply("i1", 300))
    (frame,) = frames(driver.command(TruncateReply("i1", 700)))
    assert frame["audio_end_ms"] == 300


def test_a_reply_heard_to_the_end_keeps_its_text() -> None:
    driver = Driver().ready()
    driver.created()
    driver.audio(SECOND)
    driver.done()
    assert driver.command(TruncateReply("i1", 1000)) == []
    assert kinds(driver.command(TruncateReply("i1", 999))) == ["conversation.item.truncate"]


def test_the_content_index_of_the_audio_is_named() -> None:
    driver = Driver().ready()
    driver.event(
        "response.output_audio.delta",
        response_id="r1",
        item_id="i1",
        content_index=2,
        delta="AQIDBA==",
    )
    assert frames(driver.command(TruncateReply("i1", 0)))[0]["content_index"] == 2


def test_an_unknown_item_is_not_truncated() -> None:
    assert frames(Driver().ready().command(TruncateReply("i9", 10))) == []


def test_a_refused_truncation_is_only_noted() -> None:
    driver = Driver().ready()
    driver.created()
    driver.audio(SECOND)
    (event_id,) = event_ids(driver.command(TruncateReply("i1", 10)))
    outputs = driver.event("error", error={"event_id": event_id, "message": "too long"})
    assert events(outputs) == []
    assert "too long" in notes(outputs)[0]


# --- failing ------------------------------------------------------------------------


def test_a_failed_reply_says_why() -> None:
    driver = Driver().ready()
    driver.created()
    error = {"type": "rate_limit_exceeded", "code": "rate_limit_exceeded", "message": "later"}
    assert events(driver.done(status="failed", status_details={"error": error})) == [
        ServiceTrouble(ErrorKind.QUOTA, "later [rate_limit_exceeded]"),
        ReplyDone("r1", "failed", "later [rate_limit_exceeded]"),
    ]


@pytest.mark.parametrize(
    ("status", "expected"),
    [("incomplete", "incomplete"), ("", "completed"), ("odd", "completed")],
)
def test_statuses(status: str, expected: str) -> None:
    driver = Driver().ready()
    driver.created()
    (done,) = events(driver.done(status=status))
    assert isinstance(done, ReplyDone)
    assert done.status == expected


def test_a_reply_that_falls_silent_is_given_up() -> None:
    driver = Driver(SessionSpec(url=URL, reply_timeout_s=15)).ready()
    driver.created()
    driver.now += 14
    driver.audio(SECOND)
    assert driver.wait(14) == []
    driver.event("rate_limits.updated")  # no sign of this reply
    outputs = driver.wait(1)
    assert kinds(outputs) == ["response.cancel"]
    assert [type(e) for e in events(outputs)] == [ServiceTrouble, ReplyDone]
    assert driver.audio(SECOND) == []
    assert driver.done() == []
