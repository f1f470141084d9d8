"""What a session cost, from Wiro's ``task_cost``. Pure.

``cumulativeCost`` is what counts: an event that repeats it tells nothing new, however often it
comes, as the last one of an empty account may. Where it is missing ``turnCost`` counts, and an
event that says word for word what the last one said counts only if there was a reply in between.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from device.events import UsageReported
from device.providers.wire import mapping, whole

#: Sums are of floats.
_SMALLEST_USD = 1e-9


class Costs:
    """Of one session."""

    def __init__(self) -> None:
        self._counted_usd = 0.0
        self._last: Mapping[str, object] | None = None
        self._replied = True

    def replied(self) -> None:
        """The service has begun a reply."""
        self._replied = True

    def report(self, message: Mapping[str, object]) -> UsageReported | None:
        """What ``message`` tells that was not told yet."""
        nested = mapping(message, "message")
        fields = nested if "turnCost" in nested or "cumulativeCost" in nested else message
        told = {name: fields.get(name) for name in ("turnCost", "cumulativeCost", "usage")}
        again = told == self._last and not self._replied
        self._last, self._replied = told, False
        turn, cumulative = _amount(told["turnCost"]), _amount(told["cumulativeCost"])
        cost = self._increment(turn, cumulative, again=again)
        stale = again or (cumulative is not None and bool(turn) and not cost)
        usage = {} if stale else _tokens(mapping(fields, "usage"))
        if not cost and not any(usage.values()):
            return None
        return UsageReported(**usage, cost_usd=cost)

    def _increment(
        self, turn: float | None, cumulative: float | None, *, again: bool
    ) -> float | None:
        """None: no price was told."""
        if cumulative is None:
            if turn is None:
                return None
            cost = 0.0 if again else turn
            self._counted_usd += cost
            return cost
        cost = cumulative - self._counted_usd
        if cost < _SMALLEST_USD:
            return 0.0
        self._counted_usd = cumulative
        return cost


def _amount(value: object) -> float | None:
    """Dollars, as a number or as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and 0 <= number < 1e6 else None


def _tokens(usage: Mapping[str, object]) -> dict[str, Any]:
    """Where the provider behind Wiro counts as OpenAI does, or at least in and out."""
    came = mapping(usage, "input_token_details")
    went = mapping(usage, "output_token_details")
    cached = mapping(came, "cached_tokens_details")
    found = {
        "text_in": whole(came, "text_tokens", 0 if came else whole(usage, "input_tokens")),
        "audio_in": whole(came, "audio_tokens"),
        "image_in": whole(came, "image_tokens"),
        "text_out": whole(went, "text_tokens", 0 if went else whole(usage, "output_tokens")),
        "audio_out": whole(went, "audio_tokens"),
        "cached_text_in": whole(cached, "text_tokens"),
        "cached_audio_in": whole(cached, "audio_tokens"),
    }
    return {name: count if 0 < count < 10**9 else 0 for name, count in found.items()}
