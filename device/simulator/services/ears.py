"""A service's own turn detection: by level, in the time of the stream, not of the clock."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

FRAME_MS = 20
SPEECH = 400.0  #: root mean square of int16: -38 dBFS
ONSET_FRAMES = 3


@dataclass(frozen=True, slots=True)
class Started:
    """Speech began ``at_ms`` into the stream."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class Stopped:
    """It ended at ``at_ms``; ``pcm`` is the turn, padding included."""

    at_ms: int
    pcm: bytes = field(repr=False)


class TurnDetector:
    """Mono s16le in pieces of any length in, what was found in them out."""

    def __init__(self, rate_hz: int, *, silence_ms: int = 500, prefix_ms: int = 300) -> None:
        self._rate_hz, self._silence_ms = rate_hz, silence_ms
        self._frame = 2 * rate_hz * FRAME_MS // 1000
        self._prefix = 2 * rate_hz * prefix_ms // 1000
        self._rest = b""
        self._ms = 0
        self._turn = bytearray()
        self._loud = self._quiet_ms = 0
        self.speaking = False

    @property
    def heard_ms(self) -> int:
        """Of the stream so far."""
        return self._ms

    def hear(self, pcm: bytes) -> list[Started | Stopped]:
        found: list[Started | Stopped] = []
        self._rest += pcm
        while len(self._rest) >= self._frame:
            frame, self._rest = self._rest[: self._frame], self._rest[self._frame :]
            found += self._hear(frame)
        return found

    def take(self) -> bytes:
        """The turn so far, which somebody else has ended; a new one begins."""
        turn, self._turn = bytes(self._turn) + self._rest, bytearray()
        self._rest = b""
        self.speaking, self._loud, self._quiet_ms = False, 0, 0
        return turn

    def _hear(self, frame: bytes) -> list[Started | Stopped]:
        self._ms += FRAME_MS
        self._turn += frame
        samples = np.frombuffer(frame, "<i2").astype(np.float64)
        loud = float(np.sqrt(np.mean(samples**2))) > SPEECH
        if not self.speaking:
            self._loud = self._loud + 1 if loud else 0
            if self._loud < ONSET_FRAMES:
                keep = self._prefix + ONSET_FRAMES * self._frame
                del self._turn[: max(0, len(self._turn) - keep)]
                return []
            self.speaking, self._quiet_ms = True, 0
            return [Started(max(0, self._ms - ONSET_FRAMES * FRAME_MS))]
        self._quiet_ms = 0 if loud else self._quiet_ms + FRAME_MS
        if self._quiet_ms < self._silence_ms:
            return []
        return [Stopped(self._ms - self._quiet_ms, self.take())]
