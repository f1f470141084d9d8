"""A service that is at work on a reply of which nothing sounds: how often the core hears of it.

A tool of the service's own, or a model that thinks, may take longer than a reply is waited for
(``reply_timeout_s``), and most services say so once or in bursts. Pure.
"""

from __future__ import annotations

from device.events import ServiceWorking
from device.providers.base import Emit, Output

#: So many times within what the core waits for a sign: one that comes late does no harm.
PER_WAIT = 3


class AtWork:
    """Of one session. ``reply_timeout_s``: what the core waits for a sign of a reply."""

    def __init__(self, reply_timeout_s: float) -> None:
        self._every_s = reply_timeout_s / PER_WAIT
        self._told_at: float | None = None

    @property
    def due(self) -> float | None:
        """When to tell again of work that goes on; None: none was told of."""
        return None if self._told_at is None else self._told_at + self._every_s

    def tell(self, now: float) -> list[Output]:
        """The service works, for a reply that is wanted."""
        due = self.due
        if due is not None and now < due:
            return []
        self._told_at = now
        return [Emit(ServiceWorking())]

    def over(self) -> None:
        """It does not, or nobody waits for what comes of it."""
        self._told_at = None
