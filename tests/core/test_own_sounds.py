"""The device's own cues are neither sent nor taken for speech, and cost nobody a word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.commands import Command, Cue, CutPlayback, MaskOwnSound, PlayCue, StartUplink
from device.core.own_sounds import ECHO_TAIL_S, LONGEST_CUE_S, OwnSounds
from device.events import (
    CueFinished,
    LinkOpened,
    Part,
    PartDegraded,
    SpeechEnded,
    SpeechStarted,
    StopReason,
)
from tests.core.story import Story, set_timer, wake

PRESS_S = 0.01


def masks(commands: list[Command]) -> list[bool]:
    return [c.on for c in commands if isinstance(c, MaskOwnSound)]


def waiting() -> Story:
    """Pressed, nobody speaks, no link: the waiting cue has just begun."""
    story = Story()
    story.press(PRESS_S)
    assert PlayCue(Cue.WAITING) in story.passes(1.6)
    return story


def test_the_waiting_cue_is_masked_until_its_echo_has_died_away() -> None:
    story = Story()
    story.press(PRESS_S)
    commands = story.passes(1.6)
    assert commands.index(MaskOwnSound(True)) > commands.index(PlayCue(Cue.WAITING))
    assert masks(story.happens(CueFinished("waiting"))) == []
    assert masks(story.passes(ECHO_TAIL_S - 0.01)) == []
    assert masks(story.passes(0.02)) == [False]


def test_the_mask_outlasts_the_links_opening() -> None:
    story = waiting()
    assert masks(story.happens(LinkOpened("s"), CueFinished("waiting"))) == []
    assert masks(story.passes(0.4)) == [False]


def test_a_cue_whose_end_is_never_told_does_not_mask_for_ever() -> None:
    assert masks(waiting().passes(LONGEST_CUE_S + 0.1)) == [False]


def test_the_waiting_cue_is_not_played_into_speech_but_into_the_first_pause() -> None:
    story = Story(turn={"silence_ms": 700})
    story.happens(wake(), SpeechStarted(17000))
    assert PlayCue(Cue.WAITING) not in story.passes(3.0)
    story.happens(SpeechEnded(60000))
    assert PlayCue(Cue.WAITING) not in story.passes(0.3)  # a breath
    story.happens(SpeechStarted(66000))
    assert PlayCue(Cue.WAITING) not in story.passes(2.0)
    story.happens(SpeechEnded(90000))
    hangover_s = story.settings.vad.hangover_ms / 1000
    assert PlayCue(Cue.WAITING) not in story.passes(0.7 - hangover_s - 0.02)
    assert PlayCue(Cue.WAITING) in story.passes(0.04)


def test_a_breath_at_the_moment_the_cue_is_due_is_no_pause() -> None:
    story = Story(turn={"silence_ms": 700})
    story.happens(wake(), SpeechStarted(17000))
    story.passes(1.4)
    story.happens(SpeechEnded(38000))
    assert PlayCue(Cue.WAITING) not in story.passes(0.2)
    story.happens(SpeechStarted(42000))
    assert PlayCue(Cue.WAITING) not in story.passes(1.0)


def test_a_link_that_opened_meanwhile_needs_no_cue() -> None:
    story = Story()
    story.happens(wake(), SpeechStarted(17000))
    story.passes(2.0)
    story.happens(LinkOpened("s"), SpeechEnded(60000))
    assert PlayCue(Cue.WAITING) not in story.passes(2.0)


def test_the_wake_word_over_a_cue_cuts_the_cue_and_masks_no_word() -> None:
    story = Story().listening()
    assert PlayCue(Cue.GAVE_UP) in story.passes(5.05)
    commands = story.happens(wake(90000))
    assert commands.index(CutPlayback(StopReason.WAKE)) < commands.index(StartUplink(90000))
    assert masks(commands + story.happens(CueFinished("gave_up")) + story.passes(1.0)) == []


def test_the_wake_word_over_a_ring_masks_no_word() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(61.0)
    commands = story.happens(wake(90000))
    assert CutPlayback(StopReason.WAKE) in commands
    assert masks(commands + story.passes(1.0)) == []


def test_a_press_over_a_cue_masks_its_echo_only() -> None:
    story = Story().listening()
    assert PlayCue(Cue.GAVE_UP) in story.passes(5.05)
    story.happens(CueFinished("gave_up"))  # cut by the press's edge
    assert masks(story.button_down()) == [True]
    assert masks(story.passes(ECHO_TAIL_S + 0.01)) == [False]


def test_a_timer_that_rings_in_the_follow_up_window_is_not_taken_for_speech() -> None:
    story = Story()
    set_timer(story, 60)
    story.passes(57.0)
    story.speaking().heard_to_the_end()
    commands = story.passes(3.2)
    assert PlayCue(Cue.RING) in commands
    assert masks(commands) == [True]


def test_any_cue_in_an_open_uplink_is_masked() -> None:
    story = Story().listening()
    broken = PartDegraded(Part.CONFIGURATION, "mistake in the configuration", "line 3")
    assert masks(story.happens(broken)) == [True]


@given(
    st.lists(
        st.tuples(st.sampled_from(["play", "finish", "ring", "hush", "tick"]), st.floats(0, 3)),
        max_size=30,
    )
)
def test_it_falls_quiet_once_every_cue_is_over_and_never_before(
    steps: list[tuple[str, float]],
) -> None:
    """Against the plain definition: ringing, playing, or less than the tail since then."""
    sounds, now, playing, last_end = OwnSounds(), 0.0, 0, float("-inf")
    rings, began = False, float("-inf")
    for step, pause_s in steps:
        now += pause_s
        sounds.tick(now)
        if now >= max(began + LONGEST_CUE_S, last_end + ECHO_TAIL_S):
            playing = 0
        if step == "play":
            sounds.command(PlayCue(Cue.ERROR), now)
            playing, began = playing + 1, now
        elif step == "finish":
            sounds.finished(CueFinished("error"), now)
            if playing == 1:
                last_end, began = now, float("-inf")
            playing = max(0, playing - 1)
        elif step == "ring":
            sounds.command(PlayCue(Cue.RING), now)
            rings = True
        assert sounds.sounding == (rings or playing > 0 or now < last_end + ECHO_TAIL_S)
        deadline = sounds.deadline
        assert deadline is None or deadline > now
