"""The back-off: grows, is capped, is jittered, starts anew."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.reconnect import Backoff


@given(st.integers(), st.floats(0.01, 10), st.floats(10, 100), st.integers(1, 200))
def test_every_delay_lies_in_its_window(seed: int, base: float, cap: float, count: int) -> None:
    backoff = Backoff(base, cap, Random(seed))
    for failure in range(count):
        ceiling = min(cap, base * 2.0 ** min(failure, 60))
        assert ceiling / 2 <= backoff.next_delay() <= ceiling
    backoff.reset()
    assert backoff.next_delay() <= base


def test_devices_do_not_march_in_step() -> None:
    delays = {Backoff(1, 10, Random(seed)).next_delay() for seed in range(20)}
    assert len(delays) == 20


@pytest.mark.parametrize(("base", "cap"), [(0, 1), (-1, 1), (2, 1)])
def test_senseless_bounds_are_refused(base: float, cap: float) -> None:
    with pytest.raises(ValueError, match="base_s"):
        Backoff(base, cap, Random(1))
