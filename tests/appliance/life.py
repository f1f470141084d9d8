"""Runs a scenario with stand-ins of several services, which can be looked at when it is over."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from device.cli.simulate_services import spec_of
from device.simulator.console import Console
from device.simulator.director import Director
from device.simulator.scenario import parse
from device.simulator.services.stand_in import StandIn
from tests.appliance.run import Run


@dataclass(frozen=True)
class Life(Run):
    """``stand_ins``: by name, with all that they were sent."""

    stand_ins: dict[str, StandIn] = field(default_factory=dict)

    def wire(self, **fields: object) -> list[dict[str, Any]]:
        """The rows of wire.jsonl that have these fields; none of a service that does not speak
        JSON."""
        rows = map(json.loads, (self.folder / "wire.jsonl").read_text().splitlines())
        return [row for row in rows if all(row.get(k) == v for k, v in fields.items())]

    def answered_by(self, text: str, number: int = 0) -> str:
        """Whose reply to the ``number``-th ``text`` (from 0) was heard; an assertion that shows
        the run if nobody's."""
        turns = [turn for turn in self.summary["turns"] if turn["text"] == text]
        assert len(turns) > number, f"“{text}” was not answered:\n{self.story()}"
        answers = self.summary["service"]["answers"]
        [name] = [a["service"] for a in answers if a["item_id"] == turns[number]["item_id"]]
        return str(name)

    def told(self, name: str, session: int) -> str:
        """All that this service was told in its ``session``-th connection (from 0), as text."""
        line = self.stand_ins[name].lines[session]
        return "\n".join(d for d in line.received if isinstance(d, str) and len(d) < 20_000)


def live(
    folder: Path,
    scenario: str,
    services: tuple[str, ...],
    *,
    config: dict[str, Any] | None = None,
    cap_s: float | None = None,
    offline_last: bool = False,
) -> Life:
    """``services``: the preferred one first; ``cap_s``: of its sessions."""
    stand_ins: dict[str, StandIn] = {}

    def specified(name: str) -> Any:
        return replace(spec_of(name), watch=lambda made: stand_ins.__setitem__(name, made))

    first, *others = services
    spec = replace(
        specified(first),
        cap_s=cap_s,
        fallback=tuple(specified(name) for name in others),
        offline_last=offline_last,
    )
    out, told = folder / "out", io.StringIO()
    director = Director(
        parse(scenario, folder / "scenario.toml"),
        config or {},
        out,
        Console(told, quiet=True),
        service=spec,
    )
    outcome = asyncio.run(director.run())
    lines = (out / "timeline.jsonl").read_text().splitlines()
    return Life(
        1 if outcome.failure else 0,
        "\n".join([outcome.failure, *outcome.log]),
        [json.loads(line) for line in lines],
        json.loads((out / "summary.json").read_text()),
        out,
        stand_ins,
    )
