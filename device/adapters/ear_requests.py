"""What other threads ask of the ear, in order, until it has been done.

Any thread adds; the ear thread alone takes out. Appends and pops of a deque are
atomic, so no lock is taken on any path.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator

from device.audio.hearing import Hearing
from device.events import Event

Request = Callable[[Hearing], list[Event]]
"""Performed in the ear thread; returns what is to be posted."""


class EarRequests:
    """A queue that loses nothing to a failure of the hearing."""

    def __init__(self) -> None:
        self._waiting: deque[tuple[int, Request]] = deque()

    def add(self, at_frame: int, request: Request) -> None:
        """``request`` takes effect after the frames up to ``at_frame``."""
        self._waiting.append((at_frame, request))

    def take(self, hear_up_to: Callable[[int], None]) -> Iterator[Request]:
        """Each request, once ``hear_up_to`` has processed the frames before it.

        It leaves the queue only then: were it lost to a failure in those frames, nobody
        would answer it.
        """
        while self._waiting:
            at_frame, request = self._waiting[0]
            hear_up_to(at_frame)
            self._waiting.popleft()
            yield request

    def give_up_stops(self) -> int:
        """Take out everything up to the last ``Hearing.stop_uplink``; how many there were.

        For a time without a hearing, in which no uplink is on. What was asked for before
        a stop goes with it: an uplink must not begin after it was stopped, and the rest
        the next hearing is told anyway.
        """
        asked = [self._waiting[number][1] for number in range(len(self._waiting))]
        stops = asked.count(Hearing.stop_uplink)
        for _ in range(stops):
            while self._waiting.popleft()[1] is not Hearing.stop_uplink:
                pass
        return stops
