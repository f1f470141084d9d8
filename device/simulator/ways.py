"""The ways from the appliance to its services: a recording proxy each, and what goes wrong."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from device.simulator.conduct import Conduct
from device.simulator.proxy import RecordingProxy
from device.simulator.trouble import NO_WAY, Trouble
from device.simulator.upstream import Upstream
from device.simulator.wire_log import WireLog

STALL = "stall"
HANGS = "the service hangs"


@dataclass(frozen=True, slots=True)
class Destination:
    """A service. ``section``: of the configuration, whose ``url`` leads there; ``proxied``: by
    way of a proxy; ``conduct``: how it behaves."""

    section: str
    upstream: Upstream
    proxied: bool = True
    conduct: Conduct = field(default_factory=Conduct)


class Way:
    """To one service."""

    def __init__(
        self,
        to: Destination,
        log: WireLog,
        number: Callable[[], int],
        on_unreachable: Callable[[str, float], object],
    ) -> None:
        self.to, self.trouble = to, Trouble()
        self.proxy = RecordingProxy(
            to.upstream,
            log,
            self.trouble,
            on_unreachable=on_unreachable,
            conduct=to.conduct,
            number=number,
        )

    @property
    def port(self) -> int | None:
        """Where the appliance is led to; None: straight to the service."""
        return self.proxy.port if self.to.proxied else None


class Ways:
    """All of them, the preferred service's first. Loop thread only; times are CLOCK_MONOTONIC.

    What is wrong with the network is wrong on all; a service misbehaves by itself (numbers
    count from 1).
    """

    def __init__(
        self,
        destinations: Sequence[Destination],
        log: WireLog,
        on_unreachable: Callable[[str, float], object],
    ) -> None:
        number = itertools.count(1).__next__
        self.each = [Way(to, log, number, on_unreachable) for to in destinations]

    async def start(self) -> None:
        for way in self.each:
            if way.to.proxied:
                await way.proxy.start()

    async def stop(self) -> None:
        for way in self.each:
            await way.proxy.stop()

    def down(self, now: float, holder: str = "outage") -> None:
        for way in self.each:
            way.trouble.down(now, holder)
            way.proxy.look_again()

    def up(self, now: float, holder: str = "outage") -> None:
        for way in self.each:
            way.trouble.up(now, holder)
            way.proxy.look_again()

    def all_well(self, now: float) -> None:
        """So that nobody is left waiting."""
        for way in self.each:
            for holder in ("outage", STALL, HANGS, NO_WAY):
                way.trouble.up(now, holder)
            way.to.conduct.behave()

    def stall(self, now: float, seconds: float, clock: Callable[[], float]) -> None:
        self.down(now, STALL)
        asyncio.get_running_loop().call_later(seconds, lambda: self.up(clock(), STALL))

    def jitter(self, delay_ms: float, jitter_ms: float, rate_kbps: float) -> None:
        for way in self.each:
            way.trouble.jitter(delay_ms, jitter_ms, rate_kbps)

    def reset(self) -> None:
        for way in self.each:
            way.proxy.reset()

    def refuse(self, number: int) -> None:
        """Its quota is used up: it ends what it has, and refuses whoever connects."""
        self._at(number).to.conduct.refuses = True
        self._at(number).proxy.reset()

    def hang(self, number: int, now: float) -> None:
        """It takes connections, and nothing is heard of it."""
        self._at(number).trouble.down(now, HANGS)

    def slow(self, number: int) -> None:
        self._at(number).to.conduct.thinks_slowly = True

    def well(self, number: int, now: float) -> None:
        way = self._at(number)
        way.to.conduct.behave()
        way.trouble.up(now, HANGS)
        way.proxy.look_again()

    def _at(self, number: int) -> Way:
        return self.each[max(number, 1) - 1]
