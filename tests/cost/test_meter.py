"""The meter: a turn, a session, a day; limits that are told once; clocks that jump."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from device.core.meter import (
    CLOCK_SET_SINCE,
    KEPT_DAYS,
    NOBODY,
    LimitNeared,
    LimitReached,
    Limits,
    Meter,
    local_day,
)
from device.core.meter_totals import Day, Totals
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


# --- sums ---------------------------------------------------------------------------------


def test_a_report_counts_to_the_turn_the_session_and_the_day() -> None:
    rig = Rig()
    rig.began()
    rig.turn()
    rig.used(UsageReported(text_in=1000, text_out=500, audio_in=2000, cached_audio_in=800))
    turn = rig.turn_over()
    assert (turn.text_in, turn.text_out, turn.audio_in, turn.cached_audio_in) == (
        1000,
        500,
        2000,
        800,
    )
    cost = (1000 * 4 + 500 * 24 + 1200 * 32 + 800 * 0.4) / 1e6
    assert turn.cost_usd == pytest.approx(cost)
    assert turn == Totals(**{f: getattr(turn, f) for f in Totals.__dataclass_fields__})
    assert rig.meter.session.cost_usd == pytest.approx(cost)
    assert rig.today.cost_usd == pytest.approx(cost)
    assert (turn.turns, rig.meter.session.turns, rig.today.turns) == (1, 1, 1)


def test_each_turn_begins_with_nothing_and_the_session_goes_on() -> None:
    rig = Rig()
    rig.began()
    for _ in range(3):
        rig.turn()
        rig.used(DOLLAR)
        assert rig.turn_over().cost_usd == pytest.approx(1)
    assert rig.meter.session.cost_usd == pytest.approx(3)
    assert rig.meter.session.turns == 3


def test_what_a_service_reports_after_the_turn_is_still_the_turns() -> None:
    rig = Rig()
    rig.began()
    rig.turn()
    rig.turn_over()
    rig.used(DOLLAR)
    assert rig.meter.turn.cost_usd == pytest.approx(1)


def test_a_turn_that_reached_nobody_is_none() -> None:
    rig = Rig()
    rig.turn()
    assert rig.turn_over().turns == 0
    assert rig.today.turns == 0


def test_what_the_service_says_it_cost_comes_before_the_list() -> None:
    rig = Rig()
    rig.began()
    rig.used(UsageReported(text_in=250_000, cost_usd=0.7))
    assert rig.meter.session.cost_usd == pytest.approx(0.7)


def test_microphone_and_reply_are_counted_in_seconds() -> None:
    rig = Rig()
    rig.began()
    rig.turn()
    for _ in range(50):
        rig.sent(0.02)
    rig.heard(2.5)
    assert rig.turn_over().microphone_s == pytest.approx(1.0)
    assert rig.today.reply_s == pytest.approx(2.5)


def test_each_service_has_its_own_sums() -> None:
    rig = Rig()
    rig.began()
    rig.used(DOLLAR)
    rig.over()
    rig.began("openai_live", "gpt-live-1")
    rig.used(UsageReported(seconds=60), "openai_live", "gpt-live-1")
    services = rig.meter.today(rig.wall).services
    assert services[OPENAI].cost_usd == pytest.approx(1)
    assert services["openai_live"].cost_usd == pytest.approx(0.05)
    assert services["openai_live"].billed_s == 60


def test_a_transcript_is_charged_by_the_model_that_wrote_it() -> None:
    rig = Rig()
    rig.began()
    rig.used(UsageReported(seconds=60), model="gpt-transcribe")
    assert rig.meter.session.cost_usd == pytest.approx(0.0045)


def test_sound_before_any_service_is_somebodys_all_the_same() -> None:
    rig = Rig()
    rig.sent(1.0)
    assert rig.meter.today(rig.wall).services[NOBODY].microphone_s == 1.0


def test_what_is_given_out_is_a_copy() -> None:
    rig = Rig()
    rig.began()
    rig.meter.today(rig.wall).of(OPENAI).turns = 99
    rig.meter.days()[utc_day(rig.wall)].of(OPENAI).turns = 99
    rig.meter.session.turns = rig.meter.turn.turns = 99
    assert rig.today.turns == rig.meter.session.turns == rig.meter.turn.turns == 0


# --- prices that are not known ------------------------------------------------------------


def test_without_a_price_nothing_is_made_up() -> None:
    rig = Rig()
    rig.began("gemini", "gemini-3.8-live")
    rig.turn()
    rig.used(UsageReported(audio_in=1000), "gemini", "gemini-3.8-live")
    for sums in (rig.turn_over(), rig.meter.session, rig.today):
        assert sums.cost_usd is None
        assert sums.cost_in_words == "no price known"


def test_a_service_that_tells_nothing_at_all_is_not_free() -> None:
    rig = Rig()
    rig.began("vapi", "", tells=False)
    rig.turn()
    for sums in (rig.turn_over(), rig.meter.session, rig.today):
        assert sums.cost_usd is None


def test_nor_is_one_whose_price_needs_what_it_does_not_tell() -> None:
    rig = Rig(None, "vapi *: audio_in 3")
    rig.began("vapi", "", tells=False)
    assert rig.meter.session.cost_usd is None


def test_a_service_that_tells_its_price_needs_no_list() -> None:
    rig = Rig()
    rig.began("wiro", "openai/gpt-realtime")
    rig.turn()
    assert rig.meter.session.cost_usd is None
    rig.used(UsageReported(cost_usd=0.02), "wiro", "openai/gpt-realtime")
    for sums in (rig.turn_over(), rig.meter.session, rig.today):
        assert sums.cost_usd == pytest.approx(0.02)


def test_beside_something_without_a_price_the_cost_is_at_least_the_rest() -> None:
    rig = Rig()
    rig.began()
    rig.used(DOLLAR)
    rig.used(UsageReported(seconds=5))
    assert rig.meter.session.cost_in_words == "at least $1.00"


# --- services that bill by time -----------------------------------------------------------


def test_a_service_that_bills_by_time_and_does_not_tell_it_is_timed() -> None:
    rig = Rig()
    rig.began("cartesia", "", tells=False)
    rig.passes(30)
    rig.turn()
    rig.passes(60)
    assert rig.turn_over().cost_usd == pytest.approx(0.06)
    rig.passes(30)
    rig.over("cartesia")
    rig.passes(600)
    assert rig.meter.turn.billed_s == pytest.approx(60)  # what came after was no turn
    assert rig.meter.session.billed_s == pytest.approx(120)
    assert rig.meter.session.cost_usd == pytest.approx(0.12)
    assert rig.today.cost_usd == pytest.approx(0.12)


def test_one_that_tells_its_seconds_is_not_timed_as_well() -> None:
    rig = Rig()
    rig.began("openai_live", "gpt-live-1")
    rig.passes(60)
    rig.used(UsageReported(seconds=60), "openai_live", "gpt-live-1")
    assert rig.meter.session.cost_usd == pytest.approx(0.05)


def test_one_that_bills_by_sound_is_charged_for_both_ways() -> None:
    rig = Rig(None, "xai *: audio_minute 0.05")
    rig.began("xai", "grok-voice-latest")
    rig.sent(30)
    rig.heard(90)
    rig.used(UsageReported(audio_in=900), "xai", "grok-voice-latest")
    assert rig.meter.session.cost_usd == pytest.approx(0.10)


def test_a_monotonic_clock_that_stood_still_costs_nothing() -> None:
    rig = Rig()
    rig.began("cartesia", "", tells=False)
    rig.now -= 5
    rig.sent(1)
    assert rig.meter.session.billed_s == 0


# --- sessions -----------------------------------------------------------------------------


def test_a_successor_that_is_opened_beside_it_is_the_same_session() -> None:
    rig = Rig()
    rig.began()
    rig.used(DOLLAR)
    rig.began()
    rig.over()
    rig.used(DOLLAR)
    assert rig.meter.session.cost_usd == pytest.approx(2)
    assert rig.meter.session.sessions == 2
    rig.over()
    rig.began()
    assert rig.meter.session.cost_usd == 0


def test_the_end_of_a_session_that_is_not_open_changes_nothing() -> None:
    rig = Rig()
    rig.began()
    rig.over("gemini")
    rig.used(DOLLAR)
    rig.began()
    assert rig.meter.session.cost_usd == pytest.approx(1)


# --- limits -------------------------------------------------------------------------------


def test_a_limit_is_near_once_and_reached_once() -> None:
    rig = Rig(Limits(daily_usd=5))
    rig.began()
    told = []
    for _ in range(7):
        rig.used(DOLLAR)
        told.append(rig.verdicts())
    assert told[:3] == [[], [], []]
    assert told[3] == [LimitNeared("daily_usd", pytest.approx(4), 5)]
    assert told[4] == [LimitReached("daily_usd", pytest.approx(5), 5)]
    assert told[5:] == [[], []]


def test_what_reaches_a_limit_at_once_is_not_said_to_be_near() -> None:
    rig = Rig(Limits(session_usd=0.5))
    rig.began()
    rig.used(DOLLAR)
    assert rig.verdicts() == [LimitReached("session_usd", pytest.approx(1), 0.5)]


def test_each_session_has_its_limit_anew() -> None:
    rig = Rig(Limits(session_usd=1))
    for _ in range(2):
        rig.began()
        rig.used(DOLLAR)
        assert [v.which for v in rig.verdicts()] == ["session_usd"]
        rig.over()
    assert rig.meter.standing(rig.now, rig.wall) == ()


def test_minutes_of_microphone_are_limited_whatever_they_cost() -> None:
    rig = Rig(Limits(daily_minutes=2))
    rig.began("vapi", "", tells=False)
    rig.sent(90)
    assert rig.verdicts() == []
    rig.sent(6)
    assert rig.verdicts() == [LimitNeared("daily_minutes", pytest.approx(1.6), 2)]
    rig.sent(24)
    assert rig.verdicts() == [LimitReached("daily_minutes", pytest.approx(2), 2)]


def test_a_daily_limit_stands_until_tomorrow() -> None:
    rig = Rig(Limits(daily_usd=1))
    rig.began()
    rig.used(DOLLAR)
    assert [v.which for v in rig.meter.standing(rig.now, rig.wall)] == ["daily_usd"]
    rig.passes(DAY_S)
    assert rig.meter.standing(rig.now, rig.wall) == ()
    rig.used(DOLLAR)
    assert [type(v) for v in rig.verdicts()] == [LimitReached]


def test_a_restart_opens_no_new_budget_and_says_nothing_twice() -> None:
    rig = Rig(Limits(daily_usd=1))
    rig.began()
    rig.used(DOLLAR)
    assert len(rig.verdicts()) == 1
    rig.restarts()
    assert rig.today.cost_usd == pytest.approx(1)
    assert len(rig.meter.standing(rig.now, rig.wall)) == 1
    assert rig.verdicts() == []


def test_a_limit_that_was_raised_is_told_of_when_it_is_met_again() -> None:
    rig = Rig(Limits(daily_usd=1))
    rig.began()
    rig.used(DOLLAR)
    rig.verdicts()
    rig.meter.limits = Limits(daily_usd=10)
    assert rig.verdicts() == []
    assert rig.meter.standing(rig.now, rig.wall) == ()
    for _ in range(9):
        rig.used(DOLLAR)
    assert [type(v) for v in rig.verdicts()] == [LimitReached]


def test_without_limits_nothing_is_said() -> None:
    rig = Rig()
    rig.began()
    for _ in range(1000):
        rig.used(DOLLAR)
    rig.sent(1e6)
    assert rig.verdicts() == []


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
