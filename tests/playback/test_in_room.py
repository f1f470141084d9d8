"""Playback on ALSA, in the simulated room: judged by the room's own recording."""

from __future__ import annotations

import functools
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
import pytest

from device.ports import Samples
from tests.playback.in_room import RATE, REPO, Appliance, appliance
from tests.playback.room_child import noise

pytestmark = pytest.mark.room


def sounded(child: Appliance, since: float | None = None) -> Samples:
    heard = child.room.recording("speaker", since=since)[:, 0]
    where = np.flatnonzero(heard)
    return heard[where[0] : where[-1] + 1] if len(where) else heard[:0]


def undisturbed(test: Callable[[], None]) -> Callable[[], None]:
    """A shared machine that stands still makes the card run dry, which these tests do not
    mean. That may happen; three times in a row it is a defect."""

    @functools.wraps(test)
    def repeated() -> None:
        for _ in range(2):
            try:
                return test()
            except AssertionError:
                time.sleep(1.0)
        return test()

    return repeated


def test_bit_exact_without_underrun_and_reported_when_heard() -> None:
    with appliance() as child:
        child.ask("start")
        child.ask("warm", True)
        child.until(lambda: child.room.is_open("speaker"))
        for attempt in range(1, 4):  # a machine that stops for 40 ms underruns anybody
            xruns = child.ask("counters")["xruns"]
            at = child.ask("reply", f"r{attempt}", 3 * RATE, 1)
            child.ask("finish", f"r{attempt}")
            child.until_event("PlaybackStopped", attempt)
            if child.ask("counters")["xruns"] == xruns:
                break
        assert child.ask("counters")["xruns"] == xruns and child.ask("counters")["underruns"] == 0
        assert np.array_equal(sounded(child, since=at), noise(3 * RATE, 1))
        stopped, started = child.of("PlaybackStopped")[-1], child.of("PlaybackStarted")[-1]
        assert stopped["reason"] == "done" and stopped["heard_ms"] == 3000
        recording = child.room.recording("speaker", since=at)[:, 0]
        first, last = np.flatnonzero(recording)[[0, -1]] + int(child.room.speaker_frame(at))
        # The converter's FIFO lies between reaching it and leaving it.
        assert abs(child.room.time_of(first) - 0.008 - started["at"]) < 0.002
        assert abs(child.room.time_of(last + 1) - stopped["at"]) < 0.002


@undisturbed
def test_a_cut_silences_and_knows_what_was_heard() -> None:
    errors: list[float] = []
    with appliance() as child:
        child.ask("start")
        child.ask("warm", True)
        for k in range(12):
            at = child.ask("reply", f"r{k}", RATE * 2, k)
            time.sleep(0.15 + 0.013 * k)
            cut = child.ask("cut")
            time.sleep(0.08)
            heard = sounded(child, since=at)
            assert np.array_equal(heard, noise(RATE * 2, k)[: len(heard)])
            errors.append(abs(cut["heard_ms"] - len(heard) * 1000 / RATE))
            last = child.room.last_sound(after=at)
            assert last is not None and last - cut["at"] < 0.2  # see scripts/bench for how fast
        assert child.room.counters().speaker_drops == 12
    # A busy machine may hold the thread up between avail() and drop(), now and then.
    assert sorted(errors)[9] <= 2.0 and max(errors) <= 20.0, errors


def test_silence_runs_on_after_a_cut_while_warm() -> None:
    with appliance() as child:
        child.ask("start")
        child.ask("warm", True)
        child.ask("reply", "r", RATE, 1)
        time.sleep(0.3)
        child.ask("cut")
        time.sleep(0.2)
        began, xruns = child.room.started_at("speaker"), child.room.counters().speaker_xruns
        time.sleep(0.3)
        child.ask("reply", "next", RATE // 4, 2)
        child.ask("finish", "next")
        child.until_event("PlaybackStopped", 2)
        if child.room.counters().speaker_xruns > xruns:
            pytest.skip("the machine was so busy that the card ran dry, so it was started again")
        assert child.room.started_at("speaker") == began  # not started again since


@undisturbed
def test_jittery_arrivals_make_the_prebuffer_grow_until_nothing_breaks() -> None:
    rng = np.random.default_rng(3)
    chunk, chunks = RATE // 50, 200
    delays = rng.uniform(0.0, 0.1, chunks).tolist()
    with appliance() as child:
        child.ask("start")
        child.ask("warm", True)
        child.ask("paced_reply", "r", chunk * chunks, 5, chunk, delays)
        child.until_event("PlaybackStopped")
        began = child.of("PlaybackStarted")[0]["at"]
        late = [u["at"] - began for u in child.of("PlaybackUnderrun") if u["at"] > began + 1.0]
        assert child.ask("counters")["prebuffer_ms"] > 40
        assert not late
        assert child.of("PlaybackStopped")[0]["heard_ms"] == 4000


@undisturbed
def test_an_xrun_is_survived() -> None:
    with appliance() as child:
        child.ask("start")
        child.ask("reply", "r", 2 * RATE, 1)
        child.ask("finish", "r")
        time.sleep(0.5)
        child.room.xrun("speaker")
        child.until_event("PlaybackStopped")
        assert child.ask("counters")["xruns"] == 1
        assert child.of("PlaybackStopped")[0]["reason"] == "done"
        heard = sounded(child)
        lost = 2 * RATE - np.count_nonzero(heard)
        assert 0 <= lost <= 0.06 * RATE  # what stood queued in the card


@undisturbed
def test_unplugged_in_a_reply_and_plugged_in_again() -> None:
    errors: list[float] = []
    with appliance() as child:
        child.ask("start")
        child.ask("warm", True)
        for k in range(3):
            child.until_event("PartReady", k + 1)
            at = child.ask("reply", f"r{k}", 3 * RATE, k)
            time.sleep(0.5 + 0.0023 * k)
            gone = child.room.speaker_frame(time.monotonic())
            child.room.unplug("speaker")
            child.until_event("PlaybackStopped", k + 1)
            stopped = child.of("PlaybackStopped")[-1]
            assert stopped["reason"] == "error"
            recording = child.room.recording("speaker", since=at)[:, 0]
            first = np.flatnonzero(recording)[0] + int(child.room.speaker_frame(at))
            errors.append(stopped["heard_ms"] - (gone - first) * 1000 / RATE)
            child.room.replug("speaker")
        child.until_event("PartReady", 4)
        assert [d["state"] for d in child.of("PartDegraded")] == ["no speaker"] * 3
        at = child.ask("reply", "again", RATE // 2, 2)
        child.ask("finish", "again")
        child.until_event("PlaybackStopped", 4)
        assert np.array_equal(sounded(child, since=at), noise(RATE // 2, 2))
    # The card cannot be asked any more. It was last asked at most one wait (10 ms) ago,
    # and the estimate is the middle; a thread that is held up is that much more wrong.
    assert max(map(abs, errors)) <= 35, errors
    assert sorted(map(abs, errors))[1] <= 7, errors


def test_a_busy_card_is_taken_when_it_is_free() -> None:
    with appliance() as first:
        first.ask("start")
        first.until_event("PartReady")
        second = Appliance(first.room, 8.0, {"playback": "room_speaker", "playback_rate_hz": RATE})
        try:
            second.ask("start")
            second.until_event("PartDegraded")
            degraded = second.of("PartDegraded")[0]
            assert degraded["state"] == "busy"
            assert "another program holds the speaker" in degraded["detail"]
            first.ask("stop")
            second.until_event("PartReady")
        finally:
            second.close()


def test_stop_silences_at_once() -> None:
    with appliance() as child:
        child.ask("start")
        at = child.ask("reply", "r", 3 * RATE, 1)
        time.sleep(0.4)
        asked = time.monotonic()
        assert child.ask("stop") < 1.0
        time.sleep(0.1)
        last = child.room.last_sound(after=at)
        assert last is not None and last - asked < 0.3
        assert not child.room.is_open("speaker")


def test_a_wrong_rate_is_named() -> None:
    with appliance(playback_rate_hz=16000) as child:
        child.ask("start")
        child.until_event("PartDegraded")
        degraded = child.of("PartDegraded")[0]
        assert degraded["state"] == "wrong format"
        assert "48000 Hz" in degraded["detail"] and "16000 Hz" in degraded["detail"]


def test_a_missing_card_is_one_line_not_alsas_chatter() -> None:
    code = (
        "from device.adapters.alsa import *\n"
        "quiet_alsa()\n"
        "try: open_pcm(PcmRequest('hw:CARD=Nowhere', False, 48000, 1, 480, 20))\n"
        "except AudioError as error: print(type(error).__name__)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=REPO, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "DeviceMissingError" and not run.stderr
