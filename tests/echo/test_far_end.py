"""What was played, by time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.cancelling.far_end import RATE_HZ, FarEnd, FarEndReports, Halted, Played
from device.ports import Samples

LATE_S = st.floats(0, 0.004)


def tone(count: int, first: int = 0) -> Samples:
    """Never zero, never the same for long."""
    return ((np.arange(first, first + count) * 37) % 9000 + 1).astype(np.int16)


def played(run: int, end: int, at: float, samples: Samples) -> Played:
    return Played(run, end, at, samples.tobytes())


@settings(deadline=None, max_examples=60)
@given(
    blocks=st.lists(st.integers(1, 900), min_size=1, max_size=30),
    began_at=st.floats(1.0, 1e6),
    first=st.integers(0, 10**9),
    late=st.lists(LATE_S, min_size=30, max_size=30),
    at=st.integers(-500, 3000),
)
def test_every_sample_stands_at_its_time(
    blocks: list[int], began_at: float, first: int, late: list[float], at: int
) -> None:
    """However the stream is cut into blocks; a late report moves nothing once one was prompt."""
    late[0] = 0.0
    end, whole = 0, tone(sum(blocks))
    far_end = FarEnd(RATE_HZ, 1)
    for block, delay in zip(blocks, late, strict=False):
        start, end = end, end + block
        leaves_at = began_at + end / RATE_HZ + delay
        far_end.learn([played(1, first + end, leaves_at, whole[start:end])])
    origin = round(began_at * RATE_HZ)
    expected = np.zeros(1000, np.int16)
    there = whole[max(at, 0) : max(at + 1000, 0)]
    expected[max(-at, 0) :][: len(there)] = there
    heard = far_end.read(origin + at, origin + at + 1000)
    off = [s for s in (-1, 0, 1) if np.array_equal(np.roll(heard, s)[1:-1], expected[1:-1])]
    assert off  # to the sample, but for how a half is rounded


def test_the_earliest_report_of_the_beginning_counts_and_later_ones_do_not() -> None:
    far_end = FarEnd(RATE_HZ, 1)
    for number in range(60):
        late = 0.001 if number == 1 else 0.004 if number < 25 else -0.1
        at = 2.0 + (number + 1) * 0.01 + late
        far_end.learn([played(1, 160 * (number + 1), at, tone(160, 160 * number))])
    assert far_end.read(32016, 32017)[0] == tone(1)[0]
    assert far_end.read(32015, 32016)[0] == 0


@given(kept=st.integers(0, 480), again=st.integers(1, 480), pause=st.floats(0.05, 1.0))
def test_what_was_dropped_was_never_played(kept: int, again: int, pause: float) -> None:
    """A cut after ``kept`` frames; playback goes on from there, later."""
    far_end = FarEnd(RATE_HZ, 1)
    far_end.learn([played(1, 480, 1.0 + 480 / RATE_HZ, tone(480))])
    far_end.learn([Halted(kept)])
    expected = tone(480)
    expected[kept:] = 0
    assert np.array_equal(far_end.read(RATE_HZ, RATE_HZ + 480), expected)
    begins = round((1.0 + pause) * RATE_HZ)
    at = (begins + again) / RATE_HZ
    far_end.learn([played(2, kept + again, at, tone(again, 7))])
    assert np.array_equal(far_end.read(RATE_HZ, RATE_HZ + 480), expected)
    assert np.array_equal(far_end.read(begins, begins + again), tone(again, 7))


def test_a_cut_that_nobody_told_shows_in_the_next_position() -> None:
    far_end = FarEnd(RATE_HZ, 1)
    far_end.learn([played(1, 480, 1.0 + 480 / RATE_HZ, tone(480))])
    far_end.learn([played(2, 260, 2.0 + 160 / RATE_HZ, tone(160))])  # from position 100 on
    assert not far_end.read(RATE_HZ + 100, RATE_HZ + 480).any()
    assert far_end.read(RATE_HZ, RATE_HZ + 100).all()


def test_reports_that_were_lost_leave_silence() -> None:
    far_end = FarEnd(RATE_HZ, 1)
    far_end.learn([played(1, 160, 1.0 + 160 / RATE_HZ, tone(160))])
    far_end.learn([played(1, 480, 1.0 + 480 / RATE_HZ, tone(160))])
    heard = far_end.read(RATE_HZ, RATE_HZ + 480)
    assert heard[:160].all() and not heard[160:320].any() and heard[320:].all()


@pytest.mark.parametrize(("rate_hz", "channels"), [(48_000, 2), (44_100, 1), (24_000, 1)])
def test_other_rates_and_channels_are_the_same_sound(rate_hz: int, channels: int) -> None:
    count = rate_hz // 10
    wave = np.rint(8000 * np.sin(2 * np.pi * 440 * np.arange(count) / rate_hz)).astype(np.int16)
    far_end = FarEnd(rate_hz, channels)
    far_end.learn([Played(1, count, 1.1, np.repeat(wave, channels).tobytes())])
    heard = far_end.read(RATE_HZ + 160, RATE_HZ + 1440)
    expected = 8000 * np.sin(2 * np.pi * 440 * np.arange(160, 1440) / RATE_HZ)
    assert np.abs(heard - expected).max() < 80


def test_it_sounds_while_there_is_more_than_silence() -> None:
    far_end = FarEnd(RATE_HZ, 1)
    assert not far_end.sounds(0, 10**6)
    silence = np.zeros(1600, np.int16)
    far_end.learn([played(1, 1600, 1.1, silence)])
    assert not far_end.sounds(RATE_HZ, RATE_HZ + 1600)
    far_end.learn([played(1, 3200, 1.2, tone(1600))])
    far_end.learn([played(1, 4800, 1.3, silence)])
    assert far_end.sounds(RATE_HZ + 3199, RATE_HZ + 3300)
    assert not far_end.sounds(RATE_HZ + 3200, RATE_HZ + 5000)


def test_an_open_stream_that_waits_does_not_sound_however_often_it_begins_anew() -> None:
    far_end = FarEnd(RATE_HZ, 1)
    silence = np.zeros(1600, np.int16)
    for run in range(10):
        far_end.learn([played(run, 1600 * (run + 1), 1.1 + 0.1 * run, silence)])
    assert not far_end.sounds(0, 10**6)
    far_end.learn([played(10, 17600, 2.1, silence), played(10, 19200, 2.2, tone(1600))])
    assert not far_end.sounds(2 * RATE_HZ, 2 * RATE_HZ + 1600)  # the silence before the sound
    assert far_end.sounds(2 * RATE_HZ + 1600, 2 * RATE_HZ + 1601)


def test_hours_of_playback_do_not_pile_up() -> None:
    far_end = FarEnd(RATE_HZ, 1)
    for second in range(1, 60):
        far_end.learn([played(1, second * RATE_HZ, 5.0 + second, tone(RATE_HZ))])
    assert not far_end.read(10 * RATE_HZ, 11 * RATE_HZ).any()
    assert far_end.read(63 * RATE_HZ, 64 * RATE_HZ).all()


def test_the_reports_come_in_order_and_the_oldest_go_first() -> None:
    reports = FarEndReports(waiting=3)
    for number in range(5):
        reports.put(Halted(number))
    assert reports.take() == [Halted(2), Halted(3), Halted(4)]
    assert reports.take() == []
