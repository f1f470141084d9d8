"""Are two microphones of an array swapped? Known only where their places are configured.

A voice reaches the microphones as one wave. Where two channels are swapped no direction
explains the delays, and with the two put right one does. Some swaps cannot be told: those
that turn or mirror the array into itself (opposite microphones of a circle).

Pure; ear thread only. Asked once an utterance, it steers the array once for each pair.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from device.audio.array.direction import LEAST_CONFIDENCE, DirectionFinder
from device.audio.array.geometry import Positions
from device.ports import Samples

UTTERANCES = 4
"""So many that some order explains well. One room or one place may mislead."""

BETTER = 1.5
"""How much more confident the better order must be, over all of them."""


class ChannelOrder:
    """Told each utterance; ``swapped`` names the two channels once it is plain."""

    def __init__(self, positions: Positions, rate_hz: int) -> None:
        self._finder = DirectionFinder(positions, rate_hz)
        apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
        count = len(positions)
        orders = {pair: _swap(count, *pair) for pair in combinations(range(count), 2)}
        self._orders = {
            pair: order
            for pair, order in orders.items()
            if not np.allclose(apart[np.ix_(order, order)], apart, atol=0.002)
        }
        self._sums: dict[tuple[int, int] | None, float] = dict.fromkeys([None, *self._orders], 0.0)
        self._heard = 0

    def hear(self, frames: Samples) -> tuple[int, int] | None:
        """One utterance, int16 (n, microphones). Returns :attr:`swapped`."""
        found: dict[tuple[int, int] | None, float] = {None: self._confidence(frames)}
        for pair, swap in self._orders.items():
            found[pair] = self._confidence(frames[:, swap])
        if max(found.values()) >= LEAST_CONFIDENCE:
            self._heard += 1
            known = min(self._heard, UTTERANCES)
            for order, confidence in found.items():
                # An old fault, put right, is forgotten within some utterances.
                self._sums[order] += (confidence - self._sums[order]) / known
        return self.swapped

    def _confidence(self, frames: Samples) -> float:
        guess = self._finder.guess(frames)
        return guess.confidence if guess is not None else 0.0

    @property
    def swapped(self) -> tuple[int, int] | None:
        """Places in the configured order, from 0."""
        if self._heard < UTTERANCES:
            return None
        best = max(self._sums, key=lambda pair: self._sums[pair])
        return best if self._sums[best] >= BETTER * self._sums[None] else None


def _swap(count: int, one: int, other: int) -> list[int]:
    order = list(range(count))
    order[one], order[other] = other, one
    return order
