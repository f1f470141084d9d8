"""Outside a conversation: mute, timers, volume, and the end."""

from __future__ import annotations

from device.commands import (
    CancelReply,
    CloseCapture,
    Cue,
    OpenCapture,
    PlayCue,
    SetVolume,
    StartUplink,
    StopCue,
)
from device.core.phases import Phase
from device.core.tools import LEAST_VOLUME_PERCENT
from device.events import (
    LinkOpened,
    Part,
    PartDegraded,
    ReplyDone,
    ReplyStarted,
    ServiceSpeechStarted,
    StopReason,
    ToolCalled,
    TurnCommitted,
    WakeDetected,
)
from tests.core.story import Story, kinds, sends_from, set_timer, wake


def test_holding_the_button_closes_the_microphone_and_holding_again_opens_it() -> None:
    story = Story()
    commands = story.press(held_s=1.0)
    assert CloseCapture() in commands
    assert PlayCue(Cue.MUTED) in commands
    assert story.light == "muted"
    assert StartUplink not in {type(c) for c in story.happens(WakeDetected("alexa", 0.9, 1))}
    commands = story.press(held_s=1.0)
    assert OpenCapture() in commands
    assert story.light == "idle"


def test_a_press_while_muted_says_so_and_stays_muted() -> None:
    story = Story()
    story.press(held_s=1.0)
    commands = story.press()
    assert PlayCue(Cue.MUTED) in commands
    assert OpenCapture() not in commands
    assert story.light == "muted"


def test_muted_for_an_hour_is_a_named_state_and_nothing_else_happens() -> None:
    story = Story()
    story.press(held_s=1.0)
    story.happens(PartDegraded(Part.MICROPHONE, "closed", "muted"))
    assert story.passes(3600.0) == []
    assert story.core.named_states == ("muted",)
    assert story.light == "muted"


def test_a_timer_rings_until_the_button_and_the_press_does_nothing_else() -> None:
    story = Story()
    set_timer(story, 60)
    assert PlayCue(Cue.RING) in story.passes(61.0)
    assert story.light == "ringing"
    commands = story.press()
    assert StopCue(Cue.RING) in commands
    assert sends_from(commands) is None
    assert story.light == "idle"


def test_a_timer_rings_at_most_ten_minutes() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(61.0)
    assert StopCue(Cue.RING) not in story.passes(590.0)
    assert StopCue(Cue.RING) in story.passes(15.0)


def test_a_timer_rings_while_muted() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(6.0)
    story.press(held_s=1.0)
    assert PlayCue(Cue.RING) in story.passes(60.0)


def test_stop_said_over_the_ring_stops_it() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(61.0)
    assert StopCue(Cue.RING) in story.happens(wake(5))
    story.happens(LinkOpened("s"), ServiceSpeechStarted(), TurnCommitted("u"))
    story.happens(ReplyStarted("s1"))
    story.happens(ToolCalled("s1", "c", "stop", "{}"), ReplyDone("s1", "completed"))
    commands = story.happens(ReplyStarted("s2"), ReplyDone("s2", "completed"))
    assert PlayCue(Cue.RING) not in commands
    assert story.light == "idle"


def test_the_ring_comes_back_when_something_else_was_said() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(61.0)
    story.happens(wake(5), LinkOpened("s"))
    assert PlayCue(Cue.RING) in story.passes(6.0)


def test_a_bounce_that_cut_the_ring_does_not_end_it() -> None:
    story = Story()
    story.press()  # its release will bounce
    story.press()
    set_timer(story, 60)
    story.button_down()
    story.passes(61.0)
    story.button_up()
    assert PlayCue(Cue.RING) in story.button_down()


def test_one_press_that_cut_a_reply_and_stopped_a_timer_swallows_no_later_one() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(58.0)
    story.speaking()
    story.passes(3.0)  # the timer is due, its ring waits for the reply
    story.playback_stops(StopReason.BUTTON, 640)
    commands = story.press(0.05)
    assert sends_from(commands) is None
    assert [r["reason"] for r in story.reports("timer_stopped")] == ["button"]
    assert sends_from(story.press(0.05)) is not None


def test_a_press_ends_the_wait_for_a_reply_and_the_ring_behind_it() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(58.0)
    story.thinking().happens(ReplyStarted("r5"))
    story.passes(3.0)
    commands = story.press()
    assert CancelReply("r5") in commands
    assert PlayCue(Cue.RING) not in commands + story.passes(5.0)
    assert story.phase is Phase.IDLE


def test_volume_is_bounded_and_told() -> None:
    story = Story()
    story.thinking().happens(ReplyStarted("r"))
    commands = story.happens(ToolCalled("r", "c", "set_volume", '{"change": 80}'))
    assert SetVolume(100) in commands


def test_words_cannot_make_it_a_device_that_is_never_heard_again() -> None:
    story = Story()
    story.thinking().happens(ReplyStarted("r"))
    commands = story.happens(ToolCalled("r", "c", "set_volume", '{"percent": 0}'))
    assert SetVolume(LEAST_VOLUME_PERCENT) in commands


def test_the_end_is_silent_and_dark() -> None:
    story = Story().listening()
    commands = story.core.end(story.now)
    assert "StopUplink" in kinds(commands)
    story.said += commands
    assert story.light == "off"
