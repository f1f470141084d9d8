"""A run that never was: recordings and an account of it, made by hand, for the report's tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.simulator.evidence import Evidence, Track
from device.simulator.report import Report
from device.simulator.timeline import Entry
from device.simulator.wavfile import resample, to_int16
from device.simulator.wire_audio import RATE_HZ, AudioRun

ROOM_HZ = 48_000
T0 = 1000.0
Samples = NDArray[np.int16]


def speechlike(seconds: float, seed: int, lead_s: float = 0.0) -> Samples:
    """24 kHz syllables of noise, 0.15 s of sound and 0.1 s of exact silence in turn."""
    rng = np.random.default_rng(seed)
    sound = resample(rng.standard_normal(int(seconds * 12_000)) * 0.1, 12_000, RATE_HZ)
    place = np.arange(len(sound)) / RATE_HZ
    sound[(place % 0.25) >= 0.15] = 0
    return np.concatenate([np.zeros(int(lead_s * RATE_HZ), np.int16), to_int16(sound)])


class Stage:
    """Puts sounds on a 20 s speaker track and keeps the account."""

    def __init__(self, rate_hz: float = ROOM_HZ) -> None:
        self.rate_hz = rate_hz
        self.speaker = np.zeros(20 * ROOM_HZ, np.int16)
        self.mic = np.random.default_rng(7).integers(-40, 40, 20 * ROOM_HZ).astype(np.int16)
        self.runs: list[AudioRun] = []
        self.entries: list[Entry] = []
        self.parts: dict[str, Any] = {}

    def reply(
        self, key: str, byte_t: float, play_t: float, samples: Samples, heard_s: float = 99.0
    ) -> None:
        run = AudioRun(key, T0 + byte_t)
        run.add(samples.tobytes(), T0 + byte_t)
        self.runs.append(run)
        loud = resample(samples.astype(float) / 32768 * 0.5, RATE_HZ, ROOM_HZ)
        played = to_int16(loud)[: int(heard_s * ROOM_HZ)]
        start = round(play_t * ROOM_HZ)
        self.speaker[start : start + len(played)] = played

    def stopped(self, t: float, reason: str, heard_ms: int) -> None:
        fields = {"reason": reason, "heard_ms": heard_ms}
        self.entries.append(Entry(T0 + t, "playback_stopped", fields))

    def report(self, **parts: Any) -> Report:
        return Report(
            Evidence(
                t0=T0,
                end=T0 + 20,
                nominal_rate_hz=ROOM_HZ,
                speaker=Track(self.speaker, self.rate_hz, T0),
                mic=Track(self.mic, self.rate_hz, T0),
                downlink=self.runs,
                entries=self.entries,
                **parts,
            )
        )


def uplink_of(stage: Stage, start_t: float, end_t: float, late_s: float) -> AudioRun:
    """The microphone from ``start_t`` on, in 20 ms chunks, each ``late_s`` after its end."""
    cut = stage.mic[int(start_t * ROOM_HZ) : int(end_t * ROOM_HZ)].astype(float) / 32768
    samples = to_int16(resample(cut, ROOM_HZ, RATE_HZ))
    run = AudioRun("turn1", T0 + start_t + late_s)
    for first in range(0, len(samples), 480):
        chunk = samples[first : first + 480]
        run.add(chunk.tobytes(), T0 + start_t + (first + len(chunk)) / RATE_HZ + late_s)
    return run
