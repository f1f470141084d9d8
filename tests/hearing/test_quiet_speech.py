"""A voice that the microphone makes too quiet is found; silence and noise are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from device.audio.hearing import Hearing
from device.audio.vad import SileroVad
from device.events import Event, SpeechEnded, SpeechStarted
from device.ports import Samples
from tests.array.sounds import babble, noise, pcm, wav_recordings
from tests.hearing.fakes import FakeVad, FakeWake, feed, make_hearing

RATE_HZ = 16_000


def speech_seconds(events: list[Event]) -> float:
    frames = [e.at_frame for e in events if isinstance(e, SpeechStarted | SpeechEnded)]
    return sum(frames[1::2]) / RATE_HZ - sum(frames[: len(frames) // 2 * 2 : 2]) / RATE_HZ


def found(hearing: Hearing, *parts: Samples) -> list[float]:
    """Seconds of speech that are found in each part."""
    hearing.run_vad(True)
    at, seconds = 0, []
    for part in parts:
        seconds.append(speech_seconds(feed(hearing, part, at)))
        at += len(part)
    return seconds


def test_faint_speech_is_found_once_it_is_known_how_faint_it_is() -> None:
    voice = babble(30.0, 40.0, 3) - babble(30.0, 40.0, 3).mean()
    first, later = found(make_hearing(), pcm(voice), pcm(voice))
    assert later > 10.0
    assert later > first


def test_noise_and_silence_are_never_raised_to_speech() -> None:
    sound = [pcm(noise(20.0, rms, 4)) for rms in (0.0, 1.0, 30.0, 90.0, 2.0)]
    assert found(make_hearing(), *sound) == [0.0] * 5


def test_what_was_learnt_holds_for_the_next_turn() -> None:
    hearing = make_hearing(vad=(vad := FakeVad()))
    voice = pcm(babble(30.0, 40.0, 3))
    found(hearing, voice)
    hearing.run_vad(False)
    hearing.run_vad(True)
    before = len(vad.chunks)
    feed(hearing, voice[: 3 * RATE_HZ], len(voice))
    fresh = np.concatenate(vad.chunks[before:]).astype(float)
    assert fresh.std() > 3 * voice[: 3 * RATE_HZ].astype(float).std()


def test_the_own_sound_of_the_device_teaches_nothing() -> None:
    hearing = make_hearing(vad=(vad := FakeVad()))
    voice = pcm(babble(30.0, 40.0, 3))
    found(hearing, voice)
    hearing.mask(True)
    feed(hearing, pcm(noise(2.0, 8000.0)), len(voice))
    hearing.mask(False)
    before = len(vad.chunks)
    feed(hearing, voice[: 3 * RATE_HZ], len(voice) + 2 * RATE_HZ)
    assert np.concatenate(vad.chunks[before:]).std() > 3 * voice[: 3 * RATE_HZ].std()


def test_words_that_people_said_are_found_40_db_quieter(speech_dir: Path) -> None:
    words = [
        sound[:, 0]
        for name, rate_hz, sound in wav_recordings(speech_dir)
        if "__jarvis__" in name and rate_hz == RATE_HZ
    ][1::2]
    assert words
    loud = np.concatenate(words).astype(float)

    def heard(gain_db: float) -> list[float]:
        faint = pcm(loud * 10 ** (gain_db / 20) + noise(len(loud) / RATE_HZ, 1.0))
        hearing = Hearing(FakeWake(), SileroVad(), rate_hz=RATE_HZ, uplink_rate_hz=RATE_HZ)
        return found(hearing, faint, pcm(noise(6.0, 1.0, 9)), pcm(noise(6.0, 40.0, 9)))

    usual, quiet = heard(0.0), heard(-40.0)
    assert quiet[0] > 0.85 * usual[0], "0.95 of it; 0.61 without the gain"
    assert quiet[1:] == [0.0, 0.0], "noise after it is not raised to speech"
