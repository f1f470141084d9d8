"""Where to start sending after a wake word: at its end, as near as it can be told.

The engine says once per 80 ms that a word was said, not where it ended: people's
"alexa" ended from 0.2 s before the detection to 0.25 s after it, other words up to
0.8 s before it. Nothing of the word may be sent, and nothing of what follows should be
lost. So the decision waits for ``AHEAD_MS`` of audio after the detection and looks
for the first *dip* in loudness from ``REACH_MS`` before it on; what was captured
meanwhile is not lost, it is sent a little later.

- A detection that comes late finds the person in the question. So first a *pause* is
  sought, from further back: silence longer than a closure inside a word mostly is.
- A dip is quiet in two measures at once: level, and level of the differences between
  samples, in which the "s" of "alexa" stands out. Quiet means far below the loudest
  of the last 0.8 s, or near the noise floor.
- A dip before the detection may be a closure inside the word, so it must be deep and
  long. After it the word may still be going on: then a dip need be neither.
- The uplink starts shortly before the dip ends, where a soft consonant may begin.
- Without a dip nobody can say where the word ends. Then privacy decides: all that was
  looked at is left out, which costs those who make no pause their first syllables.

The constants were chosen on recordings and synthetic voices, and judged on others, with
questions put behind the words: ``scripts/bench_parts/word_end.py`` measures. They belong
to no word or model. A fixed delay and dips on one side of the detection alone did worse,
and the engine's scores, which follow the delay only loosely, made it no better.
"""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from device.audio.wake import CHUNK_SAMPLES, RATE_HZ
from device.ports import Samples

REACH_MS = 200
"""How far before the detection the uplink may start. 60 ms more, and closures inside
words ("hey rhasspy") pass for the end of 7 % of the synthetic ones, not 1 %."""

FAR_REACH_MS = 420
"""How far before the detection a *pause* may end, for detections that come late: then the
question has begun. Shorter than any wake word after its first syllable."""

AHEAD_MS = 240
"""How much audio after the detection the decision waits for, and so how far after it
the uplink may start. Three chunks."""

_BLOCK = RATE_HZ // 100  # levels are those of 10 ms, over which all else counts
_REACH, _AHEAD = REACH_MS // 10, AHEAD_MS // 10
_FAR_REACH, _PAUSE = FAR_REACH_MS // 10, 12  # a dip so long is a pause, not a closure
_DEEP_DB, _LONG = 30.0, 6  # a dip that begins before the detection
_FALL_DB, _SHORT = 15.0, 5  # one that begins after it
_CUT_OFF = 3  # what may be so short: a dip that has not ended
_ONSET = 5  # sent of the dip's end
_LOUDEST = 80  # how far back the loudest is sought
_FLOOR = 100  # how far back the noise floor is sought
_FLOOR_PERCENTILE, _FLOOR_DB = 8, 4.0  # where it lies, and what still counts as it
_LEAST_DB = 8.0  # a dip is at least so deep, however near the floor
_SILENCE_RMS = ((10.0,), (4.0,))  # of int16, in each measure; below it all is equal

_HISTORY = 32  # chunks: a second and a half, patience of up to ten chunks, and AHEAD_MS


def uplink_start(sound: Samples, detected: int) -> int:
    """The first sample to send. Pure.

    ``sound`` is 16 kHz mono; ``detected`` is the sample in it at which the detection's
    chunk ended. A second and a half before it and ``AHEAD_MS`` after it are looked at, or what
    there is of them. The answer lies within ``FAR_REACH_MS`` before and ``AHEAD_MS`` after
    ``detected``, and within ``sound``.
    """
    origin = detected % _BLOCK
    at = detected // _BLOCK
    levels = _levels(sound[origin : detected + _AHEAD * _BLOCK])
    end = int(levels.shape[1])
    block = max(0, at - _REACH)
    if end <= block:
        return min(detected, len(sound))
    floor = np.percentile(levels[:, max(0, at - _FLOOR) :], _FLOOR_PERCENTILE, axis=1)

    def dip_at(block: int, depth_db: float) -> int:
        """How many blocks from ``block`` on are quiet."""
        loudest = levels[:, max(0, block - _LOUDEST) : block + 1].max(axis=1)
        limit = np.maximum(loudest - depth_db, np.minimum(floor + _FLOOR_DB, loudest - _LEAST_DB))
        quiet = (levels[:, block:] < limit[:, None]).all(axis=0)
        return len(quiet) if quiet.all() else int(quiet.argmin())

    early = max(0, at - _FAR_REACH - _PAUSE)
    while early < block:
        length = dip_at(early, _DEEP_DB)
        if length >= _PAUSE:
            return origin + max(at - _FAR_REACH, early + 1, early + length - _ONSET) * _BLOCK
        early += max(1, length)
    while block < end:
        depth_db, needed = (_DEEP_DB, _LONG) if block < at else (_FALL_DB, _SHORT)
        length = dip_at(block, depth_db)
        if length >= needed or (length >= _CUT_OFF and block + length == end):
            return origin + max(block + 1, block + length - _ONSET) * _BLOCK
        block += max(1, length)
    return origin + end * _BLOCK


def _levels(sound: Samples) -> NDArray[np.float64]:
    """(2, blocks) dB: of the samples and of their differences, over 30 ms every 10."""
    count = len(sound) // _BLOCK
    if count == 0:
        return np.zeros((2, 0))
    samples = sound[: count * _BLOCK].astype(np.float64)
    both = np.stack([samples, np.diff(samples, prepend=samples[0])])
    rms = np.sqrt((both.reshape(2, count, _BLOCK) ** 2).mean(axis=2))
    padded = np.pad(rms, ((0, 0), (1, 1)), mode="edge")
    smooth = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
    levels: NDArray[np.float64] = 20 * np.log10(np.maximum(smooth, _SILENCE_RMS))
    return levels


class WordEnds:
    """Decides for each detection, from the very chunks that the engine scored.

    So the answer does not depend on the sizes of the capture's periods. Frames are
    capture frames at ``rate_hz``. Pure; ear thread only.
    """

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._chunks: deque[Samples] = deque(maxlen=_HISTORY)
        self._ends: deque[int] = deque(maxlen=_HISTORY)
        self._waiting: set[int] = set()
        self._starts: dict[int, int] = {}

    def hear(self, chunk: Samples, end_frame: int) -> None:
        """The next 80 ms at 16 kHz, which ended at capture frame ``end_frame``.

        Short gaps are spliced: the chunks join in what they hold, not in their frames.
        """
        self._chunks.append(chunk)
        self._ends.append(end_frame)
        self._decide()

    def expect(self, at_frame: int) -> None:
        """A wake word was detected in the chunk that ended at ``at_frame``."""
        self._starts.pop(at_frame, None)
        self._waiting.add(at_frame)
        self._decide()

    def restart(self, at_frame: int) -> None:
        """Much was lost, the next frame is ``at_frame``: what is undecided starts there."""
        self._chunks.clear()
        self._ends.clear()
        for waiting in self._waiting:
            self._keep(waiting, at_frame)
        self._waiting.clear()

    def start_for(self, from_frame: int) -> int | None:
        """Where an uplink starts that was asked for from ``from_frame`` on.

        That of a detection: at the word's end, or None while that is not yet known.
        Any other frame is meant as it stands.
        """
        if from_frame in self._waiting:
            return None
        return self._starts.get(from_frame, from_frame)

    def is_detection(self, frame: int) -> bool:
        """Whether one of the latest detections was at ``frame``."""
        return frame in self._waiting or frame in self._starts

    def _decide(self) -> None:
        for at_frame in sorted(self._waiting):
            before = sum(end <= at_frame for end in self._ends)
            if (len(self._ends) - before) * CHUNK_SAMPLES < AHEAD_MS * RATE_HZ // 1000:
                continue
            start = uplink_start(np.concatenate(list(self._chunks)), before * CHUNK_SAMPLES)
            # Counted back from the end of the chunk it lies in: frames may have been lost
            # before that. Lost *in* it, they make the start late, never early.
            number = max(0, -(-start // CHUNK_SAMPLES) - 1)
            offset = (start - (number + 1) * CHUNK_SAMPLES) * self._rate_hz / RATE_HZ
            self._waiting.discard(at_frame)
            self._keep(at_frame, self._ends[number] + round(offset))

    def _keep(self, at_frame: int, start: int) -> None:
        self._starts[at_frame] = start
        for oldest in sorted(self._starts)[:-4]:
            del self._starts[oldest]
