"""What a part has measured, judged: the rows of the acoustic table, with the limits they must
reach. One function a part; each takes the JSON objects of all parts that were run, by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from scripts.bench_parts.acoustics.judge_array import array_rows
from scripts.bench_parts.acoustics.judge_talk import alsa_rows, bargein_rows, duplex_rows
from scripts.bench_parts.acoustics.stats import poisson_upper
from scripts.bench_parts.acoustics.turn_rows import rows as turn_rows
from scripts.bench_parts.acoustics.words import REPORTED, at_most, percent, share
from scripts.bench_parts.readme_table import Row

Json = dict[str, Any]
Results = Mapping[str, Json]

#: VAD events and self-wakes of 30 min after the first 5 s, and within them.
SELF = {"linear": 0, "clipping": 0, "skew_50ppm": 1, "moved": 0}
SELF_EARLY = 2
ROOMS = {
    "linear": "linear",
    "clipping": "clipping speaker",
    "skew_50ppm": "50 ppm skew",
    "moved": "moved echo path",
}
OVER_OWN = {"linear 0 dB": 90, "linear -5 dB": 90, "linear -10 dB": 85, "clipping 0 dB": 75}
LEAST_RECORDINGS = 60
KEPT_PERCENT, LEVEL_DB = 93, 3.0
DROP_DB, LEFT_PERCENT = 15.0, 1
RECALL_PERCENT, NEAR_PERCENT = 93, 5
IDLE_PERCENT, REPLY_PERCENT, MEMORY_MB = 4.0, 8.0, 220.0
STEEPER, CPU_NOISE, MEMORY_NOISE_MB = 1.2, 0.1, 1.0
#: Amazon's pass marks in per cent; half of each is aimed at.
AMAZON = {"silence": 10, "stationary noise": 20, "external music": 20, "own playback": 33}
AMAZON_A_DAY, AMAZON_DELAY_MS = 3, 1000


def echo_rows(results: Results) -> Iterator[Row]:
    found = results["echo"]
    for name, one in found.get("replies", {}).items():
        woken, cuts = one["self_wakes_after"], one["cuts"] - one["cuts_early"]
        early = one["cuts_early"] + one["self_wakes_early"]
        yield Row(
            f"self-interruptions and self-wakes in {one['minutes']:g} min of own replies, "
            f"echo -10 dB, {ROOMS[name]}",
            f"{SELF[name]} after the first 5 s, {SELF_EARLY} within them",
            f"{cuts} and {woken} (95 %: at most {poisson_upper(cuts + woken):.1f}); {early} within",
            cuts + woken <= SELF[name] and early <= SELF_EARLY,
        )
        yield Row(
            f"voice-activity events of 96 ms and more in these {one['minutes']:g} min, before any "
            f"policy, {ROOMS[name]}",
            REPORTED,
            f"{one['vad_events_after']} (95 %: at most {one['after_upper_95']:.1f}); "
            f"{one['vad_events_early']} within; lowered {one['ducks_a_minute']:g} times a minute",
            True,
        )
    for name, one in found.get("wake", {}).items():
        heard = one["found"]
        enough = heard["n"] >= LEAST_RECORDINGS or "quick" in found
        yield Row(
            f'"alexa" over its own speech, {name}',
            f"{OVER_OWN[name]} %",
            f"{share(heard)}; without echo cancelling {percent(one['untreated'])}",
            enough and 100 * heard["rate"] >= OVER_OWN[name],
        )
    if said := found.get("self_wake"):
        yield Row(
            "self-wakes when the device itself says the wake word",
            REPORTED,
            ", ".join(f"{ROOMS[k]} {v['self_wakes']} of {v['said']}" for k, v in said.items()),
            True,
        )
    for name, one in found.get("double_talk", {}).items():
        kept, change = one["kept"], one["level_change_db"]
        judged = name == "linear"
        yield Row(
            f"near-end speech kept in double talk at -10 dB, of that kept in quiet, {ROOMS[name]}",
            f"{KEPT_PERCENT} %; level within {LEVEL_DB:g} dB" if judged else REPORTED,
            f"{share(kept)} frames; {change:+.1f} dB",
            not judged or (100 * kept["rate"] >= KEPT_PERCENT and abs(change) <= LEVEL_DB),
        )
    if one := found.get("real"):
        left = one["vad_frames_after"]
        yield Row(
            f"echo of a real device ({one['seconds']:g} s): level drop; VAD frames left",
            f"{DROP_DB:g} dB; {LEFT_PERCENT} %",
            f"{one['level_drop_db']:.1f} dB ({one['level_drop_whole_db']:.1f} with the first "
            f"second); {share(left)}, untreated {percent(one['vad_frames_before'])}",
            one["level_drop_db"] >= DROP_DB and 100 * left["rate"] <= LEFT_PERCENT,
        )


def wake_rows(results: Results) -> Iterator[Row]:
    found = results["wake"]["wake"]["confirm"]
    recall, near = found["recall"]["alexa"], found["near_jarvis"]
    yield Row(
        'wake with confirm: clean recall of "alexa"',
        f"{RECALL_PERCENT} %",
        share(recall) + "; after the word's end median "
        f"{found['latency_ms']['p50']:.0f} ms, p90 {found['latency_ms']['p90']:.0f} ms",
        100 * recall["rate"] >= RECALL_PERCENT,
    )
    yield Row(
        'wake with confirm: "jarvis" alone waking "hey jarvis"',
        at_most(NEAR_PERCENT),
        share(near) if near["n"] else "no recordings",
        bool(near["n"]) and 100 * near["rate"] <= NEAR_PERCENT,
    )
    yield Row(
        "wake with confirm: false accepts over all other speech and noise",
        "0",
        f"{found['false_accepts']} in {found['minutes']:.1f} min (95 %: at most "
        f"{found['false_accepts_per_hour_at_most']:.0f} an hour)",
        found["false_accepts"] == 0,
    )


def end_of_turn_rows(results: Results) -> Iterator[Row]:
    yield from turn_rows(results["turn"])


def amazon_rows(results: Results) -> Iterator[Row]:
    found = results["amazon"]
    for name, mark in AMAZON.items():
        one = found["missed"][name]
        yield Row(
            f"Amazon's self-test: missed wakes, {name}",
            f"at most {mark / 2:g} % (pass mark {mark} %)",
            share(one),
            100 * one["rate"] <= mark / 2,
        )
    plain, strict = found["false_alarms"]["default"], found["false_alarms"]["confirm"]
    yield Row(
        f"Amazon's self-test: false alarms in {plain['minutes']:.0f} min "
        f"({plain['recorded_minutes']:.0f} of them recorded, the rest synthetic)",
        f"0 (pass mark {AMAZON_A_DAY} in 24 h)",
        f"{plain['found']} (95 %: at most {plain['a_day_at_most']:.0f} in 24 h: so short a time "
        f"shows no more); with confirm {strict['found']}",
        plain["found"] == 0,
    )
    pause = found["delay"]["pause_ms"]
    shares = found["delay"]["received_by_pause_ms"]
    yield Row(
        "Amazon's self-test: wake-word delay, the pause after which 90 % of the requests come "
        "whole (at most 100 ms lost)",
        f"{AMAZON_DELAY_MS // 2} ms (pass mark {AMAZON_DELAY_MS} ms, ideally 0)",
        ("none" if pause is None else f"{pause} ms")
        + "".join(f"; {gap} ms: {share(one)}" for gap, one in list(shares.items())[:3]),
        pause is not None and pause <= AMAZON_DELAY_MS / 2,
    )


def cost_rows(results: Results) -> Iterator[Row]:
    found = results["cost"]
    for kind, limit in (("idle", IDLE_PERCENT), ("reply", REPLY_PERCENT)):
        one = found["front_end"][kind]
        extra = f"; with confirm {found['confirmed_idle']['percent']:.1f} %"
        yield Row(
            f"hearing, CPU of one core, {'idle' if kind == 'idle' else 'in a reply'}",
            f"{limit:g} %",
            f"{_rounds(one)}{extra if kind == 'idle' else ''}",
            one["percent"] <= limit,
        )
    memory = found["memory"]
    with_it = "with" if memory["smart_turn"] else "WITHOUT"
    yield Row(
        "resident memory of the appliance, the device ending the turns",
        f"{MEMORY_MB:g} MB with Smart Turn loaded",
        f"{memory['resident_mb']:.0f} MB {with_it} Smart Turn loaded",
        memory["smart_turn"] and memory["resident_mb"] <= MEMORY_MB,
    )
    for kind, names in (("channels", "microphones in a reply"), ("words", "wake words")):
        points = {int(count): one for count, one in found["growth"][kind].items()}
        for key, unit, noise in (
            ("percent", "% of a core", CPU_NOISE),
            ("resident_mb", "MB", MEMORY_NOISE_MB),
        ):
            line = [(count, one[key]) for count, one in sorted(points.items())]
            yield Row(
                f"{line[0][0]} to {line[-1][0]} {names}: {unit}",
                "at most linear",
                ", ".join(f"{count}: {value:.1f}" for count, value in line),
                at_most_linear(line, noise),
            )


def at_most_linear(line: Sequence[tuple[int, float]], noise: float) -> bool:
    """The last step is no steeper than 1.2 times the whole line; ``noise`` a unit is allowed."""
    (first, start), (before, middle), (last, end) = line[0], line[-2], line[-1]
    mean = (end - start) / (last - first)
    return (end - middle) / (last - before) <= STEEPER * max(mean, 0.0) + noise


def _rounds(one: Json) -> str:
    low, high = min(one["rounds"]), max(one["rounds"])
    return (
        f"{one['percent']:.1f} % (n = {len(one['rounds'])} rounds of {one['seconds']} s: "
        f"{low:.1f}-{high:.1f})"
    )


ROWS: dict[str, Callable[[Results], Iterator[Row]]] = {
    "echo": echo_rows,
    "bargein": bargein_rows,
    "turn": end_of_turn_rows,
    "wake": wake_rows,
    "array": array_rows,
    "cost": cost_rows,
    "alsa": alsa_rows,
    "amazon": amazon_rows,
    "duplex": duplex_rows,
}
