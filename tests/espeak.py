"""espeak-ng for tests, in a process of its own.

The library keeps its state, and a pointer to its caller's callback, in globals: two users
of it in one process speak with each other's callbacks, and crash when one is gone.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


def espeak(text: str, voice: str, speed_wpm: int = 175) -> tuple[NDArray[np.int16], int]:
    """The samples of ``text``, and their rate. ValueError when there is no such voice."""
    process = _process()
    assert process.stdin is not None
    assert process.stdout is not None
    request = {"text": text, "voice": voice, "speed_wpm": speed_wpm}
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.flush()
    line = process.stdout.readline()
    assert line, f"the speaking process ended with status {process.wait(5)}"
    answer = json.loads(line)
    if "error" in answer:
        raise ValueError(answer["error"])
    raw = process.stdout.read(answer["samples"] * 2)
    return np.frombuffer(raw, np.int16), int(answer["rate_hz"])


@cache
def _process() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "device.simulator.speech"],
        cwd=Path(__file__).resolve().parents[1],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    atexit.register(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()  # it ends with its input
    process.wait(5)
