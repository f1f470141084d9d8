"""Which of the configured services is used now, and when a better one is tried again. Pure.

The owner lists them in order of preference. One that fails is left alone for a while, longer
each time; the best of the others takes its place. So a service that is down costs one failed
attempt every few minutes, and never a person's patience.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from device.events import ErrorKind

FIRST_REST_S = 60.0
LONGEST_REST_S = 900.0
#: What waiting rarely heals.
_LASTING = frozenset({ErrorKind.KEY, ErrorKind.QUOTA, ErrorKind.CERTIFICATE, ErrorKind.PROTOCOL})


@dataclass
class _Service:
    name: str
    failures: int = 0
    rests_until: float = float("-inf")
    barred: bool = False


class Failover:
    """``services`` in order of preference, at least one. Times are monotonic seconds."""

    def __init__(self, services: Sequence[str]) -> None:
        if not services:
            raise ValueError("there is no service to choose from")
        self._services = [_Service(name) for name in dict.fromkeys(services)]
        self._current = self._services[0]

    @property
    def current(self) -> str:
        """Whom the next session is opened with."""
        return self._current.name

    @property
    def has_others(self) -> bool:
        return len(self._services) > 1

    def failed(self, kind: ErrorKind, now: float) -> str | None:
        """The current one did. Who takes over; None: nobody is left to, it is tried again."""
        service = self._current
        rest_s = min(FIRST_REST_S * 2.0 ** min(service.failures, 10), LONGEST_REST_S)
        service.failures += 1
        service.rests_until = now + (LONGEST_REST_S if kind in _LASTING else rest_s)
        return self._choose(now, self._services)

    def answered(self) -> None:
        """The current one works. That it opens a session shows little."""
        self._current.failures = 0
        self._current.rests_until = float("-inf")

    def bar_all_but(self, names: Collection[str] | None) -> None:
        """Only these may be used from now on; None: all."""
        for service in self._services:
            service.barred = names is not None and service.name not in names

    @property
    def barred(self) -> bool:
        """The current one must not be used."""
        return self._current.barred

    def leave_for(self, names: Collection[str], now: float) -> str | None:
        """The current one may not be used any more, which is not its fault. Who of ``names``
        takes over; None: none can."""
        return self._choose(now, [s for s in self._services if s.name in names])

    @property
    def back_at(self) -> float | None:
        """When a better one than the current may be tried again; None: there is none."""
        return min((s.rests_until for s in self._better if not s.barred), default=None)

    def go_back(self, now: float) -> str | None:
        """The best of those that are better and may be tried; None: none may yet."""
        return self._choose(now, self._better)

    @property
    def _better(self) -> list[_Service]:
        return self._services[: self._services.index(self._current)]

    def _choose(self, now: float, among: Sequence[_Service]) -> str | None:
        able = [s for s in among if s is not self._current and not s.barred]
        rested = next((s for s in able if s.rests_until <= now), None)
        if rested is None:
            return None
        self._current = rested
        return self._current.name
