"""What the ear is built from when a model is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from device import hearing_factory
from device.adapters.ear_words import echo_stays
from device.audio.cancelling.far_end import FarEndReports
from device.audio.cancelling.stage import EchoStage
from device.audio.wakewords.null import NullWake, PartialWake
from device.errors import ModelError
from device.events import Event, NearEndHeard, Part
from device.hearing_factory import make_hearing, make_wake_or_stand_in
from device.ports import WakeEngine
from device.settings import AudioSettings, Settings, WakeSettings
from tests.hearing.fakes import FakeWake


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


class Loader:
    """Builds a fake engine; the models of ``broken`` words cannot be loaded."""

    def __init__(self, *broken: str, at_most: int = 9) -> None:
        self._broken, self._at_most = broken, at_most

    def __call__(self, wake: WakeSettings) -> WakeEngine:
        for word in wake.words:
            if word in self._broken:
                raise ModelError(f"{word} is not a usable model")
        if len(wake.words) > self._at_most:
            raise ModelError("not together")
        engine = FakeWake()
        engine.words = wake.words  # type: ignore[assignment]
        return engine


def test_one_broken_model_leaves_the_other_words_working() -> None:
    wake = WakeSettings(words=("alexa", "junk", "hey_jarvis"))
    engine = make_wake_or_stand_in(wake, Loader("junk"))
    assert isinstance(engine, PartialWake)
    assert engine.words == ("alexa", "hey_jarvis")
    assert str(engine.why) == "junk is not a usable model"


@pytest.mark.parametrize(
    "loader", [Loader("alexa", "junk"), Loader(at_most=1)], ids=["all broken", "not together"]
)
def test_no_word_is_heard_where_none_can_be(loader: Loader) -> None:
    engine = make_wake_or_stand_in(WakeSettings(words=("alexa", "junk")), loader)
    assert type(engine) is NullWake


def test_a_good_word_is_heard_beside_a_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "junk.tflite"
    path.write_bytes(b"junk")
    settings = replace(Settings(), wake=WakeSettings(words=("hey_jarvis", str(path))))
    engine = make_hearing(settings, 24_000).wake_engine
    assert isinstance(engine, PartialWake)
    assert engine.words == ("hey_jarvis",)
    assert str(path) in str(engine.why)


# --- the echo ------------------------------------------------------------------------------------


def without_webrtc(*_args: object, **_keywords: object) -> EchoStage:
    raise ModelError("livekit is not there", hint="reinstall it")


def test_without_the_library_it_hears_all_the_same_and_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hearing_factory, "EchoStage", without_webrtc)
    hearing = make_hearing(Settings(), 24_000, FarEndReports())
    assert hearing.echo_trouble is not None and hearing.echo_trouble.hint == "reinstall it"
    told = echo_stays(ModelError("livekit is not there", hint="reinstall it"))
    assert (told.part, told.hint) == (Part.ECHO, "reinstall it")
    assert "button" in told.detail


def guarded(echo_cancellation: str) -> bool:
    """Whether talking over a reply is listened for: a loud voice sets in after two seconds."""
    settings = replace(Settings(), audio=AudioSettings(echo_cancellation=echo_cancellation))
    hearing = make_hearing(settings, 24_000, FarEndReports())
    hearing.guard(True)
    sound = np.random.default_rng(1).integers(-5, 6, 48_000).astype(np.int16)
    sound[32_000:] = np.tile(np.repeat(np.array([6000, -6000], np.int16), 50), 160)
    events: list[Event] = []
    for at in range(0, len(sound), 160):
        events += hearing.process(at, sound[at : at + 160, None])
    return any(isinstance(event, NearEndHeard) for event in events)


def test_an_array_that_cancels_on_board_may_be_talked_over() -> None:
    assert guarded("hardware")
    assert guarded("software")


def test_who_hears_itself_does_not_listen_for_interruptions() -> None:
    assert not guarded("off")
