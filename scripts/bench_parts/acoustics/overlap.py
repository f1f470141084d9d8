"""What may be heard over a reply: interruptions, acknowledgements, noises, other people.

All mono int16 at 16 kHz. Interruptions are sentences cut from the recordings of ``speech``
at their pauses; acknowledgements exist in no recording here and are synthesised (espeak-ng,
and flite where it is installed); noises are the corpus's and generated ones. The halves
never share a file or a voice. Each sound knows its *onset*, measured where it is alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples
from device.simulator.scenario import Say
from device.simulator.speech import synthesise
from scripts.bench_parts.acoustics.corpus import RATE_HZ, Corpus, Half, flite, installed_flite
from scripts.bench_parts.acoustics.stats import CHUNK_MS, vad_probabilities

ACKNOWLEDGEMENTS = (
    *("mhm", "uh-huh", "yeah", "right", "okay", "I see", "oh really", "sure", "yeah okay", "hmm"),
    *("yes", "oh", "got it", "of course"),
)
_WRITTEN = {"mhm": "um-hum"}
_WRITTEN_FOR_FLITE = {"mhm": "um-hum", "hmm": "umm"}
"""Both synthesisers spell "mhm" out ("em aitch em"), flite "hmm" as well: written so that what
is heard is a hum."""

ESPEAK = {
    "tune": ("en-us", "en+f2", "en-us+m3", "en-gb-x-rp", "en-us+f4"),
    "report": ("en", "en-us+f3", "en-us+m7", "en-gb-scotland+m5", "en-us+m1", "en-gb-x-rp+f3"),
}
FLITE = {"tune": ("slt", "kal16"), "report": ("rms", "awb")}
WORDS_PER_MINUTE = 185

SENTENCE_S = 1.0  #: the shortest
KEPT_S = 4.0  #: of a sentence: all that matters is decided by then
PAUSE_S = 0.25  #: where a recording is cut into sentences
PER_RECORDING = 10  #: at most, so that no long recording decides a row

ONSET_BELOW_DB = 20.0
OVER_NOISE_DB = 10.0
_STEP = RATE_HZ // 200  # 5 ms


@dataclass(frozen=True)
class Sound:
    """``samples`` from a little before ``onset``, the first sample that counts as the sound,
    to ``end``, one past the last."""

    name: str
    samples: Samples
    onset: int
    end: int


def sentences(corpus: Corpus, half: Half, category: str = "speech") -> list[Sound]:
    """Speech between two pauses, of 1 s and more, as often as a recording has it."""
    found: list[Sound] = []
    for clip in corpus.half(category, half):
        spans = _spans(vad_probabilities(clip.samples))
        for number, (begin, end) in enumerate(spans[:PER_RECORDING]):
            first = max(0, begin - RATE_HZ // 5)
            last = min(len(clip.samples), begin + round(KEPT_S * RATE_HZ), end + RATE_HZ // 10)
            one = sound(f"{clip.name}#{number}", clip.samples[first:last])
            if one.end - one.onset >= SENTENCE_S * RATE_HZ:
                found.append(one)
    return found


def _spans(probabilities: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Where somebody speaks for a second or more, in samples; pauses of less than
    :data:`PAUSE_S` belong to it."""
    spans: list[list[int]] = []
    step = CHUNK_MS * RATE_HZ // 1000
    for place in np.flatnonzero(probabilities >= 0.5):
        if spans and place * step - spans[-1][1] < PAUSE_S * RATE_HZ:
            spans[-1][1] = (place + 1) * step
        else:
            spans.append([place * step, (place + 1) * step])
    return [(begin, end) for begin, end in spans if end - begin >= SENTENCE_S * RATE_HZ]


def acknowledgements(half: Half) -> list[Sound]:
    """Every acknowledgement in every voice of ``half``."""
    halves = ("tune", "report") if half == "both" else (half,)
    found: list[Sound] = []
    for one in halves:
        for voice in ESPEAK[one]:
            lines = [
                Say(text, voice=voice, speed_wpm=WORDS_PER_MINUTE) for text in ACKNOWLEDGEMENTS
            ]
            for text, made in zip(ACKNOWLEDGEMENTS, synthesise(lines, RATE_HZ), strict=True):
                if isinstance(made, str):
                    raise RuntimeError(made)
                found.append(sound(f"{text} ({voice})", padded(made)))
        for voice in installed_flite(FLITE[one]):
            found += [
                sound(
                    f"{text} (flite {voice})",
                    padded(flite(_WRITTEN_FOR_FLITE.get(text, text), voice)),
                )
                for text in ACKNOWLEDGEMENTS
            ]
    return found


def noises(corpus: Corpus, half: Half) -> list[Sound]:
    """Recorded noises in pieces of up to 3 s, and generated ones of another seed per half."""
    found: list[Sound] = []
    for place, clip in enumerate(corpus.clips.get("noise", ())):
        for number, first in enumerate(range(0, len(clip.samples), 3 * RATE_HZ)):
            piece = clip.samples[first : first + 3 * RATE_HZ]
            mine = half == "both" or (place + number) % 2 == (0 if half == "tune" else 1)
            if mine and len(piece) > RATE_HZ // 4:
                found.append(sound(f"{clip.name}#{number}", padded(piece)))
    seeds = {"tune": range(0, 6), "report": range(6, 12), "both": range(0, 12)}[half]
    for seed in seeds:
        found += [sound(f"{kind} {seed}", padded(make(seed))) for kind, make in _MADE.items()]
    return found


def _band(random: np.random.Generator, count: int, low_hz: float, high_hz: float) -> Samples:
    spectrum = np.fft.rfft(random.standard_normal(count))
    hertz = np.fft.rfftfreq(count, 1 / RATE_HZ)
    spectrum *= (hertz > low_hz) & (hertz < high_hz)
    made = np.fft.irfft(spectrum, count)
    return np.asarray(made / np.abs(made).max())


def _shaped(sound_: NDArray[np.float64], attack_ms: float, decay_ms: float) -> NDArray[np.float64]:
    seconds = np.arange(len(sound_)) / RATE_HZ
    rise = np.minimum(1.0, seconds * 1000 / attack_ms)
    return sound_ * rise * 10 ** (-3 * seconds * 1000 / decay_ms / 3)


def _int16(sound_: NDArray[np.float64]) -> Samples:
    whole: Samples = np.rint(sound_ / np.abs(sound_).max() * 16_000).astype(np.int16)
    return whole


def _cough(seed: int) -> Samples:
    """A burst, a shorter voiced part, often twice (the phases of a cough)."""
    random = np.random.default_rng(seed)
    parts = []
    for _ in range(1 + seed % 3):
        burst = _shaped(_band(random, RATE_HZ // 5, 300, 5000), 4, random.uniform(60, 120))
        pitch = random.uniform(110, 260)
        voiced = np.sign(np.sin(2 * np.pi * pitch * np.arange(len(burst)) / RATE_HZ)) * 0.15
        burst[800:] += _shaped(voiced[800:], 10, 70)
        parts += [burst, np.zeros(int(random.uniform(0.05, 0.15) * RATE_HZ))]
    return _int16(np.concatenate(parts))


def _clap(seed: int) -> Samples:
    random = np.random.default_rng(seed + 100)
    parts = []
    for _ in range(1 + seed % 4):
        one = _shaped(_band(random, RATE_HZ // 4, 700, 6500), 1, random.uniform(15, 40))
        parts.append(one * random.uniform(0.6, 1))
    return _int16(np.concatenate(parts))


def _door(seed: int) -> Samples:
    """A thud, with the rattle of the latch before it."""
    random = np.random.default_rng(seed + 200)
    latch = _shaped(_band(random, RATE_HZ // 8, 1500, 6000), 1, 25) * 0.4
    thud = _shaped(_band(random, RATE_HZ // 2, 40, random.uniform(250, 500)), 2, 130)
    return _int16(np.concatenate([latch, thud]))


def _sneeze(seed: int) -> Samples:
    random = np.random.default_rng(seed + 300)
    intake = _band(random, RATE_HZ // 3, 800, 4000) * np.linspace(0, 0.08, RATE_HZ // 3)
    blow = _shaped(_band(random, RATE_HZ // 3, 1000, 7000), 8, random.uniform(100, 200))
    return _int16(np.concatenate([intake, blow]))


def _dishes(seed: int) -> Samples:
    """Struck china: a handful of inharmonic partials, several times."""
    random = np.random.default_rng(seed + 400)
    made = np.zeros(RATE_HZ * 3 // 2)
    seconds = np.arange(RATE_HZ // 2) / RATE_HZ
    for _ in range(3 + seed % 5):
        at = int(random.integers(0, RATE_HZ))
        for hertz in random.uniform(900, 6500, 7):
            ring = np.sin(2 * np.pi * hertz * seconds) * np.exp(-seconds * random.uniform(15, 60))
            made[at : at + len(ring)] += ring * random.uniform(0.2, 1)
    return _int16(made)


_MADE = {"cough": _cough, "clap": _clap, "door": _door, "sneeze": _sneeze, "dishes": _dishes}


def sound(name: str, samples: Samples) -> Sound:
    """With its onset and end: the first and last 5 ms that are at most 20 dB below the active
    level, 10 dB above the recording's own noise, and followed (preceded) by another such 5 ms
    within 20 ms, so that neither a click nor noise counts. Of what lies before the onset
    100 ms stay, faded in: the recording's noise must not begin like a sound."""
    whole = samples[: len(samples) // _STEP * _STEP].astype(np.float64).reshape(-1, _STEP)
    power = 10 * np.log10(np.mean(whole**2, axis=1) + 1e-3)
    noise = float(np.percentile(power, 5))
    active = float(np.percentile(power, 95)) - 3.0
    loud = power > max(active - ONSET_BELOW_DB, min(noise + OVER_NOISE_DB, active - 10.0))
    near = np.array([loud[at + 1 : at + 5].sum() >= 2 for at in range(len(loud))])
    before = np.array([loud[max(0, at - 4) : at].sum() >= 2 for at in range(len(loud))])
    first, last = np.flatnonzero(loud & near), np.flatnonzero(loud & before)
    if not first.size or not last.size:
        first = last = np.flatnonzero(loud)
    onset, end = int(first[0]) * _STEP, (int(last[-1]) + 1) * _STEP
    start = max(0, onset - RATE_HZ // 10)
    kept = samples[start:].astype(np.float64)
    fade = min(onset - start, RATE_HZ // 20)
    kept[:fade] *= np.linspace(0, 1, fade, endpoint=False)
    whole_kept: Samples = np.rint(kept).astype(np.int16)
    return Sound(name, whole_kept, onset - start, end - start)


def padded(samples: Samples, seconds: float = 0.1) -> Samples:
    silence = np.zeros(round(seconds * RATE_HZ), np.int16)
    return np.concatenate([silence, samples, silence])


def longest(sounds: Sequence[Sound]) -> float:
    """Seconds from onset to end of the longest."""
    return max((one.end - one.onset) / RATE_HZ for one in sounds)
