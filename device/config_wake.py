"""Checks of the [wake] section: the words, who knows them, and what they do."""

from __future__ import annotations

from collections.abc import Iterator

from device.audio.wakewords.models import MICRO_PRETRAINED, PRETRAINED, is_own
from device.config_schema import Mistake, describe, did_you_mean
from device.core.wake_actions import split_entry, word_name
from device.settings import WakeSettings

Found = Iterator[tuple[str, Mistake]]


def wake_rules(wake: WakeSettings) -> Found:
    """(dotted key, what is wrong with it), in the order of the settings."""
    key = "wake.words"
    if not wake.words:
        yield key, Mistake("expected at least one wake word", "the default is hey_jarvis")
    names = [word_name(word) for word in wake.words]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield key, Mistake(f"{describe(name)} is listed twice; expected each once")
    for word, name in zip(wake.words, names, strict=True):
        if not word.endswith(".tflite") and (mistake := _unknown(wake, word, name)):
            yield key, mistake
    if wake.confirm and wake.words and all(map(is_own, wake.words)):
        yield (
            "wake.confirm",
            Mistake(
                "there is nothing to confirm: of words of your own only one engine has a model",
                f"add one of {', '.join(MICRO_PRETRAINED)}, or write confirm = false",
            ),
        )
    yield from _stop_words(wake, names)
    yield from _entries("wake.personas", wake.personas, wake, names)
    yield from _entries("wake.persona_voices", wake.persona_voices, wake, names)


def _unknown(wake: WakeSettings, word: str, name: str) -> Mistake | None:
    alone = wake.engine == "micro"
    known = MICRO_PRETRAINED if alone or wake.confirm else PRETRAINED
    if name in known:
        return None
    expected = ", ".join(known)
    if name not in PRETRAINED:
        says = f"unknown wake word {describe(word)}; expected {expected}, or a .tflite file"
        return Mistake(says, did_you_mean(name, known))
    why = 'engine = "micro" does not hear it' if alone else "it cannot be confirmed"
    return Mistake(
        f"microWakeWord has no model for {describe(word)}, so {why}; expected {expected}",
        'write engine = "litert" and confirm = false to use it',
    )


def _stop_words(wake: WakeSettings, names: list[str]) -> Found:
    for word in wake.stop_words:
        if word_name(word) not in names:
            yield "wake.stop_words", _not_listed(word_name(word), names)


def _entries(key: str, entries: tuple[str, ...], wake: WakeSettings, names: list[str]) -> Found:
    stops = {word_name(word) for word in wake.stop_words}
    seen: set[str] = set()
    for entry in entries:
        parts = split_entry(entry)
        if parts is None:
            yield key, Mistake(f'{describe(entry)} lacks a part; expected "word: text"')
            continue
        name = parts[0]
        if name in seen:
            yield key, Mistake(f"{describe(name)} is listed twice; expected each once")
        elif name not in names:
            yield key, _not_listed(name, names)
        elif name in stops:
            yield key, Mistake(f"{describe(name)} is a stop word: it wakes nobody")
        seen.add(name)


def _not_listed(name: str, names: list[str]) -> Mistake:
    listed = ", ".join(names) or "none"
    return Mistake(
        f"{describe(name)} is not listened for; expected one of wake.words ({listed})",
        did_you_mean(name, names) or "add it to wake.words, so that it is listened for",
    )
