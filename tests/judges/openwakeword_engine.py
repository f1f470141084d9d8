"""Judge of `engine = "openwakeword"`: parlor's adapter in an environment that has the package.

    PYTHONPATH=REPOSITORY python openwakeword_engine.py TASK.json

The task is that of openwakeword_scores.py.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from device.adapters.openwakeword_engine import OpenWakeWordEngine
from device.audio.wake import CHUNK_SAMPLES
from device.audio.wakewords.models import FeatureModels, WakeModel


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    audio = np.load(task["audio"])
    engine = OpenWakeWordEngine(
        [WakeModel(Path(path).stem, Path(path)) for path in task["models"]],
        FeatureModels(Path(task["melspectrogram"]), Path(task["embedding"])),
    )
    rows = []
    for clip in np.split(audio["samples"], np.cumsum(audio["lengths"])[:-1]):
        engine.reset()
        for start in range(0, len(clip) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES):
            scores = engine.score(clip[start : start + CHUNK_SAMPLES])
            rows.append([scores[word] for word in engine.words])
    np.save(task["scores"], np.array(rows, dtype=np.float32))


if __name__ == "__main__":
    main()
