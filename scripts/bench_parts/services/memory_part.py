"""Whether a codec stays small: ten thousand turns in one session, and what hangs on it.

    .venv/bin/python -m scripts.bench_parts.services.memory_part [--quick]

Prints one JSON object. The turns of a tape (an answer, a tool, a reply that is cut, an answer
again) are said to one codec over and over, with new names each time (``replay.py``), each service
in a process of its own. Counted are the bytes that the codec holds, which is exact, and the
process's resident memory, from the thousandth turn to the last.
"""

from __future__ import annotations

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.providers import SERVICES  # noqa: E402
from scripts.bench_parts.services import footprint, record  # noqa: E402
from scripts.bench_parts.services.replay import Replay  # noqa: E402
from scripts.bench_parts.services.tape import Tape  # noqa: E402

TURNS, QUICK_TURNS = 10_000, 60
POINTS = 10  #: measured so often; the first is where growth is counted from

Json = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="some turns only")
    parser.add_argument("--service", nargs="+", choices=[*SERVICES], default=[*SERVICES])
    asked = parser.parse_args()
    count = QUICK_TURNS if asked.quick else TURNS
    result: Json = {}
    for service in asked.service:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            result[service] = found = apart.submit(of_service, service, count).result()
        growth, line = found["held_growth_bytes"], found["resident_kb_per_1000"]
        line = f"{service}: {found['turns']} turns, {growth:+d} bytes held, {line:+.1f} kB/1000"
        print(line, file=sys.stderr, flush=True)
    print(json.dumps(result))


def of_service(service: str, count: int) -> Json:
    return measured(record.turns(service), count)


def measured(tape: Tape, count: int) -> Json:
    """Of ``count`` turns."""
    replay, sessions, turns, wanted, came = Replay(tape), 1, 0, 0, 0
    odd = calls = 0
    held: list[tuple[float, float]] = []
    resident: list[tuple[float, float]] = []
    first_kinds = kinds = None
    while turns < count:
        part = tape.parts[turns % len(tape.parts)]
        before = replay.replies
        replay.play(part, turns)
        turns += 1
        wanted += part.replies
        came += replay.replies - before
        if replay.ended is not None:
            odd, calls, sessions = odd + replay.odd, calls + replay.calls, sessions + 1
            replay = Replay(tape)
        if turns % (count // POINTS) == 0:
            size, kinds = footprint.reachable(replay.codec)
            first_kinds = first_kinds if first_kinds is not None else kinds
            held.append((turns, size))
            resident.append((turns, 1000 * footprint.resident_mb()))
    assert first_kinds is not None and kinds is not None
    return {
        "turns": turns,
        "sessions": sessions,
        "replies": came,
        "replies_on_tape": wanted,
        "odd_calls": odd + replay.odd,
        "calls": calls + replay.calls,
        "held_bytes": round(held[0][1]),
        "held_growth_bytes": round(held[-1][1] - held[0][1]),
        "held_most_growth_bytes": round(max(size for _, size in held) - held[0][1]),
        "held_bytes_per_1000": 1000 * footprint.slope(held),
        "resident_growth_kb": resident[-1][1] - resident[0][1],
        "resident_kb_per_1000": 1000 * footprint.slope(resident),
        "more_of": dict((kinds - first_kinds).most_common(5)),
    }


if __name__ == "__main__":
    main()
