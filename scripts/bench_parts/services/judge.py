"""The rows of the services' table: what was measured, and whether it is within its limit."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from scripts.bench_parts.readme_table import Row
from scripts.bench_parts.services import life_part

COST_PERCENT, ENCODE_MS, DECODE_MS = 1.0, 0.2, 2.0
HELD_GROWTH_BYTES = 65_536
RESIDENT_KB_PER_1000 = 100.0
FUZZ_MESSAGES, FUZZ_STALL_MS = 1_000_000, 50.0
FUZZ_HELD_BYTES, FUZZ_GROWTH_MB = 4_000_000, 10.0
READY_S, RESIDENT_MB = 3.0, 150.0

Json = dict[str, Any]


def codec_rows(result: Json) -> Iterator[Row]:
    pace = statistics.median(one["arithmetic_ms"] for one in result.values())
    many = f"{len(result)} services"
    rounds = sum(one["rounds"] for one in result.values())
    left_out = sum(one["left_out"] for one in result.values())
    costs = {name: one["percent"] for name, one in result.items()}
    yield Row(
        f"codec: CPU of one core in full duplex, 20 ms chunks up and a reply down, {many}",
        f"{COST_PERCENT:g} % each",
        f"{_spread(costs, '.2f', ' %')} (n = {rounds} rounds, {left_out} left out as slow); the "
        f"fixed arithmetic took {pace:.2f} ms meanwhile",
        max(costs.values()) <= COST_PERCENT,
    )
    encodes = {name: one["encode_ms"] for name, one in result.items()}
    ratio = max(one["encode_ratio"] for one in result.values())
    chunks = sum(one["chunks"] for one in result.values())
    yield Row(
        f"codec: a 20 ms chunk encoded, median, {many}",
        f"{ENCODE_MS:g} ms each",
        f"{_spread(encodes, '.3f', ' ms')} (n = {chunks}); at most {ratio:.3f} x the arithmetic",
        max(encodes.values()) <= ENCODE_MS,
    )
    decodes = {name: one["decode_ms"] for name, one in result.items()}
    ratio = max(one["decode_ratio"] for one in result.values())
    count = sum(one["decoded"] for one in result.values())
    sizes = [one["message_bytes"] / 1000 for one in result.values()]
    whole = all(one["heard_whole"] for one in result.values())
    yield Row(
        f"codec: the heaviest message, 1 s of sound ({min(sizes):.0f} to {max(sizes):.0f} kB), "
        f"decoded, median, {many}",
        f"{DECODE_MS:g} ms each",
        f"{_spread(decodes, '.2f', ' ms')} (n = {count}); at most {ratio:.2f} x the arithmetic"
        + ("" if whole else "; NOT heard whole"),
        max(decodes.values()) <= DECODE_MS and whole,
    )


def memory_rows(result: Json) -> Iterator[Row]:
    growth = {name: one["held_growth_bytes"] / 1000 for name, one in result.items()}
    lines = {name: one["resident_kb_per_1000"] for name, one in result.items()}
    turns = min(one["turns"] for one in result.values())
    replies = sum(one["replies"] for one in result.values())
    on_tape = sum(one["replies_on_tape"] for one in result.values())
    played = replies >= 0.99 * on_tape
    yield Row(
        f"memory: held by a codec, growth over {turns} turns after the first tenth, "
        f"{len(result)} services",
        f"{HELD_GROWTH_BYTES / 1000:.0f} kB each",
        f"{_spread(growth, '+.1f', ' kB')}; {replies} of {on_tape} replies came as on the tapes",
        max(growth.values()) * 1000 <= HELD_GROWTH_BYTES and played,
    )
    yield Row(
        f"memory: resident in these {turns} turns, slope of the fitted line",
        f"{RESIDENT_KB_PER_1000:g} kB in 1000 turns each",
        _spread(lines, "+.1f", " kB"),
        max(lines.values()) <= RESIDENT_KB_PER_1000,
    )


def fuzz_rows(result: Json) -> Iterator[Row]:
    found = {name: one for name, one in result.items() if name != "seed"}
    messages = sum(one["messages"] for one in found.values())
    failed = sum(one["failed"] for one in found.values())
    sessions = sum(one["sessions"] for one in found.values())
    slowest = max(found, key=lambda name: found[name]["slowest_ms"])
    held = max(one["held_bytes"] for one in found.values()) / 1000
    grown = max(one["resident_growth_mb"] for one in found.values())
    yield Row(
        f"fuzz: random and mutated messages ({len(found)} services, {sessions} sessions, seed "
        f"{result['seed']})",
        f"{FUZZ_MESSAGES} without exception, broken contract, call over {FUZZ_STALL_MS:.0f} ms",
        f"{messages}: {failed} went wrong; slowest call {found[slowest]['slowest_ms']:.1f} ms "
        f"({slowest})",
        messages >= FUZZ_MESSAGES and not failed,
    )
    yield Row(
        "fuzz: growth in them",
        f"{FUZZ_HELD_BYTES / 1e6:.0f} MB held by a codec, {FUZZ_GROWTH_MB:.0f} MB resident",
        f"at most {held:.0f} kB held at the end of a session; resident {grown:+.1f} MB",
        held * 1000 <= FUZZ_HELD_BYTES and grown <= FUZZ_GROWTH_MB,
    )


def guided_rows(result: Json) -> Iterator[Row]:
    found = {name: one for name, one in result.items() if name != "seed"}
    runs = sum(one["runs"] for one in found.values())
    crashed = sum(one["crashed"] for one in found.values())
    first = sum(one["covered_at_first"] for one in found.values())
    covered = sum(one["covered"] for one in found.values())
    yield Row(
        f"guided fuzz: inputs that a coverage-guided fuzzer (atheris) made from conversations, "
        f"{len(found)} services",
        "no exception, broken contract, stall",
        f"{runs} ({min(one['runs'] for one in found.values())} or more each): {crashed} services "
        f"went wrong; places in the code reached {first} at first, {covered} at the end",
        not crashed,
    )


def start_rows(result: Json) -> Iterator[Row]:
    default, network, imports = (result[name] for name in ("default", "network", "imports"))
    yield Row(
        f"start: to READY with the default service (n = {default['starts']})",
        f"median {READY_S:g} s",
        f"median {default['ready_s']:.1f} s; with {network['service']} {network['ready_s']:.1f} s",
        default["ready_s"] <= READY_S,
    )
    yield Row(
        "start: resident memory of the appliance with the default service",
        f"{RESIDENT_MB:g} MB",
        f"{default['resident_mb']:.0f} MB; with {network['service']} {network['resident_mb']:.0f} "
        "MB (220 allowed where Smart Turn is loaded)",
        default["resident_mb"] <= RESIDENT_MB,
    )
    one, every = imports["default"], imports["all"]
    yield Row(
        "start: importing the default service's codec, and all of them",
        "reported",
        f"{one['ms']:.0f} ms, {one['mb']:.1f} MB; all: {every['ms']:.0f} ms, {every['mb']:.1f} MB",
        True,
    )


ROWS: Mapping[str, Callable[[Json], Iterator[Row]]] = {
    "codec": codec_rows,
    "memory": memory_rows,
    "fuzz": fuzz_rows,
    "guided": guided_rows,
    "start": start_rows,
    "life": lambda result: iter(life_part.judged(result)),
}


def _spread(values: Mapping[str, float], form: str, unit: str) -> str:
    """The most, by whom, and the median of the services."""
    worst = max(values, key=lambda name: values[name])
    middle = statistics.median(values.values())
    return f"at most {values[worst]:{form}}{unit} ({worst}), half of them {middle:{form}} or less"
