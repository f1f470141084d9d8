"""What stands in the canceller's place where nothing is to be cancelled here."""

from __future__ import annotations

import numpy as np

from device.audio.cancelling.facts import LEVEL_SAMPLES, SILENT_DB, EchoFacts
from device.ports import Samples


class PassThrough:
    """No canceller: the same interface, nothing done, no latency. For microphones that
    cancel on board, and for a device that is told to go without."""

    latency_samples = 0

    def __init__(self, channels: int = 1) -> None:
        self._wake: Samples = np.zeros((0, channels), np.int16)
        self._parts = 0

    @property
    def facts(self) -> EchoFacts:
        """Nothing is known of any echo."""
        nothing = (SILENT_DB, SILENT_DB, SILENT_DB, SILENT_DB)
        return EchoFacts(False, True, 0.0, 0.0, 0.0, SILENT_DB, (nothing,) * self._parts)

    @property
    def for_wake(self) -> Samples:
        """The last call's output."""
        return self._wake

    def observe(self, end_frame: int, at: float) -> None:
        """Time makes no difference."""

    def restart(self) -> None:
        """Nothing is kept."""

    def process(self, near: Samples, first_frame: int) -> Samples:
        """``near`` as it is."""
        self._wake, self._parts = near, len(near) // LEVEL_SAMPLES
        return near
