"""Runs a scenario with the whole appliance and reads what came out."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Line = dict[str, Any]

STALLS = 5
"""A quiet machine lets the room's engine come late once or never in a run."""


class MachineBusyError(AssertionError):
    """Something failed in a run in which the machine itself stood still: it shows nothing."""


def disturbance(summary: dict[str, Any]) -> str:
    """How the machine disturbed this run, by what the simulator measured; empty: it did not."""
    room = summary.get("room", {})
    if room.get("engine_stalls", 0) >= STALLS:
        return f"the room's engine stalled {room['engine_stalls']} times"
    return next((w for w in summary.get("warnings", ()) if "lost sound" in w), "")


@dataclass(frozen=True)
class Run:
    """A finished run: exit status, console output, timeline, summary, its folder."""

    status: int
    output: str
    timeline: list[Line]
    summary: dict[str, Any]
    folder: Path

    def all(self, event: str, **fields: object) -> list[Line]:
        """The timeline's lines of ``event`` whose fields are these."""
        return [
            line
            for line in self.timeline
            if line["event"] == event and all(line.get(k) == v for k, v in fields.items())
        ]

    def first(self, event: str, after: float = float("-inf"), **fields: object) -> Line:
        """The first such line after ``after`` seconds; an assertion that shows the run if none."""
        for line in self.all(event, **fields):
            if line["t"] > after:
                return line
        raise AssertionError(f"no {event} {fields} after {after}:\n{self.story()}")

    def story(self) -> str:
        lines = [
            f"{line['t']:8.3f} {line['event']} "
            + " ".join(f"{k}={v}" for k, v in line.items() if k not in ("t", "event"))
            for line in self.timeline
        ]
        return "\n".join([*lines, self.output[-2000:]])


def undisturbed(make: Callable[[Path], Run], folder: Path) -> Run:
    """What ``make`` ran in a folder below this one; made again, at most twice, while the machine
    disturbs it. For fixtures, which a test that is run again does not make again."""
    run = make(folder / "first")
    for again in ("second", "third"):
        if not disturbance(run.summary):
            break
        run = make(folder / again)
    return run


def simulate(folder: Path, scenario: str, config: str = "", options: tuple[str, ...] = ()) -> Run:
    """Run ``scenario`` (TOML text) with ``config`` (TOML text) on top of the defaults, and
    further ``options`` of the command."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scenario.toml").write_text(scenario)
    command = [sys.executable, "-m", "device.cli.main", "simulate", "scenario.toml", "--out", "out"]
    if config:
        (folder / "config.toml").write_text(config)
        command += ["--config", "config.toml"]
    command += options
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=150, check=False
    )
    out = folder / "out"
    lines = (out / "timeline.jsonl").read_text().splitlines()
    return Run(
        done.returncode,
        done.stdout + done.stderr,
        [json.loads(line) for line in lines],
        json.loads((out / "summary.json").read_text()),
        out,
    )
