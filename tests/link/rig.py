"""A link under test on a real loop and a real loopback socket; waits for what happens."""

from __future__ import annotations

import asyncio
import gc
import random
import socket
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from device.adapters.link import WebSocketLink
from device.adapters.link_tuning import LinkTuning
from device.events import Event, LinkFailed, LinkOpened
from device.fakes_link import Script, ScriptedServer, ServerSession
from device.providers.base import Codec, SessionSpec
from device.providers.openai_realtime import OpenAIRealtime
from device.settings import ServiceSettings

E = TypeVar("E")
KEY = "sk-the-secret-key-of-this-test"
PATIENCE_S = 20.0
QUICK = LinkTuning(backoff_base_s=0.01, backoff_cap_s=0.02, slow_retry_s=60, close_timeout_s=0.5)


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


@dataclass
class Rig:
    """``url`` may be a callable, for an address that is known only later.

    ``sessions`` is the server's side of it, where :func:`opened` made the server.
    """

    url: str | Callable[[], str]
    tuning: LinkTuning = QUICK
    settings: ServiceSettings = field(default_factory=ServiceSettings)
    handshake_timeout_s: float = 8.0
    ssl_context: Callable[[], ssl.SSLContext] = ssl.create_default_context
    codec: Callable[[SessionSpec], Codec] = OpenAIRealtime
    service: Callable[[], str] = str
    sessions: list[ServerSession] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()
        self.link = WebSocketLink(
            codec_factory=self._create,
            post=self.post,
            clock=SystemClock(),
            rng=random.Random(1),
            settings=self.settings,
            ssl_context=self.ssl_context,
            tuning=self.tuning,
            service=self.service,
        )

    def _create(self) -> Codec:
        url = self.url if isinstance(self.url, str) else self.url()
        timeout_s = self.handshake_timeout_s
        return self.codec(SessionSpec(url=url, key=KEY, handshake_timeout_s=timeout_s))

    def post(self, event: Event) -> None:
        self.events.append(event)
        self._changed.set()

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    async def until(self, kind: type[E], count: int = 1) -> E:
        """The ``count``-th event of ``kind``."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.of(kind)) < count:
                self._changed.clear()
                await self._changed.wait()
        return self.of(kind)[count - 1]

    async def fails(self, count: int = 1) -> LinkFailed:
        """Open; returns the ``count``-th failure."""
        self.link.open()
        return await self.until(LinkFailed, count)


@asynccontextmanager
async def opened(script: Script, **options: Any) -> AsyncIterator[Rig]:
    """A link that has been opened to a server which does ``script``; stopped in the end.

    ``options`` are fields of :class:`Rig`.
    """
    async with ScriptedServer(script) as server:
        rig = Rig(server.url, sessions=server.sessions, **options)
        try:
            rig.link.open()
            await rig.until(LinkOpened)
            yield rig
        finally:
            await rig.link.stop()


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for what no event of the link tells: the doing of a thread, or of the server."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.01)


def run(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run ``test`` on a fresh loop; no task may remain and no exception go unseen."""
    unseen: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: unseen.append(context))
        async with asyncio.timeout(60):
            await test()
        gc.collect()  # "Task exception was never retrieved" is said on collection
        await asyncio.sleep(0)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        still = {task.get_name() for task in left if task.get_name().startswith("link")}
        assert not still, still

    asyncio.run(main())
    assert unseen == []


async def quiet(session: ServerSession) -> None:
    """A server that greets and then only listens."""
    await session.greet()
    await session.rest()


async def deaf(session: ServerSession) -> None:
    """Greets, and is then cut off without a word: it reads nothing and answers no ping."""
    await session.greet()
    session.connection.transport.pause_reading()
    await asyncio.Event().wait()


def no_server_url() -> str:
    """An address at which nothing listens: the port was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"ws://127.0.0.1:{probe.getsockname()[1]}/v1/realtime"


__all__ = [
    "KEY",
    "QUICK",
    "Rig",
    "ScriptedServer",
    "ServerSession",
    "deaf",
    "no_server_url",
    "opened",
    "quiet",
    "run",
    "wait_until",
]
