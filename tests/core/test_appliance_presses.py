"""What a press does, and what is not sent while it may become a hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.commands import AbandonTurn, CancelReply, CloseCapture, Command, RunVad
from device.core.phases import Phase
from device.events import ButtonEdge, LinkOpened, ReplyStarted, SpeechStarted, StopReason
from tests.core.story import Story, kinds, sends_from, wake


def test_a_hold_shows_that_it_listens_but_sends_nothing_of_the_room() -> None:
    story = Story()
    commands = story.button_down() + story.passes(0.5)
    assert story.light == "listening"
    assert "OpenLink" in kinds(commands)
    commands += story.passes(0.5) + story.button_up()
    commands += story.passes(10.0)
    assert CloseCapture() in commands
    assert sends_from(commands) is None
    assert story.reports("uplink_started") == story.reports("uplink_stopped") == []
    assert story.light == "muted"


@pytest.mark.parametrize("held_s", [0.0, 0.1, 0.75])
def test_a_short_press_sends_everything_since_the_press_when_it_is_let_go(held_s: float) -> None:
    story = Story()
    pressed_at = story.now
    commands = story.button_down() + story.passes(held_s)
    assert sends_from(commands) is None
    commands = story.button_up() + story.passes(0.03)
    assert sends_from(commands) == -round((story.now - pressed_at) * 16000)
    assert RunVad(True) in commands
    [started] = story.reports("uplink_started")
    assert started["opened_by"] == "button"
    assert story.light == "listening"


def test_a_press_that_bounces_is_let_go_once() -> None:
    story = Story()
    commands = story.happens(ButtonEdge(True, story.now), ButtonEdge(False, story.now))
    commands += story.passes(0.01) + story.button_down()
    assert sends_from(commands + story.passes(0.2)) is None
    commands = story.button_up() + story.passes(0.1)
    assert sends_from(commands) == -round(0.24 * 16000)


def test_the_wake_word_within_a_hold_sends_nothing() -> None:
    story = Story()
    commands = story.button_down() + story.passes(0.3)
    commands += story.happens(LinkOpened("s"), wake(5000))
    commands += story.passes(0.6) + story.button_up()
    commands += story.passes(10.0)
    assert CloseCapture() in commands
    assert sends_from(commands) is None
    assert sends_from(story.press(held_s=1.0)) is None


def test_the_wake_word_within_a_press_that_listens_is_sent_with_the_rest() -> None:
    story = Story()
    story.button_down()
    story.passes(0.3)
    assert sends_from(story.happens(wake(5000))) is None
    assert [r["word"] for r in story.reports("wake_suppressed")] == ["hey_jarvis"]
    commands = story.button_up() + story.passes(0.1)
    assert sends_from(commands) == -round(0.33 * 16000)


@pytest.mark.parametrize(("held_s", "heard"), [(0.3, 5000), (1.0, None)])
def test_the_wake_word_within_a_press_that_ended_a_reply_waits_for_its_end(
    held_s: float, heard: int | None
) -> None:
    story = Story().speaking()
    story.playback_stops(StopReason.BUTTON, 640)
    story.button_down()
    commands = story.passes(0.2) + story.happens(wake(5000))
    commands += story.passes(held_s - 0.2)
    assert sends_from(commands) is None
    commands = story.button_up() + story.passes(0.1)
    assert sends_from(commands) == heard


def test_a_button_that_is_stuck_does_not_take_the_wake_word() -> None:
    story = Story()
    story.press(held_s=1.0)
    story.button_down()
    story.passes(31.0)
    assert sends_from(story.happens(wake(5000))) == 5000


@given(st.lists(st.tuples(st.sampled_from(["wake", "speech", "down", "up"]), st.floats(0, 0.5))))
def test_nothing_is_sent_while_a_press_may_become_a_hold(
    steps: list[tuple[str, float]],
) -> None:
    story = Story()
    down_since: float | None = None
    for step, wanted_s in steps:
        commands: list[Command] = []
        pause_s = wanted_s
        if step == "wake":
            commands = story.happens(wake(5000))
        elif step == "speech":
            commands = story.happens(SpeechStarted(5000))
        elif (step == "down") != (down_since is not None):
            down_since = story.now if step == "down" else None
            commands = story.happens(ButtonEdge(step == "down", story.now))
            pause_s += 0.1 if step == "up" else 0.0  # believed, before it is down again
        may_be_a_hold = down_since is not None and story.now - down_since < 0.8
        if may_be_a_hold and down_since is not None:
            pause_s = min(pause_s, down_since + 0.79 - story.now)
            assert sends_from(commands + story.passes(max(0.0, pause_s))) is None
        else:
            story.passes(pause_s)


def test_a_press_in_the_follow_up_window_holds_back_what_is_said_too() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    commands = story.button_down()
    assert RunVad(False) in commands
    assert story.happens(SpeechStarted(90000)) == []  # was on its way
    commands = story.passes(0.5) + story.button_up()
    assert sends_from(commands + story.passes(0.1)) == -round(0.53 * 16000)


def test_a_press_when_idle_listens_without_a_wake_word() -> None:
    story = Story()
    assert sends_from(story.press()) is not None
    assert story.phase is Phase.LISTENING


def test_a_press_while_listening_forgets_what_was_said() -> None:
    story = Story().listening()
    commands = story.press()
    assert "StopUplink" in kinds(commands)
    assert AbandonTurn() in commands
    assert story.phase is Phase.IDLE


def test_a_press_while_thinking_abandons_the_reply() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"))
    commands = story.press()
    assert CancelReply("r1") in commands
    assert story.phase is Phase.IDLE


def test_the_press_after_the_one_that_cut_listens_however_soon() -> None:
    story = Story().speaking()
    story.playback_stops(StopReason.BUTTON, 640)
    story.press(0.05)
    assert story.phase is Phase.IDLE
    assert sends_from(story.press(0.05)) is not None
    assert story.now < 100.5


def test_a_cut_by_a_bounce_swallows_no_press() -> None:
    story = Story().speaking()
    story.playback_stops(StopReason.BUTTON, 640)
    story.passes(0.1)
    assert sends_from(story.press()) is not None
