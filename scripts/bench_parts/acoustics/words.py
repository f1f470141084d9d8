"""Measured numbers in the words of the acoustic table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REPORTED = "reported"  #: in place of a limit, where there is none

Shares = Mapping[str, Any]


def share(found: Shares) -> str:
    """ "97.5 % (n = 120, 95 %: 93-99)" of a proportion with its interval."""
    return (
        f"{percent(found)} (n = {found['n']}, 95 %: {100 * found['low']:.0f}-"
        f"{100 * found['high']:.0f})"
    )


def percent(found: Shares) -> str:
    """ "97.5 %", without a decimal where it says nothing."""
    return f"{round(100 * found['rate'], 1):g} %"


def at_most(limit_percent: float) -> str:
    return f"at most {limit_percent:g} %"


def spread(times: Shares, most: str = "p90") -> str:
    """ "median 98 ms, p90 140 ms (n = 90)"; "never" where nothing happened."""
    if not times["n"]:
        return "never"
    return f"median {times['p50']:.0f} ms, {most} {times[most]:.0f} ms (n = {times['n']})"
