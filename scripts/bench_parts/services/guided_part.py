"""A coverage-guided fuzzer on each codec: atheris, in an environment of its own.

    .venv/bin/python -m scripts.bench_parts.services.guided_part [--quick] [--runs N] [--seed N]

Prints one JSON object. The fuzzer starts from what a service's stand-in said and keeps each input
that reaches new code of the codec (``guided_target.py``). What breaks a codec is kept in out/fuzz.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.providers import SERVICES  # noqa: E402
from scripts.bench_parts.services import record  # noqa: E402
from scripts.bench_parts.services.guided_format import dictionary, seeds  # noqa: E402
from scripts.bench_parts.services.mutate import words_of  # noqa: E402
from scripts.bench_parts.services.tape import Tape  # noqa: E402
from tests.judges.environment import judge_python  # noqa: E402

RUNS, QUICK_RUNS = 20_000, 200
LONGEST_INPUT = 8_192
OUT = REPO / "out" / "fuzz"
STATUS = re.compile(r"^#(\d+)\s.*cov: (\d+) ft: (\d+) corp: (\d+)", re.MULTILINE)
WRITTEN = "Test unit written to"
LIMITS = ("-timeout=20", "-rss_limit_mb=2048", "-detect_leaks=0", f"-max_len={LONGEST_INPUT}")

Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="some hundred inputs a codec")
    parser.add_argument("--runs", type=int, help="inputs a codec")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--service", nargs="+", choices=[*SERVICES], default=[*SERVICES])
    parser.add_argument("--tapes", type=Path, help="where those of an earlier run are")
    asked = parser.parse_args()
    runs = asked.runs or (QUICK_RUNS if asked.quick else RUNS)
    python = judge_python("atheris")
    result: Json = {"seed": asked.seed}
    for service in asked.service:
        tape = Tape.load(asked.tapes / f"{service}.tape") if asked.tapes else record.turns(service)
        result[service] = found = of_tape(tape, python, runs, asked.seed)
        told = f"{found['runs']} inputs, {found['covered']} places reached, {found['crashed']}"
        print(f"{service}: {told} crashed", file=sys.stderr, flush=True)
    print(json.dumps(result))


def of_tape(tape: Tape, python: Path, runs: int, seed: int) -> Json:
    OUT.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="parlor-fuzz-") as folder:
        home = Path(folder)
        tape.save(home / "tape")
        (home / "words").write_text(dictionary(words_of(tape.service)))
        corpus = home / "corpus"
        corpus.mkdir()
        for number, seed_input in enumerate(seeds(tape)):
            (corpus / str(number)).write_bytes(seed_input)
        command = [str(python), "-m", "scripts.bench_parts.services.guided_target"]
        command += [str(home / "tape"), *LIMITS, f"-seed={seed}", f"-runs={runs}"]
        command += [f"-dict={home / 'words'}", f"-artifact_prefix={OUT / tape.service}-"]
        done = subprocess.run(
            [*command, str(corpus)],
            cwd=REPO,
            env={**os.environ, "PYTHONPATH": str(REPO)},
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
    found = judged(done.stderr)
    crashed = done.returncode != 0
    if crashed:
        (OUT / f"{tape.service}.guided.txt").write_text(done.stderr[-20_000:])
        tape.save(OUT / f"{tape.service}.guided.tape")
    return {**found, "crashed": int(crashed), "seconds": round(time.monotonic() - began, 1)}


def judged(told: str) -> Json:
    """What the fuzzer has told of itself. Raises ValueError where it never began."""
    lines = STATUS.findall(told)
    if not lines and WRITTEN in told:  # one of the first inputs, which are a conversation's
        lines = [("0", "0", "0", "0")]
    if not lines:
        raise ValueError(f"the fuzzer did not run:\n{told[-2000:]}")
    first, last = lines[0], lines[-1]
    names = ("runs", "covered", "features", "kept")
    return {"covered_at_first": int(first[1]), **dict(zip(names, map(int, last), strict=True))}


if __name__ == "__main__":
    main()
