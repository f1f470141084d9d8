"""Two simulations do not share a folder."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from device.cli.main import main
from device.errors import SimulatorError
from device.simulator.lock import held


def test_the_second_is_refused_while_the_first_runs_and_not_after(tmp_path: Path) -> None:
    with held(tmp_path):
        second = held(tmp_path)
        with pytest.raises(SimulatorError, match="another simulation is writing to") as caught:
            second.__enter__()
        assert "--out" in caught.value.hint
    with held(tmp_path):
        pass


def test_a_run_that_was_killed_holds_nothing(tmp_path: Path) -> None:
    code = "import sys, pathlib, os\nfrom device.simulator.lock import held\n"
    code += "with held(pathlib.Path(sys.argv[1])): os.kill(os.getpid(), 9)\n"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, timeout=60)
    assert (tmp_path / ".lock").exists()
    with held(tmp_path):
        pass


def test_the_child_of_a_run_does_not_hold_it(tmp_path: Path) -> None:
    with held(tmp_path):
        child = subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False)
    try:
        with held(tmp_path):
            pass
    finally:
        child.communicate()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    with pytest.raises(SimulatorError, match="cannot be written to"), held(tmp_path / "none"):
        pytest.fail("it is not there")


def test_the_command_refuses_before_it_touches_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text("duration_s = 1\n")
    out = tmp_path / "out"
    out.mkdir()
    with held(out):
        assert main(["simulate", str(scenario), "--out", str(out)]) == 1
    assert "another simulation" in capsys.readouterr().err
    assert [path.name for path in out.iterdir()] == [".lock"]
