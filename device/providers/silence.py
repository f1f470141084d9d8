"""Silence for a service that wants sound without a gap, while the device has none to send.

A service that ends turns itself must hear the silence behind a turn, and one that takes a gap
for a lost connection must hear something. What is made here is no microphone's sound. Pure.
"""

from __future__ import annotations

PIECE_MS = 100
SLACK_MS = 150
"""The device's own pieces come up to that late; only then silence takes their place."""

LONGEST_CATCH_UP_MS = 1000


class Silence:
    """Tells when silence is due and how much. Times in seconds, as the codec is told them.

    It begins ``SLACK_MS`` after the last real sound and ends ``most_s`` after it, or with
    :meth:`stop`.
    """

    def __init__(self, rate_hz: int, most_s: float) -> None:
        self.rate_hz = rate_hz  #: may be set when the service tells its own
        self._most_s = most_s
        self._heard_until = 0.0  # the service has sound up to then
        self._ends_at: float | None = None
        self.due: float | None = None  #: when `take` wants to be called

    def sounded(self, size: int, now: float) -> None:
        """The device sent ``size`` bytes of mono s16le."""
        seconds = size / (2 * self.rate_hz)
        begins = self._heard_until
        if now - begins > LONGEST_CATCH_UP_MS / 1000:  # it is the first of a turn
            begins = now - seconds
        # What came faster than it was spoken is no reason to wait.
        self._heard_until = min(now, begins + seconds)
        self._ends_at = now + self._most_s
        self.due = now + SLACK_MS / 1000

    def stop(self) -> None:
        """None is wanted until the device sends something again."""
        self.due = self._ends_at = None

    def take(self, now: float) -> bytes:
        """What is due by now; empty when nothing is."""
        if self.due is None or now < self.due or self._ends_at is None:
            return b""
        if now >= self._ends_at:
            self.stop()
            return b""
        since = max(self._heard_until, now - LONGEST_CATCH_UP_MS / 1000)
        samples = max(round((now - since) * self.rate_hz), self.rate_hz * PIECE_MS // 1000)
        self._heard_until = since + samples / self.rate_hz
        self.due = max(now, self._heard_until)
        return bytes(2 * samples)
