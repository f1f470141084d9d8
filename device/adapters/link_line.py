"""What is asked of an open connection itself: does it live, and has all of it arrived?

Loop thread only. Pings do both: a pong is a sign of life, and by TCP's order it comes after
all that the other side had written before it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from websockets.exceptions import ConnectionClosed

from device.adapters.link_dial import Connection
from device.adapters.link_tuning import LinkTuning
from device.providers.base import Connect

log = logging.getLogger(__name__)

#: A probe looks this often, so that a loop that was busy for most of it has time to read.
_PROBE_STEPS = 5


class Line:
    """One connection, with one reader, who takes a message only when done with the last.

    ``wanted`` tells what the other side is like.
    """

    def __init__(self, connection: Connection, tuning: LinkTuning, wanted: Connect) -> None:
        self._connection = connection
        self._tuning = tuning
        self._pings = wanted.pings
        self._endless = wanted.endless
        self._messages = 0
        self._caught_up = asyncio.Event()  # all that has come was dealt with

    async def recv(self) -> str | bytes:
        """The next message. Who asks for it has dealt with those before.

        Raises:
            ConnectionClosed: there is none any more.
        """
        self._caught_up.set()  # noticed by nobody when something is there at once
        data = await self._connection.recv()
        self._caught_up.clear()
        self._messages += 1
        return data

    async def fence(self) -> bool:
        """Wait until nothing that was said before now is on its way any more, and all of it
        was dealt with; False: the connection is closed.

        What the other side has decided to say, but not written yet because the line is full,
        comes after a pong. So a ping is sent until one finds the line empty, without a message
        before its pong. Who sends without end, but no faster than it is heard, leaves no such
        moment, and has nothing that waits for long: there one round trip is all that can be
        asked for. Where pings are not answered only time can be given.
        """
        if not self._pings:
            await asyncio.sleep(self._tuning.blind_fence_s)
            return True
        try:
            while True:
                before = self._messages
                await (await self._connection.ping())
                # What came before the pong has woken the reader before us; it may be at work.
                while not self._caught_up.is_set():
                    await self._caught_up.wait()
                if self._endless or self._messages == before:
                    return True
        except ConnectionClosed:
            return False  # the reader says why

    async def ping(self) -> None:
        """Written, not waited for: its pong is noticed like anything else that arrives."""
        try:
            await self._connection.ping()
        except ConnectionClosed:
            return  # the reader says why

    async def until_silent(self, ping: Callable[[], asyncio.Task[None]]) -> float:
        """Return when nothing at all was heard for too long, and for how long. ``ping`` begins
        to send one; one that cannot be written is left waiting."""
        pinged: asyncio.Task[None] | None = None
        while True:
            await asyncio.sleep(self._tuning.ping_interval_s)
            if self.silent_for_s > self._tuning.silence_limit_s:
                return self.silent_for_s
            if pinged is None or pinged.done():
                pinged = ping()

    async def lives(self) -> bool:
        """Whether anything is heard within ``probe_s`` of now. A ping should be on its way."""
        asked_at = asyncio.get_running_loop().time()
        for _ in range(_PROBE_STEPS):
            await asyncio.sleep(self._tuning.probe_s / _PROBE_STEPS)
            if self._connection.heard_at > asked_at:
                return True
        return False

    async def close(self, writer: asyncio.Task[None] | None, where: str) -> None:
        """When ``writer`` has written what is left: the closing hand-shake. Bounded in time."""
        try:
            async with asyncio.timeout(self._tuning.close_timeout_s):
                if writer is not None:
                    await asyncio.wait({writer})
                await self._connection.close()
        except TimeoutError:
            log.debug("%s did not close in time", where)

    @property
    def silent_for_s(self) -> float:
        """Nothing at all was heard for so long."""
        return asyncio.get_running_loop().time() - self._connection.heard_at
