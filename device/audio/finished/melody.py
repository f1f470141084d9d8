"""How far the voice has fallen at the end of what was said. Pure.

Sentences that are over end low in the speaker's range, those that go on end higher: "final
lowering" (Liberman and Pierrehumbert, "Intonational invariance under changes in pitch range and
length", 1984), one of the cues by which people yield the turn (Gravano and Hirschberg,
"Turn-taking cues in task-oriented dialogue", 2011).

The pitch is the first high peak of the autocorrelation, divided by that of the window (Boersma,
"Accurate short-term analysis of the fundamental frequency", 1993), of 40 ms at 4 kHz every 10 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples

Floats = NDArray[np.float64]

RATE_HZ = 16_000
_DECIMATION = 4
_PITCH_RATE_HZ = RATE_HZ // _DECIMATION
_WINDOW, _HOP, _TRANSFORM = 160, 40, 512
_FRAME_S = _HOP / _PITCH_RATE_HZ
_LOWEST_HZ, _HIGHEST_HZ = 65, 400
_MOST_S = 8.0
#: A frame is voiced that repeats itself at least so well, and is at most so far below the loudest.
_PERIODIC, _BELOW_LOUDEST_DB = 0.7, 20.0
#: The shortest lag whose peak is nearly the highest: multiples of a period repeat as well.
_NEARLY = 0.9
_SHORTER_FIRST = 0.002  # off the correlation, per sample of lag
_LAST_FRAMES = 8
_FEWEST_FRAMES = 10
_FARTHEST_SEMITONES = 14.0  # from the median: an error of an octave


@dataclass(frozen=True, slots=True)
class Melody:
    """Of one turn so far."""

    fall_semitones: float  #: of the last 80 ms of voice, below the median; 0: too little to tell
    voiced_s: float  #: how much voice there was


def melody(samples: Samples) -> Melody:
    """Of the last 8 s of ``samples``, mono int16 at 16 kHz, whatever silence is around them."""
    pitch = _semitones(samples[-round(_MOST_S * RATE_HZ) :])
    voiced = pitch[~np.isnan(pitch)]
    if len(voiced):
        voiced = voiced[np.abs(voiced - np.median(voiced)) <= _FARTHEST_SEMITONES]
    if len(voiced) < _FEWEST_FRAMES:
        return Melody(0.0, len(voiced) * _FRAME_S)
    fall = np.median(voiced) - np.median(voiced[-_LAST_FRAMES:])
    return Melody(float(fall), len(voiced) * _FRAME_S)


def _semitones(samples: Samples) -> Floats:
    """Above 100 Hz, of each 10 ms; nan where there is no voice."""
    count = len(samples) // _DECIMATION
    if count < _WINDOW:
        return np.empty(0)
    sound = samples[: count * _DECIMATION].astype(np.float64).reshape(-1, _DECIMATION).mean(axis=1)
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW)[::_HOP]
    frames = frames - frames.mean(axis=1, keepdims=True)
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-3)
    lag, alike = _periods(_autocorrelation(frames))
    voiced = (alike > _PERIODIC) & (level_db > level_db.max() - _BELOW_LOUDEST_DB)
    return np.where(voiced, 12 * np.log2(_PITCH_RATE_HZ / lag / 100), np.nan)


def _autocorrelation(frames: Floats) -> Floats:
    """Of each frame, 1 at lag 0, without the slope that the window gives it."""
    window = np.hanning(_WINDOW)

    def correlated(sound: Floats) -> Floats:
        power = np.abs(np.fft.rfft(sound, _TRANSFORM)) ** 2
        shared: Floats = np.fft.irfft(power, _TRANSFORM)[..., :_WINDOW]
        return shared

    of_window, of_frames = correlated(window), correlated(frames * window)
    slope = np.maximum(of_window / of_window[0], 1e-6)
    alike: Floats = of_frames / np.maximum(of_frames[:, :1], 1e-9) / slope
    return alike


def _periods(correlation: Floats) -> tuple[Floats, Floats]:
    """Of each frame the lag in samples, between whole ones, and how alike it is after that."""
    first, last = _PITCH_RATE_HZ // _HIGHEST_HZ, _PITCH_RATE_HZ // _LOWEST_HZ
    alike = correlation[:, first : last + 1]
    weighed = alike - _SHORTER_FIRST * np.arange(first, last + 1)
    middle = weighed[:, 1:-1]
    peak = (middle >= weighed[:, :-2]) & (middle >= weighed[:, 2:])
    peak &= middle >= _NEARLY * weighed.max(axis=1, keepdims=True)
    best = np.where(peak.any(axis=1), peak.argmax(axis=1), middle.argmax(axis=1)) + 1
    rows = np.arange(len(alike))
    before, at, after = (alike[rows, best + step] for step in (-1, 0, 1))
    curvature = before - 2 * at + after
    bend = np.where(np.abs(curvature) < 1e-9, 1.0, 2 * curvature)
    return first + best + np.clip((before - after) / bend, -0.5, 0.5), at
