"""Mains hum: a steady tone at 50 or 60 Hz, or at twice that, that outweighs what is heard.

Each channel is brought to 1 kHz by averaging, and every second the last two seconds are
looked at through a Hann window: lines of 0.5 Hz, narrow enough to tell the mains (which
keeps to 0.2 Hz) from the notes of a bass (G1 is 49.0 Hz, B1 61.7). Pure; ear thread only.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples

MAINS_HZ = (50, 60)
HARMONICS = 5
LOW_HZ = 1000
"""The rate at which hum is looked for. The average over one sample of it has its zeros at
its multiples, so next to nothing is folded onto the lines."""

WINDOW = 2 * LOW_HZ
NEAR_HZ = 0.5
"""How far from the mains' frequency a line may lie, the window's resolution."""

AROUND_HZ = (3.0, 12.0)
"""The neighbourhood that a line must stand out of, on both sides."""

OUTSTANDING = 10.0
"""Power of a line per bin against the median of its neighbourhood. Speech does not hold a
pitch to 0.5 Hz for two seconds."""

LEAST_RMS = 100.0
"""-50 dBFS: fainter hum costs nothing."""

STEADY = 1.5
"""How much hum may swell or fade within a second."""

FAINT_RMS = 10.0
"""A harmonic below it is not looked at."""

LEAST_SHARE = 0.35
"""Of all power heard: what is not dominant harms nothing."""


@dataclass(frozen=True, slots=True)
class Hum:
    """``rms`` (LSB) of the lines of ``mains_hz`` (50 or 60), and their ``share`` of the power."""

    mains_hz: int
    rms: float
    share: float

    @property
    def dominant(self) -> bool:
        """It outweighs the rest."""
        return self.loud and self.share >= LEAST_SHARE

    @property
    def loud(self) -> bool:
        """It would be a fault if it outweighed the rest."""
        return self.rms >= LEAST_RMS

    def steady_since(self, before: Hum) -> bool:
        """The mains hum on alike, music moves on to another note."""
        low, high = sorted((self.rms, before.rms))
        return self.mains_hz == before.mains_hz and high <= STEADY * low


class HumMeter:
    """Told each block, says every second how much hum there is in each channel."""

    def __init__(self, rate_hz: int, channels: int) -> None:
        """``rate_hz`` must be a multiple of 1000."""
        if rate_hz % LOW_HZ:
            raise ValueError(f"hum is looked for at rates of whole kilohertz, not {rate_hz} Hz")
        self._step, self._channels = rate_hz // LOW_HZ, channels
        self._average = np.full(self._step, 1 / self._step, np.float32)
        window = np.hanning(WINDOW + 1)[:-1]
        self._window = (window / np.sqrt((window**2).mean())).astype(np.float32)
        hz = np.fft.rfftfreq(WINDOW, 1 / LOW_HZ)
        self._by_mains = [
            (mains, [_Line(hz, mains * n) for n in range(1, HARMONICS + 1)]) for mains in MAINS_HZ
        ]
        self.restart()

    def restart(self) -> None:
        """What comes next does not join what was heard."""
        self._low: NDArray[np.float32] = np.zeros((self._channels, 0), np.float32)
        self._powers: deque[NDArray[np.float64]] = deque()  # of each block of the window

    def hear(self, frames: Samples, rms: list[float]) -> list[Hum] | None:
        """``frames``: int16 (n, channels), always as many, a multiple of the rate's kilohertz;
        ``rms`` of each channel without its mean. None, or once a second one Hum a channel."""
        fine = np.ascontiguousarray(frames.T, np.float32)
        low = fine.reshape(self._channels, -1, self._step) @ self._average
        self._low = np.concatenate([self._low, low], axis=1)
        self._powers.append(np.square(rms))
        if self._low.shape[1] < WINDOW:
            return None
        self._low = self._low[:, -WINDOW:]
        while len(self._powers) * low.shape[1] > WINDOW:
            self._powers.popleft()
        whole = np.mean(self._powers, axis=0)
        centred = self._low - self._low.mean(axis=1, keepdims=True)
        spectrum = np.abs(np.fft.rfft(centred * self._window, axis=1)) ** 2
        spectrum *= 2 / WINDOW**2  # the sum over the bins is the mean square
        self._low = self._low[:, LOW_HZ:]
        each = [_hums(mains, lines, spectrum, whole) for mains, lines in self._by_mains]
        return [max(of_one, key=lambda hum: hum.rms) for of_one in zip(*each, strict=True)]


class _Line:
    """Where in the spectrum one harmonic would show."""

    def __init__(self, hz: NDArray[np.floating[Any]], at_hz: float) -> None:
        away = np.abs(hz - at_hz)
        # Hann's main lobe is two bins wide on either side.
        self._near = _span(away <= NEAR_HZ + 2 * LOW_HZ / WINDOW)
        self._search = _span(away <= AROUND_HZ[0])
        self._around = np.flatnonzero((away >= AROUND_HZ[0]) & (away <= AROUND_HZ[1]))
        self._there = away[self._search] <= NEAR_HZ

    def power(self, spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
        """In each row (a channel's bins). 0 where no line stands out, or only one that is too
        faint to matter."""
        power: NDArray[np.float32] = spectrum[:, self._near].sum(axis=1)
        search = spectrum[:, self._search]
        peak = search.argmax(axis=1)
        there = self._there[peak] & (power >= FAINT_RMS**2)
        if there.any():
            # The median: there are as many bins on one side as on the other.
            around = np.sort(spectrum.take(self._around, axis=1), axis=1)
            middle = around.shape[1] // 2
            median = (around[:, middle - 1] + around[:, middle]) / 2
            there &= search.max(axis=1) > OUTSTANDING * median
        return np.where(there, power, np.float32(0))


def _span(chosen: NDArray[np.bool_]) -> slice:
    """Of the neighbours that are ``chosen``."""
    first, *_, last = np.flatnonzero(chosen)
    return slice(int(first), int(last) + 1)


def _hums(
    mains: int,
    lines: list[_Line],
    spectrum: NDArray[np.float32],
    whole: NDArray[np.float64],
) -> list[Hum]:
    """Of each channel. Nothing without a line at the fundamental, or at its double (a
    rectifier's)."""
    powers = np.stack([line.power(spectrum) for line in lines])
    total = np.where((powers[0] > 0) | (powers[1] > 0), powers.sum(axis=0), 0.0)
    return [
        Hum(mains, float(power) ** 0.5, min(1.0, float(power) / of) if of > 0 else 0.0)
        for power, of in zip(total, whole.tolist(), strict=True)
    ]
