"""The light while the service is not reached."""

from __future__ import annotations

from device.commands import Cue, PlayCue
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    SpeechEnded,
    SpeechStarted,
    UplinkStopped,
)
from tests.core.story import Story, wake

REFUSED = LinkFailed(ErrorKind.SERVICE, "HTTP 500")


def test_who_speaks_while_the_service_fails_sees_it_and_sees_when_it_is_given_up() -> None:
    story = Story()
    story.happens(wake())
    assert story.light == "listening"
    story.passes(0.3)
    story.happens(SpeechStarted(17000), REFUSED)
    assert story.light == "listening_offline"
    story.passes(2.0)
    story.happens(REFUSED)
    story.passes(12.0)  # no attempt fails in the last seconds
    assert story.phase is Phase.LISTENING
    assert story.light == "listening_offline"
    assert PlayCue(Cue.ERROR) in story.passes(1.0)
    assert story.light == "error"
    story.passes(3.1)
    assert story.light == "offline"


def test_attempts_that_go_on_failing_are_offline_and_no_error_each() -> None:
    story = Story()
    story.happens(REFUSED)
    assert story.light == "error"
    story.passes(3.1)
    assert story.light == "offline"
    story.happens(REFUSED)
    assert story.light == "offline"
    story.happens(LinkFailed(ErrorKind.KEY, "refused"))
    assert story.light == "error"


def test_a_link_that_is_late_shows_when_its_cue_is_due_even_within_speech() -> None:
    story = Story(turn={"waiting_cue_s": 1.5})
    story.happens(wake(), SpeechStarted(17000))
    story.passes(1.4)
    assert story.light == "listening"
    assert PlayCue(Cue.WAITING) not in story.passes(0.2)
    assert story.light == "listening_offline"
    story.happens(LinkOpened("s"))
    assert story.light == "listening"


def test_a_turn_that_is_over_and_waits_for_the_link_is_not_thought_about() -> None:
    story = Story(service={"turn_detection": "device"}).listening()
    story.happens(SpeechStarted(17000), SpeechEnded(40000))
    story.passes(1.0)
    assert story.light == "thinking"
    story.happens(UplinkStopped(50000), LinkClosed("silent", ErrorKind.NETWORK))
    assert story.light == "offline"
    story.happens(LinkOpened("s2"))
    assert story.light == "thinking"


def test_a_lost_link_shows_until_the_next_one_hears_the_turn() -> None:
    story = Story().listening()
    story.happens(SpeechStarted(17000), LinkClosed("silent", ErrorKind.NETWORK))
    assert story.light == "listening_offline"
    story.happens(LinkOpened("s2"))
    assert story.light == "listening"
