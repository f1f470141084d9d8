"""The calls that the model made in one turn, until all their results are there."""

from __future__ import annotations

from collections.abc import Sequence

from device.simulator.services.brain import Call


class CallRound:
    """Calls are known by their number, from 0 on; ids are the wire's."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = tuple(calls)
        self.waiting = list(range(len(self.calls)))  #: not made yet
        self.approved: list[tuple[int, str]] = []  #: to be made now, with the request's id
        self.outstanding: dict[str, int] = {}  #: of the client's, by ``call_id``
        self.requests: dict[str, int] = {}  #: for approval, not decided
        self._results: dict[int, str] = {}

    def done(self, number: int, result: str) -> None:
        self._results[number] = result

    def result(self, call_id: str, output: str) -> None:
        """The client's; of a call of some other round: nothing."""
        number = self.outstanding.pop(call_id, None)
        if number is not None:
            self._results[number] = output

    @property
    def blocked(self) -> bool:
        """The client has something to do first."""
        return bool(self.outstanding or self.requests)

    @property
    def to_make(self) -> bool:
        return bool(self.approved or (self.waiting and not self.blocked))

    def results(self) -> list[str]:
        """In the order of the calls; of those without any: empty."""
        return [self._results.get(number, "") for number in range(len(self.calls))]
