"""No request to the ear is lost to a failure; above all, every stop is answered."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from device.adapters.ear_requests import EarRequests
from device.audio.hearing import Hearing
from device.audio.lanes import UplinkLane
from device.errors import ModelError
from device.events import Event, Part, PartDegraded, PartReady, UplinkAudio, UplinkStopped
from device.ports import Samples
from tests.hearing.ear_rig import PATIENCE_S, BreakingWake, Rig, mic, with_sample
from tests.hearing.fakes import LOUD, FakeVad, make_hearing

BAD = with_sample(-LOUD)  # the engine breaks on it


class Gate:
    """Holds the ear at its first chunk, so that what comes meanwhile is one step."""

    def __init__(self) -> None:
        self.reached, self.released = threading.Event(), threading.Event()


class GatedWake(BreakingWake):
    def __init__(self, gate: Gate) -> None:
        super().__init__()
        self._gate = gate

    def score(self, chunk: Samples) -> dict[str, float]:
        self._gate.reached.set()
        assert self._gate.released.wait(PATIENCE_S)
        return super().score(chunk)


@contextmanager
def held(make: Callable[[], Hearing] | None = None) -> Iterator[tuple[Rig, Gate]]:
    """An ear that is busy with its first chunk; ``make`` builds its later hearings."""
    gate = Gate()
    first = [make_hearing(wake=GatedWake(gate))]

    def build() -> Hearing:
        return first.pop() if first else (make or make_hearing)()

    rig = Rig(build)
    rig.ear.start()
    rig.microphone.play(np.zeros(1280, np.int16))
    assert gate.reached.wait(PATIENCE_S)
    yield rig, gate
    gate.released.set()
    rig.ear.stop()


def test_a_stop_is_answered_when_the_step_that_would_perform_it_fails() -> None:
    with held() as (rig, gate):
        rig.microphone.play(BAD, 1280)
        rig.ear.stop_uplink()  # no uplink is on
        gate.released.set()
        rig.posted.wait_for_type(PartReady, 2)  # heard again
        assert len(rig.posted.of(UplinkStopped)) == 1
        rig.microphone.play(with_sample(0), 2560)
        rig.ear.stop_uplink()  # and the next one is answered as ever
        rig.posted.wait_for_type(UplinkStopped, 2)


def test_a_stop_is_answered_while_the_hearing_cannot_be_built_again() -> None:
    fixed = threading.Event()

    def make() -> Hearing:
        if not fixed.is_set():
            raise ModelError("the file has gone")
        return make_hearing()

    with held(make) as (rig, gate):
        rig.microphone.play(BAD, 1280)
        rig.ear.stop_uplink()
        gate.released.set()
        rig.posted.wait_for_type(PartDegraded, 2)
        rig.posted.wait_for_type(UplinkStopped)
        rig.ear.stop_uplink()
        rig.posted.wait_for_type(UplinkStopped, 2)
        assert not fixed.is_set()
        fixed.set()
        rig.posted.wait_for_type(PartReady, 2)


def test_every_stop_is_answered_and_an_uplink_that_was_stopped_does_not_begin_later() -> None:
    with held() as (rig, gate):
        rig.microphone.play(BAD, 1280)
        for _ in range(3):
            rig.ear.start_uplink(0)
            rig.ear.stop_uplink()
        gate.released.set()
        rig.posted.wait_for_type(UplinkStopped, 3)
        rig.posted.wait_for_type(PartReady, 2)
        rig.microphone.play(mic[:3200], 2560)
        rig.ear.stop_uplink()
        rig.posted.wait_for_type(UplinkStopped, 4)
        assert not rig.posted.of(UplinkAudio)


def test_an_uplink_that_was_asked_for_before_a_failure_begins_after_it() -> None:
    with held() as (rig, gate):
        rig.microphone.play(BAD, 1280)
        rig.ear.start_uplink(2560)
        gate.released.set()
        rig.posted.wait_for_type(PartReady, 2)
        rig.microphone.play(mic[:3200], 2560)
        rig.posted.wait_for_type(UplinkAudio)
        assert rig.posted.of(PartReady).count(PartReady(Part.WAKE)) == 2


def test_a_stop_is_answered_when_the_failure_hits_an_uplink_that_is_on() -> None:
    class BreakingVad(FakeVad):
        def probability(self, chunk: Samples) -> float:
            raise RuntimeError("the model broke")

    with held(lambda: make_hearing(vad=BreakingVad())) as (rig, gate):
        rig.microphone.play(BAD, 1280)
        gate.released.set()
        rig.posted.wait_for_type(PartReady, 2)
        rig.ear.run_vad(True)
        rig.ear.start_uplink(2560)
        rig.microphone.play(mic[:3200], 2560)
        rig.ear.stop_uplink()
        rig.posted.wait_for_type(UplinkStopped)


def test_a_stop_that_fails_itself_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_lane: UplinkLane) -> None:
        raise RuntimeError("the resampler broke")

    rig = Rig()
    rig.ear.start()
    rig.ear.start_uplink(0)
    rig.microphone.play(mic[:3200])
    rig.posted.wait_for_type(UplinkAudio)
    monkeypatch.setattr(UplinkLane, "finish", fail)
    rig.ear.stop_uplink()
    rig.posted.wait_for_type(PartReady, 2)
    assert len(rig.posted.of(UplinkStopped)) == 1
    rig.ear.stop()


def nothing(_hearing: Hearing) -> list[Event]:
    return []


def test_a_request_waits_until_the_frames_before_it_were_heard() -> None:
    requests = EarRequests()
    requests.add(160, Hearing.stop_uplink)
    requests.add(320, nothing)
    heard: list[int] = []

    def fail(_frame: int) -> None:
        raise RuntimeError("broke")

    with pytest.raises(RuntimeError):
        next(requests.take(fail))
    assert list(requests.take(heard.append)) == [Hearing.stop_uplink, nothing]
    assert heard == [160, 320]
    assert list(requests.take(heard.append)) == []


def test_giving_up_stops_keeps_what_was_asked_for_after_the_last() -> None:
    requests = EarRequests()
    for request in (nothing, Hearing.stop_uplink, nothing, Hearing.stop_uplink, nothing):
        requests.add(0, request)
    assert requests.give_up_stops() == 2
    assert list(requests.take(lambda _frame: None)) == [nothing]
    assert requests.give_up_stops() == 0
