"""The user's turn at the Deepgram Voice Agent: what was sent, taken, given up. Pure.

The service cannot be told to forget sound. What was given up is ended there as a turn of its own
(``ForceEndTurn``), so that it is not joined to the next one; what the service says of it is known
by the order: until a fence behind the first sound of the next turn has passed.
"""

from __future__ import annotations

#: A fence that has not passed by then will not: some lines answer none.
FENCE_PATIENCE_S = 3.0
#: The device hears that its turn was taken, and stops sending, within so much.
TAIL_S = 2.0


class Turn:
    """Pure bookkeeping. ``item_id`` names the turn that is or was under way."""

    def __init__(self) -> None:
        self._count = 0
        self._fence = 0
        self._fence_until: float | None = None
        self._fence_wanted = False
        self._tail_until = 0.0
        self.open = False  #: sound was sent that is in no turn yet
        self.has_tail = False  #: the service took the turn; what the device still sends is of none
        self.heard = False  #: the service has told of speech in what was sent since
        self.told = False  #: the service has told what it understood of the turn

    @property
    def item_id(self) -> str:
        return f"turn_{self._count}"

    def sound(self, now: float) -> str:
        """Sound of the turn is sent. The token of the fence that must follow it, or nothing."""
        self._tail_until = now + TAIL_S
        if not self.open:
            self.open, self.has_tail = True, False
            self.told = False
            self._count += 1
        if not self._fence_wanted:
            return ""
        self._fence_wanted = False
        self._fence += 1
        self._fence_until = now + FENCE_PATIENCE_S
        return f"turn {self._fence}"

    def is_tail(self, now: float) -> bool:
        """Whether the sound of now is the tail of the turn that was taken. Later it is of the
        next one, though nobody has said that the last is over."""
        return self.has_tail and now < self._tail_until

    def fence_passed(self, token: str) -> None:
        if token == f"turn {self._fence}":
            self._fence_until = None

    def settled(self, now: float) -> bool:
        """Whether what the service says of the user now is not about a turn given up."""
        passed = self._fence_until is None or now >= self._fence_until
        return passed and not self._fence_wanted

    def commit(self, *, by_service: bool) -> None:
        """It is over."""
        self.open = self.heard = False
        self.has_tail = by_service

    def close(self) -> bool:
        """Sound in no turn is not to become one. Whether there was any."""
        was_open, self.open, self.has_tail = self.open, False, False
        return was_open

    def give_up(self) -> None:
        """What the service says of it from now on is to be told from what it says of the next."""
        self._fence_wanted = True
        self._fence_until = None
        self._fence += 1  # one that is on its way is about the turn before
