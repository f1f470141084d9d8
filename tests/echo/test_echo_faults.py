"""The echo stage when clocks, cards and rooms misbehave."""

from __future__ import annotations

import numpy as np
import pytest

from device.audio.cancelling.aec3 import Aec3
from device.audio.cancelling.saturation import Saturation
from device.audio.echo import BLOCK_SAMPLES, RATE_HZ
from device.ports import Samples
from tests.echo.room import babble, echo_of, level_db, microphone
from tests.echo.stage_rig import removed_db
from tests.echo.test_echo_stage import heard_of, ready

LONG_S = 4.5
long = babble(LONG_S, seed=2)


@pytest.mark.parametrize("unreported_ms", [110, 380])
def test_a_delay_that_nobody_tells_is_found(unreported_ms: int) -> None:
    rig = ready()
    rig.unreported_ms = unreported_ms
    heard = heard_of(long, delay_ms=20)  # as of when it left the converter
    assert removed_db(heard, rig.hear(heard, long), 3.5, 4.4) >= 15.0
    assert abs(rig.stage.facts.delay_ms - 20 - unreported_ms) < 4.0


def test_a_delay_that_changes_with_the_next_run_is_found_again() -> None:
    rig = ready()
    rig.hear(heard_of(long), long)
    rig.unreported_ms = 130.0
    rig.wait(1.0)
    heard = heard_of(long)
    assert removed_db(heard, rig.hear(heard, long), 3.5, 4.4) >= 15.0


def test_a_speaker_that_is_moved_is_noticed_and_learnt_anew() -> None:
    rig = ready(suppressors=[Aec3()])
    rig.hear(heard_of(long), long)
    known = rig.stage.facts.converged
    doubts = []
    moved = heard_of(long, seed=8, delay_ms=37)
    for at in range(0, len(long), RATE_HZ // 2):
        rig.hear(moved[at : at + RATE_HZ // 2], long[at : at + RATE_HZ // 2])
        doubts.append(not rig.stage.facts.converged)
    assert known
    assert any(doubts)


def test_after_a_gap_of_the_microphone_it_works_again() -> None:
    rig = ready()
    heard = heard_of(long)
    rig.hear(heard, long)
    rig.frame += 777  # lost
    rig.boot_s += 0.123  # and not even counted right
    rig.stage.restart()
    rig.wait(1.6)
    assert removed_db(heard, rig.hear(heard, long), 2.0, 4.4) >= 15.0


@pytest.mark.parametrize("mic_ppm", [-100.0, 100.0])
def test_clocks_that_differ_are_brought_together(mic_ppm: float) -> None:
    sound = babble(9.0, seed=2)
    clean = echo_of(sound)
    at = np.arange(len(clean)) / (1 + mic_ppm * 1e-6)
    heard = microphone(np.interp(at, np.arange(len(clean)), clean))
    rig = ready(mic_ppm=mic_ppm)
    out = rig.hear(heard, sound)
    assert abs(rig.stage.facts.skew_ppm + mic_ppm) < 20.0
    assert removed_db(heard, out, 7.0, 8.9) >= 12.0


def test_when_reports_stop_the_microphone_passes() -> None:
    rig = ready()
    rig.hear(heard_of(long)[: 2 * RATE_HZ], long[: 2 * RATE_HZ])
    person = babble(2.0, seed=9)
    out = rig.hear(person, long[:0])[:, 0]
    assert not rig.stage.facts.active
    assert abs(level_db(out[RATE_HZ:]) - level_db(person[RATE_HZ:])) < 1.0


def test_dc_is_removed_and_does_not_disturb() -> None:
    heard = np.clip(heard_of(long).astype(np.int32) + 6000, -32768, 32767).astype(np.int16)
    out = ready().hear(heard, long)[:, 0]
    assert abs(float(out[RATE_HZ:].mean())) < 1.0
    without = heard.astype(np.float64) - 6000
    assert removed_db(without, out, 2.0, 4.4) >= 18.0


def test_a_clipping_speaker_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    loud = np.clip(babble(5.0, seed=2, rms=12000.0), -32768, 32767)
    heard = heard_of(np.clip(loud, -16000, 16000).astype(np.int16))
    learnt = removed_db(heard, ready().hear(heard, loud), 3.0, 4.4)
    monkeypatch.setattr(Saturation, "learn", lambda *_: None)
    assert learnt >= removed_db(heard, ready().hear(heard, loud), 3.0, 4.4) + 2.5


@pytest.mark.parametrize("kind", ["noise", "silence", "square", "dead microphone"])
def test_any_sound_comes_out_finite_and_no_louder_than_full_scale(kind: str) -> None:
    random = np.random.default_rng(1)
    count = 2 * RATE_HZ
    loud = random.integers(-32768, 32768, count).astype(np.int16)
    square = np.where(np.arange(count) // 40 % 2, 32767, -32768).astype(np.int16)
    none = np.zeros(count, np.int16)
    heard, played = {
        "noise": (loud, loud[::-1].copy()),
        "silence": (none, none),
        "square": (square, square),
        "dead microphone": (none, loud),
    }[kind]
    rig = ready(suppressors=[Aec3()])
    out = rig.hear(heard, played)
    facts = rig.stage.facts
    assert out.dtype == np.int16
    assert np.isfinite(facts.levels).all()
    assert np.isfinite([facts.erle_db, facts.residual_db, facts.skew_ppm, facts.delay_ms]).all()
    assert level_db(out) <= level_db(np.maximum(heard, 1)) + 6.0


def test_it_hears_again_after_such_a_sound() -> None:
    rig = ready()
    square = np.where(np.arange(2 * RATE_HZ) // 40 % 2, 32767, -32768).astype(np.int16)
    rig.hear(square, square)
    rig.wait(1.0)
    heard: Samples = heard_of(long)
    assert removed_db(heard, rig.hear(heard, long), 3.0, 4.4) >= 15.0
    assert rig.frame % BLOCK_SAMPLES == 0


def test_clocks_that_drift_while_nothing_plays_do_not_move_the_reference() -> None:
    rig = ready(mic_ppm=100.0)
    rig.hear(heard_of(long), long)
    before = rig.stage.facts.delay_ms
    rig.wait(60.0)
    assert abs(rig.stage.facts.delay_ms - before) <= 0.1


def test_a_path_that_slid_while_the_skew_was_learnt_is_still_at_home() -> None:
    rig = ready()
    rig.hear(heard_of(long), long)
    stage = rig.stage
    home, delay = stage._home, stage._alignment.delay_samples
    assert home is not None
    stage._canceller.shift(9)  # the direct sound comes 9 samples later in it
    stage._search()
    stage._settle(home + 9)
    assert stage._alignment.delay_samples == delay


def test_a_delay_that_jumps_in_a_reply_ends_the_certainty_at_once() -> None:
    rig = ready()
    heard = heard_of(long)
    rig.hear(heard, long)
    assert rig.stage.facts.converged
    rig.hear(np.roll(heard, RATE_HZ // 10)[: RATE_HZ // 2], long[: RATE_HZ // 2])
    assert not rig.stage.facts.converged
