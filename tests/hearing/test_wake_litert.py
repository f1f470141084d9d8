"""The runner by itself; that it agrees with openWakeWord is the judge's test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from device.audio.wake import CHUNK_SAMPLES
from device.audio.wakewords.litert import LitertWake
from device.audio.wakewords.models import (
    PRETRAINED,
    FeatureModels,
    WakeModel,
    feature_models,
    find_wake_models,
)
from device.errors import ModelError
from device.ports import Samples
from tests.hearing.clips import say


@pytest.fixture(scope="module")
def engine() -> LitertWake:
    return LitertWake(find_wake_models(PRETRAINED))


def scores_of(engine: LitertWake, samples: Samples) -> list[dict[str, float]]:
    padded = np.concatenate([samples, np.zeros(8000, np.int16)])
    starts = range(0, len(padded) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
    return [engine.score(padded[start : start + CHUNK_SAMPLES]) for start in starts]


def test_hears_its_word_and_no_other(engine: LitertWake) -> None:
    engine.reset()
    heard = scores_of(engine, say("hey jarvis"))
    best = {word: max(scores[word] for scores in heard) for word in engine.words}
    assert best["hey_jarvis"] > 0.5
    assert max(score for word, score in best.items() if word != "hey_jarvis") < 0.5


@pytest.mark.parametrize("rms", [0, 1, 30, 300])
def test_a_fresh_start_hears_nothing_in_noise(engine: LitertWake, rms: float) -> None:
    """The warm-up trap: with zeroed history alexa and hey_mycroft score above 0.9."""
    engine.reset()
    noise = np.random.default_rng(5).standard_normal(2 * 16_000) * rms
    heard = scores_of(engine, noise.astype(np.int16))
    assert max(max(scores.values()) for scores in heard) < 0.5


def test_reset_goes_back_to_the_same_state(engine: LitertWake) -> None:
    clip = say("alexa")  # once: espeak-ng does not say a thing twice the same way
    engine.reset()
    first = scores_of(engine, clip)
    engine.reset()
    assert scores_of(engine, clip) == first


def test_a_file_of_ones_own_is_called_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "butler.tflite"
    path.write_bytes(find_wake_models(["alexa"])[0].path.read_bytes())
    engine = LitertWake(find_wake_models([str(path), "alexa"]))
    assert engine.words == ("butler", "alexa")
    for scores in scores_of(engine, say("alexa")):
        assert scores["butler"] == scores["alexa"]


def test_a_chunk_has_1280_samples(engine: LitertWake) -> None:
    with pytest.raises(ValueError, match="1280 samples, not 1279"):
        engine.score(np.zeros(1279, np.int16))


@pytest.mark.parametrize("kept", [0, 100, 400_000])
def test_a_truncated_model_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "short.tflite"
    path.write_bytes(find_wake_models(["alexa"])[0].path.read_bytes()[:kept])
    with pytest.raises(ModelError, match=r"short\.tflite is not a usable openWakeWord model"):
        LitertWake(find_wake_models([str(path)]))


def test_a_text_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.tflite"
    path.write_text("not a model\n" * 1000)
    with pytest.raises(ModelError, match="not a usable") as caught:
        LitertWake(find_wake_models([str(path)]))
    assert "replace the file" in caught.value.hint


def test_a_model_of_another_shape_is_refused() -> None:
    features = feature_models()
    with pytest.raises(ModelError, match=r"embedding_model\.tflite is not a usable"):
        LitertWake([WakeModel("embedding_model", features.embedding)])
    with pytest.raises(ModelError, match=r"embedding_model\.tflite is not a usable"):
        LitertWake(
            find_wake_models(["alexa"]), FeatureModels(features.embedding, features.embedding)
        )
