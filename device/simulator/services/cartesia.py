"""A loopback stand-in of Cartesia's Line agents, over their WebSocket.

Modelled: both addresses (the older with access tokens and their making, the newer below ``/v1``
with API keys or a token in the query), the version header, agents by id, ``start`` first and
``ack``, audio both ways in base64, ``clear`` where the user interrupts, ``dtmf`` and ``custom``
from the client, whatever else the agent sends (``extras``), the end by either side, the end
after silence without even a WebSocket ping. There are no transcripts and no functions of the
device's in this protocol; an agent calls its own.

Not modelled: µ-law, telephony.

Not documented, and assumed here: that both addresses speak the same messages, that the name of a
message is its ``event``, that the agent's audio has the format of the user's, that a mistake
closes the connection with code 1008 and no message (``close_code``), that ``clear`` also comes
while sent audio would still be playing, and that nothing of the interrupted reply follows it
(``pace``).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

from device.simulator.services.brain import Brain
from device.simulator.services.line import Data, Line
from device.simulator.services.plain_agent import Pace, PlainAgent
from device.simulator.services.stand_in import HttpAnswer, StandIn

VERSION = "2025-04-16"
PATH = "/agents/stream/"
KEY_VERSION = "2026-08-14"
KEY_PATH = "/v1/agents/websocket/"
RATES_HZ = {"pcm_16000": 16_000, "pcm_24000": 24_000, "pcm_44100": 44_100}
DEFAULT_FORMAT = "pcm_44100"


class MistakeError(ValueError):
    """Of the client's; the connection is closed."""


class CartesiaStandIn(StandIn):
    """``key`` is an access token; ``api_key`` makes others, by a POST to ``/access-token``, and
    opens calls at the newer address, which ``url`` is with ``newer``.

    ``extras``: messages that the agent sends after its first reply. ``introduction``: what it
    says first. ``refusal``: the answer to every hand-shake. ``heard``: the ``dtmf`` and
    ``custom`` messages that came.
    """

    unknown = '{"event": "parlor.unheard.of"}'

    def __init__(
        self,
        brain: Callable[[], Brain],
        *,
        agent_id: str = "agent-1",
        api_key: str = "stand-in-api-key",
        introduction: str = "",
        extras: Sequence[Mapping[str, Any]] = (),
        pace: Pace | None = None,
        idle_s: float = 180.0,
        close_code: int = 1008,
        newer: bool = False,
        **keywords: Any,
    ) -> None:
        super().__init__(brain, **keywords)
        self.agent_id, self.api_key, self.introduction = agent_id, api_key, introduction
        self.extras, self.pace = extras, pace or Pace()
        self.idle_s, self.close_code, self.newer = idle_s, close_code, newer
        self.tokens = {self.key}
        self.refusal: HttpAnswer | None = None
        self.heard: list[Mapping[str, Any]] = []

    @property
    def url(self) -> str:
        return f"{self.origin}{KEY_PATH if self.newer else PATH}{self.agent_id}"

    async def converse(self, line: Line, request: Request) -> None:
        call = Call(self, line)
        try:
            await asyncio.wait_for(call.converse(), self.cap_s)
        except TimeoutError:
            await line.close(1000, "the longest call is over")
        except MistakeError as mistake:
            await line.close(self.close_code, str(mistake)[:100])
        finally:
            await call.stop()

    def refuse(self, request: Request) -> HttpAnswer | None:
        path = request.path.partition("?")[0]
        if self.refusal is not None:
            return self.refusal
        newer = path.startswith(KEY_PATH)
        if not (newer or path.startswith(PATH)):
            return HttpAnswer(404, {"error": "not found"})
        if not (self._knows_key(request) if newer else self._knows_token(request)):
            return HttpAnswer(401, {"error": "unauthorized"})
        if request.headers.get("Cartesia-Version") != (KEY_VERSION if newer else VERSION):
            return HttpAnswer(400, {"error": "Cartesia-Version is missing or unknown"})
        if path != (KEY_PATH if newer else PATH) + self.agent_id:
            return HttpAnswer(404, {"error": "there is no such agent"})
        return None

    def _knows_token(self, request: Request) -> bool:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and token in self.tokens

    def _knows_key(self, request: Request) -> bool:
        tokens = parse_qs(urlsplit(request.path).query).get("access_token", [])
        return request.headers.get("X-API-Key") == self.api_key or not self.tokens.isdisjoint(
            tokens
        )

    def answer_post(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> HttpAnswer:
        if path != "/access-token":
            return HttpAnswer(404, {"error": "not found"})
        if Headers(headers).get("Authorization") != f"Bearer {self.api_key}":
            return HttpAnswer(401, {"error": "unauthorized"})
        token = uuid.uuid4().hex
        grants = body.get("grants") if isinstance(body, dict) else None
        if isinstance(grants, dict) and grants.get("agent") is True:
            self.tokens.add(token)
        return HttpAnswer(200, {"token": token})


class Call:
    """One connection."""

    def __init__(self, service: CartesiaStandIn, line: Line) -> None:
        self._service, self._line = service, line
        self._stream_id = ""
        self._agent: PlainAgent | None = None
        self._replied = False
        self._loop = asyncio.get_running_loop()
        self._alive_at = self._loop.time()
        self._watch_pings()

    async def converse(self) -> None:
        idle = asyncio.create_task(self._until_idle())
        try:
            async for data in self._line:
                self._alive_at = self._loop.time()
                await self._take(_message(data))
        finally:
            idle.cancel()
            await asyncio.wait([idle])

    async def stop(self) -> None:
        if self._agent is not None:
            await self._agent.stop()

    # --- what the client sends --------------------------------------------------------

    async def _take(self, message: Mapping[str, Any]) -> None:
        event = message.get("event")
        if self._agent is None:
            if event != "start":
                raise MistakeError("the first event must be start")
            await self._start(message)
            return
        if message.get("stream_id", self._stream_id) != self._stream_id:
            raise MistakeError("unknown stream_id")
        match event:
            case "media_input":
                await self._agent.hear(_payload(message))
            case "dtmf" | "custom":
                self._service.heard.append(message)
            case _:
                raise MistakeError(f"unexpected event {event!r}")

    async def _start(self, message: Mapping[str, Any]) -> None:
        config = message.get("config", {})
        if not isinstance(config, dict) or not set(config) <= {"input_format", "voice_id"}:
            raise MistakeError("config is wrong")
        wanted = str(config.get("input_format", DEFAULT_FORMAT))
        if wanted not in RATES_HZ:
            raise MistakeError(f"input_format {wanted!r} is not supported")
        self._stream_id = str(message.get("stream_id") or uuid.uuid4())
        service = self._service
        self._agent = PlainAgent(service.brain(), RATES_HZ[wanted], self, service.pace)
        await self._send("ack", config={**config, "input_format": wanted})
        if service.introduction:
            await self._agent.say(service.introduction)

    # --- what the agent does ----------------------------------------------------------

    async def agent_audio(self, pcm: bytes) -> None:
        await self._send("media_output", media={"payload": base64.b64encode(pcm).decode()})

    async def interrupted(self) -> None:
        await self._send("clear")

    async def agent_stopped(self) -> None:
        if not self._replied:
            self._replied = True
            for extra in self._service.extras:
                await self._line.send(json.dumps(extra))

    async def failed(self) -> None:
        await self._line.close(1011, "the agent failed")

    async def user_started(self) -> None:
        """Not told, like all that follows."""

    async def user_stopped(self) -> None: ...

    async def user_said(self, words: str) -> None: ...

    async def agent_started(self, words: str) -> None: ...

    # --- the connection ---------------------------------------------------------------

    async def _send(self, event: str, **fields: Any) -> None:
        message = {"event": event, "stream_id": self._stream_id, **fields}
        await self._line.send(json.dumps(message))

    def _watch_pings(self) -> None:
        """The library answers pings without telling anybody; here they count as activity."""
        process = self._line.socket.process_event

        def watched(event: Any) -> None:
            if isinstance(event, Frame) and event.opcode is Opcode.PING:
                self._alive_at = self._loop.time()
            process(event)

        self._line.socket.process_event = watched  # type: ignore[method-assign]

    async def _until_idle(self) -> None:
        while (left_s := self._alive_at + self._service.idle_s - self._loop.time()) > 0:
            await asyncio.sleep(left_s)
        await self._line.close(1000, "nothing came for too long")


def _message(data: Data) -> Mapping[str, Any]:
    try:
        message = json.loads(data) if isinstance(data, str) else None
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise MistakeError("the message is not a JSON object in a text frame")
    return message


def _payload(message: Mapping[str, Any]) -> bytes:
    media = message.get("media")
    try:
        return base64.b64decode(media["payload"], validate=True)  # type: ignore[index]
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
        raise MistakeError("media.payload is not base64") from error
