"""How Gemini Live hears: declared rates, its own activity detection, or the client's marks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from device.simulator.services.brain import converted
from device.simulator.services.ears import FRAME_MS, SPEECH, Started, TurnDetector
from device.simulator.services.gemini_setup import Setup
from device.simulator.services.gemini_wire import RefusedError

NATIVE_HZ = 16_000
LOWEST_HZ, HIGHEST_HZ = 8_000, 48_000


@dataclass(frozen=True, slots=True)
class Onset:
    """Activity began, ``at_ms`` into the stream."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """Activity ended; ``pcm`` is all of it, mono s16le."""

    at_ms: int
    rate_hz: int
    pcm: bytes = field(repr=False)


def rate_of(mime_type: str) -> int:
    """The rate that ``audio/pcm;rate=…`` declares; without one it is the native rate."""
    found = re.fullmatch(r"audio/pcm(?:\s*;\s*rate=([0-9]{1,6}))?", mime_type.strip().lower())
    if found is None:
        raise RefusedError(1007, f"Unsupported audio mime type: {mime_type!r}")
    rate_hz = int(found[1] or NATIVE_HZ)
    if not LOWEST_HZ <= rate_hz <= HIGHEST_HZ:
        raise RefusedError(1007, f"Unsupported sample rate: {rate_hz}")
    return rate_hz


class Ears:
    """Of one connection. ``Onset`` and ``Turn`` come in pairs, in the time of the stream."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._rate_hz = NATIVE_HZ
        self._detector = self._listen()
        self._since_ms: int | None = None
        self._told = False
        self._by_hand: bytearray | None = None
        self._heard_ms = 0.0

    @property
    def active(self) -> bool:
        """The client has marked the start of activity, and not its end."""
        return self._by_hand is not None

    @property
    def heard_s(self) -> float:
        """Of the stream so far."""
        return self._heard_ms / 1000

    def hear(self, pcm: bytes, mime_type: str) -> list[Onset | Turn]:
        rate_hz = rate_of(mime_type)
        if len(pcm) % 2:
            raise RefusedError(1007, "The audio is not 16-bit PCM: it has an odd number of bytes.")
        if not pcm:
            return []
        if rate_hz % (1000 // FRAME_MS):
            pcm, rate_hz = converted(pcm, rate_hz, NATIVE_HZ), NATIVE_HZ
        found = [] if rate_hz == self._rate_hz else self._change(rate_hz)
        self._heard_ms += len(pcm) / 2 / rate_hz * 1000
        if self._setup.automatic:
            return found + self._detect(pcm)
        if self._by_hand is not None:
            self._by_hand += pcm
        return found

    def begin(self) -> list[Onset | Turn]:
        """``activityStart``."""
        if self._setup.automatic:
            raise RefusedError(
                1007,
                "Explicit activity control is not supported when automatic activity detection "
                "is enabled.",
            )
        if self._by_hand is not None:
            raise RefusedError(1007, "activity_start: activity has started already.")
        self._by_hand = bytearray()
        return [Onset(round(self._heard_ms))]

    def end(self) -> list[Onset | Turn]:
        """``activityEnd``."""
        if self._by_hand is None:
            raise RefusedError(1007, "activity_end: no activity was started.")
        pcm, self._by_hand = bytes(self._by_hand), None
        return [Turn(round(self._heard_ms), self._rate_hz, pcm)]

    def stream_end(self) -> list[Onset | Turn]:
        """``audioStreamEnd``: what is cached is a turn now, or nothing."""
        if not self._setup.automatic:
            raise RefusedError(
                1007, "audio_stream_end is only valid with automatic activity detection."
            )
        told = self._told
        pcm = self._detector.take()
        self._since_ms, self._told = None, False
        return [Turn(self._detector.heard_ms, self._rate_hz, pcm)] if told else []

    def _listen(self) -> TurnDetector:
        # A turn of no pause at all would end within its first word.
        return TurnDetector(self._rate_hz, silence_ms=max(2 * FRAME_MS, self._setup.silence_ms))

    def _change(self, rate_hz: int) -> list[Onset | Turn]:
        """The stream goes on at another rate: what was begun at the old one ends here."""
        found = self.stream_end() if self._setup.automatic else []
        if self._by_hand is not None:
            self._by_hand[:] = converted(bytes(self._by_hand), self._rate_hz, rate_hz)
        self._rate_hz = rate_hz
        self._detector = self._listen()
        return found

    def _detect(self, pcm: bytes) -> list[Onset | Turn]:
        size = 2 * self._rate_hz * FRAME_MS // 1000
        found: list[Onset | Turn] = []
        for at in range(0, len(pcm), size):
            found += self._frame(pcm[at : at + size])
        return found

    def _frame(self, pcm: bytes) -> list[Onset | Turn]:
        """At most one frame, so that speech is seen to last while it lasts."""
        for what in self._detector.hear(pcm):
            if isinstance(what, Started):
                self._since_ms, self._told = what.at_ms, False
                continue
            told, self._since_ms, self._told = self._told, None, False
            # What was too short to be announced was no speech.
            return [Turn(what.at_ms, self._rate_hz, what.pcm)] if told else []
        if self._since_ms is None or self._told or not _loud(pcm):
            return []
        self._told = self._detector.heard_ms - self._since_ms >= self._setup.onset_ms
        return [Onset(self._since_ms)] if self._told else []


def _loud(pcm: bytes) -> bool:
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    return float(np.sqrt(np.mean(samples**2))) > SPEECH
