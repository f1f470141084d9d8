"""The level of what wake word and VAD hear, and the cleaned uplink."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.cleaner import LATENCY_SAMPLES, Cleaner, Cleaning
from device.audio.levels import HIGHEST_DB, TARGET_DB, SlowGain
from device.ports import Samples
from tests.array.sounds import Signal, babble, noise, pcm

RATE_HZ = 16_000
CHUNK = 1280


def through(gain: SlowGain, sound: Samples, piece: int = CHUNK) -> Samples:
    return np.concatenate(
        [gain.apply(sound[at : at + piece]) for at in range(0, len(sound), piece)]
    )


def quiet_speech(db: float, seconds: float = 40.0) -> Signal:
    return babble(seconds, 1800.0, 2) * 10 ** (db / 20) + noise(seconds, 1.0, 8)


@pytest.mark.parametrize("db", [-20.0, -30.0])
def test_faint_speech_is_raised_to_the_usual_level(db: float) -> None:
    gain = SlowGain(RATE_HZ)
    heard = through(gain, pcm(quiet_speech(db)))[-10 * RATE_HZ :].astype(float)
    powers = (heard.reshape(-1, CHUNK) ** 2).mean(axis=1)
    level = 10 * np.log10(powers[powers > powers.max() / 30].mean() / 32768**2)
    assert gain.gain_db > 5
    assert abs(level - TARGET_DB) < 6


def test_speech_of_the_usual_level_passes_untouched() -> None:
    sound = pcm(quiet_speech(0.0))
    np.testing.assert_array_equal(through(SlowGain(RATE_HZ), sound), sound)


def test_noise_alone_raises_nothing() -> None:
    gain = SlowGain(RATE_HZ)
    for rms in (0.0, 1.0, 30.0, 2.0, 300.0):
        through(gain, pcm(noise(20, rms, 4)))
    assert gain.gain_db == 0.0


def test_the_gain_stands_still_while_somebody_speaks() -> None:
    gain = SlowGain(RATE_HZ)
    through(gain, pcm(quiet_speech(-30.0)))
    through(gain, pcm(noise(2.0, 1.0)))
    before = gain.gain_db
    word = pcm(noise(1.0, 900.0))
    for at in range(0, len(word), CHUNK):
        gain.apply(word[at : at + CHUNK])
        assert gain.gain_db == before


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([0, 1, 30, 900, 20_000]), st.integers(0, 2000))))
def test_the_gain_keeps_within_its_bounds_and_the_length_stays(
    parts: list[tuple[int, int]],
) -> None:
    gain = SlowGain(RATE_HZ)
    for number, (rms, count) in enumerate(parts):
        sound = pcm(np.random.default_rng(number).normal(0, rms, count))
        assert len(gain.apply(sound)) == count
        assert 0.0 <= gain.gain_db <= HIGHEST_DB


def test_the_cleaner_suppresses_noise_and_keeps_speech_with_a_constant_delay() -> None:
    cleaner = Cleaner(Cleaning(gain_control=False))
    syllables = np.sin(2 * np.pi * 3.0 * np.arange(6 * RATE_HZ) / RATE_HZ) > 0.3
    voice = noise(6.0, 2500.0, 5) * syllables  # not periodic, so that its delay is plain
    sound = pcm(np.concatenate([noise(6.0, 150.0), voice + noise(6.0, 150.0, 1)]))
    cleaned = np.concatenate(
        [cleaner.clean(sound[at : at + 1280]) for at in range(0, len(sound), 1280)]
    )
    assert len(cleaned) == len(sound)
    fine, clean = sound.astype(float), cleaned.astype(float)
    assert clean[4 * RATE_HZ : 6 * RATE_HZ].std() < 0.4 * fine[4 * RATE_HZ : 6 * RATE_HZ].std()
    size = 1 << 19
    across = np.fft.rfft(clean, size) * np.conj(np.fft.rfft(fine, size))
    lag = int(np.argmax(np.fft.irfft(across, size)))
    assert abs(lag - LATENCY_SAMPLES) <= 16
    with pytest.raises(ValueError, match="multiple"):
        cleaner.clean(sound[:100])


def test_the_cleaner_raises_quiet_speech() -> None:
    quiet = pcm(babble(20.0, 150.0, 5))
    cleaned = Cleaner().clean(quiet)
    assert cleaned[-5 * RATE_HZ :].std() > 2 * quiet[-5 * RATE_HZ :].std()
