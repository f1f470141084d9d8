"""Measures the offline recogniser on voices and sentences that nothing was tuned on.

    .venv/bin/python scripts/bench_parts/recogniser.py

Prints one JSON object. A command is right when it is accepted with the right intent and
slots. Noise and room are synthetic and seeded; flite's recorded voices are left out
where flite is not installed, and the result says so.
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from device.local.recognition import Recogniser, Recognition, create_recogniser  # noqa: E402
from device.local.recognition.intents import understand  # noqa: E402
from tests.recognition.speech import (  # noqa: E402
    TEST_VOICES,
    Pcm,
    Phrase,
    available,
    corpus,
    in_room,
    read_phrases,
    speak,
)

CACHE = REPO / ".cache" / "speech"
CONDITIONS: dict[str, float | None] = {"clean": None, "15 dB": 15.0, "8 dB": 8.0}
PIECE = 3200  # bytes: 100 ms
PHRASINGS = REPO / "tests" / "recognition" / "phrasings.txt"


def main() -> None:
    voices = available(TEST_VOICES)
    began = time.monotonic()
    recogniser = create_recogniser("commands")
    load_s = time.monotonic() - began
    commands, off_topic = corpus("commands_test"), corpus("off_topic_test")
    result: dict[str, Any] = {
        "load_s": round(load_s, 2),
        "voices": voices,
        "without_flite": len(voices) < len(TEST_VOICES),
        "commands": {
            name: judge(recogniser, commands, voices, snr) for name, snr in CONDITIONS.items()
        },
        "off_topic": judge(recogniser, off_topic, voices, None),
        "coverage": coverage(),
    }
    print(json.dumps(result, indent=2))


def judge(
    recogniser: Recogniser, phrases: list[Phrase], voices: tuple[str, ...], snr: float | None
) -> dict[str, Any]:
    """Share of commands that were right, or of off-topic sentences that were accepted."""
    by_voice: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    finish_ms = []
    for number, phrase in enumerate(phrases):
        # Each phrase by two voices, so that no voice has only easy ones.
        for turn in range(2):
            voice = voices[(number + turn * 3 + number // len(voices)) % len(voices)]
            pcm = speak(phrase.text, voice, CACHE)
            if snr is not None:
                pcm = in_room(pcm, snr, number)
            answer, took = hear(recogniser, pcm)
            finish_ms.append(took * 1000)
            good = answer.accepted if phrase.intent is None else right(answer, phrase)
            by_voice[voice][0] += good
            by_voice[voice][1] += 1
    found = sum(a for a, _ in by_voice.values())
    n = sum(b for _, b in by_voice.values())
    low, high = wilson(found, n)
    return {
        "n": n,
        "voices": len(by_voice),
        "rate": round(found / n, 3),
        "low": low,
        "high": high,
        "by_voice": {voice: f"{a} of {b}" for voice, (a, b) in sorted(by_voice.items())},
        "by_kind": by_kind(by_voice),
        "finish_ms": round(statistics.median(finish_ms), 1),
    }


def by_kind(by_voice: Mapping[str, Sequence[int]]) -> dict[str, str]:
    """Flite's voices are made of people's recordings, espeak-ng's of formulas."""
    kinds = {"recorded": "flite:", "formant": "espeak:"}
    totals = {
        kind: [sum(v[i] for name, v in by_voice.items() if name.startswith(start)) for i in (0, 1)]
        for kind, start in kinds.items()
    }
    return {kind: f"{a} of {b}" for kind, (a, b) in totals.items() if b}


def hear(recogniser: Recogniser, pcm: Pcm) -> tuple[Recognition, float]:
    """The answer, and how long it took after the last audio."""
    raw = pcm.astype("<i2").tobytes()
    recogniser.begin()
    for start in range(0, len(raw), PIECE):
        recogniser.feed(raw[start : start + PIECE])
    began = time.monotonic()
    return recogniser.finish(), time.monotonic() - began


def right(answer: Recognition, phrase: Phrase) -> bool:
    slots = dict(answer.slots) == dict(phrase.slots)
    return answer.accepted and answer.intent == phrase.intent and slots


def coverage() -> dict[str, Any]:
    """How many of the phrasings are understood when they are read as text."""
    by_intent: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for phrase in read_phrases(PHRASINGS):
        meaning = understand(phrase.text)
        good = meaning is not None and (meaning[0], dict(meaning[1])) == (
            phrase.intent,
            dict(phrase.slots),
        )
        by_intent[str(phrase.intent)][0] += good
        by_intent[str(phrase.intent)][1] += 1
    found, n = (sum(pair[i] for pair in by_intent.values()) for i in (0, 1))
    return {
        "n": n,
        "rate": round(found / n, 3),
        "by_intent": {name: f"{a} of {b}" for name, (a, b) in sorted(by_intent.items())},
    }


def wilson(found: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """95 % interval of a share (Wilson, 1927)."""
    share, square = found / n, z * z / n
    middle = (share + square / 2) / (1 + square)
    half = z * math.sqrt(share * (1 - share) / n + square / (4 * n)) / (1 + square)
    return round(middle - half, 3), round(middle + half, 3)


if __name__ == "__main__":
    main()
