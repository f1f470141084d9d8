"""How a service that the simulator runs behaves towards the appliance, as scenarios ask."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from device.simulator.services.brain import Answer, Brain

REFUSAL = (
    b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nConnection: close\r\n"
)
_REASON = (
    b'{"error": {"type": "insufficient_quota", "code": "insufficient_quota", "message": '
    b'"You exceeded your current quota, please check your plan and billing details."}}'
)


class Conduct:
    """Of one service. Loop thread only.

    ``refuses``: hand-shakes are answered with HTTP 429, for want of quota. ``thinks_slowly``: it
    takes turns, and answers none before that is over.
    """

    def __init__(self) -> None:
        self.refuses = False
        self._thinks = asyncio.Event()
        self._thinks.set()

    @property
    def thinks_slowly(self) -> bool:
        return not self._thinks.is_set()

    @thinks_slowly.setter
    def thinks_slowly(self, slowly: bool) -> None:
        if slowly:
            self._thinks.clear()
        else:
            self._thinks.set()

    async def until_it_thinks(self) -> None:
        await self._thinks.wait()

    def behave(self) -> None:
        """Do all of it well again."""
        self.refuses = self.thinks_slowly = False


def refusal() -> bytes:
    """The HTTP answer of a service that refuses, whole."""
    return REFUSAL + b"Content-Length: %d\r\n\r\n" % len(_REASON) + _REASON


class Minded:
    """A brain that answers as its service's conduct lets it."""

    def __init__(self, brain: Brain, conduct: Conduct) -> None:
        self._brain, self._conduct = brain, conduct

    async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
        await self._conduct.until_it_thinks()
        return await self._brain.spoken(pcm, rate_hz)

    async def written(self, text: str) -> Answer:
        await self._conduct.until_it_thinks()
        return await self._brain.written(text)

    async def tools_done(self, results: Sequence[str]) -> Answer:
        await self._conduct.until_it_thinks()
        return await self._brain.tools_done(results)
