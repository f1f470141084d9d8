"""Checks of the [cost] section: prices that can be read, and limits that can be kept to."""

from __future__ import annotations

from collections.abc import Iterator

from device.config_schema import Mistake, describe, did_you_mean
from device.prices import KINDS, Price, PriceList, PriceMistakeError, parse_price
from device.settings import PROVIDERS, Settings
from device.settings_cost import CostSettings

Found = Iterator[tuple[str, Mistake]]

_PRICES = "cost.prices"
#: They say themselves what they cost.
_TELL_THEIR_COST = frozenset({"wiro"})


def cost_rules(settings: Settings) -> Found:
    """(dotted key, what is wrong with it), in the order of the settings."""
    seen: set[tuple[str, str]] = set()
    for entry in settings.cost.prices:
        try:
            price = parse_price(entry)
        except PriceMistakeError as error:
            hint = did_you_mean(error.kind, KINDS) if error.kind else ""
            yield _PRICES, Mistake(f"{describe(entry)}: {error}", hint)
            continue
        named = (price.service, price.model)
        if price.service not in PROVIDERS:
            says = f"unknown service {describe(price.service)}; expected one of "
            hint = did_you_mean(price.service, PROVIDERS)
            yield _PRICES, Mistake(says + ", ".join(PROVIDERS[1:]), hint)
        elif price.service == PROVIDERS[0]:
            yield _PRICES, Mistake("the offline service is on the device and costs nothing")
        elif named in seen:
            yield _PRICES, Mistake(f"{describe(' '.join(named))} is listed twice; expected once")
        seen.add(named)


def own_prices(cost: CostSettings) -> tuple[Price, ...]:
    """The owner's prices that can be read; ``cost_rules`` tells of the others."""
    found = []
    for entry in cost.prices:
        try:
            found.append(parse_price(entry))
        except PriceMistakeError:
            continue
    return tuple(found)


def cost_senseless(settings: Settings) -> Found:
    """Limits in dollars that cannot be kept to, since nobody knows what the service costs.
    For ``config_senseless``: the appliance runs with them, and spends."""
    service = settings.service
    prices = PriceList(own_prices(settings.cost))
    dear = [
        name
        for name in (service.provider, *service.fallback)
        if name not in _TELL_THEIR_COST and not _is_priced(prices, settings, name)
    ]
    for name in ("daily_usd", "session_usd"):
        if dear and getattr(settings.cost, name):
            yield (
                f"cost.{name}",
                Mistake(
                    f"no price is known of {', '.join(dear)}, so this does not count it",
                    f'say what it costs: prices = ["{dear[0]} *: minute 0.10"], or limit '
                    "daily_minutes",
                ),
            )


def _is_priced(prices: PriceList, settings: Settings, name: str) -> bool:
    """Without a model in the settings it is the codec's default, which is one of the listed."""
    own = getattr(getattr(settings, name, None), "model", "")
    first = settings.service.model if name == settings.service.provider else ""
    return prices.knows(name, own or first)
