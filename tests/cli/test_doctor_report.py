"""The doctor's report: its lines, its JSON, its exit code; and the whole of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from device.cli.main import main
from device.doctor import examination
from device.doctor.check import Check, Status, as_json, fail, failed, ok, render, summary, warn
from tests.cli.failing import raising


def test_findings_are_aligned() -> None:
    text = render(fail("sound cards", "there is none " * 10, "plug one in " * 12), 16, 60)
    lines = text.splitlines()
    assert lines[0].startswith("FAIL  sound cards       there")
    assert all(line.startswith(" " * 24) for line in lines[1:])
    assert sum("-> " in line for line in lines) == 1
    assert max(map(len, lines)) <= 60


def test_the_summary_counts() -> None:
    assert summary([ok("a", "b")]) == "Everything is as it should be."
    assert summary([fail("a", "b"), fail("a", "b"), warn("c", "d")]) == (
        "2 things must be mended, 1 thing could be better."
    )
    assert not failed([warn("a", "b")])
    assert failed([ok("a", "b"), fail("a", "b")])


def test_json() -> None:
    document = json.loads(as_json([ok("a", "b"), fail("c", "d", "e")]))
    assert document == {
        "ok": False,
        "checks": [
            {"name": "a", "status": "ok", "says": "b", "do": ""},
            {"name": "c", "status": "fail", "says": "d", "do": "e"},
        ],
    }


def test_an_examination_that_breaks_down_is_a_finding() -> None:
    (gone,) = examination.guarded("x", raising(ModuleNotFoundError("No module named 'y'")))
    assert (gone.status, "scripts/run" in gone.do) == (Status.FAIL, True)
    (broken,) = examination.guarded("x", raising(KeyError("z")))
    assert "KeyError" in broken.says


@pytest.mark.parametrize(
    ("checks", "code"), [([ok("a", "b")], 0), ([warn("a", "b")], 0), ([fail("a", "b")], 1)]
)
@pytest.mark.parametrize("form", [[], ["--json"]])
def test_the_exit_code(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    checks: list[Check],
    code: int,
    form: list[str],
) -> None:
    monkeypatch.setattr(examination, "examine", lambda *_: iter(checks))
    assert main(["doctor", *form]) == code
    shown = capsys.readouterr().out
    if form:
        assert json.loads(shown)["ok"] is (code == 0)
    else:
        assert summary(checks) in shown


# --- the whole examination ------------------------------------------------------------


def test_this_machine_from_head_to_foot(tmp_path: Path) -> None:
    """The real probes, with devices that cannot exist: no check may break down."""
    path = tmp_path / "parlor.toml"
    path.write_text(
        '[audio]\ncapture = "hw:CARD=nowhere"\nplayback = "hw:CARD=nowhere"\n'
        '[service]\nurl = "ws://127.0.0.1:9/v1/realtime"\n'
    )
    checks = list(examination.examine(path, {}))
    by_name = {check.name: check for check in checks}
    assert len(by_name) == len(checks)
    assert not [check for check in checks if "examination itself" in check.says]
    assert by_name["packages"].status is Status.OK
    assert by_name["microphone"].status is by_name["speaker"].status is Status.FAIL
    assert by_name["wake words"].status is Status.OK
    assert by_name["voice"].status is Status.OK
    assert by_name["speech service"].status is Status.FAIL


def test_no_line_of_a_library_or_of_a_part_stands_between_the_findings() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "device.cli.main", "doctor"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "wake engine" in done.stdout
    assert "offline service   starts" in done.stdout
    assert done.stderr == ""
    *findings, empty, _summary = done.stdout.splitlines()
    assert empty == ""
    for line in findings:
        assert line.startswith(("ok ", "warn ", "FAIL ", "     "))
