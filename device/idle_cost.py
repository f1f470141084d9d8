"""What it costs to keep a session open that nobody talks to, and how soon it answers. Pure.

``connect`` is the owner's choice between the two: :func:`ways` puts both beside each other, from
the price list and from what the last turns took. Nothing is made up: where no price is known,
that is said.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from device.capabilities import Capabilities
from device.prices import MINUTE, PriceList
from device.settings_services import CONNECT, Connecting

HOURS_A_DAY = 24


@dataclass(frozen=True, slots=True)
class FirstTurns:
    """``waited_ms``: of each turn that had to wait for its session, until that was open.
    ``at_once``: so many others found it open."""

    waited_ms: tuple[float, ...] = ()
    at_once: int = 0

    @classmethod
    def of(cls, to_link_ms: Iterable[object]) -> FirstTurns:
        """From ``wake_to_link_ms`` of turns, as they were logged."""
        known = [float(ms) for ms in to_link_ms if isinstance(ms, float | int)]
        return cls(tuple(ms for ms in known if ms > 0), sum(ms <= 0 for ms in known))

    def __str__(self) -> str:
        if not self.waited_ms:
            return "not measured yet"
        return f"median {statistics.median(self.waited_ms):.0f} ms (n = {len(self.waited_ms)})"


@dataclass(frozen=True, slots=True)
class Way:
    """One value of ``connect``: what it costs while nobody talks, and what a first turn waits
    for. ``chosen``: it is the one that is set."""

    connect: str
    chosen: bool
    costs: str
    waits: str


def ways(
    service: str,
    model: str,
    able: Capabilities,
    prices: PriceList,
    connecting: Connecting,
    turns: FirstTurns,
) -> list[Way]:
    """All three, for ``service`` as it is set."""
    usd_per_hour = idle_usd_per_hour(service, model, prices)
    kept_s = connecting.idle_close_s
    costs = {
        "on_wake": "$0: none is open",
        "keep": _costs(usd_per_hour, kept_s / 3600, f"a conversation ({kept_s:g} s)", able),
        "always": _costs(usd_per_hour, HOURS_A_DAY, "a day", able),
    }
    waits = {
        "on_wake": f"for its session: {turns}",
        "keep": f"for its session, if the last was more than {kept_s:g} s ago: {turns}",
        "always": "for nothing",
    }
    return [Way(way, way == connecting.connect, costs[way], waits[way]) for way in CONNECT]


def idle_usd_per_hour(service: str, model: str, prices: PriceList) -> float | None:
    """Of a session in which nothing is said; None: not known. Who bills tokens or sound bills
    nothing then, by the list; who bills minutes bills them."""
    price = prices.find(service, model)
    return None if price is None else 60.0 * price.usd.get(MINUTE, 0.0)


def _costs(per_hour: float | None, hours: float, each: str, able: Capabilities) -> str:
    if per_hour is None:
        silence = "it tells what turns cost, not whether silence does"
        return f"not known: {silence if able.tells_usage else 'it has no listed price'}"
    # At most: of some who bill by the minute it is not known whether they count silence.
    return f"up to ${per_hour * hours:.2f} {each}" if per_hour else f"$0 {each}"
