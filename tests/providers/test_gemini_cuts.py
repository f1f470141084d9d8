"""Gemini Live: replies that are cut, and turns that are given up."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
)
from device.events import (
    ReplyInterrupted,
)
from device.providers.gemini_doubt import DOUBT_S
from tests.providers.driver import events, frames
from tests.providers.gemini_driver import (
    END,
    SECOND,
    START,
    Driver,
    device_ends,
    done,
    heard,
    marks,
    of,
    service_ends,
    started,
    transcripts,
)

LATE = b"\x63\x00" * 10  #: audio that nobody may hear
NEXT = b"\x07\x00" * 10


# --- a reply that is cut ---


@pytest.mark.parametrize("ends", [device_ends, service_ends])
def test_audio_of_a_cut_reply_is_never_heard(ends: Callable[[], Driver]) -> None:
    driver = ends()
    driver.command(SECOND)
    driver.command(CommitTurn())
    reply = driver.is_answered()
    assert done(driver.command(CancelReply(reply))) == [(reply, "cancelled")]
    driver.outputs.clear()
    driver.audio(LATE)
    driver.content(outputTranscription={"text": "late"})
    driver.calls("c1")
    driver.audio(LATE)
    driver.command(SECOND)
    driver.audio(LATE)
    driver.interrupted()
    driver.audio(LATE)
    driver.completed()
    assert events(driver.outputs) == []
    assert driver.command(CancelReply(reply)) == []


def test_where_the_device_ends_turns_a_cut_stops_the_service_at_once() -> None:
    driver = device_ends()
    driver.speaks()
    reply = driver.is_answered()
    assert frames(driver.command(CancelReply(reply))) == [START]
    driver.interrupted()
    driver.completed()
    assert marks(driver.command(SECOND)) == ["audio"]  # the activity is open already
    assert frames(driver.command(CommitTurn())) == [END]


def test_where_the_service_ends_them_there_is_nothing_that_stops_it() -> None:
    driver = service_ends()
    driver.command(SECOND)
    assert frames(driver.command(CancelReply(driver.is_answered()))) == []


@pytest.mark.parametrize("ends", [device_ends, service_ends])
@pytest.mark.parametrize(
    "marks_of_the_cut",
    [
        ["interrupted", "turnComplete"],
        ["generationComplete", "turnComplete"],
        ["generationComplete", "interrupted", "turnComplete"],
        ["turnComplete"],
        ["generationComplete"],
    ],
)
def test_the_first_sound_of_the_reply_after_a_cut_is_heard(
    ends: Callable[[], Driver], marks_of_the_cut: list[str]
) -> None:
    driver = ends()
    driver.command(SECOND)
    driver.command(CommitTurn())
    driver.command(CancelReply(driver.is_answered()))
    driver.audio(LATE)
    driver.command(SECOND)
    for mark in marks_of_the_cut:
        driver.content(**{mark: True})
    driver.command(CommitTurn())
    driver.outputs.clear()
    driver.audio(NEXT)
    assert heard(driver.outputs) == NEXT
    assert started(driver.outputs) == ["reply_2"]


def test_a_mark_that_comes_only_after_the_next_turn_separates_them_all_the_same() -> None:
    driver = device_ends()
    driver.speaks()
    driver.command(CancelReply(driver.is_answered()))
    driver.speaks()
    driver.outputs.clear()
    driver.audio(LATE)
    driver.interrupted()
    driver.completed()
    driver.audio(NEXT)
    assert heard(driver.outputs) == NEXT


def test_speaking_over_a_reply_that_nobody_cancelled_ends_it() -> None:
    driver = device_ends()
    driver.speaks()
    reply = driver.is_answered()
    outputs = driver.command(SECOND)
    assert marks(outputs) == ["activityStart", "audio"]
    assert done(outputs) == [(reply, "cancelled")]
    assert of(driver.interrupted(), ReplyInterrupted) == []


# --- a turn that is given up ---


def test_a_turn_given_up_in_its_middle_is_ended_and_broken_off() -> None:
    driver = device_ends()
    driver.command(SECOND)
    assert frames(driver.command(AbandonTurn())) == [END, START]
    assert driver.command(AbandonTurn()) == []


def test_a_committed_turn_that_is_given_up_is_broken_off() -> None:
    driver = device_ends()
    driver.speaks()
    assert frames(driver.command(AbandonTurn())) == [START]


def test_giving_up_nothing_sends_nothing() -> None:
    driver = device_ends()
    assert driver.command(AbandonTurn()) == []
    assert driver.command(ClearInput()) == []


@pytest.mark.parametrize("committed", [True, False])
@pytest.mark.parametrize("ends", [device_ends, service_ends])
def test_no_answer_to_a_turn_that_was_given_up_is_heard(
    ends: Callable[[], Driver], committed: bool
) -> None:
    driver = ends()
    driver.command(SECOND)
    if committed:
        driver.command(CommitTurn())
        driver.content(inputTranscription={"text": "x", "finished": True})
    driver.command(AbandonTurn())
    driver.command(ClearInput())
    driver.outputs.clear()
    driver.content(inputTranscription={"text": "x", "finished": True})
    driver.audio(LATE)
    driver.content(outputTranscription={"text": "late"})
    driver.command(AppendAudio(bytes(3200)))
    driver.audio(LATE)
    driver.content(interrupted=True)
    driver.audio(LATE)
    driver.completed()
    assert events(driver.outputs) == []


@pytest.mark.parametrize("answer_begins", [True, False])
@pytest.mark.parametrize("ends", [device_ends, service_ends])
def test_the_answer_to_the_turn_after_it_is_heard_from_its_first_sound(
    ends: Callable[[], Driver], answer_begins: bool
) -> None:
    """Whether or not the service says anything of the one given up."""
    driver = ends()
    driver.command(SECOND)
    driver.command(AbandonTurn())
    if answer_begins:
        driver.audio(LATE)
        driver.interrupted()
        driver.completed()
    driver.command(SECOND)
    driver.now += DOUBT_S
    driver.command(CommitTurn())
    driver.outputs.clear()
    driver.audio(NEXT)
    assert heard(driver.outputs) == NEXT


def test_a_turn_given_up_is_not_part_of_the_next_transcript() -> None:
    driver = device_ends()
    driver.command(SECOND)
    driver.content(inputTranscription={"text": "never "})
    driver.command(AbandonTurn())
    driver.content(inputTranscription={"text": "mind"})
    assert transcripts(driver.speaks()) == []
    driver.now += DOUBT_S
    driver.content(inputTranscription={"text": "hello"})
    driver.audio()
    assert transcripts(driver.generated()) == ["hello"]


def test_an_end_that_is_told_late_is_not_taken_for_that_of_the_next_turn() -> None:
    driver = device_ends()
    driver.speaks()
    driver.command(AbandonTurn())
    driver.speaks()
    assert driver.completed() == []
    assert heard(driver.audio(NEXT)) == NEXT


def test_what_the_service_makes_of_the_tail_of_a_turn_is_not_heard() -> None:
    """It took the turn; what came behind that was taken back, and it answers that as well."""
    driver = service_ends()
    driver.command(SECOND)
    driver.is_answered()
    driver.command(SECOND)
    driver.command(ClearInput())
    driver.generated()
    driver.completed()
    driver.outputs.clear()
    driver.content(inputTranscription={"text": "tail", "finished": True})
    driver.audio(LATE)
    driver.generated()
    driver.completed()
    assert events(driver.outputs) == []


def test_a_transcript_that_comes_late_is_told_with_the_end_of_the_turn() -> None:
    driver = device_ends()
    driver.speaks()
    driver.is_answered()
    driver.generated()
    driver.content(inputTranscription={"text": "what time?"})
    assert transcripts(driver.completed()) == ["what time?"]


def test_or_with_the_beginning_of_the_next() -> None:
    driver = device_ends()
    driver.speaks()
    driver.is_answered()
    driver.generated()
    driver.content(inputTranscription={"text": "what time?"})
    assert transcripts(driver.command(SECOND)) == ["what time?"]
