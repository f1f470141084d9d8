"""A loopback port that can be shut: shut, the kernel refuses whoever connects.

A listening socket accepts before anybody can look where the connection leads. So
that a service that refuses is seen as one, nothing listens here while it refuses.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

Accepted = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Door:
    """``port`` is fixed from the beginning, and nobody else's until ``close``. Loop thread."""

    def __init__(self, accepted: Accepted) -> None:
        self._accepted = accepted
        self._server: asyncio.Server | None = None
        # Bound and never listening: it keeps the port while the door is shut.
        self._holder = _bound(0)
        self.port: int = self._holder.getsockname()[1]

    @property
    def is_open(self) -> bool:
        return self._server is not None

    async def open(self) -> None:
        if self._server is None:
            # In two steps, as the first does not yield: of two callers one binds.
            self._server = await asyncio.start_server(
                self._accepted, sock=_bound(self.port), start_serving=False
            )
            await self._server.start_serving()

    def shut(self) -> None:
        """Connections that are open stay open."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        self.shut()
        self._holder.close()


def _bound(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # Two sockets may share the port as long as at most one of them listens.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", port))
    return sock
