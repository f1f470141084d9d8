"""Music for the rows that need some: generated, and the corpus's recorded guitar in turns."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples
from scripts.bench_parts.acoustics.corpus import RATE_HZ, Corpus

PEAK = 29_000.0
BEAT = RATE_HZ // 2  # 120 a minute
GUITAR = "guitar"
#: Semitones above A2 of the chords' roots, and whether each is minor.
CHORDS = ((0, True), (-4, False), (3, False), (-2, False))
BARS = 8

Signal = NDArray[np.float64]


def music(seconds: float, corpus: Corpus, *, seed: int) -> Samples:
    """Mono int16 at full scale: sixteen seconds of a generated band, then the guitar where the
    corpus has it, and so on. Another tune for every seed."""
    random = np.random.default_rng(seed)
    guitar = [clip.samples for clip in corpus.clips.get("noise", ()) if GUITAR in clip.name]
    parts: list[Samples] = []
    missing = round(seconds * RATE_HZ)
    while missing > 0:
        for part in (_full_scale(_band(random)), *(_full_scale(one * 1.0) for one in guitar)):
            parts.append(part)
            missing -= len(part)
    return np.concatenate(parts)[: round(seconds * RATE_HZ)]


def _band(random: np.random.Generator) -> Signal:
    """Eight bars: chords, a bass, a tune over them, drums."""
    key = random.integers(-5, 6)
    made = np.zeros(BARS * 4 * BEAT + RATE_HZ)
    for bar in range(BARS):
        root, minor = CHORDS[bar % len(CHORDS)]
        third = 3 if minor else 4
        begin = bar * 4 * BEAT
        for step in (0, third, 7):
            _add(made, begin, _note(key + root + 12 + step, 4 * BEAT, 2.0), 0.25)
        for beat in range(4):
            at = begin + beat * BEAT
            _add(made, at, _note(key + root - 12, BEAT, 6.0), 0.5)
            tune = key + root + 24 + int(random.choice((0, third, 7, 12, 2)))
            _add(made, at, _note(tune, BEAT, 5.0), 0.4)
            drum = random.standard_normal(BEAT // 2) * np.exp(-np.arange(BEAT // 2) / 400)
            _add(made, at, drum if beat % 2 else np.cumsum(drum) * 0.2, 0.35)
            _add(made, at + BEAT // 2, drum[:800], 0.1)
    return made


def _add(made: Signal, at: int, sound: Signal, gain: float) -> None:
    made[at : at + len(sound)] += gain * sound


def _note(semitones: float, samples: int, fall: float) -> Signal:
    """A plucked tone of eight harmonics above A2; ``fall``: how fast it dies away."""
    seconds = np.arange(samples) / RATE_HZ
    hertz = 110.0 * 2 ** (semitones / 12)
    harmonics = [n for n in range(1, 9) if n * hertz < RATE_HZ / 2]
    tone = sum(np.sin(2 * np.pi * n * hertz * seconds) / n**1.3 for n in harmonics)
    attack = np.minimum(1.0, seconds / 0.005)
    plucked: Signal = tone * attack * np.exp(-fall * seconds)
    return plucked


def _full_scale(sound: Signal) -> Samples:
    scaled: Samples = np.rint(sound * (PEAK / np.abs(sound).max())).astype(np.int16)
    return scaled
