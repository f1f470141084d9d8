"""Tool servers that the service asks itself (MCP): who may be asked, and who is at work.

Pure; part of :class:`device.providers.openai_requests.Requests`. A call of such a server needs
nothing of ours, but may take long; where the owner wants to be asked before, his settings answer.
In which order the service tells of a call is not verified in all: what is known of it is put
together from items and events, in any order.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping

from device.events import ErrorKind, ServiceTrouble
from device.providers import openai_frames as frames
from device.providers import openai_options as options
from device.providers.base import Emit, Note, Output, SendFrame, SessionSpec
from device.providers.faults import Explainer
from device.providers.wire import mapping, text

ALLOWED_WITHIN_S = 3.0
"""A call that was allowed begins within this time, or waits for something that we do not know."""

_REMEMBERED = 256
_CALL, _APPROVAL, _LIST = "mcp_call", "mcp_approval_request", "mcp_list_tools"


class ToolServers:
    """The calls of one session. ``item`` is told every item of the conversation, new or done."""

    def __init__(self, spec: SessionSpec, explain: Explainer, next_id: Callable[[], str]) -> None:
        self._explain = explain
        self._within_s = spec.longest_work_s  # a call; nobody waits longer for its answer
        self._next_id = next_id
        self._labels = {server.label for server in options.tool_servers(spec)}
        self._asked_first = options.words(spec, "mcp_approval", "never") == "always"
        self._allowed = set(options.several(spec, "mcp_allowed"))
        self._working: dict[str, float] = {}  # item, or approval that was given -> until when
        self._names: dict[str, str] = {}  # item -> who is asked for what
        self._over: deque[str] = deque(maxlen=_REMEMBERED)
        self._answered: deque[str] = deque(maxlen=_REMEMBERED)
        self._told: deque[str] = deque(maxlen=_REMEMBERED)  # failures

    def at_work(self, now: float) -> bool:
        """A call is under way, or was allowed and is about to begin."""
        late = [one for one, until in self._working.items() if now >= until]
        for one in late:
            self._end(one)
        return bool(self._working)

    @property
    def due(self) -> float | None:
        """When the first of them is given up; None: none is under way."""
        return min(self._working.values(), default=None)

    def forget(self) -> None:
        """Nobody waits for them any more."""
        for one in [*self._working]:
            self._end(one)

    # --- items --------------------------------------------------------------------------

    @staticmethod
    def concerns(item: Mapping[str, object]) -> bool:
        """A reply with this item goes on when the server has answered."""
        return text(item, "type") in (_CALL, _APPROVAL)

    def item(self, item: Mapping[str, object], now: float, *, wanted: bool) -> list[Output]:
        """``wanted``: somebody waits for the reply that it is part of."""
        match text(item, "type"):
            case "mcp_call":
                return self._on_call(item, now)
            case "mcp_approval_request":
                return self._on_approval_request(item, now, wanted=wanted)
            case "mcp_list_tools":
                self._name(text(item, "id"), f"the tool list of {text(item, 'server_label')}")
            case _:
                pass
        return []

    def _on_call(self, item: Mapping[str, object], now: float) -> list[Output]:
        item_id = text(item, "id")
        self._name(item_id, f"{text(item, 'name')} of {text(item, 'server_label')}")
        self._approval_used(text(item, "approval_request_id"))
        error = mapping(item, "error")
        if error:
            self._end(item_id)
            return self._failure(item_id, text(error, "message") or text(error, "type"))
        if isinstance(item.get("output"), str):
            self._end(item_id)
        else:
            self._begin(item_id, now)
        return []

    def _on_approval_request(
        self, item: Mapping[str, object], now: float, *, wanted: bool
    ) -> list[Output]:
        request_id = text(item, "id")
        if not request_id or request_id in self._answered:
            return []
        self._answered.append(request_id)
        label, name = text(item, "server_label"), text(item, "name")
        approve = wanted and self._may_run(label, name)
        if approve:
            self._begin(_approval(request_id), now, ALLOWED_WITHIN_S)
        verdict = "allowed" if approve else "refused"
        words = self._explain.clean(f"{name} of the tool server {label}", 120)
        answer = frames.approval(self._next_id(), request_id, approve=approve)
        return [Note(f"{verdict}, as the settings say: {words}"), SendFrame(answer)]

    def _may_run(self, label: str, name: str) -> bool:
        """A server that nobody configured may do nothing; where we are not to be asked and are
        asked all the same, what is configured may run."""
        if label not in self._labels:
            return False
        return not self._asked_first or bool({name, f"{label}.{name}"} & self._allowed)

    # --- events -------------------------------------------------------------------------

    def in_progress(self, item_id: str, now: float) -> None:
        self._any_approval_used()
        self._begin(item_id, now)

    def completed(self, item_id: str) -> None:
        self._any_approval_used()
        self._end(item_id)

    def failed(self, item_id: str) -> list[Output]:
        self._any_approval_used()
        self._end(item_id)
        return self._failure(item_id, "")

    def _failure(self, item_id: str, why: str) -> list[Output]:
        """An event and an item tell of one failure; the item knows more."""
        who = self._names.get(item_id, "") or "a tool server"
        words = self._explain.clean(f"{who} failed" + (f": {why}" if why else ""))
        if item_id in self._told:
            return [Note(words)] if why else []
        self._told.append(item_id)
        return [Emit(ServiceTrouble(ErrorKind.SERVICE, words))]

    # --- who is at work -------------------------------------------------------------------

    def _begin(self, one: str, now: float, within_s: float | None = None) -> None:
        if one and one not in self._over and len(self._working) < _REMEMBERED:
            self._working.setdefault(one, now + (within_s or self._within_s))

    def _end(self, one: str) -> None:
        if one:
            self._working.pop(one, None)
            self._over.append(one)

    def _name(self, item_id: str, name: str) -> None:
        if not item_id:
            return
        self._names[item_id] = self._explain.clean(name, 120)
        if len(self._names) > _REMEMBERED:
            del self._names[next(iter(self._names))]

    def _approval_used(self, request_id: str) -> None:
        if request_id:
            self._end(_approval(request_id))
        else:
            self._any_approval_used()

    def _any_approval_used(self) -> None:
        """A call has begun, of which it is not said what allowed it."""
        given = next((one for one in self._working if one.startswith(_APPROVAL)), "")
        self._end(given)


def _approval(request_id: str) -> str:
    return f"{_APPROVAL} {request_id}"
