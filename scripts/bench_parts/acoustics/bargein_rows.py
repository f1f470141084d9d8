"""Measures barge-in by voice: interruptions found, what else cuts, and how soon.

    .venv/bin/python -m scripts.bench_parts.acoustics.bargein_rows [--half tune|report] [--quick]

Prints one JSON object. The shipped classes on audio, faster than real time, as
``overlap_run.py`` says; every mode of ``[turn] barge_in`` judges the same streams.

- **interruptions**: sentences of 1 s and more from real recordings, at -10 to +5 dB against the
  echo. Found: the reply is cut before 0.7 s after the sentence (of which 4 s are played).
- **acknowledgements**: synthesised (there are no recordings of any) by the voices that are
  named, at 0 dB. **noises**: recorded ones, coughs, claps, doors, sneezes, crockery (generated).
- **onset**: the first 5 ms of the sound alone that are within 20 dB of its active level and
  10 dB above the recording's own noise (``overlap.sound``).
- **times**: to the last sample that the verdict needed, the canceller's latency included, and
  ``fixed_ms`` on top: half a capture period, what stands in the card at the old volume and the
  ramp (ducking), ``drop()`` (cut).
- **own replies**: nobody speaks; a duck is a false one, a cut a self-interruption.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.core.bargein import DEMANDS, Act  # noqa: E402
from scripts.bench_parts.acoustics.corpus import Half, installed_flite, load  # noqa: E402
from scripts.bench_parts.acoustics.overlap import (  # noqa: E402
    ESPEAK,
    FLITE,
    acknowledgements,
    noises,
    sentences,
)
from scripts.bench_parts.acoustics.overlap_run import (  # noqa: E402
    FIXED_MS,
    LEAD_S,
    Reaction,
    Scene,
    reactions,
    scene,
    verdicts,
)
from scripts.bench_parts.acoustics.scenes import rooms  # noqa: E402
from scripts.bench_parts.acoustics.stats import Proportion, percentiles  # noqa: E402

SERS_DB = (-10.0, -5.0, 0.0, 5.0)
OTHER_SER_DB = (0.0,)
OWN_S = 300.0
QUICK_OWN_S = 40.0
QUICK = 6  #: every so many sounds only
BIN_MS = 25


def measure(half: Half = "report", *, quick: bool = False) -> dict[str, object]:
    """The whole of it; ``quick`` takes a sixth of the sounds."""
    corpus = load(("speech", "noise"))
    step = QUICK if quick else 1
    seed = 1 if half == "tune" else 2
    linear = rooms()["linear"]
    said = scene(sentences(corpus, half)[::step], SERS_DB, linear, seed=seed)
    acknowledged = scene(acknowledgements(half)[::step], OTHER_SER_DB, linear, seed=seed + 10)
    noise = scene(noises(corpus, half)[::step], OTHER_SER_DB, linear, seed=seed + 20)
    alone = {
        name: scene((), (), room, seed=seed + 30, tail_s=QUICK_OWN_S if quick else OWN_S)
        for name, room in rooms().items()
    }
    return {
        "half": half,
        "generated": corpus.generated,
        "acknowledgements_by": "synthesised: "
        + ", ".join(
            (
                *ESPEAK.get(half, ()),
                *(f"flite {name}" for name in installed_flite(FLITE.get(half, ()))),
            )
        ),
        "fixed_ms": FIXED_MS,
        "modes": {mode: judged(mode, said, acknowledged, noise) for mode in (*DEMANDS, "off")},
        "own_replies": {
            name: {mode: own(one, mode) for mode in DEMANDS} for name, one in alone.items()
        },
        "histogram_ms": histogram(reactions(said, "normal")),
    }


def judged(mode: str, said: Scene, acknowledged: Scene, noise: Scene) -> dict[str, object]:
    """One mode on all three kinds of sound."""
    found = reactions(said, mode)
    let_pass = reactions(acknowledged, mode)
    noisy = reactions(noise, mode)
    return {
        "interruptions_found": cuts(found),
        "distinct_sentences": len({one.trial.name for one in found}),
        "onset_to_ducked_ms": times([one.duck_ms for one in found]),
        "onset_to_cut_ms": times([one.cut_ms for one in found]),
        "by_ser_db": {
            str(ser_db): {
                "found": cuts(part := [one for one in found if one.trial.ser_db == ser_db]),
                "onset_to_ducked_ms": times([one.duck_ms for one in part]),
                "onset_to_cut_ms": times([one.cut_ms for one in part]),
            }
            for ser_db in sorted({one.trial.ser_db for one in found})
        },
        "acknowledgements_cut": cuts(let_pass),
        "noises_cut": cuts(noisy),
        "acknowledgements_and_noises_cut": cuts([*let_pass, *noisy]),
        "acknowledgement_ducked_for_ms": times(
            [
                one.up_ms - one.duck_ms
                for one in let_pass
                if one.up_ms is not None and one.duck_ms is not None
            ]
        ),
        "cut_by": [one.trial.name for one in (*let_pass, *noisy) if one.cut_ms is not None],
        "missed": [
            f"{one.trial.name} {one.trial.ser_db:g} dB" for one in found if one.cut_ms is None
        ],
    }


def own(made: Scene, mode: str) -> dict[str, float]:
    """What the device's own reply does, in the canceller's first seconds and afterwards."""
    acts = verdicts(made.news, mode)
    later = [act for at, act in acts if at >= LEAD_S]
    minutes = (made.seconds - LEAD_S) / 60
    return {
        "minutes": round(minutes, 1),
        "ducks_a_minute": round(later.count(Act.DUCK) / minutes, 2),
        "cuts": later.count(Act.CUT),
        "ducks_in_first_10_s": sum(act is Act.DUCK for at, act in acts if at < LEAD_S),
        "cuts_in_first_10_s": sum(act is Act.CUT for at, act in acts if at < LEAD_S),
    }


def cuts(found: Sequence[Reaction]) -> dict[str, float]:
    """How many were cut, with the interval."""
    return Proportion.of(sum(one.cut_ms is not None for one in found), len(found)).as_dict()


def times(values: Sequence[float | None]) -> dict[str, float]:
    """Median and 90th percentile of those that happened at all."""
    return percentiles([value for value in values if value is not None], 50.0, 90.0)


def histogram(found: Sequence[Reaction]) -> dict[str, list[float]]:
    """For the figure: edges of the bins, and how many were ducked and cut within each."""
    ducked = [one.duck_ms for one in found if one.duck_ms is not None]
    cut = [one.cut_ms for one in found if one.cut_ms is not None]
    last = max([*ducked, *cut, BIN_MS])
    edges = np.arange(0, (math.ceil(last / BIN_MS) + 1) * BIN_MS, BIN_MS)
    return {
        "edges": [float(edge) for edge in edges],
        "ducked": [float(n) for n in np.histogram(np.maximum(ducked, 0), edges)[0]],
        "cut": [float(n) for n in np.histogram(np.maximum(cut, 0), edges)[0]],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    print(json.dumps(measure(options.half, quick=options.quick), indent=2))


if __name__ == "__main__":
    main()
