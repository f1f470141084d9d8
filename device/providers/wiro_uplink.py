"""The microphone's sound in chunks of one length, and silence behind it. Pure.

Wiro documents chunks of 200 ms and whether it takes others is not known, so whole chunks are
sent only. What is left of a turn goes out when silence has filled its chunk.
"""

from __future__ import annotations

from device.providers.silence import Silence
from device.providers.wiro_wire import RATE_HZ

BYTES_PER_MS = 2 * RATE_HZ // 1000
SHORTEST_MS, LONGEST_MS = 20, 400


class Uplink:
    """What is returned are chunks of PCM to be sent. ``most_s``: silence is made for so long
    behind the device's last sound."""

    def __init__(self, chunk_ms: int, most_s: float) -> None:
        self._size = BYTES_PER_MS * max(SHORTEST_MS, min(chunk_ms, LONGEST_MS))
        self._silence = Silence(RATE_HZ, most_s)
        self._waiting = bytearray()
        self._quiet = 0  # bytes of silence made behind the last sound

    @property
    def due(self) -> float | None:
        """When `feed` wants to be called."""
        return self._silence.due

    def sound(self, pcm: bytes, now: float) -> list[bytes]:
        """The device's."""
        self._silence.sounded(len(pcm), now)
        self._quiet = 0
        return self._chunks(pcm)

    def feed(self, now: float) -> list[bytes]:
        """The silence that is due."""
        pcm = self._silence.take(now)
        self._quiet += len(pcm)
        return self._chunks(pcm)

    def stop(self) -> None:
        """Nobody waits for more; what was not sent is not sent any more."""
        self._silence.stop()
        self._waiting.clear()
        self._quiet = 0

    def conclude(self, quiet_ms: int) -> list[bytes]:
        """Silence of that length behind what was sent, at once: what the service has heard is
        over, and what comes next is something else."""
        missing = BYTES_PER_MS * quiet_ms - self._quiet
        self.stop()
        return [bytes(self._size) for _ in range(0, missing, self._size)]

    def _chunks(self, pcm: bytes) -> list[bytes]:
        self._waiting += pcm
        end = len(self._waiting) - len(self._waiting) % self._size
        if not end:
            return []
        whole = bytes(self._waiting[:end])
        del self._waiting[:end]
        return [whole[start : start + self._size] for start in range(0, end, self._size)]
