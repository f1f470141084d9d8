"""Environments for judges that run on Node: other people's npm packages.

A judge is described by ``tests/judges/NAME.package.json`` (pinned dependencies). They are
installed into a directory of their own below ``.cache/judges``, without running any script of
theirs, and installed anew when the file or the version of Node changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

from tests.judges.environment import CACHE


class NodeMissingError(RuntimeError):
    """``node`` or ``npm`` is not installed."""


def node_judge(name: str) -> Path:
    """The directory with judge ``name``'s ``node_modules``; makes it when missing or stale.

    Raises NodeMissingError, and CalledProcessError where npm cannot install.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NodeMissingError("this judge needs node and npm, which are not installed here")
    package = Path(__file__).with_name(f"{name}.package.json").read_bytes()
    version = subprocess.run([node, "--version"], check=True, capture_output=True).stdout
    home = CACHE / f"{name}-{hashlib.sha256(package + version).hexdigest()[:16]}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / "complete").exists():
            shutil.rmtree(home, ignore_errors=True)
            home.mkdir()
            (home / "package.json").write_bytes(package)
            command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
            if os.environ.get("CI"):
                command.append("--no-progress")
            ran = subprocess.run(
                [*command, "--loglevel=error"],
                check=False,
                cwd=home,
                stdout=subprocess.DEVNULL,
            )
            ran.check_returncode()
            (home / "complete").touch()
    return home
