"""What is wrong with a microphone is noticed, told in words and ends, while the ear hears on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from device.audio.hearing import Hearing
from device.audio.microphones.health import MicHealth
from device.audio.microphones.watch import FAULTY, WELL_S, Listening, MicWatch
from device.events import Event, Part, PartDegraded, PartReady, WakeDetected
from device.ports import Samples
from tests.array import sounds
from tests.array.sounds import Fault, Signal, babble, frames, noise, pcm
from tests.hearing.ear_rig import BreakingWake, ManualClock, Rig, with_sample
from tests.hearing.fakes import LOUD, FakeVad, FakeWake

RATE_HZ = 16_000
MARK = np.tile(np.array([1234, -1234], np.int16), 32)


class MarkWake(FakeWake):
    """Hears "word" where :data:`MARK` is, whatever else the channel gives."""

    def score(self, chunk: Samples) -> dict[str, float]:
        there = np.convolve(chunk.astype(float), MARK[::-1].astype(float), "valid")
        energy = float((MARK.astype(float) ** 2).sum())
        return {"word": float(np.any(np.abs(there - energy) < 1))}


def watched(
    channels: int,
    *,
    wake: FakeWake | None = None,
    goes_over: bool = True,
    home: Listening | None = None,
) -> Hearing:
    home = home or Listening(0)
    watch = MicWatch(
        MicHealth(RATE_HZ, range(channels)),
        rate_hz=RATE_HZ,
        channels=range(channels),
        home=home,
        goes_over=goes_over,
    )
    return Hearing(
        wake or MarkWake(),
        FakeVad(),
        rate_hz=RATE_HZ,
        uplink_rate_hz=RATE_HZ,
        channel=home.channel,
        watch=watch,
    )


@contextmanager
def ear(channels: int, **options: bool) -> Iterator[Rig]:
    rig = Rig(lambda: watched(channels, **options), clock=ManualClock())
    rig.ear.start()
    yield rig
    rig.ear.stop()


def of_the_array(rig: Rig) -> list[Event]:
    return [
        event
        for event in rig.posted.events
        if isinstance(event, PartDegraded | PartReady) and event.part is Part.ARRAY
    ]


def degraded(rig: Rig) -> list[PartDegraded]:
    return [event for event in of_the_array(rig) if isinstance(event, PartDegraded)]


def room(seconds: float, rms: float = 900.0) -> Signal:
    return babble(60.0, rms, 3)[: round(seconds * RATE_HZ)]


def saying(frames: Samples, channel: int = 0) -> Samples:
    """``frames``, and the word near their end, as ``channel`` gives it."""
    said = frames.copy()
    said[-3000 : -3000 + len(MARK), channel] = MARK
    return said


FAULTS: list[tuple[str, Fault, str, float]] = [
    ("digital silence", sounds.dead, "digital silence", 4.0),
    ("a stuck value", sounds.stuck, "always gives the value -32768", 4.0),
    ("a direct voltage", sounds.offset, "direct voltage of +9 %", 4.0),
    ("hum", sounds.hum(50.0), "hums at 50 Hz", 8.0),
    ("clipping", sounds.clipping, "is overdriven", 7.0),
    ("dropping out", sounds.dropping_out, "dropped out", 7.0),
]


@pytest.mark.parametrize(
    ("fault", "words", "within_s"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_a_fault_is_told_once_with_what_to_do_and_ends(
    fault: Fault, words: str, within_s: float
) -> None:
    loud = 1800.0 if fault is sounds.clipping else 900.0  # to hear that it is over, too
    with ear(1) as rig:
        rig.hears(frames(room(5.0, loud)))
        assert of_the_array(rig) == [], "nothing is told of a microphone that is well"
        rig.hears(saying(frames(fault(room(within_s, loud), RATE_HZ))))
        (told,) = (event for event in degraded(rig) if words in event.detail)
        assert told.state == FAULTY
        assert told.detail.startswith("the microphone ")
        assert len(told.hint) > 20
        assert rig.posted.of(WakeDetected), "the wake word is heard meanwhile"
        rig.hears(frames(room(20.0, loud)))
        ended = [event for event in of_the_array(rig) if isinstance(event, PartReady)]
        assert ended == [PartReady(Part.ARRAY, "the microphone is well again")]
        assert of_the_array(rig)[-1] == ended[0]


def test_a_microphone_that_runs_at_another_rate_is_told_and_ends() -> None:
    with ear(1) as rig:
        rig.hears(frames(room(8.0)))
        assert of_the_array(rig) == []
        rig.hears(saying(frames(room(12.0))), true_rate_hz=15_500)
        (told,) = degraded(rig)
        assert "Hz instead of 16000 Hz" in told.detail
        assert "capture_rate_hz" in told.hint
        assert rig.posted.of(WakeDetected)
        rig.hears(frames(room(20.0)))
        assert [type(event) for event in of_the_array(rig)] == [PartDegraded, PartReady]


def two(seconds: float, fault: Fault = sounds.dead) -> Samples:
    """Two channels hear the room; the first has the fault."""
    sound = room(seconds)
    return frames(fault(sound, RATE_HZ), sound + noise(seconds, 4.0, 7))


@pytest.mark.parametrize("fault", [sounds.dead, sounds.stuck])
def test_another_channel_stands_in_for_one_that_gives_nothing_and_hands_back(fault: Fault) -> None:
    with ear(2) as rig:
        rig.hears(saying(two(4.0, fault), 1))
        (told,) = degraded(rig)
        assert told.detail.startswith("channel 0 of the microphone ")
        assert told.detail.endswith("; channel 1 of the microphone is listened to now")
        assert "microphone_channels" in told.hint
        assert len(rig.posted.of(WakeDetected)) == 1, "the word is heard in the other channel"
        rig.hears(frames(room(WELL_S - 1), room(WELL_S - 1)))
        assert len(of_the_array(rig)) == 1, "it must have been well for a while"
        rig.hears(saying(frames(room(3.0), room(3.0)), 0))
        assert of_the_array(rig)[1:] == [
            PartReady(
                Part.ARRAY,
                "the microphone is well again; channel 0 of the microphone is listened to now",
            )
        ]
        assert len(rig.posted.of(WakeDetected)) == 2, "and now in its own again"


def test_one_that_comes_and_goes_is_not_taken_up_again() -> None:
    with ear(2) as rig:
        for _ in range(3):
            rig.hears(two(13.0))
            rig.hears(frames(room(2.5), room(2.5)))
        assert len(degraded(rig)) >= 1
        assert not [event for event in of_the_array(rig) if isinstance(event, PartReady)]


def test_without_a_good_channel_the_ear_listens_on() -> None:
    with ear(2) as rig:
        silence = np.zeros((5 * RATE_HZ, 2), np.int16)
        rig.hears(saying(silence, 0))
        assert len(degraded(rig)) == 2
        rig.hears(frames(room(2.0), room(2.0)))
        rig.hears(saying(frames(room(6.0), room(6.0)), 0))
        assert rig.posted.of(WakeDetected)
        assert isinstance(of_the_array(rig)[-1], PartReady)


def test_a_second_fault_beside_the_first_is_told_and_all_must_end() -> None:
    with ear(2) as rig:
        sound = room(5.0)
        rig.hears(frames(sound + 3000, sound))
        rig.hears(frames(sound + 3000, sounds.dead(sound, RATE_HZ)))
        assert [event.detail.split(" of the")[0] for event in degraded(rig)] == [
            "channel 0",
            "channel 1",
        ]
        assert "listened to" not in degraded(rig)[1].detail, "nobody listens to that one"
        rig.hears(frames(sound + 3000, sound))
        assert len(of_the_array(rig)) == 2
        rig.hears(frames(sound, sound))
        assert isinstance(of_the_array(rig)[-1], PartReady)


def test_an_array_that_cancels_on_board_is_not_left_for_a_channel_that_does_not() -> None:
    with ear(2, goes_over=False) as rig:
        rig.hears(saying(two(5.0), 1))
        (told,) = degraded(rig)
        assert "listened to now" not in told.detail
        assert not rig.posted.of(WakeDetected)


def test_a_rebuilt_ear_begins_with_a_microphone_that_is_well() -> None:
    rig = Rig(lambda: watched(1, wake=BreakingWake()), clock=ManualClock())
    rig.ear.start()
    rig.hears(np.zeros((4 * RATE_HZ, 1), np.int16))
    assert len(degraded(rig)) == 1
    rig.microphone.play(with_sample(-LOUD), rig.ear.frame)
    rig.posted.wait_for(lambda events: PartReady(Part.ARRAY) in events)
    rig.hears(np.zeros((4 * RATE_HZ, 1), np.int16))
    assert len(degraded(rig)) == 2, "what still is so is told again"
    rig.ear.stop()


def test_a_beam_is_left_for_one_channel_while_a_microphone_of_it_fails() -> None:
    watch = MicWatch(
        MicHealth(RATE_HZ, range(3)),
        rate_hz=RATE_HZ,
        channels=range(3),
        home=Listening(1, beam=True),
    )
    well = pcm(room(10.0))[:, None].repeat(3, axis=1)
    sick = well.copy()
    sick[:, 2] = 0
    at, said = 0, list[Event]()

    def hears(sound: Samples) -> Listening:
        nonlocal at
        for start in range(0, len(sound), 1280):
            said.extend(watch.hear(at + start, sound[start : start + 1280]))
        at += len(sound)
        return watch.listening

    assert hears(well) == Listening(1, beam=True)
    assert hears(sick) == Listening(1)
    assert hears(well) == Listening(1, beam=True)
    lost, back = said
    assert isinstance(lost, PartDegraded)
    assert lost.detail.endswith("; channel 1 of the microphone alone is listened to now")
    assert back == PartReady(Part.ARRAY, "the microphone is well again; the beam is on again")
