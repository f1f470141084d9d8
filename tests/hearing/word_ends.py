"""Wake words with a question behind them, and by how much the uplink misses the seam.

Synthetic voices say where a word ends. For recordings it is estimated: where the last
syllable has fallen by 15 dB from its loudest, which leaves the room's echo out.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.audio.hearing import Hearing
from device.audio.wake import CHUNK_SAMPLES, RATE_HZ
from device.audio.wakewords.litert import LitertWake
from device.audio.wakewords.models import PRETRAINED, find_wake_models
from device.events import UplinkAudio, WakeDetected
from device.ports import Samples
from tests.hearing.clips import Clip
from tests.hearing.fakes import FakeVad
from tests.recognition.speech import in_room, speak

PAD = RATE_HZ * 3 // 10  # what ``speak`` adds on both sides
GAPS_MS = (None, 0, 50, 100, 200, 400)
"""From the word's end to the question's first sample; None: no question."""

_BLOCK = 160
_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spoken:
    """A wake word in ``sound``. ``end`` and ``question``: samples; the word's last, and
    the first of what is asked."""

    word: str
    case: str
    gap_ms: int | None
    sound: Samples
    end: int
    question: int | None


@dataclass(frozen=True)
class Start:
    """What became of it, in milliseconds: how much of the word is sent (negative: none,
    and by how much), and how much of the question is not."""

    spoken: Spoken
    leak_ms: float
    loss_ms: float | None
    detected_ms: float  # of the detection, from the word's end

    @property
    def real_gap_ms(self) -> float | None:
        if self.spoken.question is None:
            return None
        return (self.spoken.question - self.spoken.end) * 1000 / RATE_HZ


def engines() -> dict[str, LitertWake]:
    """One for each stock word."""
    return {word: LitertWake(find_wake_models((word,))) for word in PRETRAINED}


def starts(engine: LitertWake, spoken: Spoken) -> Iterator[Start]:
    """The first detection, if there is one: the appliance's way from sound to uplink."""
    engine.reset()
    hearing = Hearing(engine, FakeVad(), rate_hz=RATE_HZ, uplink_rate_hz=24_000)
    detected: int | None = None
    for at in range(0, len(spoken.sound), CHUNK_SAMPLES):
        for event in hearing.process(at, spoken.sound[at : at + CHUNK_SAMPLES, None]):
            if isinstance(event, WakeDetected) and detected is None:
                detected = event.at_frame
                hearing.start_uplink(detected)
            if isinstance(event, UplinkAudio) and detected is not None:
                first = event.first_frame
                loss = None if spoken.question is None else (first - spoken.question) / 16
                yield Start(spoken, (spoken.end - first) / 16, loss, (detected - spoken.end) / 16)
                return


def synthetic(voices: Iterable[str], gaps: Sequence[int | None] = GAPS_MS) -> Iterator[Spoken]:
    """Every stock word in every voice; every third in a room with noise 20 dB below."""
    for voice in voices:
        question = speak("what time is it", voice)[PAD:-PAD]
        for word in PRETRAINED:
            said = speak(word.replace("_", " "), voice)[PAD:-PAD]
            for number, gap_ms in enumerate(gaps):
                case = f"{word}, {voice}, {gap_ms}"
                spoken = _joined(word, case, said, len(said), gap_ms, question, 6.0)
                if number % 3 == 2:
                    sound = in_room(spoken.sound, 20.0, zlib.crc32(case.encode()))
                    spoken = Spoken(
                        word, case + ", room", gap_ms, sound, spoken.end, spoken.question
                    )
                yield spoken


def recorded(
    engine: LitertWake,
    word: str,
    clip: Clip,
    questions: Sequence[Clip],
    gaps: Sequence[int | None] = GAPS_MS,
) -> Iterator[Spoken]:
    """``clip`` with one of ``questions`` laid over what follows the word in it."""
    floor = float(np.percentile(_rms(clip.samples), 10))
    hiss = min(max(3.0, floor * 0.7), 200.0)
    alone = _joined(word, clip.name, clip.samples, len(clip.samples), None, None, hiss)
    lead = alone.end - len(clip.samples)
    found = next(starts(engine, alone), None)
    if found is None:
        return
    end = true_end(alone.sound, alone.end + round(found.detected_ms * 16)) - lead
    pick = zlib.crc32(clip.name.encode())
    for number, gap_ms in enumerate(gaps):
        asked = _from_onset(questions[(pick + number) % len(questions)].samples)
        loud = np.percentile(_rms(clip.samples), 95) / np.percentile(_rms(asked), 90)
        level = np.clip(asked * loud, -30_000, 30_000).astype(np.int16)
        yield _joined(word, clip.name, clip.samples, end, gap_ms, level, hiss)


def true_end(sound: Samples, detected: int) -> int:
    """The sample where the last syllable around ``detected`` has fallen by 15 dB.

    The last syllable is the last peak that stands out by 5 dB, no more than 20 dB
    below the loudest and 18 below the one before it.
    """
    first = detected % _BLOCK
    at = detected // _BLOCK
    rms = np.convolve(_rms(sound[first:]), np.ones(3) / 3, "same")
    level = 20 * np.log10(np.maximum(rms, 1.0))[max(0, at - 125) : at + 30]
    at = min(at, 125)
    floor = float(np.percentile(level, 8))
    loudest = float(level[at - 90 :].max())
    last: int | None = None
    for block in range(at - 45, len(level) - 7):
        here = level[block]
        if here < max(loudest - 20, floor + 8) or here < level[block - 4 : block + 5].max():
            continue
        stands_out = last is not None and here - level[last:block].min() >= 5
        if last is None or here >= level[last] - (18 if stands_out else 3):
            last = block
    if last is None:
        return detected
    limit = max(level[last] - 15, floor + 6)
    below = np.flatnonzero(level[last:] < limit)
    end = last + int(below[0]) if len(below) else len(level)
    return detected + (end - at) * _BLOCK


def _joined(
    word: str,
    case: str,
    said: Samples,
    end: int,
    gap_ms: int | None,
    question: Samples | None,
    hiss: float,
) -> Spoken:
    """The question, if ``gap_ms`` is given, begins so long after ``said[:end]``."""
    rng = np.random.default_rng(zlib.crc32(f"{case} {gap_ms}".encode()))
    lead = 20_000 + int(rng.integers(CHUNK_SAMPLES))
    at: int | None = None
    length = lead + len(said)
    if gap_ms is not None and question is not None:
        at = lead + end + gap_ms * 16
        length = max(length, at + len(question))
    sound: _Floats = rng.standard_normal(length + RATE_HZ) * hiss
    sound[lead : lead + len(said)] += said
    if at is not None and question is not None:
        sound[at : at + len(question)] += question
    mixed = np.clip(sound, -32_000, 32_000).astype(np.int16)
    return Spoken(word, case, gap_ms, mixed, lead + end, at)


def _from_onset(samples: Samples) -> Samples:
    """1.5 s from where it is first within 30 dB of its loudest."""
    rms = _rms(samples)
    onset = int(np.flatnonzero(rms > rms.max() * 10 ** (-30 / 20))[0])
    return samples[onset * _BLOCK :][: RATE_HZ * 3 // 2]


def _rms(samples: Samples) -> _Floats:
    count = len(samples) // _BLOCK
    blocks = samples[: count * _BLOCK].astype(np.float64).reshape(count, _BLOCK)
    rms: _Floats = np.sqrt((blocks**2).mean(axis=1))
    return rms
