"""In noise either of two engines may find a word: the floor, the engine, the gate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.wake import CHUNK_SAMPLES, LateScores, WakeGate
from device.audio.wakewords.noise import (
    CATCH_UP,
    LISTEN_MS,
    LOUD_DB,
    PAST_MS,
    QUIET_DB,
    STIRS_DB,
    WINDOW_MS,
    NoiseFloor,
    NoiseWake,
    alone_score,
    either,
)
from device.audio.wakewords.words import noise_models
from device.events import WakeDetected
from device.ports import Samples
from device.settings import WakeSettings

WINDOW = WINDOW_MS // 80
LISTEN, PAST = LISTEN_MS // 80, PAST_MS // 80
NOISE_DB, VOICE_DB = -36.0, -30.0


class Fixed:
    """An engine that always says the same, and counts what it is asked."""

    def __init__(self, scores: dict[str, float]) -> None:
        self.scores = scores
        self.asked = self.resets = 0

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(self.scores)

    def score(self, chunk: Samples) -> dict[str, float]:
        self.asked += len(chunk) // CHUNK_SAMPLES
        return self.scores

    def reset(self) -> None:
        self.resets += 1


def sound(level_db: float, offset: int = 0) -> Samples:
    """A chunk that changes its sign with every sample."""
    amplitude = 32768 * 10 ** (level_db / 20)
    signs = np.where(np.arange(CHUNK_SAMPLES) % 2, 1, -1)
    return np.rint(signs * amplitude + offset).astype(np.int16)


def engine(first: float = 0.1, second: float = 0.9) -> tuple[NoiseWake, Fixed]:
    other = Fixed(LateScores({"word": second}, 240))
    return NoiseWake(Fixed({"word": first}), other), other


def hear(wake: NoiseWake, level_db: float, chunks: int) -> list[dict[str, float]]:
    return [wake.score(sound(level_db)) for _ in range(chunks)]


def test_the_floor_is_high_once_it_was_loud_for_the_whole_window() -> None:
    floor = NoiseFloor()
    high = []
    for _ in range(WINDOW):
        floor.update(LOUD_DB)
        high.append(floor.high)
    assert high == [False] * (WINDOW - 1) + [True]


def test_one_pause_in_the_window_keeps_the_floor_low() -> None:
    floor = NoiseFloor()
    levels = [-20.0] * 3 * WINDOW
    levels[WINDOW - 1 :: WINDOW] = [-70.0] * 3
    assert not any(floor.update(level) or floor.high for level in levels)


def test_a_floor_between_the_two_levels_stays_what_it_was() -> None:
    between = (LOUD_DB + QUIET_DB) / 2
    floor = NoiseFloor()
    for _ in range(2 * WINDOW):
        floor.update(between)
    assert not floor.high
    for _ in range(WINDOW):
        floor.update(LOUD_DB)
    for _ in range(2 * WINDOW):
        floor.update(between)
    assert floor.high
    floor.update(QUIET_DB - 0.1)
    assert not floor.high


@given(st.lists(st.floats(-100, 0), max_size=3 * WINDOW))
def test_nothing_stirs_while_the_window_holds_a_quiet_chunk(levels: list[float]) -> None:
    floor = NoiseFloor()
    for number, level in enumerate(levels):
        if floor.update(level):
            latest = levels[number + 1 - WINDOW : number + 1]
            assert len(latest) == WINDOW
            assert QUIET_DB <= min(latest) <= level - STIRS_DB


def test_in_quiet_the_second_engine_is_not_even_asked() -> None:
    wake, other = engine()
    assert hear(wake, -70.0, 2 * WINDOW) == [{"word": 0.1}] * 2 * WINDOW
    assert hear(wake, VOICE_DB, 5) == [{"word": 0.1}] * 5
    assert other.asked == 0


def test_an_offset_of_the_microphone_is_no_noise() -> None:
    wake, other = engine()
    for level_db in (-70.0, -65.0) * WINDOW:
        wake.score(sound(level_db, offset=2000))
    assert other.asked == 0


def test_in_noise_in_which_nothing_stirs_the_second_engine_is_not_asked() -> None:
    wake, other = engine()
    assert hear(wake, NOISE_DB, 3 * WINDOW) == [{"word": 0.1}] * 3 * WINDOW
    assert other.asked == 0


def test_what_stirs_in_noise_is_told_to_the_second_engine_with_what_was_before() -> None:
    wake, other = engine()
    hear(wake, NOISE_DB, WINDOW)
    scores = hear(wake, VOICE_DB, 8)
    behind = next(number for number, score in enumerate(scores) if score != {"word": 0.1})
    assert behind == -(-(PAST - CATCH_UP) // (CATCH_UP - 1))  # meanwhile one comes with each
    assert scores[behind:] == [{"word": pytest.approx(alone_score(0.9))}] * (8 - behind)
    assert other.asked == PAST + 7


def test_no_call_asks_the_second_engine_about_much_at_once() -> None:
    wake, other = engine()
    hear(wake, NOISE_DB, 3 * WINDOW)
    asked = []
    for _ in range(8):
        before = other.asked
        hear(wake, VOICE_DB, 1)
        asked.append(other.asked - before)
    assert max(asked) == CATCH_UP


def test_the_second_engine_listens_for_a_while_after_the_last_stir() -> None:
    wake, _ = engine()
    hear(wake, NOISE_DB, WINDOW)
    hear(wake, VOICE_DB, 10)
    scores = hear(wake, NOISE_DB, LISTEN + 5)
    assert [score != {"word": 0.1} for score in scores] == [True] * (LISTEN - 1) + [False] * 6


def test_the_second_engine_stops_as_soon_as_it_is_quiet() -> None:
    wake, other = engine()
    hear(wake, NOISE_DB, WINDOW)
    hear(wake, VOICE_DB, 10)
    asked = other.asked
    assert hear(wake, -70.0, 1) == [{"word": 0.1}]
    assert hear(wake, VOICE_DB, 5) == [{"word": 0.1}] * 5
    assert other.asked == asked


def test_reset_forgets_the_noise_and_resets_both() -> None:
    wake, other = engine()
    hear(wake, NOISE_DB, WINDOW)
    hear(wake, VOICE_DB, 10)
    wake.reset()
    assert other.resets == 1
    assert hear(wake, VOICE_DB, 1) == [{"word": 0.1}]
    assert wake.words == ("word",)


def test_the_better_score_counts_and_the_second_must_be_surer() -> None:
    assert either({"word": 0.6}, {"word": 0.8}) == {"word": 0.6}
    assert either({"word": 0.2}, {"word": 0.8}) == {"word": pytest.approx(0.5)}
    assert either({"word": 0.2}, {"word": 0.1}) == {"word": 0.2}


def test_a_word_that_the_second_does_not_know_is_the_firsts_alone() -> None:
    found = either({"word": 0.2, "own": 0.4}, {"word": 1.0, "other": 1.0})
    assert found == {"word": 1.0, "own": 0.4}


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_score_alone_is_worth_no_more_than_it_says(one: float, other: float) -> None:
    assert 0.0 <= alone_score(one) <= one + 1e-12
    assert (alone_score(one) <= alone_score(other)) or one > other


@pytest.mark.parametrize(
    ("first", "second", "at_frame"),
    [(0.9, 0.0, 10 * CHUNK_SAMPLES), (0.0, 0.9, 7 * CHUNK_SAMPLES)],
)
def test_only_a_word_that_the_second_found_is_taken_for_earlier(
    first: float, second: float, at_frame: int
) -> None:
    scores = either({"word": first, "quiet": 0.0}, LateScores({"word": second}, 240))
    [found] = WakeGate(16_000).update(scores, 10 * CHUNK_SAMPLES)
    assert found == WakeDetected("word", max(first, alone_score(second)), at_frame)


def test_a_word_that_both_find_wakes_once() -> None:
    gate, found = WakeGate(16_000), []
    pairs = [(0.9, 0.0), (0.9, 0.0), (0.1, 0.0), (0.0, 0.9), (0.0, 0.9), (0.0, 0.0)]
    for number, (first, second) in enumerate(pairs):
        scores = either({"word": first}, LateScores({"word": second}, 240))
        found += gate.update(scores, (number + 1) * CHUNK_SAMPLES)
    assert found == [WakeDetected("word", 0.9, CHUNK_SAMPLES)]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (WakeSettings(words=("alexa", "Hey Jarvis")), ["alexa", "hey_jarvis"]),
        (WakeSettings(words=("alexa", "hey_rhasspy", "own.tflite")), ["alexa"]),
        (WakeSettings(words=("hey_rhasspy",)), []),
        (WakeSettings(words=("alexa",), confirm=True), []),
        (WakeSettings(words=("alexa",), engine="micro"), []),
    ],
)
def test_those_words_are_helped_that_both_engines_know(
    settings: WakeSettings, words: list[str]
) -> None:
    assert [model.word for model in noise_models(settings)] == words
