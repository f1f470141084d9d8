"""Functions that the Deepgram agent asks the device to run. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from device.providers import deepgram_frames as frames
from device.providers.base import Output, SendFrame
from device.providers.deepgram_agent import Agent
from device.providers.wire import objects, text

MOST_CALLS = 64
#: The answer to a function of a reply that nobody wants: the service waits for one.
CALLED_OFF = '{"error":"the user interrupted"}'


class Calls:
    """Those that are to be answered. Functions that the service runs itself are its own."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._names: dict[str, str] = {}
        self._known: deque[str] = deque(maxlen=2 * MOST_CALLS)  # each is run once

    @staticmethod
    def has_others(fields: Mapping[str, object]) -> bool:
        """The service runs some of them itself."""
        return any(f.get("client_side") is False for f in objects(fields, "functions"))

    def requested(self, fields: Mapping[str, object]) -> list[Output]:
        """``FunctionCallRequest``."""
        asked = [f for f in objects(fields, "functions") if _is_ours(f)]
        if not asked:
            return []
        begun = self._agent.asks()
        if begun is None:
            self._agent.disown()
        outputs: list[Output] = begun or []
        for function in asked:
            call_id, name = text(function, "id"), text(function, "name")
            if call_id in self._known or len(self._names) >= MOST_CALLS:
                continue
            self._known.append(call_id)
            if begun is None:
                outputs.append(SendFrame(frames.function_result(call_id, name, CALLED_OFF)))
            else:
                self._names[call_id] = name
                outputs += self._agent.call(call_id, name, text(function, "arguments") or "{}")
        return outputs

    def cancelled(self, fields: Mapping[str, object]) -> list[Output]:
        """``FunctionCallCancelled``: the service goes on without them."""
        gone = [self._names.pop(text(f, "id"), None) for f in objects(fields, "functions")]
        return self._agent.results_given() if any(gone) and not self._names else []

    def answer(self, call_id: str, output: str) -> list[Output]:
        """The last answer ends the reply that asked: what comes next is another."""
        name = self._names.pop(call_id, None)
        if name is None:
            return []  # called off meanwhile
        ended = [] if self._names else self._agent.results_given()
        return [*ended, SendFrame(frames.function_result(call_id, name, output))]

    def call_off(self) -> list[Output]:
        """Nobody wants the reply that asked for them."""
        names, self._names = self._names, {}
        if names:
            self._agent.disown()
        return [
            SendFrame(frames.function_result(call_id, name, CALLED_OFF))
            for call_id, name in names.items()
        ]

    def forget(self) -> None:
        """The service has called them off itself."""
        self._names.clear()


def _is_ours(function: Mapping[str, object]) -> bool:
    named = bool(text(function, "id") and text(function, "name"))
    return named and function.get("client_side") is True
