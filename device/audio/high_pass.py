"""A fixed high-pass: no DC and no rumble, before the canceller and in its place.

A second-order Butterworth high-pass (bilinear transform), run a block at a time: with a
fixed block length the recursion is one matrix for what the block brings and one for what
the last block left behind, so numpy needs no loop over samples.

Pure; one thread at a time.
"""

from __future__ import annotations

import math

import numpy as np

from device.audio.echo import BLOCK_SAMPLES, RATE_HZ, Signal

CUTOFF_HZ = 50.0
"""Half power. Below the voice's pitch; a DC offset is gone after 30 ms."""


class HighPass:
    """Filters blocks of 160 samples of each channel at 16 kHz."""

    def __init__(self, channels: int, cutoff_hz: float = CUTOFF_HZ) -> None:
        self._channels = channels
        # Both results side by side: what comes out, and the state for the next block.
        self._of_block, self._of_state = _matrices(cutoff_hz)
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self._state: Signal = np.zeros((self._channels, 2), np.float32)

    def block(self, samples: Signal) -> Signal:
        """(channels, 160) in and out."""
        both: Signal = samples @ self._of_block
        both += self._state @ self._of_state
        self._state = both[:, BLOCK_SAMPLES:]
        return both[:, :BLOCK_SAMPLES]


def _matrices(cutoff_hz: float) -> tuple[Signal, Signal]:
    """Of the transposed direct form II, for row vectors: what the block (160, 162) and what
    the state (2, 162) add to block and state."""
    gain = math.tan(math.pi * cutoff_hz / RATE_HZ)
    scale = 1 / (1 + math.sqrt(2) * gain + gain**2)
    b = (scale, -2 * scale, scale)
    a = (2 * (gain**2 - 1) * scale, (1 - math.sqrt(2) * gain + gain**2) * scale)

    def run(inputs: np.ndarray, state: tuple[float, float]) -> Signal:
        first, second = state
        out = np.empty(BLOCK_SAMPLES)
        for place, value in enumerate(inputs):
            out[place] = b[0] * value + first
            first = b[1] * value - a[0] * out[place] + second
            second = b[2] * value - a[1] * out[place]
        return np.append(out, [first, second]).astype(np.float32)

    nothing = np.zeros(BLOCK_SAMPLES)
    impulses = [run(row, (0.0, 0.0)) for row in np.eye(BLOCK_SAMPLES)]
    states = [run(nothing, (1.0, 0.0)), run(nothing, (0.0, 1.0))]
    return np.stack(impulses), np.stack(states)
