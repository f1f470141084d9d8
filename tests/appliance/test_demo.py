"""The demonstration: what `scripts/run --simulate` shows a newcomer, judged by itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.appliance

CHECKS = 6


def test_the_demo_passes_its_own_checks(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "device.cli.main", "simulate", "--demo", "--out", "out"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=150, check=False
    )
    shown = done.stdout + done.stderr
    assert done.returncode == 0, shown
    lines = done.stdout.splitlines()
    assert sum(line.startswith("ok ") for line in lines) == CHECKS, shown
    assert not [line for line in lines if line.startswith("FAILED")], shown
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert [cut["in_pause"] for cut in summary["cuts"]] == [False], shown
    assert len(summary["utterances"]) == CHECKS, shown
