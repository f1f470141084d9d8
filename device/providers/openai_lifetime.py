"""When a session of the OpenAI Realtime family will be ended by its service. Pure.

The service says so of some sessions in seconds since the epoch (``expires_at``), which means
something only to who knows the wall clock; all others live as long as is usual there.
"""

from __future__ import annotations

from device.events import SessionExpiring
from device.providers.base import Emit, Output

WARNS_S = 60.0
"""Before the end, but ..."""
WARNS_PART = 0.15
"""... no earlier than in this last part of a session's life."""
#: Numbers before (2001) are no seconds since the epoch.
_EPOCH_SECONDS = 1e9


class Lifetime:
    """One session's. ``cap_s``: the usual life. ``wall_ahead_s``: the wall clock, less the one
    that the codec is told; None: not known."""

    def __init__(self, cap_s: float | None, wall_ahead_s: float | None = None) -> None:
        self._cap_s = cap_s
        self._wall_ahead_s = wall_ahead_s
        self._told_end: float | None = None
        self._ends_at: float | None = None
        self.due: float | None = None  #: when `take` wants to be called

    def told(self, expires_at: int) -> None:
        """The service's own word, before it is open."""
        if self._wall_ahead_s is not None and expires_at >= _EPOCH_SECONDS:
            self._told_end = expires_at - self._wall_ahead_s

    def opened(self, now: float) -> float | None:
        """It is usable; how long it will be."""
        life_s = self._cap_s
        if self._told_end is not None and self._told_end > now:
            # Our wall clock may be wrong: it can make a session shorter, never longer.
            told_s = self._told_end - now
            life_s = told_s if life_s is None else min(life_s, told_s)
        if life_s is None:
            return None
        self._ends_at = now + life_s
        self.due = self._ends_at - min(WARNS_S, WARNS_PART * life_s)
        return life_s

    def take(self, now: float) -> list[Output]:
        """The warning, once, when it is due."""
        if self.due is None or now < self.due or self._ends_at is None:
            return []
        self.due = None
        return [Emit(SessionExpiring(max(0.0, self._ends_at - now)))]
