"""The unit file by itself: systemd understands all of it, and the sandbox is tight."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from device.settings import PROVIDERS
from tests.daemon.container import UNIT

needs_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed"
)
EXPOSURE_AT_MOST = 2.5


def unit_keys() -> list[str]:
    lines = UNIT.read_text().splitlines()
    return [line.partition("=")[0] for line in lines if "=" in line and not line.startswith("#")]


def verify(unit: Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_analyze
def test_systemd_has_nothing_to_say(tmp_path: Path) -> None:
    # Bad values pass with exit 0 and a line on stderr.
    unit = tmp_path / "parlor.service"
    text = UNIT.read_text().replace("/opt/parlor/.venv/bin/parlor", sys.executable)
    unit.write_text(text)
    done = verify(unit)
    mine = [line for line in done.stderr.splitlines() if "parlor" in line]
    assert (mine, done.returncode) == ([], 0)


@needs_analyze
def test_a_bad_value_would_have_been_seen(tmp_path: Path) -> None:
    unit = tmp_path / "parlor.service"
    text = UNIT.read_text().replace("/opt/parlor/.venv/bin/parlor", sys.executable)
    unit.write_text(text.replace("WatchdogSec=20", "WatchdogSec=often"))
    done = verify(unit)
    assert "parlor.service" in done.stderr
    assert "often" in done.stderr


@needs_analyze
def test_exposure_is_bounded() -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    level = re.search(r"exposure level for parlor.service: ([\d.]+)", done.stdout)
    assert level, done.stdout + done.stderr
    print(f"exposure {level[1]}")
    assert float(level[1]) <= EXPOSURE_AT_MOST


def test_the_network_is_not_waited_for() -> None:
    assert "network" not in "".join(
        line for line in UNIT.read_text().splitlines() if not line.startswith("#")
    )


def test_keys_that_this_unit_lives_by() -> None:
    text = UNIT.read_text()
    for line in (
        "Type=notify",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "User=parlor",
        "WorkingDirectory=%t/parlor",
        "TimeoutStopSec=5",
        "NoNewPrivileges=yes",
    ):
        assert f"\n{line}\n" in text
    many = {"DeviceAllow", "SystemCallFilter", "LoadCredential", "SetCredential"}
    once = [key for key in unit_keys() if key not in many]
    assert len(once) == len(set(once))


def test_the_key_of_every_service_is_handed_over() -> None:
    text = UNIT.read_text()
    for name in (*(p for p in PROVIDERS if p != "offline"), "service"):
        assert f"\nLoadCredential={name}_key:/etc/parlor/{name}_key\n" in text
        assert f"\nSetCredential={name}_key:\\n\n" in text, "a missing one stops nothing"
