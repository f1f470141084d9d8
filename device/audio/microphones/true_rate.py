"""How fast a microphone really runs: its frames against CLOCK_MONOTONIC. Pure.

A thread that is held up reports late, never early. So of every second the earliest report
counts, and the rate is the slope between two of those that lie some seconds apart.
"""

from __future__ import annotations

from collections import deque

TOLERANCE = 0.01
"""What is further from the nominal rate is a fault. A crystal keeps to 0.0001."""

SPAN_S = 5.0
"""Between the two reports that are compared. A report that is 25 ms late even at its best
makes an error of half the tolerance."""

_SECOND = 1.0


class TrueRate:
    """The true rate in Hz, once it is known. Times are CLOCK_MONOTONIC in seconds."""

    def __init__(self, nominal_hz: int, span_s: float = SPAN_S) -> None:
        self._nominal_hz, self._span_s = nominal_hz, span_s
        self.restart()

    def restart(self) -> None:
        """Forget the reports so far: frames were lost, or the card was closed."""
        self._best: deque[tuple[int, float]] = deque()
        self._now: tuple[int, float] | None = None
        self._since = 0.0

    def observe(self, end_frame: int, at: float) -> bool:
        """Frames up to ``end_frame`` had come at ``at``. True: ``hz`` is new, once a second."""
        if self._now is None:
            self._now, self._since = (end_frame, at), at
            return False
        if self._lateness(end_frame, at) <= self._lateness(*self._now):
            self._now = (end_frame, at)
        if at - self._since < _SECOND:
            return False
        self._best.append(self._now)
        self._now, self._since = (end_frame, at), at
        while len(self._best) > 2 and self._best[-1][1] - self._best[1][1] >= self._span_s:
            self._best.popleft()
        return self.hz is not None

    @property
    def hz(self) -> float | None:
        """None until nearly ``span_s`` were heard."""
        if len(self._best) < 2:
            return None
        (first, began), (last, ended) = self._best[0], self._best[-1]
        return (last - first) / (ended - began) if ended - began >= self._span_s - _SECOND else None

    @property
    def wrong(self) -> bool | None:
        """Is it further from the nominal rate than :data:`TOLERANCE`? None: not known yet."""
        return None if self.hz is None else abs(self.hz / self._nominal_hz - 1) > TOLERANCE

    def _lateness(self, frame: int, at: float) -> float:
        return at - frame / self._nominal_hz
