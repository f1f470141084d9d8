"""The features against the reference: values that pipecat-ai 1.14.0 computes for a sweep."""

from __future__ import annotations

import numpy as np
import pytest

from device.audio.finished.whisper_mel import BANDS, FRAMES, RATE_HZ, SAMPLES, log_mel
from device.ports import Samples


def sweep(seconds: int = 3) -> Samples:
    """Growing louder, 100 Hz to 6.1 kHz."""
    t = np.arange(seconds * RATE_HZ) / RATE_HZ
    wave = 8000 * np.sin(2 * np.pi * (100 * t + 1000 * t**2)) * (0.2 + 0.8 * t / seconds)
    return np.rint(wave).astype(np.int16)


def test_the_features_are_those_that_the_model_was_trained_on() -> None:
    features = log_mel(sweep())
    assert features.shape == (BANDS, FRAMES)
    assert features.dtype == np.float32
    reference = {
        (3, 510): 0.5267,
        (79, 799): 0.5202,
        (70, 799): 0.5878,
        (5, 799): 0.1063,
        (40, 499): -0.2817,
    }
    for place, value in reference.items():
        assert features[place] == pytest.approx(value, abs=1e-3)
    assert float(features.mean()) == pytest.approx(-0.238079, abs=1e-4)
    assert float(features.std()) == pytest.approx(0.237665, abs=1e-4)


def test_what_is_shorter_has_silence_on_its_left() -> None:
    features = log_mel(sweep())
    quiet = features[:, : FRAMES - 302]
    assert np.ptp(quiet) == 0
    assert features[:, FRAMES - 290 :].max() > quiet.max()


def test_of_what_is_longer_the_last_eight_seconds_count() -> None:
    noise = np.random.default_rng(0).normal(0, 1000, SAMPLES + 5000).astype(np.int16)
    assert np.array_equal(log_mel(noise), log_mel(noise[-SAMPLES:]))


def test_loudness_does_not_matter() -> None:
    quiet = np.random.default_rng(0).normal(0, 1000, SAMPLES).astype(np.int16)
    assert np.allclose(log_mel(quiet), log_mel(quiet * 4), atol=1e-3)


def test_silence_gives_finite_features() -> None:
    assert np.isfinite(log_mel(np.zeros(RATE_HZ, np.int16))).all()
