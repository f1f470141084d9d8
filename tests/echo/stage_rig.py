"""A microphone and a speaker on one time axis around an echo stage, period by period."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.audio.cancelling.aec3 import LATENCY_SAMPLES
from device.audio.cancelling.far_end import FarEnd, FarEndReports, Played
from device.audio.cancelling.stage import EchoStage, Suppressor
from device.audio.echo import BLOCK_SAMPLES, RATE_HZ
from device.ports import Samples
from tests.echo.room import Signal, level_db

WARM = 8000
"""The stream runs on silence for half a second before anything is heard of it."""

AHEAD = 640
"""What is played is reported 40 ms before it leaves the converter, as the reports have it."""


class LateOnly:
    """In place of AEC3: late by as much, and does nothing."""

    def __init__(self) -> None:
        self._rest = np.zeros(LATENCY_SAMPLES, np.int16)
        self.blocks = 0

    def block(self, near: Samples, far: Samples) -> Samples:
        self.blocks += 1
        both = np.concatenate([self._rest, near])
        self._rest = both[BLOCK_SAMPLES:]
        return both[:BLOCK_SAMPLES]


class StageRig:
    """The microphone's frame 0 is heard at ``boot_s``. ``unreported_ms`` is what the
    converter holds back and tells nobody; it may be changed at any time, as may ``told_ms``,
    by which the time stamps themselves are shifted, and ``ahead``, the samples by which
    reports come before their sound (many, when the ear is late)."""

    def __init__(
        self,
        *,
        channels: int = 1,
        scale: int = 1,
        mic_ppm: float = 0.0,
        suppressors: list[Suppressor] | None = None,
    ) -> None:
        self.reports = FarEndReports()
        self.suppressors = suppressors or [LateOnly() for _ in range(channels)]
        self.stage = EchoStage(
            FarEnd(RATE_HZ, 1),
            self.reports,
            rate_hz=RATE_HZ * scale,
            channels=channels,
            suppressors=self.suppressors,
        )
        self.boot_s, self.frame, self.unreported_ms = 100.0, 0, 0.0
        self.told_ms, self.ahead = 0.0, AHEAD
        self.levels: list[NDArray[np.float32]] = []  # of every call
        self._scale, self._mic_hz = scale, RATE_HZ * scale * (1 + mic_ppm * 1e-6)
        self._late = np.random.default_rng(5)
        self._told = 0
        self._run = 1

    def hear(self, heard: Samples, far: Samples) -> Samples:
        """Both sound now, ``heard`` at 16 kHz (n,) or (n, channels); returns the output as
        late as it is. A new run of playback begins, unless ``far`` is empty."""
        near = heard if heard.ndim == 2 else heard[:, None]
        count = len(near) // BLOCK_SAMPLES * BLOCK_SAMPLES
        stream = np.concatenate([np.zeros(WARM if len(far) else 0, np.int16), far])
        began = self.boot_s + self.frame / self._mic_hz
        out, told = [near[:0]], 0
        for at in range(0, count, BLOCK_SAMPLES):
            now = self.boot_s + (self.frame + BLOCK_SAMPLES * self._scale) / self._mic_hz
            ahead = self.ahead + round(self.unreported_ms * RATE_HZ / 1000)
            while told < min(len(stream), (now - began) * RATE_HZ + WARM + ahead):
                block = stream[told : told + BLOCK_SAMPLES]
                told += len(block)
                leaves_at = began + (told - WARM) / RATE_HZ - self.unreported_ms / 1000
                self._report(block, leaves_at + self.told_ms / 1000)
            self.frame += BLOCK_SAMPLES * self._scale
            self.stage.observe(self.frame, now + self._late.uniform(0, 0.003))
            first = self.frame - BLOCK_SAMPLES * self._scale
            out.append(self.stage.process(near[at : at + BLOCK_SAMPLES], first))
            self.levels.append(self.stage.facts.levels)
        self._run += 1
        return np.concatenate(out)

    def wait(self, seconds: float) -> None:
        """Only the microphone's noise."""
        count = round(seconds * RATE_HZ)
        noise = np.random.default_rng(7).standard_normal((count, self.stage.channels)) * 3
        self.hear(np.rint(noise).astype(np.int16), np.zeros(0, np.int16))

    def _report(self, block: Samples, leaves_at: float) -> None:
        self._told += len(block)
        late = self._late.uniform(0, 0.002)
        self.reports.put(Played(self._run, self._told, leaves_at + late, block.tobytes()))


def removed_db(heard: Signal | Samples, out: Signal | Samples, from_s: float, to_s: float) -> float:
    """How much quieter the output is than the microphone was then."""
    first, last = round(from_s * RATE_HZ), round(to_s * RATE_HZ)
    late = out[first + LATENCY_SAMPLES : last + LATENCY_SAMPLES]
    return level_db(heard[first:last]) - level_db(late)
