"""How long the sound is on its way: found by correlation, wherever it lies in half a second.

Time stamps say when a sample left the driver. What stands behind it (USB, HDMI, Bluetooth)
may hold 30 to 300 ms more, and tells nobody. So the microphone is correlated with what was
played (generalised cross-correlation with phase transform: C. H. Knapp and G. C. Carter,
"The generalized correlation method for estimation of time delay", IEEE Trans. ASSP 24, 1976),
over the last second, a few times a second, as long as anybody asks.

Pure; one thread at a time.
"""

from __future__ import annotations

import numpy as np

from device.audio.echo import BLOCK_SAMPLES, RATE_HZ, Signal

WINDOW = 16_384
"""Samples of the reference, about a second; the later half is looked for."""

MOST_DELAY = WINDOW // 2 - RATE_HZ // 100

EACH_BLOCKS = 13
AGREE_SAMPLES = 3
CLEAR = 7.0
"""Times the correlation's own scatter: a lower peak means nothing."""

BROAD = 0.003
"""Part of the band that the reference must fill (participation ratio of its power spectrum; speech
0.005 and more). A tone or a buzz has a few lines only: it correlates with itself at every period,
and says nothing of the delay."""

LEAST_RMS = 1e-3
"""Of the reference (−60 dBFS)."""

_LOW_HZ, _HIGH_HZ = 200, 5000
_MEMORY = 0.5


class DelayFinder:
    """Collects both signals; says a delay when two looks in a row agree on it."""

    def __init__(self) -> None:
        bins = np.fft.rfftfreq(WINDOW, 1 / RATE_HZ)
        self._band = ((bins > _LOW_HZ) & (bins < _HIGH_HZ)).astype(np.float32)
        self.restart()

    def restart(self) -> None:
        """Forget both signals."""
        self._near: Signal = np.zeros(WINDOW, np.float32)
        self._far: Signal = np.zeros(WINDOW, np.float32)
        self._taken = 0
        self.looked_s = 0.0  # how long there was something to look at
        self._last: int | None = None
        self._mean = np.zeros(WINDOW // 2 + 1, np.complex64)

    def take(self, near: Signal, far: Signal) -> int | None:
        """A block of each, (320,). The samples by which ``near`` is behind ``far`` (0 to
        504 ms), when that is clear now and was the same at the last look; else None."""
        at = self._taken % (WINDOW // BLOCK_SAMPLES) * BLOCK_SAMPLES
        self._near[at : at + BLOCK_SAMPLES] = near
        self._far[at : at + BLOCK_SAMPLES] = far
        self._taken += 1
        if self._taken % EACH_BLOCKS or self._taken * BLOCK_SAMPLES < WINDOW // 2:
            return None
        found = self._look(at + BLOCK_SAMPLES)
        agreed = (
            found is not None
            and self._last is not None
            and abs(found - self._last) <= AGREE_SAMPLES
        )
        self._last = found
        return found if agreed else None

    def _look(self, newest: int) -> int | None:
        whole = WINDOW // BLOCK_SAMPLES * BLOCK_SAMPLES
        near = np.concatenate([self._near[newest:whole], self._near[:newest]])
        far = np.concatenate([self._far[newest:whole], self._far[:newest]])
        if float(np.mean(far**2)) < LEAST_RMS**2:
            return None
        near[: whole - WINDOW // 2] = 0  # of which the cause may lie before the window
        played = np.fft.rfft(far, WINDOW)
        power = np.abs(played) ** 2 * self._band
        lines = float(power.sum()) ** 2 / float(np.square(power).sum())
        if lines < BROAD * float(self._band.sum()):
            return None
        self.looked_s += EACH_BLOCKS * BLOCK_SAMPLES / RATE_HZ
        cross = np.fft.rfft(near, WINDOW) * np.conj(played)
        cross /= np.abs(cross) + 1e-9
        self._mean = (_MEMORY * self._mean + (1 - _MEMORY) * cross).astype(np.complex64)
        lags = np.abs(np.fft.irfft(self._mean * self._band)[:MOST_DELAY])
        best = int(np.argmax(lags))
        scatter = float(np.sqrt(np.mean(lags**2)))
        return best if lags[best] > CLEAR * scatter else None
