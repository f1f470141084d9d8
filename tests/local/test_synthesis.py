"""The voices: real libespeak-ng, and flite where it is installed."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from device.errors import ModelError
from device.local import phrases
from device.voice.espeak import VOICES, Espeak
from device.voice.flite import Flite
from device.voice.synthesis import RATE_HZ, LeadTrimmer, Samples, Synthesiser

TEXT = "It is five past two in the afternoon."


@pytest.fixture(scope="module")
def espeak() -> Espeak:
    return Espeak()


def say(engine: Synthesiser, text: str, **options: object) -> Samples:
    pieces: list[Samples] = []
    engine.speak(text, lambda piece: pieces.append(piece) is None, **options)  # type: ignore[arg-type]
    return np.concatenate(pieces)


def test_espeak_speaks_at_once_and_at_full_loudness(espeak: Espeak) -> None:
    audio = say(espeak, TEXT)
    assert 1.5 < len(audio) / RATE_HZ < 3.5
    loud = np.flatnonzero(np.abs(audio.astype(int)) > 500)
    assert loud[0] < RATE_HZ * 0.03
    assert np.abs(audio.astype(int)).max() > 8000


@pytest.mark.parametrize("name", [*VOICES, "marin", ""])
def test_every_voice_speaks_and_unknown_ones_are_the_default(espeak: Espeak, name: str) -> None:
    audio = say(espeak, TEXT, voice=name)
    assert len(audio) > RATE_HZ
    if name not in VOICES:  # espeak-ng varies a little from time to time
        default = say(espeak, TEXT, voice=espeak.voices[0])
        assert len(audio) == pytest.approx(len(default), rel=0.01)


def test_speed(espeak: Espeak) -> None:
    slow, fast = (len(say(espeak, TEXT, speed=s)) for s in (0.6, 1.5))
    assert slow > 1.5 * fast


def test_espeak_stops_when_told(espeak: Espeak) -> None:
    pieces: list[int] = []

    def sink(piece: Samples) -> bool:
        pieces.append(len(piece))
        return len(pieces) < 2

    espeak.speak(phrases.ABOUT, sink)
    assert len(pieces) == 2
    assert sum(pieces) < RATE_HZ / 4


def test_what_the_sink_raises_reaches_the_caller(espeak: Espeak) -> None:
    def sink(_piece: Samples) -> bool:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        espeak.speak(TEXT, sink)
    assert len(say(espeak, TEXT)) > RATE_HZ  # and it still speaks


@pytest.mark.parametrize("text", ["", " ", "...", "\x00", "\ud7ff\U0001f600", "<b>", "a" * 5000])
def test_odd_text_is_harmless(espeak: Espeak, text: str) -> None:
    def sink(_piece: Samples) -> bool:
        return True

    espeak.speak(text, sink)
    assert len(say(espeak, "Hello.")) > RATE_HZ / 5


def test_the_long_replies_are_long(espeak: Espeak) -> None:
    for text in (phrases.ABOUT, phrases.abilities(["tell the time", "set timers"])):
        assert len(say(espeak, text)) / RATE_HZ >= 12


def test_missing_data_is_a_clear_error(tmp_path: object) -> None:
    with pytest.raises(ModelError, match="cannot be loaded"):
        Espeak(library=tmp_path / "nothing.so")  # type: ignore[operator]


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_flite_speaks_and_stops() -> None:
    flite = Flite()
    audio = say(flite, TEXT)
    assert 1.5 < len(audio) / RATE_HZ < 4
    assert len(say(flite, TEXT, speed=1.5)) < len(audio)
    pieces: list[Samples] = []
    flite.speak(TEXT, lambda piece: bool(pieces.append(piece)))
    assert len(pieces) == 1


def test_flite_that_is_missing_or_broken_is_a_clear_error() -> None:
    with pytest.raises(ModelError, match="not installed"):
        Flite("flite-of-another-age")
    with pytest.raises(ModelError, match="flite"):
        say(Flite("true"), TEXT)
    with pytest.raises(ModelError, match="flite failed"):
        say(Flite("false"), TEXT)


def test_the_trimmer_keeps_everything_from_the_first_sound() -> None:
    trimmer = LeadTrimmer(16_000, threshold=100, keep_ms=1)
    quiet, loud = np.full(400, 10, np.int16), np.full(50, 5000, np.int16)
    out = [trimmer.push(quiet), trimmer.push(np.concatenate([quiet, loud])), trimmer.push(quiet)]
    assert [len(piece) for piece in out] == [0, 16 + 50, 400]
