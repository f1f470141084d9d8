"""Measures where the uplink starts: how much of the wake word is sent, of the question not.

    .venv/bin/python scripts/bench_parts/word_end.py [--tuning]

Prints one JSON object, after some minutes. The stock words by synthetic voices, and
recordings (../shared/speech, left out where absent), each alone and with a question 0 to
400 ms behind it. Judged are the voices and recordings that nothing was chosen on;
``--tuning`` takes the others.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from tests.hearing.clips import Clip, real_clips  # noqa: E402
from tests.hearing.word_ends import Start, engines, recorded, starts, synthetic  # noqa: E402
from tests.recognition.speech import TEST_VOICES, TUNING_VOICES, available  # noqa: E402

SPEECH = REPO.parent / "shared" / "speech"
WORDS = {"wake_alexa": "alexa", "near_jarvis": "hey_jarvis"}
QUESTION_S = 12.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tuning", action="store_true", help="on what the rule was chosen on")
    tuning = parser.parse_args().tuning
    by_word = engines()
    voices = available(TUNING_VOICES if tuning else TEST_VOICES)
    found = {
        "synthetic": [s for case in synthetic(voices) for s in starts(by_word[case.word], case)]
    }
    if (SPEECH / "manifest.json").exists():
        clips = recordings(half=0 if tuning else 1)
        questions = [c for c in clips if c.category == "speech"]
        found["recorded"] = [
            start
            for clip in clips
            if (word := word_of(clip))
            for case in recorded(by_word[word], word, clip, questions)
            for start in starts(by_word[word], case)
        ]
    result = {source: table(some) for source, some in found.items()}
    result["all"] = table([start for some in found.values() for start in some])
    print(json.dumps(result, indent=1))


def recordings(half: int) -> list[Clip]:
    """Every second recording of the wake words, and every second sentence."""
    manifest = json.loads((SPEECH / "manifest.json").read_text())
    wanted = [e for e in manifest if e["cat"] in WORDS or e["cat"] == "wake"]
    wanted += [e for e in manifest if e["cat"] == "speech" and e["dur"] < QUESTION_S]
    by_name = sorted(real_clips(SPEECH, wanted), key=lambda clip: clip.name)
    spoken = [clip for clip in by_name if clip.category == "speech"]
    words = [clip for clip in by_name if clip.category != "speech"]
    return words[half::2] + spoken[half::2]


def word_of(clip: Clip) -> str | None:
    if clip.category in WORDS:
        return WORDS[clip.category]
    named = [w for w in ("alexa", "hey_jarvis", "hey_mycroft", "okay_nabu") if w in clip.name]
    return named[0] if named else None


def table(found: Sequence[Start]) -> dict[str, object]:
    """Shares in percent, sizes in milliseconds."""
    gaps = {f"loss, gap {low} to {high} ms": (low, high) for low, high in _GAPS}
    return {
        "leak": figures((start.leak_ms for start in found), 50),
        "loss, gaps from 100 ms": figures(lost(found, 99, 10_000), 100),
        **{name: figures(lost(found, *bounds), 100) for name, bounds in gaps.items()},
    }


_GAPS = ((0, 25), (25, 75), (75, 150), (150, 300), (300, 1000))


def lost(found: Iterable[Start], low: float, high: float) -> list[float]:
    return [
        start.loss_ms
        for start in found
        if start.loss_ms is not None and low <= (start.real_gap_ms or 0.0) < high
    ]


def figures(values: Iterable[float], limit_ms: float) -> dict[str, float]:
    size = np.maximum(np.array(list(values)), 0.0)
    if not len(size):
        return {"count": 0}
    return {
        "count": len(size),
        "any, %": round(100 * float((size > 0).mean()), 1),
        f"over {limit_ms:g} ms, %": round(100 * float((size > limit_ms).mean()), 1),
        "p50": round(float(np.percentile(size, 50))),
        "p90": round(float(np.percentile(size, 90))),
        "max": round(float(size.max())),
    }


if __name__ == "__main__":
    main()
