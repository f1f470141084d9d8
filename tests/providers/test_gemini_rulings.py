"""Gemini Live: whose content is, where neither turn nor reply is named."""

from __future__ import annotations

from device.commands import AbandonTurn, AppendAudio, CancelReply, ClearInput, CommitTurn
from device.events import ReplyAudio, ReplyStarted, ReplyTranscript, UserTranscript
from device.providers.gemini_doubt import DOUBT_S
from tests.providers.driver import events
from tests.providers.gemini_driver import (
    SECOND,
    device_ends,
    done,
    heard,
    of,
    service_ends,
    started,
    taken,
    transcripts,
)

LATE = b"\x63\x00" * 10  #: audio that nobody may hear
NEXT = b"\x07\x00" * 10
LITTLE = AppendAudio(bytes(3200))  #: 100 ms: less than any turn with the silence behind it
END_OF_WORDS = {"text": "words", "finished": True}


# --- an answer cannot come yet -----------------------------------------------------------------


def test_what_comes_after_little_sound_answers_what_was_taken_back_before_it() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.command(ClearInput())
    driver.command(LITTLE)
    assert driver.audio(LATE) == []
    assert driver.content(inputTranscription=END_OF_WORDS) == []


def test_where_nothing_was_taken_back_little_sound_may_be_a_turn() -> None:
    driver = service_ends()
    driver.command(LITTLE)
    assert of(driver.content(inputTranscription={"text": "yes"}), UserTranscript)
    assert heard(driver.audio(NEXT)) == NEXT


def test_where_its_end_was_told_it_may_be_one_again() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.command(AbandonTurn())
    assert driver.completed() == []
    driver.command(LITTLE)
    assert heard(driver.audio(NEXT)) == NEXT


def test_enough_sound_may_be_a_turn_though_no_end_was_told() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.command(AbandonTurn())
    driver.command(SECOND)
    assert transcripts(driver.content(inputTranscription=END_OF_WORDS)) == ["words"]
    assert heard(driver.audio(NEXT)) == NEXT


def test_words_before_the_next_turn_has_sound_enough_are_of_the_one_before() -> None:
    driver = device_ends()
    driver.command(SECOND)
    driver.command(AbandonTurn())
    driver.command(LITTLE)
    assert driver.content(inputTranscription={"text": "of before"}) == []


def test_a_pending_answer_is_given_up_by_who_goes_on_speaking() -> None:
    driver = device_ends()
    driver.speaks()
    driver.command(SECOND)
    assert driver.audio(LATE) == []
    driver.interrupted()
    driver.completed()
    driver.command(CommitTurn())
    assert heard(driver.audio(NEXT)) == NEXT


def test_speaking_over_a_reply_makes_the_rest_of_it_unwanted_until_its_mark() -> None:
    driver = device_ends()
    driver.speaks()
    driver.is_answered()
    driver.speaks()
    assert driver.audio(LATE) == []
    driver.interrupted()
    assert driver.audio(LATE) == []
    driver.completed()
    assert driver.audio(NEXT) != []


def test_what_an_unwanted_call_is_followed_by_is_unwanted_too() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.command(CancelReply(driver.is_answered()))
    driver.calls("c1")
    driver.command(LITTLE)
    assert driver.audio(LATE) == []


# --- no answer comes ----------------------------------------------------------------------------


def test_a_turn_that_is_not_answered_is_over_once() -> None:
    driver = device_ends()
    driver.speaks()
    assert len(done(driver.completed())) == 1
    assert driver.completed() == []


def test_so_is_one_that_the_service_took() -> None:
    driver = service_ends()
    driver.command(SECOND)
    assert taken(driver.completed()) == 1
    assert driver.completed() == []


def test_the_end_of_a_turn_is_no_sign_where_too_little_was_heard_for_one() -> None:
    driver = service_ends()
    driver.command(LITTLE)
    assert driver.completed() == []
    driver = device_ends()
    driver.command(SECOND)
    assert driver.completed() == []


def test_the_late_end_of_what_was_interrupted_takes_no_turn() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.is_answered()
    driver.interrupted()
    driver.command(SECOND)
    driver.content(inputTranscription={"text": "go on"})
    assert driver.completed() == []
    assert taken(driver.audio(NEXT)) == 1


# --- behind the end ------------------------------------------------------------------------------


def test_sound_behind_the_end_of_an_answer_is_nobodys() -> None:
    driver = device_ends()
    driver.speaks()
    driver.is_answered()
    driver.generated()
    assert driver.audio(LATE) == []
    driver.speaks()
    assert heard(driver.audio(NEXT)) == NEXT


def test_what_the_model_says_to_itself_is_no_greeting_but_may_begin_an_answer() -> None:
    thought = {"modelTurn": {"parts": [{"text": "hm", "thought": True}]}}
    driver = device_ends()
    assert driver.content(**thought) == []
    assert started(driver.audio()) == ["reply_1"]
    driver.generated()
    driver.speaks()
    assert driver.content(**thought) == []  # it may be a rest of the first
    driver.completed()
    assert started(driver.content(**thought)) == ["reply_2"]


def test_an_empty_message_of_the_model_begins_nothing() -> None:
    driver = service_ends()
    driver.command(SECOND)
    assert driver.content(modelTurn={"parts": []}) == []
    assert driver.content(modelTurn={}) == []
    assert driver.content() == []


# --- transcripts ---------------------------------------------------------------------------------


def test_where_the_device_ends_turns_no_transcript_does() -> None:
    driver = device_ends()
    driver.command(SECOND)
    assert taken(driver.content(inputTranscription=END_OF_WORDS)) == 0


def test_one_turn_is_taken_once() -> None:
    driver = service_ends()
    driver.command(SECOND)
    assert taken(driver.content(inputTranscription=END_OF_WORDS)) == 1
    driver.command(LITTLE)
    assert taken(driver.content(inputTranscription=END_OF_WORDS)) == 0
    assert taken(driver.audio()) == 0


def test_a_transcript_that_ends_while_the_service_answers_takes_no_turn() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.is_answered()
    driver.command(LITTLE)
    assert taken(driver.content(inputTranscription=END_OF_WORDS)) == 0
    driver.generated()
    assert taken(driver.content(inputTranscription=END_OF_WORDS)) == 0


def test_words_that_nobody_spoke_are_not_told() -> None:
    assert service_ends().content(inputTranscription=END_OF_WORDS) == []


def test_the_rest_of_a_transcript_is_told_when_the_next_turn_begins_not_in_its_middle() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.is_answered()
    driver.interrupted()
    driver.command(SECOND)
    driver.content(inputTranscription={"text": "the next "})
    assert transcripts(driver.completed()) == []
    assert transcripts(driver.command(SECOND)) == []
    driver.content(inputTranscription={"text": "turn"})
    driver.audio()
    assert transcripts(driver.generated()) == ["the next turn"]


def test_words_of_a_turn_that_was_taken_back_are_in_no_other() -> None:
    driver = service_ends()
    driver.command(SECOND)
    driver.content(inputTranscription={"text": "never "})
    driver.command(ClearInput())
    assert events(driver.command(SECOND)) == []
    driver.content(inputTranscription={"text": "mind"})
    driver.audio()
    assert transcripts(driver.generated()) == ["mind"]


def test_words_of_a_reply_that_was_given_up_are_in_no_other() -> None:
    driver = device_ends()
    driver.speaks()
    driver.content(outputTranscription={"text": "early"})
    driver.command(AbandonTurn())
    driver.speaks()
    driver.now += DOUBT_S
    driver.content(outputTranscription={"text": "right"})
    driver.audio()
    final = [e for e in of(driver.generated(), ReplyTranscript) if isinstance(e, ReplyTranscript)]
    assert [event.text for event in final] == ["right"]


def test_nor_are_those_of_one_that_was_spoken_over_before_it_began() -> None:
    driver = device_ends()
    driver.speaks()
    driver.content(outputTranscription={"text": "early"})
    driver.speaks()
    driver.now += DOUBT_S
    assert [type(e) for e in events(driver.audio())] == [ReplyStarted, ReplyAudio]


def test_an_interruption_of_nothing_changes_nothing_for_who_waits() -> None:
    driver = device_ends()
    driver.speaks()
    assert events(driver.interrupted()) == []
    assert events(driver.completed()) == []
    assert heard(driver.audio(NEXT)) == NEXT
