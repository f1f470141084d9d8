from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from device.audio.wakewords.models import (
    LICENCE_NOTICE,
    MICRO_NOTICE,
    MICRO_PRETRAINED,
    PRETRAINED,
    WakeModel,
    feature_models,
    find_wake_models,
)
from device.audio.wakewords.words import wake_models
from device.errors import ModelError
from device.settings import WakeSettings


def test_every_pretrained_word_has_its_file_and_licence() -> None:
    models = find_wake_models(PRETRAINED)
    assert [model.word for model in models] == list(PRETRAINED)
    assert all(model.path.is_file() and "NC" in model.licence for model in models)


def test_the_package_of_the_models_is_not_imported() -> None:
    feature_models()
    assert "pyopen_wakeword" not in sys.modules


def test_a_shop_is_told() -> None:
    assert "CC BY-NC-SA 4.0" in LICENCE_NOTICE
    assert "not for a product that is sold" in LICENCE_NOTICE


def test_a_shop_is_told_of_the_words_that_may_be_sold() -> None:
    assert 'engine = "micro"' in LICENCE_NOTICE
    assert "Apache-2.0" in MICRO_NOTICE
    assert all(word in MICRO_NOTICE for word in MICRO_PRETRAINED)


@pytest.mark.parametrize(
    ("settings", "licences"),
    [
        (WakeSettings(), ["CC BY-NC-SA 4.0", "Apache-2.0"]),
        (WakeSettings(engine="micro"), ["Apache-2.0"]),
        (WakeSettings(confirm=True), ["CC BY-NC-SA 4.0", "Apache-2.0"]),
        (WakeSettings(engine="micro", confirm=True), ["CC BY-NC-SA 4.0", "Apache-2.0"]),
    ],
)
def test_the_models_of_the_settings_are_those_that_are_loaded(
    settings: WakeSettings, licences: list[str]
) -> None:
    assert [model.licence for model in wake_models(settings)] == licences


@pytest.mark.parametrize("written", ["Hey Jarvis", "hey-jarvis", " hey_jarvis "])
def test_names_may_be_written_as_people_do(written: str) -> None:
    assert find_wake_models([written])[0].word == "hey_jarvis"


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "computer.tflite"
    path.touch()
    assert find_wake_models([str(path)]) == (WakeModel("computer", path),)


def test_unknown_name_is_met_with_a_guess() -> None:
    with pytest.raises(ModelError, match="no wake word called hey_jarvs") as caught:
        find_wake_models(["hey_jarvs"])
    assert "did you mean hey_jarvis?" in caught.value.hint


def test_a_name_like_nothing_gets_the_list() -> None:
    with pytest.raises(ModelError) as caught:
        find_wake_models(["xyzzy"])
    assert "did you mean" not in caught.value.hint
    assert all(word in caught.value.hint for word in PRETRAINED)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no wake-word model file .*/mine\.tflite"):
        find_wake_models([str(tmp_path / "mine.tflite")])


def test_no_words() -> None:
    with pytest.raises(ModelError, match="no wake word is configured"):
        find_wake_models([])


def test_one_word_twice() -> None:
    with pytest.raises(ModelError, match="two wake-word models are called alexa"):
        find_wake_models(["alexa", "Alexa"])


def test_models_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(ModelError, match="not installed") as caught:
        find_wake_models(["alexa"])
    assert "scripts/run" in caught.value.hint
