"""Cues and the volume of what is heard."""

from __future__ import annotations

import numpy as np

from device.commands import Cue
from device.events import CueFinished, StopReason
from tests.playback.stage import RATE, Stage


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
    length = len(stage.sounded())
    stage.run(3.0)
    assert len(stage.sounded()) == length
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
    stage.say_all("r", level)
    stage.run(0.4)
    stage.playback.set_volume(10)
    stage.run(1.0)
    sounded = stage.sounded().astype(int)
    steps = np.abs(np.diff(sounded))
    assert sounded[0] == 10000 and 150 < sounded[-1] < 300
    assert steps.max() <= 10
