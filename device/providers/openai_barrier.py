"""What the service says of audio that was taken back, told apart from what it says of the rest.

Pure; part of :class:`device.providers.openai_realtime.OpenAIRealtime`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

#: A clear that was not answered this long after the line was drained never will be: what the
#: service still does then is work, not travel.
CLEARED_WITHIN_S = 5.0
#: A service that left a clear unanswered is given no more time than it may take to think.
IN_FLIGHT_S = 1.0
#: The line itself may be broken in such a way that the fence never comes, or the service may
#: answer no pings.
CLEARED_AT_LAST_S = 60.0
#: An answer that comes after its clear was given up is known as such for so long.
OVERDUE_FOR_S = 30.0
_REMEMBERED_CLEARS = 64


@dataclass(slots=True)
class _Clear:
    """One ``clear`` that is not answered. ``drained_at``: when its fence passed."""

    event_id: str
    sent_at: float
    drained_at: float = float("inf")


class Barrier:
    """Up from a ``clear`` to its ``cleared``: what comes meanwhile is about earlier audio.

    The service answers in order, so this is exact however late its words are. Only a service
    that does not answer needs a time limit, or its next turn would never be believed. That
    begins when the fence asked for with the clear has passed: before, the answer may merely be
    on its way, behind seconds of a reply on a slow line.
    """

    def __init__(self) -> None:
        self._unanswered: deque[_Clear] = deque(maxlen=_REMEMBERED_CLEARS)
        self._overdue: deque[float] = deque(maxlen=_REMEMBERED_CLEARS)  # given up at
        self._patience_s = CLEARED_WITHIN_S

    def cleared_by_us(self, event_id: str, now: float) -> None:
        self._unanswered.append(_Clear(event_id, now))

    def drained(self, event_id: str, now: float) -> None:
        """The fence of that clear has passed, and with it those of all before it."""
        if any(clear.event_id == event_id for clear in self._unanswered):
            for clear in self._unanswered:
                clear.drained_at = min(clear.drained_at, now)
                if clear.event_id == event_id:
                    return

    def answered(self, now: float) -> None:
        """``input_audio_buffer.cleared``: it answers the oldest, which may have been given up."""
        self._patience_s = CLEARED_WITHIN_S
        while self._overdue:
            if now < self._overdue.popleft() + OVERDUE_FOR_S:
                return
        if self._unanswered:
            self._unanswered.popleft()

    def refused(self, event_id: str) -> bool:
        """An error about one of our clears is an answer too; False when it is not ours."""
        if not event_id or all(event_id != clear.event_id for clear in self._unanswered):
            return False
        while self._unanswered.popleft().event_id != event_id:
            pass  # older ones were passed over: the answers come in order
        return True

    def is_up(self, now: float) -> bool:
        """Gives up the clears that are not answered in time."""
        while self._unanswered and now >= self._due(self._unanswered[0]):
            self._unanswered.popleft()
            self._overdue.append(now)
            self._patience_s = IN_FLIGHT_S
        return bool(self._unanswered)

    @property
    def due(self) -> float | None:
        """When the oldest clear is given up; None: it is down."""
        return self._due(self._unanswered[0]) if self._unanswered else None

    def _due(self, clear: _Clear) -> float:
        """From then on, waiting for the answer is hopeless."""
        return min(clear.drained_at + self._patience_s, clear.sent_at + CLEARED_AT_LAST_S)
