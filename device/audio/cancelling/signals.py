"""What the echo stage does to blocks of sound: mixing, measuring, converting. Pure."""

from __future__ import annotations

import numpy as np

from device.audio.cancelling.facts import LEVEL_SAMPLES
from device.audio.echo import BLOCK_SAMPLES, Signal, Spectra
from device.ports import Samples

RAMP = ((1 + np.arange(BLOCK_SAMPLES)) / BLOCK_SAMPLES).astype(np.float32)
"""From just above 0 to 1 over a block."""

_FULL_SCALE = np.float32(32768.0)


def direct_sound(path: Spectra) -> int:
    """Where the loudest tap of ``path`` (partitions, 321) lies, in samples."""
    taps = np.fft.irfft(path, axis=1)[:, :BLOCK_SAMPLES]
    return int(np.argmax(np.abs(taps)))


def mix(linear: Signal, cleaner: Signal, before: list[float], after: list[float]) -> Signal:
    """Both (channels, 320). The part of ``linear`` goes from ``before`` to ``after``, of each
    channel, over the block."""
    if min(*before, *after) >= 1:
        return linear
    if max(*before, *after) <= 0:
        return cleaner
    part = np.array(before, np.float32)[:, None]
    if before != after:
        part = part + (np.array(after, np.float32)[:, None] - part) * RAMP
    mixed: Signal = cleaner + part * (linear - cleaner)
    return mixed


def powers(block: Signal) -> list[float]:
    """Mean squares of (320,): of each 10 ms of it."""
    parts = block.reshape(-1, LEVEL_SAMPLES)
    return [float(np.dot(part, part)) / LEVEL_SAMPLES for part in parts]


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def to_int16(signal: Signal) -> Samples:
    """Full scale is 1 in ``signal``; rounded and limited."""
    scaled: Signal = signal * _FULL_SCALE
    np.rint(scaled, out=scaled)
    np.maximum(scaled, -32768, out=scaled)
    np.minimum(scaled, 32767, out=scaled)
    return scaled.astype(np.int16)
