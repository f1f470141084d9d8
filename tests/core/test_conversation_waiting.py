"""Somebody speaks while the link is down: the turn waits for it, and not for ever."""

from __future__ import annotations

import pytest

from device.commands import (
    AbandonTurn,
    ClearInput,
    CloseLink,
    CommitTurn,
    Cue,
    DrainLine,
    OpenLink,
    PlayCue,
    StopUplink,
)
from device.core.listening import OFFLINE_PAUSE_S
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LineDrained,
    LinkFailed,
    LinkOpened,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
    TurnCommitted,
    UplinkStopped,
)
from tests.core.story import Story, kinds, wake


def test_a_slow_link_gives_a_cue_and_then_gives_up_but_keeps_trying() -> None:
    story = Story()
    story.happens(wake(), SpeechStarted(17000), SpeechEnded(20000))
    assert PlayCue(Cue.WAITING) in story.passes(1.6)
    story.happens(SpeechStarted(42000))
    assert "PlayCue" not in kinds(story.passes(13.0))
    commands = story.passes(0.5)
    assert PlayCue(Cue.ERROR) in commands
    assert [c for c in commands if isinstance(c, CloseLink | OpenLink)] == [
        CloseLink("gave_up"),
        OpenLink(),
    ]
    assert story.phase is Phase.IDLE


def spoke_while_the_link_was_down() -> Story:
    """Between 0.5 s and 1.5 s after the wake word; it is 1.5 s."""
    story = Story(phrases={"not_understood": ""})
    story.happens(wake())
    story.passes(0.5)
    story.happens(SpeechStarted(24000))
    story.passes(1.0)
    story.happens(SpeechEnded(40000))
    return story


def test_who_spoke_while_the_link_was_down_is_answered_when_it_comes_up() -> None:
    story = spoke_while_the_link_was_down()
    quiet = {PlayCue(Cue.GAVE_UP), PlayCue(Cue.ERROR)}
    assert not quiet & {c for c in story.passes(13.4) if isinstance(c, PlayCue)}
    assert not story.core.conversation.uplink_open
    story.happens(LinkOpened("s"))
    assert story.reports("turn") == []
    assert ClearInput() in story.happens(TurnCommitted("u"))
    assert story.phase is Phase.THINKING
    story.happens(ReplyStarted("r1"))
    assert story.core.wants_reply("r1")


def test_who_waits_for_the_link_is_not_left_in_silence() -> None:
    story = spoke_while_the_link_was_down()
    commands = story.passes(OFFLINE_PAUSE_S - 0.1)
    assert story.light == "listening_offline"
    commands += story.passes(13.5 - OFFLINE_PAUSE_S)
    assert commands.count(PlayCue(Cue.WAITING)) == 4
    assert story.light == "offline"


def test_a_short_limit_on_speech_does_not_end_the_wait_for_the_link() -> None:
    story = Story(turn={"longest_s": 5.0})
    story.happens(wake(), SpeechStarted(17000))
    assert PlayCue(Cue.GAVE_UP) not in story.passes(14.0)
    story.happens(LinkOpened("s"))
    assert PlayCue(Cue.GAVE_UP) in story.passes(5.1)


def test_who_spoke_while_the_link_was_down_is_told_of_the_link_when_it_stays_down() -> None:
    story = spoke_while_the_link_was_down()
    commands = story.passes(30.0)
    assert PlayCue(Cue.ERROR) in commands
    assert PlayCue(Cue.GAVE_UP) not in commands
    assert story.reports("uplink_stopped")[-1]["reason"] == "long_pause"
    assert CloseLink("gave_up") in commands


def test_a_network_that_says_nothing_at_all_is_told_when_we_give_up() -> None:
    """No attempt has failed yet: it is the silence that is the trouble."""
    story = spoke_while_the_link_was_down()
    story.passes(14.0)
    [error] = story.reports("error")
    assert error["kind"] == "network"
    assert error["detail"] == "no connection within 15 s"
    assert story.light == "error"
    story.passes(4.0)
    assert story.light == "offline"
    assert story.core.named_states == ("the service cannot be reached",)
    story.happens(LinkOpened("s"))
    assert story.light == "idle"


def test_what_the_failed_attempts_have_told_is_not_told_again() -> None:
    story = spoke_while_the_link_was_down()
    story.happens(LinkFailed(ErrorKind.NETWORK, "refused"))
    assert PlayCue(Cue.ERROR) in story.passes(14.0)
    assert [e["detail"] for e in story.reports("error")] == ["refused"]


def test_the_service_has_its_time_to_hear_from_when_the_link_is_up() -> None:
    story = spoke_while_the_link_was_down()
    story.passes(6.0)
    assert DrainLine(1) in story.happens(LinkOpened("s"))
    assert PlayCue(Cue.GAVE_UP) not in story.passes(2.0)
    story.happens(LineDrained(1))
    assert PlayCue(Cue.GAVE_UP) not in story.passes(story.settings.turn.no_speech_s - 0.1)
    assert PlayCue(Cue.GAVE_UP) in story.passes(0.2)


def test_who_is_speaking_when_the_link_comes_up_is_not_given_up() -> None:
    story = spoke_while_the_link_was_down()
    story.passes(1.0)
    story.happens(SpeechStarted(56000), LinkOpened("s"))
    assert PlayCue(Cue.GAVE_UP) not in story.passes(10.0)
    story.happens(SpeechEnded(216000))
    assert DrainLine(1) in story.passes(story.settings.turn.no_speech_s + 0.1)


def test_when_nobody_speaks_the_link_is_not_waited_for() -> None:
    story = Story()
    story.happens(wake())
    assert PlayCue(Cue.GAVE_UP) in story.passes(story.settings.turn.no_speech_s + 0.1)
    assert story.phase is Phase.IDLE


@pytest.mark.parametrize("kind", [ErrorKind.KEY, ErrorKind.QUOTA, ErrorKind.CERTIFICATE])
def test_a_hopeless_failure_is_told_at_once(kind: ErrorKind) -> None:
    story = Story()
    story.happens(wake())
    commands = story.happens(LinkFailed(kind, "refused"))
    assert PlayCue(Cue.ERROR) in commands
    assert story.phase is Phase.IDLE
    assert story.light == "error"
    story.passes(4.0)
    assert story.light == "offline"
    story.happens(LinkOpened("s"))
    assert story.light == "idle"


def test_a_network_failure_waits_for_the_next_attempt() -> None:
    story = Story()
    story.happens(wake(), LinkFailed(ErrorKind.NETWORK, "refused"))
    assert story.phase is Phase.LISTENING


# --- the device ends the turn ----------------------------------------------------------------


def committed_while_the_link_was_down() -> Story:
    """The device ends the turn; the link has never been open."""
    story = Story(service={"turn_detection": "device"})
    story.happens(wake(), SpeechStarted(17000), SpeechEnded(30000))
    assert StopUplink() in story.passes(1.0)
    assert story.happens(UplinkStopped(40000)) == [CommitTurn()]
    return story


def test_a_turn_that_the_device_ended_waits_for_the_link_too() -> None:
    story = committed_while_the_link_was_down()
    commands = story.passes(13.9)
    assert PlayCue(Cue.WAITING) in commands
    assert PlayCue(Cue.ERROR) not in commands
    story.happens(LinkOpened("s"), TurnCommitted("u"))
    assert PlayCue(Cue.ERROR) not in story.passes(14.9)
    assert PlayCue(Cue.ERROR) in story.passes(0.2)  # from now on it is the reply that is late


def test_a_turn_that_the_device_ended_is_given_up_with_the_link() -> None:
    story = committed_while_the_link_was_down()
    assert PlayCue(Cue.ERROR) in story.passes(14.1)
    assert [e["detail"] for e in story.reports("error")] == ["no connection within 15 s"]
    assert story.phase is Phase.IDLE


def test_a_turn_that_the_device_ended_is_told_of_a_hopeless_failure_at_once() -> None:
    story = committed_while_the_link_was_down()
    assert PlayCue(Cue.ERROR) in story.happens(LinkFailed(ErrorKind.KEY, "refused"))
    assert story.phase is Phase.IDLE


def test_a_turn_that_the_device_ended_and_the_button_abandons_is_not_sent_later() -> None:
    story = committed_while_the_link_was_down()
    assert AbandonTurn() in story.press()
    assert story.phase is Phase.IDLE
