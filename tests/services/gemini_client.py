"""A client of Gemini Live at the level of messages, for the stand-in's own tests."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close

from device.simulator.services.brain import Answer, Brain, Call, ScriptedBrain, reply, tone
from device.simulator.services.gemini import GeminiStandIn
from device.simulator.services.gemini_messages import Manner

PATIENCE_S = 5.0
QUICK = Manner(pace=60.0, playback=0.0, piece_ms=100, setup_s=0.005)
#: A reply lasts long enough to be cut, however busy the machine is.
SLOW = Manner(pace=0.5, piece_ms=100, setup_s=0.005)
MODEL = "models/gemini-3.8-live"
WORDS = {"inputAudioTranscription": {}, "outputAudioTranscription": {}}
MANUAL = {"realtimeInputConfig": {"automaticActivityDetection": {"disabled": True}}}
TOOLS = [{"functionDeclarations": [{"name": "get_time", "description": "now"}]}]
ASKS = Answer("what time is it", calls=(Call("get_time", {"zone": "here"}),))
Message = dict[str, Any]


def run(test: Coroutine[Any, Any, None]) -> None:
    async def within() -> None:
        async with asyncio.timeout(2 * PATIENCE_S):
            await test

    asyncio.run(within())


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.got: list[Message] = []
        self.frames: list[type] = []

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def realtime(self, **fields: Any) -> None:
        await self.send(realtimeInput=fields)

    async def say(self, ms: int, *, rate_hz: int = 16_000, silence_ms: int = 0) -> None:
        """A tone, and silence after it, in pieces of 100 ms."""
        pcm = tone(ms / 1000, rate_hz=rate_hz) + bytes(2 * (rate_hz * silence_ms // 1000))
        size = rate_hz // 10 * 2
        for at in range(0, len(pcm), size):
            data = base64.b64encode(pcm[at : at + size]).decode()
            await self.realtime(audio={"data": data, "mimeType": f"audio/pcm;rate={rate_hz}"})

    async def next(self) -> Message:
        async with asyncio.timeout(PATIENCE_S):
            data = await self.socket.recv()
        self.frames.append(type(data))
        message: Message = json.loads(data)
        self.got.append(message)
        return message

    async def until(self, *path: str) -> list[Message]:
        """All messages up to the first that has what is at ``path``."""
        messages = [await self.next()]
        while at(messages[-1], *path) is None:
            messages.append(await self.next())
        return messages

    async def turn(self) -> list[Message]:
        return await self.until("serverContent", "turnComplete")

    async def ended(self) -> Close:
        """How the service closed the connection; what it still had sent is in ``got``."""
        try:
            while True:
                await self.next()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None, closed
            return closed.rcvd


def at(message: Message, *path: str) -> Any:
    value: Any = message
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def kinds(messages: list[Message]) -> list[str]:
    """The name of each message's content, in order, repeated ones once."""
    names: list[str] = []
    for message in messages:
        for name, body in message.items():
            inner = list(body) if name == "serverContent" else [name]
            names += [one for one in inner if one != "interactionStatus" and one not in names[-1:]]
    return names


def sound(messages: list[Message]) -> bytes:
    """The reply's audio, of all parts of all messages."""
    pcm = b""
    for message in messages:
        for part in at(message, "serverContent", "modelTurn", "parts") or []:
            if blob := part.get("inlineData"):
                assert blob["mimeType"] == "audio/pcm;rate=24000"
                pcm += base64.b64decode(blob["data"])
    return pcm


def words(messages: list[Message], name: str = "outputTranscription") -> str:
    return "".join(at(message, "serverContent", name, "text") or "" for message in messages)


def scripted(*answers: Answer) -> Callable[[], Brain]:
    """One brain for all connections, so that a test can look into it."""
    brain = ScriptedBrain(*(answers or (reply("Hello, I am here.", heard="hello", seconds=0.5),)))
    return lambda: brain


@asynccontextmanager
async def serving(*answers: Answer, **options: Any) -> AsyncIterator[GeminiStandIn]:
    options.setdefault("manner", QUICK)
    stand_in = GeminiStandIn(scripted(*answers), **options)
    async with stand_in:
        yield stand_in


@asynccontextmanager
async def dialled(stand_in: GeminiStandIn, **options: Any) -> AsyncIterator[Client]:
    """Connected, and nothing sent yet."""
    url = options.pop("url", f"{stand_in.url}?key={stand_in.key}")
    options.setdefault("close_timeout", 1)
    async with connect(url, proxy=None, **options) as socket:
        yield Client(socket)


@asynccontextmanager
async def talking(stand_in: GeminiStandIn, **setup: Any) -> AsyncIterator[Client]:
    """Set up and accepted."""
    async with dialled(stand_in) as client:
        await client.send(setup={"model": MODEL, **setup})
        await client.until("setupComplete")
        yield client


async def refused(stand_in: GeminiStandIn, *frames: Any) -> Close:
    """How the service closes after these frames, each sent as it is or as JSON."""
    async with dialled(stand_in) as client:
        for frame in frames:
            await client.socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))
            if isinstance(frame, dict) and frame is not frames[-1]:
                await client.until("setupComplete")
        return await client.ended()
