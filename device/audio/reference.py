"""The far end read at fractions of a sample, at a pace that differs a little from nominal.

A windowed-sinc interpolator whose fraction slides over the block: one set of taps for its
beginning, one for its end, and the two results cross-faded (T. I. Laakso et al., "Splitting
the unit delay", 1996). Below 200 ppm the two differ by a thirtieth of a sample.

Pure; one thread at a time.
"""

from __future__ import annotations

import math

import numpy as np

from device.audio.echo import BLOCK_SAMPLES, Signal
from device.audio.far_end import FarEnd

HALF = 16

_PLACES = HALF - np.arange(2 * HALF)
_FADE = (np.arange(BLOCK_SAMPLES) / BLOCK_SAMPLES).astype(np.float32)


class Reference:
    """Blocks of what was played, full scale is 1."""

    def __init__(self, far_end: FarEnd) -> None:
        self._far_end = far_end

    def read(self, instant: float, skew_ppm: float) -> Signal:
        """160 samples from ``instant`` on, each ``1 + skew_ppm`` of a sample after the last."""
        whole = math.floor(instant)
        first = instant - whole
        drift = BLOCK_SAMPLES * skew_ppm * 1e-6
        heard = self._far_end.read(whole - HALF, whole + BLOCK_SAMPLES + HALF)
        sound = heard.astype(np.float32) / 32768.0
        if not sound.any():
            return np.zeros(BLOCK_SAMPLES, np.float32)
        if first == 0.0 and drift == 0.0:
            return sound[HALF:-HALF]
        begins = np.convolve(sound, _taps(first), "valid")[:BLOCK_SAMPLES]
        if drift == 0.0:
            return begins
        ends = np.convolve(sound, _taps(first + drift), "valid")[:BLOCK_SAMPLES]
        slid: Signal = begins + _FADE * (ends - begins)
        return slid


def _taps(fraction: float) -> Signal:
    """Read so much later (0 to a little over 1) than the sample in the middle."""
    offset = _PLACES - 1 - fraction
    window = np.cos(np.pi * offset / (2 * HALF + 2)) ** 2
    taps: Signal = (np.sinc(offset) * window).astype(np.float32)
    return taps
