"""What tries of a wake word are worth, and the threshold that follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.wake import CHUNK_SAMPLES, WakeGate
from device.audio.wakewords.trial import (
    LEAST_THRESHOLD,
    MOST_THRESHOLD,
    judge_try,
    level_dbfs,
    propose,
    scores_of,
    sustained,
)
from tests.hearing.fakes import LOUD, FakeWake

QUIET_TRY = (0.0, 0.95, 0.95, 0.9, 0.0)


def tone(amplitude: float, seconds: float = 0.4) -> np.ndarray:
    """A sound between two silences."""
    wave = amplitude * np.sin(np.arange(int(seconds * 16_000)) * 0.3)
    silence = np.zeros(16_000)
    return np.concatenate([silence, wave, silence]).astype(np.int16)


def test_the_usual_threshold_stays_where_it_fits() -> None:
    proposal = propose([QUIET_TRY] * 5, [0.1, 0.2])
    assert (proposal.threshold, proposal.patience) == (0.5, 1)
    assert "scored 0.95 or more" in proposal.reason
    assert "the rest at most 0.20" in proposal.reason


def test_a_voice_that_scores_low_gets_a_lower_threshold_nearer_to_the_word() -> None:
    proposal = propose([(0.0, 0.45, 0.0)] * 3, [0.1])
    assert proposal.threshold == pytest.approx(0.3)


def test_a_noisy_room_raises_it() -> None:
    proposal = propose([QUIET_TRY] * 3, [0.5, 0.0])
    assert proposal.threshold is not None
    assert 0.5 < proposal.threshold < 0.95


def test_short_false_peaks_are_met_with_patience() -> None:
    proposal = propose([QUIET_TRY] * 3, [0.0, 0.97, 0.0, 0.97])
    assert proposal.patience == 2
    assert "shorter peaks do not tell them apart" in proposal.reason


def test_two_engines_that_agree_take_the_place_of_patience() -> None:
    assert propose([QUIET_TRY] * 3, [0.0, 0.97, 0.0], confirmed=True).threshold is None


def test_what_cannot_be_told_apart_gets_no_threshold() -> None:
    proposal = propose([QUIET_TRY] * 3, [0.97] * 8)
    assert proposal.threshold is None
    assert "without it 0.97 was reached" in proposal.reason
    assert "confirm = true" in proposal.advice
    assert "confirm" not in propose([QUIET_TRY] * 3, [0.97] * 8, confirmed=True).advice


def test_a_word_that_is_not_heard_gets_no_threshold_however_quiet_the_room() -> None:
    proposal = propose([(0.0, 0.15, 0.0)] * 3, [])
    assert proposal.threshold is None
    assert "too little for any threshold" in proposal.reason


def test_of_many_tries_one_that_failed_is_left_out() -> None:
    spoilt = [QUIET_TRY] * 4 + [(0.0, 0.05, 0.0)]
    proposal = propose(spoilt, [0.1])
    assert proposal.threshold == 0.5
    assert "but for one try of 5" in proposal.reason
    assert propose(spoilt[1:], [0.1]).threshold is None


def test_without_a_try_there_is_nothing_to_propose() -> None:
    assert propose([], [0.1]).threshold is None


SCORES = st.lists(st.floats(0, 1), max_size=30)


@given(tries=st.lists(SCORES, max_size=8), background=SCORES)
def test_a_proposal_keeps_the_background_out_and_lets_the_word_in(
    tries: list[list[float]], background: list[float]
) -> None:
    proposal = propose(tries, background)
    if proposal.threshold is None:
        return
    assert LEAST_THRESHOLD <= proposal.threshold <= MOST_THRESHOLD
    gate = WakeGate(16_000, proposal.threshold, proposal.patience)
    ends = range(CHUNK_SAMPLES, (len(background) + 1) * CHUNK_SAMPLES, CHUNK_SAMPLES)
    assert not [
        event
        for end, score in zip(ends, background, strict=True)
        for event in gate.update({"word": score}, end)
    ]
    missed = [
        scores for scores in tries if sustained(scores, proposal.patience) < proposal.threshold
    ]
    assert len(missed) <= (1 if len(tries) >= 5 else 0)


def test_sustained_is_what_patience_asks_for() -> None:
    assert sustained([0.2, 0.9, 0.3, 0.6, 0.5], 1) == 0.9
    assert sustained([0.2, 0.9, 0.3, 0.6, 0.5], 2) == 0.5
    assert sustained([0.9], 2) == 0.0


@pytest.mark.parametrize(
    ("sound", "says"),
    [
        (tone(20), "too quiet"),
        (tone(3000), ""),
        (np.full(32_000, 3000, np.int16), "nothing stands out"),
        (np.zeros(0, np.int16), "too quiet"),
    ],
    ids=["quiet", "good", "steady noise", "nothing"],
)
def test_a_try_says_what_is_wrong_with_it(sound: np.ndarray, says: str) -> None:
    found = judge_try(FakeWake(), sound, "word")
    assert found.trouble.startswith(says)
    assert bool(found.trouble) is bool(says)


def test_a_clipped_try_is_told() -> None:
    loud = np.concatenate([np.zeros(16_000), np.full(3200, 32767), np.zeros(16_000)])
    assert judge_try(FakeWake(), loud.astype(np.int16), "word").trouble.startswith("clipped")


def test_scores_come_from_a_reset_engine_and_go_on_a_little_behind_the_sound() -> None:
    engine = FakeWake()
    sound = np.zeros(2 * CHUNK_SAMPLES, np.int16)
    sound[-1] = LOUD
    assert scores_of(engine, sound, "word")[:3] == (0.0, 1.0, 0.0)
    assert engine.resets == 1
    assert len(engine.chunks) > 2


def test_levels_are_of_full_scale() -> None:
    assert level_dbfs(np.full(100, -32768, np.int16)) == pytest.approx(0.0, abs=0.01)
    assert level_dbfs(np.zeros(0, np.int16)) == -100.0
