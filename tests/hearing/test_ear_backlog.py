"""An ear that falls behind is told of within three seconds, and heals when it has caught up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from device.adapters.ear_backlog import KEPT_UP_S, Backlog
from device.audio.hearing import Hearing
from device.audio.wakewords.null import NullWake
from device.core.health import Health
from device.errors import ModelError
from device.events import NO_WAKE_WORD, Part, PartDegraded, PartReady, WakeDetected
from device.ports import WakeEngine
from tests.hearing.ear_rig import PATIENCE_S, ManualClock, Rig, with_sample
from tests.hearing.fakes import LOUD, make_hearing

PERIOD_S = 0.01
SECOND = np.zeros(16_000, np.int16)


class Door:
    """What blocks the hearing while it is shut."""

    def __init__(self) -> None:
        self.entered, self.open = threading.Event(), threading.Event()
        self.open.set()

    def shut(self) -> None:
        self.entered.clear()
        self.open.clear()

    def pass_through(self) -> None:
        self.entered.set()
        assert self.open.wait(PATIENCE_S)


class BlockingHearing(Hearing):
    """Stands still in ``process`` while its door is shut."""

    door: Door

    def process(self, first_frame, samples):  # type: ignore[no-untyped-def]
        self.door.pass_through()
        return super().process(first_frame, samples)


@contextmanager
def stalled(wake: WakeEngine | None = None) -> Iterator[tuple[Rig, Door]]:
    """An ear that has just begun to stand still."""
    door = Door()

    def make() -> Hearing:
        hearing = make_hearing(wake=wake)
        hearing.__class__ = BlockingHearing
        assert isinstance(hearing, BlockingHearing)
        hearing.door = door
        return hearing

    rig = Rig(make, queue_periods=200, clock=ManualClock())
    rig.ear.start()
    rig.hears(SECOND)
    door.shut()
    rig.microphone.play(SECOND[:1280], rig.ear.frame)
    assert door.entered.wait(PATIENCE_S)
    yield rig, door
    door.open.set()
    rig.ear.stop()


def degraded(rig: Rig) -> list[PartDegraded]:
    return [event for event in rig.posted.events if isinstance(event, PartDegraded)]


def plays(rig: Rig, seconds: float) -> None:
    rig.microphone.play(np.zeros(round(seconds * 16_000), np.int16), rig.ear.frame)


def test_a_stalled_ear_is_told_of_within_three_seconds_and_the_capture_goes_on() -> None:
    with stalled() as (rig, _):
        plays(rig, 1.5)
        assert not degraded(rig), "the queue holds that: nothing is lost yet"
        plays(rig, 1.5)
        (told,) = degraded(rig)
        assert (told.part, told.state) == (Part.WAKE, "hearing is behind")
        assert "lost" in told.detail
        assert "top" in told.hint
        frame, dropped = rig.ear.frame, rig.ear.dropped_periods
        plays(rig, 30.0)
        assert rig.ear.frame == frame + 30 * 16_000, "the capture thread never waits"
        assert rig.ear.dropped_periods == dropped + 3000
        assert degraded(rig) == [told], "once"


def test_it_heals_when_the_ear_has_kept_up_for_a_while_and_the_word_is_heard() -> None:
    with stalled() as (rig, door):
        plays(rig, 5.0)
        before = rig.posted.events.count(PartReady(Part.WAKE))
        door.open.set()
        rig.catch_up()
        rig.hears(SECOND[:8000])
        assert rig.posted.events.count(PartReady(Part.WAKE)) == before, "it may fall back again"
        rig.hears(
            np.concatenate([with_sample(LOUD), np.zeros(round(16_000 * KEPT_UP_S), np.int16)])
        )
        rig.catch_up()
        assert rig.posted.events.count(PartReady(Part.WAKE)) == before + 1
        assert rig.posted.of(WakeDetected)


def test_a_short_stall_is_no_news() -> None:
    with stalled() as (rig, door):
        plays(rig, 2.2)
        door.open.set()
        rig.catch_up()
        rig.hears(SECOND)
        rig.hears(SECOND)
        rig.hears(SECOND)
        assert not degraded(rig)


def test_an_ear_that_hears_no_words_says_so_again_when_it_has_caught_up() -> None:
    why = ModelError("no such model")
    with stalled(NullWake(why)) as (rig, door):
        plays(rig, 3.0)
        door.open.set()
        rig.catch_up()
        for _ in range(4):
            rig.hears(SECOND)
        states = [event.state for event in degraded(rig)]
        assert states[-2:] in (
            ["hearing is behind", NO_WAKE_WORD],
            # The loader's retry succeeded meanwhile.
            [NO_WAKE_WORD, "hearing is behind"],
        )


def test_who_speaks_meanwhile_speaks_in_vain_so_the_device_counts_as_deaf() -> None:
    with stalled() as (rig, _):
        plays(rig, 3.0)
        (told,) = degraded(rig)
        health = Health("offline", 0.0)
        health.degrade(told)
        assert health.deaf is told
        health.restore(Part.WAKE)
        assert health.deaf is None


# --- the rule -------------------------------------------------------------------------------


def run(lags_s: list[float], period_s: float = PERIOD_S) -> list[tuple[float, bool]]:
    """When it changed, given how late each period finds the ear."""
    backlog, changes = Backlog(), []
    for number, lag_s in enumerate(lags_s):
        now = 100 + number * period_s
        if backlog.update(now - lag_s, lag_s >= 2.0, now):
            changes.append((number * period_s, backlog.behind))
    return changes


def test_an_ear_at_its_limit_is_told_of_once_though_it_catches_up_every_other_second() -> None:
    # It takes all that waits at once, and is busy with it for 2.3 s.
    cycle = [min(2.0, n * PERIOD_S) for n in range(230)]
    assert [behind for _, behind in run(cycle * 20)] == [True]


def test_a_queue_that_is_full_is_late_however_short_its_periods() -> None:
    backlog = Backlog()
    changed = [backlog.update(100 + n * 0.005 - 1.0, True, 100 + n * 0.005) for n in range(200)]
    assert changed.count(True) == 1
    assert backlog.behind


@given(st.lists(st.tuples(st.floats(0, 2), st.integers(1, 400)), max_size=30))
def test_it_is_never_told_twice_nor_healed_sooner_than_it_kept_up(
    stretches: list[tuple[float, int]],
) -> None:
    changes = run([lag for lag, count in stretches for _ in range(count)])
    assert [behind for _, behind in changes] == [n % 2 == 0 for n in range(len(changes))]
    for (began, _), (ended, _) in zip(changes[::2], changes[1::2], strict=False):
        assert ended - began >= KEPT_UP_S - 1e-6


@given(st.lists(st.floats(0, 0.24), max_size=300))
def test_an_ear_that_is_in_time_is_never_behind(lags_s: list[float]) -> None:
    assert run(lags_s) == []
