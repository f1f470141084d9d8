"""The services' table of the README: runs the parts, judges each row, prints, writes JSON.

    .venv/bin/python -m scripts.bench_parts.services.run [--quick] [--readme] [--only PART ...]

Each part is a process of its own, one after the other. Exit status 1 when a row is missed or a
part fails. ``--quick`` takes some minutes and shows only that everything runs; ``--readme``
writes the table, and with ``--only`` leaves the other parts' rows as they are.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from scripts.bench_parts import machine  # noqa: E402
from scripts.bench_parts.readme_table import (  # noqa: E402
    Row,
    Standing,
    kept,
    name_of,
    rewritten,
    standing,
    unlike,
)
from scripts.bench_parts.services.judge import ROWS  # noqa: E402

README = REPO / "README.md"
MARKS = ("<!-- services -->", "<!-- /services -->")

Json = dict[str, Any]

#: The names of each part's rows, by which README.md's are told apart.
NAMES = {
    "codec": re.compile(r"codec:"),
    "memory": re.compile(r"memory:"),
    "fuzz": re.compile(r"fuzz:"),
    "guided": re.compile(r"guided fuzz:"),
    "start": re.compile(r"start:"),
    "life": re.compile(r"life:"),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="shows that it runs")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="PART")
    parser.add_argument("--out", type=Path, default=REPO / "out" / "services.json")
    options = parser.parse_args()
    if options.readme and options.quick:
        parser.error("--readme shows what a whole run has measured: leave --quick out")
    here = machine.described()
    if options.readme and (trouble := unlike(readme(), here, options.only, NAMES)):
        parser.error(trouble)  # before the hour, not after
    results = measured(options.only, quick=options.quick)
    rows = {part: judged(part, result) for part, result in results.items()}
    for row in (row for some in rows.values() for row in some):
        print(f"{'met   ' if row.met else 'MISSED'}  {row.what}: {row.value} (limit: {row.limit})")
    missing = [part for part in options.only if part not in results]
    for part in missing:
        print(f"FAILED  {part}: measured nothing")
    record: Json = {"date": str(date.today()), "machine": here, "quick": options.quick}  # noqa: DTZ011
    record |= {"parts": results, "rows": [vars(row) for some in rows.values() for row in some]}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(record, indent=2))
    print(f"written to {options.out}")
    if options.readme:
        write_readme(here, rows)
    met = all(row.met for some in rows.values() for row in some)
    return 0 if met and not missing else 1


def readme() -> Standing:
    return standing(README.read_text(encoding="utf-8"), MARKS)


def write_readme(here: str, rows: Mapping[str, Sequence[Row]]) -> None:
    old = readme()
    README.write_text(rewritten(old, here, rows, NAMES), encoding="utf-8")
    for line in kept(old, list(rows), NAMES):
        print(f"in README.md from an earlier run: {name_of(line)}")


def measured(parts: Sequence[str], *, quick: bool) -> dict[str, Json]:
    """What each part has printed, in the order of ``ROWS``; those that failed are left out."""
    results = {}
    for part in (part for part in ROWS if part in parts):
        print(f"measuring: {part} ...", file=sys.stderr, flush=True)
        began = time.monotonic()
        try:
            result = measure(part, quick)
        except (subprocess.CalledProcessError, ValueError) as error:
            print(f"{part} FAILED: {error}", file=sys.stderr, flush=True)
            continue
        print(f"{part}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        results[part] = result
    return results


def measure(part: str, quick: bool) -> Json:
    """Run one part in a process of its own, with one thread for its sums."""
    command = [sys.executable, "-m", f"scripts.bench_parts.services.{part}_part"]
    command += ["--quick"] if quick else []
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    done = subprocess.run(
        command, cwd=REPO, stdout=subprocess.PIPE, check=True, env={**os.environ, **threads}
    )
    result: Json = json.loads(done.stdout[done.stdout.index(b"{") :])
    return result | ({"quick": True} if quick else {})


def judged(part: str, result: Json) -> list[Row]:
    """The rows of ``part``; each says when it was measured on less than it should have been."""
    quick = bool(result.get("quick"))
    numbers = {name: value for name, value in result.items() if name != "quick"}
    note = "; quick: shows only that it runs" if quick else ""
    return [replace(row, value=row.value + note) for row in ROWS[part](numbers)]


if __name__ == "__main__":
    sys.exit(main())
