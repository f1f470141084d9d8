"""The pictures of the README: what the acoustic bench has measured, as three PNGs.

:func:`draw` collects the numbers of each picture and hands them to ``figures_draw.py``, which
runs in an environment of its own: matplotlib is no dependency of the project.

    .venv/bin/python -m scripts.bench_parts.acoustics.figures [FOLDER]

draws again what ``out/acoustics.json`` holds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from scripts.bench_parts.acoustics import scenes  # noqa: E402
from scripts.bench_parts.acoustics.corpus import RATE_HZ, by_name, load  # noqa: E402
from scripts.bench_parts.acoustics.staged import staged  # noqa: E402
from tests.judges.environment import judge_python  # noqa: E402

HERE = Path(__file__).parent
SECONDS = 30
PERSON_AT_S, PERSON_FOR_S, SER_DB = 16.0, 5.0, -5.0
PERSON = "whisper__tests__jfk"
STEP = 10  #: blocks of 10 ms to a point of the curves
MODE = "normal"

Json = dict[str, Any]


def main() -> None:
    measured = json.loads((REPO / "out" / "acoustics.json").read_text())["parts"]
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "figures"
    for path in draw(measured, folder):
        print(path)


def draw(results: Mapping[str, Json], folder: Path) -> list[Path]:
    """The pictures of the parts that are in ``results``, written into ``folder``."""
    data: Json = {}
    if "echo" in results:
        data["echo"] = echo_trace()
    if "bargein" in results:
        data["bargein"] = reaction_times(results["bargein"])
    if "turn" in results:
        data["turn"] = {
            "curves": results["turn"]["curves"],
            "recordings": results["turn"]["recordings"],
        }
    if not data:
        return []
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [str(judge_python("figures")), str(HERE / "figures_draw.py"), str(folder)],
        input=json.dumps(data).encode(),
        check=True,
    )
    return [folder / f"{name}.png" for name in data]


def echo_trace() -> Json:
    """Levels over half a minute of a reply, from the first sound on; somebody speaks in it."""
    corpus = load(["speech"])
    try:
        person = by_name(corpus, "speech", PERSON).samples
    except KeyError:  # the generated corpus has nobody of that name
        person = corpus.half("speech", "report")[0].samples
    person = person[: round(PERSON_FOR_S * RATE_HZ)]
    played = scenes.replies(SECONDS, seed=14)
    echo = scenes.rooms()["linear"].echo(played)
    near = scenes.with_person(echo, person, PERSON_AT_S, SER_DB)
    levels = staged(played, scenes.microphone(near)).levels.astype(np.float64)
    whole = levels[: len(levels) // STEP * STEP].reshape(-1, STEP, levels.shape[1])
    smooth = 10 * np.log10(np.mean(10 ** (whole / 10), axis=1) + 1e-12)
    return {
        "seconds": [round(0.01 * STEP * (at + 0.5), 3) for at in range(len(smooth))],
        "microphone": smooth[:, 1].round(1).tolist(),
        "linear": smooth[:, 2].round(1).tolist(),
        "output": smooth[:, 3].round(1).tolist(),
        "person": [PERSON_AT_S, PERSON_AT_S + len(person) / RATE_HZ],
        "ser_db": SER_DB,
    }


def reaction_times(result: Json) -> Json:
    """Both histograms, and the medians that the rows are judged by."""
    found = result["modes"][MODE]
    return {
        "histogram": result["histogram_ms"],
        "n": found["interruptions_found"]["n"],
        "ducked_ms": found["onset_to_ducked_ms"],
        "cut_ms": found["onset_to_cut_ms"],
    }


if __name__ == "__main__":
    main()
