"""The roll call of the start: the appliance is ready when every part has told how it is. Pure.

What a part tells (PartReady, PartDegraded) may lie anywhere in the mailbox. So readiness is
not a matter of time or of order: the core counts what it has *handled*. A part that has told
nothing when the limit passes is named as starting, which is a normal state and no error.
"""

from __future__ import annotations

from device.events import HEARS_ALL_BUT_WORDS, Part, PartDegraded, PartReady

_STARTING = {
    Part.WAKE: ("wake word loading", "the models are still being loaded"),
    Part.OFFLINE_SERVICE: ("offline service starting", "it is not up yet"),
}


class StartUp:
    """``parts`` will each tell of themselves; ``until`` is waited at most."""

    def __init__(self, parts: frozenset[Part] = frozenset(), until: float = float("inf")) -> None:
        self._missing = set(parts)
        self._until = until
        self.over = not parts

    @property
    def deadline(self) -> float | None:
        """When ``advance`` wants to be called, or None."""
        return None if self.over or self._until == float("inf") else self._until

    def told(self, event: PartReady | PartDegraded) -> None:
        """``event.part`` has told how it is."""
        self._missing.discard(event.part)
        is_deaf = isinstance(event, PartDegraded) and event.state not in HEARS_ALL_BUT_WORDS
        if event.part is Part.WAKE and is_deaf:
            # What listens to the microphone does not run, so nothing opens it yet.
            self._missing.discard(Part.MICROPHONE)

    def advance(self, now: float) -> list[PartDegraded]:
        """The parts that are still starting, told once, when the roll call ends."""
        if self.over or (self._missing and now < self._until):
            return []
        self.over = True
        if Part.WAKE in self._missing:
            self._missing.discard(Part.MICROPHONE)
        return [_starting(part) for part in Part if part in self._missing]


def _starting(part: Part) -> PartDegraded:
    words = part.value.replace("_", " ")
    state, detail = _STARTING.get(part, (f"{words} starting", "it has not told how it is yet"))
    return PartDegraded(part, state, detail)
