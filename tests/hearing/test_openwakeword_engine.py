"""`engine = "openwakeword"` where the package is absent or broken; with it: the judge's test."""

from __future__ import annotations

import importlib.util
import re

import pytest

from device.adapters.openwakeword_engine import OpenWakeWordEngine
from device.audio.wakewords.models import find_wake_models
from device.errors import ModelError
from tests.conftest import REPO


def test_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    models = find_wake_models(["alexa"])
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "openwakeword" else find_spec(name),
    )
    with pytest.raises(ModelError, match="openwakeword package is not installed") as caught:
        OpenWakeWordEngine(models)
    assert "scripts/install-openwakeword" in caught.value.hint
    assert 'engine = "litert"' in caught.value.hint


def test_what_is_installed_is_what_is_judged() -> None:
    pin = re.compile(r"[\w.-]+==[\w.]+")
    judged = set(pin.findall((REPO / "tests/judges/openwakeword.txt").read_text()))
    installed = set(pin.findall((REPO / "scripts/install-openwakeword").read_text()))
    assert "openwakeword==0.6.0" in installed
    assert installed <= judged
