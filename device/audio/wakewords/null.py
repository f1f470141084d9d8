"""The wake engines that stand in while the real one cannot be loaded."""

from __future__ import annotations

from device.errors import ModelError
from device.ports import Samples, WakeEngine


class NullWake:
    """Hears no word. ``why`` is the error that kept the real engine from loading.

    With it in place the microphone is open and button, VAD and uplink work; the ear
    replaces it as soon as the real engine loads. Ear thread only.
    """

    words: tuple[str, ...] = ()

    def __init__(self, why: ModelError) -> None:
        self.why = why

    def score(self, chunk: Samples) -> dict[str, float]:
        del chunk
        return {}

    def reset(self) -> None:
        """There is nothing to forget."""


class PartialWake(NullWake):
    """Hears the words whose models could be loaded; ``why`` names a model that could not.

    It is replaced like its parent, as soon as all the words load. Ear thread only.
    """

    def __init__(self, engine: WakeEngine, why: ModelError) -> None:
        """``engine`` hears the words that are left."""
        super().__init__(why)
        self._engine = engine
        self.words = engine.words

    def score(self, chunk: Samples) -> dict[str, float]:
        return self._engine.score(chunk)

    def reset(self) -> None:
        self._engine.reset()
