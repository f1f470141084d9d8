"""What is remembered of the conversation, in whatever order the service tells it."""

from __future__ import annotations

from device.core.history import MOST_LINES, History
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LinkClosed,
    ReplyTranscript,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    TurnCommitted,
    UplinkStopped,
    UserTranscript,
)
from tests.core.story import Story, wake

SERVICE = {"provider": "openai_realtime", "turn_detection": "service"}
EIGHT = "one two three four five six seven eight"


def said(story: Story) -> list[tuple[str, str]]:
    return story.core.conversation.said(story.now)


def test_the_question_stands_before_the_answer_though_its_words_come_later() -> None:
    story = Story(service=SERVICE).speaking()
    story.happens(ReplyTranscript("r1", "i1", EIGHT, True))
    story.happens(UserTranscript("count to eight", True, "item-user"))
    assert said(story) == [("user", "count to eight"), ("assistant", EIGHT)]
    story.playback_stops(StopReason.BUTTON, 500)
    assert said(story) == [("user", "count to eight"), ("assistant", "one two")]


def test_its_words_may_come_when_the_next_turn_has_begun() -> None:
    story = Story(service=SERVICE).speaking()
    story.happens(ReplyTranscript("r1", "i1", EIGHT, True))
    story.heard_to_the_end()
    story.happens(wake(), UserTranscript("count to eight", True, "item-user"))
    story.thinking_again("r2", "i2")
    story.happens(UserTranscript("and on", True, "for r2"))
    assert said(story) == [
        ("user", "count to eight"),
        ("assistant", EIGHT),
        ("user", "and on"),
    ]


def test_of_a_reply_that_was_cut_before_its_transcript_was_final_the_heard_part_is_kept() -> None:
    story = Story(service=SERVICE).speaking()
    for word in EIGHT.split():
        story.happens(ReplyTranscript("r1", "i1", f"{word} ", False))
    assert said(story) == [], "nobody knows yet whether it is heard"
    story.playback_stops(StopReason.BUTTON, 1000)
    assert said(story) == [("assistant", "one two three four")]


def test_a_cut_never_shortens_another_reply() -> None:
    story = Story(service=SERVICE).speaking()
    story.happens(ReplyTranscript("r1", "i1", EIGHT, True))
    story.heard_to_the_end()
    story.happens(wake())
    story.thinking_again("r2", "i2")
    story.playback_stops(StopReason.BUTTON, 1000, "r2", "i2")
    assert said(story) == [("assistant", EIGHT)]


def test_a_cut_by_the_next_turn_is_told_when_that_has_begun_and_counts() -> None:
    history = History()
    history.turn_begins()
    history.assistant(EIGHT, 0.0, "i1")
    history.turn_begins()
    history.heard(0.5, "i1")
    history.heard(0.5, "i1")
    assert history.said(0.0) == [("assistant", "one two three four")]


def test_what_came_behind_the_cut_was_not_heard_either() -> None:
    history = History()
    history.turn_begins()
    history.assistant("one two", 0.0, "i1")
    history.assistant("three four", 0.0, "i2")
    history.heard(0.5, "i1")
    assert history.said(0.0) == [("assistant", "one")]


def test_a_turn_that_is_said_again_is_not_told_in_the_history_as_well() -> None:
    story = Story(service={"provider": "openai_realtime", "turn_detection": "device"}).listening()
    story.happens(UserTranscript("hello", True, "before"))
    story.press()
    story.happens(wake(), SpeechStarted(20_000))
    story.passes(1.0)
    story.happens(SpeechEnded(36_000))
    story.passes(2.0)
    story.happens(UplinkStopped(60_000), TurnCommitted("u"), UserTranscript("the lamp", True, "u"))
    assert said(story) == [("user", "hello"), ("user", "the lamp")]
    story.happens(LinkClosed("reset", ErrorKind.NETWORK))
    assert story.phase is Phase.LISTENING
    assert said(story) == [("user", "hello")]


def test_names_of_another_session_are_not_taken_for_those_of_this_one() -> None:
    history = History()
    for text in ("first", "second", "third"):
        history.turn_begins()
        history.turn_taken("turn_1", 0.0)
        history.words("unheard", 0.0, "reply_1")
        history.assistant(f"answer to the {text}", 0.0, "reply_1")
        history.user(text, 0.0, "turn_1")
    assert [text for _, text in history.said(0.0)] == [
        "first",
        "answer to the first",
        "second",
        "answer to the second",
        "third",
        "answer to the third",
    ]


def test_who_was_told_before_a_word_that_counts_knows_less_and_else_not() -> None:
    history = History()
    before = history.changes
    history.turn_begins()
    history.turn_taken("u", 0.0)
    history.words("one", 0.0, "i1")
    assert history.changes == before
    history.user("hello", 0.0, "u")
    assert history.changes > before


def test_turns_without_words_take_no_place_and_there_is_a_bound() -> None:
    history = History()
    for n in range(100):
        history.turn_begins()
        history.turn_taken(f"u{n}", 0.0)
        history.assistant(f"{n}", 0.0, f"i{n}")
    assert [text for _, text in history.said(0.0)] == [str(n) for n in range(100 - MOST_LINES, 100)]
