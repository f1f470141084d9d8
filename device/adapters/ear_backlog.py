"""Has the ear fallen so far behind the microphone that what is said is being lost?

Only the capture thread can tell when the ear's thread stands still, so it asks this with every
period; nothing here waits or allocates. What a short stall leaves the queue holds, and it is
heard later: that is no news. Only when the queue has been late again and again for half a
second is hearing *behind*, and then until it has kept up for some seconds, so that a machine
at its limit does not tell of it over and over.
"""

from __future__ import annotations

LATE_S = 2.0
"""The oldest sound that waits is as old as the queue may hold (200 periods of 10 ms)."""

LOST_S = 0.5
"""Late now, and for the first time so long ago."""

IN_TIME_S = 0.25
"""Younger sound than that is heard in time: an idle ear sleeps for 80 ms."""

KEPT_UP_S = 2.0


class Backlog:
    """``behind`` says how it is. One thread at a time, the capture's; time is passed in."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """The ear begins anew."""
        self.behind = False
        self._late_since: float | None = None
        self._in_time_since: float | None = None

    def update(self, oldest_at: float, is_full: bool, now: float) -> bool:
        """The oldest sound that waits came at ``oldest_at``; ``is_full``: for one more period
        there is no room (s, CLOCK_MONOTONIC). True: ``behind`` has changed."""
        waits_s = now - oldest_at
        if is_full or waits_s >= LATE_S:
            if self._late_since is None:
                self._late_since = now
            self._in_time_since = None
            if not self.behind and now - self._late_since >= LOST_S:
                self.behind = True
                return True
        elif waits_s >= IN_TIME_S:
            self._in_time_since = None
        elif self._late_since is not None:
            if self._in_time_since is None:
                self._in_time_since = now
            if now - self._in_time_since >= KEPT_UP_S:
                was_behind = self.behind
                self.reset()
                return was_behind
        return False
