"""A meter for the tests, whose clocks they move."""

from __future__ import annotations

from datetime import UTC, date, datetime

from device.core.meter import (
    LimitNeared,
    LimitReached,
    Limits,
    Meter,
)
from device.core.meter_totals import Totals
from device.events_service import UsageReported
from device.prices import PriceList, parse_price

OPENAI, MODEL = "openai_realtime", "gpt-realtime-2.1"
DOLLAR = UsageReported(text_in=250_000)  # at 4 dollars a million
MORNING = datetime(2026, 11, 22, 9, tzinfo=UTC).timestamp()
DAY_S = 86400.0


def utc_day(wall: float) -> date:
    return datetime.fromtimestamp(wall, UTC).date()


class Rig:
    """A meter whose clocks the test moves."""

    def __init__(self, limits: Limits | None = None, *prices: str) -> None:
        self.now, self.wall = 1000.0, MORNING
        own = PriceList([parse_price(entry) for entry in prices])
        self.meter = Meter(own, limits or Limits(), day_of=utc_day)

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds

    def began(self, service: str = OPENAI, model: str = MODEL, tells: bool = True) -> None:
        self.meter.session_began(service, model, self.now, self.wall, tells_usage=tells)

    def over(self, service: str = OPENAI) -> None:
        self.meter.session_over(service, self.now, self.wall)

    def turn(self) -> None:
        self.meter.turn_began(self.now, self.wall)

    def turn_over(self) -> Totals:
        return self.meter.turn_over(self.now, self.wall)

    def used(self, event: UsageReported, service: str = OPENAI, model: str = MODEL) -> None:
        self.meter.usage(service, model, event, self.now, self.wall)

    def sent(self, seconds: float) -> None:
        self.meter.microphone_sent(seconds, self.now, self.wall)

    def heard(self, seconds: float) -> None:
        self.meter.reply_received(seconds, self.now, self.wall)

    def verdicts(self) -> list[LimitNeared | LimitReached]:
        return list(self.meter.verdicts(self.now, self.wall))

    def restarts(self) -> None:
        days = self.meter.days()
        self.meter = Meter(PriceList(), self.meter.limits, days, utc_day)

    @property
    def today(self) -> Totals:
        return self.meter.today(self.wall).total

    @property
    def days(self) -> dict[str, float]:
        return {d.isoformat(): e.total.priced_usd for d, e in self.meter.days().items()}
