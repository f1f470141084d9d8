"""From a ``Connect`` to an open WebSocket: name lookup, TCP, TLS, hand-shake."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from device.adapters.link_threads import in_daemon_thread
from device.providers.base import Connect

#: websockets logs every header at DEBUG, the Authorization among them: never that.
_wire_logger = logging.getLogger(f"{__name__}.wire")
_wire_logger.setLevel(logging.WARNING)

#: RFC 8305, "Happy Eyeballs": the next address gets its chance after this long.
STAGGER_S = 0.25
#: A look-up or a first packet that the network swallowed is sent again only after seconds, and
#: a network that is back would be noticed as late: another try is begun beside it.
AGAIN_S = 1.0
#: Messages that may wait unread; each may be as big as the limit allows.
READ_AHEAD = 8

Address = tuple[socket.AddressFamily, tuple[Any, ...]]
SslContext = Callable[[], Awaitable[ssl.SSLContext]]


@dataclass(frozen=True, slots=True)
class Target:
    """Where an address leads."""

    host: str
    port: int
    secure: bool

    @property
    def loopback(self) -> bool:
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")

    def __str__(self) -> str:
        """For messages: no path and no query, which may carry a secret."""
        return f"{self.host}:{self.port}"


def target_of(url: str) -> Target:
    """Host and port of a ``ws``, ``wss``, ``http`` or ``https`` address.

    Raises:
        ValueError: it is not one.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss", "http", "https") or not parts.hostname:
        raise ValueError("not an address")
    secure = parts.scheme in ("wss", "https")
    return Target(parts.hostname, parts.port or (443 if secure else 80), secure)


class Connection(ClientConnection):
    """Notes when anything arrived, so that a slow big message counts as life."""

    heard_at: float = 0.0

    def data_received(self, data: bytes) -> None:
        self.heard_at = self.loop.time()
        super().data_received(data)


async def dial(
    wanted: Connect, ssl_context: SslContext, *, max_message_bytes: int, close_timeout_s: float
) -> Connection:
    """Open the WebSocket; the caller bounds the time.

    Raises whatever went wrong, see ``link_errors.explain``.
    """
    target = target_of(wanted.url)
    if not wanted.url.startswith(("ws:", "wss:")):
        raise ValueError("not a WebSocket address")
    options: dict[str, Any] = {}
    if target.secure:
        options["ssl"] = await ssl_context()
    if target.loopback or not getproxies():
        # Our own socket: no lookup in asyncio's executor, and no redirect is followed.
        options["proxy"] = None
        options["sock"] = await _connect_tcp(target)
    connection = await connect(
        wanted.url,
        additional_headers=dict(wanted.headers),
        subprotocols=[Subprotocol(name) for name in wanted.subprotocols] or None,
        compression=None,
        open_timeout=None,
        # The link has its own: the library's waits for ever when the peer reads nothing.
        ping_interval=None,
        close_timeout=close_timeout_s,
        max_size=max_message_bytes,
        max_queue=READ_AHEAD,
        logger=_wire_logger,
        create_connection=Connection,
        **options,
    )
    assert isinstance(connection, Connection)
    connection.heard_at = connection.loop.time()
    return connection


async def _connect_tcp(target: Target) -> socket.socket:
    """A connected, non-blocking socket: of the first try that succeeds."""
    running = {asyncio.create_task(_try_tcp(target))}
    try:
        while True:
            done, running = await asyncio.wait(
                running, timeout=AGAIN_S, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                running.add(asyncio.create_task(_try_tcp(target)))
            for task in done:
                if task.exception() is None or not running:
                    running |= done - {task}
                    return task.result()
    finally:
        await _discard(running)


async def _try_tcp(target: Target) -> socket.socket:
    """The first address that answers."""

    def look_up() -> list[Address]:
        found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        return [(family, address) for family, _, _, _, address in found]

    addresses = await in_daemon_thread("link-dns", look_up)
    return await _race(addresses)


async def _race(addresses: Sequence[Address]) -> socket.socket:
    """Start the addresses one after the other, staggered; the first to connect wins."""
    waiting = list(addresses)
    running: set[asyncio.Task[socket.socket]] = set()
    last_error: BaseException = OSError("no address")
    try:
        while waiting or running:
            if waiting:
                running.add(asyncio.create_task(_connect_one(*waiting.pop(0))))
            done, running = await asyncio.wait(
                running,
                timeout=STAGGER_S if waiting else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done:
                error = task.exception()
                if error is None:
                    running |= done - {task}
                    return task.result()
                last_error = error
        raise last_error
    finally:
        await _discard(running)


async def _connect_one(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _discard(tasks: set[asyncio.Task[socket.socket]]) -> None:
    """Cancel the losers, and close one that won a moment too late."""
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, socket.socket):
            outcome.close()
