"""The fall of the voice, on voices made for it."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from device.audio.finished.melody import RATE_HZ, melody
from device.ports import Samples


def voice(*pitches_hz: float, seconds: float = 0.4, level: float = 3000.0) -> Samples:
    """A buzz with the harmonics of a voice, of each pitch for ``seconds``."""
    pitch_hz = np.repeat(pitches_hz, round(seconds * RATE_HZ))
    phase = 2 * np.pi * np.cumsum(pitch_hz) / RATE_HZ
    buzz = sum(np.sin(number * phase) / number for number in range(1, 9))
    return np.rint(level * np.asarray(buzz)).astype(np.int16)


def silence(seconds: float, level: float = 3.0) -> Samples:
    noise = np.random.default_rng(1).normal(size=round(seconds * RATE_HZ))
    return np.rint(level * noise).astype(np.int16)


def test_a_voice_that_ends_an_octave_lower_has_fallen_by_twelve_semitones() -> None:
    heard = melody(voice(220, 220, 220, 110))
    assert heard.fall_semitones == pytest.approx(12.0, abs=0.3)


def test_a_question_that_ends_higher_has_fallen_by_less_than_nothing() -> None:
    assert melody(voice(150, 150, 150, 200)).fall_semitones == pytest.approx(-5.0, abs=0.3)


def test_a_level_voice_has_not_fallen() -> None:
    assert melody(voice(180, 180, 180)).fall_semitones == pytest.approx(0.0, abs=0.1)


@pytest.mark.parametrize("pitch_hz", [80, 110, 160, 240, 330])
def test_the_fall_is_the_same_for_low_voices_and_high_ones(pitch_hz: float) -> None:
    lower = pitch_hz * 2 ** (-3 / 12)
    heard = melody(voice(pitch_hz, pitch_hz, pitch_hz, lower))
    assert heard.fall_semitones == pytest.approx(3.0, abs=0.3)


def test_the_silence_around_what_is_said_changes_nothing() -> None:
    said = voice(200, 200, 200, 150)
    alone = melody(said)
    surrounded = melody(np.concatenate([silence(0.5), said, silence(0.3)]))
    assert surrounded.fall_semitones == pytest.approx(alone.fall_semitones, abs=0.2)
    assert surrounded.voiced_s == pytest.approx(alone.voiced_s, abs=0.08)


def test_how_loud_somebody_speaks_changes_nothing() -> None:
    quiet, loud = (melody(voice(200, 200, 200, 150, level=level)) for level in (300, 6000))
    assert quiet.fall_semitones == pytest.approx(loud.fall_semitones, abs=0.1)


def test_it_tells_how_much_voice_there_was() -> None:
    heard = melody(np.concatenate([voice(150, seconds=0.5), silence(1.0), voice(150, seconds=0.5)]))
    assert heard.voiced_s == pytest.approx(1.0, abs=0.1)


def test_of_noise_nothing_is_told() -> None:
    heard = melody(silence(2.0, level=2000))
    assert heard.fall_semitones == 0.0
    assert heard.voiced_s < 0.1


@pytest.mark.parametrize("count", [0, 100, 700])
def test_of_hardly_any_sound_nothing_is_told(count: int) -> None:
    heard = melody(np.zeros(count, np.int16))
    assert (heard.fall_semitones, heard.voiced_s) == (0.0, 0.0)


def test_what_was_said_more_than_eight_seconds_ago_is_forgotten() -> None:
    said = voice(200, 200, 200, 150)
    before = voice(320, seconds=9)
    assert melody(np.concatenate([before, silence(6.4), said])) == melody(
        np.concatenate([before[RATE_HZ:], silence(6.4), said])
    )


def test_a_reader_falls_further_at_the_end_of_a_sentence_than_within_one(speech_dir: Path) -> None:
    """ "... how do I get to Dublin?" against "And the answer that comes back is ..."."""
    with wave.open(str(speech_dir / "speech" / "silero-vad__tests__data__test.wav")) as file:
        sound = np.frombuffer(file.readframes(5 * RATE_HZ), "<i2")
    at_the_end, within = (melody(sound[: round(second * RATE_HZ)]) for second in (2.25, 4.87))
    assert at_the_end.fall_semitones > within.fall_semitones + 1.0
