"""What is counted in the acoustic rows: proportions with their interval, VAD events, times."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from device.audio.vad import CHUNK_SAMPLES, SileroVad
from device.ports import Samples

RATE_HZ = 16_000
EVENT_MS = 96
EVENT_THRESHOLD = 0.5
CHUNK_MS = 1000 * CHUNK_SAMPLES // RATE_HZ


@dataclass(frozen=True)
class Proportion:
    """``found`` of ``n``, with the 95 % score interval (Wilson, 1927)."""

    found: int
    n: int
    rate: float
    low: float
    high: float

    @classmethod
    def of(cls, found: int, count: int) -> Proportion:
        low, high = wilson(found, count)
        return cls(found, count, round(found / count, 4) if count else 0.0, low, high)

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def wilson(found: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The score interval of a proportion; (0, 1) where nothing was tried."""
    if not count:
        return 0.0, 1.0
    rate, spread = found / count, z * z / count
    middle = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(rate * (1 - rate) / count + spread / (4 * count))
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def poisson_upper(events: int, chance: float = 0.05) -> float:
    """The upper bound of an expected count of which ``events`` were seen (one-sided)."""
    high = low = float(events)
    while _poisson_at_most(events, high) > chance:
        low, high = high, high + 1 + high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _poisson_at_most(events, middle) > chance else (low, middle)
    return round(high, 3)


def _poisson_at_most(events: int, mean: float) -> float:
    return sum(
        math.exp(-mean + number * math.log(mean) - math.lgamma(number + 1)) if mean else number == 0
        for number in range(events + 1)
    )


def percentiles(values: Sequence[float], *parts: float) -> dict[str, float]:
    """``{"n": …, "p50": …, …}`` of ``values``; only n where there are none."""
    found: dict[str, float] = {"n": len(values)}
    if values:
        for part in parts or (50.0, 90.0, 95.0):
            found[f"p{part:g}"] = round(float(np.percentile(values, part)), 1)
    return found


def vad_probabilities(heard: Samples, vad: SileroVad | None = None) -> NDArray[np.float64]:
    """Silero's probability of speech for each whole 32 ms of ``heard``, from a fresh state."""
    vad = vad if vad is not None else SileroVad()
    vad.reset()
    count = len(heard) // CHUNK_SAMPLES
    return np.array(
        [
            vad.probability(heard[at * CHUNK_SAMPLES : (at + 1) * CHUNK_SAMPLES])
            for at in range(count)
        ]
    )


def vad_events(
    probabilities: NDArray[np.float64],
    *,
    threshold: float = EVENT_THRESHOLD,
    least_ms: int = EVENT_MS,
) -> list[tuple[float, float]]:
    """``(begin s, end s)`` of every run of chunks at or above ``threshold`` that lasts
    ``least_ms`` or longer."""
    speaks = np.concatenate([[False], probabilities >= threshold, [False]])
    edges = np.flatnonzero(np.diff(speaks.astype(np.int8)))
    return [
        (begin * CHUNK_MS / 1000, end * CHUNK_MS / 1000)
        for begin, end in zip(edges[::2], edges[1::2], strict=True)
        if (end - begin) * CHUNK_MS >= least_ms
    ]


def speech_frames(
    probabilities: NDArray[np.float64], threshold: float = EVENT_THRESHOLD
) -> NDArray[np.bool_]:
    """Which of the 32 ms chunks are speech."""
    return probabilities >= threshold


def level_db(sound: NDArray[np.generic]) -> float:
    """Mean level in dBFS (a full-scale square wave is 0)."""
    power = float(np.mean(np.square(np.asarray(sound, np.float64)))) if len(sound) else 0.0
    return 10 * math.log10(power / 32768.0**2 + 1e-20)


def active_level_db(sound: NDArray[np.generic], rate_hz: int = RATE_HZ) -> float:
    """Level while there is speech, in dBFS: of the 20 ms less than 25 dB below the 95th
    percentile (a simple stand-in for ITU-T P.56)."""
    step = rate_hz // 50
    whole = np.asarray(sound[: len(sound) // step * step], np.float64).reshape(-1, step)
    power = np.mean(whole**2, axis=1)
    if not len(power) or not power.any():
        return -200.0
    loud = power[power > np.percentile(power, 95) / 316]
    return 10 * math.log10(float(loud.mean()) / 32768.0**2 + 1e-20)
