"""The tools that Gemini Live asks for: one message of calls, answered by one of results. Pure."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from device.providers.gemini_frames import Answered, tool_response
from device.providers.wire import mapping, objects, text

#: Ids that are remembered, so that a call that comes twice is carried out once.
REMEMBERED = 256
#: Calls that wait for their results at a time.
MOST_OPEN = 64


@dataclass(frozen=True, slots=True)
class Asked:
    """A call as it is told of; ``arguments`` is JSON text."""

    call_id: str
    name: str
    arguments: str


@dataclass(slots=True)
class _Group:
    """The calls of one message: those without a result, and those with."""

    open: dict[str, Answered] = field(default_factory=dict)
    answered: list[Answered] = field(default_factory=list)


class Calls:
    """Those that are not answered yet."""

    def __init__(self) -> None:
        self._groups: list[_Group] = []
        self._seen: deque[str] = deque(maxlen=REMEMBERED)
        self._count = 0

    @property
    def waiting(self) -> bool:
        """Results are to be sent."""
        return bool(self._groups)

    def asked(self, message: Mapping[str, object]) -> list[Asked]:
        """The calls of a ``toolCall``; those that are known already are none."""
        group = _Group()
        found: list[Asked] = []
        room = MOST_OPEN - sum(len(each.open) for each in self._groups)
        for call in objects(message, "functionCalls"):
            name, own_id = text(call, "name"), text(call, "id")
            self._count += 1
            call_id = own_id or f"call_{self._count}"
            if not name or call_id in self._seen or len(found) >= room:
                continue
            self._seen.append(call_id)
            group.open[call_id] = Answered(own_id, name, "")
            found.append(Asked(call_id, name, _arguments(mapping(call, "args"))))
        if found:
            self._groups.append(group)
        return found

    def answer(self, call_id: str, output: str) -> str | None:
        """A result; the frame, once all of its message have one."""
        for group in self._groups:
            call = group.open.pop(call_id, None)
            if call is not None:
                group.answered.append(replace(call, output=output))
                return self._finish(group)
        return None

    def cancel(self, ids: Iterable[object]) -> list[str]:
        """``toolCallCancellation``: what came of these is not sent. The frames that only waited
        for them."""
        gone = {one for one in ids if isinstance(one, str)}
        frames = []
        for group in list(self._groups):
            group.open = {i: call for i, call in group.open.items() if i not in gone}
            group.answered = [call for call in group.answered if call.call_id not in gone]
            frame = self._finish(group)
            if frame is not None:
                frames.append(frame)
        return frames

    def forget(self) -> None:
        """Nobody waits for the results any more."""
        self._groups.clear()

    def _finish(self, group: _Group) -> str | None:
        if group.open:
            return None
        self._groups.remove(group)
        return tool_response(group.answered) if group.answered else None


def _arguments(args: Mapping[str, object]) -> str:
    """As JSON text; what JSON cannot say (NaN), or nests too deeply, is no argument."""
    try:
        return json.dumps(args, allow_nan=False)
    except (ValueError, RecursionError):
        return "{}"
