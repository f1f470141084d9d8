"""How much reply audio must wait before playback starts, learnt from the network.

The level is the delay that playback keeps behind arrival. It starts at the
smallest, grows by a factor when playback runs dry (and as far as the lateness that
was seen asks for), and gives back half of what a whole reply never needed.

That is for jitter, within narrow bounds. No level helps where audio comes more slowly
than it is spoken: playback would run dry again as soon as the level is used up, after
every syllable. So a reply that runs dry again and again is *held back* for longer each
time, and is heard in phrases with pauses between them. The next reply begins anew.
Time is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

_HEADROOM = 1.2
"""Kept above the lateness that was seen: the next chunk may be later still."""

_GROWTH = 2.5
"""At least so much more after running dry: two interruptions reach the largest level,
and an interruption is worse than a delay."""


_OFTEN = 3
"""Running dry so often in one reply is no jitter: two lead to the largest level."""

_FIRST_HOLD_MS, _LONGEST_HOLD_MS = 400.0, 3000.0
"""Audio that such a reply is held back for: the first, doubled each time, up to the second."""

_SLOWEST = 3.0
"""Waited for it, in multiples of its length: slower lines give less each time ..."""

_LONGEST_WAIT_MS = 5000.0
"""... as nobody should wonder for longer whether more will come."""


@dataclass(frozen=True, slots=True)
class PrebufferBounds:
    """Smallest and largest level, in ms (``audio.prebuffer_*_ms``)."""

    low_ms: float
    high_ms: float

    def __post_init__(self) -> None:
        if self.low_ms <= 0:
            raise ValueError("the smallest prebuffer must be positive")

    def clamp(self, level_ms: float) -> float:
        """``level_ms`` within the bounds; the smallest wins over a smaller largest."""
        return max(self.low_ms, min(self.high_ms, level_ms))


class Prebuffer:
    """The adaptive level. One thread at a time."""

    def __init__(self, bounds: PrebufferBounds) -> None:
        self._bounds = bounds
        self._level_ms = bounds.low_ms
        self._begin()

    def _begin(self) -> None:
        self._earliest_ms: float | None = None
        self._lateness_ms = 0.0
        self._spare_ms: float | None = None
        self._chunk_ms = 0.0
        self._dries = 0
        self._hold_ms = 0.0

    @property
    def level_ms(self) -> float:
        """Delay of playback behind arrival that is aimed at."""
        return self._level_ms

    @property
    def needed_ms(self) -> float:
        """Audio that must be there before playback (re)starts.

        Audio comes in chunks, and a chunk is used up before the next one is due. On
        a network that was never late this does not matter (services send faster
        than real time); once it was, the chunk stands on top of the level.
        """
        chunk_ms = self._chunk_ms if self._level_ms > self._bounds.low_ms else 0.0
        return max(self._level_ms + chunk_ms, self._hold_ms)

    @property
    def patience_ms(self) -> float:
        """How long audio waits at most for more of it."""
        slow_ms = min(self._hold_ms * _SLOWEST, _LONGEST_WAIT_MS)
        return max(self.needed_ms, slow_ms)

    @property
    def holds_back(self) -> bool:
        """This reply comes more slowly than it is spoken."""
        return self._hold_ms > 0.0

    def arrived(self, now_s: float, media_ms: float, chunk_ms: float, ahead_ms: float) -> None:
        """A chunk came: ``media_ms`` of this reply had come before it, and ``ahead_ms``
        were still to be played (negative when playback does not run)."""
        transit_ms = now_s * 1000.0 - media_ms
        if self._earliest_ms is None or transit_ms < self._earliest_ms:
            self._earliest_ms = transit_ms
        self._lateness_ms = max(self._lateness_ms, transit_ms - self._earliest_ms)
        self._chunk_ms = max(self._chunk_ms, min(chunk_ms, self._bounds.low_ms * 2.5))
        if ahead_ms >= 0:
            self._spare_ms = ahead_ms if self._spare_ms is None else min(ahead_ms, self._spare_ms)
        elif self._dries:  # how late the audio was that playback waits for, shows only now
            self._grow(self._lateness_ms * _HEADROOM)

    def ran_dry(self) -> None:
        """Playback had nothing to play in the middle of a reply."""
        self._dries += 1
        if self._dries >= _OFTEN:
            self._hold_ms = min(max(_FIRST_HOLD_MS, self._hold_ms * 2.0), _LONGEST_HOLD_MS)
        self._grow(max(self._level_ms * _GROWTH, self._lateness_ms * _HEADROOM))

    def _grow(self, level_ms: float) -> None:
        self._level_ms = self._bounds.clamp(max(self._level_ms, level_ms))

    def reply_over(self) -> None:
        """The reply was played out or cut; what it taught is drawn together."""
        if not self._dries and self._spare_ms is not None:
            self._level_ms = self._bounds.clamp(self._level_ms - self._spare_ms / 2.0)
        self._begin()
