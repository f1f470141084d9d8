"""Two engines must agree: the gate's rule, and the engine that asks both."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.wake import (
    CONFIRM_WINDOW_MS,
    FIRST_SHARE,
    SECOND_SHARE,
    TwoOpinions,
    WakeGate,
)
from device.audio.wakewords.confirm import Agreement, ConfirmedWake
from device.audio.wakewords.null import PartialWake
from device.errors import ModelError
from device.events import WakeDetected
from device.ports import Samples

CHUNK = 1280
WINDOW = CONFIRM_WINDOW_MS // 80


def run(gate: WakeGate, first: list[float], second: list[float]) -> list[WakeDetected]:
    return [event for found in per_chunk(gate, first, second) for event in found]


def per_chunk(gate: WakeGate, first: list[float], second: list[float]) -> list[list[WakeDetected]]:
    return [
        gate.update(TwoOpinions({"word": a}, {"word": b}), (number + 1) * CHUNK)
        for number, (a, b) in enumerate(zip(first, second, strict=True))
    ]


def test_one_opinion_alone_wakes_nobody() -> None:
    assert run(WakeGate(16_000), [1.0] * 40, [0.0] * 40) == []
    assert run(WakeGate(16_000), [0.0] * 40, [1.0] * 40) == []


def test_a_late_confirmation_does_not_move_where_the_word_ended() -> None:
    found = per_chunk(WakeGate(16_000), [0.9, 0.9, 0.1, 0.1, 0.1], [0, 0, 0, 0.2, 0.9])
    assert found == [[], [], [], [], [WakeDetected("word", 0.9, CHUNK)]]


def test_a_confirmation_that_comes_first_counts_as_well() -> None:
    found = run(WakeGate(16_000), [0.0, 0.0, 0.8], [0.9, 0.0, 0.0])
    assert found == [WakeDetected("word", 0.8, 3 * CHUNK)]


@pytest.mark.parametrize(("apart", "wakes"), [(WINDOW, True), (WINDOW + 1, False)])
@pytest.mark.parametrize("order", ["first then second", "second then first"])
def test_the_two_must_lie_within_the_window(apart: int, wakes: bool, order: str) -> None:
    early, late = [0.9] + [0.0] * apart, [0.0] * apart + [0.9]
    pair = (early, late) if order == "first then second" else (late, early)
    assert bool(run(WakeGate(16_000), *pair)) is wakes


def test_each_of_two_needs_less_than_one_alone() -> None:
    gate = WakeGate(16_000, threshold=0.5)
    assert run(gate, [0.5 * FIRST_SHARE], [0.5 * SECOND_SHARE])
    assert not run(WakeGate(16_000, threshold=0.5), [0.5 * FIRST_SHARE - 0.01], [1.0])
    assert not run(WakeGate(16_000, threshold=0.5), [1.0], [0.5 * SECOND_SHARE - 0.01])


def test_the_word_ended_where_one_engine_alone_would_have_said() -> None:
    alone = WakeGate(16_000)
    scores = [0.35, 0.4, 0.6, 0.9, 0.2]
    expected = [alone.update({"word": s}, (n + 1) * CHUNK) for n, s in enumerate(scores)]
    [at_once] = [event for found in expected for event in found]
    [confirmed] = run(WakeGate(16_000), scores, [0, 0, 0, 0, 0.9])
    assert confirmed.at_frame == at_once.at_frame == 3 * CHUNK


def test_a_word_below_the_threshold_that_is_confirmed_ended_with_its_first_chunk() -> None:
    [found] = run(WakeGate(16_000), [0.35, 0.45, 0.0], [0, 0, 0.9])
    assert found == WakeDetected("word", 0.45, CHUNK)


def test_patience_is_asked_of_the_first_engine() -> None:
    gate = WakeGate(16_000, patience=2)
    assert run(gate, [0.9, 0.0, 0.0], [0.9, 0.9, 0.9]) == []
    assert run(WakeGate(16_000, patience=2), [0.9, 0.9], [0.9, 0.0])


def test_a_confirmation_is_used_once() -> None:
    gate = WakeGate(16_000, refractory_s=0.0)
    assert len(run(gate, [0.9, 0.0, 0.9], [0.9, 0.0, 0.0])) == 1


def test_a_word_without_a_second_model_needs_no_confirmation() -> None:
    scores = TwoOpinions({"own": 0.9, "word": 0.9}, {"word": 0.0})
    assert [event.word for event in WakeGate(16_000).update(scores, CHUNK)] == ["own"]


@given(
    pairs=st.lists(
        st.tuples(*[st.sampled_from([0.0, 0.25, 0.35, 0.45, 0.6, 1.0])] * 2), max_size=40
    )
)
def test_a_wake_is_always_in_both_within_the_window(pairs: list[tuple[float, float]]) -> None:
    gate = WakeGate(16_000, refractory_s=0.4)
    first, second = [a for a, _ in pairs], [b for _, b in pairs]
    for number, found in enumerate(per_chunk(gate, first, second)):
        near = slice(max(0, number - WINDOW), number + 1)
        for event in found:
            assert max(first[near]) >= 0.5 * FIRST_SHARE
            assert max(second[near]) >= 0.5 * SECOND_SHARE
            assert event.at_frame <= (number + 1) * CHUNK


@given(
    pairs=st.lists(st.tuples(*[st.floats(0, 1)] * 2), min_size=1, max_size=30),
    threshold=st.sampled_from([0.2, 0.5, 0.8]),
)
def test_the_agreement_says_at_which_thresholds_the_gate_wakes(
    pairs: list[tuple[float, float]], threshold: float
) -> None:
    agreement = Agreement()
    worth = [agreement.update(TwoOpinions({"w": a}, {"w": b}), "w") for a, b in pairs]
    if any(abs(value - threshold) < 1e-9 for value in worth):
        return
    woke = run(WakeGate(16_000, threshold), [a for a, _ in pairs], [b for _, b in pairs])
    assert bool(woke) is (max(worth) >= threshold)


def test_of_one_opinion_the_agreement_is_its_score() -> None:
    assert Agreement().update({"word": 0.3}, "word") == 0.3
    assert Agreement().update(TwoOpinions({"word": 0.3}, {}), "word") == 0.3


class Fake:
    """Scores its words alike; counts resets."""

    def __init__(self, score: float, *words: str) -> None:
        self.words, self._score, self.resets = words, score, 0

    def score(self, chunk: Samples) -> dict[str, float]:
        del chunk
        return dict.fromkeys(self.words, self._score)

    def reset(self) -> None:
        self.resets += 1


def test_both_engines_hear_and_forget_the_same() -> None:
    first, second = Fake(0.9, "alexa", "own"), Fake(0.1, "alexa")
    engine = ConfirmedWake(first, second)
    scores = engine.score(np.zeros(CHUNK, np.int16))
    assert (dict(scores), scores.second) == ({"alexa": 0.9, "own": 0.9}, {"alexa": 0.1})
    assert engine.words == ("alexa", "own")
    engine.reset()
    assert (first.resets, second.resets) == (1, 1)


def test_the_second_opinion_survives_a_stand_in() -> None:
    engine = PartialWake(ConfirmedWake(Fake(0.9, "a"), Fake(0.0, "a")), ModelError("b is broken"))
    assert WakeGate(16_000).update(engine.score(np.zeros(CHUNK, np.int16)), CHUNK) == []
