"""A loudspeaker that clips: its amplifier's curve is learnt, and the reference bent alike.

What an overdriven amplifier adds lies some 20 dB below the echo, sounds like the words and
is beyond a linear filter. Here the reference goes through a piecewise linear curve first
(a Hammerstein model: F. Küch and W. Kellermann, "Orthogonalized power filters for nonlinear
acoustic echo cancellation", Signal Processing 86, 2006; with broken lines in place of
powers). Its few slopes are found by recursive least squares, the learnt path held fixed.

Pure; one thread at a time.
"""

from __future__ import annotations

import numpy as np

from device.audio.echo import BLOCK_SAMPLES, Signal, Spectra

THRESHOLDS = (0.25, 0.4, 0.55, 0.7)
"""Of full scale: where the curve may bend."""

WELL_CANCELLED = 1 / 8
"""Only where so little of the echo is left does the rest say anything of the curve."""

LEARN_EACH = 2
"""Of so many loud blocks one is looked at: the curve is always the same."""

MEMORY = 0.998
"""Of the correlations, from one block that is looked at to the next."""

LOUD_BLOCKS = 50
"""So many loud blocks (1 s) the path is learnt before the curve."""

PARTITIONS = 6
"""Of the path that is looked at: the first 120 ms hold nearly all of the energy."""

SOLVE_EACH = 3
"""Blocks that are looked at."""

EXPLAINS = 0.03
"""A bend must explain at least this part of what is left, or it is not changed: without
this it follows the linear filter's own mistakes and is one more."""

REST_AFTER = 10
"""So many solutions in a row that changed nothing, and it looks away for a while: a speaker
does not begin to clip from one word to the next."""

REST_BLOCKS = 200
"""Loud blocks, 4 s."""

_MOST_STEP = 0.1
_STEP = 0.3
_RIDGE = 1e-3
_LEAST_ERROR = 1e-6


class Saturation:
    """Bends the reference as the speaker does. Costs nothing while nothing is loud."""

    def __init__(self, partitions: int) -> None:
        partitions = min(partitions, PARTITIONS)
        count = len(THRESHOLDS)
        self._thresholds = np.array(THRESHOLDS, np.float32)[:, None]
        self._partitions = partitions
        # A ring, in which each is written twice: the newest are one window (see echo.py).
        self._ring: Spectra = np.zeros((count, 2 * partitions, BLOCK_SAMPLES + 1), np.complex64)
        self._newest = 0
        self.forget()

    def forget(self) -> None:
        """A speaker that does not clip, as far as is known."""
        count = len(THRESHOLDS)
        self.slopes: Signal = np.zeros(count, np.float32)
        self._correlation = np.zeros((count + 1, count + 1))
        self._towards = np.zeros(count + 1)
        self._weights = 0.0
        self._blocks = 0
        self._unchanged = self._rest = 0
        self.interrupt()

    def interrupt(self) -> None:
        """The next block does not join the last one."""
        self._ring[:] = 0
        self._excess: Signal = np.zeros((len(THRESHOLDS), 2 * BLOCK_SAMPLES), np.float32)
        self._quiet = self._partitions + 1  # blocks since the reference was loud
        self._known = 0  # blocks of the ring

    def bend(self, far: Signal) -> Signal:
        """The reference (320,), full scale is 1, as it leaves the speaker."""
        magnitude = np.abs(far)
        loud = float(magnitude.max()) > THRESHOLDS[0]
        self._quiet = 0 if loud else self._quiet + 1
        if self._quiet > self._partitions or (self._rest and not loud):
            return far
        if self._rest:
            self._rest -= 1
            if not self._rest:
                self.interrupt()
            return far + self.slopes @ self._over(magnitude, far) if self.slopes.any() else far
        self._known += 1
        both, excess = self._excess, self._excess[:, BLOCK_SAMPLES:]
        both[:, :BLOCK_SAMPLES] = excess
        at = self._newest = (self._newest - 1) % self._partitions
        if loud:
            excess[:] = self._over(magnitude, far)
        else:
            excess[:] = 0
        if self._quiet < 2:  # a block bears on its own spectrum and the next one
            self._ring[:, at] = np.fft.rfft(both, axis=1)
        else:
            self._ring[:, at] = 0
        self._ring[:, at + self._partitions] = self._ring[:, at]
        if not loud:
            return far
        bent: Signal = far + self.slopes @ excess
        return bent

    def _over(self, magnitude: Signal, far: Signal) -> Signal:
        """By how much each sample exceeds each threshold, with its sign."""
        over: Signal = np.subtract(magnitude, self._thresholds)
        np.maximum(over, 0, out=over)
        np.copysign(over, far, out=over)
        return over

    def learn(self, path: Spectra, echo: Signal, error: Signal) -> None:
        """``path`` (partitions, 321) of one channel, and the estimated echo and the filter's
        error (320,) there."""
        if self._rest or self._known < self._partitions:
            return
        if self._quiet > 4:  # what the direct sound of the last loud block still bears on
            return
        left = float(error @ error)
        if left > WELL_CANCELLED * float(echo @ echo):
            return  # the path is not known yet, or somebody speaks
        self._blocks += 1
        if self._blocks < LOUD_BLOCKS or self._blocks % LEARN_EACH:
            return
        spectra = self._ring[:, self._newest : self._newest + self._partitions]
        heard = np.fft.irfft((path[: self._partitions] * spectra).sum(axis=1), axis=1)
        # The echo itself is among the causes, so that a path that is a little too small or
        # too large is not taken for a bend.
        heard = np.concatenate([heard[:, BLOCK_SAMPLES:], echo[None, :]])
        # Blocks in which somebody speaks tell less of the curve.
        weight = 1 / (left + _LEAST_ERROR)
        self._correlation = MEMORY * self._correlation + weight * (heard @ heard.T)
        self._towards = MEMORY * self._towards + weight * (heard @ error)
        self._weights = MEMORY * self._weights + weight * left
        if self._blocks % (LEARN_EACH * SOLVE_EACH) == 0:
            self._solve()

    def _solve(self) -> None:
        ridge = np.diag(_RIDGE * self._correlation.diagonal() + _LEAST_ERROR)
        change = np.linalg.solve(self._correlation + ridge, self._towards)
        if float(change @ self._towards) < EXPLAINS * self._weights:
            self._unchanged += 1
            if self._unchanged == REST_AFTER:
                self._unchanged, self._rest = 0, REST_BLOCKS
            return
        self._unchanged = 0
        change = np.clip(_STEP * change[:-1], -_MOST_STEP, _MOST_STEP)
        slopes = np.clip(self.slopes + change, -1.5, 0.5).astype(np.float32)
        # What has been corrected is no longer to be seen in errors to come.
        moved = np.append(slopes - self.slopes, 0.0)
        self._weights -= float(moved @ (2 * self._towards - self._correlation @ moved))
        self._towards -= self._correlation @ moved
        self.slopes = slopes
