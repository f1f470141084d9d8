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

from collections import deque

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples

RATE_HZ = 16_000

BLOCK_SAMPLES = 320
"""20 ms, two frames of WebRTC's canceller; four of them are one chunk of the wake word. Of
half the length it costs twice as much, and keeps less of who speaks over the echo."""

TAIL_MS = 260
"""The longest echo path that can be learnt, delay included."""

PATH_MEMORY = 0.9993
"""How much of the echo path is the same one block later (A of the state equation).
Nearer to 1 is a deeper null, further away a faster one."""

NEAR_MEMORY = 0.35
"""Smoothing of the near-end's power from block to block."""

CONSTRAINED = 3
"""So many partitions a block, in turn, are made a response of one block's length again:
only the first half of a partition is one, the rest is what circular convolution would wrap
around. Done for all in each block, this costs more than all the rest (alternated over the
partitions: J. S. Soo and K. K. Pang, "Multidelay block frequency domain adaptive filter",
IEEE Trans. ASSP 38, 1990; AEC3 does so too). The drift of these partitions is renewed with
them: it follows the path's size, which changes slowly."""

GUARD_BLOCKS = 5
"""Over so many blocks (100 ms) the output's power is held against the microphone's."""

MOST_EXCESS = 1.3
"""Times the microphone's power: louder than that, and the filter is wrong. Up to it a
good filter comes too: speech that happens to oppose the echo is louder without it."""

FIRST_UNCERTAINTY = 0.1
FLAT_MS = 60
DECAY_DB = 3.0
"""What is expected of an unknown path, as power: the direct sound within the first
60 ms, and reverberation that falls by so much each 10 ms."""

_FIRST_NEAR_POWER = 1e-4
_LEAST_POWER = np.float32(1e-10)
_LEAST_DRIFT = np.float32(1e-8)
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
        at_ms = np.arange(self.partitions) * BLOCK_SAMPLES * 1000 / RATE_HZ
        fall_db = DECAY_DB / 10 * np.maximum(at_ms - FLAT_MS, 0)
        self._expected = (FIRST_UNCERTAINTY * 10 ** (-fall_db / 10)).astype(np.float32)[:, None]
        self.forget()

    def forget(self) -> None:
        """Know nothing of the room."""
        self.path: Spectra = np.zeros(self._shape, np.complex64)
        self._work: Spectra = np.zeros(self._shape, np.complex64)  # scratch
        self._step: Signal = np.zeros(self._shape, np.float32)  # scratch
        self._drift: Signal = np.zeros(self._shape, np.float32)  # of the path in a block
        self._drift += (1 - self._keep) * _LEAST_DRIFT
        self._turn = 0
        self.doubt()
        self.interrupt()

    def interrupt(self) -> None:
        """The next block does not join the last one; the echo path is still the same."""
        channels, partitions, bins = self._shape
        # The far end's spectra, each written twice, a length apart: so that the newest
        # `partitions` of them, newest first, are one contiguous window whose beginning
        # moves down a row a block, and nothing needs to be shifted.
        self._far_ring: Spectra = np.zeros((2 * partitions, bins), np.complex64)
        self._power_ring: Signal = np.zeros((2 * partitions, bins), np.float32)
        self._newest = 0
        self._far_pair: Signal = np.zeros(2 * BLOCK_SAMPLES, np.float32)  # the last two blocks
        self._guard = [_Guard() for _ in range(channels)]
        self.wrong = False
        self._gain = np.zeros(channels, np.float32)  # of what is subtracted, at the last sample

    def doubt(self) -> None:
        """As uncertain of the path as at the beginning."""
        self._uncertainty: Signal = np.empty(self._shape, np.float32)
        self._uncertainty[:] = self._expected
        self._near_power: Signal = np.full(
            (self._shape[0], self._shape[2]), _FIRST_NEAR_POWER, np.float32
        )

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
        """``near`` (channels, 320) and ``far`` (320,), full scale is 1. Returns, each
        (channels, 320): ``near`` less the echo (or ``near`` while the filter is wrong), the
        estimated echo, and the filter's error."""
        far_spectra = self._take(far)
        np.multiply(self.path, far_spectra, out=self._work)
        part = slice(self._turn, self._turn + CONSTRAINED)
        self._turn = part.stop if part.stop < self._shape[1] else 0
        # One transform there and one back for all that is wanted of them: of so short ones
        # the calls cost more than the sums.
        wanted = np.concatenate([self._work.sum(axis=1, keepdims=True), self.path[:, part]], 1)
        back = np.fft.irfft(wanted, axis=2).astype(np.float32, copy=False)
        echo = back[:, 0, BLOCK_SAMPLES:].copy()
        error = near - echo
        back[:, 0, :BLOCK_SAMPLES] = 0
        back[:, 0, BLOCK_SAMPLES:] = error
        back[:, 1:, BLOCK_SAMPLES:] = 0
        there = np.fft.rfft(back, axis=2).astype(np.complex64, copy=False)
        self.path[:, part] = there[:, 1:]
        self._drift[:, part] = (1 - self._keep) * (_squared(there[:, 1:]) + _LEAST_DRIFT)
        self._learn(there[:, 0], far_spectra)
        return self._guarded(near, echo, error), echo, error

    def _take(self, far: Signal) -> Spectra:
        """The far end's next block. Returns the spectra (partitions, 321), newest first."""
        partitions = self._shape[1]
        self._far_pair[:BLOCK_SAMPLES] = self._far_pair[BLOCK_SAMPLES:]
        self._far_pair[BLOCK_SAMPLES:] = far
        spectrum = np.fft.rfft(self._far_pair).astype(np.complex64, copy=False)
        at = self._newest = (self._newest - 1) % partitions
        self._far_ring[at] = self._far_ring[at + partitions] = spectrum
        self._power_ring[at] = self._power_ring[at + partitions] = _squared(spectrum)
        return self._far_ring[at : at + partitions]

    def _learn(self, error: Spectra, far: Spectra) -> None:
        """From the spectra of the filter's error (channels, 321) and of the far end."""
        # In place wherever an array is large: making new ones costs as much as the sums.
        uncertainty, step = self._uncertainty, self._step
        self._near_power *= NEAR_MEMORY
        self._near_power += (1 - NEAR_MEMORY) * _squared(error)
        # The whole far-end power, not the half that the overlap leaves: a smaller step,
        # and 3 dB less echo left.
        far_power = self._power_ring[self._newest : self._newest + self._shape[1]]
        expected = np.einsum("cpf,pf->cf", uncertainty, far_power)
        expected += self._near_power
        expected += _LEAST_POWER
        np.multiply(uncertainty, np.reciprocal(expected)[:, None, :], out=step)
        np.multiply(np.conj(far), error[:, None, :], out=self._work)
        self._work *= step
        self.path += self._work
        step *= far_power
        step *= -0.5 * self._keep
        step += self._keep
        uncertainty *= step
        uncertainty += self._drift

    def _guarded(self, near: Signal, echo: Signal, error: Signal) -> Signal:
        """The microphone less the echo, or the microphone as it is while that is worse."""
        before = self._gain
        wrong = [
            guard.wrong(float(np.dot(heard, heard)), float(np.dot(left, left)))
            for guard, heard, left in zip(self._guard, near, error, strict=True)
        ]
        self.wrong = any(wrong)  #: of the last block: louder behind the filter than before it
        if not self.wrong and before.all():
            return error
        self._gain = np.where(wrong, 0, 1).astype(np.float32)
        self._uncertainty[wrong] = self._expected
        self._near_power[wrong] = _FIRST_NEAR_POWER
        ramp = before[:, None] + (self._gain - before)[:, None] * _RAMP
        guarded: Signal = near - (ramp * echo).astype(np.float32, copy=False)
        return guarded


class _Guard:
    """Holds one channel's output against its microphone."""

    def __init__(self) -> None:
        self._excess: deque[float] = deque(maxlen=GUARD_BLOCKS)

    def wrong(self, heard: float, left: float) -> bool:
        """Whether the output, ``left``, has been too loud for what was ``heard``, of late."""
        self._excess.append(left - MOST_EXCESS * heard)
        return sum(self._excess) > 0.0


def _squared(spectra: Spectra) -> Signal:
    """Magnitudes squared."""
    squared: Signal = np.square(spectra.real)
    squared += np.square(spectra.imag)
    return squared
