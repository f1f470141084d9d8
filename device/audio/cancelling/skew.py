"""How much faster one converter's clock runs than the other's, from the learnt echo path.

Two crystals differ by up to 100 ppm each. Then the echo slides: at 50 ppm by 0.8 samples a
second at 16 kHz, which costs the canceller 20 dB and more. The filter follows, so its
path slides too, and the phase of today's path against that of a moment ago says how far
(the slope of the cross-spectrum's phase, weighted by its magnitude). What is seen is taken
back in the reference by resampling, until the path stands still.

Pure; one thread at a time.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from device.audio.echo import BLOCK_SAMPLES, RATE_HZ, Spectra

MOST_PPM = 200.0
EACH_BLOCKS = 13
"""Of sound (0.26 s): so often the path is looked at."""

OVER = 4
"""Looks: a path is compared with that of a second ago."""

FAST_PPM = 60.0
"""A path that slides faster is compared with that of the last look instead."""

STEP = 0.5
"""How much of what was seen is corrected at a time."""

_LOW_HZ, _HIGH_HZ = 300, 5000


class SkewTracker:
    """Watches the path while something is played; :attr:`ppm` is the speaker's clock against
    the microphone's: positive where the reference must be read faster than nominal."""

    def __init__(self) -> None:
        self.ppm = 0.0
        hertz = np.fft.rfftfreq(2 * BLOCK_SAMPLES, 1 / RATE_HZ)
        self._band = (hertz > _LOW_HZ) & (hertz < _HIGH_HZ)
        self._per_sample = 2 * np.pi * hertz[self._band] / RATE_HZ  # radians a sample of delay
        self.restart()

    def restart(self) -> None:
        """The path that was seen last is not the one that comes next; the clocks are."""
        self._seen: deque[Spectra] = deque(maxlen=OVER)
        self._blocks = 0

    def watch(self, path: Spectra) -> bool:
        """After a block with sound: ``path`` (partitions, 321) of one channel. True when
        :attr:`ppm` has changed."""
        self._blocks += 1
        if self._blocks % EACH_BLOCKS:
            return False
        now = path[:, self._band].copy()
        changed = len(self._seen) == OVER and self._correct(now)
        self._seen.append(now)
        return changed

    def _correct(self, now: Spectra) -> bool:
        # The nearest path first: what has slid by more than half a wave is ambiguous.
        seen = self._slide(self._seen[-1], now, 1)
        if seen is not None and abs(seen) < FAST_PPM:
            seen = self._slide(self._seen[0], now, OVER)
        if seen is None:
            return False
        self.ppm = float(np.clip(self.ppm + STEP * seen / OVER, -MOST_PPM, MOST_PPM))
        return True

    def _slide(self, before: Spectra, now: Spectra, looks: int) -> float | None:
        """In ppm, what the reference lacks; None when these are two different paths."""
        cross = np.sum(now * np.conj(before), axis=0)
        power = np.sqrt(np.sum(np.abs(now) ** 2, axis=0) * np.sum(np.abs(before) ** 2, axis=0))
        if float(power.sum()) < 1e-6:
            return None
        # A path that is another one altogether has not slid.
        if float(np.abs(cross).sum()) < 0.7 * float(power.sum()):
            return None
        weight = np.abs(cross) * self._per_sample
        later = -float(np.sum(weight * np.angle(cross)) / np.sum(weight * self._per_sample))
        samples = looks * EACH_BLOCKS * BLOCK_SAMPLES
        return float(np.clip(-1e6 * later / samples, -MOST_PPM, MOST_PPM))
