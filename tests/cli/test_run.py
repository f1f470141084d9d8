"""``parlor run`` with a mistake in its configuration: in a terminal, and below systemd."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

RUN = [sys.executable, "-m", "device.cli.main", "run", "--config"]
PATIENCE_S = 60
GOOD = """
[audio]
capture = "no-such-card"
playback = "no-such-card"
[service]
provider = "openai_realtime"
key_file = "none"
"""


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    """systemd's end of the notification socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(PATIENCE_S)
        yield listener


def environ(**more: str) -> dict[str, str]:
    return {k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"} | more


def test_in_a_terminal_it_ends_at_once_and_says_every_mistake(tmp_path: Path) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text("[wake]\nthreshold = 9\npatiense = 1\n")
    done = subprocess.run(
        [*RUN, str(path)],
        capture_output=True,
        text=True,
        env=environ(),
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    first, second = done.stderr.splitlines()
    assert "line 2" in first and "wake.threshold" in first
    assert "line 3" in second and 'did you mean "patience"?' in second


def test_below_systemd_it_runs_degraded_and_ends_to_be_started_anew_once_mended(
    tmp_path: Path, listening: socket.socket
) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text(GOOD + "[wake]\nthreshold = 9\n")
    with subprocess.Popen(
        [*RUN, str(path)],
        stderr=subprocess.PIPE,
        text=True,
        env=environ(NOTIFY_SOCKET=str(tmp_path / "notify")),
    ) as process:
        try:
            said = ""
            while "READY=1" not in said:
                said = listening.recv(4096).decode()
            # READY itself names every state: nothing has been left for a later line.
            for state in ("mistake in the configuration", "no microphone", "no speaker"):
                assert state in said
            path.write_text(GOOD)
            assert process.wait(PATIENCE_S) == 0  # Restart=always starts it again
        finally:
            process.kill()
        assert process.stderr is not None
        log = process.stderr.read()
    assert "starting anew" in log
    (line,) = (line for line in log.splitlines() if "wake.threshold" in line)
    assert line.startswith("ERROR")


def test_the_unit_starts_it_again_however_it_ends() -> None:
    unit = Path(__file__).resolve().parents[2] / "systemd" / "parlor.service"
    assert "Restart=always" in unit.read_text().splitlines()
