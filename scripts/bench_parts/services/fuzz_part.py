"""A million random and mutated messages over all codecs: none raises, stalls or grows.

    .venv/bin/python -m scripts.bench_parts.services.fuzz_part [--quick] [--seed N] [--tapes DIR]
    .venv/bin/python -m scripts.bench_parts.services.fuzz_part --repeat FILE

Prints one JSON object. The messages are made from those that each service's stand-in sent in a
conversation (``mutate.py``), mixed with commands and the passing of time (``fuzz_session.py``).
Whatever goes wrong is written to out/fuzz, from where ``--repeat`` plays it again. All follows
from the seed and the tapes, which are kept in out/fuzz as well.
"""

from __future__ import annotations

import argparse
import gc
import json
import pickle
import sys
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from random import Random
from typing import Any

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.providers import SERVICES  # noqa: E402
from scripts.bench_parts.services import footprint, record  # noqa: E402
from scripts.bench_parts.services.fuzz_session import (  # noqa: E402
    FailedError,
    Failure,
    Session,
    repeat,
)
from scripts.bench_parts.services.mutate import Mutator, words_of  # noqa: E402
from scripts.bench_parts.services.tape import Tape  # noqa: E402

TOTAL, QUICK_TOTAL = 1_000_000, 7_000
LENGTHS = (40, 200, 200, 1000, 5000)
MOST_KEPT = 20  #: failures of a service that are written down
MOST_FAILED = 1000  #: behind so many there is no sense in going on
OUT = REPO / "out" / "fuzz"

Json = dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="some thousand messages")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--service", nargs="+", choices=[*SERVICES], default=[*SERVICES])
    parser.add_argument("--tapes", type=Path, help="where those of an earlier run are")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="a failure that was written")
    asked = parser.parse_args()
    if asked.repeat:
        return _repeat(asked.repeat)
    count = -(-(QUICK_TOTAL if asked.quick else TOTAL) // len(SERVICES))
    result: Json = {"seed": asked.seed}
    for service in asked.service:
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as apart:
            work = apart.submit(of_service, service, count, asked.seed, asked.tapes)
            result[service] = found = work.result()
        line = f"{service}: {found['messages']} messages, {found['failed']} failed"
        print(line, file=sys.stderr, flush=True)
    print(json.dumps(result))
    return 0


def of_service(service: str, count: int, seed: int, tapes: Path | None) -> Json:
    OUT.mkdir(parents=True, exist_ok=True)
    path = (tapes or OUT) / f"{service}.tape"
    if tapes is None:
        record.turns(service).save(path)
    return measured(Tape.load(path), count, seed, OUT)


def measured(tape: Tape, count: int, seed: int, out: Path) -> Json:
    """``count`` messages and as much else; failures go to ``out``."""
    steps = [step for part in (tape.opening, *tape.parts) for step in part.steps]
    corpus = [step.what[0] for step in steps if step.kind == "received"]
    words = words_of(tape.service)
    messages = sessions = opened = failed = written = held = 0
    slowest_ms, began_mb = 0.0, 0.0
    why: Counter[str] = Counter()
    while messages < count and failed < MOST_FAILED:
        rng = Random(f"{seed} {tape.service} {sessions}")
        length = min(rng.choice(LENGTHS), count - messages)
        session = Session(tape, Mutator(rng, corpus, words), rng, length)
        gc.disable()  # a collection in the midst of a call is no stall of the codec's
        try:
            session.run()
        except FailedError as error:
            failed += 1
            why[error.failure.words[:100]] += 1
            if written < MOST_KEPT:
                written += 1
                _write(error, out / f"{tape.service}-{seed}-{sessions}.failure")
        finally:
            gc.enable()
        patient = session.patient
        sessions, messages = sessions + 1, messages + patient.messages
        opened += patient.laws.open
        slowest_ms = max(slowest_ms, patient.slowest_ms)
        held = max(held, footprint.reachable(patient.codec)[0])
        if not began_mb and messages >= count / 10:
            began_mb = footprint.resident_mb()
    return {
        "messages": messages,
        "sessions": sessions,
        "opened": opened,
        "failed": failed,
        "why": dict(why.most_common(10)),
        "slowest_ms": slowest_ms,
        "held_bytes": held,
        "resident_growth_mb": footprint.resident_mb() - began_mb,
    }


def _write(error: FailedError, path: Path) -> None:
    path.write_bytes(pickle.dumps(error.failure))
    trace = "".join(traceback.format_exception(error))
    path.with_suffix(".txt").write_text(trace, encoding="utf-8", errors="replace")


def _repeat(path: Path) -> int:
    failure = pickle.loads(path.read_bytes())
    assert isinstance(failure, Failure)
    again = repeat(failure)
    print(f"was: {failure.words}\nnow: {again or 'nothing goes wrong'}")
    return 1 if again else 0


if __name__ == "__main__":
    sys.exit(main())
