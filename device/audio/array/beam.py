"""A fixed superdirective beam: the channels of an array, filtered and added.

J. Bitzer and K. U. Simmer, "Superdirective microphone arrays" (in Brandstein and Ward,
*Microphone Arrays*, 2001): per frequency the weights that let sound from one direction pass
unchanged and take the most from noise that comes equally from everywhere, whose coherence
between two places is sinc(2 f d / c). Noise of the microphones themselves, which is the same
in no two of them, is amplified by that at low frequencies; ``NOISE_LOADING`` bounds it.

The weights are FIR filters that never change, so the beam stands behind the echo canceller
without disturbing it. Pure; ear thread only.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.audio.array.direction import SOUND_M_PER_S
from device.audio.array.geometry import Positions
from device.ports import Samples

TAPS = 64
"""Of each channel's filter; its middle is the beam's delay: 2 ms at 16 kHz."""

LATENCY_SAMPLES = TAPS // 2
NOISE_LOADING = 0.01
"""Power of the microphones' own noise against the diffuse noise: -20 dB."""

_BINS = 257


class FixedBeam:
    """Looks towards ``azimuth_deg``; int16 (n, microphones) in, int16 (n,) out, delayed by
    :data:`LATENCY_SAMPLES`, whatever the pieces. Sound from there keeps its level."""

    def __init__(self, positions: Positions, azimuth_deg: float, rate_hz: int) -> None:
        self._filters = _filters(positions, azimuth_deg, rate_hz)
        self._size = 1024
        self._spectra = np.fft.rfft(self._filters, self._size, axis=1)
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._past = np.zeros((len(self._filters), TAPS - 1))

    def steer(self, frames: Samples) -> Samples:
        """The next frames through the beam (overlap-save)."""
        sound = np.concatenate([self._past, frames.T.astype(np.float64)], axis=1)
        self._past = sound[:, -(TAPS - 1) :]
        out = np.empty(len(frames))
        step = self._size - TAPS + 1
        for start in range(0, len(frames), step):
            piece = np.fft.rfft(sound[:, start : start + self._size], self._size, axis=1)
            whole = np.fft.irfft((piece * self._spectra).sum(axis=0), self._size)
            fresh = min(step, len(frames) - start)
            out[start : start + fresh] = whole[TAPS - 1 : TAPS - 1 + fresh]
        return np.clip(np.rint(out), -32768, 32767).astype(np.int16)


def _filters(positions: Positions, azimuth_deg: float, rate_hz: int) -> NDArray[np.float64]:
    """(microphones, taps)"""
    count = len(positions)
    hz = np.linspace(0, rate_hz / 2, _BINS)
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    angle = np.radians(azimuth_deg)
    early_s = positions @ np.array([np.cos(angle), np.sin(angle)]) / SOUND_M_PER_S
    weights = np.empty((_BINS, count), np.complex128)
    for place, frequency in enumerate(hz):
        coherence = np.sinc(2 * frequency * apart / SOUND_M_PER_S) + NOISE_LOADING * np.eye(count)
        wave = np.exp(2j * np.pi * frequency * early_s)
        solved = np.linalg.solve(coherence, wave)
        weights[place] = solved / (wave.conj() @ solved)
    delayed = weights.conj() * np.exp(-2j * np.pi * hz * LATENCY_SAMPLES / rate_hz)[:, None]
    responses = np.fft.irfft(delayed, axis=0)[:TAPS]
    return np.asarray((responses * np.hanning(TAPS + 1)[:-1, None]).T)
