"""The rows of the acoustic table about microphones: levels, noise, arrays. None has a limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from scripts.bench_parts.acoustics.words import REPORTED, percent, share
from scripts.bench_parts.readme_table import Row

Json = dict[str, Any]
Results = Mapping[str, Json]

QUIET, NOISY, ROOM = "-30 dB", "0 dB", "RT60 0.35 s, 5 dB"


def array_rows(results: Results) -> Iterator[Row]:
    found = results["array"]
    if "level" in found:
        yield _heard(
            f"microphones: wake word in recordings {QUIET[1:]} too quiet", found["level"][QUIET]
        )
    if "cleaned" in found:
        yield _heard(
            f"microphones: wake word in noise as loud as it ({NOISY}), cleaned",
            found["cleaned"][NOISY],
        )
    if "array" in found:
        beam = found["array"][NOISY]
        names = ("one channel", "any of the four", "beam", "beam 90 degrees off")
        gain = beam["beam_gain_db"]
        yield Row(
            f"microphones: four on a circle of 45 mm, wake word in noise as loud as it ({NOISY})",
            REPORTED,
            _by_name({name: beam[name] for name in names})
            + f"; the beam's gain median {gain['p50']:.1f} dB",
            True,
        )
    if "direction" in found:
        one = found["direction"][ROOM]
        yield Row(
            f"microphones: direction of the speaker from one word, {ROOM}",
            REPORTED,
            f"told {percent(_others(one['unknown']))}; of these within 10 degrees "
            f"{share(one['within_10_deg'])}",
            True,
        )
    if "health" in found:
        one = found["health"]
        yield Row(
            f"microphones: false alarms about them in {one['recordings']:.0f} recordings",
            REPORTED,
            f"{one['false_alarms']:.0f} in {one['seconds'] / 60:.0f} min (95 %: at most "
            f"{one['upper_95_per_hour']:.0f} an hour)",
            True,
        )


def _heard(what: str, ways: Mapping[str, Json]) -> Row:
    return Row(what, REPORTED, _by_name({name: way["wake"] for name, way in ways.items()}), True)


def _by_name(shares: Mapping[str, Json]) -> str:
    """The first with its interval, the others beside it: all are of the same recordings."""
    first, *rest = shares.items()
    return f"{first[0]} {share(first[1])}" + "".join(f"; {n} {percent(one)}" for n, one in rest)


def _others(found: Mapping[str, Any]) -> dict[str, float]:
    return {"rate": 1 - found["rate"]}
