"""Several cancelled channels to one: a fixed beam over all, or one of them as late as that.

So the beam can be left for one channel, when a microphone fails, and no position moves.
Pure; ear thread only.
"""

from __future__ import annotations

import numpy as np

from device.audio.array.beam import LATENCY_SAMPLES, FixedBeam
from device.ports import Samples


class BeamOrOne:
    """For one stream; ``beam`` is its own."""

    latency_samples = LATENCY_SAMPLES
    """Output sample i belongs to input sample i - latency_samples, always."""

    def __init__(self, beam: FixedBeam, channels: int) -> None:
        self._beam, self._channels = beam, channels
        self.alone: int | None = None  #: the place of the one that is heard, None: the beam
        self.reset()

    def reset(self) -> None:
        """Forget what was heard."""
        self._beam.reset()
        self._past = np.zeros((self.latency_samples, self._channels), np.int16)

    def join(self, frames: Samples) -> Samples:
        """int16 (n, microphones) to (n,)."""
        whole = np.concatenate([self._past, frames])
        self._past = whole[len(frames) :]
        beam = self._beam.steer(frames)
        if self.alone is None:
            return beam
        return np.ascontiguousarray(whole[: len(frames), self.alone])
