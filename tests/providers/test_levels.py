"""How loud sound is."""

from __future__ import annotations

import math
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.providers.levels import peak

SAMPLES = st.integers(-32768, 32767)


def sound(samples: list[int]) -> bytes:
    return array("h", samples).tobytes()


@given(st.lists(st.one_of(SAMPLES, st.integers(-520, 520)), max_size=900))
@settings(max_examples=300)
def test_the_peak_is_the_largest_magnitude(samples: list[int]) -> None:
    assert peak(sound(samples)) == max((abs(sample) for sample in samples), default=0)


@pytest.mark.parametrize("step", [1, 2, 64, 127])
def test_a_sample_below_zero_may_be_louder_than_one_of_a_higher_step(step: int) -> None:
    below, above = -(256 * step), 256 * step - 1
    assert peak(sound([below, above] * 5)) == 256 * step
    assert peak(sound([below + 255, above] * 5)) == above


@pytest.mark.parametrize("amplitude", [1, 33, 300, 5000, 32767])
def test_a_long_tone_has_the_peak_of_its_loudest_sample(amplitude: int) -> None:
    samples = [round(amplitude * math.sin(at / 9)) for at in range(24_000)]
    assert peak(sound(samples)) == max(map(abs, samples))


def test_the_loudest_sample_there_is_counts() -> None:
    assert peak(sound([0] * 500 + [-32768])) == 32768


def test_silence_has_none() -> None:
    assert peak(b"") == peak(bytes(9600)) == 0
