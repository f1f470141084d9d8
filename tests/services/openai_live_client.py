"""A client of the Live service at message level, and a stand-in for it to talk to."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from device.simulator.services.brain import Answer, ScriptedBrain, tone
from device.simulator.services.openai_live import OpenAILive
from device.simulator.services.stand_in import StandIn

PATIENCE_S = 5.0
RATE_HZ = 24_000
PIECE_MS = 100
FUNCTIONS = [{"type": "function", "name": "get_time", "parameters": {"type": "object"}}]
RESPONSES = {"type": "responses", "responses": {"model": "gpt-6-luna", "tools": FUNCTIONS}}

Event = dict[str, Any]


def encoded(pcm: bytes) -> str:
    return base64.b64encode(pcm).decode()


class Client:
    """Keeps every event. ``microphone`` sends what is queued in ``speech``, else silence, in
    pieces of PIECE_MS, many times faster than a real one."""

    def __init__(self, socket: ClientConnection, rate_hz: int = RATE_HZ) -> None:
        self.socket, self.rate_hz = socket, rate_hz
        self.events: list[Event] = []
        self.odd: list[str | bytes] = []  #: what is no JSON
        self.speech: deque[bytes] = deque()
        self.sent_ms = 0
        self.closed = asyncio.Event()
        self._changed = asyncio.Event()

    async def send(self, kind: str, **fields: object) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def start(self, **session: object) -> Event:
        session = {"model": "gpt-live-1", **session}
        await self.send("session.start", session=session, event_id="start")
        return await self.until("session.started")

    def talk(self, seconds: float = 0.8) -> None:
        pcm = tone(seconds, 220.0, self.rate_hz)
        piece = 2 * self.rate_hz * PIECE_MS // 1000
        self.speech.extend(pcm[at : at + piece] for at in range(0, len(pcm), piece))

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.events if event["type"] == kind]

    async def until(self, kind: str, count: int = 1) -> Event:
        """The ``count``-th event of ``kind``."""
        await self.when(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    async def when(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def refused(self, kind: str, **fields: object) -> Event:
        """The error that a command is answered with."""
        before = len(self.of("error"))
        await self.send(kind, **fields)
        error: Event = (await self.until("error", before + 1))["error"]
        return error

    async def gone(self) -> int | None:
        """Wait for the end; returns the close code."""
        async with asyncio.timeout(PATIENCE_S):
            await self.closed.wait()
        return self.socket.close_code

    def heard(self, since: int = 0) -> str:
        return "".join(e["delta"] for e in self.of("session.input_transcript.delta")[since:])

    def said(self, since: int = 0) -> str:
        return "".join(e["delta"] for e in self.of("session.output_transcript.delta")[since:])

    def frames(self) -> list[bytes]:
        """Of the model's track."""
        deltas = self.of("session.output_audio.delta")
        return [base64.b64decode(delta["delta"]) for delta in deltas]

    def loud(self) -> int:
        """Frames of the model's track that are not silent."""
        return sum(any(frame) for frame in self.frames())

    async def listen(self) -> None:
        try:
            async for data in self.socket:
                try:
                    self.events.append(json.loads(data))
                except ValueError:
                    self.odd.append(data)
                self._changed.set()
        finally:
            self.closed.set()
            self._changed.set()

    async def microphone(self) -> None:
        silence = bytes(2 * self.rate_hz * PIECE_MS // 1000)
        with contextlib.suppress(ConnectionClosed):
            while True:
                piece = self.speech.popleft() if self.speech else silence
                await self.send("session.input_audio.append", audio=encoded(piece))
                self.sent_ms += PIECE_MS
                await asyncio.sleep(0.002)


@asynccontextmanager
async def joined(
    house: StandIn, *, microphone: bool = True, rate_hz: int = RATE_HZ, **session: object
) -> AsyncIterator[Client]:
    """A client whose session has started, its microphone open. ``session`` are its settings."""
    async with entered(house) as client:
        client.rate_hz = rate_hz
        await client.start(**session)
        mic = asyncio.create_task(client.microphone()) if microphone else None
        try:
            yield client
        finally:
            if mic is not None:
                mic.cancel()
                await asyncio.gather(mic, return_exceptions=True)


@asynccontextmanager
async def entered(house: StandIn) -> AsyncIterator[Client]:
    """A client that has sent nothing yet."""
    headers = {"Authorization": f"Bearer {house.key}"}
    async with connect(house.url, additional_headers=headers, compression=None) as socket:
        client = Client(socket)
        reader = asyncio.create_task(client.listen())
        try:
            yield client
        finally:
            await socket.close()
            await asyncio.gather(reader, return_exceptions=True)


@asynccontextmanager
async def house(*answers: Answer, **options: Any) -> AsyncIterator[OpenAILive]:
    stand_in = OpenAILive(lambda: ScriptedBrain(*answers), **options)
    async with stand_in:
        yield stand_in


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """On a fresh loop; no task of the test's or the stand-in's may remain, none may fail."""
    unseen: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _loop, context: unseen.append(context))
        await test()
        for _ in range(100):
            left = asyncio.all_tasks() - {asyncio.current_task()}
            if not left:
                return
            await asyncio.sleep(0.01)
        raise AssertionError(f"tasks remain: {left}")

    asyncio.run(main())
    assert unseen == []
