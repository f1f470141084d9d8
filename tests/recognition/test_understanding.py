"""From words to intents: the phrasings, and what belongs together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.local.recognition.compiler import digest
from device.local.recognition.intents import commands, understand
from device.local.recognition.ngram import paragraphs
from device.local.recognition.numbers import (
    duration_to_words,
    find_duration,
    find_number,
    number_to_words,
)
from tests.recognition.speech import corpus, read_phrases

FOLDER = Path("device/local/recognition")
PHRASINGS = Path(__file__).with_name("phrasings.txt")


def test_the_compiled_grammar_is_the_grammars() -> None:
    written = (FOLDER / "commands.gram").read_text(encoding="utf-8")
    assert commands().digest == digest(written)
    everyday = (FOLDER / "everyday.txt").read_text(encoding="utf-8")
    header = (FOLDER / "commands.lm").read_text(encoding="utf-8")[:200]
    assert digest(written) in header
    assert digest(everyday) in header


def test_everyday_sentences_are_commands() -> None:
    for block in paragraphs((FOLDER / "everyday.txt").read_text(encoding="utf-8")):
        meanings = [understand(line.replace("<n>", "five")) for line in block]
        assert {meaning and meaning[0] for meaning in meanings} == {meanings[0] and meanings[0][0]}
        assert meanings[0] is not None, block


def test_phrasings_collected_without_sight_of_the_grammar_are_covered() -> None:
    phrases = list(read_phrases(PHRASINGS))
    understood = [
        meaning is not None and (meaning[0], dict(meaning[1])) == (p.intent, dict(p.slots))
        for p in phrases
        for meaning in [understand(p.text)]
    ]
    assert len(phrases) > 200
    assert sum(understood) / len(understood) >= 0.6


def test_off_topic_sentences_mean_nothing() -> None:
    taken = [p.text for p in corpus("off_topic_test") if understand(p.text) is not None]
    assert len(taken) <= 0.02 * len(corpus("off_topic_test")), taken


@pytest.mark.parametrize(
    ("text", "intent", "slots"),
    [
        ("What time is it?", "get_time", {}),
        ("jarvis what's the time please", "get_time", {}),
        ("Set a timer for 5 minutes", "set_timer", {"seconds": 300}),
        ("timer ninety seconds", "set_timer", {"seconds": 90}),
        ("start a timer for an hour and a half", "set_timer", {"seconds": 5400}),
        ("cancel the timer", "cancel_timer", {}),
        ("set the volume to fifty percent", "set_volume", {"percent": 50}),
        ("turn it down", "set_volume", {"change": -10}),
        ("stop", "stop", {}),
        ("say that again", "repeat", {}),
        ("what can you do", "help", {}),
    ],
)
def test_common_commands(text: str, intent: str, slots: dict[str, int]) -> None:
    meaning = understand(text)
    assert meaning is not None
    assert (meaning[0], json.loads(json.dumps(dict(meaning[1])))) == (intent, slots)


@given(st.text(max_size=60))
def test_no_text_breaks_it(text: str) -> None:
    meaning = understand(text)
    assert meaning is None or isinstance(meaning[0], str)


@given(st.integers(0, 999))
def test_numbers_survive_being_spoken(number: int) -> None:
    span = find_number(number_to_words(number).split())
    assert span is not None
    assert span.value == number


@given(st.integers(1, 24 * 3600 - 1))
def test_durations_survive_being_spoken(seconds: int) -> None:
    span = find_duration(duration_to_words(seconds).split())
    assert span is not None
    assert span.value == seconds
