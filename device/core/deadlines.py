"""Named deadlines of a state machine. Pure."""

from __future__ import annotations


class Deadlines:
    """At most one time per name."""

    def __init__(self) -> None:
        self._times: dict[str, float] = {}
        self._lasting: set[str] = set()

    @property
    def next(self) -> float | None:
        return min(self._times.values(), default=None)

    def set(self, name: str, at: float, *, lasting: bool = False) -> None:
        """``lasting``: it is no matter of the turn or reply under way, and `clear` spares it."""
        self._times[name] = at
        if lasting:
            self._lasting.add(name)

    def is_set(self, name: str) -> bool:
        return name in self._times

    def at(self, name: str) -> float | None:
        """When it is due; None: it is not set."""
        return self._times.get(name)

    def drop(self, *names: str) -> None:
        for name in names:
            self._times.pop(name, None)

    def clear(self) -> None:
        self._times = {name: at for name, at in self._times.items() if name in self._lasting}

    def take_due(self, now: float) -> str | None:
        """Remove and return the earliest name that is due. One at a time, because
        performing a deadline may drop or move the others."""
        due = min(((at, name) for name, at in self._times.items() if at <= now), default=None)
        if due is None:
            return None
        del self._times[due[1]]
        return due[1]
