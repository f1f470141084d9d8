"""A client of ElevenLabs Agents at the level of messages, for the tests of its stand-in."""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from device.simulator.services.brain import tone
from device.simulator.services.elevenlabs import ElevenLabs

PATIENCE_S = 3.0
RATE_HZ = 16_000
Frame = dict[str, Any]
INITIATION = "conversation_initiation_client_data"


def payload(frame: Frame) -> Frame:
    """What a frame carries beside its type."""
    ((_, fields),) = [item for item in frame.items() if item[0] != "type"]
    assert isinstance(fields, dict)
    return fields


def turn(seconds: float = 0.4, rate_hz: int = RATE_HZ) -> bytes:
    """Speech, and silence enough to end it."""
    return tone(seconds, 300.0, rate_hz) + bytes(2 * rate_hz * 6 // 10)


class Client:
    """Answers pings, unless told not to. ``frames`` is all that was received."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[Frame] = []
        self.pongs = True

    async def send(self, **frame: Any) -> None:
        await self.socket.send(json.dumps(frame))

    async def initiate(self, **fields: Any) -> Frame:
        """Returns the metadata."""
        await self.send(type=INITIATION, **fields)
        return payload(await self.receive())

    async def say(self, audio: bytes, piece: int = 3200) -> None:
        for at in range(0, len(audio), piece):
            await self.send(user_audio_chunk=base64.b64encode(audio[at : at + piece]).decode())

    async def receive(self) -> Frame:
        """The next that is no ping."""
        async with asyncio.timeout(PATIENCE_S):  # pings do not prolong it
            while True:
                frame = json.loads(await self.socket.recv())
                self.frames.append(frame)
                if frame["type"] != "ping":
                    assert isinstance(frame, dict)
                    return frame
                if self.pongs:
                    with suppress(ConnectionClosed):  # what came before the end is yet to be read
                        await self.send(type="pong", event_id=frame["ping_event"]["event_id"])

    async def until(self, kind: str) -> list[Frame]:
        """Up to and with the first of a kind."""
        frames = [await self.receive()]
        while frames[-1]["type"] != kind:
            frames.append(await self.receive())
        return frames

    async def expect(self, kind: str) -> Frame:
        """The payload of the next of a kind."""
        return payload((await self.until(kind))[-1])

    async def audio(self, seconds: float, rate_hz: int = RATE_HZ, sample_bytes: int = 2) -> bytes:
        """Of a reply that is so long."""
        got = b""
        while len(got) < int(seconds * rate_hz) * sample_bytes:
            got += base64.b64decode((await self.expect("audio"))["audio_base_64"])
        return got

    async def closed(self) -> tuple[int, str]:
        """How the service closed, once it did; what came before is in ``frames``."""
        try:
            while True:
                await self.receive()
        except ConnectionClosed as gone:
            frame = gone.rcvd
        return (frame.code, frame.reason) if frame is not None else (1006, "")


async def refused(client: Client) -> tuple[str, int]:
    """The error's type and the code that the connection is closed with."""
    error = await client.expect("error")
    code, reason = await client.closed()
    assert error["code"] == code and error["message"].startswith(reason)
    return error["error_type"], code


@asynccontextmanager
async def dial(url: str) -> AsyncIterator[Client]:
    async with connect(url, proxy=None, compression=None, close_timeout=0.2) as socket:
        yield Client(socket)


def talk(
    service: ElevenLabs,
    act: Callable[[Client], Coroutine[Any, Any, Any]],
    *,
    initiate: bool = True,
) -> Client:
    """Start the stand-in, connect, initiate, act; and see that nothing of it is left running."""

    async def run() -> Client:
        async with service, dial(service.url) as client:
            if initiate:
                await client.initiate()
            await act(client)
        for _ in range(200):
            others = asyncio.all_tasks() - {asyncio.current_task()}
            if not others:
                return client
            await asyncio.sleep(0.01)
        raise AssertionError(f"these have outlived their connection: {others}")

    return asyncio.run(run())


def get(url: str, key: str | None = None) -> tuple[int, Frame]:
    """Plain HTTP: status and body."""
    headers = {} if key is None else {"xi-api-key": key}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=3) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())
