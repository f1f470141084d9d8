"""Days, clocks that jump, and any story at all."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from device.core.meter import (
    CLOCK_SET_SINCE,
    KEPT_DAYS,
    LimitReached,
    Limits,
    Meter,
    local_day,
)
from device.core.meter_totals import Day, Totals
from device.events_service import UsageReported
from device.prices import PriceList
from tests.cost.meter_rig import DAY_S, DOLLAR, MODEL, MORNING, OPENAI, Rig

# --- days and clocks ----------------------------------------------------------------------


def test_midnight_divides_what_was_used() -> None:
    rig = Rig()
    rig.began()
    rig.used(DOLLAR)
    rig.passes(15 * 3600)
    rig.used(DOLLAR)
    assert rig.days == {"2026-11-22": pytest.approx(1), "2026-11-23": pytest.approx(1)}


def test_a_clock_that_goes_back_an_hour_over_midnight_opens_no_new_budget() -> None:
    rig = Rig()
    rig.wall = datetime(2026, 11, 23, 0, 30, tzinfo=UTC).timestamp()
    rig.began()
    rig.used(DOLLAR)
    rig.wall -= 3600
    rig.used(DOLLAR)
    assert rig.days == {"2026-11-23": pytest.approx(2)}


def test_a_clock_that_is_not_set_counts_on_the_last_day_that_is_known() -> None:
    rig = Rig()
    rig.began()
    rig.used(DOLLAR)
    rig.restarts()
    rig.wall = 60.0  # 1970
    rig.used(DOLLAR)
    assert rig.days == {"2026-11-22": pytest.approx(2)}


def test_what_was_used_before_the_clock_was_ever_set_belongs_to_the_day_it_turns_out_to_be() -> (
    None
):
    rig = Rig()
    rig.wall = 60.0
    rig.began("wiro", "m")
    rig.used(DOLLAR)
    assert rig.today.priced_usd == pytest.approx(1)
    rig.wall = MORNING
    rig.used(UsageReported(cost_usd=0.5), "wiro", "m")
    assert rig.days == {"2026-11-22": pytest.approx(1.5)}
    assert rig.today.cost_usd == pytest.approx(1.5)  # the service turned out to tell its price


def test_a_limit_that_was_told_of_before_the_clock_was_set_is_not_told_again() -> None:
    rig = Rig(Limits(daily_usd=1))
    rig.wall = 60.0
    rig.began()
    rig.used(DOLLAR)
    assert [type(v) for v in rig.verdicts()] == [LimitReached]
    rig.wall = MORNING
    assert rig.verdicts() == []
    assert len(rig.meter.standing(rig.now, rig.wall)) == 1


def test_a_clock_that_was_years_ahead_is_believed_when_it_comes_back() -> None:
    rig = Rig(Limits(daily_usd=3))
    rig.began()
    rig.used(DOLLAR)
    rig.wall += 4000 * DAY_S
    rig.used(DOLLAR)
    rig.wall = MORNING
    rig.used(DOLLAR)
    assert rig.days == {"2026-11-22": pytest.approx(3)}
    assert [type(v) for v in rig.verdicts()] == [LimitReached]
    rig.passes(DAY_S)
    assert rig.today.priced_usd == 0


def test_a_month_is_kept() -> None:
    rig = Rig()
    rig.began()
    for _ in range(KEPT_DAYS + 10):
        rig.used(DOLLAR)
        rig.passes(DAY_S)
    assert len(rig.days) == KEPT_DAYS
    assert min(rig.days) == "2026-12-02"


@pytest.mark.parametrize("wall", [math.inf, -math.inf, math.nan, 1e18, -1e18])
def test_a_clock_that_shows_nonsense_breaks_nothing(wall: float) -> None:
    assert local_day(wall) < CLOCK_SET_SINCE
    meter = Meter(PriceList(), Limits(daily_usd=1))
    meter.session_began(OPENAI, MODEL, 0.0, MORNING)
    meter.usage(OPENAI, MODEL, DOLLAR, 0.0, wall)
    assert meter.today(MORNING).total.priced_usd == pytest.approx(1)


def test_the_days_are_those_of_this_place() -> None:
    here = datetime.now().astimezone()
    assert local_day(here.timestamp()) == here.date()


def test_what_is_worth_keeping_shows_in_the_revision() -> None:
    rig = Rig(Limits(daily_usd=1))
    seen = [rig.meter.revision]
    for step in (
        rig.began,
        rig.turn,
        lambda: rig.used(DOLLAR),
        rig.turn_over,
        rig.verdicts,
        rig.over,
    ):
        step()
        seen.append(rig.meter.revision)
    assert len(set(seen)) == len(seen) - 1  # the beginning of a turn costs nothing


# --- whatever happens ---------------------------------------------------------------------

SERVICES = st.sampled_from([OPENAI, "openai_live", "cartesia", "wiro", "gemini", "offline"])
MODELS = {OPENAI: MODEL, "openai_live": "gpt-live-1"}
AMOUNT = st.integers(0, 10**6)


class AnyStory(RuleBasedStateMachine):
    """Whatever the clocks do: nothing is lost, and nothing is counted or told twice."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(Limits(daily_usd=2, session_usd=1, daily_minutes=5))
        self.tokens = 0
        self.microphone_s = 0.0

    @rule(seconds=st.floats(0, 3 * DAY_S))
    def time_passes(self, seconds: float) -> None:
        self.rig.passes(seconds)

    @rule(days=st.integers(-3, 3))
    def clock_jumps(self, days: int) -> None:
        self.rig.wall += days * DAY_S

    @rule()
    def clock_is_lost(self) -> None:
        self.rig.wall = 0.0

    @rule(service=SERVICES, tells=st.booleans())
    def began(self, service: str, tells: bool) -> None:
        self.rig.began(service, MODELS.get(service, ""), tells)

    @rule(service=SERVICES)
    def over(self, service: str) -> None:
        self.rig.over(service)

    @rule()
    def turn(self) -> None:
        self.rig.turn()

    @rule()
    def turn_over(self) -> None:
        self.rig.turn_over()

    @rule(
        service=SERVICES,
        tokens=AMOUNT,
        cached=AMOUNT,
        cost=st.none() | st.floats(0, 1),
    )
    def used(self, service: str, tokens: int, cached: int, cost: float | None) -> None:
        self.tokens += tokens
        event = UsageReported(text_in=tokens, cached_text_in=cached, cost_usd=cost)
        self.rig.used(event, service, MODELS.get(service, ""))

    @rule(seconds=st.floats(0, 100))
    def sent(self, seconds: float) -> None:
        self.microphone_s += seconds
        self.rig.sent(seconds)

    @rule()
    def restart(self) -> None:
        self.rig.restarts()

    @invariant()
    def sums_are_whole(self) -> None:
        days = self.rig.meter.days()
        if len(days) < KEPT_DAYS:
            whole = Totals.together(day.total for day in days.values())
            assert whole.text_in == self.tokens
            assert whole.microphone_s == pytest.approx(self.microphone_s)
        assert len(days) <= KEPT_DAYS
        for entry in (
            *(d.total for d in days.values()),
            self.rig.meter.session,
            self.rig.meter.turn,
        ):
            assert entry.unpriced >= 0
            assert entry.priced_usd >= 0

    @invariant()
    def a_limit_that_stands_was_told_of(self) -> None:
        standing = {v.which for v in self.rig.meter.standing(self.rig.now, self.rig.wall)}
        self.rig.verdicts()
        told = self.rig.meter.today(self.rig.wall).told
        assert standing <= {which for which, level in told.items() if level == 2}
        assert self.rig.verdicts() == []


TestAnyStory = AnyStory.TestCase


@given(st.lists(st.tuples(SERVICES, AMOUNT), max_size=20))
def test_a_day_is_the_sum_of_its_services(uses: list[tuple[str, int]]) -> None:
    day = Day()
    for service, tokens in uses:
        day.of(service).add_tokens(UsageReported(text_in=tokens))
    assert day.total.text_in == sum(tokens for _, tokens in uses)


def test_a_day_before_the_first_is_no_trouble() -> None:
    rig = Rig()
    rig.began()
    rig.wall = (
        datetime.combine(CLOCK_SET_SINCE, datetime.min.time(), UTC) - timedelta(days=1)
    ).timestamp()
    rig.used(DOLLAR)
    assert sum(rig.days.values()) == pytest.approx(1)
