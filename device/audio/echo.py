"""Linear echo canceller: learns the way from speaker to microphones, and subtracts.

Partitioned-block frequency-domain Kalman filter (G. Enzner and P. Vary,
"Frequency-domain adaptive Kalman filter for acoustic echo control in hands-free
telephones", Signal Processing 86, 2006; partitioned by F. Kuech et al., ICASSP
2014). For every frequency it holds an estimate of the echo path *and* of that
estimate's uncertainty; a step is large where the path is uncertain and only echo
is heard, small while somebody speaks. So it needs no double-talk detector.

Pure; one thread at a time. 16 kHz throughout.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples

RATE_HZ = 16_000

BLOCK_SAMPLES = 160
"""10 ms, the frame of WebRTC's canceller; eight of them are one chunk of the wake word."""

TAIL_MS = 260
"""The longest echo path that can be learnt, delay included."""

PATH_MEMORY = 0.999
"""How much of the echo path is the same one block later (A of the state equation).
Nearer to 1 is a deeper null, further away a faster one."""

NEAR_MEMORY = 0.5
"""Smoothing of the near-end's power from block to block."""

CONSTRAIN_EACH = 4
"""Each partition is made a response of one block's length again every so many blocks, in
turn: the constraint costs half of the CPU, and doing it seldom costs no depth."""

GUARD_BLOCKS = 10
"""Over so many blocks (100 ms) the output's power is held against the microphone's."""

MOST_EXCESS = 1.3
"""Times the microphone's power: louder than that, and the filter is wrong. Up to it a
good filter comes too: speech that happens to oppose the echo is louder without it."""

_FIRST_UNCERTAINTY = 1e-2
_LEAST_POWER = 1e-10
_FULL_SCALE = 32768.0
_RAMP = ((1 + np.arange(BLOCK_SAMPLES)) / BLOCK_SAMPLES).astype(np.float32)

Spectra = NDArray[np.complex64]
Signal = NDArray[np.float32]


class EchoCanceller:
    """Takes microphones and what was played, returns the microphones without it.

    All ``channels`` share the reference and are worked on together, so that a channel more
    costs its arithmetic only. What is learnt stays until :meth:`forget`, however long
    nothing is played.
    """

    def __init__(
        self, tail_ms: float = TAIL_MS, path_memory: float = PATH_MEMORY, channels: int = 1
    ) -> None:
        self.partitions = -(-round(tail_ms * RATE_HZ / 1000) // BLOCK_SAMPLES)
        self._keep = np.float32(path_memory**2)
        self._shape = (channels, self.partitions, BLOCK_SAMPLES + 1)
        self.forget()

    def forget(self) -> None:
        """Know nothing of the room."""
        self.path: Spectra = np.zeros(self._shape, np.complex64)
        self._turn = 0
        self.doubt()
        self.interrupt()

    def interrupt(self) -> None:
        """The next block does not join the last one; the echo path is still the same."""
        channels = self._shape[0]
        self._far: Spectra = np.zeros(self._shape[1:], np.complex64)  # newest block first
        self._far_power: Signal = np.zeros(self._shape[1:], np.float32)
        self._last_far: Signal = np.zeros(BLOCK_SAMPLES, np.float32)
        self._in_power = np.zeros((channels, GUARD_BLOCKS))
        self._out_power = np.zeros((channels, GUARD_BLOCKS))
        self._gain = np.zeros(channels, np.float32)  # of what is subtracted, at the last sample

    def doubt(self) -> None:
        """As uncertain of the path as at the beginning."""
        self._uncertainty: Signal = np.full(self._shape, _FIRST_UNCERTAINTY, np.float32)
        self._near_power: Signal = np.full((self._shape[0], self._shape[2]), 1e-4, np.float32)

    def shift(self, samples: int) -> None:
        """The reference comes ``samples`` earlier from now on: the same path, later."""
        taps = np.fft.irfft(self.path, axis=2)[:, :, :BLOCK_SAMPLES]
        flat = taps.reshape(self._shape[0], -1)
        moved = np.zeros_like(flat)
        if samples >= 0:
            moved[:, samples:] = flat[:, : max(flat.shape[1] - samples, 0)]
        else:
            moved[:, :samples] = flat[:, -samples:]
        padded = np.zeros((*self._shape[:2], 2 * BLOCK_SAMPLES), np.float32)
        padded[:, :, :BLOCK_SAMPLES] = moved.reshape(taps.shape)
        self.path = np.fft.rfft(padded, axis=2).astype(np.complex64)
        self.doubt()
        self.interrupt()

    def process(self, near: Samples, far: Samples) -> Samples:
        """One microphone; both int16 of the same length, a multiple of
        :data:`BLOCK_SAMPLES`. ``far`` is what left the speaker while ``near`` was heard, or
        up to a tail before it."""
        if len(near) != len(far) or len(near) % BLOCK_SAMPLES:
            raise ValueError(f"{len(near)} and {len(far)} samples are not equal whole blocks")
        cleaned = np.empty(len(near), np.float32)
        for start in range(0, len(near), BLOCK_SAMPLES):
            block = slice(start, start + BLOCK_SAMPLES)
            heard = near[block].astype(np.float32)[None, :] / _FULL_SCALE
            played = far[block].astype(np.float32) / _FULL_SCALE
            cleaned[block] = self.block(heard, played)[0][0]
        whole: Samples = np.clip(np.rint(cleaned * _FULL_SCALE), -32768, 32767).astype(np.int16)
        return whole

    def block(self, near: Signal, far: Signal) -> tuple[Signal, Signal, Signal]:
        """``near`` (channels, 160) and ``far`` (160,), full scale is 1. Returns, each
        (channels, 160): ``near`` less the echo (or ``near`` while the filter is wrong), the
        estimated echo, and the filter's error."""
        self._far[1:] = self._far[:-1]
        self._far_power[1:] = self._far_power[:-1]
        self._far[0] = np.fft.rfft(np.concatenate([self._last_far, far]))
        self._far_power[0] = self._far[0].real ** 2 + self._far[0].imag ** 2
        self._last_far = far
        spectrum = np.einsum("cpf,pf->cf", self.path, self._far)
        echo: Signal = np.fft.irfft(spectrum, axis=1)[:, BLOCK_SAMPLES:].astype(np.float32)
        error = near - echo
        self._learn(error)
        return self._guarded(near, echo), echo, error

    def _learn(self, error: Signal) -> None:
        padded = np.concatenate([np.zeros_like(error), error], axis=1)
        spectrum = np.fft.rfft(padded, axis=1).astype(np.complex64)
        self._near_power *= NEAR_MEMORY
        self._near_power += (1 - NEAR_MEMORY) * (spectrum.real**2 + spectrum.imag**2)
        # The whole far-end power, not the half that the overlap leaves: a smaller step,
        # and 3 dB less echo left.
        expected = np.einsum("cpf,pf->cf", self._uncertainty, self._far_power)
        expected += self._near_power + _LEAST_POWER
        step = self._uncertainty / expected[:, None, :]
        self.path += step * (np.conj(self._far) * spectrum[:, None, :])
        self._constrain()
        step *= self._far_power
        step *= -0.5 * self._keep
        step += self._keep
        self._uncertainty *= step
        self._uncertainty += (1 - self._keep) * (self.path.real**2 + self.path.imag**2 + 1e-8)

    def _constrain(self) -> None:
        """Only the first half of a partition is a response; the rest is what circular
        convolution would wrap around (alternated over the partitions: J. S. Soo and
        K. K. Pang, "Multidelay block frequency domain adaptive filter", 1990)."""
        part = slice(self._turn, None, CONSTRAIN_EACH)
        self._turn = (self._turn + 1) % CONSTRAIN_EACH
        taps = np.fft.irfft(self.path[:, part], axis=2)
        taps[:, :, BLOCK_SAMPLES:] = 0
        self.path[:, part] = np.fft.rfft(taps, axis=2)

    def _guarded(self, near: Signal, echo: Signal) -> Signal:
        """The microphone less the echo, or the microphone as it is while that is worse."""
        out = near - echo
        self._in_power[:, 1:] = self._in_power[:, :-1]
        self._out_power[:, 1:] = self._out_power[:, :-1]
        self._in_power[:, 0] = np.einsum("cn,cn->c", near, near)
        self._out_power[:, 0] = np.einsum("cn,cn->c", out, out)
        before = self._gain
        wrong = self._out_power.sum(axis=1) > MOST_EXCESS * self._in_power.sum(axis=1)
        self._gain = (~wrong).astype(np.float32)
        if wrong.any():
            self._uncertainty[wrong] = _FIRST_UNCERTAINTY
            self._near_power[wrong] = 1e-4
        elif before.all():
            return out
        ramp = before[:, None] + (self._gain - before)[:, None] * _RAMP
        guarded: Signal = (near - ramp * echo).astype(np.float32, copy=False)
        return guarded
