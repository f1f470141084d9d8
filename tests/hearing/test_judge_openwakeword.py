"""Our runner and our adapter against the openwakeword package, in its own environment."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from device.audio.wake import CHUNK_SAMPLES, warm_up_noise
from device.audio.wakewords.litert import LitertWake
from device.audio.wakewords.models import PRETRAINED, feature_models, find_wake_models
from tests.conftest import REPO
from tests.hearing.clips import Clip, generated_clips, real_clips
from tests.judges.environment import judge_python

JUDGES = REPO / "tests" / "judges"
MOST_DIFFERENCE = 0.02
LEAST_AGREEMENT = 0.995
THRESHOLD = 0.5

pytestmark = pytest.mark.judge


@dataclass
class Verdict:
    """Chunks x words, from three runs over the same clips."""

    ours: np.ndarray
    package: np.ndarray
    chunks: list[int]  # per clip


def judge(clips: list[Clip], folder: Path, script: str = "openwakeword_scores.py") -> Verdict:
    models, features = find_wake_models(PRETRAINED), feature_models()
    np.savez(
        folder / "audio.npz",
        warm_up=warm_up_noise(),
        samples=np.concatenate([clip.samples for clip in clips]),
        lengths=np.array([len(clip.samples) for clip in clips]),
    )
    task = {
        "models": [str(model.path) for model in models],
        "melspectrogram": str(features.melspectrogram),
        "embedding": str(features.embedding),
        "audio": str(folder / "audio.npz"),
        "scores": str(folder / "scores.npy"),
    }
    (folder / "task.json").write_text(json.dumps(task))
    subprocess.run(
        [judge_python("openwakeword"), JUDGES / script, folder / "task.json"],
        check=True,
        env={**os.environ, "PYTHONPATH": str(REPO)},
    )
    engine = LitertWake(models)
    rows, chunks = [], []
    for clip in clips:
        engine.reset()
        starts = range(0, len(clip.samples) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
        chunks.append(len(starts))
        for start in starts:
            scores = engine.score(clip.samples[start : start + CHUNK_SAMPLES])
            rows.append([scores[model.word] for model in models])
    return Verdict(np.array(rows), np.load(folder / "scores.npy"), chunks)


def assert_agrees(verdict: Verdict) -> None:
    assert verdict.ours.shape == verdict.package.shape
    assert np.abs(verdict.ours - verdict.package).max() <= MOST_DIFFERENCE
    # A decision is one clip and one word: did it ever reach the threshold?
    ends = np.cumsum(verdict.chunks)[:-1]
    ours = [part.max(axis=0) >= THRESHOLD for part in np.split(verdict.ours, ends) if len(part)]
    theirs = [
        part.max(axis=0) >= THRESHOLD for part in np.split(verdict.package, ends) if len(part)
    ]
    assert np.mean(np.array(ours) == np.array(theirs)) >= LEAST_AGREEMENT
    # And one chunk and one word.
    per_chunk = (verdict.ours >= THRESHOLD) == (verdict.package >= THRESHOLD)
    assert per_chunk.mean() >= LEAST_AGREEMENT
    assert (verdict.ours >= THRESHOLD).any(), "nothing was detected: the clips judge nothing"


def test_runner_agrees_with_the_package_on_real_speech(
    speech_dir: Path, speech_manifest: list[dict[str, object]], tmp_path: Path
) -> None:
    """All recordings, all pretrained words."""
    assert_agrees(judge(real_clips(speech_dir, speech_manifest), tmp_path))


def test_runner_agrees_with_the_package_on_generated_speech(tmp_path: Path) -> None:
    assert_agrees(judge(generated_clips(), tmp_path))


def test_adapter_gives_the_scores_of_the_package(tmp_path: Path) -> None:
    """`engine = "openwakeword"`, in an environment that has the package."""
    clips = generated_clips()[:16]
    direct = judge(clips, tmp_path)
    through_parlor = judge(clips, tmp_path, "openwakeword_engine.py")
    assert np.array_equal(through_parlor.package, direct.package)
    assert_agrees(through_parlor)
