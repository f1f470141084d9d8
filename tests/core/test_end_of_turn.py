"""The device ends the turn: by silence, by what it has learnt, and by how finished it sounds."""

from __future__ import annotations

import pytest

from device.commands import Command, JudgeTurn, StopUplink
from device.core.phases import Phase
from device.events import LinkOpened, SpeechEnded, SpeechStarted, TurnJudged
from tests.core.story import Story, wake

DEVICE = {"turn_detection": "device"}


def pausing(**turn: object) -> Story:
    """Somebody has spoken, and pauses; the detector has just said so."""
    story = Story(service=DEVICE, turn=turn)
    story.happens(wake(), LinkOpened("s"), SpeechStarted(20_000))
    story.passes(2.0)
    story.happens(SpeechEnded(52_000))
    return story


def ends_after(story: Story) -> float:
    """Seconds until the turn is over."""
    began = story.now
    while story.phase is Phase.LISTENING:
        story.passes(0.01)
        assert story.now - began < 5.0
    return story.now - began


def asked_to_judge(commands: list[Command]) -> bool:
    return JudgeTurn() in commands


def test_it_asks_at_once_whether_the_turn_sounds_finished() -> None:
    assert asked_to_judge(pausing().said)
    assert not asked_to_judge(pausing(eagerness="fixed").said)


def test_a_finished_sentence_ends_sooner_and_an_unfinished_one_later() -> None:
    silent = ends_after(pausing())
    finished, unfinished = pausing(), pausing()
    finished.happens(TurnJudged(0.98, 56_000))
    unfinished.happens(TurnJudged(0.02, 56_000))
    assert ends_after(finished) < silent < ends_after(unfinished)


def test_a_verdict_that_never_comes_changes_nothing() -> None:
    assert ends_after(pausing()) == pytest.approx(ends_after(pausing(smart_turn="off")))


def test_a_verdict_on_an_earlier_pause_is_not_taken_for_one_on_this() -> None:
    story, undisturbed = pausing(), pausing()
    for each in (story, undisturbed):
        each.happens(SpeechStarted(60_000))
        each.passes(1.0)
        each.happens(SpeechEnded(76_000))
    story.happens(TurnJudged(0.99, 56_000))
    assert ends_after(story) == pytest.approx(ends_after(undisturbed))


def test_a_verdict_while_somebody_speaks_again_ends_nothing() -> None:
    story = pausing()
    story.happens(SpeechStarted(60_000), TurnJudged(0.99, 56_000))
    assert not [c for c in story.passes(2.0) if isinstance(c, StopUplink)]


def test_who_pauses_long_in_one_turn_is_given_longer_in_the_next_pause() -> None:
    slow = pausing(silence_ms=1200)
    for number in range(3):
        slow.passes(0.8)
        slow.happens(SpeechStarted(80_000 + 40_000 * number))
        slow.passes(1.0)
        slow.happens(SpeechEnded(100_000 + 40_000 * number))
    assert ends_after(slow) > ends_after(pausing(silence_ms=1200))


def test_fixed_is_fixed() -> None:
    story = pausing(eagerness="fixed", silence_ms=900)
    story.happens(TurnJudged(0.99, 56_000))
    assert ends_after(story) == pytest.approx(0.9 - story.settings.vad.hangover_ms / 1000, abs=0.02)
