"""How long to wait before trying again: exponential, jittered, capped. Pure.

"Equal jitter": half of the delay is certain, half is drawn, so that devices which
lost the same service do not come back in step, yet none hammers it
(M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
"""

from __future__ import annotations

from random import Random


class Backoff:
    """Delays in seconds: about ``base_s``, twice that, ..., at most ``cap_s``."""

    def __init__(self, base_s: float, cap_s: float, rng: Random) -> None:
        if not 0 < base_s <= cap_s:
            raise ValueError("0 < base_s <= cap_s does not hold")
        self._base_s = base_s
        self._cap_s = cap_s
        self._rng = rng
        self._failures = 0

    def next_delay(self, at_most_s: float = float("inf")) -> float:
        """One more failure: wait this long; about ``at_most_s``, where somebody waits too."""
        # The exponent is bounded so that no number of failures overflows.
        ceiling = min(self._cap_s, at_most_s, self._base_s * 2.0 ** min(self._failures, 60))
        self._failures += 1
        return ceiling * (0.5 + 0.5 * self._rng.random())

    def reset(self) -> None:
        """It works again."""
        self._failures = 0
