"""How well the end of a turn is told from a pause by what is heard until then."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from scripts.bench_parts.acoustics.turn_corpus import Moment

BOOTSTRAPS = 200

Judged = Callable[[Moment], float]


def as_shipped(moment: Moment) -> float:
    """The verdict of the appliance."""
    return moment.judged


def told_apart(found: Sequence[Moment]) -> dict[str, object]:
    """How well ends are told from what is none: the area under the curve, with a bootstrap over
    recordings. The real pauses are of few recordings, some of which have no end."""
    answers: dict[str, object] = {}
    cues: dict[str, Judged] = {
        "smart_turn": lambda moment: moment.model,
        "melody": lambda moment: moment.fall_semitones,
        "both": as_shipped,
    }
    names = sorted({moment.recording for moment in found})
    for kind in ("split", "real"):
        for cue, judged in cues.items():
            values = {
                name: tuple(
                    [judged(m) for m in found if m.recording == name and m.kind == one]
                    for one in ("end", kind)
                )
                for name in names
            }
            drawn = []
            for number in range(BOOTSTRAPS):
                random = np.random.default_rng(number)
                some = [values[names[at]] for at in random.integers(len(names), size=len(names))]
                area = _area(some)
                if area is not None:
                    drawn.append(area)
            area = _area(list(values.values()))
            if area is not None:
                answers[f"{cue}, ends against {kind}"] = {
                    "area": round(area, 3),
                    "area_95": [
                        round(float(np.percentile(drawn, part)), 3) for part in (2.5, 97.5)
                    ],
                }
    return answers


def _area(values: Sequence[tuple[list[float], ...]]) -> float | None:
    ends = np.array([value for some, _ in values for value in some])
    others = np.array([value for _, some in values for value in some])
    if not len(ends) or not len(others):
        return None
    above = ends[:, None] > others
    return float(above.mean() + (ends[:, None] == others).mean() / 2)
