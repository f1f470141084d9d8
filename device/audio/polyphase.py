"""A streaming resampler with a short, constant delay, for what must be prompt.

libsoxr works in blocks: at its LQ setting a sample waits 16 ms (median, 30 ms
at worst) before it comes out. The uplink, the wake word and the voice-activity
detector cannot spare that. Here every output comes out as soon as the last
input that bears on it has gone in, 2 ms later.

Method: windowed-sinc polyphase filter bank (Kaiser window; J. O. Smith,
"Digital Audio Resampling", section "Theory of ideal bandlimited
interpolation"). The coefficients are integers, so that every sum is exact in
float64 whatever its order: the output depends on the samples alone, not on how
they were cut into calls, bit for bit.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples

ZERO_CROSSINGS = 32
"""Half the filter's length, in periods of the lower rate: 2 ms at 16 kHz. With
:data:`KAISER_BETA` the passband ends at 0.87 of the lower Nyquist frequency."""

KAISER_BETA = 8.0
"""80 dB of stopband attenuation: below the noise of any microphone."""

CUTOFF = 0.93
"""Half-power point, as a part of the lower Nyquist frequency."""

ROW = 16
"""So many outputs of a phase are one row of a matrix product, which takes a quarter of the
time of their sums one by one."""

_SCALE_BITS = 20
_INT16 = np.iinfo(np.int16)


class LowDelayResampler:
    """Converts a stream of mono int16 samples. One thread at a time.

    Output sample k belongs to the instant k / out_hz of the input; before the
    first and after the last input sample there is silence. Equal rates pass
    samples through untouched.
    """

    def __init__(self, in_hz: int, out_hz: int) -> None:
        if in_hz <= 0 or out_hz <= 0:
            raise ValueError(f"rates must be positive, not {in_hz} and {out_hz}")
        divisor = math.gcd(in_hz, out_hz)
        self._up, self._down = out_hz // divisor, in_hz // divisor
        half = math.ceil(ZERO_CROSSINGS * max(1.0, in_hz / out_hz))
        self._half = 0 if in_hz == out_hz else half
        self._bank = _filter_bank(self._up, self._down, half)
        self._rows = [_row_matrix(taps, self._down) for taps in self._bank]
        self.reset()

    @property
    def lookahead(self) -> int:
        """Input samples that must follow an instant before its output comes out."""
        return self._half

    def reset(self) -> None:
        """Forget the past; the next sample is the first."""
        self._taken = 0  # input samples
        self._made = 0  # output samples
        # The inputs that later outputs still need; it begins _half - 1 before
        # the instant of the next output, or earlier.
        self._window: NDArray[np.float64] = np.zeros(max(self._half - 1, 0))
        self._window_start = -len(self._window)
        self._finished = False

    def process(self, samples: Samples, last: bool = False) -> Samples:
        """The next input, any length; returns every output that is ready.

        ``last`` flushes: ceil(n * out_hz / in_hz) samples have come out in all.
        After it, ``reset`` must come before more input.
        """
        if self._finished:
            raise RuntimeError("the stream was flushed; reset it first")
        self._finished = last
        if self._half == 0:
            return samples
        self._taken += len(samples)
        parts = [self._window, samples.astype(np.float64)]
        if last:
            parts.append(np.zeros(self._half))
        self._window = np.concatenate(parts)
        known = self._taken if last else self._taken - self._half
        ready = max(_ceil_div(known * self._up, self._down) - self._made, 0)
        made = self._filter(ready)
        self._made += ready
        keep_from = self._made * self._down // self._up - self._half + 1
        drop = max(keep_from - self._window_start, 0)
        self._window = self._window[drop:].copy()
        self._window_start += drop
        return made

    def _filter(self, count: int) -> Samples:
        output = np.empty(count)
        if count == 0:
            return output.astype(np.int16)
        for offset in range(min(self._up, count)):
            instant, phase = divmod((self._made + offset) * self._down, self._up)
            first = instant - self._half + 1 - self._window_start
            outputs = _ceil_div(count - offset, self._up)
            whole = outputs // ROW
            of_phase = np.empty(outputs)
            rows = self._overlapping(first, whole, len(self._rows[phase]), ROW)
            of_phase[: whole * ROW] = (rows.copy() @ self._rows[phase]).ravel()
            first += whole * ROW * self._down
            rest = self._overlapping(first, outputs - whole * ROW, 2 * self._half, 1)
            of_phase[whole * ROW :] = rest.copy() @ self._bank[phase]
            output[offset :: self._up] = of_phase
        np.rint(output / (1 << _SCALE_BITS), out=output)
        return np.clip(output, _INT16.min, _INT16.max).astype(np.int16)

    def _overlapping(self, first: int, rows: int, width: int, outputs: int) -> NDArray[np.float64]:
        """A view of the window: each row begins ``outputs`` outputs of a phase after the one
        before it. numpy's own helper takes as long as the sums."""
        sample = self._window.itemsize
        strides = (outputs * self._down * sample, sample)
        if rows == 0:
            return np.empty((0, width))
        return np.ndarray((rows, width), np.float64, self._window, first * sample, strides)


def _row_matrix(taps: NDArray[np.float64], down: int) -> NDArray[np.float64]:
    """The inputs that bear on ``ROW`` outputs of a phase -> these outputs."""
    matrix = np.zeros((len(taps) + (ROW - 1) * down, ROW))
    for output in range(ROW):
        matrix[output * down : output * down + len(taps), output] = taps
    return matrix


def _filter_bank(up: int, down: int, half: int) -> NDArray[np.float64]:
    """Integer coefficients (up, 2 * half); each row sums to exactly 2**20.

    Row p serves outputs at p / up of the way from one input sample to the next;
    its column t weighs the input t - half + 1 samples after the former.
    """
    bandwidth = CUTOFF * min(1.0, up / down)
    phases = np.arange(up)[:, None] / up
    distance = np.arange(1 - half, half + 1)[None, :] - phases
    taper = np.i0(KAISER_BETA * np.sqrt(np.maximum(1 - (distance / half) ** 2, 0)))
    ideal = np.sinc(bandwidth * distance) * taper
    scale = 1 << _SCALE_BITS
    bank: NDArray[np.float64] = np.rint(ideal * (scale / ideal.sum(axis=1, keepdims=True)))
    largest = np.abs(bank).argmax(axis=1)
    bank[np.arange(up), largest] += scale - bank.sum(axis=1)
    return bank


def _ceil_div(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
