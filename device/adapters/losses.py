"""Telling people, once, of sound that had to be dropped.

What drops sound (a full queue, an overrun) does it in a thread that must not log. It
counts; a thread that lives as long as there is something to tell waits until the losses
have ended and writes the line.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

QUIET_S = 2.0
"""An episode is over when nothing was lost for so long."""

EVERY_S = 60.0
"""While losses go on, and after a line: at most one line in so long."""


class Losses:
    """Sound of one kind, dropped at one place.

    ``total`` counts it. ``tell`` gets what was lost in an episode and says so: what, how
    much, and what to do. It runs in a thread of its own.
    """

    def __init__(
        self,
        tell: Callable[[int], None],
        *,
        pause: Callable[[float], object] | None = None,
        spawn: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        """``pause`` lets time pass and ``spawn`` runs a function beside us: tests bring
        their own."""
        self._tell = tell
        self._pause = pause if pause is not None else time.sleep
        self._spawn = spawn if spawn is not None else _in_a_thread
        self._lock = threading.Lock()  # held for a comparison, never for a line
        self._following = False
        self._told = 0
        self.total = 0

    def add(self, amount: int) -> None:
        """So much was lost just now. Any thread; hardly takes time."""
        with self._lock:
            self.total += amount
            if self._following or self.total == self._told:
                return
            self._following = True
        try:
            self._spawn(self._follow)
        except RuntimeError:  # no thread to be had on this machine now: the next loss asks again
            self._following = False

    def _follow(self) -> None:
        while self._is_news():
            waited = 0.0
            seen = -1
            while seen != self.total and waited < EVERY_S:
                seen = self.total
                self._pause(QUIET_S)
                waited += QUIET_S
            lost = self.total - self._told
            self._told += lost
            self._tell(lost)
            self._pause(EVERY_S)

    def _is_news(self) -> bool:
        with self._lock:
            self._following = self.total != self._told
            return self._following


def _in_a_thread(run: Callable[[], None]) -> None:
    threading.Thread(target=run, name="losses", daemon=True).start()
