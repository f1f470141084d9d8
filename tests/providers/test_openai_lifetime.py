"""The service's cap: warned of before it comes, by the usual life or by the service's own word."""

from __future__ import annotations

import pytest

from device.events import LinkOpened, SessionExpiring
from device.providers.openai_dialects import COMPATIBLE, OFFLINE, OPENAI
from device.providers.openai_lifetime import Lifetime
from tests.providers.driver import Driver, events

WALL = 1_790_000_000.0


def test_a_session_warns_a_minute_before_its_usual_end() -> None:
    driver = Driver().ready()
    assert driver.codec.deadline == driver.now + 3540
    assert driver.wait(3539) == []
    (warning,) = events(driver.wait(1))
    assert warning == SessionExpiring(pytest.approx(60.0))
    assert driver.wait(3600) == []
    assert driver.codec.deadline is None


@pytest.mark.parametrize("dialect", [OFFLINE, COMPATIBLE])
def test_a_service_without_a_cap_warns_of_nothing(dialect: object) -> None:
    assert isinstance(dialect, type(OPENAI))
    driver = Driver(dialect=dialect).ready()
    assert driver.codec.deadline is None


def test_the_services_own_word_counts_where_the_wall_clock_is_known() -> None:
    driver = Driver(wall_ahead_s=WALL - 100.0)  # the driver's clock shows 100 s
    driver.connect()
    driver.event("session.created", session={"id": "s", "expires_at": int(WALL) + 600})
    assert isinstance(events(driver.event("session.updated", session={}))[0], LinkOpened)
    assert driver.codec.capabilities.session_cap_s == 600
    assert driver.codec.deadline == driver.now + 540


def test_a_wall_clock_that_is_hours_slow_makes_no_session_longer() -> None:
    life = Lifetime(3600.0, wall_ahead_s=WALL - 3 * 3600)
    life.told(int(WALL) + 3600)
    assert life.opened(0.0) == 3600.0


def test_where_no_life_is_usual_the_services_word_counts() -> None:
    life = Lifetime(None, wall_ahead_s=WALL)
    life.told(int(WALL) + 7200)
    assert life.opened(0.0) == 7200.0


def test_a_short_life_is_warned_of_in_its_last_part() -> None:
    life = Lifetime(10.0)
    assert life.opened(0.0) == 10.0
    assert life.due == pytest.approx(8.5)
    assert life.take(8.4) == []
    assert len(life.take(8.5)) == 1
    assert life.take(9.0) == []


@pytest.mark.parametrize("expires_at", [0, -5, 600, int(WALL) - 1])
def test_a_word_that_makes_no_sense_is_not_believed(expires_at: int) -> None:
    life = Lifetime(3600.0, wall_ahead_s=WALL)
    life.told(expires_at)
    assert life.opened(0.0) == 3600.0


def test_without_a_wall_clock_the_usual_life_counts() -> None:
    life = Lifetime(3600.0)
    life.told(int(WALL) + 600)
    assert life.opened(0.0) == 3600.0
