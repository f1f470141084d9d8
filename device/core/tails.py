"""What becomes of the end of an uplink. Pure.

The ear stops sending a moment after it was told to. What it sends until then comes behind
whatever was decided meanwhile, and must not become the beginning of the next turn.
"""

from __future__ import annotations

from collections import deque
from enum import Enum, auto


class Tail(Enum):
    """The sound between our decision and the ear's last word."""

    DROPPED = auto()  #: it never reaches the link
    KEPT = auto()  #: it is of the turn, on which the service has yet to decide
    COMMITTED = auto()  #: it is of the turn, which the device commits behind it
    TAKEN_BACK = auto()  #: the service has taken the turn: it is of none


class Tails:
    """Those that are on their way, in the order in which the ear will tell of their ends."""

    def __init__(self) -> None:
        self._coming: deque[Tail] = deque()

    def expect(self, tail: Tail) -> None:
        """The ear was told to stop."""
        self._coming.append(tail)

    def disown(self) -> None:
        """The turn was given up: what is on its way of it is of no turn any more."""
        lost = (Tail.KEPT, Tail.COMMITTED)
        self._coming = deque(Tail.TAKEN_BACK if t in lost else t for t in self._coming)

    def ended(self) -> Tail | None:
        """The ear has stopped. None: without being told to, or it says so again."""
        return self._coming.popleft() if self._coming else None
