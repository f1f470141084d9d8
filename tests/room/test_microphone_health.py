"""A microphone that gives nothing, over ALSA: told by the ear and found by the doctor."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.adapters.alsa_capture import AlsaCapture
from device.adapters.clock import SystemClock
from device.adapters.ear import EarThread
from device.audio.hearing import Hearing
from device.doctor.check import Status
from device.doctor.examination import _try_pcm
from device.doctor.sound import check_pcm
from device.events import Part, PartDegraded
from device.hearing_factory import make_watch
from device.settings import AudioSettings, Settings
from tests.hearing.ear_rig import Posted
from tests.hearing.fakes import FakeVad, FakeWake
from tests.room.conftest import MakeRoom, wait_until

pytestmark = pytest.mark.room

AUDIO = AudioSettings(capture="room_mic", capture_rate_hz=16_000)


@pytest.mark.parametrize(("noise_db", "faulty"), [(-120.0, True), (-60.0, False)])
def test_the_ear_tells_of_digital_silence_but_not_of_a_quiet_room(
    make_room: MakeRoom, noise_db: float, faulty: bool
) -> None:
    make_room(noise_db=noise_db)
    posted, clock = Posted(), SystemClock()

    def make() -> Hearing:
        watch = make_watch(AUDIO)
        return Hearing(FakeWake(), FakeVad(), rate_hz=16_000, uplink_rate_hz=16_000, watch=watch)

    ear = EarThread(AlsaCapture(AUDIO, post=posted, clock=clock), make, posted, load_wake=FakeWake)
    ear.start()
    try:
        if faulty:
            posted.wait_for_type(PartDegraded)
        else:
            wait_until(lambda: ear.frame > 5 * 16_000, 10.0)
    finally:
        ear.stop()
    told = [e for e in posted.events if isinstance(e, PartDegraded)]
    assert [e.part for e in told] == ([Part.ARRAY] if faulty else [])
    assert not faulty or ear.frame < 5 * 16_000, "within seconds"


def test_the_doctor_hears_a_quiet_room_and_finds_nothing_wrong(make_room: MakeRoom) -> None:
    make_room(noise_db=-60.0)
    settings = replace(Settings(), audio=AUDIO)
    check = check_pcm(True, lambda: _try_pcm(settings, capture=True))
    assert check.status is Status.OK, check
