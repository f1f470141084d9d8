"""Playback on a fake card: order, accounts, events, faults."""

from __future__ import annotations

import numpy as np
import pytest

from device.commands import Cue
from device.events import (
    CueFinished,
    Part,
    PartDegraded,
    PartReady,
    PlaybackStarted,
    PlaybackStopped,
    PlaybackUnderrun,
    StopReason,
)
from tests.playback.stage import RATE, Stage, ramp


def test_a_reply_is_played_bit_by_bit_and_reported_once() -> None:
    stage = Stage()
    samples = ramp(RATE)
    stage.say("r", samples)
    stage.finish("r")
    stage.run(1.5)
    assert np.array_equal(stage.sounded(), samples)
    assert [type(e) for e in stage.events] == [PartReady, PlaybackStarted, PlaybackStopped]
    stopped = stage.of(PlaybackStopped)[0]
    assert (stopped.reason, stopped.heard_ms, stopped.item_id) == (StopReason.DONE, 1000, "item")


def test_done_is_reported_when_the_last_sample_left_not_when_it_was_written() -> None:
    stage = Stage(latency_ms=8.0)
    stage.playback.warm(True)
    stage.run(0.1)
    stage.say("r", ramp(RATE // 2))
    stage.finish("r")
    stage.run(1.0)
    started, stopped = stage.of(PlaybackStarted)[0], stage.of(PlaybackStopped)[0]
    assert abs(stopped.at - started.at - 0.508) < 0.002


def test_the_item_being_heard_is_reported_with_its_own_time() -> None:
    stage = Stage()
    stage.say("r", ramp(RATE // 4), item="one")
    stage.say("r", ramp(RATE // 2), item="two")
    stage.finish("r")
    stage.run(0.45)
    stopped = stage.playback.cut(StopReason.WAKE)
    assert stopped is not None and stopped.item_id == "two"
    heard = np.count_nonzero(stage.speaker.sounded())
    assert abs(stopped.heard_ms - (heard * 1000 / RATE - 250)) <= 1


def test_a_cut_silences_and_tells_what_was_heard() -> None:
    stage = Stage(latency_ms=8.0)
    stage.playback.warm(True)
    stage.run(0.2)
    stage.say("r", ramp(RATE * 5))
    stage.run(0.7)
    epoch = stage.playback.epoch
    stopped = stage.playback.cut(StopReason.BUTTON)
    assert stopped is not None and stopped in stage.events
    assert stage.playback.epoch > epoch
    heard = len(stage.sounded())
    assert abs(stopped.heard_ms - (heard * 1000 / RATE - 8)) <= 1
    stage.playback.enqueue(epoch, "r", "item", ramp(RATE).tobytes())  # too late: discarded
    stage.playback.finish(epoch, "r")
    stage.run(1.0)
    assert len(stage.sounded()) == heard
    assert len(stage.of(PlaybackStopped)) == 1
    assert stage.speaker.pcm is not None and stage.speaker.pcm.avail() < 9600  # still warm


def test_a_cut_that_is_held_up_between_position_and_drop_knows_what_was_heard() -> None:
    stage = Stage(latency_ms=8.0)
    stage.playback.warm(True)
    stage.run(0.2)
    stage.say("r", ramp(RATE * 5))
    stage.run(0.7)
    card = stage.speaker.pcm
    assert card is not None
    position = card.avail

    def slow_avail() -> int:
        frames = position()
        stage.clock.now += 0.009  # another thread has the interpreter
        return frames

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(card, "avail", slow_avail)
        stopped = stage.playback.cut(StopReason.BUTTON)
    assert stopped is not None
    assert abs(stopped.heard_ms - (len(stage.sounded()) * 1000 / RATE - 8)) <= 1


def test_a_cut_of_a_card_that_ran_dry_knows_that_the_converter_played_on() -> None:
    stage = Stage(latency_ms=8.0)
    stage.playback.warm(True)
    stage.run(0.2)
    stage.say("r", ramp(RATE * 5))
    stage.run(0.7)
    stage.clock.now += 0.3  # the playback thread gets no turn: all that was queued is played
    stopped = stage.playback.cut(StopReason.BUTTON)
    assert stopped is not None
    assert abs(stopped.heard_ms - len(stage.sounded()) * 1000 / RATE) <= 1


def test_a_cut_with_nothing_to_cut_posts_nothing() -> None:
    stage = Stage()
    stage.playback.warm(True)
    stage.run(0.2)
    assert stage.playback.cut(StopReason.BUTTON) is None
    assert not stage.of(PlaybackStopped)


def test_a_reply_that_waits_for_its_prebuffer_is_cut_unheard() -> None:
    stage = Stage()
    stage.playback.warm(True)
    stage.run(0.2)
    stage.say("r", ramp(48))
    stopped = stage.playback.cut(StopReason.BUTTON)
    assert stopped is not None and stopped.heard_ms == 0
    stage.run(0.5)
    assert not len(stage.sounded())


def test_every_reply_that_a_cut_ends_is_reported() -> None:
    stage = Stage()
    for reply in ("one", "two"):
        stage.say(reply, ramp(RATE))
        stage.finish(reply)
    stage.run(0.5)
    first = stage.playback.cut(StopReason.BUTTON)
    stopped = stage.of(PlaybackStopped)
    assert first == stopped[0]
    assert [(s.reply_id, s.heard_ms > 0) for s in stopped] == [("one", True), ("two", False)]


def test_replies_follow_each_other_in_order() -> None:
    stage = Stage()
    one, two = ramp(RATE // 2), ramp(RATE // 2, first=15000)
    for reply, samples in (("one", one), ("two", two)):
        stage.say(reply, samples)
        stage.finish(reply)
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


def test_a_finished_reply_does_not_wait_for_the_prebuffer() -> None:
    stage = Stage(prebuffer_min_ms=200)
    stage.playback.warm(True)
    stage.run(0.2)
    asked = stage.clock.now
    stage.say("r", ramp(RATE // 50))
    stage.finish("r")
    stage.run(0.3)
    assert stage.of(PlaybackStarted)[0].at - asked <= 0.03


def test_a_late_network_is_silence_that_nobody_heard() -> None:
    stage = Stage(latency_ms=8.0)
    stage.say("r", ramp(RATE // 5))
    stage.run(0.5)
    assert [u.reply_id for u in stage.of(PlaybackUnderrun)] == ["r"]
    stage.say("r", ramp(RATE // 5))
    stage.finish("r")
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


def test_a_xrun_is_counted_and_recovered() -> None:
    stage = Stage()
    stage.say("r", ramp(RATE))
    stage.finish("r")
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
    stage.say("r", samples)
    stage.finish("r")
    stage.run(0.3)
    stage.clock.now += 0.3  # nobody calls step()
    stage.run(1.5)
    sounded = stage.sounded()
    assert np.array_equal(sounded[sounded != 0], samples)
    assert stage.playback.xruns == 1


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
    stage.say("r", ramp(RATE // 2))
    stage.finish("r")
    stage.run(1.0)
    assert np.array_equal(stage.sounded(), ramp(RATE // 2))


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
    stage.say("last", ramp(RATE // 2))
    stage.finish("last")
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


def test_cues_are_mixed_and_reported_when_heard() -> None:
    stage = Stage()
    stage.playback.cue(Cue.MUTED)
    stage.run(1.0)
    assert [c.name for c in stage.of(CueFinished)] == ["muted"]
    assert len(stage.sounded()) > RATE * 0.2


def test_a_ring_loops_until_it_is_stopped_or_cut() -> None:
    stage = Stage()
    stage.playback.cue(Cue.RING)
    stage.run(6.0)
    stage.playback.stop_cue(Cue.RING)
    stage.run(0.2)
    length = len(stage.sounded())
    stage.run(3.0)
    assert length > RATE * 4 and len(stage.sounded()) == length
    stage.playback.cue(Cue.RING)
    stage.run(1.0)
    stage.playback.cut(StopReason.BUTTON)
    length = np.count_nonzero(stage.speaker.sounded())
    stage.run(3.0)
    assert np.count_nonzero(stage.speaker.sounded()) == length
    assert not stage.of(CueFinished)


def test_a_cut_off_cue_is_reported_as_finished() -> None:
    stage = Stage()
    stage.playback.cue(Cue.ERROR)
    stage.run(0.1)
    stage.playback.cut(StopReason.BUTTON)
    stage.run(0.1)
    assert [c.name for c in stage.of(CueFinished)] == ["error"]


def test_without_a_speaker_cues_finish_and_a_ring_waits() -> None:
    stage = Stage()
    stage.speaker.plugged = False
    stage.run(0.5)
    stage.playback.cue(Cue.ERROR)
    stage.playback.cue(Cue.RING)
    stage.run(0.5)
    assert [c.name for c in stage.of(CueFinished)] == ["error"]
    stage.speaker.plugged = True
    stage.run(3.0)
    assert len(stage.sounded())


def test_volume_changes_without_a_step() -> None:
    stage = Stage()
    level = np.full(RATE, 10000, np.int16)
    stage.say("r", level)
    stage.finish("r")
    stage.run(0.4)
    stage.playback.set_volume(10)
    stage.run(1.0)
    sounded = stage.sounded().astype(int)
    steps = np.abs(np.diff(sounded))
    assert sounded[0] == 10000 and 150 < sounded[-1] < 300
    assert steps.max() <= 10


def test_another_rate_keeps_times_and_items() -> None:
    stage = Stage(downlink_hz=24000)
    tone = (8000 * np.sin(np.arange(24000) * 0.1)).astype(np.int16)
    stage.say("r", tone[:7001], item="one")
    stage.say("r", tone[7001:], item="two")
    stage.finish("r")
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
    stage.say("r", ramp(4800))
    stage.finish("r")
    stage.run(0.5)
    heard = stage.speaker.sounded()
    assert heard.shape[1] == 2 and np.array_equal(heard[:, 0], heard[:, 1])
