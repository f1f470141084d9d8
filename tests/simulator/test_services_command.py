"""``parlor simulate --service``: what it runs, in which folders, and what it prints at the end."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from device.cli import simulate_services
from device.cli.main import main
from device.simulator import director, same_conversation
from device.simulator.console import Console
from device.simulator.hosted import HostedSpec
from device.simulator.outcome import Outcome
from device.simulator.scenario import Scenario
from device.simulator.timeline import Timeline
from device.simulator.verdict import Check

Ran = list[tuple[str, str, Path | None]]


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> Ran:
    """(service, folder, scenario) of every run; the second service's appliance dies."""
    runs: Ran = []

    class FakeDirector:
        def __init__(
            self,
            scenario: Scenario,
            config: Mapping[str, Any],
            out: Path,
            console: Console,
            *,
            service: HostedSpec | None = None,
        ) -> None:
            self.scenario, self.out, self.service = scenario, out, service

        async def run(self) -> Outcome:
            name = self.service.name if self.service else ""
            if self.service is not None:
                self.service.check(self.scenario)
            runs.append((name, str(self.out), self.scenario.path))
            empty: dict[str, Any] = {"n": 0}
            parts = ("turns", "obeyed", "acknowledgements", "unanswered", "utterances", "warnings")
            summary: dict[str, Any] = {part: [] for part in parts}
            summary |= {"latency_ms": empty}
            summary["service"] = {"name": name, "proxied": True} if name else None
            summary |= {"cut_ms": empty, "heard_error_ms": empty}
            return Outcome("it died" if name == "gemini" else "", summary, None, Timeline())

    monkeypatch.setattr(director, "Director", FakeDirector)
    known = dict.fromkeys(("offline", "openai_realtime", "wiro", "gemini"))
    monkeypatch.setattr(simulate_services, "SERVICES", known)
    return runs


def scenario(folder: Path, more: str = "") -> str:
    path = folder / "s.toml"
    path.write_text(f"duration_s = 9\n{more}")
    return str(path)


def test_one_service_is_run_in_the_folder_that_is_named_and_is_told(
    ran: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "simulate",
        "--quiet",
        scenario(tmp_path),
        "--service",
        "wiro",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(words) == 0
    assert ran == [("wiro", str(tmp_path / "o"), tmp_path / "s.toml")]
    assert "it talked to the stand-in of wiro" in capsys.readouterr().out


def test_without_a_service_it_is_the_configured_one(ran: Ran, tmp_path: Path) -> None:
    assert main(["simulate", scenario(tmp_path), "--out", str(tmp_path / "o")]) == 0
    assert [name for name, _, _ in ran] == [""]


def test_all_are_run_one_after_the_other_and_told_in_a_table(
    ran: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "o"
    assert main(["simulate", scenario(tmp_path), "--service", "all", "--out", str(out)]) == 1
    assert [(name, folder) for name, folder, _ in ran] == [
        ("openai_realtime", str(out / "openai_realtime")),
        ("wiro", str(out / "wiro")),
        ("gemini", str(out / "gemini")),
    ]
    table = [line.split()[:3] for line in capsys.readouterr().out.splitlines()[-4:]]
    assert table == [
        ["service", "result", "way"],
        ["openai_realtime", "passed", "proxy"],
        ["wiro", "passed", "proxy"],
        ["gemini", "FAILED", "proxy"],
    ]


def test_a_scenario_that_cannot_be_run_on_one_of_them_is_run_on_the_others(
    ran: Ran, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    down = scenario(tmp_path, '[[cue]]\nat_s = 1\nfault = "network_down"\n')
    assert main(["simulate", down, "--service", "all", "--out", str(tmp_path / "o")]) == 1
    assert [name for name, _, _ in ran] == ["openai_realtime", "gemini"]
    said = capsys.readouterr().out
    assert "line 4: 'network_down' cannot be made with --service wiro" in said
    assert ["wiro", "refused"] in [line.split() for line in said.splitlines()]
    assert main(["simulate", down, "--service", "wiro", "--out", str(tmp_path / "o")]) == 2


def test_the_demo_of_a_service_is_the_conversation_that_is_the_same_on_all(
    ran: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged: list[Outcome] = []

    def judge(outcome: Outcome) -> list[Check]:
        judged.append(outcome)
        return []

    monkeypatch.setattr(same_conversation, "judge", judge)
    words = ["simulate", "--demo", "--service", "wiro", "--out", str(tmp_path / "o")]
    assert main(words) == 0
    assert [path for _, _, path in ran] == [same_conversation.SCENARIO]
    assert len(judged) == 1
