"""A Live session with a clock that is told."""

from __future__ import annotations

import base64
import json
from typing import Any

from device.providers.base import Output, SessionSpec, ToolSpec
from device.providers.live import OpenAILive
from tests.providers.duplex_driver import Player

URL = "wss://api.example.org/v1/live/sessions"
KEY = "sk-secret-of-the-test"
TOOLS = (ToolSpec("get_time", "Tells the time.", {"type": "object", "properties": {}}),)


def wrap(pcm: bytes) -> str:
    delta = base64.b64encode(pcm).decode()
    return json.dumps({"type": "session.output_audio.delta", "delta": delta})


class Live(Player):
    def __init__(self, **spec: Any) -> None:
        spec = {"url": URL, "key": KEY, "tools": TOOLS, **spec}
        super().__init__(OpenAILive(SessionSpec(**spec)), wrap)

    def greeted(self) -> Live:
        self.take(self.codec.start(self.now))
        self.take(self.codec.opened(self.now))
        return self

    def ready(self) -> Live:
        self.greeted()
        self.event("session.started", session={"id": "live_1", "expires_at": 1, "model": "m"})
        return self

    def event(self, kind: str, **fields: Any) -> list[Output]:
        return self.receive(json.dumps({"type": kind, "event_id": "event_1", **fields}))

    def delegates(self, delegation_id: str = "d1", target: str = "responses") -> list[Output]:
        delegation = {"id": delegation_id, "target": target, "type": "delegation"}
        return self.event("session.delegation.created", delegation=delegation, offset_ms=0)

    def backend(self, kind: str, delegation_id: str = "d1", **fields: Any) -> list[Output]:
        nested = {"type": kind, "sequence_number": 1, **fields}
        return self.event("response.event", event=nested, delegation_id=delegation_id)

    def calls(self, call_id: str = "c1", delegation_id: str = "d1") -> list[Output]:
        item = {"type": "function_call", "call_id": call_id, "name": "get_time", "arguments": "{}"}
        return self.backend("response.output_item.done", delegation_id, item=item, output_index=0)

    def completes(self, delegation_id: str = "d1", **response: Any) -> list[Output]:
        return self.backend("response.completed", delegation_id, response=response)

    def heard(self, words: str, end_ms: int = 10**6) -> list[Output]:
        return self.event("session.input_transcript.delta", delta=words, start_ms=0, end_ms=end_ms)

    def words(self, words: str, end_ms: int = 10**6) -> list[Output]:
        return self.event("session.output_transcript.delta", delta=words, start_ms=0, end_ms=end_ms)
