"""A client of the Realtime protocol at the level of its messages, for tests of the stand-in."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply, tone
from device.simulator.services.openai_realtime import OpenAIRealtime

PATIENCE_S = 3.0
QUIET = bytes(48 * 700)
HELLO = reply("Hello, I am here.", heard="good morning", seconds=0.6)
LONG = reply("This is a very long story about a dog.", heard="tell me a story", seconds=20)
GET_TIME = {"type": "function", "name": "get_time", "parameters": {"type": "object"}}
ASKS = Answer("what time is it", calls=(Call("get_time", {"zone": "here"}),))
Event = dict[str, Any]


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 20))


def b64(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


def text_item(text: str, role: str = "user") -> Event:
    return {"type": "message", "role": role, "content": [{"type": "input_text", "text": text}]}


def plain(brain: ScriptedBrain | None = None, **options: object) -> OpenAIRealtime:
    made = brain or ScriptedBrain(HELLO)
    return OpenAIRealtime(lambda: made, **options)  # type: ignore[arg-type]


class Wire:
    """``expect`` reads up to an event of a kind, and keeps everything in ``seen``."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.seen: list[Event] = []
        self.binary: list[bytes] = []

    async def send(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def receive(self) -> Event:
        while True:
            data = await asyncio.wait_for(self.socket.recv(), PATIENCE_S)
            if isinstance(data, str):
                break
            self.binary.append(data)
        event: Event = json.loads(data)
        self.seen.append(event)
        return event

    async def expect(self, kind: str) -> Event:
        while (event := await self.receive())["type"] != kind:
            assert event["type"] != "error", event
        return event

    async def until(self, kind: str) -> list[Event]:
        """Everything up to and including an event of that kind."""
        start = len(self.seen)
        await self.expect(kind)
        return self.seen[start:]

    async def error(self) -> Event:
        while (event := await self.receive())["type"] != "error":
            pass
        error: Event = event["error"]
        return error

    async def refused(self, kind: str, **fields: Any) -> str:
        """The code of the error that a message is answered with."""
        await self.send(kind, **fields)
        return str((await self.error())["code"])

    async def update(self, **session: Any) -> Event:
        await self.send("session.update", session={"type": "realtime", **session})
        return dict((await self.expect("session.updated"))["session"])

    async def append(self, pcm: bytes, piece: int = 4800) -> None:
        for at in range(0, len(pcm), piece):
            await self.send("input_audio_buffer.append", audio=b64(pcm[at : at + piece]))

    async def say(self, seconds: float = 0.5, quiet: bytes = QUIET) -> None:
        await self.append(tone(seconds) + quiet)

    async def write(self, text: str, **response: Any) -> None:
        await self.send("conversation.item.create", item=text_item(text))
        await self.send("response.create", response=response)

    async def closed(self) -> tuple[int | None, str]:
        """Reads to the end: the close code and reason."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            return closed.rcvd.code, closed.rcvd.reason


@asynccontextmanager
async def talk(
    *answers: Answer, update: Event | None = None, **options: Any
) -> AsyncIterator[tuple[Wire, OpenAIRealtime]]:
    """A stand-in and a session with it, after ``session.created`` (and an update)."""
    brain = ScriptedBrain(*(answers or (HELLO,)))
    stand_in = OpenAIRealtime(lambda: brain, **options)
    stand_in.pace = 20.0
    async with stand_in, dialled(stand_in) as wire:
        await wire.expect("session.created")
        if update is not None:
            await wire.update(**update)
        yield wire, stand_in


@asynccontextmanager
async def dialled(
    stand_in: OpenAIRealtime, query: str | None = None, **headers: str
) -> AsyncIterator[Wire]:
    given = headers or {"Authorization": f"Bearer {stand_in.key}"}
    given = {name.replace("_", "-"): value for name, value in given.items()}
    joint = "&" if "?" in stand_in.url else "?"
    query = f"{joint}model={stand_in.model}" if query is None else query
    async with connect(stand_in.url + query, additional_headers=given, close_timeout=0.2) as socket:
        yield Wire(socket)


def kinds(events: list[Event]) -> list[str]:
    """Types, each run of the same one once."""
    found: list[str] = []
    for event in events:
        if not found or found[-1] != event["type"]:
            found.append(event["type"])
    return found


def audio_of(events: list[Event], name: str = "response.output_audio.delta") -> bytes:
    return b"".join(base64.b64decode(e["delta"]) for e in events if e["type"] == name)
