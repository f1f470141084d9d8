"""The rules of the [wake] section: who knows a word, and what it does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.config_wake import wake_rules
from device.settings import WakeSettings

PLAIN = WakeSettings(words=("alexa", "okay_nabu"))

GOOD = [
    PLAIN,
    replace(PLAIN, confirm=True),
    replace(PLAIN, engine="micro"),
    replace(PLAIN, stop_words=("Okay Nabu",)),
    replace(PLAIN, stop_words=("alexa", "okay_nabu")),  # the button wakes
    replace(PLAIN, personas=("alexa: You are terse: say little.",)),
    replace(PLAIN, persona_voices=("Alexa: cedar",)),
    WakeSettings(words=("alexa", "/x/halt.tflite"), confirm=True, stop_words=("halt",)),
    WakeSettings(words=("/x/halt.tflite",), stop_words=("/x/halt.tflite",)),
]


@pytest.mark.parametrize("wake", GOOD)
def test_good_settings_find_no_fault(wake: WakeSettings) -> None:
    assert list(wake_rules(wake)) == []


BAD = [
    (replace(PLAIN, words=("hey_rhasspy",), engine="micro"), "wake.words", "does not hear it"),
    (replace(PLAIN, words=("hey_rhasspy",), confirm=True), "wake.words", "cannot be confirmed"),
    (replace(PLAIN, words=("alexxa",), engine="micro"), "wake.words", "unknown wake word"),
    (WakeSettings(words=("/x/a.tflite",), confirm=True), "wake.confirm", "nothing to confirm"),
    (replace(PLAIN, stop_words=("stop",)), "wake.stop_words", '"stop" is not listened for'),
    (replace(PLAIN, personas=("alexa",)), "wake.personas", 'expected "word: text"'),
    (replace(PLAIN, personas=("alexa: ",)), "wake.personas", 'expected "word: text"'),
    (replace(PLAIN, personas=("hey_jarvis: x",)), "wake.personas", "not listened for"),
    (replace(PLAIN, personas=("alexa: x", "Alexa: y")), "wake.personas", "listed twice"),
    (
        replace(PLAIN, stop_words=("alexa",), persona_voices=("alexa: cedar",)),
        "wake.persona_voices",
        "is a stop word",
    ),
]


@pytest.mark.parametrize(("wake", "key", "says"), BAD, ids=[says for _, _, says in BAD])
def test_a_fault_is_named_at_its_setting(wake: WakeSettings, key: str, says: str) -> None:
    [(found, mistake)] = wake_rules(wake)
    assert found == key
    assert says in mistake.says


def test_a_near_miss_of_a_listed_word_is_guessed() -> None:
    [(_, mistake)] = wake_rules(replace(PLAIN, stop_words=("okay_nabuu",)))
    assert mistake.hint == 'did you mean "okay_nabu"?'
