"""What is given up is given up whole: the turn, and every reply that was to come of it."""

from __future__ import annotations

import pytest

from device.commands import AbandonTurn, CancelReply, Command, Cue, PlayCue
from device.core.linking import WAITING_AGAIN_S
from device.events import (
    LineDrained,
    PlaybackStopped,
    ReplyDone,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    ToolCalled,
    TurnCommitted,
    WakeDetected,
)
from tests.core.story import Story


def asked_by_tool() -> Story:
    """A reply sounds, in which a tool was called: another one is to follow it."""
    story = Story().speaking()
    story.happens(ToolCalled("r1", "c1", "get_time", "{}"))
    return story


def test_a_press_before_the_reply_begins_calls_it_off() -> None:
    story = Story().thinking()
    assert AbandonTurn() in story.press()


def test_the_wake_word_before_the_reply_begins_calls_it_off() -> None:
    story = Story().thinking()
    commands = story.happens(WakeDetected("hey_jarvis", 0.9, 200_000))
    assert AbandonTurn() in commands


def test_a_cut_in_a_reply_calls_off_the_one_that_was_to_follow() -> None:
    story = asked_by_tool()
    commands = story.happens(PlaybackStopped("r1", "i1", StopReason.BUTTON, 300, story.now))
    assert commands.index(AbandonTurn()) < commands.index(CancelReply("r1"))


def test_a_cut_in_the_last_reply_calls_off_nothing_else() -> None:
    story = Story().speaking()
    commands = story.happens(PlaybackStopped("r1", "i1", StopReason.BUTTON, 300, story.now))
    assert AbandonTurn() not in commands
    assert CancelReply("r1") in commands


@pytest.mark.parametrize("status", ["completed", "incomplete"])
def test_nothing_is_called_off_when_all_was_heard(status: str) -> None:
    story = Story().speaking()
    story.happens(ReplyDone("r1", status))
    said = story.happens(PlaybackStopped("r1", "i1", StopReason.DONE, 2000, story.now))
    assert AbandonTurn() not in said


# --- nobody is left in silence -----------------------------------------------------------


def cues(commands: list[Command]) -> list[Cue]:
    return [c.cue for c in commands if isinstance(c, PlayCue)]


def awaiting_a_verdict() -> Story:
    """Speech was sent over a line that is open, and slow: nothing came back for a while."""
    story = Story().listening()
    story.happens(SpeechStarted(17_000), SpeechEnded(30_000))
    story.passes(story.settings.turn.no_speech_s)
    return story


def test_a_verdict_that_is_long_in_coming_is_waited_for_with_a_cue() -> None:
    story = awaiting_a_verdict()
    waiting_s = story.settings.turn.waiting_cue_s
    assert cues(story.passes(waiting_s - 0.1)) == []
    assert cues(story.passes(0.2)) == [Cue.WAITING]
    assert cues(story.passes(WAITING_AGAIN_S)) == [Cue.WAITING]
    story.happens(ServiceSpeechStarted(), TurnCommitted("u1"))
    assert Cue.WAITING not in cues(story.passes(WAITING_AGAIN_S))


def test_a_verdict_that_comes_at_once_is_waited_for_in_silence() -> None:
    story = awaiting_a_verdict()
    story.happens(LineDrained(1))
    assert Cue.WAITING not in cues(story.passes(20.0))
