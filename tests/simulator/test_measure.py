"""Finding and comparing sounds whose places are known, because they were put there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from device.simulator.measure import (
    compare,
    correlation,
    locate,
    loud_bounds,
    silence_after,
)
from device.simulator.wavfile import resample, to_int16

Samples = NDArray[np.int16]


def noise(seconds: float, rate_hz: int, level: float = 3000, seed: int = 1) -> Samples:
    """Band-limited noise, which any resampler passes."""
    rng = np.random.default_rng(seed)
    raw = rng.standard_normal(int(seconds * 12_000))
    return to_int16(resample(raw * level / 32768, 12_000, rate_hz))


def test_a_planted_piece_is_found_under_noise_and_at_another_level() -> None:
    needle = noise(0.3, 16_000).astype(float)
    hay = noise(3.0, 16_000, level=300, seed=2).astype(float)
    hay[20_001 : 20_001 + len(needle)] += needle * 0.3
    found = locate(needle, hay)
    assert found is not None
    assert found[0] == 20_001
    assert found[1] > 0.9


def test_of_two_equal_places_the_earliest() -> None:
    needle = noise(0.2, 16_000).astype(float)
    hay = np.zeros(40_000)
    hay[5000 : 5000 + len(needle)] = needle
    hay[30_000 : 30_000 + len(needle)] = needle * 2
    found = locate(needle, hay, earliest=True)
    assert found is not None
    assert found[0] == 5000


def test_nothing_is_found_in_silence_or_in_too_little() -> None:
    needle = noise(0.1, 16_000).astype(float)
    assert not correlation(needle, np.zeros(8000)).any()
    assert locate(needle, needle[:10]) is None


def test_bounds_of_speech_ignore_faint_ends() -> None:
    samples = np.zeros(1000, np.int16)
    samples[100:900] = 10
    samples[300:501] = 10_000
    assert loud_bounds(samples) == (300, 500)
    assert loud_bounds(np.zeros(10, np.int16)) is None


class TestSilenceAfter:
    samples = np.zeros(10_000, np.int16)
    samples[1000:4000] = 500
    samples[3000:3040] = 0  # a short pause
    samples[6000:7000] = 500  # something later

    def ask(self, edge: float) -> tuple[int, int] | None:
        return silence_after(self.samples, edge, before=200, gap=100)

    def test_the_last_sample_and_the_quiet_after_it(self) -> None:
        assert self.ask(3500) == (3999, 2000)

    def test_a_short_pause_is_no_end(self) -> None:
        assert self.ask(3010) == (3999, 2000)

    def test_just_fallen_silent(self) -> None:
        assert self.ask(4100) == (3999, 2000)

    def test_nothing_sounded(self) -> None:
        assert self.ask(900) is None
        assert self.ask(5000) is None

    def test_until_the_end(self) -> None:
        assert self.ask(6500) == (6999, 3000)


class TestCompare:
    """The copy is at 24 kHz, the original at 48 kHz, as uplink and microphone are."""

    original = noise(6.0, 48_000)

    def copy_of(self, *pieces: tuple[float, float]) -> Samples:
        cut = [self.original[round(a * 48_000) : round(b * 48_000)] for a, b in pieces]
        joined = np.concatenate(cut).astype(float) / 32768
        return to_int16(resample(joined, 48_000, 24_000))

    def test_an_exact_copy(self) -> None:
        found = compare(self.copy_of((1.2345, 4.0)), 24_000, self.original, 48_000)
        assert found is not None
        assert found.offset == pytest.approx(1.2345, abs=2e-5)
        assert (found.lost, found.doubled, found.unlike_blocks) == (0, 0, 0)
        assert found.original(2.0) == pytest.approx(3.2345, abs=2e-5)

    @pytest.mark.parametrize("samples_24k", [1, 7, 240, 1201, 12_000])
    def test_lost_samples_are_counted(self, samples_24k: int) -> None:
        hole = samples_24k / 24_000
        copy = self.copy_of((1.0, 2.0), (2.0 + hole, 4.0))
        found = compare(copy, 24_000, self.original, 48_000)
        assert found is not None
        assert round(found.lost * 24_000) == samples_24k
        assert round(found.doubled * 24_000) == 0
        assert found.original(1.5) == pytest.approx(2.5 + hole, abs=3e-5)

    @pytest.mark.parametrize("samples_24k", [1, 240, 480])
    def test_doubled_samples_are_counted(self, samples_24k: int) -> None:
        copy = self.copy_of((1.0, 2.0), (2.0 - samples_24k / 24_000, 4.0))
        found = compare(copy, 24_000, self.original, 48_000)
        assert found is not None
        assert round(found.doubled * 24_000) == samples_24k
        assert round(found.lost * 24_000) == 0

    def test_a_hole_in_real_speech_with_silences(self) -> None:
        original = self.original.copy()
        original[: 48_000 * 2] = 0  # nothing to follow here
        copy = np.delete(original, slice(150_000, 150_480))
        halved = to_int16(resample(copy.astype(float) / 32768, 48_000, 24_000))
        found = compare(halved, 24_000, original, 48_000)
        assert found is not None
        assert round(found.lost * 24_000) == 240
        assert found.offset == pytest.approx(0.0, abs=2e-5)

    def test_foreign_sound_in_the_middle(self) -> None:
        copy = self.copy_of((1.0, 4.0))
        copy[24_000:36_000] = noise(0.5, 24_000, seed=9)
        found = compare(copy, 24_000, self.original, 48_000)
        assert found is not None
        assert 8 <= found.unlike_blocks <= 12
        assert (found.lost, found.doubled) == (0, 0)

    def test_of_a_word_that_is_said_twice_the_right_one_is_followed(self) -> None:
        """Half a sample off the coarse grid the right one is less like than the other."""
        word = noise(0.2, 48_000, seed=4)
        original = (noise(6.0, 48_000, seed=2) // 100).astype(np.int16)
        original[48_000 : 48_000 + len(word)] += word
        original[144_002 : 144_002 + len(word)] += word
        copy = original[139_202:190_002].astype(float) / 32768
        found = compare(to_int16(resample(copy, 48_000, 24_000)), 24_000, original, 48_000)
        assert found is not None
        assert found.offset == pytest.approx(139_202 / 48_000, abs=2e-5)
        assert (found.lost, found.doubled, found.unlike_blocks) == (0, 0, 0)

    def test_another_sound_altogether(self) -> None:
        assert compare(noise(2.0, 24_000, seed=5), 24_000, self.original, 48_000) is None

    def test_a_telephone_band_copy_matches_too(self) -> None:
        at_16k = resample(self.original.astype(float) / 32768, 48_000, 16_000)
        copy = to_int16(resample(at_16k[16_000:64_000], 16_000, 24_000))
        found = compare(copy, 24_000, self.original, 48_000)
        assert found is not None
        assert found.offset == pytest.approx(1.0, abs=3e-5)
        assert (found.lost, found.doubled, found.unlike_blocks) == (0, 0, 0)
