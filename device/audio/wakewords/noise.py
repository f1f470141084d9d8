"""Where it is loud all the time, a word counts that either of two wake engines finds.

Steady noise makes openWakeWord miss words that microWakeWord, whose front end takes out the
noise, still hears: of 60 people who say "alexa" 5 dB above pink noise (half of the recordings,
three noises, 180 tries) the first misses 43, the second 14, the two together, as here, 6. In quiet
there is next to nothing to gain, and it would cost a quarter of a per cent of a core or more. So
the second is asked only where the floor of what is heard is high and something stirs above it.

What was tried on the same half instead: a threshold of 0.25 in noise misses 26 of 180, of 0.1
still 20; the noise taken out of the mel spectrogram misses more the more is taken out;
WebRTC's noise suppression before the model misses 14 of 120 at a threshold of 0.35.

Pure; one thread at a time (the ear's).
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from device.audio.wake import CHUNK_SAMPLES, RATE_HZ, LateScores
from device.ports import Samples, WakeEngine

LOUD_DB, QUIET_DB = -50.0, -53.0
"""dBFS: from the first on the floor is high, until it is below the second. People speak at -30;
openWakeWord begins to miss them where the noise is at -40. A quiet room is at -75."""

WINDOW_MS = 3200
"""The floor is the quietest chunk of so long a time: nobody speaks so long without a pause, but
a fan has none. Before so much was heard nothing is known, and the floor counts as low."""

STIRS_DB = 2.5
"""Something stirs where a chunk is so far above the floor. Pink noise as such is, by its chance
ups and downs, 0 to 2 dB above it; a voice 5 dB above the noise, 6 and more."""

LISTEN_MS = 1520
"""So long after the last stir the second engine listens: longer than any wake word."""

PAST_MS = 2000
"""So much of what was before the first stir it is given, to find its bearings."""

CATCH_UP = 6
"""Chunks of that at a time, so that no call takes much longer than the others."""

ALONE_SHARE = 0.4
"""Of what lies between the threshold and certainty, so much may be missing when the second finds
a word alone: it must score 0.8 at a threshold of 0.5. In 38 minutes of everything but "alexa",
with noise 5 dB below it, the second never scores above 0.46. To ask for 0.9 would miss 12 of 60
in noise as loud as the speaker, instead of 6."""


class NoiseFloor:
    """How loud it is at least, from the levels of chunks; and whether that is loud. Causal."""

    def __init__(self) -> None:
        self._levels_db: deque[float] = deque(maxlen=_chunks(WINDOW_MS))
        self.high = False

    def update(self, level_db: float) -> bool:
        """The next chunk's level in dBFS; whether something stirs above a floor that is high."""
        self._levels_db.append(level_db)
        if len(self._levels_db) < _chunks(WINDOW_MS):
            return False
        floor_db = min(self._levels_db)
        self.high = floor_db >= (QUIET_DB if self.high else LOUD_DB)
        return self.high and level_db >= floor_db + STIRS_DB

    def reset(self) -> None:
        """Nothing was heard yet."""
        self._levels_db.clear()
        self.high = False


class NoiseWake:
    """Implements :class:`device.ports.WakeEngine`: ``first``, and in noise ``second`` as well.

    ``first`` knows all the words. Of those that ``second`` knows, too, the better score counts;
    one that is ``second``'s is as late as its :class:`LateScores` say. Else, in quiet, and in
    noise while nothing stirs, the scores are ``first``'s, and ``second`` costs nothing.
    """

    def __init__(self, first: WakeEngine, second: WakeEngine) -> None:
        self._first, self._second = first, second
        self._floor = NoiseFloor()
        self._past: deque[Samples] = deque(maxlen=_chunks(PAST_MS))  # not heard by the second
        self._listens = 0  # for so many chunks yet

    @property
    def words(self) -> tuple[str, ...]:
        return self._first.words

    def score(self, chunk: Samples) -> dict[str, float]:
        """Score 1280 mono int16 samples at 16 kHz: word -> 0..1."""
        scores = self._first.score(chunk)
        self._past.append(chunk)
        if self._floor.update(_level_db(chunk)):
            self._listens = _chunks(LISTEN_MS)
        elif not self._floor.high:
            self._listens = 0
        if not self._listens:
            return scores
        self._listens -= 1
        others: dict[str, float] = {}
        for _ in range(min(CATCH_UP, len(self._past))):
            others = self._second.score(self._past.popleft())
        return scores if self._past else either(scores, others)

    def reset(self) -> None:
        self._first.reset()
        self._second.reset()
        self._floor.reset()
        self._past.clear()
        self._listens = 0


def either(first: dict[str, float], second: dict[str, float]) -> LateScores:
    """The better of two scores for each of ``first``'s words, the second's made stricter."""
    alone = {word: alone_score(second[word]) for word in first if word in second}
    late = {word for word, score in alone.items() if score > first[word]}
    best = {word: alone[word] if word in late else score for word, score in first.items()}
    return LateScores(best, second.late_ms if isinstance(second, LateScores) else 0, late)


def alone_score(score: float) -> float:
    """What a score of the second engine is worth without the first's (:data:`ALONE_SHARE`)."""
    return max(0.0, 1.0 - (1.0 - score) / ALONE_SHARE)


def _level_db(chunk: Samples) -> float:
    """In dBFS, without a constant offset, which some microphones have."""
    fine = chunk.astype(np.float32)
    power = float(np.dot(fine, fine)) / len(fine) - float(fine.mean()) ** 2  # a sixth of var's time
    return 10 * math.log10(max(power, 0.0) / 32768.0**2 + 1e-12)


def _chunks(milliseconds: int) -> int:
    return milliseconds * RATE_HZ // 1000 // CHUNK_SAMPLES
