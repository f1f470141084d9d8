"""Sounds and faults for the tests of the microphone array. All generated, all repeatable."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device.audio.microphones.faults import FaultChange
from device.audio.microphones.health import MicHealth
from device.ports import Samples

RATE_HZ = 16_000
PERIOD = 1280

Signal = NDArray[np.float64]
Fault = Callable[[Signal, int], Signal]
"""(sound, rate) -> the same sound as the faulty channel gives it."""


def noise(seconds: float, rms: float, seed: int = 0, rate_hz: int = RATE_HZ) -> Signal:
    """White noise of ``rms`` LSB."""
    return np.random.default_rng(seed).normal(0, rms, round(seconds * rate_hz))


@lru_cache(maxsize=32)
def babble(seconds: float, rms: float, seed: int = 0, rate_hz: int = RATE_HZ) -> Signal:
    """Something like speech: harmonics of a gliding pitch in syllables, with pauses."""
    rng = np.random.default_rng(seed)
    n = round(seconds * rate_hz)
    at = np.arange(n) / rate_hz
    pitch = 130 * (1 + 0.15 * np.sin(2 * np.pi * 0.7 * at + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / rate_hz
    tones = sum(np.sin(k * phase + rng.uniform(0, 6)) / k**0.7 for k in range(1, 18))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * at), 0, 1) ** 2
    phrases = (np.sin(2 * np.pi * 0.23 * at) > -0.4).astype(float)
    sound = np.asarray(tones * syllables * phrases)
    sound = sound * (rms / np.sqrt((sound**2).mean())) + noise(seconds, 6.0, seed + 1, rate_hz)
    sound.flags.writeable = False  # it is shared
    return sound


def pcm(sound: Signal) -> Samples:
    """Rounded and limited to int16."""
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


def frames(*channels: Signal) -> Samples:
    """Channels side by side: int16 (n, channels)."""
    return np.stack([pcm(channel) for channel in channels], axis=1)


def heard(health: MicHealth, sound: Samples, first_frame: int = 0) -> list[FaultChange]:
    """Everything that ``health`` says of ``sound``, given in pieces of 80 ms."""
    changes: list[FaultChange] = []
    for start in range(0, len(sound), PERIOD):
        changes += health.hear(first_frame + start, sound[start : start + PERIOD])
    return changes


# --- faults ---------------------------------------------------------------------------


def dead(sound: Signal, rate_hz: int) -> Signal:
    return np.zeros_like(sound)


def dead_with_lsb_noise(sound: Signal, rate_hz: int) -> Signal:
    return np.random.default_rng(5).integers(-1, 2, len(sound)).astype(float)


def stuck(sound: Signal, rate_hz: int) -> Signal:
    return np.full_like(sound, -32768.0)


def offset(sound: Signal, rate_hz: int) -> Signal:
    return sound + 3000


def hum(mains_hz: float, rms: float = 1200.0) -> Fault:
    """Of the mains: the fundamental with two harmonics."""

    def add(sound: Signal, rate_hz: int) -> Signal:
        at = np.arange(len(sound)) / rate_hz
        parts = [(1, 1.0), (2, 0.3), (3, 0.5)]
        tone = sum(size * np.sin(2 * np.pi * mains_hz * k * at + k) for k, size in parts)
        return np.asarray(sound + tone * rms / np.sqrt(np.mean(tone**2)))

    return add


def clipping(sound: Signal, rate_hz: int) -> Signal:
    return np.clip(sound * 40, -32768, 32767)


def clipping_before_the_converter(sound: Signal, rate_hz: int) -> Signal:
    """Flat tops well below full scale."""
    return np.clip(sound * 40, -21000, 20000)


def dropping_out(sound: Signal, rate_hz: int) -> Signal:
    """20 ms of nothing, four times a second."""
    torn = sound.copy()
    for start in range(0, len(sound), round(0.23 * rate_hz)):
        torn[start : start + round(0.02 * rate_hz)] = 0
    return torn


# --- recordings -----------------------------------------------------------------------


def wav_recordings(speech_dir: Path) -> Iterator[tuple[str, int, Samples]]:
    """Name, rate and int16 (n, channels) of every 16-bit WAV file below ``speech_dir``."""
    for path in sorted(speech_dir.glob("*/*.wav")):
        try:
            with wave.open(str(path)) as file:
                if file.getsampwidth() != 2:
                    continue
                data = file.readframes(file.getnframes())
                yield (
                    path.name,
                    file.getframerate(),
                    np.frombuffer(data, "<i2").reshape(-1, file.getnchannels()),
                )
        except wave.Error:  # a WAV file of floats, which the module does not read
            continue
