"""How well a wake word is heard here, and which threshold follows from it. Pure.

A *try* is one recording in which the word was said once; the *background* is a stretch
in which it was not (a quiet room, a television). Both become one score per 80 ms.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from device.audio.wake import CHUNK_SAMPLES, warm_up_noise
from device.audio.wakewords.confirm import Agreement
from device.ports import Samples, WakeEngine

QUIET_DBFS = -50.0
"""A try whose loudest 80 ms are below this is too quiet to judge. Speech at 2 m reaches
-40 to -25 on usual microphones."""

STANDS_OUT_DB = 8.0  # speech above the quietest quarter of its recording
_CLIPPED, _CLIPPED_SHARE = 32_700, 0.001
_TAIL_CHUNKS = 6  # an engine may answer so long after the word

LEAST_THRESHOLD, MOST_THRESHOLD = 0.2, 0.9
_USUAL = 0.5
_MARGIN = 0.1  # that the usual threshold must keep on both sides
_LEAST_GAP = 0.2  # between the word's scores and the background's
_MOST_PATIENCE = 3
_MANY = 5  # of so many tries one may be left out


@dataclass(frozen=True)
class Try:
    """What came of one recording: scores by chunk, loudest 80 ms, and what is wrong with it
    (empty: nothing)."""

    scores: tuple[float, ...]
    level_dbfs: float
    trouble: str = ""


@dataclass(frozen=True)
class Proposal:
    """``threshold`` is None where none can be proposed; ``reason`` says why in either case,
    ``advice`` what else helps (or is empty)."""

    threshold: float | None
    patience: int
    reason: str
    advice: str = ""


def scores_of(engine: WakeEngine, samples: Samples, word: str) -> tuple[float, ...]:
    """The word's score in each 80 ms of 16 kHz mono, from a reset engine; where two engines
    must agree, the threshold at which they would. A little silence is added behind."""
    agreement = Agreement()
    engine.reset()
    sound = np.concatenate([samples, warm_up_noise()[: _TAIL_CHUNKS * CHUNK_SAMPLES]])
    return tuple(agreement.update(engine.score(chunk), word) for chunk in _chunks(sound))


def judge_try(engine: WakeEngine, samples: Samples, word: str) -> Try:
    """One recording in which the word was said."""
    levels = [level_dbfs(chunk) for chunk in _chunks(samples)] or [-100.0]
    loudest = max(levels)
    trouble = ""
    if loudest < QUIET_DBFS:
        trouble = (
            f"too quiet: {loudest:.0f} dB at its loudest; come nearer, or raise the "
            "microphone's gain with alsamixer"
        )
    elif float(np.mean(np.abs(samples.astype(np.int32)) >= _CLIPPED)) >= _CLIPPED_SHARE:
        trouble = "clipped: speak further away, or lower the microphone's gain with alsamixer"
    elif loudest - float(np.percentile(levels, 25)) < STANDS_OUT_DB:
        trouble = "nothing stands out of the noise: the word was not said in time, or not heard"
    return Try(scores_of(engine, samples, word), loudest, trouble)


def level_dbfs(chunk: Samples) -> float:
    """Of full scale, at least -100."""
    power = float(np.mean(np.square(chunk.astype(np.float64)))) if len(chunk) else 0.0
    return max(-100.0, 10 * math.log10(power / 32768.0**2 + 1e-10))


def sustained(scores: Sequence[float], patience: int) -> float:
    """The highest threshold at which ``patience`` chunks in a row are found."""
    spans = range(len(scores) - patience + 1)
    return max((min(scores[at : at + patience]) for at in spans), default=0.0)


def propose(
    tries: Sequence[Sequence[float]], background: Sequence[float], *, confirmed: bool = False
) -> Proposal:
    """From the scores of each try and of the stretch without the word (it may be empty).
    ``confirmed``: two engines agree on them, which takes the place of patience.

    The smallest patience that leaves a gap of 0.2 between word and background is chosen;
    in the gap 0.5 where it fits with some margin, else a value a little above the middle
    (a false wake in the night is worse than saying a word twice).
    """
    if not tries:
        return Proposal(None, 1, "no try could be used")
    for patience in range(1, 2 if confirmed else _MOST_PATIENCE + 1):
        low, left_out = _lowest([sustained(scores, patience) for scores in tries])
        high = sustained(background, patience)
        if low - high < _LEAST_GAP or low <= LEAST_THRESHOLD:
            continue
        threshold = _between(high, low)
        told = f"the word scored {low:.2f} or more"
        if left_out:
            told += f" (but for one try of {len(tries)})"
        told += f", the rest at most {high:.2f}" if len(background) else ", nothing else was tried"
        if patience > 1:
            told += f", each over {patience} chunks of 80 ms: shorter peaks do not tell them apart"
        return Proposal(threshold, patience, told)
    low, _ = _lowest([sustained(scores, 1) for scores in tries])
    high = sustained(background, 1)
    if low <= LEAST_THRESHOLD:
        reason = f"the word scored {low:.2f} at its worst, too little for any threshold"
        advice = "Come nearer, speak more clearly, or try another word or engine"
    else:
        reason = f"the word scored {low:.2f} at its worst, and without it {high:.2f} was reached"
        advice = "Try another word, or a microphone farther from what else sounds in the room"
        if not confirmed:
            advice += ", or confirm = true"
    return Proposal(None, 1, reason, advice)


def _lowest(best: list[float]) -> tuple[float, bool]:
    """The worst try; of many, one that is far below the others is left out (True)."""
    ordered = sorted(best)
    if len(ordered) >= _MANY and ordered[0] < ordered[1] / 2:
        return ordered[1], True
    return ordered[0], False


def _between(high: float, low: float) -> float:
    if high + _MARGIN <= _USUAL <= low - _MARGIN:
        return _USUAL
    wanted = high + 0.6 * (low - high)
    step = math.floor(wanted * 20) / 20
    return min(MOST_THRESHOLD, max(LEAST_THRESHOLD, step if step > high else wanted))


def _chunks(samples: Samples) -> Iterator[Samples]:
    for start in range(0, len(samples) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES):
        yield samples[start : start + CHUNK_SAMPLES]
