"""What each way to connect costs with the configured services, as lines of ``parlor cost``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from device.config_cost import own_prices
from device.idle_cost import FirstTurns, Way, ways
from device.prices import PriceList
from device.providers import capabilities_of
from device.session import model_of, services
from device.settings import Settings
from device.settings_services import connecting


def by_service(settings: Settings, turns: Iterable[Mapping[str, object]]) -> dict[str, list[Way]]:
    """For each service that may serve. ``turns``: as ``parlor turns`` reads them."""
    prices = PriceList(own_prices(settings.cost))
    logged = list(turns)
    return {
        name: ways(
            name,
            model_of(settings, name),
            capabilities_of(name),
            prices,
            connecting(settings.service, getattr(settings, name, None)),
            FirstTurns.of(t.get("wake_to_link_ms") for t in logged if t.get("service") == name),
        )
        for name in services(settings)
    }


def lines(found: Mapping[str, list[Way]]) -> list[str]:
    """For people; the way that is set has a mark."""
    told = ["A session that nobody talks to, and the first turn (connect; * is what is set)"]
    for name, rows in found.items():
        told.append(f"  {name}")
        width = max(len(way.costs) for way in rows)
        for way in rows:
            mark = "*" if way.chosen else " "
            told.append(f"  {mark} {way.connect:<7}  {way.costs:<{width}}  waits {way.waits}")
    return told
