"""A fixed high-pass: no DC and no rumble, before the canceller and in its place.

A second-order Butterworth high-pass (bilinear transform) without a loop over samples. A
recursion over a piece of fixed length is one matrix for what the piece brings and one for
the state that the piece before left behind; and the states themselves are a recursion over
pieces, which is a matrix again. Of a few short pieces both are small.

Pure; one thread at a time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from device.audio.echo import BLOCK_SAMPLES, RATE_HZ, Signal

CUTOFF_HZ = 50.0
"""Half power. Below the voice's pitch; a DC offset is gone after 30 ms."""

_PIECE = 32
_PIECES = BLOCK_SAMPLES // _PIECE

Matrix = NDArray[np.float64]


class HighPass:
    """Filters blocks of 320 samples of each channel at 16 kHz."""

    def __init__(self, channels: int, cutoff_hz: float = CUTOFF_HZ) -> None:
        self._channels = channels
        self._of_piece, self._of_state, self._of_pieces, self._of_past = _matrices(cutoff_hz)
        self.reset()

    def reset(self) -> None:
        """Forget the past."""
        self._state: Signal = np.zeros((self._channels, 2), np.float32)

    def block(self, samples: Signal) -> Signal:
        """(channels, 320) in and out."""
        pieces = samples.reshape(self._channels * _PIECES, _PIECE)
        both: Signal = pieces @ self._of_piece
        left: Signal = both[:, _PIECE:].reshape(self._channels, 2 * _PIECES)
        states: Signal = left @ self._of_pieces
        states += self._state @ self._of_past
        out: Signal = both[:, :_PIECE]
        out += states[:, :-2].reshape(-1, 2) @ self._of_state
        self._state = states[:, -2:]
        return out.reshape(self._channels, BLOCK_SAMPLES)


def _matrices(cutoff_hz: float) -> tuple[Signal, Signal, Signal, Signal]:
    """For row vectors: piece -> what comes out of it and the state it leaves, (32, 34); state
    before a piece -> what it adds to it, (2, 32); states that the pieces leave -> the state
    before each piece and after the last, (20, 22); state before the block -> the same,
    (2, 22). The states are those of the transposed direct form II."""
    gain = math.tan(math.pi * cutoff_hz / RATE_HZ)
    scale = 1 / (1 + math.sqrt(2) * gain + gain**2)
    b = (scale, -2 * scale, scale)
    a = (2 * (gain**2 - 1) * scale, (1 - math.sqrt(2) * gain + gain**2) * scale)

    def run(inputs: Matrix, first: float, second: float) -> Matrix:
        """What comes out of each sample, then the state after the last."""
        outputs = []
        for value in inputs.tolist():
            out = b[0] * value + first
            first = b[1] * value - a[0] * out + second
            second = b[2] * value - a[1] * out
            outputs.append(out)
        return np.array([*outputs, first, second])

    of_piece = np.stack([run(pulse, 0.0, 0.0) for pulse in np.eye(_PIECE)])
    silence = np.zeros(_PIECE)
    of_state = np.stack([run(silence, 1.0, 0.0), run(silence, 0.0, 1.0)])
    onward = of_state[:, _PIECE:]  # from the state before a piece to the one after it
    of_past = np.hstack([np.linalg.matrix_power(onward, n) for n in range(_PIECES + 1)])
    of_pieces = np.zeros((2 * _PIECES, 2 * _PIECES + 2))
    for piece in range(_PIECES):
        later = of_past[:, : 2 * (_PIECES - piece)]
        of_pieces[2 * piece : 2 * piece + 2, 2 * piece + 2 :] = later
    parts = (of_piece, of_state[:, :_PIECE], of_pieces, of_past)
    first, second, third, fourth = (part.astype(np.float32) for part in parts)
    return first, second, third, fourth
