"""A cut: silence at once, and what had been heard by then."""

from __future__ import annotations

import numpy as np
import pytest

from device.events import PlaybackStopped, StopReason
from tests.playback.stage import RATE, Stage, ramp


def test_a_cut_silences_and_tells_what_was_heard() -> None:
    stage = Stage(latency_ms=8.0).warmed_up().within_a_reply()
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


def test_the_item_being_heard_is_reported_with_its_own_time() -> None:
    stage = Stage()
    stage.say("r", ramp(RATE // 4), item="one")
    stage.say_all("r", ramp(RATE // 2), item="two")
    stage.run(0.45)
    stopped = stage.playback.cut(StopReason.WAKE)
    assert stopped is not None and stopped.item_id == "two"
    heard = np.count_nonzero(stage.speaker.sounded())
    assert abs(stopped.heard_ms - (heard * 1000 / RATE - 250)) <= 1


def test_a_cut_that_is_held_up_between_position_and_drop_knows_what_was_heard() -> None:
    stage = Stage(latency_ms=8.0).warmed_up().within_a_reply()
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
    stage = Stage(latency_ms=8.0).warmed_up().within_a_reply()
    stage.clock.now += 0.3  # the playback thread gets no turn: all that was queued is played
    stopped = stage.playback.cut(StopReason.BUTTON)
    assert stopped is not None
    assert abs(stopped.heard_ms - len(stage.sounded()) * 1000 / RATE) <= 1


def test_a_cut_with_nothing_to_cut_posts_nothing() -> None:
    stage = Stage().warmed_up()
    assert stage.playback.cut(StopReason.BUTTON) is None
    assert not stage.of(PlaybackStopped)


def test_a_reply_that_waits_for_its_prebuffer_is_cut_unheard() -> None:
    stage = Stage().warmed_up()
    stage.say("r", ramp(48))
    stopped = stage.playback.cut(StopReason.BUTTON)
    assert stopped is not None and stopped.heard_ms == 0
    stage.run(0.5)
    assert not len(stage.sounded())


def test_every_reply_that_a_cut_ends_is_reported() -> None:
    stage = Stage()
    for reply in ("one", "two"):
        stage.say_all(reply, ramp(RATE))
    stage.run(0.5)
    first = stage.playback.cut(StopReason.BUTTON)
    stopped = stage.of(PlaybackStopped)
    assert first == stopped[0]
    assert [(s.reply_id, s.heard_ms > 0) for s in stopped] == [("one", True), ("two", False)]
