"""Who says the appliance's own words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.commands import RequestReply, SpeakPhrase
from device.core.phrasebook import Phrase, Phrasebook
from device.settings import PhrasesSettings

TEXTS = PhrasesSettings()


def book(voice: str = "auto", *, service_can: bool = True) -> Phrasebook:
    return Phrasebook(replace(TEXTS, voice=voice), service_can=service_can)


def ask(phrases: Phrasebook, *, link_open: bool = True, reply_awaited: bool = False) -> object:
    return phrases.say(Phrase.STILL_THERE, link_open=link_open, reply_awaited=reply_awaited)


def test_every_phrase_has_a_text_in_the_settings() -> None:
    assert all(book().text(phrase) for phrase in Phrase)


def test_the_service_says_it_where_it_can() -> None:
    said = ask(book())
    assert isinstance(said, RequestReply)
    assert '"Are you still there?"' in said.instructions
    assert said.words == "Are you still there?"


@pytest.mark.parametrize(
    ("service_can", "link_open", "reply_awaited"),
    [(False, True, False), (True, False, False), (True, True, True)],
)
def test_else_the_device_says_it_or_nobody_if_only_the_service_is_to(
    service_can: bool, link_open: bool, reply_awaited: bool
) -> None:
    def say(voice: str) -> object:
        phrases = book(voice, service_can=service_can)
        return ask(phrases, link_open=link_open, reply_awaited=reply_awaited)

    assert say("auto") == SpeakPhrase("phrase:1", "Are you still there?")
    assert say("service") is None


def test_the_device_says_it_where_it_is_to() -> None:
    assert isinstance(ask(book("device")), SpeakPhrase)


@pytest.mark.parametrize("voice", ["auto", "service", "device"])
def test_an_empty_text_is_not_said(voice: str) -> None:
    phrases = Phrasebook(replace(TEXTS, voice=voice, still_there=" "), service_can=True)
    assert ask(phrases) is None


def test_only_the_last_phrase_is_awaited_and_only_while_it_is_wanted() -> None:
    phrases = book("device")
    assert not phrases.awaits("")
    ask(phrases)
    ask(phrases)
    assert phrases.awaits("phrase:2") and not phrases.awaits("phrase:1")
    phrases.withdraw()
    assert not phrases.awaits("phrase:2") and not phrases.awaits("")


def test_what_playback_tells_of_is_known_for_a_phrase_by_its_name() -> None:
    phrases = book()
    assert phrases.is_phrase("phrase:7") and not phrases.is_phrase("resp_1")


def test_new_texts_count_from_the_next_phrase_on() -> None:
    phrases = book("device")
    phrases.apply(replace(TEXTS, voice="device", still_there="Noch da?"))
    assert ask(phrases) == SpeakPhrase("phrase:1", "Noch da?")


def test_a_quotation_mark_in_the_text_does_not_end_the_quotation() -> None:
    phrases = Phrasebook(replace(TEXTS, still_there='Say "yes".'), service_can=True)
    said = ask(phrases)
    assert isinstance(said, RequestReply) and said.instructions.count('"') == 2
    assert said.words == 'Say "yes".'
