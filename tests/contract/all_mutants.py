"""Every mutant of every codec: ``python -m tests.contract.all_mutants [SERVICE ...]``.

Takes minutes. Prints a line for each and ends with 1 when one survives that is no equivalent.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from zlib import crc32

from tests.contract.cases import CASES, Case
from tests.contract.hunt import Verdict, hunts
from tests.contract.mutants import (
    COMMON,
    MOST_FIELDS,
    MOST_FRAMES,
    MOST_PAIRS,
    Mutant,
    all_mutants,
)

Prey = tuple[Case, Mutant, bool]


async def verdicts_of(case: Case, device_ends: bool) -> list[Verdict]:
    """Of those that the codec has, a few more than it has being tried at a time."""
    found: list[Verdict] = []
    drops = [m for m in all_mutants() if m.what == "drop"]
    found += await hunts(((case, m, device_ends) for m in drops), _tell)
    kinds = {"swap": MOST_PAIRS, "unsent": MOST_FRAMES, "renamed": MOST_FIELDS}
    for what, most in kinds.items():
        for start in range(0, most, 6):
            some = [Mutant(what, str(n)) for n in range(start, min(start + 6, most))]
            verdicts = await hunts(((case, m, device_ends) for m in some), _tell)
            found += verdicts
            if not all(one.about for one in verdicts):
                break
    return [one for one in found if one.about]


def _tell(verdict: Verdict) -> None:
    if verdict.about:
        print(verdict, flush=True)


def main(wanted: list[str]) -> int:
    cases = [case for case in CASES if not wanted or case.name in wanted]
    wrong: list[Verdict] = []
    for case in cases:
        counts: Counter[str] = Counter()
        began = time.monotonic()
        for device_ends in case.ends:
            verdicts = asyncio.run(verdicts_of(case, device_ends))
            for one in verdicts:
                fate = "killed" if one.killed_by else "equivalent" if one.is_right else "survived"
                counts[fate] += 1
            wrong += [one for one in verdicts if not one.is_right]
        print(f"== {case}: {dict(counts)} in {time.monotonic() - began:.0f} s", flush=True)
    for one in wrong:
        print(one)
    return 1 if wrong else 0


def sample(cases: tuple[Case, ...], count: int, seed: str) -> list[Prey]:
    """Always the same few of each codec. Of events those that nearly all emit, and of what is
    counted the first: to find that a codec has no such mutant takes longest."""
    likely = [m for m in all_mutants() if m.which in COMMON or m.which == "0"]
    prey: list[Prey] = []
    for case in cases:
        by_chance = sorted(likely, key=lambda m: crc32(f"{seed}/{case}/{m}".encode()))
        prey += [(case, m, case.ends[n % len(case.ends)]) for n, m in enumerate(by_chance[:count])]
    return prey


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
