"""A recording proxy between an appliance and a service, on real sockets on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from websockets.asyncio.client import ClientConnection, connect
from websockets.asyncio.server import ServerConnection, serve

from device.simulator.proxy import RecordingProxy
from device.simulator.trouble import Trouble
from device.simulator.upstream import Upstream
from device.simulator.wire_log import WireLog

Handler = Callable[[ServerConnection], Awaitable[None]]


@dataclass
class Line:
    """``reasons``: why the service could not be reached, as the proxy told it."""

    proxy: RecordingProxy
    log: WireLog
    trouble: Trouble
    reasons: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        """What an appliance is told to connect to."""
        return f"ws://127.0.0.1:{self.proxy.port}/v1/realtime?model=m"

    def connect(self) -> connect:
        return connect(self.url, proxy=None)

    def types(self) -> list[str]:
        return [row["type"] for row in self.log.rows]

    def closed_by(self) -> list[str]:
        """Who ended each connection that is over."""
        return [row["by"] for row in self.log.rows if row["type"] == "closed"]


@asynccontextmanager
async def way_to(upstream: Upstream) -> AsyncIterator[Line]:
    """A proxy that leads to ``upstream``, whatever is there."""
    log, trouble = WireLog(), Trouble()
    reasons: list[str] = []
    proxy = RecordingProxy(
        upstream, log, trouble, on_unreachable=lambda why, at: reasons.append(why)
    )
    await proxy.start()
    try:
        yield Line(proxy, log, trouble, reasons)
    finally:
        await proxy.stop()


@asynccontextmanager
async def line(handler: Handler) -> AsyncIterator[Line]:
    """A proxy that leads to a service which does ``handler``."""
    async with serve(handler, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with way_to(Upstream("127.0.0.1", port)) as here:
            yield here


async def echo(connection: ServerConnection) -> None:
    """A service that says what it hears."""
    async for message in connection:
        await connection.send(message)


async def in_time(client: ClientConnection) -> str | bytes:
    """The next message, which must come within 10 s."""
    return await asyncio.wait_for(client.recv(), 10)
