"""The table of the README: runs the parts, judges each row, prints, writes JSON.

    .venv/bin/python scripts/bench_parts/table.py [--readme] [--only PART ...]

Exit status 1 when a row is missed. ``--readme`` writes the table into README.md; with
``--only`` the rows of the other parts stay as they are, and are named.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from machine import cpu
from readme_table import Row, Standing, kept, name_of, rewritten, standing, unlike

REPO = Path(__file__).resolve().parents[2]
README = REPO / "README.md"
Json = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    parser.add_argument("--only", nargs="+", choices=ROWS, default=list(ROWS), metavar="PART")
    parser.add_argument("--out", type=Path, default=REPO / "out" / "bench.json")
    options = parser.parse_args()
    machine = f"{cpu()}, Python {platform.python_version()}, {platform.system()}"
    if options.readme and (trouble := unlike(readme(), machine, options.only, NAMES)):
        parser.error(trouble)  # before the hours, not after
    results: Json = {}
    for part in options.only:
        print(f"measuring: {part} ...", file=sys.stderr, flush=True)
        results[part] = measure(part)
    measured = {part: list(ROWS[part](result)) for part, result in results.items()}
    rows = [row for found in measured.values() for row in found]
    for row in rows:
        print(f"{'met   ' if row.met else 'MISSED'}  {row.what}: {row.value} (limit: {row.limit})")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    record: Json = {"date": str(date.today()), "machine": machine, "parts": results}  # noqa: DTZ011
    record["rows"] = [vars(row) for row in rows]
    options.out.write_text(json.dumps(record, indent=2))
    print(f"written to {options.out}")
    if options.readme:
        old = readme()
        README.write_text(rewritten(old, machine, measured, NAMES), encoding="utf-8")
        for line in kept(old, list(measured), NAMES):
            print(f"in README.md from an earlier run: {name_of(line)}")
    return 0 if all(row.met for row in rows) else 1


def readme() -> Standing:
    return standing(README.read_text(encoding="utf-8"))


def measure(part: str) -> Json:
    """Run one part in a process of its own."""
    script = Path(__file__).with_name(f"{part}.py")
    done = subprocess.run(
        [sys.executable, str(script)], cwd=REPO, stdout=subprocess.PIPE, check=True
    )
    result: Json = json.loads(done.stdout[done.stdout.index(b"{") :])
    return result


# --- rows -------------------------------------------------------------------------------


def cut_rows(result: Json) -> Iterator[Row]:
    limits = {"busy": "median 2 ms, p99 5 ms above timer lateness"}
    names = {
        "idle": "loop idle",
        "asleep": "loop asleep",
        "stalled": "network stalled",
        "busy": "2 s of pure Python in the loop",
    }
    errors = []
    for mode, row in result["cut"].items():
        above = row["above_timer_lateness_ms"]
        silence = row["press_to_silence_ms"]
        errors += [abs(row["heard_error_ms"]["lowest"]), abs(row["heard_error_ms"]["highest"])]
        yield Row(
            f"button to last sample, {names[mode]} (n = {row['presses']})",
            limits.get(mode, "median 1 ms, p99 5 ms above timer lateness"),
            f"median {silence['median']:.2f} ms, p99 {silence['p99']:.1f} ms "
            f"(lateness {row['timer_lateness_ms']['p99']:.1f}); above it {above['median']:.2f} "
            f"and {above['p99']:.1f} ms",
            row["met"],
        )
    worst = max(errors)
    yield Row("heard_ms against the recording", "± 2 ms", f"± {worst:.2f} ms", worst <= 2.0)
    first = result["first_sample"]["first_byte_to_first_sample_ms"]["median"]
    yield Row(
        "first reply byte to first speaker sample, prebuffer included",
        "median 60 ms",
        f"median {first:.1f} ms",
        first <= 60,
    )


def appliance_rows(result: Json) -> Iterator[Row]:
    talk = result["conversation"]
    latency = talk["latency_ms"]["median"]
    cut_off = talk["cut_off_in_pause"]
    yield Row(
        f"user's last sample to first speech sample, offline, whole appliance "
        f"({talk['answered']} of {talk['asked']} turns)",
        "median 900 ms (goal 600); a 500 ms pause never cuts off",
        f"median {latency:.0f} ms; {cut_off} cut off",
        latency <= 900 and cut_off == 0,
    )
    wire = talk["capture_to_wire_ms"]["median"]
    yield Row("microphone sample to the wire", "median 20 ms", f"median {wire:.1f} ms", wire <= 20)
    lost = talk["lost_samples"] + talk["doubled_samples"]
    yield Row("samples lost or doubled from wake to commit", "0", str(lost), lost == 0)
    jitter = result["jitter"]
    yield Row(
        f"underruns after the first second, 100 ms network jitter "
        f"({jitter['spoken_s']:.0f} s of speech)",
        "0",
        str(jitter["late_underruns"]),
        jitter["late_underruns"] == 0 and jitter["replies"] > 0,
    )
    wake = result["wake_over_reply"]
    yield Row(
        "wake word over a reply, 10 dB above the echo (synthetic voices)",
        "9 of 10",
        f"{wake['heard']} of {wake['tries']}",
        wake["heard"] >= 0.9 * wake["tries"],
    )
    own = result["self_wakes"]
    yield Row(
        f"self-wakes in {own['minutes']:.0f} min of replies, echo -20 dB",
        "0",
        f"{own['wakes']} (without echo cancelling {own['without_cancelling']})",
        own["wakes"] == 0,
    )
    idle = result["idle"]
    yield Row("start to READY", "3 s", f"{idle['ready_s']:.1f} s", idle["ready_s"] <= 3.0)
    yield Row(
        "resident memory of the appliance (offline service told apart)",
        "150 MB",
        f"{idle['resident_mb']:.0f} MB (service: {idle['service_resident_mb']:.0f} MB)",
        idle["resident_mb"] <= 150,
    )
    yield Row(
        "CPU while listening for the wake word",
        "2.5 x the bare runner",
        f"{idle['ratio']:.2f} x ({idle['cpu_percent']:.1f} % of a core)",
        idle["ratio"] <= 2.5,
    )


def echo_rows(result: Json) -> Iterator[Row]:
    for name, found in result.items():
        if isinstance(found, dict) and "wake" in found:
            with_it, without = found["wake"], found["off"]
            yield Row(
                f"{name} found over a reply, 10 dB above the echo, shipped classes (n = "
                f"{with_it['n']})",
                "90 %",
                f"{100 * with_it['rate']:.0f} % (95 %: {100 * with_it['low']:.0f}-"
                f"{100 * with_it['high']:.0f}); without echo cancelling "
                f"{100 * without['rate']:.0f} %",
                with_it["rate"] >= 0.9,
            )


def hearing_rows(_result: Json) -> Iterator[Row]:
    """Recorded in the JSON for its own sake; no row has a limit."""
    return iter(())


def recogniser_rows(result: Json) -> Iterator[Row]:
    limits = {"clean": 88, "15 dB": 70, "8 dB": None}
    for condition, least in limits.items():
        row = result["commands"][condition]
        yield Row(
            f"offline recogniser: commands right, {condition} (n = {row['n']}, "
            f"{row['voices']} unseen voices)",
            f"{least} %" if least else "reported",
            f"{100 * row['rate']:.1f} % (95 %: {100 * row['low']:.0f}-{100 * row['high']:.0f}; "
            + ", ".join(f"{kind} voices {words}" for kind, words in row["by_kind"].items())
            + ")",
            least is None or 100 * row["rate"] >= least,
        )
    off = result["off_topic"]
    yield Row(
        f"off-topic sentences accepted (n = {off['n']})",
        "10 %",
        f"{100 * off['rate']:.0f} % (95 %: {100 * off['low']:.0f}-{100 * off['high']:.0f})",
        off["rate"] <= 0.1,
    )
    cover = result["coverage"]
    yield Row(
        f"phrasings collected without sight of the grammar, covered (n = {cover['n']})",
        "60 %",
        f"{100 * cover['rate']:.0f} %",
        cover["rate"] >= 0.6,
    )


ROWS: dict[str, Callable[[Json], Iterator[Row]]] = {
    "cut": cut_rows,
    "appliance": appliance_rows,
    "echo": echo_rows,
    "hearing": hearing_rows,
    "recogniser": recogniser_rows,
}

#: The names of each part's rows, by which README.md's are told apart.
NAMES = {
    part: re.compile(names)
    for part, names in {
        "cut": r"button to last sample|heard_ms against|first reply byte",
        "appliance": r"user's last sample|microphone sample|samples lost|underruns after"
        r"|wake word over a reply|self-wakes|start to READY|resident memory|CPU while",
        "echo": r".+ found over a reply",
        "hearing": r"(?!)",
        "recogniser": r"offline recogniser|off-topic|phrasings",
    }.items()
}

if __name__ == "__main__":
    sys.exit(main())
