"""What the ear is built from when a model is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from device.audio.wake_null import NullWake
from device.hearing_factory import make_hearing
from device.settings import Settings, WakeSettings


def test_a_missing_wake_word_model_is_stood_in_for_and_remembered(tmp_path: Path) -> None:
    path = tmp_path / "computer.tflite"
    settings = replace(Settings(), wake=WakeSettings(words=(str(path),)))
    engine = make_hearing(settings, 24_000).wake_engine
    assert isinstance(engine, NullWake)
    assert str(path) in str(engine.why)


def test_a_file_that_is_no_model_is_stood_in_for_as_well(tmp_path: Path) -> None:
    path = tmp_path / "computer.tflite"
    path.write_bytes(b"half of it")
    settings = replace(Settings(), wake=WakeSettings(words=(str(path),)))
    assert isinstance(make_hearing(settings, 24_000).wake_engine, NullWake)
