"""May the watchdog be fed? Only while every part does its work. Pure.

Each part counts something that grows while it works (frames, wake inferences,
or the retry timer's steps while its device is missing). A part whose count
stands still for longer than its allowance is stalled, whatever its thread says;
then systemd is left to restart the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Liveness:
    """The verdict: feed the watchdog or not, and which parts stand still."""

    feed: bool
    stalled: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "alive" if self.feed else "stalled: " + ", ".join(self.stalled)


@dataclass(slots=True)
class _Part:
    allowance_s: float
    count: int
    since: float


class Watchdog:
    """Judges progress counters. One caller (the loop thread).

    ``expect`` names a part, ``judge`` is called a few times per watchdog
    interval with every part's counter.
    """

    def __init__(self) -> None:
        self._parts: dict[str, _Part] = {}

    def expect(self, name: str, allowance_s: float, count: int, now: float) -> None:
        """From now on ``name`` must advance at least every ``allowance_s``."""
        if allowance_s <= 0:
            raise ValueError(f"allowance of {name} must be positive, not {allowance_s}")
        self._parts[name] = _Part(allowance_s, count, now)

    def judge(self, counts: Mapping[str, int], now: float) -> Liveness:
        """``counts`` holds the counter of every expected part; one that is absent
        stands still. A counter that fell was restarted, which is progress too."""
        stalled = []
        for name, part in self._parts.items():
            count = counts.get(name, part.count)
            if count != part.count:
                part.count, part.since = count, now
            elif now - part.since > part.allowance_s:
                stalled.append(name)
        return Liveness(feed=not stalled, stalled=tuple(stalled))
