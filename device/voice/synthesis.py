"""The port of a speech synthesiser, and what all of them share.

A synthesiser turns one sentence into 24 kHz samples, handing them over as they
are made, and stops within a callback when told to. It belongs to one thread:
:class:`device.voice.speaker.Speaker` owns it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 24_000
"""What every synthesiser delivers: mono int16 at the protocol's only PCM rate."""

Samples = NDArray[np.int16]

Sink = Callable[[Samples], bool]
"""Takes the next samples; False means: stop, nobody listens any more."""


class Synthesiser(Protocol):
    """Text to speech. One thread only; not re-entrant."""

    @property
    def voices(self) -> tuple[str, ...]:
        """The names ``speak`` knows; the first is the default."""
        ...

    def speak(self, text: str, sink: Sink, *, voice: str = "", speed: float = 1.0) -> None:
        """Say one sentence. Returns when it is said or the sink declined.

        An unknown ``voice`` means the default. ``speed`` is a factor, 0.25-1.5.
        Raises :class:`device.errors.ModelError` when the engine fails.
        """
        ...

    def close(self) -> None:
        """Free the engine."""
        ...


class LeadTrimmer:
    """Drops the near-silence before the first sound: it would only be waited for.

    ``keep_ms`` before the first loud sample stay, so that no soft onset is cut.
    """

    def __init__(self, rate_hz: int, *, threshold: int = 200, keep_ms: int = 4) -> None:
        self._threshold = threshold
        self._keep = rate_hz * keep_ms // 1000
        self._held = np.zeros(0, np.int16)
        self._open = False

    def push(self, samples: Samples) -> Samples:
        """What may be passed on of what came so far."""
        if self._open:
            return samples
        both = np.concatenate([self._held, samples])
        loud = np.flatnonzero(np.abs(both.astype(np.int32)) > self._threshold)
        if loud.size == 0:
            self._held = both[-self._keep :] if self._keep else both[:0]
            return both[:0]
        self._open = True
        self._held = both[:0]
        return both[max(0, int(loud[0]) - self._keep) :]
