"""What is wrong with the simulated network: outages, stalls, delay, jitter, a slow line.

Times are seconds of CLOCK_MONOTONIC and are passed in. Loop thread only.
"""

from __future__ import annotations

import asyncio
import random

#: What Ethernet lets a TCP segment carry.
PACKET_BYTES = 1448
#: Who holds the line down when there is no way at all, as without Wi-Fi.
NO_WAY = "no way"
#: TCP sends again after so long, then after twice that, and so on (Linux's least; RFC 6298).
RESEND_S = 0.2
LONGEST_RESEND_S = 120.0


class Trouble:
    """The state of the line, shared by all connections of the proxy.

    - Down is a black hole: nothing is relayed, nothing is reset, and what was in
      flight waits, as TCP would resend it; the proxy forgets what the appliance sent on a
      connection that it left meanwhile. New connections hang.
    - Without a way (``NO_WAY`` holds it down) nobody who connects reaches anything, and is told
      at once; open connections are in a black hole, and go on when TCP next sends again.
    - Jitter keeps the order: every burst is held ``delay_ms`` plus a uniformly
      random 0 to ``jitter_ms``, and never leaves before the burst ahead of it.
    - ``rate_kbps`` makes each byte take its time on the line, each direction by itself, in
      packets of ``PACKET_BYTES``: the first of a long burst arrive while others are sent.
    """

    def __init__(self, seed: int = 1) -> None:
        self._up = asyncio.Event()
        self._up.set()
        self._random = random.Random(seed)
        self.delay_ms = 0.0
        self.jitter_ms = 0.0
        self.rate_kbps = 0.0
        self._holders: set[str] = set()
        self._down_since: float | None = None
        self._down_total_s = 0.0
        self._resends = False  # the last outage was one that TCP has to find the end of

    @property
    def no_way(self) -> bool:
        return NO_WAY in self._holders

    @property
    def is_up(self) -> bool:
        return self._up.is_set()

    def down(self, now: float, holder: str = "outage") -> None:
        """Become a black hole, until every ``holder`` has let go."""
        self._holders.add(holder)
        self._resends = (self._resends and self._down_since is not None) or self.no_way
        if self._down_since is None:
            self._down_since = now
        self._up.clear()

    def up(self, now: float, holder: str = "outage") -> None:
        """Let go; when nobody else holds it, relay again, first what waited."""
        self._holders.discard(holder)
        if self._holders or self._down_since is None:
            return
        self._down_total_s += now - self._down_since
        self._down_since = None
        self._up.set()

    def down_s(self, now: float) -> float:
        """How long the line has been down altogether."""
        running = 0.0 if self._down_since is None else now - self._down_since
        return self._down_total_s + running

    def resend_in_s(self, since: float, now: float) -> float:
        """The line is up again: how long until TCP sends again what waits since ``since``."""
        if not self._resends:
            return 0.0
        wait_s, at = RESEND_S, since + RESEND_S
        while at < now:
            wait_s = min(2 * wait_s, LONGEST_RESEND_S)
            at += wait_s
        return at - now

    def jitter(self, delay_ms: float, jitter_ms: float, rate_kbps: float) -> None:
        """Set all three; zero switches one off."""
        self.delay_ms, self.jitter_ms, self.rate_kbps = delay_ms, jitter_ms, rate_kbps

    async def wait_up(self) -> None:
        await self._up.wait()

    def new_lane(self) -> Lane:
        """One direction of one connection."""
        return Lane(self, self._random)


class Lane:
    """Decides when each burst of one direction may leave."""

    def __init__(self, trouble: Trouble, rng: random.Random) -> None:
        self._trouble = trouble
        self._random = rng
        self._line_free = 0.0
        self._last_release = 0.0
        self._burst_at: float | None = None
        self._held_ms = 0.0

    def pieces(self, burst: bytes) -> list[bytes]:
        """``burst`` as it travels: whole, or in packets on a line that has a rate."""
        if not self._trouble.rate_kbps:
            return [burst]
        starts = range(0, max(1, len(burst)), PACKET_BYTES)
        return [burst[at : at + PACKET_BYTES] for at in starts]

    def release(self, arrived: float, size: int) -> float:
        """When ``size`` bytes that came at ``arrived`` may leave; never decreases. What came
        at the same time is one burst, and is held equally long."""
        trouble = self._trouble
        start = max(arrived, self._line_free) if trouble.rate_kbps else arrived
        if trouble.rate_kbps:
            start += size * 8 / (trouble.rate_kbps * 1000)
            self._line_free = start
        if arrived != self._burst_at:
            self._burst_at = arrived
            self._held_ms = trouble.delay_ms
            if trouble.jitter_ms:
                self._held_ms += self._random.uniform(0, trouble.jitter_ms)
        self._last_release = max(self._last_release, start + self._held_ms / 1000)
        return self._last_release
