"""What judges of a run have in common: checks with their evidence, and the table of services."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from device.simulator.outcome import Outcome
from device.simulator.report import Json

HEADINGS = ("service", "result", "way", "turns", "reply after", "cut after", "heard error")


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that should have happened, and what shows that it did or did not."""

    what: str
    ok: bool
    evidence: str


def turn_of(outcome: Outcome, text: str) -> Json | None:
    """The first turn in which ``text`` was answered; None: it was not."""
    turns: list[Json] = outcome.summary["turns"]
    return next((turn for turn in turns if turn["text"] == text), None)


def latency(turn: Json) -> str:
    return f"the reply began {turn['latency_ms']:.0f} ms after the last sample"


def service_row(name: str, outcome: Outcome, *, passed: bool) -> tuple[str, ...]:
    """One line of the table. Latencies and errors are medians."""
    summary = outcome.summary
    asked = len(summary["utterances"])
    proxied = (summary.get("service") or {}).get("proxied", True)
    return (
        name,
        "passed" if passed else "FAILED",
        "proxy" if proxied else "direct",
        f"{len(summary['turns'])} of {asked}",
        _ms(summary["latency_ms"]),
        _ms(summary["cut_ms"], digits=1),
        _ms(summary["heard_error_ms"]),
    )


def service_table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of equal columns, with a heading; rows may be shorter than it is."""
    every = [HEADINGS, *rows]
    padded = [[*row, *[""] * (len(HEADINGS) - len(row))] for row in every]
    widths = [max(len(row[at]) for row in padded) for at in range(len(HEADINGS))]
    return [
        "  ".join(f"{v:<{w}}" for v, w in zip(row, widths, strict=True)).rstrip() for row in padded
    ]


def _ms(figure: Json, *, digits: int = 0) -> str:
    return f"{figure['median']:.{digits}f} ms" if figure.get("n") else "-"
