"""What the wire shows of turns: what the service took, and which response is due to which.

The rows are read in their order, each connection by itself. A *commit* is a stretch of what
was sent, in milliseconds of all the audio of its connection: the place that the service's
speech events name, else what was sent since the commit or clear before. A clear bounds the
commits behind it: where the device commits, from the moment it is sent; where the service
does, once it has said ``cleared``, because its verdict may have crossed the clear.

A response is due to a commit when

- it is the service's own answer: the next response created after the service's commit;
- it was asked for (``response.create``), and the commit was the device's own and had not
  been asked about yet;
- it was asked for after the result of a function, or created by itself after a call, and
  the response that called is due to that commit;
- it was asked for when neither was there, and the service had just refused to answer that
  commit because another response was under way.

Any other response is due to nobody: an announcement. The call of a response that the device
called off is due to nobody either, also where it comes after the cancel: it was on its way.

A result is known by its ``call_id``. The device names each request (``metadata``), and a
service that repeats the name says which one it answers. Where there are no such names, the
first in the row is taken of several that wait.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from device.simulator.wire_log import DOWN, Row

#: A function was called: so long its result may take to ask for the next response.
CALL_S = 2.0
_BUFFER = "input_audio_buffer."
_BUSY = "conversation_already_has_active_response"
_RESULT = "function_call_output"


@dataclass(slots=True, eq=False)
class Commit:
    """A turn. ``at``: when the service said that it took it (CLOCK_MONOTONIC), or, as long as
    it has not, when the device asked it to; ``span_ms``: from and to, see above; ``item``:
    the service's name of it; ``refused``: the service would not answer it when it took it;
    ``taken_back``: the device deleted it; ``waiting``: requests about it that the service has
    not taken up."""

    at: float
    connection: int
    span_ms: tuple[float, float]
    item: str = ""
    refused: bool = False
    taken_back: bool = False
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Clear:
    """The device took back what it had sent up to ``until_ms`` and was not committed."""

    at: float
    connection: int
    until_ms: float


@dataclass(slots=True, eq=False)
class Response:
    """``due_to``: its commit, None when nobody's. ``status``: the service's last word on it;
    ``called_off``: the device cancelled it; ``called``: it called a function."""

    due_to: Commit | None
    status: str = ""
    called_off: bool = False
    called: bool = False


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of a function that has no result yet. ``name``: its ``call_id``, if known."""

    response: str
    name: str
    due_to: Commit | None


@dataclass(frozen=True, slots=True)
class _Request:
    """A ``response.create`` that has not been taken up. ``name``: as the device gave it."""

    name: str
    about: Commit | None


@dataclass(slots=True)
class Exchange:
    """All connections of a run. ``responses`` by connection and id, ``ended``: when closed."""

    commits: list[Commit] = field(default_factory=list)
    clears: list[Clear] = field(default_factory=list)
    responses: dict[tuple[int, str], Response] = field(default_factory=dict)
    ended: dict[int, float] = field(default_factory=dict)

    def due_to(self, connection: int, response: str, at: float) -> Commit | None:
        """Whose answer the audio is that began at ``at``. A service that announces no
        responses answers the newest commit."""
        if found := self.responses.get((connection, response)):
            return found.due_to
        if any(known == connection for known, _ in self.responses):
            return None
        before = [c for c in self.commits if c.connection == connection and c.at <= at]
        return before[-1] if before else None


def read(rows: Iterable[Row]) -> Exchange:
    """The proxy's rows, in their order."""
    exchange = Exchange()
    lines: dict[int, _Line] = {}
    for row in rows:
        number = int(row.get("connection", 0))
        lines.setdefault(number, _Line(exchange, number)).see(row)
    return exchange


class _Line:
    """One connection, as far as its rows have been read."""

    def __init__(self, exchange: Exchange, number: int) -> None:
        self._exchange = exchange
        self._number = number
        self._sent_ms = 0.0
        self._device_from_ms = 0.0  # where the device's next commit begins
        self._service_from_ms = 0.0  # where the service's does
        self._uncleared: deque[float] = deque()  # clears without their "cleared"
        self._untaken: deque[Commit] = deque()  # the device's, without their "committed"
        self._starts: dict[str, float] = {}
        self._ends: dict[str, float] = {}
        self._owed: deque[Commit] = deque()  # the service answers them by itself
        self._unasked: list[Commit] = []  # the device's own
        self._refused: Commit | None = None  # the service would not answer it when it took it
        self._asked: list[_Request] = []
        self._named = False  # the service repeats the names of requests
        self._calls: list[_Call] = []  # without result
        self._results: list[_Call] = []  # with one, not asked about yet
        self._active: set[str] = set()
        self._call_at = float("-inf")

    def see(self, row: Row) -> None:
        kind, at = str(row["type"]), float(row["at"])
        down = row.get("direction") == DOWN
        if kind.startswith(_BUFFER):
            self._see_buffer(kind.removeprefix(_BUFFER), at, row)
        elif kind.startswith("response."):
            self._see_response(kind.removeprefix("response."), at, row)
        elif kind == "conversation.item.create" and row.get("item_type", _RESULT) == _RESULT:
            self._see_result(str(row.get("call_id") or ""))
        elif kind == "conversation.item.delete":
            self._take_back(str(row.get("item_id") or ""))
        elif kind == "error" and down and row.get("code") == _BUSY:
            self._refuse(str(row.get("refers_to") or ""))
        elif kind == "closed":
            self._exchange.ended[self._number] = at

    # --- what was sent ----------------------------------------------------------------

    def _see_buffer(self, kind: str, at: float, row: Row) -> None:
        item = str(row.get("item_id", ""))
        if kind == "append":
            self._sent_ms += float(row.get("audio_ms", 0.0))
        elif kind == "clear":
            self._exchange.clears.append(Clear(at, self._number, self._sent_ms))
            self._uncleared.append(self._sent_ms)
            self._device_from_ms = self._sent_ms
        elif kind == "cleared" and self._uncleared:
            self._service_from_ms = max(self._service_from_ms, self._uncleared.popleft())
        elif kind == "speech_started":
            self._starts[item] = float(row.get("audio_start_ms", 0))
        elif kind == "speech_stopped":
            self._ends[item] = float(row.get("audio_end_ms", 0))
        elif kind == "commit" and self._sent_ms > self._device_from_ms:  # of nothing: refused
            commit = Commit(at, self._number, (self._device_from_ms, self._sent_ms))
            self._device_from_ms = self._sent_ms
            self._exchange.commits.append(commit)
            self._untaken.append(commit)
            self._unasked.append(commit)
        elif kind == "committed":
            self._committed(at, item)

    def _committed(self, at: float, item: str) -> None:
        place = self._starts.get(item), self._ends.get(item)
        if place == (None, None) and self._untaken:
            taken = self._untaken.popleft()
            taken.at, taken.item = at, item
            return
        start = self._service_from_ms if place[0] is None else place[0]
        end = self._sent_ms if place[1] is None else place[1]
        commit = Commit(at, self._number, (max(start, self._service_from_ms), end), item)
        self._service_from_ms = max(self._service_from_ms, end)
        self._exchange.commits.append(commit)
        self._refused = None
        if not self._active:
            self._owed.clear()  # the service has gone on without answering
            if at >= self._call_at + CALL_S:
                self._calls.clear()
        self._owed.append(commit)

    # --- what came of it --------------------------------------------------------------

    def _see_response(self, kind: str, at: float, row: Row) -> None:
        name = str(row.get("response_id") or "")
        key = self._number, name
        request = str(row.get("request") or "")
        if kind == "create":
            self._asked.append(self._request(request))
        elif kind == "created":
            self._exchange.responses[key] = Response(self._next(request))
            self._active.add(name)
        elif kind == "function_call_arguments.done":
            response = self._exchange.responses.get(key)
            self._call_at = at
            if response is not None:
                response.called = True
            if response is None or not response.called_off:
                due_to = response.due_to if response else None
                self._calls.append(_Call(name, str(row.get("call_id") or ""), due_to))
        elif kind == "cancel":
            for one in [name] if name else list(self._active):
                if response := self._exchange.responses.get((self._number, one)):
                    response.called_off = True
                self._forget_calls(one)
        elif kind == "done":
            self._active.discard(name)
            status = str(row.get("status") or "")
            if response := self._exchange.responses.get(key):
                response.status = status
            if status == "cancelled":
                self._forget_calls(name)

    def _forget_calls(self, response: str) -> None:
        self._calls = [call for call in self._calls if call.response != response]
        self._results = [call for call in self._results if call.response != response]

    def _see_result(self, name: str) -> None:
        """The device gives the result of a call: of the one that is named, else of the first
        without a name. A call that is not waited for any more is none."""
        for call in self._calls:
            if not name or call.name in (name, ""):
                self._calls.remove(call)
                self._results.append(call)
                return

    def _take_back(self, item: str) -> None:
        """The device deletes what was said: it will not ask about it any more."""
        for commit in self._exchange.commits:
            if item and (commit.connection, commit.item) == (self._number, item):
                commit.taken_back = True
        self._unasked = [commit for commit in self._unasked if not commit.taken_back]
        if self._refused is not None and self._refused.taken_back:
            self._refused = None

    def _request(self, name: str) -> _Request:
        """What the device asks about: the newest turn that it made itself, else the newest
        result of a function, else a turn that the service refused to answer."""
        results = [call.due_to for call in self._results]
        about = [self._refused, *results, *self._unasked][-1]
        self._refused = None
        self._results.clear()
        self._unasked.clear()
        if about is not None:
            about.waiting += 1
        return _Request(name, about)

    def _next(self, name: str) -> Commit | None:
        """What the response that is created now is due to; ``name``: of the request that the
        service says it is about. Where it says so, what names none is not about a request."""
        if name:
            self._named = True
            return self._taken_up(name)
        if self._owed:
            return self._owed.popleft()
        if self._asked and not (self._named and self._asked[0].name):
            return self._taken_up(self._asked[0].name)
        return self._calls.pop(0).due_to if self._calls else None

    def _taken_up(self, name: str) -> Commit | None:
        """The request of this name does not wait any more; what it was about."""
        request = next((one for one in self._asked if one.name == name), None)
        if request is None:
            return None
        self._asked.remove(request)
        if request.about is not None:
            request.about.waiting -= 1
        return request.about

    def _refuse(self, name: str) -> None:
        """An error while a response is under way: the service will not begin another now.
        ``name``: of the request that it speaks of, if it does."""
        if any(one.name == name for one in self._asked if name):
            self._refused = self._taken_up(name)
        elif self._owed:
            self._refused = self._owed.pop()
        elif self._asked:
            self._refused = self._asked[-1].about
            del self._asked[-1]
            if self._refused is not None:
                self._refused.waiting -= 1
        if self._refused is not None:
            self._refused.refused = True
