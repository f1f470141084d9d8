"""What comes in small periods is gathered, and told all the same."""

from __future__ import annotations

import pytest

from device.audio.microphones.health import MicHealth
from device.audio.microphones.watch import GATHER_MS, Listening, MicWatch
from device.events import Event, PartDegraded, PartReady
from device.ports import Samples
from tests.array import sounds
from tests.array.sounds import RATE_HZ, babble, frames


def watch(channels: int) -> MicWatch:
    return MicWatch(
        MicHealth(RATE_HZ, range(channels)),
        rate_hz=RATE_HZ,
        channels=range(channels),
        home=Listening(0),
    )


def told(
    watched: MicWatch, sound: Samples, period: int, first_frame: int = 0, rate_hz: float = RATE_HZ
) -> list[tuple[int, Event]]:
    """Each event with the frame up to which was heard when it was told."""
    said: list[tuple[int, Event]] = []
    for start in range(0, len(sound), period):
        end = first_frame + min(start + period, len(sound))
        watched.observe(end, end / rate_hz)
        events = watched.hear(first_frame + start, sound[start : start + period])
        said += [(end, event) for event in events]
    return said


def sick_then_well() -> Samples:
    """Channel 0 hears, is dead, and hears again; channel 1 hears all the time."""
    one, other = babble(24.0, 900.0), babble(24.0, 900.0, 1)
    sick = one.copy()
    sick[4 * RATE_HZ : 10 * RATE_HZ] = sounds.dead(sick[4 * RATE_HZ : 10 * RATE_HZ], RATE_HZ)
    return frames(sick, other)


@pytest.mark.parametrize("period", [16, 160, 441, 1280, 8000])
def test_the_same_is_told_whatever_the_period(period: int) -> None:
    sound = sick_then_well()
    whole_blocks, events = told(watch(2), sound, 1600), told(watch(2), sound, period)
    assert [type(event) for _, event in events] == [PartDegraded, PartReady]
    assert [event for _, event in events] == [event for _, event in whole_blocks]
    latest = max(period, GATHER_MS * RATE_HZ // 1000)
    for (at, _), (at_once, _) in zip(events, whole_blocks, strict=True):
        assert abs(at - at_once) <= latest + period


@pytest.mark.parametrize("period", [160, 480, 1280])
def test_no_fault_is_told_later_for_being_gathered(period: int) -> None:
    """Than one period after the judge could know it."""
    sound = sick_then_well()
    health, known = MicHealth(RATE_HZ, range(2)), []
    for start in range(0, len(sound), period):
        known += [change.at_frame for change in health.hear(start, sound[start : start + period])]
    heard_until = [at for at, _ in told(watch(2), sound, period)]
    assert heard_until[0] - known[0] < period


def test_what_lies_before_a_gap_is_looked_at_too() -> None:
    """Periods that are lost again and again, before enough has been gathered."""
    watched, said, first = watch(1), list[tuple[int, Event]](), 0
    sound = frames(babble(10.0, 900.0) + 4000.0)
    for start in range(0, len(sound), 8400):  # 25 ms more than a block of the meter
        said += told(watched, sound[start : start + 8400], 160, first)
        first += 8400 + 160
    ((at, event),) = said
    assert isinstance(event, PartDegraded)
    assert "direct voltage" in event.detail
    assert at < 5 * RATE_HZ


def test_the_true_rate_is_measured_from_every_period() -> None:
    said = told(watch(1), frames(babble(10.0, 900.0)), 160, rate_hz=15_500.0)
    ((_, event),) = said
    assert isinstance(event, PartDegraded)
    assert "runs at 15500 Hz instead of 16000 Hz" in event.detail
