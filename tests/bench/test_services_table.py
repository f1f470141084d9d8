"""The services' bench: what was measured is judged by the limits that were set, and shown."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from scripts.bench_parts import machine
from scripts.bench_parts.services import judge, run
from tests.bench.services_results import results

MACHINE = "AMD EPYC, x86_64, Python 3.11.2, Linux"
SECTION = "# The device\n\n<!-- services -->\nNot measured yet.\n<!-- /services -->\n\n## More\n"

Change = Callable[[dict[str, Any]], None]

MISSES: list[tuple[str, str, Change]] = [
    ("codec", "CPU", lambda r: r["vapi"].update(percent=1.01)),
    ("codec", "encoded", lambda r: r["vapi"].update(encode_ms=0.21)),
    ("codec", "decoded", lambda r: r["vapi"].update(decode_ms=2.01)),
    ("codec", "decoded", lambda r: r["vapi"].update(heard_whole=False)),
    ("memory", "held", lambda r: r["vapi"].update(held_growth_bytes=70_000)),
    ("memory", "held", lambda r: r["vapi"].update(replies=12_000)),
    ("memory", "resident", lambda r: r["vapi"].update(resident_kb_per_1000=101.0)),
    ("fuzz", "messages", lambda r: r["vapi"].update(messages=499_999)),
    ("fuzz", "messages", lambda r: r["vapi"].update(failed=1)),
    ("fuzz", "growth", lambda r: r["vapi"].update(held_bytes=5_000_000)),
    ("fuzz", "growth", lambda r: r["vapi"].update(resident_growth_mb=11.0)),
    ("guided", "guided", lambda r: r["vapi"].update(crashed=1)),
    ("start", "READY", lambda r: r["default"].update(ready_s=3.1)),
    ("start", "memory", lambda r: r["default"].update(resident_mb=151.0)),
]


@pytest.mark.parametrize("part", judge.ROWS)
def test_a_part_within_its_limits_is_met(part: str) -> None:
    rows = run.judged(part, results()[part])
    assert rows
    assert all(row.met for row in rows)


@pytest.mark.parametrize(("part", "what", "change"), MISSES)
def test_a_number_beyond_its_limit_misses_its_row_and_no_other(
    part: str, what: str, change: Change
) -> None:
    result = results()[part]
    change(result)
    missed = [row.what for row in run.judged(part, result) if not row.met]
    assert len(missed) == 1
    assert what in missed[0]


def test_the_worst_service_is_named() -> None:
    result = results()["codec"]
    result["vapi"]["percent"] = 0.77
    assert "at most 0.77 % (vapi)" in run.judged("codec", result)[0].value


@pytest.mark.parametrize("part", judge.ROWS)
def test_a_parts_rows_are_known_by_their_names_as_its_own(part: str) -> None:
    for row in run.judged(part, results()[part]):
        assert [name for name, names in run.NAMES.items() if names.match(row.what)] == [part]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A README of its own, a machine of its own, and nothing that takes an hour."""
    (tmp_path / "README.md").write_text(SECTION, encoding="utf-8")
    monkeypatch.setattr(run, "README", tmp_path / "README.md")
    monkeypatch.setattr(machine, "described", lambda: MACHINE)
    monkeypatch.setattr(run, "measure", lambda part, _quick: results()[part])
    return tmp_path


def call(bench: Path, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["bench", "--out", str(bench / "services.json"), *arguments])
    return run.main()


def test_a_run_writes_rows_into_json_and_between_the_marks(
    bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call(bench, monkeypatch, "--readme") == 0
    text = (bench / "README.md").read_text(encoding="utf-8")
    assert text.startswith(f"# The device\n\n<!-- services -->\nOn {MACHINE}; ")
    assert text.endswith("<!-- /services -->\n\n## More\n")
    record = json.loads((bench / "services.json").read_text())
    assert text.count("| met |") == len(record["rows"]) == 14


def test_one_part_leaves_the_rows_of_the_others(
    bench: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call(bench, monkeypatch, "--readme")
    before = (bench / "README.md").read_text(encoding="utf-8")
    assert call(bench, monkeypatch, "--readme", "--only", "codec") == 0
    assert (bench / "README.md").read_text(encoding="utf-8") == before
    assert "in README.md from an earlier run: memory: held" in capsys.readouterr().out


def test_a_missed_row_is_told_by_the_exit_status(
    bench: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = results()
    slow["codec"]["vapi"]["decode_ms"] = 5.0
    monkeypatch.setattr(run, "measure", lambda part, _quick: slow[part])
    assert call(bench, monkeypatch, "--only", "codec") == 1
    assert "MISSED  codec: the heaviest message" in capsys.readouterr().out


def test_a_part_that_fails_is_told_and_costs_no_other_part_its_rows(
    bench: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(part: str, _quick: bool) -> Any:
        if part == "guided":
            raise subprocess.CalledProcessError(1, part)
        return results()[part]

    monkeypatch.setattr(run, "measure", measure)
    assert call(bench, monkeypatch) == 1
    shown = capsys.readouterr().out
    assert "FAILED  guided" in shown
    assert "met     start" in shown


def test_a_quick_run_says_so_and_is_not_for_the_readme(
    bench: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        run, "measure", lambda part, quick: results()[part] | ({"quick": True} if quick else {})
    )
    assert call(bench, monkeypatch, "--quick", "--only", "fuzz") == 0
    assert "; quick: shows only that it runs" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        call(bench, monkeypatch, "--quick", "--readme")
