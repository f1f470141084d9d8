"""What the simulated network does to bursts."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.simulator.trouble import Trouble


def test_untroubled_bursts_leave_when_they_come() -> None:
    lane = Trouble().new_lane()
    assert [lane.release(t, 1000) for t in (1.0, 1.5, 2.0)] == [1.0, 1.5, 2.0]


@given(
    gaps=st.lists(st.floats(0, 0.3), min_size=1, max_size=50),
    delay_ms=st.floats(0, 200),
    jitter_ms=st.floats(0, 500),
    rate_kbps=st.sampled_from([0.0, 64.0, 5000.0]),
)
def test_order_is_kept_and_every_burst_waits_its_due(
    gaps: list[float], delay_ms: float, jitter_ms: float, rate_kbps: float
) -> None:
    trouble = Trouble(seed=3)
    trouble.jitter(delay_ms, jitter_ms, rate_kbps)
    lane = trouble.new_lane()
    now, last = 0.0, 0.0
    for gap in gaps:
        now += gap
        leaves = lane.release(now, 500)
        assert leaves >= last
        assert leaves >= now + delay_ms / 1000
        if not rate_kbps:
            assert leaves <= max(last, now + (delay_ms + jitter_ms) / 1000) + 1e-9
        last = leaves


def test_jitter_really_spreads() -> None:
    trouble = Trouble()
    trouble.jitter(20, 100, 0)
    lane = trouble.new_lane()
    held = [lane.release(float(t), 1) - t for t in range(200)]
    assert min(held) < 0.03
    assert max(held) > 0.11


def test_a_slow_line_takes_its_time() -> None:
    trouble = Trouble()
    trouble.jitter(0, 0, 80)  # 10 kB/s
    lane = trouble.new_lane()
    assert lane.release(0.0, 1000) == pytest.approx(0.1)
    assert lane.release(0.0, 1000) == pytest.approx(0.2)
    assert lane.release(5.0, 1000) == pytest.approx(5.1)


def test_down_time_adds_up() -> None:
    trouble = Trouble()
    trouble.down(10.0)
    trouble.down(11.0)
    assert not trouble.is_up
    assert trouble.down_s(12.0) == 2.0
    trouble.up(13.0)
    trouble.up(14.0)
    assert trouble.is_up
    assert trouble.down_s(20.0) == 3.0


def test_the_end_of_a_stall_does_not_end_an_outage() -> None:
    trouble = Trouble()
    trouble.down(1.0, "stall")
    trouble.down(1.2)
    trouble.up(1.5, "stall")
    assert not trouble.is_up
    trouble.up(2.0)
    assert trouble.is_up


def test_a_slow_line_delivers_a_long_burst_packet_by_packet() -> None:
    trouble = Trouble()
    burst = bytes(range(256)) * 100
    assert trouble.new_lane().pieces(burst) == [burst]
    trouble.jitter(50.0, 100.0, 700.0)
    lane = trouble.new_lane()
    pieces = lane.pieces(burst)
    assert b"".join(pieces) == burst
    leaves = [lane.release(1.0, len(piece)) for piece in pieces]
    took = [1448 * 8 / 700_000] * (len(pieces) - 2)  # all but the last are of one size
    assert [b - a for a, b in itertools.pairwise(leaves[:-1])] == pytest.approx(took)
    assert lane.pieces(b"") == [b""]  # the end of the stream is relayed, too
