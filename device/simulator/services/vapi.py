"""A loopback stand-in of Vapi's calls over a WebSocket.

Modelled: the call that a POST makes, with its transport's format and the address that is
connected to; binary audio both ways at any rate; ``hangup``; what the service tells of the
conversation (``speech-update``, ``transcript``, ``user-interrupted``), whose names are not
certain and therefore an argument (``names``); the end by either side. An assistant calls its
own functions.

Not modelled: µ-law, other transports, other control messages (kept in ``ignored``).

Not documented, and assumed here: that the address needs no further key and serves one
connection, that ``user-interrupted`` also comes while sent audio would still be playing, and
that text which is no control message is ignored.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from websockets.datastructures import Headers
from websockets.http11 import Request

from device.simulator.services.brain import Brain
from device.simulator.services.line import Data, Line
from device.simulator.services.plain_agent import Pace, PlainAgent
from device.simulator.services.stand_in import HttpAnswer, StandIn

PROVIDER = "vapi.websocket"
DEFAULT_FORMAT = {"format": "pcm_s16le", "container": "raw", "sampleRate": 16_000}
MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 48_000
NAMES = {name: name for name in ("speech-update", "transcript", "user-interrupted")}


class VapiStandIn(StandIn):
    """``names``: the ``type`` on the wire of each message of :data:`NAMES`. ``greeting``: what
    the assistant says first. ``http_refusal``: the answer to every call that is to be made."""

    def __init__(
        self,
        brain: Callable[[], Brain],
        *,
        assistant_id: str = "assistant-1",
        names: Mapping[str, str] | None = None,
        greeting: str = "",
        pace: Pace | None = None,
        **keywords: Any,
    ) -> None:
        super().__init__(brain, **keywords)
        self.assistant_id, self.greeting = assistant_id, greeting
        self.names = {**NAMES, **(names or {})}
        self.pace = pace or Pace()
        self.http_refusal: HttpAnswer | None = None
        self.waiting: dict[str, int] = {}  #: calls that nobody has connected to, their rate
        self.ended: list[str] = []  #: why each connection ended: hangup, cap or disconnect
        self.ignored: list[Data] = []

    @property
    def url(self) -> str:
        """Where calls are made."""
        return f"{self.http_origin}/call"

    def answer_post(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> HttpAnswer:
        if path != "/call":
            return _wrong(404, "not found")
        if self.http_refusal is not None:
            return self.http_refusal
        if Headers(headers).get("Authorization") != f"Bearer {self.key}":
            return _wrong(401, "Invalid Key")
        if not isinstance(body, dict):
            return _wrong(400, "the body is not an object")
        if body.get("assistantId") != self.assistant_id:
            return _wrong(400, f"Couldn't get assistant {body.get('assistantId')!r}")
        transport = body.get("transport")
        rate_hz = _rate_hz(transport)
        if rate_hz is None or not isinstance(transport, dict):
            return _wrong(400, "transport is wrong")
        call_id = str(uuid.uuid4())
        self.waiting[call_id] = rate_hz
        where = {"websocketCallUrl": f"{self.origin}/call/{call_id}/transport"}
        made = {"id": call_id, "assistantId": self.assistant_id, "type": "vapi.websocketCall"}
        return HttpAnswer(201, {**made, "status": "queued", "transport": {**transport, **where}})

    def refuse(self, request: Request) -> HttpAnswer | None:
        return None if _call_id(request) in self.waiting else _wrong(404, "there is no such call")

    async def converse(self, line: Line, request: Request) -> None:
        rate_hz = self.waiting.pop(_call_id(request), None)
        if rate_hz is None:  # somebody was faster
            return
        call = Call(self, line, rate_hz)
        try:
            why = await asyncio.wait_for(call.converse(), self.cap_s)
        except TimeoutError:
            why = "cap"
        finally:
            await call.stop()
        self.ended.append(why)


class Call:
    """One connection."""

    def __init__(self, service: VapiStandIn, line: Line, rate_hz: int) -> None:
        self._service, self._line = service, line
        self._agent = PlainAgent(service.brain(), rate_hz, self, service.pace)
        self._turn = 0

    async def converse(self) -> str:
        """Until somebody ends it; how that came."""
        if self._service.greeting:
            await self._agent.say(self._service.greeting)
        async for data in self._line:
            if isinstance(data, bytes):
                await self._agent.hear(data)
            elif _is_hangup(data):
                return "hangup"
            else:
                self._service.ignored.append(data)
        return "disconnect"

    async def stop(self) -> None:
        await self._agent.stop()

    # --- what is told of the conversation ---------------------------------------------

    async def user_started(self) -> None:
        await self._speech("user", "started")

    async def user_stopped(self) -> None:
        await self._speech("user", "stopped")

    async def user_said(self, words: str) -> None:
        await self._transcript("user", "partial", words.partition(" ")[0])
        await self._transcript("user", "final", words)

    async def agent_started(self, words: str) -> None:
        await self._speech("assistant", "started")
        await self._transcript("assistant", "final", words)

    async def agent_audio(self, pcm: bytes) -> None:
        await self._line.send(pcm)

    async def agent_stopped(self) -> None:
        await self._speech("assistant", "stopped")
        self._turn += 1

    async def interrupted(self) -> None:
        await self._send("user-interrupted")

    async def failed(self) -> None:
        await self._line.close(1011, "the assistant failed")

    async def _speech(self, role: str, status: str) -> None:
        await self._send("speech-update", role=role, status=status, turn=self._turn)

    async def _transcript(self, role: str, kind: str, words: str) -> None:
        await self._send("transcript", role=role, transcriptType=kind, transcript=words)

    async def _send(self, name: str, **fields: Any) -> None:
        await self._line.send(json.dumps({"type": self._service.names[name], **fields}))


def _rate_hz(transport: object) -> int | None:
    """Of a transport as it must be; None: it is another."""
    if not isinstance(transport, dict) or transport.get("provider") != PROVIDER:
        return None
    given = transport.get("audioFormat", {})
    if not isinstance(given, dict):
        return None
    wanted = {**DEFAULT_FORMAT, **given}
    rate_hz = wanted["sampleRate"]
    if set(wanted) != set(DEFAULT_FORMAT) or not isinstance(rate_hz, int):
        return None
    same = all(wanted[name] == DEFAULT_FORMAT[name] for name in ("format", "container"))
    return rate_hz if same and MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ else None


def _is_hangup(data: str) -> bool:
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        return False
    return isinstance(message, dict) and message.get("type") == "hangup"


def _call_id(request: Request) -> str:
    parts = request.path.partition("?")[0].split("/")
    return parts[2] if len(parts) == 4 and parts[1] == "call" else ""


def _wrong(status: int, message: str) -> HttpAnswer:
    return HttpAnswer(status, {"statusCode": status, "message": message})
