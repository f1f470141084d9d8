"""What one block of microphone frames tells of each channel: a few numpy reductions.

Pure; ear thread only. Everything is in units of the least significant bit of int16 (LSB).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.audio.format import frames_in
from device.ports import Samples

FULL_SCALE = 32700
"""From here on a sample counts as full scale: some converters stop a little short of 32767."""

FLAT_RUN = 4
"""So many samples in a row at the block's extreme are a flat top. A sine of 40 Hz or more
has at most two at any level of :data:`LOUD_PEAK` or more, at 16 kHz."""

LOUD_PEAK = 8000
"""A block whose peak lies below it can neither be clipped nor prove that clipping is over."""

LEAST_DIRECT_LSB = 100.0
"""A smaller mean is not looked at closer."""

DIRECT_STEP = 16
"""Every so many-th sample tells where the middle of a channel's samples lies."""

HOLE_MS = 10
"""Speech, however faint, does not stand still at 0 or at one value for so long."""

LONGEST_HOLE_MS = 1000
"""What is longer is no hole any more but silence."""

EDGE_MS = 5
"""How much of the sound on both sides of a hole is looked at."""

ABRUPT_LSB = 100.0
"""A lone channel's hole must be torn out of sound of this mean size: a pause between two
words, or a noise gate, fades."""

OTHERS_HEAR_LSB = 30.0
"""Beside other channels a hole counts while those hear sound of this mean size."""


@dataclass(frozen=True, slots=True)
class Block:
    """One channel over one block.

    ``low`` and ``high`` are its extremes, ``mean`` its mean, ``rms`` the size of the rest,
    ``direct`` what of the mean is direct voltage, ``clipped`` the share of its samples in flat
    tops or at full scale, ``holes`` how often the sound was torn away for some 10 to 1000 ms
    within it.
    """

    low: int
    high: int
    mean: float
    rms: float
    direct: float
    clipped: float
    holes: int

    @property
    def spread(self) -> int:
        """Highest less lowest sample."""
        return self.high - self.low

    @property
    def loud(self) -> bool:
        return max(self.high, -self.low) >= LOUD_PEAK


@dataclass
class _Tail:
    """What a channel's block leaves for its next one."""

    last: int = 0
    held: int = 0  # frames of the hole that reached the block's end; 0: none did
    before: float = 0.0  # mean size of the sound before that hole, or at the block's end
    counts: bool = False  # the others heard something during it


class BlockMeter:
    """Turns successive blocks into :class:`Block`, holes across their borders included."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        self._hole = frames_in(HOLE_MS, rate_hz)
        self._longest = frames_in(LONGEST_HOLE_MS, rate_hz)
        self._edge = frames_in(EDGE_MS, rate_hz)
        self._channels = channels
        self.restart()

    def restart(self) -> None:
        """The next block does not join the last one."""
        self._tails = [_Tail() for _ in range(self._channels)]

    def measure(self, frames: Samples) -> list[Block]:
        """``frames``: int16 (n, channels) that join the last block. One Block a channel."""
        sound = np.ascontiguousarray(frames.T)
        lows, highs = sound.min(axis=1), sound.max(axis=1)
        means = sound.sum(axis=1, dtype=np.int64) / sound.shape[1]
        fine = sound - means[:, None].astype(np.float32)
        rms = np.sqrt(np.einsum("ij,ij->i", fine, fine) / fine.shape[1])
        quiet = self._quiet(sound, lows, highs)
        possible = self._may_be_holes(quiet)
        return [
            Block(
                int(lows[n]),
                int(highs[n]),
                float(means[n]),
                float(rms[n]),
                _direct(sound[n], float(means[n])),
                _clipped(sound[n], int(lows[n]), int(highs[n])),
                self._holes(sound, n, quiet[n]) if possible[n] else self._no_hole(sound[n], n),
            )
            for n in range(self._channels)
        ]

    def _quiet(self, sound: Samples, lows: Samples, highs: Samples) -> NDArray[np.bool_]:
        """Which samples (channels, n) stand still, at 0 or at the value of the one before. In
        the flat tops of what is overdriven nothing is missing."""
        quiet = (sound <= 1) & (sound >= -1)
        quiet[:, 1:] |= sound[:, 1:] == sound[:, :-1]
        quiet[:, 0] |= sound[:, 0] == [tail.last for tail in self._tails]
        for n in np.flatnonzero((highs >= LOUD_PEAK) & (lows < highs)):
            quiet[n] &= sound[n] < highs[n] - 1
        for n in np.flatnonzero((lows <= -LOUD_PEAK) & (lows < highs)):
            quiet[n] &= sound[n] > lows[n] + 1
        return quiet

    def _may_be_holes(self, quiet: NDArray[np.bool_]) -> list[bool]:
        """Of each channel. Most blocks are done with here. A hole, wherever it lies, fills one
        half of its least length; one that goes over a border is at the block's first or last
        sample."""
        half = self._hole // 2
        whole = quiet[:, : quiet.shape[1] // half * half].reshape(self._channels, -1, half)
        filled = np.any(np.all(whole, axis=2), axis=1) | quiet[:, -1]
        return [bool(some or tail.held) for some, tail in zip(filled, self._tails, strict=True)]

    def _no_hole(self, samples: Samples, channel: int) -> int:
        tail = self._tails[channel]
        tail.last, tail.held, tail.before = int(samples[-1]), 0, _size(samples[-self._edge :])
        return 0

    def _holes(self, sound: Samples, channel: int, quiet: NDArray[np.bool_]) -> int:
        samples, tail = sound[channel], self._tails[channel]
        awake = np.flatnonzero(~quiet)
        found, length = 0, len(samples)
        borders = np.concatenate([[-1], awake, [length]])
        # Only what may be a hole, and the first and the last piece, which may be part of one.
        long = np.flatnonzero(np.diff(borders) > self._hole)
        for piece in sorted({0, *(int(n) for n in long), len(borders) - 2}):
            start, end = int(borders[piece]) + 1, int(borders[piece + 1])
            begins, before, counts = 0, 0.0, False
            if start == 0:
                begins, before, counts = tail.held, tail.before, tail.counts
            else:
                before = _size(samples[max(0, start - self._edge) : start])
            counts = counts or self._others_hear(sound, channel, start, end)
            held = begins + end - start
            if end == length:
                tail.held, tail.counts = held, counts
                tail.before = before if held else _size(samples[-self._edge :])
            elif self._hole <= held <= self._longest:
                after = _size(samples[end : end + self._edge])
                torn = min(before, after) >= ABRUPT_LSB
                found += int(counts if self._channels > 1 else torn)
        tail.last = int(samples[-1])
        return found

    def _others_hear(self, sound: Samples, channel: int, start: int, end: int) -> bool:
        if self._channels == 1 or end - start < self._hole:
            return False
        others = np.delete(sound[:, start:end], channel, axis=0).astype(np.float32)
        others -= others.mean(axis=1, keepdims=True)
        return float(np.median(np.abs(others).mean(axis=1))) >= OTHERS_HEAR_LSB


def _size(samples: Samples) -> float:
    return float(np.abs(samples.astype(np.float32)).mean()) if len(samples) else 0.0


def _direct(samples: Samples, mean: float) -> float:
    """Direct voltage moves the mean and the median alike. What is overdriven on one side only
    moves the mean, a rumble caught in half a wave either of them."""
    if abs(mean) < LEAST_DIRECT_LSB:
        return mean
    median = float(np.median(samples[::DIRECT_STEP]))
    return min(mean, median, key=abs) if mean * median > 0 else 0.0


def _clipped(samples: Samples, low: int, high: int) -> float:
    """The share of samples at full scale or in flat tops."""
    if max(high, -low) < LOUD_PEAK:
        return 0.0
    top: NDArray[np.bool_] = (samples >= min(high - 1, FULL_SCALE)) if high > 0 else samples > high
    if low < 0:
        top = top | (samples <= max(low + 1, -FULL_SCALE))
    if np.count_nonzero(top) < FLAT_RUN:
        return 0.0
    edges = np.flatnonzero(np.diff(np.concatenate([[False], top, [False]])))
    runs = edges[1::2] - edges[::2]
    flat = int(runs[runs >= FLAT_RUN].sum())
    full = int(np.count_nonzero((samples >= FULL_SCALE) | (samples <= -FULL_SCALE)))
    return max(flat, full) / len(samples)
