"""A clock that only the test moves."""

from __future__ import annotations


class HandClock:
    def __init__(self, monotonic: float = 1000.0, wall: float = 1_795_000_000.0) -> None:
        self.now = monotonic
        self.time = wall

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.time

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self.time += seconds
