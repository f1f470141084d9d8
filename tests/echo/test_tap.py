"""What playback reports is what the speaker played, when it played it."""

from __future__ import annotations

import numpy as np

from device.audio.cancelling.far_end import FarEnd, FarEndReports
from device.events import PlaybackStarted, StopReason
from tests.playback.stage import Stage, ramp

RATE_HZ = 16_000


class Tapped:
    """A stage at 16 kHz, whose reports are learnt."""

    def __init__(self, latency_ms: float = 0.0) -> None:
        reports = FarEndReports()
        self.stage = Stage(
            latency_ms=latency_ms,
            downlink_hz=RATE_HZ,
            far_end=reports,
            playback_rate_hz=RATE_HZ,
        )
        self._reports, self._far_end = reports, FarEnd(RATE_HZ, 1)

    def played(self, from_s: float, to_s: float) -> np.ndarray:
        for report in self._reports.take():
            self._far_end.learn([report])
        return self._far_end.read(round(from_s * RATE_HZ), round(to_s * RATE_HZ))


def onset(samples: np.ndarray) -> int:
    return int(np.flatnonzero(samples)[0])


def test_a_reply_stands_where_it_was_heard() -> None:
    tapped = Tapped()
    stage, began = tapped.stage, tapped.stage.clock.now
    stage.say("reply", ramp(8000))
    stage.finish("reply")
    stage.run(1.0)
    played = tapped.played(began, began + 1.0)
    sound = played[onset(played) :][:8000]
    assert np.array_equal(sound, stage.sounded()[: len(sound)])
    assert abs(onset(played) / RATE_HZ - (stage.of(PlaybackStarted)[0].at - began)) < 0.002


def test_the_converters_delay_is_added() -> None:
    onsets = []
    for latency_ms in (0.0, 50.0):
        tapped = Tapped(latency_ms=latency_ms)
        began = tapped.stage.clock.now
        tapped.stage.say("reply", ramp(8000))
        tapped.stage.finish("reply")
        tapped.stage.run(1.0)
        onsets.append(onset(tapped.played(began, began + 1.0)))
    assert abs(onsets[1] - onsets[0] - 800) <= 2


def test_what_a_cut_dropped_is_not_there() -> None:
    tapped = Tapped()
    stage, began = tapped.stage, tapped.stage.clock.now
    stage.say("reply", ramp(16000))
    stage.run(0.5)
    stage.playback.cut(StopReason.BUTTON)
    cut_at = stage.clock.now
    stage.run(0.01)
    assert tapped.played(began, cut_at - 0.002).any()
    assert tapped.played(cut_at - 0.01, cut_at - 0.002).all()
    assert not tapped.played(cut_at + 0.002, cut_at + 0.5).any()


def test_the_reply_after_a_cut_is_there_again() -> None:
    tapped = Tapped()
    stage = tapped.stage
    stage.say("one", ramp(16000))
    stage.run(0.3)
    stage.playback.cut(StopReason.BUTTON)
    stage.run(0.2)
    again = stage.clock.now
    stage.say("two", ramp(8000, 3))
    stage.finish("two")
    stage.run(1.0)
    played = tapped.played(again, again + 1.0)
    assert np.array_equal(played[onset(played) :][:7000], ramp(8000, 3)[:7000])
