"""Sessions that follow each other, and limits that are told once."""

from __future__ import annotations

import pytest

from device.core.meter import (
    LimitNeared,
    LimitReached,
    Limits,
)
from tests.cost.meter_rig import DAY_S, DOLLAR, Rig

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
