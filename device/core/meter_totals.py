"""What was used: the sums that the meter keeps. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from device.events_service import UsageReported


@dataclass(slots=True)
class Totals:
    """Sums of one turn, session or day. Tokens by kind; ``text_in`` and ``audio_in`` include
    what came from the service's cache. ``billed_s`` are seconds that the service bills by,
    ``microphone_s`` seconds of microphone that were sent, ``reply_s`` of reply received.
    ``priced_usd`` is the cost of all that has a price, ``unpriced`` counts what has none."""

    text_in: int = 0
    text_out: int = 0
    audio_in: int = 0
    audio_out: int = 0
    image_in: int = 0
    cached_text_in: int = 0
    cached_audio_in: int = 0
    billed_s: float = 0.0
    microphone_s: float = 0.0
    reply_s: float = 0.0
    priced_usd: float = 0.0
    unpriced: int = 0
    turns: int = 0
    sessions: int = 0

    @property
    def cost_usd(self) -> float | None:
        """US dollars, or None: of some of it no price is known."""
        return None if self.unpriced else self.priced_usd

    @property
    def cost_in_words(self) -> str:
        """``$0.84``, ``at least $0.84`` or ``no price known``."""
        if not self.unpriced:
            return dollars(self.priced_usd)
        return f"at least {dollars(self.priced_usd)}" if self.priced_usd else "no price known"

    @property
    def empty(self) -> bool:
        return self == Totals()

    def add_tokens(self, usage: UsageReported) -> None:
        """All of a report but its price."""
        self.text_in += usage.text_in
        self.text_out += usage.text_out
        self.audio_in += usage.audio_in
        self.audio_out += usage.audio_out
        self.image_in += usage.image_in
        self.cached_text_in += usage.cached_text_in
        self.cached_audio_in += usage.cached_audio_in
        self.billed_s += usage.seconds

    def add(self, other: Totals) -> None:
        for name in FIELDS:
            setattr(self, name, getattr(self, name) + getattr(other, name))

    def copy(self) -> Self:
        return dataclasses.replace(self)

    @classmethod
    def together(cls, parts: Iterable[Totals]) -> Totals:
        whole = cls()
        for part in parts:
            whole.add(part)
        return whole


FIELDS = tuple(entry.name for entry in dataclasses.fields(Totals))
"""Names of the sums, in order."""


@dataclass(slots=True)
class Day:
    """One calendar day: service -> what was used of it. ``told`` is how much has been said of
    each daily limit (1: near, 2: reached), so that a restart does not say it again."""

    services: dict[str, Totals] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)

    def of(self, service: str) -> Totals:
        return self.services.setdefault(service, Totals())

    @property
    def total(self) -> Totals:
        return Totals.together(self.services.values())

    def add(self, other: Day) -> None:
        """Takes ``other`` over; it is not to be used afterwards."""
        for service, totals in other.services.items():
            # The object itself, where it can be: whoever holds it goes on with it.
            if self.services.setdefault(service, totals) is not totals:
                self.services[service].add(totals)
        for which, level in other.told.items():
            self.told[which] = max(level, self.told.get(which, 0))

    def copy(self) -> Day:
        return Day({name: totals.copy() for name, totals in self.services.items()}, {**self.told})


def dollars(usd: float) -> str:
    """``$1.20``; of less than a dollar as much as tells something: ``$0.0042``."""
    return f"${usd:.2f}" if usd >= 1 or usd == 0 else f"${usd:.4f}"
