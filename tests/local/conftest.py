"""The real service as a process of its own, and phrases to say to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from device.voice.espeak import Espeak
from device.voice.synthesis import Samples

PHRASES = {
    "time": "what time is it",
    "help": "what can you do",
}


@dataclass(frozen=True)
class RunningService:
    """``url`` is ws://127.0.0.1:PORT/v1/realtime."""

    url: str
    process: subprocess.Popen[str]

    @property
    def http(self) -> str:
        """The base address, as the official client wants it."""
        return self.url.replace("ws://", "http://").removesuffix("/realtime")


def start_service(*arguments: str) -> RunningService:
    """``parlor service`` on a free port; waits until it is ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "device.cli.main", "service", "--port", "0", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"the service did not start: exit status {process.wait(5)}"
    said = json.loads(line)
    assert said["pid"] == process.pid
    return RunningService(said["listening"], process)


@pytest.fixture(scope="session")
def service() -> Iterator[RunningService]:
    running = start_service("--exit-with-parent")
    yield running
    running.process.terminate()
    assert running.process.wait(5) == 0


@pytest.fixture(scope="session")
def phrases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of NAME.pcm: :data:`PHRASES`, 24 kHz s16le."""
    folder = tmp_path_factory.mktemp("phrases")
    espeak = Espeak()
    for name, text in PHRASES.items():
        pieces: list[Samples] = []
        espeak.speak(text, lambda piece, p=pieces: p.append(piece) is None, voice="en-us")  # type: ignore[misc]
        (folder / f"{name}.pcm").write_bytes(np.concatenate(pieces).tobytes())
    return folder
