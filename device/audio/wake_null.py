"""The wake engine that stands in while the real one cannot be loaded."""

from __future__ import annotations

from device.errors import ModelError
from device.ports import Samples


class NullWake:
    """Hears no word. ``why`` is the error that kept the real engine from loading.

    With it in place the microphone is open and button, VAD and uplink work; the ear
    replaces it as soon as the real engine loads. Ear thread only.
    """

    words: tuple[str, ...] = ()

    def __init__(self, why: ModelError) -> None:
        self.why = why

    def score(self, _chunk: Samples) -> dict[str, float]:
        return {}

    def reset(self) -> None:
        """There is nothing to forget."""
