"""`confirm = true`: two wake engines of different make must agree on a word.

What fires one by mistake seldom fires the other: openWakeWord's hey_jarvis wakes at every
second plain "jarvis", microWakeWord's at one in twenty. The gate decides
(:class:`device.audio.wake.WakeGate`); here both are asked about the same chunks.
"""

from __future__ import annotations

from collections import deque

from device.audio.wake import (
    CHUNK_SAMPLES,
    CONFIRM_WINDOW_MS,
    FIRST_SHARE,
    RATE_HZ,
    SECOND_SHARE,
    TwoOpinions,
)
from device.ports import Samples, WakeEngine

_WINDOW_CHUNKS = CONFIRM_WINDOW_MS * RATE_HZ // 1000 // CHUNK_SAMPLES


class ConfirmedWake:
    """Implements :class:`device.ports.WakeEngine`; one thread at a time.

    The scores are ``first``'s, which says where a word ended; with them come those of
    ``second``. Words that ``second`` does not know go without confirmation.
    """

    def __init__(self, first: WakeEngine, second: WakeEngine) -> None:
        self._first, self._second = first, second

    @property
    def words(self) -> tuple[str, ...]:
        return self._first.words

    def score(self, chunk: Samples) -> TwoOpinions:
        """Score 1280 mono int16 samples at 16 kHz: word -> 0..1."""
        return TwoOpinions(self._first.score(chunk), self._second.score(chunk))

    def reset(self) -> None:
        self._first.reset()
        self._second.reset()


class Agreement:
    """What two opinions are worth as one number, for people who choose a threshold. Pure.

    ``update`` gives the highest threshold at which the gate (with a patience of one) would
    find the word in this chunk, at most 1; for a word of one opinion that is its score.
    """

    def __init__(self) -> None:
        self._pairs: deque[tuple[float, float]] = deque(maxlen=_WINDOW_CHUNKS + 1)

    def update(self, scores: dict[str, float], word: str) -> float:
        """The next chunk's scores. Raises KeyError for a word that is not among them."""
        first = scores[word]
        if not isinstance(scores, TwoOpinions) or word not in scores.second:
            return first
        self._pairs.append((first / FIRST_SHARE, scores.second[word] / SECOND_SHARE))
        # One of the two belongs to this chunk; the other lies in the window before it.
        now = self._pairs[-1]
        best_first = max(pair[0] for pair in self._pairs)
        best_second = max(pair[1] for pair in self._pairs)
        return min(1.0, max(min(now[0], best_second), min(best_first, now[1])))
