"""A reply that somebody talks over is lowered at once, and comes back softly."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.mixer import DUCK_DB, Mixer
from device.commands import Cue
from device.events import StopReason
from tests.playback.stage import RATE, Stage

LOUD = 20_000


def even(seconds: float) -> np.ndarray:
    return np.full(round(RATE * seconds), LOUD, np.int16)


def lowered_after(stage: Stage, from_frame: int) -> int:
    """Frames from ``from_frame`` on until the reply is at least 15 dB down."""
    heard = stage.speaker.sounded()[from_frame:, 0]
    return int(np.flatnonzero(np.abs(heard) <= LOUD * 10 ** (-15 / 20))[0])


def test_a_reply_is_15_db_down_as_soon_as_what_stood_in_the_card_has_played() -> None:
    stage = Stage().warmed_up()
    stage.say("r", even(5))
    stage.run(1.0)
    sounded = len(stage.speaker.sounded())
    stage.playback.duck(True)
    stage.run(1.0)
    assert lowered_after(stage, sounded) <= RATE * 0.050
    assert stage.speaker.sounded()[-1, 0] == pytest.approx(LOUD * 10 ** (DUCK_DB / 20), abs=1)


def test_it_comes_back_to_where_it_was_and_not_at_once() -> None:
    stage = Stage().warmed_up()
    stage.say("r", even(5))
    stage.run(0.5)
    stage.playback.duck(True)
    stage.run(0.5)
    stage.playback.duck(False)
    stage.run(1.0)
    heard = stage.speaker.sounded()[:, 0].astype(int)
    assert heard[-1] == LOUD
    up = np.flatnonzero(np.diff(heard) > 0)
    rising = up[up > RATE * 0.3]
    assert RATE * 0.1 < rising[-1] - rising[0] < RATE * 0.3


def test_nothing_clicks_on_the_way_down_or_up() -> None:
    mixer = Mixer(RATE, 1, 100)
    reply = np.full(RATE // 10, LOUD, np.int16)
    parts = [mixer.render(reply.size, reply)]
    for on in (True, False, True, False):
        mixer.duck(on)
        parts.append(mixer.render(reply.size, reply))
    steps = np.abs(np.diff(np.frombuffer(b"".join(p.data for p in parts), np.int16).astype(int)))
    assert steps.max() < LOUD * 0.005  # of full scale in a sample: as soft as a 200 Hz tone


def test_the_next_reply_after_a_cut_is_as_loud_as_ever() -> None:
    stage = Stage().warmed_up()
    stage.say("r", even(5))
    stage.run(0.5)
    stage.playback.duck(True)
    stage.run(0.5)
    stage.playback.cut(StopReason.BARGE_IN)
    stage.run(0.2)
    stage.say_all("s", even(0.5))
    stage.run(1.0)
    assert stage.sounded()[-1] == LOUD


def test_a_duck_that_was_meant_for_the_reply_before_the_cut_does_not_lower_the_next() -> None:
    stage = Stage().warmed_up()
    stage.say("r", even(5))
    stage.run(0.5)
    stage.playback.duck(True)
    stage.playback.cut(StopReason.BUTTON)
    stage.say_all("s", even(0.5))
    stage.run(1.0)
    assert stage.sounded()[-1] == LOUD


def test_cues_are_not_lowered() -> None:
    loud, ducked = Mixer(RATE, 1, 100), Mixer(RATE, 1, 100)
    ducked.duck(True)
    for mixer in (loud, ducked):
        mixer.play(Cue.ERROR)
    assert loud.render(4800).data == ducked.render(4800).data


@given(st.lists(st.booleans(), max_size=8))
def test_whatever_came_before_a_reply_that_is_not_ducked_passes_bit_by_bit(
    moves: list[bool],
) -> None:
    mixer = Mixer(RATE, 1, 100)
    for on in moves:
        mixer.duck(on)
        mixer.render(100, even(1)[:100])
    mixer.duck(False)
    mixer.render(RATE, even(1))
    reply = np.arange(480).astype(np.int16)
    assert mixer.render(480, reply).data == reply.tobytes()
