"""A plain client of Deepgram's voice agent: messages in, messages out, and nothing clever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from device.simulator.services.brain import Answer, ScriptedBrain, reply, tone
from device.simulator.services.deepgram import DeepgramStandIn
from device.simulator.services.deepgram_manner import Manner

PATIENCE_S = 5.0
SPOKEN = tone(0.4, rate_hz=16_000) + bytes(2 * 16_000 * 7 // 10)
"""Speech, and enough silence to end the turn."""

Message = dict[str, Any]


def settings(**changes: Any) -> Message:
    """A complete and valid message; ``agent`` and ``audio`` are merged in, the rest replaced."""
    audio: Message = {
        "input": {"encoding": "linear16", "sample_rate": 16_000},
        "output": {"encoding": "linear16", "sample_rate": 24_000, "container": "none"},
    }
    agent: Message = {
        "listen": {"provider": {"type": "deepgram", "model": "nova-3"}},
        "think": {
            "provider": {"type": "open_ai", "model": "gpt-4o-mini"},
            "prompt": "Be brief.",
            "functions": [
                {"name": "get_time", "description": "the time", "parameters": {"type": "object"}},
                {"name": "weather", "endpoint": {"url": "https://weather.example/"}},
            ],
        },
        "speak": {"provider": {"type": "deepgram", "model": "aura-2-thalia-en"}},
    }
    audio |= changes.pop("audio", {})
    new = changes.pop("agent", {})
    return {
        "type": "Settings",
        "audio": audio,
        "agent": agent | new if isinstance(new, dict) else new,
        **changes,
    }


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def receive(self) -> Message | bytes:
        data = await asyncio.wait_for(self.socket.recv(), PATIENCE_S)
        if isinstance(data, bytes):
            return data
        message: Message = json.loads(data)
        return message

    async def until(self, kind: str) -> list[Message | bytes]:
        """Everything up to and including a message of that kind."""
        got = [await self.receive()]
        while kind_of(got[-1]) != kind:
            got.append(await self.receive())
        return got

    async def expect(self, kind: str) -> Message:
        last = (await self.until(kind))[-1]
        assert isinstance(last, dict)
        return last

    async def until_audio(self) -> bytes:
        last = (await self.until("audio"))[-1]
        assert isinstance(last, bytes)
        return last

    async def quiet(self, for_s: float = 0.05) -> bool:
        """Nothing comes for so long."""
        try:
            await asyncio.wait_for(self.socket.recv(), for_s)
        except TimeoutError:
            return True
        return False

    async def to_the_end(self) -> list[Message | bytes]:
        """Everything until the service closes the connection."""
        got = []
        while True:
            try:
                got.append(await self.receive())
            except ConnectionClosed:
                return got

    async def error(self) -> str:
        """The code of the error that ends the session."""
        last = (await self.to_the_end())[-1]
        assert isinstance(last, dict)
        assert set(last) == {"type", "code", "description"}
        assert last["type"] == "Error"
        return str(last["code"])

    async def ready(self, **changes: Any) -> None:
        assert kind_of(await self.receive()) == "Welcome"
        await self.socket.send(json.dumps(settings(**changes)))
        assert kind_of(await self.receive()) == "SettingsApplied"

    async def say(self, pcm: bytes = SPOKEN) -> None:
        for at in range(0, len(pcm), 640):
            await self.socket.send(pcm[at : at + 640])


def kind_of(message: Message | bytes) -> str:
    return "audio" if isinstance(message, bytes) else str(message["type"])


def kinds(messages: list[Message | bytes]) -> list[str]:
    """Their types in order, pieces of audio that follow each other as one."""
    found: list[str] = []
    for one in map(kind_of, messages):
        if one != "audio" or found[-1:] != ["audio"]:
            found.append(one)
    return found


def audio_of(messages: list[Message | bytes]) -> bytes:
    return b"".join(one for one in messages if isinstance(one, bytes))


@asynccontextmanager
async def talking(
    service: DeepgramStandIn, authorization: str | None = None, **options: Any
) -> AsyncIterator[Client]:
    headers = {"Authorization": authorization or f"Token {service.key}"}
    options = {"additional_headers": headers, "proxy": None, "max_queue": None, **options}
    async with connect(service.url, **options) as socket:
        yield Client(socket)


def run(
    act: Callable[[DeepgramStandIn], Awaitable[None]],
    *answers: Answer,
    manner: Manner | None = None,
    **options: Any,
) -> DeepgramStandIn:
    """Act against a service of one's own; it is handed back, stopped, with its records."""
    brain = ScriptedBrain(*answers or (reply("It is two.", heard="what time is it"),))
    service = DeepgramStandIn(lambda: brain, manner=manner, **options)

    async def whole() -> None:
        async with service:
            await asyncio.wait_for(act(service), 2 * PATIENCE_S)

    asyncio.run(whole())
    return service
