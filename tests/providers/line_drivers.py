"""Sessions of Cartesia and Vapi with a clock that is told."""

from __future__ import annotations

import base64
import json
from typing import Any

from device.providers.base import Output, SessionSpec
from device.providers.cartesia import CartesiaLine
from device.providers.vapi import Vapi
from tests.providers.duplex_driver import Player

KEY = "sk-secret-of-the-test"
CALL_URL = "wss://calls.example.org/7420f27a-secret-call/transport"


class Line(Player):
    """Cartesia."""

    def __init__(self, url: str = "wss://line.example.org", **spec: Any) -> None:
        options = {"agent_id": "agent_1", **spec.pop("options", {})}
        super().__init__(
            CartesiaLine(SessionSpec(url=url, key=KEY, options=options, **spec)), self.media
        )

    @staticmethod
    def media(pcm: bytes) -> str:
        payload = base64.b64encode(pcm).decode()
        return json.dumps({"event": "media_output", "media": {"payload": payload}})

    def greeted(self) -> Line:
        self.take(self.codec.start(self.now))
        self.take(self.codec.opened(self.now))
        return self

    def ready(self) -> Line:
        self.greeted()
        self.event("ack", stream_id="stream_1")
        return self

    def event(self, kind: str, **fields: Any) -> list[Output]:
        return self.receive(json.dumps({"event": kind, **fields}))


class Call(Player):
    """Vapi."""

    def __init__(self, url: str = "https://vapi.example.org/call", **spec: Any) -> None:
        options = {"assistant_id": "assistant_1", **spec.pop("options", {})}
        super().__init__(Vapi(SessionSpec(url=url, key=KEY, options=options, **spec)), bytes)

    def answered(self, status: int = 201, body: object = None) -> list[Output]:
        if body is None:
            body = {"id": "7420f27a", "transport": {"websocketCallUrl": CALL_URL}}
        data = json.dumps(body).encode()
        return self.take(self.codec.http_answered("call", status, data, self.now))

    def ready(self) -> Call:
        self.take(self.codec.start(self.now))
        self.answered()
        self.take(self.codec.opened(self.now))
        return self

    def event(self, kind: str, **fields: Any) -> list[Output]:
        return self.receive(json.dumps({"type": kind, **fields}))
