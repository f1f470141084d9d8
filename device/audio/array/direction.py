"""Where a voice comes from: steered response power with phase transform (SRP-PHAT).

J. H. DiBiase, "A high-accuracy, low-latency technique for talker localization" (2000); the
pairwise correlations are those of Knapp and Carter's GCC-PHAT (1976). For every direction of
a grid the correlations of all pairs are read at the delays that it would cause, and added;
the direction with the largest sum wins. Distant voice, plane waves, in the array's plane.

Pure; ear thread only. Some milliseconds for a word of four microphones, once an utterance.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from device.audio.array.geometry import Positions, is_line
from device.ports import Samples

SOUND_M_PER_S = 343.0
WINDOW_MS = 32
BAND_HZ = (300.0, 5000.0)
"""Voices have their energy there; below, an array of some centimetres cannot tell directions."""

GRID_DEG = 2
LEAST_CONFIDENCE = 0.17
"""Below it the direction is said to be unknown. Noise from everywhere gives up to 0.16, a word
from 2 m away 0.14 to 0.31 in a room of 0.35 s, 0.5 and more without walls."""

LOUD_SHARE, QUIET_SHARE = 0.3, 0.2
"""The loudest windows, in which the voice outweighs room and noise, and the quietest, which
tell what the noise is."""

LEAST_WINDOWS = 16  # a quarter of a second


@dataclass(frozen=True, slots=True)
class Direction:
    """``azimuth_deg`` 0 to 360 from the array's x axis towards its y axis; ``confidence`` 0
    to 1. A line of microphones gives 0 to 180: it cannot tell one side from the other."""

    azimuth_deg: float
    confidence: float


class DirectionFinder:
    """For one array. ``rate_hz`` is that of the samples."""

    def __init__(self, positions: Positions, rate_hz: int) -> None:
        count = len(positions)
        self._pairs = list(combinations(range(count), 2))
        self._window = WINDOW_MS * rate_hz // 1000
        self._taper = np.hanning(self._window)
        hz = np.fft.rfftfreq(self._window, 1 / rate_hz)
        self._band = np.flatnonzero((hz >= BAND_HZ[0]) & (hz <= min(BAND_HZ[1], 0.45 * rate_hz)))
        turn = 181 if is_line(positions) else 360
        self._degrees = np.arange(0, turn, GRID_DEG)
        if is_line(positions):
            axis = positions[-1] - positions[0]
            turned = np.arctan2(axis[1], axis[0])
        else:
            turned = 0.0
        angles = np.radians(self._degrees) + turned
        toward = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        early_s = toward @ positions.T / SOUND_M_PER_S  # who stands nearer hears it earlier
        lag_s = np.stack([early_s[:, a] - early_s[:, b] for a, b in self._pairs], axis=1)
        phase = 2j * np.pi * lag_s[:, :, None] * hz[self._band]
        #: (directions, pairs * bins): what each direction takes the cross-spectra times
        self._steering: NDArray[np.complex64] = (
            np.exp(-phase).reshape(len(self._degrees), -1).astype(np.complex64)
        )

    def find(self, frames: Samples) -> Direction | None:
        """Where the loudest of ``frames``, int16 (n, microphones), comes from; None when it
        cannot be said: too short, or from nowhere in particular."""
        found = self.guess(frames)
        return found if found is not None and found.confidence >= LEAST_CONFIDENCE else None

    def guess(self, frames: Samples) -> Direction | None:
        """The same, however little confidence there is; None only without sound."""
        spectra = self._spectra(frames)
        if spectra is None:
            return None
        loud, weight = spectra
        if not weight.any():
            return None
        cross = np.stack([(loud[:, a] * loud[:, b].conj()).mean(axis=0) for a, b in self._pairs])
        cross *= weight / (weight.sum() * len(cross))
        power = (self._steering @ cross.ravel().astype(np.complex64)).real
        best = int(np.argmax(power))
        # 1 is a single plane wave; the mean over all directions is what any sound gives.
        mean = float(power.mean())
        confidence = float((power[best] - mean) / max(1.0 - mean, 1e-6))
        return Direction(self._refined(power, best), min(1.0, max(0.0, confidence)))

    def _spectra(
        self, frames: Samples
    ) -> tuple[NDArray[np.complex128], NDArray[np.float64]] | None:
        """Spectra (windows, microphones, bins), each of size 1, of the loudest windows; and
        what each bin counts: how much of it the quieter windows do not explain."""
        step = self._window // 2
        starts = range(0, len(frames) - self._window + 1, step)
        if len(starts) < LEAST_WINDOWS:
            return None
        cut = np.stack([frames[at : at + self._window] for at in starts]).astype(np.float64)
        cut -= cut.mean(axis=1, keepdims=True)
        size = (cut**2).sum(axis=(1, 2))
        if not size.any():
            return None
        spectra = np.fft.rfft(cut * self._taper[None, :, None], axis=1)[:, self._band]
        power = (np.abs(spectra) ** 2).mean(axis=2)
        loud = size >= np.quantile(size, 1 - LOUD_SHARE)
        voice = power[loud].mean(axis=0)
        noise = power[size <= np.quantile(size, QUIET_SHARE)].mean(axis=0)
        weight = np.maximum(0.0, 1 - 2 * noise / np.maximum(voice, 1e-9))
        chosen = spectra[loud]
        chosen /= np.maximum(np.abs(chosen), 1e-9)
        return np.moveaxis(chosen, 1, 2), weight

    def _refined(self, power: NDArray[np.float32], best: int) -> float:
        """A parabola through the peak and its neighbours."""
        around = len(self._degrees) * GRID_DEG == 360
        if not around and not 0 < best < len(power) - 1:
            return float(self._degrees[best])
        low, peak, high = (float(power[(best + d) % len(power)]) for d in (-1, 0, 1))
        bend = low - 2 * peak + high
        shift = 0.5 * (low - high) / bend if bend < 0 else 0.0
        degrees = float(self._degrees[best]) + GRID_DEG * shift
        return degrees % 360 if around else degrees
