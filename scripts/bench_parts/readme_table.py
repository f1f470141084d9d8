"""A table of measurements between two marks of a README: which rows stand, which are new."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from re import Pattern

Marks = tuple[str, str]

MARKS: Marks = ("<!-- bench -->", "<!-- /bench -->")
ACOUSTIC_MARKS: Marks = ("<!-- acoustics -->", "<!-- /acoustics -->")
_ON, _NOT_YET = "On ", "; nothing was measured on a Raspberry Pi yet."
_HEAD = ["| what | limit | measured | |", "|---|---|---|---|"]


@dataclass(frozen=True)
class Row:
    """``what`` was measured, at most or least ``limit``, and ``value`` in words."""

    what: str
    limit: str
    value: str
    met: bool

    def line(self) -> str:
        verdict = "met" if self.met else "**MISSED**"
        return f"| {self.what} | {self.limit} | {self.value} | {verdict} |"


@dataclass(frozen=True)
class Standing:
    """A README as it stands: the text around the table, the machine, the rows' lines."""

    before: str
    after: str
    machine: str
    lines: Sequence[str]
    marks: Marks = MARKS


def standing(text: str, marks: Marks = MARKS) -> Standing:
    """Raises ValueError where the README has no ``marks``."""
    before, begun, rest = text.partition(marks[0])
    table, ended, after = rest.partition(marks[1])
    if not (begun and ended):
        raise ValueError(f"README.md has no table between {marks[0]} and {marks[1]}")
    lines = table.strip().splitlines()
    machines = [
        line.removeprefix(_ON).removesuffix(_NOT_YET) for line in lines if line.endswith(_NOT_YET)
    ]
    rows = [line for line in lines if line.startswith("|") and line not in _HEAD]
    return Standing(before, after, machines[0] if machines else "", rows, marks)


def name_of(line: str) -> str:
    """What a row's line measures."""
    return line.removeprefix("| ").partition(" | ")[0]


def kept(old: Standing, measured: Sequence[str], owners: Mapping[str, Pattern[str]]) -> list[str]:
    """The lines of the parts that were not measured; those of no known part are kept too."""
    return [line for line in old.lines if _part_of(line, owners) not in measured]


def unlike(
    old: Standing, machine: str, parts: Sequence[str], owners: Mapping[str, Pattern[str]]
) -> str:
    """Why the rows of ``parts``, measured on ``machine``, must not stand beside those that are
    kept; empty where they may."""
    if old.machine == machine or not kept(old, parts, owners):
        return ""
    return (
        f"README.md's other rows were measured on another machine ({old.machine}; this is "
        f"{machine}): measure all parts, without --only"
    )


def rewritten(
    old: Standing,
    machine: str,
    rows: Mapping[str, Sequence[Row]],
    owners: Mapping[str, Pattern[str]],
) -> str:
    """The README with the measured parts' ``rows`` in the place of their older ones.

    ``owners``: every part, in the table's order, and how the names of its rows are known.
    """
    stays = kept(old, list(rows), owners)
    lines = [f"{_ON}{machine}{_NOT_YET}", "Rows marked MISSED are open work.", "", *_HEAD]
    for part in owners:
        lines += [row.line() for row in rows.get(part, ())]
        lines += [line for line in stays if _part_of(line, owners) == part]
    lines += [line for line in stays if not _part_of(line, owners)]
    return old.before + "\n".join([old.marks[0], *lines, old.marks[1]]) + old.after


def _part_of(line: str, owners: Mapping[str, Pattern[str]]) -> str:
    return next((part for part, names in owners.items() if names.match(name_of(line))), "")
