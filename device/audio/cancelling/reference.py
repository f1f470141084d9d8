"""The far end read at fractions of a sample, at a pace that differs a little from nominal.

A windowed-sinc interpolator whose fraction slides over the block: one set of taps for its
beginning, one for its end, and the two results cross-faded (T. I. Laakso et al., "Splitting
the unit delay", 1996). Below 200 ppm the two differ by a thirtieth of a sample.

Pure; one thread at a time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from device.audio.cancelling.far_end import FarEnd
from device.audio.echo import BLOCK_SAMPLES, Signal

HALF = 16

STEPS = 256
"""Of a sample: for so many fractions the taps are held ready."""

LEAST_SLIDE = 2e-3
"""Samples a block, 6 ppm: less is not worth the second set of taps, for what it costs lies
60 dB below the sound even at 5 kHz."""

_BEYOND = STEPS // 8
"""Steps before 0 and after 1: a block's end may lie a little outside."""

_PLACES = HALF - np.arange(2 * HALF)
_FADE = (np.arange(BLOCK_SAMPLES) / BLOCK_SAMPLES).astype(np.float32)


class Reference:
    """Blocks of what was played, full scale is 1."""

    def __init__(self, far_end: FarEnd) -> None:
        self._far_end = far_end
        steps = np.arange(-_BEYOND, STEPS + _BEYOND)
        self._table = _taps(steps[:, None] / STEPS)

    def read(self, instant: float, skew_ppm: float) -> Signal:
        """320 samples from ``instant`` on, each ``1 + skew_ppm`` of a sample after the last."""
        whole = math.floor(instant)
        first = instant - whole
        drift = BLOCK_SAMPLES * skew_ppm * 1e-6
        heard = self._far_end.read(whole - HALF, whole + BLOCK_SAMPLES + HALF)
        sound = heard * np.float32(1 / 32768)
        if first == 0.0 and drift == 0.0:
            return sound[HALF:-HALF]
        begins = np.correlate(sound, self._taps(first), "valid")[:BLOCK_SAMPLES]
        if abs(drift) < LEAST_SLIDE:
            return begins
        ends = np.correlate(sound, self._taps(first + drift), "valid")[:BLOCK_SAMPLES]
        slid: Signal = begins + _FADE * (ends - begins)
        return slid

    def _taps(self, fraction: float) -> Signal:
        """From the table, between two of its rows: below 1e-5 no other."""
        at = fraction * STEPS + _BEYOND
        step = int(at)
        part = at - step
        taps: Signal = self._table[step] * np.float32(1 - part)
        taps += self._table[step + 1] * np.float32(part)
        return taps


def _taps(fraction: NDArray[np.float64]) -> Signal:
    """Read so much later (about 0 to 1) than the sample in the middle, for each row of
    ``fraction`` (n, 1); for correlation, so the earliest sample's first."""
    offset = _PLACES - 1 - fraction
    window = np.cos(np.pi * offset / (2 * HALF + 2)) ** 2
    taps: Signal = (np.sinc(offset) * window)[:, ::-1].astype(np.float32)
    return taps
