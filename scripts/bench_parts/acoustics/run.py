"""The acoustic table of the README: runs the parts, judges each row, prints, writes JSON.

    .venv/bin/python -m scripts.bench_parts.acoustics.run [--quick] [--readme] [--only PART ...]
        [--jobs N]

Each part is a process of its own. Parts in which time is measured run alone, after the others,
of which N run at once (as many as there are cores). Exit status 1 when a row is missed or a part
fails. ``--quick`` takes a few recordings of each kind, and leaves out the run over ALSA;
``--readme`` writes table and pictures, and with ``--only`` leaves the other parts' rows as
they are.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from scripts.bench_parts import machine  # noqa: E402
from scripts.bench_parts.acoustics import figures  # noqa: E402
from scripts.bench_parts.acoustics.judge import ROWS  # noqa: E402
from scripts.bench_parts.readme_table import (  # noqa: E402
    ACOUSTIC_MARKS,
    Row,
    Standing,
    kept,
    name_of,
    rewritten,
    standing,
    unlike,
)

README = REPO / "README.md"
FIGURES = Path(__file__).with_name("figures")
STOOD_IN = ("generated", "synthetic_voices_only", "generated_voices")

Json = dict[str, Any]


@dataclass(frozen=True)
class Part:
    """``quick`` are the arguments of a short run; None: there is none. ``timed``: its numbers
    depend on what else runs."""

    module: str
    full: tuple[str, ...]
    quick: tuple[str, ...] | None
    timed: bool = False


ECHO = ("--only", "replies", "wake", "double_talk", "real")
PARTS = {
    "echo": Part("echo_rows", (*ECHO, "self_wake"), (*ECHO, "--quick", "--minutes", "1")),
    "bargein": Part("bargein_rows", (), ("--quick",)),
    "turn": Part("turn_rows", (), ("--bootstraps", "10")),
    "wake": Part("wake_rows", (), ("--quick",)),
    "array": Part("array_rows", (), ("--clips", "5", "array")),
    "amazon": Part("amazon_rows", (), ("--quick",)),
    "duplex": Part("duplex_rows", (), ("--quick",)),
    "cost": Part("cost_rows", (), ("--quick",), timed=True),
    "alsa": Part("alsa_rows", (), None, timed=True),
}

#: The names of each part's rows, by which README.md's are told apart.
NAMES = {
    part: re.compile(names)
    for part, names in {
        "echo": r"self-interruptions and self-wakes|\"alexa\" over|self-wakes when|near-end speech"
        r"|echo of a real|voice-activity events",
        "bargein": r"barge-in:",
        "turn": r"last word to turn",
        "wake": r"wake with confirm:",
        "array": r"microphones:",
        "cost": r"hearing, CPU|resident memory|1 to \d+ (microphones|wake words)",
        "alsa": r"over ALSA",
        "amazon": r"Amazon's",
        "duplex": r"Full-Duplex-Bench",
    }.items()
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="some minutes, fewer recordings")
    parser.add_argument("--readme", action="store_true", help="write table and pictures")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="parts at once")
    parser.add_argument("--out", type=Path, default=REPO / "out" / "acoustics.json")
    options = parser.parse_args()
    if options.readme and options.quick:
        parser.error("--readme shows what a whole run has measured: leave --quick out")
    here = machine.described()
    if options.readme and (trouble := unlike(readme(), here, options.only, NAMES)):
        parser.error(trouble)  # before the half hour, not after
    results = measured(options.only, quick=options.quick, jobs=options.jobs)
    record: Json = {"date": str(date.today()), "machine": here, "quick": options.quick}  # noqa: DTZ011
    record["parts"] = results
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=2))  # whatever becomes of the rows
    rows = {part: list(judged(part, results)) for part in ROWS if part in results}
    for row in (row for some in rows.values() for row in some):
        print(f"{'met   ' if row.met else 'MISSED'}  {row.what}: {row.value} (limit: {row.limit})")
    missing = [part for part in options.only if part not in results and runs(part, options.quick)]
    for part in missing:
        print(f"FAILED  {part}: measured nothing")
    record["rows"] = [vars(row) for some in rows.values() for row in some]
    options.out.write_text(json.dumps(record, indent=2))
    print(f"written to {options.out}")
    if options.readme:
        write_readme(here, rows, results)
    met = all(row.met for some in rows.values() for row in some)
    return 0 if met and not missing else 1


def readme() -> Standing:
    return standing(README.read_text(encoding="utf-8"), ACOUSTIC_MARKS)


def write_readme(here: str, rows: Mapping[str, Sequence[Row]], results: Mapping[str, Json]) -> None:
    old = readme()
    README.write_text(rewritten(old, here, rows, NAMES), encoding="utf-8")
    for line in kept(old, list(rows), NAMES):
        print(f"in README.md from an earlier run: {name_of(line)}")
    for path in figures.draw(results, FIGURES):
        print(f"drawn: {path}")


def runs(part: str, quick: bool) -> bool:
    return not quick or PARTS[part].quick is not None


def measured(parts: Sequence[str], *, quick: bool, jobs: int | None) -> dict[str, Json]:
    """What each part has printed, in the order of ``PARTS``; those that failed are left out."""
    for part in parts:
        if not runs(part, quick):
            print(f"{part}: takes too long for --quick, left out", file=sys.stderr)
    chosen = [part for part in PARTS if part in parts and runs(part, quick)]
    untimed = [part for part in chosen if not PARTS[part].timed]
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        found = dict(zip(untimed, pool.map(lambda part: tried(part, quick), untimed), strict=True))
    found |= {part: tried(part, quick) for part in chosen if PARTS[part].timed}
    return {part: result for part in chosen if (result := found[part]) is not None}


def tried(part: str, quick: bool) -> Json | None:
    """What ``part`` measures; None where it fails, which is told, so that the rest is not lost."""
    print(f"measuring: {part} ...", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        result = measure(part, quick)
    except (subprocess.CalledProcessError, ValueError) as error:
        print(f"{part} FAILED: {error}", file=sys.stderr, flush=True)
        return None
    print(f"{part}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    return result | ({"quick": True} if quick else {})


def measure(part: str, quick: bool) -> Json:
    """Run one part in a process of its own, each with one thread for its sums."""
    one = PARTS[part]
    arguments = one.quick if quick and one.quick is not None else one.full
    command = [sys.executable, "-m", f"scripts.bench_parts.acoustics.{one.module}", *arguments]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        command, cwd=REPO, stdout=subprocess.PIPE, check=True, env={**os.environ, **threads}
    )
    result: Json = json.loads(done.stdout[done.stdout.index(b"{") :])
    return result


def judged(part: str, results: Mapping[str, Json]) -> Iterator[Row]:
    """The rows of ``part``; each says when it was measured on less than it should have been."""
    result = results[part]
    notes = ""
    if any(result.get(key) for key in STOOD_IN):
        notes += "; synthetic voices stand in for recordings"
    if result.get("quick"):
        notes += "; quick: a few recordings only"
    for row in ROWS[part](results):
        yield replace(row, value=row.value + notes)


if __name__ == "__main__":
    sys.exit(main())
