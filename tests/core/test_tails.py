"""The end of an uplink, which comes after it was decided what becomes of the turn."""

from __future__ import annotations

import pytest

from device.commands import AbandonTurn, ClearInput, CommitTurn, CutPlayback, StartUplink
from device.core.tails import Tail, Tails
from device.events import (
    ErrorKind,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ServiceTrouble,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    UplinkStopped,
    WakeDetected,
)
from tests.core.story import Story, kinds


def wakes(story: Story) -> list[object]:
    return list(story.happens(WakeDetected("hey_jarvis", 0.9, 200_000)))


def committed_by_the_device() -> Story:
    """It has told the ear to stop; the ear has not answered."""
    story = Story(service={"turn_detection": "device"}).listening()
    story.happens(SpeechStarted(17_000), SpeechEnded(30_000))
    story.passes(1.0)
    return story


# --- the service has taken the turn: what was sent behind it is taken back -------------


def test_after_a_reply_without_a_sound() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"), ReplyDone("r1", "completed"))
    assert story.happens(UplinkStopped(50_000)) == [ClearInput()]


def test_after_the_next_wake_word() -> None:
    story = Story().thinking()
    wakes(story)
    assert story.happens(UplinkStopped(50_000)) == [ClearInput()]


def test_after_a_press() -> None:
    story = Story().thinking()
    story.press()
    assert story.happens(UplinkStopped(50_000)) == [ClearInput()]


def test_once_however_often_the_ear_says_that_it_has_stopped() -> None:
    story = Story().thinking()
    assert story.happens(UplinkStopped(50_000)) == [ClearInput()]
    assert story.happens(UplinkStopped(50_000)) == []


# --- a turn that the device ended -----------------------------------------------------------


def test_its_end_is_sent_behind_its_last_sound() -> None:
    story = committed_by_the_device()
    assert story.happens(UplinkStopped(50_000)) == [CommitTurn()]


def test_given_up_before_the_ear_has_stopped_it_is_taken_back_not_committed() -> None:
    story = committed_by_the_device()
    assert AbandonTurn() in wakes(story)
    assert story.happens(UplinkStopped(50_000)) == [ClearInput()]


def test_given_up_with_the_link_in_the_same_moment_it_is_not_committed_to_the_next_session() -> (
    None
):
    story = Story(service={"turn_detection": "device"}, turn={"link_wait_s": 2.0})
    story.happens(WakeDetected("hey_jarvis", 0.9, 16_000))
    story.happens(SpeechStarted(17_000), SpeechEnded(30_000))
    story.now += 5.0  # the loop was held up: both deadlines have passed
    assert "CloseLink" in kinds(story.passes(0.1))
    assert CommitTurn() not in story.happens(UplinkStopped(50_000))


# --- a reply that has come and does not sound yet -----------------------------------------------


def complete_and_silent() -> Story:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 900.0))
    story.happens(ReplyDone("r1", "completed"))
    return story


def test_the_wake_word_cuts_a_reply_that_was_about_to_sound() -> None:
    commands = wakes(complete_and_silent())
    cut = commands.index(CutPlayback(StopReason.WAKE))
    assert cut < next(i for i, c in enumerate(commands) if isinstance(c, StartUplink))


def test_so_does_a_failure_of_the_service() -> None:
    story = complete_and_silent()
    commands = story.happens(ServiceTrouble(ErrorKind.QUOTA, "no money left"))
    assert CutPlayback(StopReason.ERROR) in commands


def test_a_reply_that_was_heard_is_not_cut() -> None:
    story = complete_and_silent()
    story.happens(PlaybackStopped("r1", "i1", StopReason.DONE, 900, story.now))
    assert not [c for c in wakes(story) if isinstance(c, CutPlayback)]


# --- the ledger itself ----------------------------------------------------------------


@pytest.mark.parametrize("tail", [Tail.KEPT, Tail.COMMITTED])
def test_what_is_given_up_is_taken_back(tail: Tail) -> None:
    tails = Tails()
    tails.expect(tail)
    tails.expect(Tail.DROPPED)
    tails.disown()
    assert [tails.ended() for _ in range(3)] == [Tail.TAKEN_BACK, Tail.DROPPED, None]
