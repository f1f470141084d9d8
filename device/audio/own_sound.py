"""The stretches of capture in which the device hears a cue of its own.

The core knows when a cue sounds; the ear marks the frames. Nothing is cut out: a masked
frame is sent as zero, so that the count of samples stays exact. Pure; ear thread only.
"""

from __future__ import annotations

from device.ports import Samples

_MOST_STRETCHES = 16  # one uplink holds a few cues at most; the oldest were sent long ago


class OwnSoundMask:
    """Marks capture frames; half-open stretches, the last one perhaps still growing."""

    def __init__(self) -> None:
        self._over: list[tuple[int, int]] = []
        self._since: int | None = None

    def begin(self, frame: int) -> None:
        """``frame`` is the first that is masked. Ignored while a stretch is growing."""
        if self._since is None:
            self._since = frame

    def end(self, frame: int) -> None:
        """``frame`` is the first that no longer is."""
        if self._since is not None:
            self._over = [*self._over[1 - _MOST_STRETCHES :], (self._since, frame)]
            self._since = None

    def forget_past(self) -> None:
        """Forget the stretches that are over; a growing one stays whole."""
        self._over.clear()

    def touches(self, first_frame: int, end_frame: int) -> bool:
        """Whether any of these frames is masked."""
        return any(
            start < end_frame and first_frame < end for start, end in self._stretches(end_frame)
        )

    def blank(self, samples: Samples, first_frame: int) -> Samples:
        """``samples`` (its own array, changed in place), with the masked frames zero."""
        end_frame = first_frame + len(samples)
        for start, end in self._stretches(end_frame):
            if start < end_frame and first_frame < end:
                samples[max(0, start - first_frame) : end - first_frame] = 0
        return samples

    def _stretches(self, until: int) -> list[tuple[int, int]]:
        return self._over if self._since is None else [*self._over, (self._since, until)]
