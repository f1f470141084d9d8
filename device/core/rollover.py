"""When a session that will be ended by its service is replaced by a new one. Pure.

Services end sessions after an hour, or ten minutes. Shortly before, the next one is opened
beside it, and takes over at a moment in which nobody speaks.
"""

from __future__ import annotations

PART = 0.85
"""Of a session's life after which its successor is prepared."""

LEAST_LEFT_S = 60.0
"""As early as that, where the life is long enough."""

RENEWED_S = 3.0
"""With so much left, a successor that was told too little is replaced by one that knows all."""

AGAIN_S = 20.0
"""A successor that could not be opened is tried again after so long."""


class Rollover:
    """One session's end. Times are monotonic seconds."""

    def __init__(self) -> None:
        self.due: float | None = None  #: when the successor is to be prepared
        self._ends_at: float | None = None
        self.ready = False  #: a successor waits

    def opened(self, cap_s: float | None, now: float) -> None:
        """A session began, which lives so long at most."""
        self.ready = False
        self._ends_at = self.due = None
        if cap_s is not None:
            self._ends_at = now + cap_s
            self.due = now + max(PART * cap_s, cap_s - 2 * LEAST_LEFT_S)

    def expiring(self, in_s: float, now: float) -> None:
        """The service says so."""
        self._ends_at = now + max(0.0, in_s)
        if not self.ready:
            self.due = now

    def prepared(self) -> None:
        """It was asked for."""
        self.due = None
        self.ready = False

    def leaves_time(self, now: float) -> bool:
        """For yet another successor."""
        return self._ends_at is None or self._ends_at - now >= RENEWED_S

    def renew(self, now: float) -> None:
        """The session that has just begun was told too little."""
        self.due = now

    def succeeded(self) -> None:
        """The successor is open."""
        self.ready = True

    def failed(self, now: float) -> None:
        """It could not be opened."""
        self.due = now + AGAIN_S if self._ends_at is None or now < self._ends_at else None

    def closed(self) -> None:
        """There is no session any more."""
        self.due = self._ends_at = None
        self.ready = False
