"""Capture on ALSA, in the simulated room: judged by what its microphones heard."""

from __future__ import annotations

import time

import numpy as np
import pytest

from device.ports import Samples
from tests.playback.in_room import Appliance, appliance

pytestmark = pytest.mark.room


def gather(child: Appliance, channels: int) -> list[tuple[int, Samples]]:
    return [
        (first, np.frombuffer(bytes.fromhex(data), "<i2").reshape(-1, channels))
        for first, data in child.ask("take_heard")
    ]


@pytest.mark.parametrize(("rate_hz", "channels"), [(48000, 4), (16000, 1)])
def test_bit_exact_with_the_microphones(rate_hz: int, channels: int) -> None:
    with appliance(
        room={"rate_hz": rate_hz, "mic_channels": channels},
        capture_rate_hz=rate_hz,
        capture_channels=channels,
    ) as child:
        child.ask("listen")
        heard: list[tuple[int, Samples]] = []
        deadline = time.monotonic() + 20.0
        while sum(len(samples) for _, samples in heard) <= rate_hz:
            assert time.monotonic() < deadline
            time.sleep(0.05)  # the simulated card delivers in real time
            heard += gather(child, channels)
        began = child.room.started_at("mic")
        truth = child.room.recording("mic")[began:]
        delivered = np.concatenate([samples for _, samples in heard])
        assert np.array_equal(delivered, truth[: len(delivered)])
        assert child.ask("counters")["mic_xruns"] == 0


@pytest.mark.parametrize(("rate_hz", "channels"), [(48000, 4), (16000, 1)])
def test_a_thread_held_up_for_350_ms_loses_no_frame(rate_hz: int, channels: int) -> None:
    with appliance(
        room={"rate_hz": rate_hz, "mic_channels": channels},
        capture_rate_hz=rate_hz,
        capture_channels=channels,
    ) as child:
        child.ask("listen", 0.35)
        time.sleep(1.2)
        heard = gather(child, channels)
        assert child.ask("counters")["mic_xruns"] == 0
        began = child.room.started_at("mic")
        delivered = np.concatenate([samples for _, samples in heard])
        assert len(delivered) > 0.9 * rate_hz
        truth = child.room.recording("mic")[began:]
        assert np.array_equal(delivered, truth[: len(delivered)])


def test_an_xrun_shows_as_a_gap_of_the_right_size() -> None:
    with appliance() as child:
        child.ask("listen")
        time.sleep(0.5)
        child.room.xrun("mic")
        time.sleep(0.5)
        heard = gather(child, 1)
        counters = child.ask("counters")
        assert counters["mic_xruns"] == 1
        total = sum(len(samples) for _, samples in heard)
        last_first, last = heard[-1]
        assert last_first + len(last) == total + counters["lost_frames"]
        assert counters["lost_frames"] < 4800


def test_mute_closes_the_card_and_unmute_opens_it() -> None:
    with appliance() as child:
        child.ask("listen")
        child.until(lambda: child.room.is_open("mic"))
        time.sleep(0.2)
        child.ask("mute", True)
        child.until(lambda: not child.room.is_open("mic"))
        gather(child, 1)
        time.sleep(0.2)
        assert not gather(child, 1)
        child.ask("mute", False)
        child.until(lambda: child.room.is_open("mic"))
        child.until(lambda: bool(gather(child, 1)))


def test_unplugged_and_plugged_in_again() -> None:
    with appliance() as child:
        child.ask("listen")
        time.sleep(0.3)
        child.room.unplug("mic")
        child.until_event("PartDegraded")
        time.sleep(1.0)  # long enough for some attempts to open it, which are no news
        states = [degraded["state"] for degraded in child.of("PartDegraded")]
        assert states == ["no microphone"]
        before = gather(child, 1)[-1][0]
        child.room.replug("mic")
        child.until_event("PartReady", 2)
        child.until(lambda: bool(child.ask("counters")["lost_frames"]))
        time.sleep(0.1)
        assert gather(child, 1)[-1][0] > before


def test_wrong_channels_are_named() -> None:
    with appliance(room={"mic_channels": 4}, capture_channels=2) as child:
        child.ask("listen")
        child.until_event("PartDegraded")
        degraded = child.of("PartDegraded")[0]
        assert degraded["state"] == "wrong format"
        assert "delivers 4 channel(s), not 2" in degraded["detail"]
        assert "audio.capture_channels = 4" in degraded["hint"]
