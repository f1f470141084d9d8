"""The link is lost: before the service took the turn, after that, and within the reply."""

from __future__ import annotations

import pytest

from device.commands import (
    AbandonTurn,
    CancelReply,
    ClearInput,
    Cue,
    CutPlayback,
    FinishReply,
    OpenLink,
    PlayCue,
    SpeakPhrase,
)
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkOpened,
    PlaybackStarted,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    TurnCommitted,
    UplinkStopped,
)
from tests.core.story import Story, kinds, sends_from


@pytest.mark.parametrize("kind", [ErrorKind.NETWORK, ErrorKind.SERVICE])
def test_the_link_lost_before_the_service_took_the_turn_costs_no_word(kind: ErrorKind) -> None:
    story = Story().listening()
    story.happens(SpeechStarted(17000), SpeechEnded(40000))
    story.passes(2.5)
    commands = story.happens(LinkClosed("silent", kind))
    assert kinds(commands) == ["OpenLink"]
    assert story.phase is Phase.LISTENING
    assert PlayCue(Cue.WAITING) in story.passes(1.6)
    assert PlayCue(Cue.GAVE_UP) not in story.passes(8.0)
    story.happens(LinkOpened("s2"), TurnCommitted("u"))
    assert story.phase is Phase.THINKING


def test_a_link_lost_in_the_turn_that_does_not_come_back_is_told() -> None:
    story = Story().listening()
    story.happens(SpeechStarted(17000), SpeechEnded(40000))
    story.happens(LinkClosed("silent", ErrorKind.NETWORK))
    assert PlayCue(Cue.ERROR) not in story.passes(14.9)
    assert PlayCue(Cue.ERROR) in story.passes(0.2)
    assert story.phase is Phase.IDLE


def test_a_service_that_dies_of_a_turn_does_not_get_it_a_third_time() -> None:
    story = Story().listening()
    story.happens(LinkClosed("gone", ErrorKind.SERVICE), LinkOpened("s2"))
    commands = story.happens(LinkClosed("gone", ErrorKind.SERVICE))
    assert PlayCue(Cue.ERROR) in commands
    assert AbandonTurn() in commands
    assert story.phase is Phase.IDLE


def test_a_link_lost_for_a_reason_that_stays_is_told_at_once() -> None:
    story = Story().listening()
    commands = story.happens(LinkClosed("key", ErrorKind.KEY))
    assert PlayCue(Cue.ERROR) in commands
    assert OpenLink() not in commands


def test_a_link_that_we_close_while_a_turn_begins_is_waited_for() -> None:
    story = Story().listening()
    assert OpenLink() in story.happens(LinkClosed("idle"), TurnCommitted("u"))
    assert PlayCue(Cue.ERROR) in story.passes(15.1)
    assert story.phase is Phase.IDLE


def test_a_turn_that_the_device_ended_is_kept_when_its_commit_is_not_answered() -> None:
    story = Story(service={"turn_detection": "device"}).listening()
    story.happens(SpeechStarted(17000), SpeechEnded(30000))
    story.passes(1.0)
    story.happens(UplinkStopped(40000))
    assert kinds(story.happens(LinkClosed("silent", ErrorKind.NETWORK))) == ["OpenLink"]
    assert story.phase is Phase.THINKING
    story.happens(LinkOpened("s2"), TurnCommitted("u"))
    assert PlayCue(Cue.ERROR) in story.happens(LinkClosed("gone", ErrorKind.NETWORK))


def test_a_turn_that_goes_down_with_its_session_is_said_again_by_the_device_once() -> None:
    story = Story().thinking()
    commands = story.happens(LinkClosed("gone", ErrorKind.SERVICE))
    assert PlayCue(Cue.ERROR) not in commands
    assert sends_from(commands) == 16_000, "where the turn began"
    assert story.phase is Phase.LISTENING
    story.happens(LinkOpened("s2"), TurnCommitted("u2"))
    assert PlayCue(Cue.ERROR) in story.happens(LinkClosed("gone", ErrorKind.SERVICE))


def test_who_spoke_for_longer_than_the_ear_remembers_is_asked_to_say_it_again() -> None:
    story = Story(phrases={"say_again": "Please say that again."}).listening()
    story.happens(SpeechStarted(17_000))
    story.passes(9.5)
    story.happens(ServiceSpeechStarted(), TurnCommitted("u"))
    commands = story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    assert [c.text for c in commands if isinstance(c, SpeakPhrase)] == ["Please say that again."]
    assert commands.index(AbandonTurn()) < commands.index(OpenLink())
    # The ear had been told to stop; what it sent meanwhile is not kept for the next session.
    assert ClearInput() in story.happens(UplinkStopped(50_000))


# --- within the reply ------------------------------------------------------------------------


def test_the_link_lost_mid_reply_plays_what_came_and_then_says_so() -> None:
    story = Story().speaking()
    commands = story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    assert "FinishReply" in kinds(commands)
    assert CutPlayback not in {type(c) for c in commands}
    assert PlayCue(Cue.ERROR) in story.playback_stops(StopReason.DONE, 2000)
    assert story.phase is Phase.IDLE


def test_the_link_lost_after_the_reply_was_complete_disturbs_nobody() -> None:
    story = Story().speaking()
    story.happens(ReplyDone("r1", "completed"), LinkClosed("gone", ErrorKind.NETWORK))
    assert PlayCue(Cue.ERROR) not in story.playback_stops(StopReason.DONE, 2000)


@pytest.mark.parametrize("kind", [ErrorKind.NETWORK, ErrorKind.SERVICE, ErrorKind.QUOTA])
def test_a_reply_that_breaks_off_is_an_error_at_once(kind: ErrorKind) -> None:
    story = Story().speaking()
    story.happens(LinkClosed("going away", kind))
    assert [(e["kind"], e["detail"]) for e in story.reports("error")] == [(kind, "going away")]
    assert story.light == "error"


def test_what_has_arrived_is_played_though_nothing_was_audible_yet() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 500.0))
    commands = story.happens(LinkClosed("going away", ErrorKind.SERVICE))
    assert FinishReply("r1") in commands
    assert not {"CutPlayback", "PlayCue"} & set(kinds(commands))
    assert len(story.reports("error")) == 1
    story.happens(PlaybackStarted("r1", story.now))
    assert story.phase is Phase.SPEAKING
    commands = story.playback_stops(StopReason.DONE, 500)
    assert PlayCue(Cue.ERROR) in commands
    assert CancelReply("r1") not in commands
    assert story.phase is Phase.IDLE


def test_a_reply_that_has_come_whole_is_no_error_when_the_service_goes() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 500.0))
    story.happens(ReplyDone("r1", "completed"), LinkClosed("bye", ErrorKind.SERVICE))
    assert story.reports("error") == []
    story.happens(PlaybackStarted("r1", story.now))
    assert PlayCue(Cue.ERROR) not in story.playback_stops(StopReason.DONE, 500)
