"""Whisper's log-mel spectrogram of eight seconds, in numpy: what Smart Turn listens to. Pure.

The spectrogram is that of Whisper (Radford et al., 2022, arXiv 2212.04356): periodic Hann
windows of 25 ms every 10 ms, centred and reflected at the edges, power, 80 triangles on
Slaney's mel scale with equal area (Auditory Toolbox, 1998), log10, 8 decades below the
loudest. Smart Turn was trained with the sound brought to zero mean and unit variance first,
padding included, and silence on the left of what is shorter.

Every step is one call of numpy, which lets the GIL go while it computes; no loop is in Python.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples

Floats = NDArray[np.float32]

RATE_HZ = 16_000
SECONDS = 8
SAMPLES = SECONDS * RATE_HZ
BANDS = 80
FRAMES = 100 * SECONDS

_WINDOW, _HOP = 400, 160
_FULL_SCALE = 32768.0
_LEAST_VARIANCE = 1e-7
_LEAST_POWER = 1e-10
_DECADES = 8.0


def log_mel(samples: Samples) -> Floats:
    """The spectrogram, (80, 800), of the last 8 s of ``samples``: int16, mono, 16 kHz."""
    heard = samples[-SAMPLES:]
    sound = np.zeros(SAMPLES, np.float32)
    sound[SAMPLES - len(heard) :] = heard
    sound /= np.float32(_FULL_SCALE)
    sound -= sound.mean()
    sound /= np.sqrt(sound.var() + np.float32(_LEAST_VARIANCE))
    window, bands = _window(), _bands()
    padded = np.pad(sound, _WINDOW // 2, mode="reflect")
    # The frame after the last is left out, as Whisper does.
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::_HOP][:FRAMES]
    spectrum = np.fft.rfft(frames * window, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    loudness = np.log10(np.maximum(bands @ power.T, np.float32(_LEAST_POWER)))
    np.maximum(loudness, loudness.max() - np.float32(_DECADES), out=loudness)
    features: Floats = (loudness + np.float32(4.0)) / np.float32(4.0)
    return features


@cache
def _window() -> Floats:
    return np.hanning(_WINDOW + 1)[:-1].astype(np.float32)


@cache
def _bands() -> Floats:
    """Triangles of equal area, (80, 201): how much of each frequency each band hears."""
    edges_hz = _mel_to_hz(np.linspace(0.0, _hz_to_mel(RATE_HZ / 2), BANDS + 2))
    bins_hz = np.linspace(0.0, RATE_HZ / 2, _WINDOW // 2 + 1)
    low, centre, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)
    triangles = np.clip(np.minimum(rising, falling), 0.0, None)
    return (triangles * 2.0 / (high - low)).astype(np.float32)


# Slaney's scale: linear up to 1 kHz (15 mel), logarithmic above, 27 steps from there to 6.4 kHz.
_LINEAR_TO_HZ, _LINEAR_TO_MEL, _STEP = 1000.0, 15.0, np.log(6.4) / 27.0


def _hz_to_mel(above_1_khz: float) -> float:
    return float(_LINEAR_TO_MEL + np.log(above_1_khz / _LINEAR_TO_HZ) / _STEP)


def _mel_to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    logarithmic = _LINEAR_TO_HZ * np.exp(_STEP * (mel - _LINEAR_TO_MEL))
    linear = mel * _LINEAR_TO_HZ / _LINEAR_TO_MEL
    return np.where(mel < _LINEAR_TO_MEL, linear, logarithmic)
