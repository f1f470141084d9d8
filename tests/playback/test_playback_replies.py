"""Replies on a fake card: their order, their times, and the network that brings them."""

from __future__ import annotations

import numpy as np

from device.events import PartReady, PlaybackStarted, PlaybackStopped, PlaybackUnderrun, StopReason
from tests.playback.stage import RATE, Stage, ramp


def test_a_reply_is_played_bit_by_bit_and_reported_once() -> None:
    stage = Stage()
    samples = ramp(RATE)
    stage.say_all("r", samples)
    stage.run(1.5)
    assert np.array_equal(stage.sounded(), samples)
    assert [type(e) for e in stage.events] == [PartReady, PlaybackStarted, PlaybackStopped]
    stopped = stage.of(PlaybackStopped)[0]
    assert (stopped.reason, stopped.heard_ms, stopped.item_id) == (StopReason.DONE, 1000, "item")


def test_done_is_reported_when_the_last_sample_left_not_when_it_was_written() -> None:
    stage = Stage(latency_ms=8.0).warmed_up()
    stage.say_all("r", ramp(RATE // 2))
    stage.run(1.0)
    started, stopped = stage.of(PlaybackStarted)[0], stage.of(PlaybackStopped)[0]
    assert abs(stopped.at - started.at - 0.508) < 0.002


def test_replies_follow_each_other_in_order() -> None:
    stage = Stage()
    one, two = ramp(RATE // 2), ramp(RATE // 2, first=15000)
    stage.say_all("one", one)
    stage.say_all("two", two)
    stage.run(2.0)
    sounded = stage.sounded()
    assert np.array_equal(sounded[sounded != 0], np.concatenate([one, two]))
    assert [s.reply_id for s in stage.of(PlaybackStopped)] == ["one", "two"]


def test_finish_after_everything_was_played_still_ends_the_reply() -> None:
    stage = Stage()
    stage.say("r", ramp(RATE // 10))
    stage.run(0.5)
    assert not stage.of(PlaybackStopped)
    stage.finish("r")
    stage.run(0.5)
    assert stage.of(PlaybackStopped)[0].heard_ms == 100


def test_finish_without_audio_posts_nothing() -> None:
    stage = Stage()
    stage.finish("r")
    stage.run(0.3)
    assert [type(e) for e in stage.events] == [PartReady]


# --- what the network brings ------------------------------------------------------------


def test_a_finished_reply_does_not_wait_for_the_prebuffer() -> None:
    stage = Stage(prebuffer_min_ms=200).warmed_up()
    asked = stage.clock.now
    stage.say_all("r", ramp(RATE // 50))
    stage.run(0.3)
    assert stage.of(PlaybackStarted)[0].at - asked <= 0.03


def test_a_late_network_is_silence_that_nobody_heard() -> None:
    stage = Stage(latency_ms=8.0)
    stage.say("r", ramp(RATE // 5))
    stage.run(0.5)
    assert [u.reply_id for u in stage.of(PlaybackUnderrun)] == ["r"]
    stage.say_all("r", ramp(RATE // 5))
    stage.run(0.5)
    assert stage.of(PlaybackStopped)[0].heard_ms == 400
    assert stage.playback.underruns == 1 and stage.playback.xruns == 0


def test_the_prebuffer_learns_from_a_jittery_network() -> None:
    stage = Stage()
    rng = np.random.default_rng(7)
    chunk_s, sent = 0.02, 0
    due = np.arange(400) * chunk_s + rng.uniform(0.0, 0.1, 400)
    arrivals = np.maximum.accumulate(due) + stage.clock.now
    for at in arrivals:
        stage.run(max(0.0, at - stage.clock.now))
        stage.say("r", ramp(round(chunk_s * RATE), first=sent))
        sent += round(chunk_s * RATE)
    stage.finish("r")
    stage.run(1.0)
    began = stage.of(PlaybackStarted)[0].at
    late = [u for u in stage.of(PlaybackUnderrun) if u.at > began + 1.0]
    assert stage.of(PlaybackUnderrun) and not late
    assert 40 < stage.playback.prebuffer_ms <= 200
    assert stage.of(PlaybackStopped)[0].heard_ms == 8000


def test_another_rate_keeps_times_and_items() -> None:
    stage = Stage(downlink_hz=24000)
    tone = (8000 * np.sin(np.arange(24000) * 0.1)).astype(np.int16)
    stage.say("r", tone[:7001], item="one")
    stage.say_all("r", tone[7001:], item="two")
    stage.run(1.5)
    stopped = stage.of(PlaybackStopped)[0]
    assert (stopped.item_id, stopped.heard_ms) == ("two", round(16999 / 24))
    assert abs(len(stage.sounded()) - RATE) < 4


def test_an_odd_byte_is_ignored() -> None:
    stage = Stage()
    stage.playback.enqueue(stage.playback.epoch, "r", "item", ramp(4800).tobytes() + b"x")
    stage.finish("r")
    stage.run(0.5)
    assert np.array_equal(stage.sounded(), ramp(4800))


def test_two_channels_carry_the_same() -> None:
    stage = Stage(playback_channels=2)
    stage.say_all("r", ramp(4800))
    stage.run(0.5)
    heard = stage.speaker.sounded()
    assert heard.shape[1] == 2 and np.array_equal(heard[:, 0], heard[:, 1])
    assert np.array_equal(stage.sounded(), ramp(4800))
