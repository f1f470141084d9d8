"""The card under the playback: its queue, its rest, its xruns, and when it is unplugged."""

from __future__ import annotations

import numpy as np

from device.events import (
    Part,
    PartDegraded,
    PartReady,
    PlaybackStopped,
    PlaybackUnderrun,
    StopReason,
)
from tests.playback.stage import RATE, Stage, ramp


def test_little_stands_queued() -> None:
    stage = Stage()
    stage.playback.warm(True)
    stage.run(0.5)
    pcm = stage.speaker.pcm
    assert pcm is not None
    assert 0 < 9600 - pcm.avail() <= RATE * 0.021
    stage.say("r", ramp(RATE))
    stage.run(0.5)
    assert RATE * 0.02 < 9600 - pcm.avail() <= RATE * 0.041


def test_rests_when_not_warm_and_wakes_for_a_reply() -> None:
    stage = Stage()
    stage.playback.warm(True)
    stage.run(0.3)
    stage.playback.warm(False)
    stage.run(0.1)
    before, progress = len(stage.speaker.sounded()), stage.playback.progress
    stage.run(5.0)
    assert len(stage.speaker.sounded()) == before
    assert 3 <= stage.playback.progress - progress <= 10  # it lives, and hardly works
    stage.say_all("r", ramp(RATE // 2))
    stage.run(1.0)
    assert np.array_equal(stage.sounded(), ramp(RATE // 2))


def test_a_xrun_is_counted_and_recovered() -> None:
    stage = Stage()
    stage.say_all("r", ramp(RATE))
    stage.run(0.3)
    stage.speaker.xrun_requests += 1
    stage.run(1.5)
    assert stage.playback.xruns == 1
    assert [u.reply_id for u in stage.of(PlaybackUnderrun)] == ["r"]
    stopped = stage.of(PlaybackStopped)[0]
    assert (stopped.reason, stopped.heard_ms) == (StopReason.DONE, 1000)


def test_a_thread_held_up_for_long_recovers_without_losing_audio() -> None:
    stage = Stage()
    samples = ramp(RATE)
    stage.say_all("r", samples)
    stage.run(0.3)
    stage.clock.now += 0.3  # nobody calls step()
    stage.run(1.5)
    sounded = stage.sounded()
    assert np.array_equal(sounded[sounded != 0], samples)
    assert stage.playback.xruns == 1


def test_a_resting_speaker_that_is_unplugged_is_noticed() -> None:
    stage = Stage()
    stage.run(0.5)
    stage.speaker.plugged = False
    stage.run(3.0)
    assert [d.state for d in stage.of(PartDegraded)] == ["no speaker"]


def test_unplugged_in_a_reply_and_plugged_in_again() -> None:
    stage = Stage()
    stage.say("r", ramp(RATE * 3))
    stage.run(0.5)
    stage.speaker.plugged = False
    stage.run(0.5)
    stage.say("r", ramp(RATE))  # the rest of it still arrives
    stage.say("next", ramp(RATE))
    stage.run(1.0)
    stopped = stage.of(PlaybackStopped)
    assert [(s.reply_id, s.reason) for s in stopped] == [
        ("r", StopReason.ERROR),
        ("next", StopReason.ERROR),
    ]
    assert 400 <= stopped[0].heard_ms <= 520 and stopped[1].heard_ms == 0
    assert [d.state for d in stage.of(PartDegraded)] == ["no speaker"]
    progress = stage.playback.progress
    stage.run(10.0)
    assert stage.playback.progress > progress + 4
    stage.speaker.plugged = True
    stage.run(2.5)
    assert len(stage.of(PartReady)) == 2
    heard = np.count_nonzero(stage.speaker.sounded())
    stage.say("r", ramp(RATE))  # given up: not from its middle
    stage.say_all("last", ramp(RATE // 2))
    stage.run(1.0)
    assert np.count_nonzero(stage.speaker.sounded()) - heard == RATE // 2
    assert stage.of(PlaybackStopped)[-1].reason is StopReason.DONE


def test_missing_busy_and_wrong_cards_are_told_apart() -> None:
    for change, state in (
        ({"plugged": False}, "no speaker"),
        ({"busy": True}, "busy"),
        ({"rate_hz": 44100}, "wrong format"),
        ({"channels": 2}, "wrong format"),
    ):
        stage = Stage()
        for name, value in change.items():
            setattr(stage.speaker, name, value)
        stage.run(5.0)
        degraded = stage.of(PartDegraded)
        assert [(d.part, d.state) for d in degraded] == [(Part.SPEAKER, state)]
        assert degraded[0].detail and degraded[0].hint
        stage.speaker.plugged, stage.speaker.busy = True, False
        stage.speaker.rate_hz = stage.speaker.channels = None
        stage.run(2.5)
        assert len(stage.of(PartReady)) == 1
        assert stage.speaker.opened == stage.speaker.closed + 1
