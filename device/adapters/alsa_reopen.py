"""When to try again with a card that is missing, busy or gone, and what to call it."""

from __future__ import annotations

from random import Random

from device.core.reconnect import Backoff
from device.errors import AudioError, DeviceBusyError, DeviceMissingError, FormatRefusedError
from device.events import Event, Part, PartDegraded, PartReady

FIRST_S, LONGEST_S = 0.4, 2.0
"""Delays are drawn between half of it and all of it: 0.2 s at first, 2 s at most."""

REOPENING = "reopening"


def reopen_backoff(rng: Random | None = None) -> Backoff:
    """The policy for sound cards: soon at first, since plugging in is what people do."""
    return Backoff(FIRST_S, LONGEST_S, rng if rng is not None else Random())


PROVEN_S = 1.0
"""A card that works for so long after it was opened works. One that fails sooner is in the same
trouble as before: that it could be opened is not told, and the delays go on growing. After a
failure that was not its unplugging it is not called ready before."""


class Reopening:
    """One card: when to try it next, and what is told of it: PartReady and PartDegraded,
    one per change, and one per cause.

    Pure; its owner's thread. Times are seconds of CLOCK_MONOTONIC.
    """

    def __init__(self, part: Part, missing: str, backoff: Backoff) -> None:
        """``missing`` is the state's name when there is no such card."""
        self._part = part
        self._missing = missing
        self._backoff = backoff
        self._said: Event | None = None
        self._opened_at = 0.0
        self._detail = ""
        self._is_new = False  # opened, and nothing told of it yet
        self._is_proven = True  # since it was opened
        self._must_prove = False
        self._was_lost = False  # and has not worked since
        self._was_unplugged = False  # so it was lost: that it is missing is no news
        self.retry_at = 0.0  #: not to be opened before

    def opened(self, now: float, detail: str) -> None:
        """It could be opened: ``detail`` says as what."""
        self._opened_at, self._detail = now, detail
        self._is_new, self._is_proven = True, False

    def works(self, now: float) -> list[Event]:
        """It does what it should, since ``opened``. To be called again and again."""
        if self._is_proven:
            return []
        self._is_proven = now - self._opened_at >= PROVEN_S
        if self._is_proven:
            self._backoff.reset()
        if not self._is_new or (self._must_prove and not self._is_proven):
            return []
        self._is_new = self._must_prove = self._was_lost = False
        return self._once(PartReady(self._part, self._detail))

    def lost(self, now: float, error: AudioError) -> list[Event]:
        """It was open and has failed."""
        is_gone = isinstance(error, DeviceMissingError)
        again = self._was_lost and not self._is_proven
        self._must_prove = not (is_gone and self._is_proven)
        self._was_lost, self._was_unplugged = True, is_gone
        self._delay(now)
        if again:
            return []
        return self._degraded(self._missing if is_gone else REOPENING, error)

    def refused(self, now: float, error: AudioError) -> list[Event]:
        """It could not be opened."""
        self._delay(now)
        self._must_prove = False  # if it can be opened later, that is news
        state = "unusable"
        if isinstance(error, DeviceMissingError):
            if self._was_lost and self._was_unplugged:
                return []
            state = self._missing
        elif isinstance(error, DeviceBusyError):
            state = "busy"
        elif isinstance(error, FormatRefusedError):
            state = "wrong format"
        self._was_lost = False
        return self._degraded(state, error)

    def at_once(self) -> None:
        """The next attempt need not wait."""
        self.retry_at = 0.0

    def _delay(self, now: float) -> None:
        self.retry_at = now + self._backoff.next_delay()

    def _degraded(self, state: str, error: AudioError) -> list[Event]:
        return self._once(PartDegraded(self._part, state, str(error.args[0]), error.hint))

    def _once(self, event: Event) -> list[Event]:
        if event == self._said:
            return []
        self._said = event
        return [event]
