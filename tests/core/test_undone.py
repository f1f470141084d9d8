"""What was done without the person hearing of it, and what is told when things work again."""

from __future__ import annotations

import pytest

from device.commands import Cue, OpenLink, PlayCue
from device.core.listening import OFFLINE_PAUSE_S
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    Part,
    PartDegraded,
    PartReady,
    PlaybackStarted,
    PlaybackStopped,
    PlaybackUnderrun,
    ReplyAudioReceived,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    ToolCalled,
    WakeDetected,
)
from tests.core.story import Story, set_timer

SET_TIMER = ToolCalled("r1", "c1", "set_timer", '{"seconds": 60}')


def timer_set() -> Story:
    """The service had the device set a timer; the reply that says so has not begun."""
    story = Story().thinking()
    story.happens(ReplyStarted("r1"), SET_TIMER)
    return story


def rings(story: Story) -> bool:
    story.passes(61.0)
    return bool(story.reports("timer_ringing"))


# --- a timer that nobody was told of ----------------------------------------------------


def test_a_timer_pressed_away_before_it_was_told_of_does_not_ring() -> None:
    story = timer_set()
    story.press()
    assert [t["reason"] for t in story.reports("timer_stopped")] == ["given up before it was told"]
    assert not rings(story)


def test_nor_does_one_whose_service_died_before_it_could_tell() -> None:
    story = timer_set()
    story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    assert not rings(story)


def test_a_timer_that_was_told_of_stands() -> None:
    story = timer_set()
    story.happens(ReplyStarted("r2"), ReplyAudioReceived("r2", "i2", 500.0))
    story.happens(PlaybackStarted("r2", story.now))
    story.happens(PlaybackStopped("r2", "i2", StopReason.BUTTON, 300, story.now))
    story.press()
    assert rings(story)


def test_earlier_timers_stand_when_a_later_one_is_pressed_away() -> None:
    story = Story()
    set_timer(story, 60)
    story.thinking().happens(ReplyStarted("r1"), SET_TIMER)
    story.press()
    story.passes(61.0)
    assert len(story.reports("timer_ringing")) == 1


# --- while the service is not reached ---------------------------------------------------


def test_a_second_remark_is_not_kept_as_though_it_would_be_answered() -> None:
    story = Story()
    story.happens(WakeDetected("hey_jarvis", 0.9, 16_000))
    story.happens(SpeechStarted(17_000), SpeechEnded(48_000))
    story.passes(OFFLINE_PAUSE_S)
    assert not story.core.conversation.uplink_open
    assert story.phase is Phase.THINKING  # the first waits for the link


def test_with_the_link_up_a_person_may_pause_for_longer() -> None:
    story = Story().listening()
    story.happens(SpeechStarted(17_000), SpeechEnded(48_000))
    story.passes(OFFLINE_PAUSE_S)
    assert story.core.conversation.uplink_open


# --- lights and cues tell of now --------------------------------------------------------


def test_the_error_light_goes_out_when_the_link_is_back() -> None:
    story = Story()
    story.happens(LinkFailed(ErrorKind.NETWORK, "no route", 1, story.now + 1))
    assert story.light == "error"
    story.happens(LinkOpened("s"))
    assert story.light == "idle"


def test_and_when_the_part_works_again() -> None:
    story = Story()
    story.happens(PartDegraded(Part.MICROPHONE, "no microphone", "unplugged", "plug it in"))
    assert story.light == "error"
    story.happens(PartReady(Part.MICROPHONE))
    assert story.light == "idle"


def test_mute_shows_at_once_whatever_went_wrong_before() -> None:
    story = Story()
    story.happens(LinkFailed(ErrorKind.NETWORK, "no route", 1, story.now + 1))
    story.press(held_s=story.settings.board.hold_ms / 1000 + 0.1)
    assert story.light == "muted"


@pytest.mark.parametrize("degraded", [True, False])
def test_a_reply_that_had_no_speaker_is_told_of_when_there_is_one(degraded: bool) -> None:
    story = Story()
    if degraded:
        story.happens(PartDegraded(Part.SPEAKER, "no speaker", "unplugged", "plug it in"))
    story.thinking().happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 500.0))
    story.happens(PlaybackStopped("r1", "i1", StopReason.ERROR, 0, story.now))
    commands = story.happens(PartReady(Part.SPEAKER))
    assert (PlayCue(Cue.ERROR) in commands) is degraded
    assert PlayCue(Cue.ERROR) not in story.happens(PartReady(Part.SPEAKER))


# --- a reply that stops in its middle ---------------------------------------------------


def test_a_reply_that_runs_dry_makes_sure_that_the_line_lives() -> None:
    story = Story().speaking()
    assert OpenLink() in story.happens(PlaybackUnderrun("r1", story.now))


def test_without_a_link_there_is_nothing_to_make_sure_of() -> None:
    story = Story().speaking()
    story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    assert OpenLink() not in story.happens(PlaybackUnderrun("r1", story.now))


def test_what_was_played_of_a_reply_that_the_network_broke_off_is_no_whole_reply() -> None:
    story = Story().speaking()
    story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    story.happens(PlaybackStopped("r1", "i1", StopReason.DONE, 900, story.now))
    assert [s["reason"] for s in story.reports("playback_stopped")] == ["error"]
