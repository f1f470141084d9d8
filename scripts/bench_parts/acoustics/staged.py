"""Runs the shipped echo stage on a scene, faster than real time.

Reports of what was played and capture periods come with time stamps that are late by up to
2 ms, as in life; both clocks begin at the same instant, the microphone's runs as fast as the
scene says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.audio.cancelling.facts import EchoFacts
from device.audio.cancelling.far_end import FarEnd, FarEndReports, Played
from device.audio.cancelling.stage import EchoStage
from device.ports import Samples
from scripts.bench_parts.acoustics.corpus import RATE_HZ
from scripts.bench_parts.acoustics.overlap_run import Cancelled

CALL_SAMPLES = 320
PERIOD = 320
WARM = 8000  #: the stream runs on silence so long before anything is heard of it
AHEAD = 640  #: reports come so long before the sound
BOOT_S = 100.0
LATE_S = 0.002


@dataclass(frozen=True)
class Staged:
    """What came out, each aligned with the input: ``out``, ``wake`` int16 (n,); ``levels``
    (blocks, 4) as in :class:`EchoFacts`; ``facts`` of each second; ``stream``: ``out`` as the near
    end hears it, not moved back."""

    out: Samples
    wake: Samples
    levels: NDArray[np.float32]
    facts: list[EchoFacts]
    stream: Cancelled


def staged(
    played: Samples,
    heard: Samples,
    *,
    mic_ppb: int = 0,
    unreported_ms: float = 0.0,
) -> Staged:
    """``played`` leaves the speaker ``unreported_ms`` later than the reports say."""
    reports = FarEndReports()
    stage = EchoStage(FarEnd(RATE_HZ, 1), reports, rate_hz=RATE_HZ)
    random = np.random.default_rng(5)
    stream = np.concatenate([np.zeros(WARM, np.int16), played])
    mic_rate = RATE_HZ * (1 + mic_ppb * 1e-9)
    count = len(heard) // CALL_SAMPLES * CALL_SAMPLES
    latency = stage.latency_samples
    out, wake = np.zeros(count, np.int16), np.zeros(count, np.int16)
    levels, facts, told_of = [], [], []
    told = 0
    for at in range(0, count, CALL_SAMPLES):
        elapsed = (at + CALL_SAMPLES) / mic_rate
        ahead = AHEAD + unreported_ms * RATE_HZ / 1000
        while told < min(len(stream), elapsed * RATE_HZ + WARM + ahead):
            block = stream[told : told + PERIOD]
            told += len(block)
            leaves_at = BOOT_S + (told - WARM) / RATE_HZ - unreported_ms / 1000
            reports.put(Played(1, told, leaves_at + random.uniform(0, LATE_S), block.tobytes()))
        stage.observe(at + CALL_SAMPLES, BOOT_S + elapsed + random.uniform(0, LATE_S))
        out[at : at + CALL_SAMPLES] = stage.process(heard[at : at + CALL_SAMPLES, None], at)[:, 0]
        wake[at : at + CALL_SAMPLES] = stage.for_wake[:, 0]
        levels.append(stage.facts.levels)
        told_of += [(stage.facts.residual_db, stage.facts.converged)] * len(levels[-1])
        if at % RATE_HZ == 0:
            facts.append(stage.facts)
    late = np.zeros(latency, np.int16)
    residual_db, converged = (np.array(column) for column in zip(*told_of, strict=True))
    return Staged(
        np.concatenate([out[latency:], late]),
        np.concatenate([wake[latency:], late]),
        np.concatenate(levels),
        facts,
        Cancelled(out, np.concatenate(levels), residual_db.astype(np.float32), converged),
    )
