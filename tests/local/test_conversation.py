"""Items: order, bounds of memory, truncation; and the tokens they are counted as."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.local.conversation import BYTES_PER_MS, Conversation, Item, Part
from device.local.questions import Announcement, Nothing, Results, Said, question_of
from device.local.response import LONGEST_PIECE, sentences, whole_sentences
from device.local.shape import RequestError
from device.local.usage import usage


def message(item_id: str, role: str = "user", ms: int = 0, text: str | None = None) -> Item:
    part = Part("output_audio" if role == "assistant" else "input_audio", text=text)
    part.add_audio(bytes(ms * BYTES_PER_MS))
    return Item(item_id, "message", role=role, parts=[part])


def test_the_oldest_audio_goes_first_and_the_words_stay() -> None:
    conversation = Conversation(audio_kept_bytes=2500 * BYTES_PER_MS)
    for number in range(4):
        conversation.add(message(str(number), ms=1000, text="words"))
    assert [len(i.parts[0].audio) // BYTES_PER_MS for i in conversation.items] == [0, 0, 1000, 1000]
    assert [i.audio_ms for i in conversation.items] == [1000] * 4
    assert conversation.items[0].text == "words"


def test_the_oldest_items_go_when_there_are_too_many() -> None:
    conversation = Conversation(items_kept=3)
    for number in range(5):
        before = conversation.add(message(str(number)))
    assert [item.id for item in conversation.items] == ["2", "3", "4"]
    assert before == "3"
    assert conversation.before("2") is None
    assert conversation.before("gone") is None


@given(st.integers(0, 2000), st.integers(0, 2500))
def test_truncation_never_lengthens(ms: int, cut: int) -> None:
    conversation = Conversation()
    conversation.add(message("a", "assistant", ms=ms, text="words"))
    if cut > ms:
        with pytest.raises(RequestError):
            conversation.truncate("a", 0, cut)
        assert conversation.items[0].text == "words"
        return
    conversation.truncate("a", 0, cut)
    assert len(conversation.items[0].parts[0].audio) == cut * BYTES_PER_MS
    assert conversation.items[0].audio_ms == cut
    assert conversation.items[0].parts[0].text is None


def test_truncation_needs_an_audio_part() -> None:
    conversation = Conversation()
    conversation.add(Item("t", "message", role="assistant", parts=[Part("output_text", text="hi")]))
    for index in (0, 1):
        with pytest.raises(RequestError) as refused:
            conversation.truncate("t", index, 0)
        assert refused.value.param == "content_index"


def test_usage_adds_up() -> None:
    counted = usage(
        "three plain words",
        [message("u", ms=1000), message("a", "assistant", ms=1000, text="one two three")],
        [message("b", "assistant", ms=500, text="six words make eight tokens here")],
    )
    assert counted["input_token_details"]["text_tokens"] == 4 + 4
    assert counted["input_token_details"]["audio_tokens"] == 10 + 20
    assert counted["output_token_details"] == {"text_tokens": 8, "audio_tokens": 10}
    assert counted["total_tokens"] == counted["input_tokens"] + counted["output_tokens"] == 56


def call(call_id: str, name: str) -> Item:
    return Item(f"c{call_id}", "function_call", call_id=call_id, name=name)


def result(call_id: str) -> Item:
    return Item(f"o{call_id}", "function_call_output", call_id=call_id, output="{}")


def test_what_a_response_is_asked() -> None:
    user, reply = message("u"), message("a", "assistant")
    assert question_of([], "") == Nothing()
    assert question_of([user], "") == Said(user)
    assert question_of([user, reply], "") == Nothing()
    assert question_of([user], 'Please say: "hello there" now') == Announcement("hello there")
    assert question_of([user], "Speak slowly and clearly.") == Said(user)
    for context, names in (
        ([user, call("1", "get_time"), result("1")], ["get_time"]),
        ([user, call("1", "a"), call("2", "b"), result("1"), result("2")], ["a", "b"]),
        ([user, call("1", "a"), result("1"), call("2", "b"), result("2")], ["b"]),
        ([user, reply, call("1", "a"), result("1")], ["a"]),
        ([result("9")], [""]),
    ):
        question = question_of(context, "")
        assert isinstance(question, Results)
        assert [r.name for r in question.results] == names
        assert question.asked is (user if context[0] is user and reply not in context else None)


def test_a_call_of_a_response_that_was_called_off_does_not_hide_what_was_said_last() -> None:
    first, second = message("u1"), message("u2")
    assert question_of([first, second, call("1", "set_timer")], "") == Said(second)
    answered = [first, call("1", "a"), result("1"), call("2", "b")]
    assert question_of(answered, "") == Nothing()


@given(st.text(alphabet="ab .!?\n", max_size=700))
def test_no_word_is_lost_between_sentences(text: str) -> None:
    pieces = sentences(text)
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert all(0 < len(piece) <= LONGEST_PIECE for piece in pieces)
    complete, rest = whole_sentences(text)
    assert "".join("".join([*complete, rest]).split()) == "".join(text.split())
