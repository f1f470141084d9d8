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

    def run(inputs: Signal, first: float, second: float) -> Signal:
        """What comes out of each sample, and the state after it, (160, 3)."""
        rows = np.empty((BLOCK_SAMPLES, 3), np.float32)
        for place, value in enumerate(inputs.tolist()):
            out = b[0] * value + first
            first = b[1] * value - a[0] * out + second
            second = b[2] * value - a[1] * out
            rows[place] = out, first, second
        return rows

    silence = np.zeros(BLOCK_SAMPLES, np.float32)
    pulse = silence.copy()
    pulse[0] = 1.0
    response = run(pulse, 0.0, 0.0)
    of_block = np.zeros((BLOCK_SAMPLES, BLOCK_SAMPLES + 2), np.float32)
    for place in range(BLOCK_SAMPLES):  # the same response, later and later
        of_block[place, place:BLOCK_SAMPLES] = response[: BLOCK_SAMPLES - place, 0]
        of_block[place, BLOCK_SAMPLES:] = response[BLOCK_SAMPLES - place - 1, 1:]
    states = [run(silence, 1.0, 0.0), run(silence, 0.0, 1.0)]
    of_state = np.stack([np.append(rows[:, 0], rows[-1, 1:]) for rows in states])
    return of_block, of_state
