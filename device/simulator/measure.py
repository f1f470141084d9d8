"""Finding one sound in another, and comparing two recordings of the same.

Pure functions of samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from device.simulator.wavfile import resample

Signal = NDArray[np.float64]
Samples = NDArray[np.int16]

LOUD_FRACTION = 0.02  #: of the peak; below it is no speech
SILENT = 2  #: int16 steps; resampling silence may ring by one

BAND_HZ = 12_000  #: both recordings are compared in the band below half of this,
COMPARE_HZ = 48_000  #: at this rate: between its samples correlation hardly drops
_BLOCK_S = 0.05
_REACH_S = 0.03
_WIDE_BLOCK_S = 0.25
_WIDE_REACH_S = 2.0
_GOOD = 0.9
_ROUGHLY = 0.55  #: at BAND_HZ a match half a sample off still has 0.64
_ANCHORS = 4  #: places that are tried
_APART = BAND_HZ // 50  #: of two such places, at least


def loud_bounds(samples: Samples) -> tuple[int, int] | None:
    """First and last sample that is louder than ``LOUD_FRACTION`` of the peak."""
    level = np.abs(samples.astype(np.int32))
    peak = float(level.max(initial=0))
    loud = np.flatnonzero(level > max(SILENT, peak * LOUD_FRACTION))
    return (int(loud[0]), int(loud[-1])) if loud.size else None


def correlation(needle: Signal, hay: Signal) -> Signal:
    """Normalised cross-correlation (-1..1) of ``needle`` at each place in ``hay``.

    Places where ``hay`` is all but silent count as 0. Empty when it does not fit.
    """
    places = len(hay) - len(needle) + 1
    if places < 1 or not len(needle):
        return np.zeros(0)
    length = 1 << (len(hay) + len(needle) - 1).bit_length()
    spectrum = np.fft.rfft(hay, length) * np.conj(np.fft.rfft(needle, length))
    raw = np.fft.irfft(spectrum, length)[:places]
    sums = np.concatenate(([0.0], np.cumsum(hay**2)))
    energy = sums[len(needle) :] - sums[:places]
    floor = max(float(energy.max(initial=0.0)) * 1e-7, len(needle) * 0.25)
    scale = np.sqrt(np.maximum(energy, floor) * max(float(needle @ needle), 1e-12))
    score: Signal = np.where(energy > floor, raw / scale, 0.0)
    return score


def locate(needle: Signal, hay: Signal, *, earliest: bool = False) -> tuple[int, float] | None:
    """``(place, score)`` of the best match; None when it does not fit in.

    ``earliest``: of several equally good matches (a phrase that is said twice) the first.
    """
    score = correlation(needle, hay)
    if not score.size:
        return None
    best = int(np.argmax(score))
    if earliest and score[best] > 0:
        first = int(np.flatnonzero(score > 0.95 * score[best])[0])
        best = first + int(np.argmax(score[first : first + 64]))
    return best, float(score[best])


def silence_after(
    samples: Samples, edge: float, *, before: int, gap: int
) -> tuple[int, int] | None:
    """The end of sound after ``edge``: ``(last non-silent sample, silent samples after it)``.

    None when nothing sounded in the ``before`` samples up to the edge. Sound has
    ended where the first ``gap`` silent samples in a row begin.
    """
    start = max(0, int(edge) - before)
    loud = np.flatnonzero(np.abs(samples[start:].astype(np.int32)) > SILENT) + start
    if not loud.size or loud[0] > edge:
        return None
    pauses = np.diff(np.append(loud, len(samples) + gap))
    ends = np.flatnonzero((pauses > gap) & (loud + pauses > edge))
    last = int(loud[ends[0]])
    after = loud[loud > last]
    until = int(after[0]) if after.size else len(samples)
    return last, until - last - 1


@dataclass(frozen=True, slots=True)
class Comparison:
    """How one recording differs from another of the same sound.

    ``lost`` and ``doubled`` are in seconds; ``offset`` is where (in seconds of the
    original) the copy's first sample is, ``steps`` the same for later places:
    ``(place in the copy, place in the original)``, both in seconds.
    """

    offset: float
    lost: float
    doubled: float
    unlike_blocks: int
    blocks: int
    steps: tuple[tuple[float, float], ...]

    def original(self, place: float) -> float:
        """Where in the original the copy's ``place`` is, in seconds."""
        shift = self.offset
        for copy_at, original_at in self.steps:
            if copy_at <= place:
                shift = original_at - copy_at
        return place + shift


def compare(
    copy: Samples, copy_hz: int, original: Samples, original_hz: int, *, least_step: float = 3e-5
) -> Comparison | None:
    """Follow ``copy`` through ``original``, block by block. None when it is not in it.

    Each block is looked for near where the one before it was. Where the distance
    changes by more than ``least_step`` seconds, and a second block bears it out,
    samples were lost (the copy is ahead) or doubled. Blocks that are found nowhere
    near are ``unlike``, but for the one in which a change happened. Where the copy may
    begin at several places (something was said twice), the one it is most like counts.
    """
    narrow_copy = resample(copy.astype(np.float64), copy_hz, BAND_HZ)
    narrow_original = resample(original.astype(np.float64), original_hz, BAND_HZ)
    anchors = _anchors(narrow_copy, narrow_original)
    if not anchors:
        return None
    short = resample(_emphasised(narrow_copy), BAND_HZ, COMPARE_HZ)
    long = resample(_emphasised(narrow_original), BAND_HZ, COMPARE_HZ)
    best: Comparison | None = None
    for anchor in anchors:
        found = _follow(short, long, float(anchor * (COMPARE_HZ // BAND_HZ)), least_step)
        if found is not None and (best is None or found.unlike_blocks < best.unlike_blocks):
            best = found
        if best is not None and best.unlike_blocks == 0:
            break
    return best


def _emphasised(signal: Signal) -> Signal:
    """Differences of the samples: what is compared is what lies above the pitch of voices. The
    high-pass that keeps DC and rumble from the canceller turns the phase of what lies below, by
    more than a sample, and never loses one."""
    return np.diff(signal, prepend=signal[:1])


def _follow(short: Signal, long: Signal, lag: float, least_step: float) -> Comparison | None:
    """Both at ``COMPARE_HZ``; ``lag``: roughly where in ``long`` the first sample is."""
    size = int(_BLOCK_S * COMPARE_HZ)
    starts = [i for i in range(0, len(short) - size + 1, size) if _has_sound(short[i : i + size])]
    lags: list[tuple[int, float]] = []
    unlike: list[int] = []
    for place in starts:
        found = _near(short[place : place + size], long, place + lag)
        if found is None:
            wide = short[place : place + int(_WIDE_BLOCK_S * COMPARE_HZ)]
            found = _near(wide, long, place + lag, reach_s=_WIDE_REACH_S, careful=True)
        if found is None:
            unlike.append(place)
            continue
        lag = found - place
        lags.append((place, lag))
    stretches = _stretches(lags, least_step * COMPARE_HZ)
    if not stretches:
        return None
    offset = stretches[0][1] / COMPARE_HZ
    changes = [
        (place, after, after - before) for (_, before), (place, after) in pairwise(stretches)
    ]
    near_change = {place - size for place, _, _ in changes}
    return Comparison(
        offset,
        lost=sum(change for *_, change in changes if change > 0) / COMPARE_HZ,
        doubled=-sum(change for *_, change in changes if change < 0) / COMPARE_HZ,
        unlike_blocks=sum(place not in near_change for place in unlike),
        blocks=len(starts),
        steps=tuple((p / COMPARE_HZ, (p + after) / COMPARE_HZ) for p, after, _ in changes),
    )


def _stretches(lags: list[tuple[int, float]], least_step: float) -> list[tuple[int, float]]:
    """``(first place, median lag)`` of each stretch of at least two blocks that agree."""
    groups: list[list[tuple[int, float]]] = []
    for place, lag in lags:
        settled = float(np.median([one for _, one in groups[-1]])) if groups else 0.0
        if groups and abs(lag - settled) <= least_step:
            groups[-1].append((place, lag))
        else:
            groups.append([(place, lag)])
    solid = [group for group in groups if len(group) > 1] or groups[:1]
    merged: list[tuple[int, float]] = []
    for group in solid:
        median = float(np.median([one for _, one in group]))
        if not merged or abs(median - merged[-1][1]) > least_step:
            merged.append((group[0][0], median))
    return merged


def _has_sound(block: Signal) -> bool:
    return bool(block.size) and float(np.sqrt(np.mean(block**2))) > SILENT


def _anchors(short: Signal, long: Signal) -> list[int]:
    """Where ``short`` may begin in ``long``, roughly, the likeliest place first.

    From its first second that is found. The true place need not be the likeliest: half a
    sample off at ``BAND_HZ``, it scores less than the same word, said at another time.
    """
    size = min(len(short), BAND_HZ)
    for place in range(0, max(1, len(short) - size + 1), max(1, size // 2)):
        piece = short[place : place + size]
        score = correlation(piece, long) if _has_sound(piece) else np.zeros(0)
        anchors: list[int] = []
        while score.size and len(anchors) < _ANCHORS:
            top = int(np.argmax(score))
            if score[top] <= _ROUGHLY:
                break
            anchors.append(top - place)
            score[max(0, top - _APART) : top + _APART + 1] = 0.0
        if anchors:
            return anchors
    return []


def _near(
    block: Signal,
    long: Signal,
    expected: float,
    *,
    reach_s: float = _REACH_S,
    careful: bool = False,
) -> float | None:
    """The place of ``block`` around ``expected``, to a fraction of a sample."""
    reach = int(reach_s * COMPARE_HZ)
    start = max(0, round(expected) - reach)
    score = correlation(block, long[start : round(expected) + reach + len(block)])
    if not score.size:
        return None
    best = int(np.argmax(score))
    if score[best] < (_GOOD + 0.05 if careful else _GOOD):
        return None
    fraction = 0.0
    if 0 < best < len(score) - 1:  # the parabola through the peak and its neighbours
        left, top, right = score[best - 1 : best + 2]
        bend = left - 2 * top + right
        fraction = 0.5 * (left - right) / bend if bend else 0.0
    return start + best + float(fraction)
