"""Measures the wake word: recall, near misses, false accepts, the engine's cost by words.

    .venv/bin/python -m scripts.bench_parts.acoustics.wake_rows [--half tune|report] [--quick]

Prints one JSON object; ``--quick`` takes a sixth of the recordings, and fewer rounds. Each
setting of [wake] is judged as it ships: the engine that ``make_wake_engine`` builds, the gate
with its default threshold. Each clip is heard from a reset engine, after 1 s of faint noise
and before 1 s of it.

- **recall**: people saying "alexa" in quiet, and the few other words there are.
- **followed**: "alexa" with a question 0 to 400 ms behind it, as ``word_end.py`` lays it
  there; of the words that openWakeWord alone finds without one.
- **near**: people saying "jarvis", which must not wake hey_jarvis.
- **false accepts**: any of the four words in any other recording (near misses of the two
  kinds above, and the devices' echo, included); per hour with its upper 95 % bound.
- **latency**: from the word's end (the last 10 ms within 20 dB of its loudest) to the
  chunk in which the wake was decided.
- **cpu**: one to eight words of each engine, on the same sound in turns.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.audio.wake import CHUNK_SAMPLES, WakeGate, warm_up_noise  # noqa: E402
from device.audio.wakewords.litert import LitertWake  # noqa: E402
from device.audio.wakewords.micro import MicroWake  # noqa: E402
from device.audio.wakewords.micro_models import MicroModel, find_micro_models  # noqa: E402
from device.audio.wakewords.models import (  # noqa: E402
    MICRO_PRETRAINED,
    WakeModel,
    find_wake_models,
)
from device.hearing_factory import make_wake_engine  # noqa: E402
from device.ports import Samples, WakeEngine  # noqa: E402
from device.settings import WakeSettings  # noqa: E402
from scripts.bench_parts.acoustics.corpus import Corpus, Half, load  # noqa: E402
from scripts.bench_parts.acoustics.stats import (  # noqa: E402
    Proportion,
    percentiles,
    poisson_upper,
)
from tests.hearing.clips import Clip  # noqa: E402
from tests.hearing.word_ends import GAPS_MS, Spoken, recorded  # noqa: E402

RATE_HZ = 16_000
PAD = 13 * CHUNK_SAMPLES
QUESTION_S = 12
SETTINGS = {
    "litert": WakeSettings(words=MICRO_PRETRAINED),
    "micro": WakeSettings(words=MICRO_PRETRAINED, engine="micro"),
    "confirm": WakeSettings(words=MICRO_PRETRAINED, confirm=True),
}
NO_SPEECH_AT_ALL = ("rir",)
ROUNDS = 8
CPU_SECONDS = 8
QUICK = 6
QUICK_ROUNDS, QUICK_CPU_SECONDS = 2, 4

Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    parser.add_argument("--cpu-only", action="store_true", help="leave the recordings out")
    parser.add_argument("--quick", action="store_true", help="a few recordings only")
    options = parser.parse_args()
    result: Json = {"half": options.half}
    if not options.cpu_only:
        corpus = thinned(load(), QUICK) if options.quick else load()
        result["generated"] = corpus.generated
        cases = followed_cases(corpus, options.half)
        result["wake"] = {
            name: judged(corpus, options.half, settings) | followed(cases, settings)
            for name, settings in SETTINGS.items()
        }
    result["cpu"] = (
        cpu(QUICK_ROUNDS, QUICK_CPU_SECONDS) if options.quick else cpu(ROUNDS, CPU_SECONDS)
    )
    print(json.dumps(result, indent=2))


# --- recordings ---------------------------------------------------------------------------


def thinned(corpus: Corpus, step: int) -> Corpus:
    """Every ``step``-th recording of each half of each category; at least the first of each."""
    kept = {
        name: tuple(clip for place, clip in enumerate(clips) if place // 2 % step == 0)
        for name, clips in corpus.clips.items()
    }
    return replace(corpus, clips=kept)


def judged(corpus: Corpus, half: Half, settings: WakeSettings) -> Json:
    """One setting on one half of the recordings."""
    engine = make_wake_engine(settings)
    heard: dict[str, list[bool]] = {}
    near: list[bool] = []
    false: list[str] = []
    late_ms: list[float] = []
    seconds = 0.0
    for category in corpus.clips:
        if category in NO_SPEECH_AT_ALL:
            continue
        for clip in corpus.half(category, half):
            wanted = said_in(category, clip)
            found = detections(engine, settings, clip.samples)
            if wanted is not None:
                ends = [decided for word, decided in found if word == wanted]
                heard.setdefault(wanted, []).append(bool(ends))
                if ends and category == "wake_alexa":
                    late_ms.append((ends[0] - word_end(clip.samples)) / RATE_HZ * 1000)
            plain_jarvis = category == "near_jarvis"
            if plain_jarvis:
                near.append(any(word == "hey_jarvis" for word, _ in found))
            seconds += len(clip.samples) / RATE_HZ
            false += [
                f"{word} in {clip.name}"
                for word, _ in found
                if word != wanted and not (plain_jarvis and word == "hey_jarvis")
            ]
    return {
        "recall": {
            word: Proportion.of(sum(hits), len(hits)).as_dict()
            for word, hits in sorted(heard.items())
        },
        "near_jarvis": Proportion.of(sum(near), len(near)).as_dict(),
        "false_accepts": len(false),
        "false_accepts_of": false,
        "minutes": round(seconds / 60, 1),
        "false_accepts_per_hour_at_most": round(poisson_upper(len(false)) * 3600 / seconds, 1),
        "latency_ms": percentiles(late_ms, 50, 90),
    }


def followed_cases(corpus: Corpus, half: Half) -> list[Spoken]:
    """Every second "alexa" of the half, with questions behind it; none without questions."""
    questions = [
        clip for clip in corpus.half("speech", half) if len(clip.samples) < QUESTION_S * RATE_HZ
    ]
    reference = LitertWake(find_wake_models(["alexa"]))
    return [
        case
        for clip in corpus.half("wake_alexa", half)[::2]
        for case in recorded(reference, "alexa", clip, questions, GAPS_MS if questions else ())
    ]


def followed(cases: Sequence[Spoken], settings: WakeSettings) -> Json:
    """How many are heard, by the gap between word and question."""
    engine = make_wake_engine(replace(settings, words=("alexa",)))
    heard: dict[int, list[bool]] = {}
    for case in cases:
        if case.gap_ms is not None:
            found = bool(detections(engine, settings, case.sound))
            heard.setdefault(case.gap_ms, []).append(found)
    every = [one for found in heard.values() for one in found]
    return {
        "followed": Proportion.of(sum(every), len(every)).as_dict(),
        "followed_by_gap_ms": {
            str(gap): f"{sum(found)} of {len(found)}" for gap, found in sorted(heard.items())
        },
    }


def said_in(category: str, clip: Clip) -> str | None:
    """The wake word that is said in the clip; None: none of the four."""
    if category == "wake_alexa":
        return "alexa"
    if category != "wake":
        return None
    name = clip.name.replace(" ", "_")
    if "mycroft_wakeup" in name:  # "hey mycroft, wake up"
        return "hey_mycroft"
    return next((word for word in MICRO_PRETRAINED if word in name), None)


def detections(
    engine: WakeEngine, settings: WakeSettings, samples: Samples
) -> list[tuple[str, int]]:
    """(word, sample of the clip up to which it had to be heard for the wake)."""
    quiet = warm_up_noise()[:PAD]
    sound = np.concatenate([quiet, samples, quiet])
    gate = WakeGate(RATE_HZ, settings.threshold, settings.patience, settings.refractory_s)
    engine.reset()
    found = []
    for start in range(0, len(sound) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES):
        end = start + CHUNK_SAMPLES
        events = gate.update(engine.score(sound[start:end]), end)
        found += [(event.word, end - PAD) for event in events]
    return found


def word_end(samples: Samples, db: float = 20.0) -> int:
    """After the last 10 ms within ``db`` of the loudest."""
    blocks = samples[: len(samples) // 160 * 160].reshape(-1, 160).astype(float)
    power = (blocks**2).mean(axis=1)
    return int(np.flatnonzero(power >= power.max() / 10 ** (db / 10))[-1] + 1) * 160


# --- what it costs ------------------------------------------------------------------------


def cpu(rounds: int, seconds: int) -> Json:
    """Per cent of a core by the number of words, and the straight line through them."""
    first, second = _twice(find_wake_models(MICRO_PRETRAINED)), _twice_micro()
    counts = range(1, len(first) + 1)
    engines = {
        "litert": [LitertWake(first[:count]) for count in counts],
        "micro": [MicroWake(second[:count]) for count in counts],
    }
    sound = np.random.default_rng(3).standard_normal(seconds * RATE_HZ) * 500
    costs = _costs(engines, sound.astype(np.int16), rounds)
    return {name: _line(each) for name, each in costs.items()}


def _twice(models: Sequence[WakeModel]) -> list[WakeModel]:
    """Eight words of four: a model loaded under another name costs as any other."""
    return [*models, *(replace(model, word=f"{model.word}_again") for model in models)]


def _twice_micro() -> list[MicroModel]:
    models = find_micro_models(MICRO_PRETRAINED)
    return [*models, *(replace(model, word=f"{model.word}_again") for model in models)]


def _costs(engines: dict[str, list[Any]], sound: Samples, times: int) -> dict[str, list[float]]:
    """The median of rounds; each round runs every engine, so a busy machine slows all alike."""
    rounds: dict[tuple[str, int], list[float]] = {}
    seconds = len(sound) / RATE_HZ
    for _ in range(times):
        for name, row in engines.items():
            for place, engine in enumerate(row):
                began = time.process_time()
                for start in range(0, len(sound) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES):
                    engine.score(sound[start : start + CHUNK_SAMPLES])
                spent = time.process_time() - began
                rounds.setdefault((name, place), []).append(spent / seconds * 100)
    return {
        name: [statistics.median(rounds[name, place]) for place in range(len(row))]
        for name, row in engines.items()
    }


def _line(percent: Sequence[float]) -> Json:
    """``percent[k]`` is that of k + 1 words. At most linear: eight cost at most 15 % more
    than the line through the first four says."""
    half = len(percent) // 2
    slope, base = np.polyfit(np.arange(1, half + 1), percent[:half], 1)
    expected = base + slope * len(percent)
    return {
        "percent_of_a_core": [round(value, 3) for value in percent],
        "line": f"{base:.2f} % + {slope:.3f} % per word",
        "at_most_linear": bool(percent[-1] <= 1.15 * expected),
    }


if __name__ == "__main__":
    main()
