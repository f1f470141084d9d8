"""The meter in the appliance: what it is told of, what it says, what it keeps."""

from __future__ import annotations

import asyncio
from pathlib import Path

from device.adapters.meter_store import read_days
from device.events import (
    BudgetNeared,
    BudgetReached,
    BudgetRestored,
    Event,
    LinkClosed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    SessionLeft,
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
            services=("openai_realtime", "offline"),
        )
        self.metering.load()

    def report(self, event: str, at: float, fields: dict[str, object]) -> None:
        self.reports.append((event, fields))

    def judged(self) -> None:
        """As every few seconds."""

        async def once() -> None:
            task = asyncio.create_task(self.metering.run())
            await asyncio.sleep(0.05)
            task.cancel()

        asyncio.run(once())

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
    assert rig.posted[-1] == BudgetReached(rig.posted[-1].detail, ("offline",), lasting=True)
    rig.clock.now += 86_400
    rig.happens(LinkClosed("x"))
    assert rig.posted[-1] == BudgetRestored()


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


def test_a_limit_that_is_crossed_as_the_session_closes_is_told(tmp_path: Path) -> None:
    rig = Rig(tmp_path, daily_minutes=1.0)
    rig.sent_s = 59.0
    rig.happens(ONLINE, UplinkStopped(1))
    rig.sent_s = 61.0
    rig.happens(LinkClosed("lost in mid-turn"))
    assert isinstance(rig.posted[-1], BudgetReached)


def test_what_a_service_tells_behind_the_end_of_its_session_is_counted(tmp_path: Path) -> None:
    rig = Rig(tmp_path, daily_usd=1.0)
    rig.happens(UsageReported(cost_usd=0.1))  # of nobody: counted all the same
    rig.happens(ONLINE, LinkClosed("idle"), UsageReported(cost_usd=1.0))
    assert isinstance(rig.posted[-1], BudgetReached)
    asyncio.run(rig.metering.save())
    (day,) = read_days(tmp_path / "cost.json").days.values()
    assert day.of("openai_realtime").priced_usd == 1.0


def test_what_is_told_late_counts_to_the_service_whose_session_it_was(tmp_path: Path) -> None:
    rig = Rig(tmp_path, session_usd=0.5)
    rig.happens(LinkOpened("s", "wiro", capabilities_of("wiro")), LinkClosed("idle"), ONLINE)
    rig.happens(UsageReported(cost_usd=0.6, service="wiro"))
    assert rig.posted == [], "the session that is open has cost nothing"
    asyncio.run(rig.metering.save())
    (day,) = read_days(tmp_path / "cost.json").days.values()
    assert day.of("wiro").priced_usd == 0.6
    assert day.of("openai_realtime").priced_usd == 0.0


def test_time_alone_reaches_a_limit_and_the_session_that_was_left_costs_no_more(
    tmp_path: Path,
) -> None:
    rig = Rig(tmp_path, daily_usd=1.0)
    by_time = LinkOpened("s", "cartesia", capabilities_of("cartesia"))
    rig.happens(by_time, SessionLeft())
    rig.clock.now += 8 * 3600
    rig.judged()
    assert rig.posted == []
    rig.happens(by_time)
    rig.clock.now += 8 * 3600
    rig.judged()
    assert isinstance(rig.posted[-1], BudgetReached)


def test_a_failover_is_the_same_session_to_its_limit(tmp_path: Path) -> None:
    rig = Rig(tmp_path, session_usd=0.01)
    rig.happens(ONLINE, UsageReported(cost_usd=0.006), SessionLeft())
    rig.happens(ONLINE, UsageReported(cost_usd=0.006))
    assert rig.posted[-1] == BudgetReached(rig.posted[-1].detail, ("offline",))
