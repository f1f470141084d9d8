"""The device says its own words: what is posted, when, and what is kept."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from device.adapters.phrases import KEPT, LONGEST_CHARS, LocalPhrases
from device.errors import ModelError
from device.events import Event, PhraseAudio, PhraseFailed
from device.voice.synthesis import RATE_HZ, Sink


class Voice:
    """50 ms of a tone for every word; ``gate`` holds it up, as a slow machine does."""

    voices = ("plain",)

    def __init__(self) -> None:
        self.said: list[str] = []
        self.asked: list[str] = []
        self.thread = threading.current_thread().name
        self.gate = threading.Event()
        self.gate.set()
        self.closed = threading.Event()

    def speak(self, text: str, sink: Sink, *, voice: str = "", speed: float = 1.0) -> None:
        del speed
        self.said.append(text)
        self.asked.append(voice)
        if text == "broken":
            raise ModelError("the voice broke")
        if text == "a":
            return  # the engine's warm-up
        assert self.gate.wait(10)
        t = np.arange(RATE_HZ // 20) / RATE_HZ
        block = (8000 * np.sin(2 * np.pi * 300 * t)).astype(np.int16)
        for word in text.split():
            if word != "..." and not sink(block):
                return

    def close(self) -> None:
        self.closed.set()


class House:
    """LocalPhrases over :class:`Voice`, and the events it posts."""

    def __init__(self, rate_hz: int = RATE_HZ, voice: str = "") -> None:
        self.events: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self.voices: list[Voice] = []
        self.phrases = LocalPhrases(self.events.put, self.create, rate_hz, voice)

    def create(self) -> Voice:
        self.voices.append(Voice())
        return self.voices[-1]

    def next(self) -> Event:
        return self.events.get(timeout=10)


@pytest.fixture
def house() -> Iterator[House]:
    made = House()
    yield made
    made.phrases.stop()


def test_nothing_is_loaded_before_the_first_phrase(house: House) -> None:
    assert not house.voices
    house.phrases.say("p1", "one moment")
    assert isinstance(house.next(), PhraseAudio)
    assert len(house.voices) == 1
    assert house.voices[0].thread == "voice"


def test_a_phrase_comes_whole_and_by_its_name(house: House) -> None:
    house.phrases.say("p1", "are you still there")
    assert house.next() == PhraseAudio("p1", house.phrases._kept["are you still there"])
    house.phrases.say("p2", "one moment")
    said = house.next()
    assert isinstance(said, PhraseAudio) and said.phrase_id == "p2"
    assert len(said.pcm) == 2 * 2 * RATE_HZ // 20


@pytest.mark.parametrize("rate_hz", [8000, 16000, 24000, 48000])
def test_a_phrase_comes_at_the_services_rate_and_as_loud_as_it_was_spoken(rate_hz: int) -> None:
    house = House(rate_hz)
    house.phrases.say("p", "one two three four")
    said = house.next()
    assert isinstance(said, PhraseAudio)
    samples = np.frombuffer(said.pcm, np.int16).astype(float)
    assert len(samples) == pytest.approx(0.2 * rate_hz, abs=2)
    assert np.sqrt(np.mean(samples**2)) == pytest.approx(8000 / np.sqrt(2), rel=0.02)
    house.phrases.stop()


def test_what_was_said_before_is_not_made_again(house: House) -> None:
    for phrase_id in ("p1", "p2", "p3"):
        house.phrases.say(phrase_id, "  one   moment ")
        said = house.next()
        assert isinstance(said, PhraseAudio) and said.phrase_id == phrase_id
    assert house.voices[0].said == ["a", "one moment"]


def test_only_the_last_texts_are_kept(house: House) -> None:
    for number in range(KEPT + 1):
        house.phrases.say("p", f"number {number}")
        house.next()
    house.phrases.say("p", f"number {KEPT}")
    house.phrases.say("p", "number 0")
    house.next()
    house.next()
    assert house.voices[0].said.count(f"number {KEPT}") == 1
    assert house.voices[0].said.count("number 0") == 2


def test_the_voice_of_the_settings_is_asked_for() -> None:
    house = House(voice="scottish")
    house.phrases.say("p", "hello")
    house.next()
    assert house.voices[0].asked[-1] == "scottish"
    house.phrases.stop()


def test_a_novel_is_refused_in_words(house: House) -> None:
    house.phrases.say("p1", "x" * (LONGEST_CHARS + 1))
    refused = house.next()
    assert isinstance(refused, PhraseFailed) and refused.phrase_id == "p1"
    assert "300 characters, not 301" in refused.detail
    assert not house.voices
    house.phrases.say("p2", "x" * LONGEST_CHARS)
    assert isinstance(house.next(), PhraseAudio)


@pytest.mark.parametrize("text", ["", "  \n ", "..."])
def test_silence_is_no_phrase(house: House, text: str) -> None:
    house.phrases.say("p", text)
    assert isinstance(house.next(), PhraseFailed)


def test_a_voice_that_breaks_says_so_and_the_next_phrase_is_said(house: House) -> None:
    house.phrases.say("p1", "broken")
    house.phrases.say("p2", "hello")
    assert house.next() == PhraseFailed("p1", "the voice broke")
    assert isinstance(house.next(), PhraseAudio)


def test_a_voice_that_is_not_there_is_told_at_every_phrase() -> None:
    def missing() -> Voice:
        raise ModelError("flite is not installed", hint="apt install flite")

    events: queue.SimpleQueue[Event] = queue.SimpleQueue()
    phrases = LocalPhrases(events.put, missing, RATE_HZ)
    for phrase_id in ("p1", "p2"):
        phrases.say(phrase_id, "hello")
        failed = events.get(timeout=10)
        assert isinstance(failed, PhraseFailed) and failed.phrase_id == phrase_id
        assert "apt install flite" in failed.detail
    phrases.stop()


def test_after_the_stop_nothing_is_posted_any_more(house: House) -> None:
    house.phrases.say("p1", "hello")
    house.next()
    voice = house.voices[0]
    voice.gate.clear()
    house.phrases.say("p2", "one moment")
    house.phrases.say("p3", "and another")
    under_way = house.phrases._under_way[0]
    stopping = threading.Thread(target=house.phrases.stop)
    stopping.start()
    assert under_way._stopped.wait(10)
    voice.gate.set()
    stopping.join(10)
    assert not stopping.is_alive()
    assert voice.closed.wait(10)
    house.phrases.say("p4", "hello")
    assert house.events.empty()
    assert "and another" not in voice.said


def test_stopping_what_was_never_used_is_nothing(house: House) -> None:
    house.phrases.stop()
    house.phrases.stop()
    assert not house.voices and house.events.empty()


def test_the_real_voice_says_the_phrases_as_loud_as_the_offline_service() -> None:
    """In a process of its own: espeak-ng bears one user in a process only."""
    code = """
import queue, numpy as np
from device.adapters.phrases import LocalPhrases
from device.events import PhraseAudio
from device.settings import PhrasesSettings
from device.voice.engines import create_synthesiser
events = queue.SimpleQueue()
phrases = LocalPhrases(events.put, lambda: create_synthesiser("espeak"), 16000)
texts = PhrasesSettings()
for text in (texts.moment, texts.still_there, texts.goodbye, texts.not_understood):
    phrases.say("p", text)
    said = events.get(timeout=20)
    assert isinstance(said, PhraseAudio), said
    samples = np.frombuffer(said.pcm, np.int16).astype(float)
    level_db = 20 * np.log10(np.sqrt(np.mean(samples ** 2)) / 32768)
    assert -24 < level_db < -16, (text, level_db)
    assert 0.4 < samples.size / 16000 < 3.0, (text, samples.size)
phrases.stop()
print("said")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "said\n", done.stderr
