"""Work that the live model has left to its backend: which calls of ours are open, and whether
more of an answer is to come. Pure.

A delegation begins (``session.delegation.created``); the backend answers in responses, some of
which call the device's tools. Then each call is answered, and when all are and the response is
over, the next one is asked for. The model speaks before, during and after.
"""

from __future__ import annotations

from dataclasses import dataclass

WORK_S = 60.0
"""Work of which nothing was heard for so long is given up."""

RESULT_S = 5.0
"""The model tells a result sooner than that, or has nothing to tell."""

ANSWERED_S = 2.0
"""A response whose calls are all answered is over by then, said or not."""

_MOST = 64


@dataclass(frozen=True, slots=True)
class Call:
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Left:
    """``called``: by the last response, which is over or is not."""

    unanswered: tuple[str, ...]
    called: bool
    response_over: bool


class Work:
    """All delegations of a session as one: they end in one voice."""

    def __init__(self) -> None:
        self._under_way: set[str] = set()
        self._stale: set[str] = set()
        self._unanswered: set[str] = set()
        self._seen: set[str] = set()
        self._called = False  # by the response under way
        self._response_over = True
        self._answered_at: float | None = None
        self._until = float("-inf")  # it is alive
        self._result_by: float | None = None
        self.owed = False  #: the continuation of a reply that called

    def begins(self, delegation_id: str, now: float) -> None:
        if len(self._under_way) < _MOST:
            self._under_way.add(delegation_id)
        self._until = now + WORK_S
        self._result_by = None

    def responds(self, delegation_id: str, now: float) -> None:
        """A response of the backend is under way."""
        self.begins(delegation_id, now)
        self._response_over = False

    def refuse(self, delegation_id: str) -> None:
        """It is for something that was called off."""
        if delegation_id and len(self._stale) < 16 * _MOST:
            self._stale.add(delegation_id)

    def is_stale(self, delegation_id: str) -> bool:
        """Work for something that was called off."""
        return delegation_id in self._stale

    def asks(self, call: Call, delegation_id: str, now: float) -> bool:
        """A tool is called; False: that was known, or is one too many."""
        if call.call_id in self._seen or len(self._unanswered) >= _MOST:
            return False
        if len(self._seen) >= 16 * _MOST:
            self._seen.clear()
        self._seen.add(call.call_id)
        self.begins(delegation_id, now)
        self._unanswered.add(call.call_id)
        self._called, self._response_over = True, False
        self._answered_at = None
        return True

    def answered(self, call_id: str, now: float) -> bool:
        """False: nobody had asked."""
        if call_id not in self._unanswered:
            return False
        self._unanswered.discard(call_id)
        self._until = now + WORK_S
        if not self._unanswered:
            self._answered_at = now
        return True

    def response_over(self, now: float) -> None:
        self._response_over = True
        if not self._called:
            self._under_way.clear()
            self._result_by = now + RESULT_S

    def may_go_on(self, now: float) -> bool:
        """All calls are answered, and the response that made them is over."""
        if not self._called or self._unanswered:
            return False
        at = self._answered_at
        return self._response_over or (at is not None and now >= at + ANSWERED_S)

    def goes_on(self, now: float) -> None:
        """The next response was asked for."""
        self._called, self._answered_at = False, None
        self._until = now + WORK_S
        self._under_way.add("")  # a response is to come
        self.owed = True

    def told(self) -> None:
        """The model begins to say something: where the backend is done, its result."""
        self._result_by = None

    def call_off(self) -> Left:
        """Nobody wants the results any more. What the backend still waits for."""
        left = Left(tuple(sorted(self._unanswered)), self._called, self._response_over)
        if len(self._stale) > 16 * _MOST:
            self._stale.clear()
        self._stale |= self._under_way - {""}
        self._under_way.clear()
        self._unanswered.clear()
        self._called, self._answered_at, self._response_over = False, None, True
        self._result_by = None
        self.owed = False
        return left

    def expire(self, now: float) -> None:
        """What has taken too long is over."""
        if self._result_by is not None and now >= self._result_by:
            self._result_by = None
        if now >= self._until:
            self._under_way.clear()
            self._unanswered.clear()
            self._called, self._answered_at = False, None

    @property
    def pending(self) -> bool:
        """More of an answer is to be expected."""
        under_way = self._under_way or self._unanswered or self._called
        return bool(under_way) or self._result_by is not None

    @property
    def due(self) -> float | None:
        """When `expire` or `may_go_on` changes what nothing else tells of."""
        if not self.pending:
            return None
        if self._called and not self._unanswered and self._answered_at is not None:
            return min(self._answered_at + ANSWERED_S, self._until)
        return self._until if self._result_by is None else self._result_by
