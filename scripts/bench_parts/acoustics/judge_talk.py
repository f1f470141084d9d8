"""The rows of the acoustic table about talking over a reply, and what they must reach."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from scripts.bench_parts.acoustics.stats import Proportion, poisson_upper, wilson
from scripts.bench_parts.acoustics.words import REPORTED, at_most, percent, share, spread
from scripts.bench_parts.readme_table import Row

Json = dict[str, Any]
Results = Mapping[str, Json]

MODE = "normal"  #: the default of [turn] barge_in
FOUND_PERCENT, DUCKED_MS, CUT_MS = 97, 100.0, 700.0
CUT_BY_OTHERS_PERCENT = 5
#: By so much the medians of the run over ALSA may differ from those of the classes alone.
AGREE_DUCKED_MS, AGREE_CUT_MS = 60.0, 200.0
WANTED = {
    "user_interruption": "responded",
    "user_backchannel": "resumed",
    "talking_to_others": "resumed",
    "background_speech": "resumed",
}


def bargein_rows(results: Results) -> Iterator[Row]:
    result = results["bargein"]
    found = result["modes"][MODE]
    hits = found["interruptions_found"]
    others = {mode: one for mode, one in result["modes"].items() if mode not in (MODE, "off")}
    yield Row(
        "barge-in: true interruptions found, -10 to +5 dB against the echo",
        f"{FOUND_PERCENT} %",
        share(hits) + _in_modes(others, "interruptions_found"),
        100 * hits["rate"] >= FOUND_PERCENT,
    )
    for what, key, limit_ms in (
        ("ducked", "onset_to_ducked_ms", DUCKED_MS),
        ("cut", "onset_to_cut_ms", CUT_MS),
    ):
        times, bins = found[key], result["histogram_ms"]
        low, high = median_interval(bins["edges"], bins[what])
        yield Row(
            f"barge-in: onset to {what}",
            f"median {limit_ms:g} ms",
            f"{spread(times)}; median 95 %: {low:.0f}-{high:.0f}",
            bool(times["n"]) and times["p50"] <= limit_ms,
        )
    cut = found["acknowledgements_and_noises_cut"]
    yield Row(
        "barge-in: acknowledgements (synthetic) and noises that cut the reply",
        at_most(CUT_BY_OTHERS_PERCENT),
        f"{share(cut)}; acknowledgements {share(found['acknowledgements_cut'])}, noises "
        f"{share(found['noises_cut'])}" + _in_modes(others, "acknowledgements_and_noises_cut"),
        100 * cut["rate"] <= CUT_BY_OTHERS_PERCENT,
    )
    own = {name: one[MODE] for name, one in result["own_replies"].items()}
    yield Row(
        "barge-in: cuts and ducks by the device's own replies",
        REPORTED,
        "; ".join(
            f"{name.replace('_', ' ')}: {one['cuts']} cuts, {one['ducks_a_minute']:g} ducks/min "
            f"in {one['minutes']:g} min"
            for name, one in own.items()
        ),
        True,
    )


def median_interval(edges: Sequence[float], counts: Sequence[float]) -> tuple[float, float]:
    """Between which edges of a histogram the median lies, with 95 %: from order statistics
    (ranks n/2 less and plus 0.98 times the root of n), so as wide as the bins at least."""
    total = sum(counts)
    if not total:
        return edges[0], edges[-1]
    first = max(0.0, total / 2 - 0.98 * math.sqrt(total))
    last = min(total, total / 2 + 0.98 * math.sqrt(total))
    below = [0.0, *itertools.accumulate(counts)]
    low = max(place for place in range(len(counts)) if below[place] <= first)
    high = min(place for place in range(1, len(below)) if below[place] >= last)
    return edges[low], edges[high]


def _in_modes(modes: Mapping[str, Json], key: str) -> str:
    return "".join(f"; {mode} {percent(one[key])}" for mode, one in modes.items())


def alsa_rows(results: Results) -> Iterator[Row]:
    """Judged where the classes were measured in the same run, else reported."""
    room = results["alsa"]
    classes = results["bargein"]["modes"][MODE] if "bargein" in results else None
    limit = "as the classes alone" if classes else REPORTED
    where = f"over ALSA in the simulated room ({room['seconds']:.0f} s)"
    for what, found, tried, key in (
        ("interruptions found", "found", "interruptions", "interruptions_found"),
        (
            "acknowledgements that cut",
            "acknowledgements_that_cut",
            "acknowledgements",
            "acknowledgements_cut",
        ),
    ):
        yield Row(
            f"{where}: {what}",
            limit,
            share(Proportion.of(room[found], room[tried]).as_dict())
            + (f"; the classes {share(classes[key])}" if classes else ""),
            not classes or overlaps(room[found], room[tried], classes[key]),
        )
    for what, key, apart in (
        ("ducked", "onset_to_ducked_ms", AGREE_DUCKED_MS),
        ("cut", "onset_to_cut_ms", AGREE_CUT_MS),
    ):
        times = room[key]
        median = times.get("median", float("inf"))
        yield Row(
            f"{where}: onset to {what}",
            f"{limit}, within {apart:g} ms" if classes else limit,
            (f"median {median:.0f} ms, most {times['most']:.0f} ms" if times["n"] else "never")
            + f" (n = {times['n']})"
            + (f"; the classes {spread(classes[key])}" if classes else ""),
            not classes or abs(median - classes[key].get("p50", float("inf"))) <= apart,
        )
    yield Row(
        f"{where}: self-interruptions",
        "0",
        f"{room['self_interruptions']} (95 %: at most "
        f"{poisson_upper(room['self_interruptions']):.1f})",
        room["self_interruptions"] == 0,
    )


def overlaps(found: int, tried: int, other: Mapping[str, Any]) -> bool:
    """Whether the two proportions' 95 % intervals have anything in common."""
    low, high = wilson(found, tried)
    return low <= other["high"] and other["low"] <= high


def duplex_rows(results: Results) -> Iterator[Row]:
    found = results["duplex"]["modes"][MODE]
    for name, wanted in WANTED.items():
        one = found[name]
        words = ", ".join(
            f"{word} {share(one[word]) if word == wanted else percent(one[word])}"
            for word in ("responded", "resumed", "uncertain")
        )
        yield Row(
            f"Full-Duplex-Bench v1.5: {name.replace('_', ' ')} (wanted: {wanted})",
            REPORTED,
            f"{words}; stop latency {spread(one['stop_latency_ms'])}; response latency, local "
            f"part {spread(one['response_latency_ms'])}",
            True,
        )
