"""Which of the configured services is used now, and when a better one is tried again. Pure.

The owner lists them in order of preference. One that fails is left alone for a while, longer
each time; the best of the others takes its place. So a service that is down costs one failed
attempt every few minutes, and never a person's patience.
"""

from __future__ import annotations

from collections.abc import Sequence
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

    def opened(self) -> None:
        """The current one works."""
        self._current.failures = 0
        self._current.rests_until = float("-inf")

    @property
    def back_at(self) -> float | None:
        """When a better one than the current may be tried again; None: there is none."""
        return min((service.rests_until for service in self._better), default=None)

    def go_back(self, now: float) -> str | None:
        """The best of those that are better and may be tried; None: none may yet."""
        return self._choose(now, self._better)

    @property
    def _better(self) -> list[_Service]:
        return self._services[: self._services.index(self._current)]

    def _choose(self, now: float, among: Sequence[_Service]) -> str | None:
        rested = [s for s in among if s is not self._current and s.rests_until <= now]
        if not rested:
            return None
        self._current = rested[0]
        return self._current.name
