"""When the watchdog is fed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.liveness import Liveness, Watchdog


def watching(**allowances: float) -> Watchdog:
    watchdog = Watchdog()
    for name, allowance in allowances.items():
        watchdog.expect(name, allowance, 0, 0.0)
    return watchdog


def test_everything_advances() -> None:
    watchdog = watching(ear=1, playback=1)
    for step in range(1, 20):
        assert watchdog.judge({"ear": step, "playback": step * 480}, step * 0.9).feed


def test_the_part_that_stands_still_is_named() -> None:
    watchdog = watching(ear=1, playback=1)
    assert watchdog.judge({"ear": 1, "playback": 1}, 0.9).feed
    verdict = watchdog.judge({"ear": 1, "playback": 2}, 2.0)
    assert verdict == Liveness(False, ("ear",))
    assert str(verdict) == "stalled: ear"


def test_standing_still_within_the_allowance_is_fine() -> None:
    watchdog = watching(ear=5)
    assert watchdog.judge({"ear": 0}, 5.0).feed
    assert not watchdog.judge({"ear": 0}, 5.1).feed


def test_it_recovers() -> None:
    watchdog = watching(ear=1)
    assert not watchdog.judge({"ear": 0}, 2).feed
    assert watchdog.judge({"ear": 1}, 3).feed
    assert str(watchdog.judge({"ear": 1}, 3.5)) == "alive"


def test_a_restarted_counter_is_progress() -> None:
    watchdog = watching(ear=1)
    assert watchdog.judge({"ear": 500}, 0.5).feed
    assert watchdog.judge({"ear": 0}, 1.4).feed


def test_a_part_that_reports_nothing_stands_still() -> None:
    assert watching(ear=1).judge({}, 2).stalled == ("ear",)


def test_parts_nobody_expects_do_not_matter() -> None:
    watchdog = watching(ear=1)
    assert watchdog.judge({"ear": 1, "stranger": 0}, 100).feed


def test_an_allowance_must_be_positive() -> None:
    with pytest.raises(ValueError, match="allowance of ear"):
        Watchdog().expect("ear", 0, 0, 0)


@given(
    st.lists(st.tuples(st.floats(0.01, 3), st.booleans(), st.booleans()), min_size=1, max_size=60)
)
def test_fed_exactly_while_nobody_stands_still_too_long(
    steps: list[tuple[float, bool, bool]],
) -> None:
    watchdog = watching(ear=2.0, playback=1.0)
    now, counts, moved = 0.0, {"ear": 0, "playback": 0}, {"ear": 0.0, "playback": 0.0}
    for gap, ear, playback in steps:
        now += gap
        for name, moves in (("ear", ear), ("playback", playback)):
            if moves:
                counts[name] += 1
                moved[name] = now
        late = tuple(n for n, a in (("ear", 2.0), ("playback", 1.0)) if now - moved[n] > a)
        assert watchdog.judge(counts, now) == Liveness(not late, late)
