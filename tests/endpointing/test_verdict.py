"""What Smart Turn and the melody make together."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.finished.melody import Melody
from device.audio.finished.smart_turn import RATE_HZ, SmartTurn, installed_model
from device.audio.finished.verdict import NEITHER_SEMITONES, Verdict, combined
from device.core.endpointing import EndOfTurn
from device.ports import Samples
from device.settings import TurnSettings

LEVEL = Melody(NEITHER_SEMITONES, voiced_s=2.0)
FALLEN, RISEN = Melody(6.0, voiced_s=2.0), Melody(-4.0, voiced_s=2.0)


def test_a_voice_that_has_fallen_makes_an_end_likelier_and_one_that_has_not_less_likely() -> None:
    assert combined(0.5, RISEN) < combined(0.5, LEVEL) < combined(0.5, FALLEN)


def test_a_sentence_that_sounds_finished_to_both_is() -> None:
    assert combined(0.95, FALLEN) > 0.8


def test_a_sentence_that_sounds_unfinished_to_both_is_not() -> None:
    assert combined(0.05, RISEN) < 0.02


def test_the_models_answer_counts_whatever_the_voice_does() -> None:
    for heard in (LEVEL, FALLEN, RISEN):
        assert combined(0.02, heard) < combined(0.5, heard) < combined(0.98, heard)


def test_who_has_only_just_begun_is_taken_to_go_on_unless_the_model_is_sure() -> None:
    begun = Melody(0.0, voiced_s=0.3)
    assert combined(0.02, begun) < combined(0.8, begun) < 0.3
    assert combined(0.98, begun) == 0.5


@given(st.floats(0.9, 1), st.floats(-40, 40), st.floats(0, 8))
def test_nobody_waits_longer_for_a_sentence_that_is_plainly_finished(
    model: float, fall: float, voiced_s: float
) -> None:
    finished = combined(model, Melody(fall, voiced_s))
    policy = EndOfTurn(TurnSettings())
    assert finished >= 0.5
    assert policy.silence_s(finished) <= policy.silence_s(None)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-40, 40), st.floats(0, 8))
def test_a_surer_model_never_makes_an_end_unlikelier(
    one: float, other: float, fall: float, voiced_s: float
) -> None:
    heard = Melody(fall, voiced_s)
    assert combined(min(one, other), heard) <= combined(max(one, other), heard)


def test_of_a_single_syllable_nothing_is_said() -> None:
    for answer in (0.02, 0.98):
        assert combined(answer, Melody(0.0, voiced_s=0.2)) == 0.5


def test_of_one_word_less_is_believed_than_of_a_sentence() -> None:
    word, sentence = (combined(0.98, Melody(6.0, voiced_s)) for voiced_s in (0.3, 2.0))
    assert word < sentence
    word, sentence = (combined(0.02, Melody(-4.0, voiced_s)) for voiced_s in (0.3, 2.0))
    assert word > sentence


@given(st.floats(0, 1), st.floats(-40, 40), st.floats(0, 8))
def test_nothing_makes_it_certain(model: float, fall: float, voiced_s: float) -> None:
    assert 0.0 < combined(model, Melody(fall, voiced_s)) < 1.0


def test_the_same_sentence_sounds_more_finished_when_the_voice_falls() -> None:
    path = installed_model()
    if path is None:
        pytest.skip("Smart Turn is not installed (scripts/install-smart-turn)")
    verdict = Verdict(SmartTurn(path))
    falling, rising = (verdict.probability(_voice(last_hz)) for last_hz in (120, 260))
    assert falling > rising


def test_nothing_said_is_refused() -> None:
    path = installed_model()
    if path is None:
        pytest.skip("Smart Turn is not installed (scripts/install-smart-turn)")
    with pytest.raises(ValueError, match="nothing was said"):
        Verdict(SmartTurn(path)).probability(np.zeros(0, np.int16))


def _voice(last_hz: float) -> Samples:
    pitch_hz = np.concatenate([np.full(RATE_HZ, 180.0), np.full(RATE_HZ // 4, last_hz)])
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    buzz = sum(np.sin(number * phase) / number for number in range(1, 9))
    return np.rint(3000 * np.asarray(buzz)).astype(np.int16)
