"""The meter in the appliance: what it is told of, what it says, what it keeps."""

from __future__ import annotations

import asyncio
from pathlib import Path

from device.adapters.meter_store import read_days
from device.events import (
    BudgetNeared,
    BudgetReached,
    Event,
    LinkClosed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    UplinkAudio,
    UplinkStopped,
    UsageReported,
)
from device.metering import Metering
from device.providers import capabilities_of
from device.settings_cost import CostSettings

ONLINE = LinkOpened("s", "openai_realtime", capabilities_of("openai_realtime"))
OFFLINE = LinkOpened("s", "offline", capabilities_of("offline"))


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return 1_795_000_000.0 + self.now


class Rig:
    def __init__(self, path: Path, **cost: object) -> None:
        self.posted: list[Event] = []
        self.reports: list[tuple[str, dict[str, object]]] = []
        self.sent_s = 0.0
        self.clock = Clock()
        self.metering = Metering(
            CostSettings(**cost),  # type: ignore[arg-type]
            path / "cost.json",
            post=self.posted.append,
            clock=self.clock,
            timeline=self,
            microphone_s=lambda: self.sent_s,
            model_of=lambda _name: "gpt-realtime-2.1",
            bytes_per_s=48_000,
        )
        self.metering.load()

    def report(self, event: str, at: float, fields: dict[str, object]) -> None:
        self.reports.append((event, fields))

    def happens(self, *events: Event) -> None:
        for event in events:
            self.metering.saw(event)


def test_the_seconds_of_microphone_are_those_that_the_link_was_given(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.happens(ONLINE)
    rig.sent_s = 2.5
    rig.happens(UplinkStopped(1))
    rig.clock.now += 3600
    rig.happens(LinkClosed("idle"))
    asyncio.run(rig.metering.save())
    (day,) = read_days(tmp_path / "cost.json").days.values()
    assert day.total.microphone_s == 2.5


def test_a_turn_is_told_with_its_seconds_and_its_price(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.happens(ONLINE, UplinkAudio(b"", 0, 0))
    rig.sent_s = 3.0
    rig.happens(UplinkStopped(1), UsageReported(audio_in=1000, audio_out=500))
    rig.happens(ReplyAudio("r", "i", bytes(96_000)), ReplyDone("r", "completed"))
    ((event, fields),) = rig.reports
    assert event == "cost" and fields["microphone_s"] == 3.0
    assert isinstance(fields["usd"], float) and fields["usd"] > 0


def test_limits_are_told_once_each(tmp_path: Path) -> None:
    rig = Rig(tmp_path, daily_minutes=1.0)
    rig.happens(ONLINE, UplinkAudio(b"", 0, 0))
    for seconds in (30.0, 50.0, 55.0, 61.0, 62.0):
        rig.sent_s = seconds
        rig.happens(UplinkStopped(1))
    assert [type(event) for event in rig.posted] == [BudgetNeared, BudgetReached]
    rig.happens(LinkClosed("x"), ONLINE)
    assert isinstance(rig.posted[-1], BudgetReached), "it still is, for the next session"


def test_the_offline_service_is_never_stopped(tmp_path: Path) -> None:
    rig = Rig(tmp_path, daily_minutes=1.0)
    rig.sent_s = 100.0
    rig.happens(ONLINE, UplinkStopped(1), LinkClosed("x"))
    told = len(rig.posted)
    rig.happens(OFFLINE)
    assert len(rig.posted) == told


def test_what_was_counted_survives_a_restart(tmp_path: Path) -> None:
    rig = Rig(tmp_path, daily_minutes=1.0)
    rig.sent_s = 59.0
    rig.happens(ONLINE, UplinkStopped(1))
    asyncio.run(rig.metering.save())
    again = Rig(tmp_path, daily_minutes=1.0)
    again.sent_s = 2.0
    again.happens(ONLINE, UplinkStopped(1))
    assert isinstance(again.posted[-1], BudgetReached)


def test_a_session_that_takes_over_does_not_begin_a_new_budget(tmp_path: Path) -> None:
    rig = Rig(tmp_path, session_usd=0.01)
    rig.happens(ONLINE, UsageReported(cost_usd=0.006))
    rig.happens(ONLINE, UsageReported(cost_usd=0.006))
    assert isinstance(rig.posted[-1], BudgetReached)
