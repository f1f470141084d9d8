"""The machine that a bench runs on, as its tables name it."""

from __future__ import annotations

import platform
from pathlib import Path


def cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith(("model name", "Model")):
            return f"{line.partition(':')[2].strip()}, {platform.machine()}"
    return platform.machine()


def described() -> str:
    """Processor, Python and system: rows measured on different ones do not stand in one table."""
    return f"{cpu()}, Python {platform.python_version()}, {platform.system()}"
