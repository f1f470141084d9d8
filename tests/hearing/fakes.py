"""Engines whose verdicts can be read off the samples."""

from __future__ import annotations

from device.audio.hearing import Hearing
from device.events import Event
from device.ports import Samples, WakeEngine
from device.settings import VadSettings, WakeSettings

LOUD = 20_000


class FakeWake:
    """Scores "word" 1 for a chunk that holds a sample of :data:`LOUD` or more."""

    words = ("word",)

    def __init__(self) -> None:
        self.resets = 0
        self.chunks: list[Samples] = []

    def score(self, chunk: Samples) -> dict[str, float]:
        self.chunks.append(chunk)
        return {"word": 1.0 if chunk.max() >= LOUD else 0.0}

    def reset(self) -> None:
        self.resets += 1


class FakeVad:
    """Probability 1 for a chunk whose mean magnitude is above 100."""

    def __init__(self) -> None:
        self.resets = 0
        self.chunks: list[Samples] = []

    def probability(self, chunk: Samples) -> float:
        self.chunks.append(chunk)
        return 1.0 if abs(chunk.astype(float)).mean() > 100 else 0.0

    def reset(self) -> None:
        self.resets += 1


def make_hearing(
    rate_hz: int = 16_000,
    uplink_rate_hz: int = 24_000,
    *,
    wake: WakeEngine | None = None,
    vad: FakeVad | None = None,
    channel: int = 0,
    preroll_ms: float = 4000,
    wake_settings: WakeSettings | None = None,
    vad_settings: VadSettings | None = None,
) -> Hearing:
    return Hearing(
        wake or FakeWake(),
        vad or FakeVad(),
        rate_hz=rate_hz,
        uplink_rate_hz=uplink_rate_hz,
        channel=channel,
        preroll_ms=preroll_ms,
        wake_settings=wake_settings or WakeSettings(),
        vad_settings=vad_settings or VadSettings(),
    )


def feed(hearing: Hearing, samples: Samples, first_frame: int, period: int = 160) -> list[Event]:
    """Mono ``samples`` in periods, as one-channel frames."""
    events: list[Event] = []
    for start in range(0, len(samples), period):
        part = samples[start : start + period]
        events += hearing.process(first_frame + start, part[:, None])
    return events
