"""Does what was said sound finished? Smart Turn v3.2's answer, 0 to 1.

The model (pipecat-ai, BSD-2-Clause) hears the last 8 s and judges by melody, rhythm and
words alike. ``scripts/install-smart-turn`` takes its file out of the ``pipecat-ai`` wheel;
nothing else of that package is used.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from device.audio.finished.whisper_mel import RATE_HZ, log_mel
from device.errors import ModelError
from device.ports import Samples

FILE_NAME = "smart-turn-v3.2-cpu.onnx"

INSTALL = "run scripts/install-smart-turn, which needs the network"

JUDGED_SILENCE_MS = 200
"""How much silence followed the speech that the model was trained on: the moment to ask it."""


def installed_model(prefix: Path | None = None) -> Path | None:
    """The model's file where set-up has put it, in this Python environment or another; None
    where it is not installed."""
    path = (prefix or Path(sys.prefix)) / "share" / "parlor" / FILE_NAME
    return path if path.is_file() else None


class _Session(Protocol):
    def run(
        self, outputs: None, inputs: dict[str, NDArray[np.float32]]
    ) -> list[NDArray[np.float32]]: ...


class SmartTurn:
    """The loaded model. Any thread, one at a time.

    A call computes for some 90 ms on a server core, and several times as long on a Raspberry
    Pi, without the GIL but for moments: it belongs into a thread that nobody waits for.
    Raises :class:`ModelError` when the file or onnxruntime is missing or unusable.
    """

    def __init__(self, path: Path) -> None:
        self._session = _load(path)
        # The first call allocates: not while somebody waits for an answer.
        self._judge(np.zeros(RATE_HZ, np.int16), path)

    def probability(self, samples: Samples) -> float:
        """How likely ``samples`` (mono int16 at 16 kHz; the last 8 s count) end a turn.

        They begin with the turn, or 8 s before now, and end some 200 ms after the last word.
        Raises ``ValueError`` for no samples at all.
        """
        if not len(samples):
            raise ValueError("nothing was said")
        features = log_mel(samples)[np.newaxis]
        return float(self._session.run(None, {"input_features": features})[0].reshape(-1)[0])

    def _judge(self, samples: Samples, path: Path) -> None:
        try:
            answer = self.probability(samples)
        except Exception as error:
            raise _unusable(path, error) from error
        if not 0.0 <= answer <= 1.0:
            raise _unusable(path, f"it answers {answer}, which is no probability")


def _load(path: Path) -> _Session:
    if not path.is_file():
        raise ModelError(f"there is no Smart Turn model {path}", hint=INSTALL)
    # Imported here: 44 MB that only those pay who use it.
    try:
        import onnxruntime  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise ModelError(
            f"onnxruntime, which runs Smart Turn, cannot be loaded: {error}", hint=INSTALL
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    # The arena never gives memory back, and a check every few seconds does not need its speed.
    options.enable_cpu_mem_arena = False
    options.enable_mem_pattern = False
    options.log_severity_level = 4  # what goes wrong is raised; nothing is written past the journal
    try:
        session: _Session = onnxruntime.InferenceSession(
            str(path), sess_options=options, providers=["CPUExecutionProvider"]
        )
    # onnxruntime's own exceptions have no common base but this.
    except Exception as error:
        raise _unusable(path, error) from error
    return session


def _unusable(path: Path, why: object) -> ModelError:
    reason = " ".join(str(why).split())
    return ModelError(
        f"{path} is not a usable Smart Turn model: {reason}",
        hint=f"remove the file and {INSTALL}",
    )
