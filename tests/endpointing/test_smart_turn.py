"""Smart Turn: its file, and what it says of real recordings where it is installed."""

from __future__ import annotations

import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from device.audio.finished.smart_turn import (
    FILE_NAME,
    JUDGED_SILENCE_MS,
    RATE_HZ,
    SmartTurn,
    installed_model,
)
from device.errors import ModelError
from device.ports import Samples


@pytest.fixture(scope="module")
def smart_turn() -> SmartTurn:
    path = installed_model()
    if path is None:
        pytest.skip("Smart Turn is not installed (scripts/install-smart-turn)")
    return SmartTurn(path)


def test_the_model_is_found_where_set_up_puts_it(tmp_path: Path) -> None:
    file = tmp_path / "share" / "parlor" / FILE_NAME
    assert installed_model(tmp_path) is None
    file.parent.mkdir(parents=True)
    file.write_bytes(b"model")
    assert installed_model(tmp_path) == file


def test_a_missing_file_says_how_to_install_it(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"there is no Smart Turn model .*install-smart-turn"):
        SmartTurn(tmp_path / "absent.onnx")


def test_a_damaged_file_is_told_apart_from_a_missing_one(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    damaged = tmp_path / FILE_NAME
    damaged.write_bytes(b"not a model")
    with pytest.raises(ModelError, match="not a usable Smart Turn model"):
        SmartTurn(damaged)


def test_without_onnxruntime_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / FILE_NAME
    model.write_bytes(b"model")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match="onnxruntime, which runs Smart Turn, cannot be loaded"):
        SmartTurn(model)


def test_nothing_said_is_refused(smart_turn: SmartTurn) -> None:
    with pytest.raises(ValueError, match="nothing was said"):
        smart_turn.probability(np.zeros(0, np.int16))


@pytest.mark.parametrize("seconds", [0.01, 1, 8, 12])
def test_any_length_gives_a_probability(smart_turn: SmartTurn, seconds: float) -> None:
    noise = np.random.default_rng(1).normal(0, 300, int(seconds * RATE_HZ)).astype(np.int16)
    assert 0.0 <= smart_turn.probability(noise) <= 1.0


def test_a_question_sounds_finished_and_its_beginning_does_not(
    smart_turn: SmartTurn, speech_dir: Path
) -> None:
    """ "What is the weather in Paris?" whole, and broken off in its middle."""
    question = recording(next((speech_dir / "speech").glob("*weather_question.wav")))
    silence = np.zeros(JUDGED_SILENCE_MS * RATE_HZ // 1000, np.int16)
    broken_off = question[: round(0.9 * RATE_HZ)]
    assert smart_turn.probability(np.concatenate([question, silence])) > 0.9
    assert smart_turn.probability(np.concatenate([broken_off, silence])) < 0.3


def recording(path: Path) -> Samples:
    from device.audio.resample import resample

    with wave.open(str(path)) as file:
        sound = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return resample(sound, file.getframerate(), RATE_HZ)
