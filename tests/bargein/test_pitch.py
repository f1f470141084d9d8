"""A voice has a pitch, a noise has none."""

from __future__ import annotations

import numpy as np
import pytest

from device.audio.pitch import HIGHEST_HZ, LOWEST_HZ, PIECE_SAMPLES, RATE_HZ, VOICED, harmonicity
from device.ports import Samples

SECONDS = np.arange(PIECE_SAMPLES) / RATE_HZ


def voice(hertz: float) -> Samples:
    """Twelve harmonics, the higher the weaker."""
    made = sum(np.sin(2 * np.pi * hertz * n * SECONDS) / n for n in range(1, 13))
    return np.rint(np.asarray(made) * 4000).astype(np.int16)


@pytest.mark.parametrize("hertz", [75, 110, 180, 260, 390])
def test_a_voice_of_any_height_is_voiced(hertz: int) -> None:
    assert harmonicity(voice(hertz)) > 0.9


@pytest.mark.parametrize("seed", range(5))
def test_noise_is_not(seed: int) -> None:
    noise = np.random.default_rng(seed).standard_normal(PIECE_SAMPLES) * 3000
    assert harmonicity(noise.astype(np.int16)) < VOICED


def test_a_voice_in_noise_10_db_weaker_still_is() -> None:
    noise = np.random.default_rng(3).standard_normal(PIECE_SAMPLES)
    said = voice(140).astype(np.float64)
    noise *= np.sqrt(np.mean(said**2)) * 10 ** (-10 / 20)
    assert harmonicity((said + noise).astype(np.int16)) > VOICED


def test_silence_and_an_offset_have_no_pitch() -> None:
    assert harmonicity(np.zeros(PIECE_SAMPLES, np.int16)) == 0.0
    assert harmonicity(np.full(PIECE_SAMPLES, 500, np.int16)) == 0.0


def test_a_piece_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="samples"):
        harmonicity(np.zeros(512, np.int16))


def test_a_loud_hiss_of_a_kettle_is_not_a_voice() -> None:
    whistle = np.rint(8000 * np.sin(2 * np.pi * 2900 * SECONDS)).astype(np.int16)
    hiss = np.random.default_rng(1).standard_normal(PIECE_SAMPLES) * 6000
    assert harmonicity((whistle * 0.1 + hiss).astype(np.int16)) < VOICED
    assert LOWEST_HZ < HIGHEST_HZ
