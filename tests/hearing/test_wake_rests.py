"""An engine that rests while nothing stands out hears every word as one that never does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device.audio.wake import CHUNK_SAMPLES
from device.audio.wakewords.litert import (
    CATCH_UP,
    FLOOR_CHUNKS,
    HOLD_CHUNKS,
    NOISY_DB,
    LitertWake,
)
from device.audio.wakewords.models import find_wake_models
from device.ports import Samples
from scripts.bench_parts.acoustics.corpus import load

RNG = np.random.default_rng(5)


def noise(seconds: float, db: float) -> Samples:
    level = 32768 * 10 ** (db / 20)
    return np.rint(RNG.standard_normal(round(seconds * 16_000)) * level).astype(np.int16)


def scores(engine: LitertWake, sound: Samples) -> list[float]:
    starts = range(0, len(sound) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
    return [engine.score(sound[at : at + CHUNK_SAMPLES])["alexa"] for at in starts]


class Counting:
    """Counts how often the costly model runs."""

    def __init__(self, engine: LitertWake) -> None:
        self.runs = 0
        self._embed = engine._embed
        engine._embed = self

    def __call__(self, values: np.ndarray) -> np.ndarray:
        self.runs += 1
        return self._embed(values)


@pytest.fixture(scope="module")
def engines() -> tuple[LitertWake, LitertWake]:
    models = find_wake_models(("alexa",))
    return LitertWake(models), LitertWake(models, rests=True)


@pytest.mark.parametrize("pause_s", [0.5, 4.0, 9.7])
def test_a_word_behind_silence_scores_the_same_to_the_last_bit(
    engines: tuple[LitertWake, LitertWake], speech_dir: Path, pause_s: float
) -> None:
    always, resting = engines
    clips = [clip.samples for clip in load(["wake_alexa"]).half("wake_alexa", "tune")[:6]]
    assert len(clips) == 6
    for clip in clips:
        always.reset()
        resting.reset()
        word = np.clip(clip.astype(np.int32) + noise(len(clip) / 16_000, -75), -32768, 32767)
        sound = np.concatenate([noise(pause_s, -75), word.astype(np.int16), noise(1.0, -75)])
        first, second = scores(always, sound), scores(resting, sound)
        assert max(first) == max(second)
        assert first.index(max(first)) == second.index(max(second))


def test_in_a_quiet_room_it_costs_next_to_nothing(engines: tuple[LitertWake, LitertWake]) -> None:
    resting = engines[1]
    resting.reset()
    counting = Counting(resting)
    assert set(scores(resting, noise(20.0, -75))[FLOOR_CHUNKS + HOLD_CHUNKS :]) == {0.0}
    assert counting.runs <= FLOOR_CHUNKS + HOLD_CHUNKS


def test_what_stands_out_wakes_it_and_the_catching_up_is_spread(
    engines: tuple[LitertWake, LitertWake],
) -> None:
    resting = engines[1]
    resting.reset()
    scores(resting, noise(10.0, -75))
    counting = Counting(resting)
    for _ in range(5):
        before = counting.runs
        resting.score(noise(0.08, -40))
        assert 1 <= counting.runs - before <= CATCH_UP
    before = counting.runs
    resting.score(noise(0.08, -40))
    assert counting.runs - before == 1, "caught up within five chunks"


def test_in_noise_it_never_rests(engines: tuple[LitertWake, LitertWake]) -> None:
    resting = engines[1]
    resting.reset()
    scores(resting, noise(5.0, NOISY_DB + 3))
    counting = Counting(resting)
    scores(resting, noise(4.0, NOISY_DB + 3))
    assert counting.runs == 50
