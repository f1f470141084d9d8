"""The real engines hear on, whatever is wrong with the microphone: a recorded word and its
voice are found behind every fault that is told."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from device.audio.cancelling.far_end import FarEndReports
from device.events import Event, PartDegraded, SpeechStarted, WakeDetected
from device.hearing_factory import make_hearing
from device.settings import AudioSettings, Settings, WakeSettings
from tests.array import sounds
from tests.array.sounds import Fault, Signal, noise, pcm

RATE_HZ = 16_000
TIMES = 4


def overdriven(sound: Signal, rate_hz: int) -> Signal:
    return np.clip(sound * 6, -32768, 32767)


@pytest.fixture(scope="module")
def words(speech_dir: Path) -> Signal:
    """Quiet, then "alexa" as somebody said it, with pauses."""
    (path,) = speech_dir.glob("wake/*alexa_test.wav")
    with wave.open(str(path)) as file:
        assert file.getframerate() == RATE_HZ
        word = np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(float)
    pause = np.zeros(2 * RATE_HZ)
    sound = np.concatenate([pause, pause, pause, *[word, pause] * TIMES])
    return np.asarray(sound + noise(len(sound) / RATE_HZ, 5.0)[: len(sound)])


@pytest.mark.parametrize(
    ("fault", "words_told", "channels"),
    [
        (sounds.offset, "direct voltage", 1),
        (sounds.hum(50.0), "hums at 50 Hz", 1),
        (overdriven, "overdriven", 1),
        (sounds.dropping_out, "dropped out", 1),
        (sounds.dead, "channel 1 of the microphone is listened to now", 2),
        (sounds.stuck, "channel 1 of the microphone is listened to now", 2),
    ],
    ids=["direct voltage", "hum", "clipping", "dropping out", "dead", "stuck"],
)
def test_the_word_and_the_voice_are_found_behind_it(
    words: Signal, fault: Fault, words_told: str, channels: int
) -> None:
    settings = replace(
        Settings(),
        wake=WakeSettings(words=("alexa",)),
        audio=AudioSettings(capture_channels=channels),
    )
    hearing = make_hearing(settings, RATE_HZ, FarEndReports())
    hearing.run_vad(True)
    heard = [pcm(fault(words, RATE_HZ)), pcm(words)][:channels]
    frames = np.stack(heard, axis=1)
    events = list[Event]()
    for start in range(0, len(frames), 1280):
        events += hearing.process(start, frames[start : start + 1280])
    told = [event for event in events if isinstance(event, PartDegraded)]
    assert any(words_told in event.detail for event in told), told
    assert sum(isinstance(event, WakeDetected) for event in events) == TIMES
    assert sum(isinstance(event, SpeechStarted) for event in events) >= TIMES
