"""What the services charge: list prices with their sources, and the owner's own.

Only what a service's own public documentation says stands in :data:`LISTED`, with the page and
the day on which that was so. A service that is not there has no known price, and nothing is made
up for it: the owner may say it in ``[cost] prices``. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from device.events_service import UsageReported

TOKEN_KINDS = (
    "text_in",
    "text_out",
    "audio_in",
    "audio_out",
    "image_in",
    "cached_text_in",
    "cached_audio_in",
)
"""Priced per million."""
MINUTE = "minute"
"""Of the time that the service bills; where it tells of none, while the connection is open."""
AUDIO_MINUTE = "audio_minute"
"""Of sound, sent or received."""
KINDS = (*TOKEN_KINDS, MINUTE, AUDIO_MINUTE)
HIGHEST_USD = 10_000.0
#: ``gpt-realtime-2.1-2026-05-01`` costs what ``gpt-realtime-2.1`` does.
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}$")
#: Runs on the device.
_FREE = frozenset({"offline"})


@dataclass(frozen=True, slots=True)
class Price:
    """``usd``: kind of use -> US dollars per million tokens, or per minute. ``model`` is a
    pattern as of a shell. ``source`` and ``read_on`` tell where it was read, and when."""

    service: str
    model: str
    usd: Mapping[str, float]
    source: str = ""
    read_on: str = ""


class PriceMistakeError(ValueError):
    """An entry of ``[cost] prices`` cannot be read. ``kind`` is the word that was taken for a
    kind of use, or empty."""

    def __init__(self, says: str, kind: str = "") -> None:
        super().__init__(says)
        self.kind = kind


_REALTIME = {
    "audio_in": 32.0,
    "cached_audio_in": 0.4,
    "audio_out": 64.0,
    "text_in": 4.0,
    "cached_text_in": 0.4,
    "text_out": 24.0,
    "image_in": 5.0,
}
_REALTIME_MINI = {
    "audio_in": 10.0,
    "cached_audio_in": 0.3,
    "audio_out": 20.0,
    "text_in": 0.6,
    "cached_text_in": 0.06,
    "text_out": 2.4,
    "image_in": 0.8,
}
_OPENAI = "https://developers.openai.com/api/docs/models/"
_READ_ON = "2026-11-22"


def _openai(service: str, model: str, usd: Mapping[str, float]) -> Price:
    return Price(service, model, usd, _OPENAI + model, _READ_ON)


LISTED: tuple[Price, ...] = (
    _openai("openai_realtime", "gpt-realtime-2.1", _REALTIME),
    _openai("openai_realtime", "gpt-realtime-2.1-mini", _REALTIME_MINI),
    _openai("openai_realtime", "gpt-realtime-2", _REALTIME),
    _openai("openai_realtime", "gpt-realtime-1.5", {**_REALTIME, "text_out": 16.0}),
    # The transcript of what the user said is billed by itself.
    _openai("openai_realtime", "gpt-transcribe", {MINUTE: 0.0045}),
    _openai("openai_realtime", "gpt-live-transcribe", {MINUTE: 0.017}),
    _openai("openai_realtime", "gpt-realtime-whisper", {MINUTE: 0.017}),
    # The voice alone: what it delegates to another model is billed by that one's tokens.
    _openai("openai_live", "gpt-live-1", {MINUTE: 0.05}),
    _openai("openai_live", "gpt-live-1.1", {MINUTE: 0.05}),
    Price("cartesia", "*", {MINUTE: 0.06}, "https://docs.cartesia.ai/pricing", _READ_ON),
)
"""List prices, without taxes, discounts and free quotas."""


class PriceList:
    """Looks prices up. ``own`` are the owner's: they come before those of :data:`LISTED`, kind
    by kind, so that an entry may change one price and leave the others."""

    def __init__(self, own: Sequence[Price] = (), listed: Sequence[Price] = LISTED) -> None:
        self._own = tuple(own)
        self._listed = tuple(listed)

    def find(self, service: str, model: str) -> Price | None:
        """What ``model`` of ``service`` costs; None: not known."""
        if service in _FREE:
            return Price(service, "*", dict.fromkeys(KINDS, 0.0))
        listed, own = _best(self._listed, service, model), _best(self._own, service, model)
        if listed is None or own is None:
            return own or listed
        return Price(service, own.model, {**listed.usd, **own.usd}, listed.source, listed.read_on)

    def knows(self, service: str, model: str = "") -> bool:
        """Is there a price? Of any model, where ``model`` is left to the service."""
        if not model and service not in _FREE:
            return any(p.service == service for p in (*self._own, *self._listed))
        return self.find(service, model) is not None


def _best(prices: Sequence[Price], service: str, model: str) -> Price | None:
    """The entry that names the model most closely; of equal ones the last."""
    for name in (model, _SNAPSHOT.sub("", model)):
        fitting = [p for p in prices if p.service == service and fnmatchcase(name, p.model)]
        if fitting:
            return max(reversed(fitting), key=_closeness)
    return None


def _closeness(price: Price) -> tuple[bool, int]:
    return not any(c in price.model for c in "*?["), len(price.model)


def cost_of(price: Price | None, usage: UsageReported) -> float | None:
    """US dollars of one report by ``price``, or None where a kind that was used has no price.
    Where only time has a price and the report tells one, or only sound, whose time is known here,
    the service bills by that, and tokens cost nothing. Input from the cache that has no price of
    its own costs what other input does: services without such a price charge it so. A price that
    the service itself told is not looked at."""
    cached_text = min(usage.cached_text_in, usage.text_in)
    cached_audio = min(usage.cached_audio_in, usage.audio_in)
    usd: Mapping[str, float] = price.usd if price else {}
    by_time = usd.keys() <= {MINUTE, AUDIO_MINUTE} and (usage.seconds > 0 or AUDIO_MINUTE in usd)
    if by_time:
        usd = {**dict.fromkeys(KINDS, 0.0), **usd}
    used = (
        (usage.text_in - cached_text, usd.get("text_in"), 1e6),
        (cached_text, usd.get("cached_text_in", usd.get("text_in")), 1e6),
        (usage.audio_in - cached_audio, usd.get("audio_in"), 1e6),
        (cached_audio, usd.get("cached_audio_in", usd.get("audio_in")), 1e6),
        (usage.image_in, usd.get("image_in"), 1e6),
        (usage.text_out, usd.get("text_out"), 1e6),
        (usage.audio_out, usd.get("audio_out"), 1e6),
        (usage.seconds, usd.get(MINUTE), 60.0),
    )
    total = 0.0
    for amount, rate, unit in used:
        if amount > 0:
            if rate is None:
                return None
            total += amount * rate / unit
    return total


def parse_price(entry: str) -> Price:
    """One entry of ``[cost] prices``: ``service model: kind usd, kind usd``.

    Raises PriceMistakeError. Whether there is such a service is for ``config_cost``.
    """
    head, colon, rest = entry.rpartition(":")
    names = head.split()
    if not colon or len(names) != 2:
        raise PriceMistakeError('expected "service model: kind price, kind price"')
    usd: dict[str, float] = {}
    for part in rest.split(","):
        words = part.split()
        if len(words) != 2:
            raise PriceMistakeError('expected a kind of use and its price, e.g. "minute 0.06"')
        kind, number = words
        if kind not in KINDS:
            raise PriceMistakeError(
                f'"{kind[:40]}" is no kind of use; expected one of {", ".join(KINDS)}', kind
            )
        if kind in usd:
            raise PriceMistakeError(f"{kind} has two prices; expected one")
        usd[kind] = _usd(kind, number)
    return Price(names[0], names[1], usd, "[cost] prices")


def _usd(kind: str, number: str) -> float:
    try:
        value = float(number.removeprefix("$"))
    except ValueError:
        value = math.nan
    if not 0 <= value <= HIGHEST_USD:  # never true of NaN
        raise PriceMistakeError(
            f"expected a price in US dollars after {kind}, from 0 to {HIGHEST_USD:g}"
        )
    return value
