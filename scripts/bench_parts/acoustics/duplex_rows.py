"""Barge-in in the words of Full-Duplex-Bench v1.5 (Lin et al., arXiv 2507.23159, 2025).

    .venv/bin/python -m scripts.bench_parts.acoustics.duplex_rows [--half tune|report] [--quick]

Its four scenarios of speech over a reply, here on this corpus (not on its own recordings, and
with a policy instead of a language model behind it, so the words are comparable, not the
numbers). Everything lies over the reply at the level of the echo, less what is said below:

The one whose turn is being answered is as loud as the interruptions are in the median: every
recording is another person's, so each stands for how loud the same person may speak.

- **user_interruption**: a sentence of a real recording. Wanted: responded.
- **user_backchannel**: an acknowledgement, synthesised. Wanted: resumed.
- **talking_to_others**: a sentence 8 dB softer, 5 dB less above 4 kHz, with reflections after
  45 ms (-6 dB) and 120 ms (-12 dB), which is how the paper turns a speaker away. Wanted: resumed.
- **background_speech**: a sentence 15 dB softer, without what is above 3 kHz, with an echo
  after 100 ms (-10 dB), as the paper makes a television. Wanted: resumed.

The paper lets a language model read what was answered. Here it follows from the verdicts:

- **responded**: the reply was cut for it (the answer to it is the service's).
- **resumed**: it was not, and 0.7 s after its end the reply is at its full level.
- **uncertain**: neither; the reply is still ducked then.
- **stop latency**: onset of the speech to silence, of those responded to.
- **response latency**, the local part: end of the speech to the reply at its full level again,
  of those resumed that were ducked. After a cut it is the end of turn (``turn_rows.py``) and
  the service.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.core.bargein import DEMANDS  # noqa: E402
from device.ports import Samples  # noqa: E402
from scripts.bench_parts.acoustics.corpus import RATE_HZ, Half, load  # noqa: E402
from scripts.bench_parts.acoustics.overlap import Sound, acknowledgements, sentences  # noqa: E402
from scripts.bench_parts.acoustics.overlap_run import (  # noqa: E402
    AFTER_MS,
    DUCKED_MS,
    Reaction,
    loudest_db,
    reactions,
    scene,
)
from scripts.bench_parts.acoustics.scenes import rooms  # noqa: E402
from scripts.bench_parts.acoustics.stats import Proportion, percentiles  # noqa: E402

QUICK = 6

Signal = NDArray[np.float64]


def measure(half: Half = "report", *, quick: bool = False) -> dict[str, object]:
    """Every scenario in every mode; ``quick`` takes a sixth of the sounds."""
    corpus = load(("speech",))
    step = QUICK if quick else 1
    said = sentences(corpus, half)[::step]
    scenarios: dict[str, tuple[Sequence[Sound], float]] = {
        "user_interruption": (said, 0.0),
        "user_backchannel": (acknowledgements(half)[::step], 0.0),
        "talking_to_others": ([_changed(one, turned_away) for one in said], -8.0),
        "background_speech": ([_changed(one, television) for one in said], -15.0),
    }
    linear = rooms()["linear"]
    made = {
        name: scene(sounds, (ser_db,), linear, seed=50 + number)
        for number, (name, (sounds, ser_db)) in enumerate(scenarios.items())
    }
    person_db = loudest_db(made["user_interruption"])
    return {
        "half": half,
        "generated": corpus.generated,
        "modes": {
            mode: {name: outcome(reactions(one, mode, person_db)) for name, one in made.items()}
            for mode in DEMANDS
        },
    }


def outcome(found: Sequence[Reaction]) -> dict[str, object]:
    """One scenario: the three words, and the two latencies."""
    responded = [one for one in found if one.cut_ms is not None]
    uncertain = [one for one in found if one.cut_ms is None and still_ducked(one)]
    resumed = len(found) - len(responded) - len(uncertain)
    return {
        "responded": Proportion.of(len(responded), len(found)).as_dict(),
        "resumed": Proportion.of(resumed, len(found)).as_dict(),
        "uncertain": Proportion.of(len(uncertain), len(found)).as_dict(),
        "stop_latency_ms": percentiles(
            [one.cut_ms for one in responded if one.cut_ms is not None], 50.0, 90.0
        ),
        "response_latency_ms": percentiles(
            [one.up_ms - length_ms(one) for one in found if one.up_ms is not None], 50.0, 90.0
        ),
    }


def still_ducked(one: Reaction) -> bool:
    """0.7 s after the end of the sound."""
    if one.duck_ms is None:
        return False
    return one.up_ms is None or one.up_ms - length_ms(one) > AFTER_MS + DUCKED_MS


def length_ms(one: Reaction) -> float:
    return 1000 * (one.trial.end - one.trial.onset) / RATE_HZ


def turned_away(sound: Signal) -> Signal:
    """What the paper does to somebody who talks to another person; the level comes later."""
    duller = _above(sound, 4000.0, -5.0)
    return _reflected(
        _reflected(duller, sound=duller, ms=45, db=-6.0), sound=duller, ms=120, db=-12.0
    )


def television(sound: Signal) -> Signal:
    """What the paper does to speech in the background; the level comes later."""
    duller = _above(sound, 3000.0, -80.0)
    return _reflected(duller, sound=duller, ms=100, db=-10.0)


def _above(sound: Signal, hertz: float, db: float) -> Signal:
    """Everything above ``hertz`` changed by ``db``."""
    spectrum = np.fft.rfft(sound)
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE_HZ) > hertz] *= 10 ** (db / 20)
    return np.asarray(np.fft.irfft(spectrum, len(sound)))


def _reflected(into: Signal, *, sound: Signal, ms: int, db: float) -> Signal:
    late = ms * RATE_HZ // 1000
    out = into.copy()
    out[late:] += sound[: len(sound) - late] * 10 ** (db / 20)
    return out


def _changed(one: Sound, way: object) -> Sound:
    """Onset and end stay those of the clean sound."""
    assert callable(way)
    changed = way(one.samples.astype(np.float64))
    whole: Samples = np.clip(np.rint(changed), -32768, 32767).astype(np.int16)
    return replace(one, samples=whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    print(json.dumps(measure(options.half, quick=options.quick), indent=2))


if __name__ == "__main__":
    main()
