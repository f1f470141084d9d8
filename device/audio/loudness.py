"""Volume: from the percent a person sets to a gain, and changes without clicks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_EXPONENT = 1.661
"""log2(10) / 2: ten decibels more sound twice as loud (Stevens' power law, ISO 532
sones), so that 50 percent is heard as half of 100 percent: -10 dB."""


def gain_of(percent: float) -> float:
    """Linear gain (0..1) of ``percent`` (0-100) on the loudness scale; 100 is exactly 1."""
    bounded = min(max(percent, 0.0), 100.0)
    return float((bounded / 100.0) ** _EXPONENT)


class GainRamp:
    """A gain that reaches its target along a straight line. One thread at a time.

    ``full_scale_frames`` is how many frames a change from 0 to 1 takes; smaller
    changes take as much less. A step in the waveform is heard as a click, a slope
    of some 20 ms is not.
    """

    def __init__(self, gain: float, full_scale_frames: int) -> None:
        if full_scale_frames < 1:
            raise ValueError("a ramp takes at least one frame")
        self._gain = self._target = gain
        self._slope = 1.0 / full_scale_frames

    @property
    def is_unity(self) -> bool:
        """Whether the next samples may pass untouched."""
        return self._gain == 1.0 and self._target == 1.0

    @property
    def gain(self) -> float:
        """Of the newest sample."""
        return self._gain

    def aim(self, gain: float, full_scale_frames: int | None = None) -> None:
        """Go to ``gain`` from the next sample on; ``full_scale_frames`` changes the slope."""
        self._target = gain
        if full_scale_frames is not None:
            self._slope = 1.0 / full_scale_frames

    def jump(self, gain: float) -> None:
        """Be at ``gain`` at once: nothing sounds."""
        self._gain = self._target = gain

    def next(self, frames: int) -> NDArray[np.float32] | float:
        """The gain of the next ``frames`` frames: one number when it rests."""
        distance = self._target - self._gain
        if distance == 0.0 or frames == 0:
            return self._gain
        step = self._slope if distance > 0 else -self._slope
        gains: NDArray[np.float32] = np.arange(1, frames + 1, dtype=np.float32)
        gains = np.float32(self._gain) + np.float32(step) * gains
        low, high = sorted((self._gain, self._target))
        gains = np.minimum(np.maximum(gains, low), high)
        reached = abs(distance) <= self._slope * frames
        self._gain = self._target if reached else float(gains[-1])
        return gains
