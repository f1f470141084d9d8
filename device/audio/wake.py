"""From wake-word scores to "the word was said, and it ended here".

Also what every wake engine shares: the size of a chunk, and the noise it is
warmed up on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from device.events import WakeDetected
from device.ports import Samples

RATE_HZ = 16_000

CHUNK_SAMPLES = 1280
"""What a wake engine takes at a time (80 ms)."""

_WARM_UP_CHUNKS = 60
_WARM_UP_RMS = 4.0


def warm_up_noise() -> Samples:
    """4.8 s of faint noise (rms 4 of 32768), the same each time.

    openWakeWord's models have never seen the all-zero history of a fresh
    start: on it, alexa and hey_mycroft score above 0.9 for two seconds. After
    this noise their buffers hold what a silent room would leave there. An
    engine hears it once and goes back to that state at each reset.
    """
    generator = np.random.default_rng(0)
    noise = generator.standard_normal(_WARM_UP_CHUNKS * CHUNK_SAMPLES) * _WARM_UP_RMS
    return np.rint(noise).astype(np.int16)


class TwoOpinions(dict[str, float]):
    """Scores of one engine, and in ``second`` another's, for the words that are to be
    confirmed by it. A word that is not in ``second`` needs no confirmation."""

    def __init__(self, first: Mapping[str, float], second: Mapping[str, float]) -> None:
        super().__init__(first)
        self.second = second


class LateScores(dict[str, float]):
    """Scores of an engine that is so much later than openWakeWord: what it says of a chunk
    is taken for ``late_ms`` before, so that ``at_frame`` lies where the word ended.
    ``late`` names the words that this is so of; None: all."""

    def __init__(
        self, scores: Mapping[str, float], late_ms: int, late: Collection[str] | None = None
    ) -> None:
        super().__init__(scores)
        self.late_ms = late_ms
        self._late = late

    def late_ms_of(self, word: str) -> int:
        return self.late_ms if self._late is None or word in self._late else 0


FIRST_SHARE, SECOND_SHARE = 0.6, 0.8
"""What each of two engines must score, as a share of the threshold (so 0.3 and 0.4 at 0.5):
two opinions that agree need less each. Chosen on half of the recordings: the second share is
the strictest that loses no "alexa" in quiet (the worst scores 0.41 there); the first finds
102 of 180 in noise (10 to 0 dB) that are 95 with a share of 1. But for plain "jarvis", one in
twenty, nothing else woke it with either. The price: with a question right behind the word
the second engine scores it lower, and confirms 9 of 10.
``scripts/bench_parts/acoustics/wake_rows.py`` measures all of it."""

CONFIRM_WINDOW_MS = 400
"""How far apart the two may be: of 235 recordings of "alexa" the second engine came 0 to
400 ms after the first (median 240)."""


@dataclass
class _Heard:
    """What the gate remembers of one word."""

    deaf_until: int
    run: int = 0  # chunks in a row that score enough
    since: int = 0  # end frame of the first of them, at the threshold if one reached it
    best: float = 0.0
    armed: bool = True  # the score has been too low since the last wake
    found: WakeDetected | None = None  # the latest run that was long enough,
    found_at: int = 0  # and the end frame of its latest chunk
    seconded_at: int | None = None  # end frame of the latest chunk that the other confirms

    def add(self, score: float, at_frame: int, threshold: float) -> None:
        """One more chunk of a run, which ended at ``at_frame``."""
        if self.run == 0 or self.best < threshold <= score:
            # A confirmed word may begin below the threshold; where it ended is told by
            # the chunk that an engine on its own would have named.
            self.since = at_frame
        self.best = score if self.run == 0 else max(self.best, score)
        self.run += 1

    def wake(self, deaf_until: int) -> None:
        self.run, self.armed, self.found, self.seconded_at = 0, False, None, None
        self.deaf_until = deaf_until


class WakeGate:
    """Threshold, patience, confirmation and refractory time, per word. Pure.

    A word is detected when ``patience`` chunks in a row score at or above
    ``threshold``. Then the same word is not detected again before
    ``refractory_s`` has passed and its score has once been below the threshold.
    ``rate_hz`` is the rate that frames are counted in.

    Of :class:`TwoOpinions` both must find the word, at most ``CONFIRM_WINDOW_MS`` apart,
    in either order, each with its share of the threshold; patience is the first one's.
    """

    def __init__(
        self, rate_hz: int, threshold: float = 0.5, patience: int = 1, refractory_s: float = 1.5
    ) -> None:
        self._rate_hz = rate_hz
        self._window_frames = CONFIRM_WINDOW_MS * rate_hz // 1000
        self._words: dict[str, _Heard] = {}
        self.tune(threshold, patience, refractory_s)

    def tune(self, threshold: float, patience: int, refractory_s: float) -> None:
        """Change the settings; they hold from the next chunk on."""
        self._threshold = threshold
        self._patience = patience
        self._refractory_frames = round(refractory_s * self._rate_hz)

    def update(self, scores: Mapping[str, float], end_frame: int) -> list[WakeDetected]:
        """The chunk that ended at ``end_frame`` (exclusive) scored this.

        ``at_frame`` of a detection is the end of the *first* chunk of its run,
        ``score`` the best of the run; with :class:`LateScores` the frame lies that much
        earlier. Confirmation makes a detection later, but moves neither: they are the
        first engine's.
        """
        seconds = scores.second if isinstance(scores, TwoOpinions) else {}
        detected = []
        for word, score in scores.items():
            late_ms = scores.late_ms_of(word) if isinstance(scores, LateScores) else 0
            at_frame = max(0, end_frame - late_ms * self._rate_hz // 1000)
            heard = self._words.setdefault(word, _Heard(deaf_until=end_frame))
            if self._enough(heard, score, seconds.get(word), end_frame):
                self._add(heard, word, score, at_frame, end_frame)
            if heard.found is not None and self._confirmed(heard, word in seconds):
                detected.append(heard.found)
                heard.wake(end_frame + self._refractory_frames)
        return detected

    def _enough(self, heard: _Heard, score: float, second: float | None, end_frame: int) -> bool:
        """Whether this chunk belongs to a run; remembers that the second engine agreed."""
        enough = self._threshold
        if second is not None:
            enough *= FIRST_SHARE
            if second >= SECOND_SHARE * self._threshold and end_frame >= heard.deaf_until:
                heard.seconded_at = end_frame
        if score < enough:
            heard.run, heard.armed = 0, True
            return False
        return heard.armed and end_frame >= heard.deaf_until

    def _add(self, heard: _Heard, word: str, score: float, at_frame: int, end_frame: int) -> None:
        heard.add(score, at_frame, self._threshold)
        if heard.run >= self._patience:
            heard.found = WakeDetected(word, heard.best, heard.since)
            heard.found_at = end_frame

    def _confirmed(self, heard: _Heard, asked: bool) -> bool:
        if not asked:
            return True
        if heard.seconded_at is None:
            return False
        return abs(heard.found_at - heard.seconded_at) <= self._window_frames

    def reset(self) -> None:
        """Forget runs and refractory times."""
        self._words.clear()
