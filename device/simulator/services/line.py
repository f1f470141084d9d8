"""A stand-in's connection, and everything that may go wrong on it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

Data = str | bytes
GARBAGE = '{"type": '


@dataclass(frozen=True, slots=True)
class Trouble:
    """Messages are counted from 1, of those that the stand-in sends on one connection; None or
    0: that trouble is not made. Only the first ``connections`` connections have any."""

    slow_s: float = 0.0  #: before each message
    stall_at: int | None = None  #: this message and all after it are never sent
    half_open_at: int | None = None  #: as before, and nothing is read any more, not even pings
    abort_at: int | None = None  #: the TCP connection is reset in its place
    swap_at: int | None = None  #: it changes places with the one after it
    twice_at: int | None = None  #: it is sent twice
    garbage_at: int | None = None  #: something that is no message comes before it
    unknown_at: int | None = None  #: a message of a kind that nobody knows comes before it
    connections: int = 1_000_000


class Line:
    """What a stand-in sends and receives through. ``unknown`` is a message of a kind that its
    protocol does not know."""

    def __init__(self, socket: ServerConnection, trouble: Trouble, unknown: Data) -> None:
        self.socket, self._trouble, self._unknown = socket, trouble, unknown
        self._count = 0
        self._held: Data | None = None
        self._dead = False
        self._lock = asyncio.Lock()
        self.received: list[Data] = []
        self.sent: list[Data] = []

    def __aiter__(self) -> AsyncIterator[Data]:
        return self._messages()

    async def _messages(self) -> AsyncIterator[Data]:
        """Until the other side has gone, in whatever way."""
        try:
            async for data in self.socket:
                self.received.append(data)
                yield data
        except ConnectionClosed:
            return

    async def send(self, data: Data) -> None:
        """In order, with the trouble that was asked for; a client that has gone is no error."""
        async with self._lock:
            trouble = self._trouble
            self._count += 1
            number = self._count
            if trouble.slow_s:
                await asyncio.sleep(trouble.slow_s)
            if number in (trouble.stall_at, trouble.half_open_at):
                self._dead = True
            if number == trouble.half_open_at:
                self.socket.transport.pause_reading()
            if number == trouble.abort_at:
                self._dead = True
                self.socket.transport.abort()
            if self._dead:
                return
            if number == trouble.swap_at:
                self._held = data
                return
            if number == trouble.garbage_at:
                await self._put(GARBAGE)
            if number == trouble.unknown_at:
                await self._put(self._unknown)
            await self._put(data)
            if number == trouble.twice_at:
                await self._put(data)
            if self._held is not None:
                held, self._held = self._held, None
                await self._put(held)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self.socket.close(code, reason)

    async def _put(self, data: Data) -> None:
        self.sent.append(data)
        try:
            await self.socket.send(data)
        except ConnectionClosed:
            return
