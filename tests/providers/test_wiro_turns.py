"""Turns and replies of Wiro's models, which name neither: each transcript, each answer, each cut
reply is about the right one."""

from __future__ import annotations

import pytest

from device.commands import (
    AppendAudio,
    CancelReply,
    ClearInput,
    RequestReply,
    SendToolResult,
    TruncateReply,
)
from tests.providers.wiro_driver import (
    TOKEN,
    Task,
    chunks,
    reply_id,
    sent_pcm,
    texts,
    told,
    tone,
)

INTERRUPT = {"type": "task_session_interrupt", "tasktoken": TOKEN}


def asked() -> Task:
    task = Task().ready()
    task.asks()
    return task


def answering() -> tuple[Task, str]:
    """A reply is under way."""
    task = asked()
    task.understands("What is a newt?")
    task.command(ClearInput())
    return task, reply_id(task.sounds())


# --- a turn, and its answer ---------------------------------------------------------------


def test_a_spoken_turn_with_both_transcripts() -> None:
    task = asked()
    assert told(task.understands("What is a newt?")) == ["turn", "user: What is a newt?"]
    assert told(task.sounds()) == ["reply", "sound"]
    assert told(task.words("An amphibian.")) == ["saying: An amphibian."]
    assert told(task.sounds()) == ["sound"]
    assert told(task.ends()) == ["says: An amphibian.", "completed"]


def test_an_answer_without_a_transcript_says_that_the_turn_was_taken() -> None:
    task = asked()
    assert told(task.sounds()) == ["turn", "reply", "sound"]
    assert told(task.understands("What is a newt?")) == ["user: What is a newt?"]
    assert told(task.understands("What is a newt?")) == []


def test_words_that_come_before_the_sound_of_their_reply_are_told_in_it() -> None:
    task = asked()
    task.understands("Hello?")
    assert told(task.words("Hi.")) == []
    assert told(task.sounds()) == ["reply", "saying: Hi.", "sound"]
    assert told(task.ends()) == ["says: Hi.", "completed"]


def test_words_that_come_behind_the_end_of_their_reply_are_told_in_it() -> None:
    task = asked()
    task.sounds()
    assert told(task.ends()) == []
    assert told(task.words("Hi.")) == ["saying: Hi.", "says: Hi.", "completed"]


def test_a_reply_without_words_ends_a_moment_after_its_end() -> None:
    task = asked()
    task.sounds()
    assert told(task.ends()) == []
    assert told(task.wait(0.31)) == ["completed"]


def test_a_reply_of_words_only_is_a_reply() -> None:
    task = asked()
    task.understands("Hello?")
    task.words("Hi.")
    assert told(task.ends()) == ["reply", "saying: Hi.", "says: Hi.", "completed"]


@pytest.mark.parametrize(
    ("parts", "whole"),
    [
        (["It is", "It is ten."], "It is ten."),
        (["It is ten.", "It is ten."], "It is ten."),
        (["It is ten.", "And five."], "It is ten. And five."),
        (["It", " is", " ten", "."], "It is ten."),
    ],
    ids=["growing", "repeated", "parts", "pieces"],
)
def test_words_are_put_together_however_they_come(parts: list[str], whole: str) -> None:
    task = asked()
    task.sounds()
    said = [line for part in parts for line in told(task.words(part))]
    assert "".join(line.removeprefix("saying: ") for line in said) == whole
    assert told(task.ends()) == [f"says: {whole}", "completed"]


def test_an_end_for_no_reply_means_nothing() -> None:
    task = asked()
    assert told(task.ends()) == []
    assert told(task.sounds()) == ["turn", "reply", "sound"]


def test_a_transcript_in_the_making_does_not_cut_the_person_off() -> None:
    task = Task().ready()
    task.speaks(1.0, tone(1.0))
    assert told(task.understands("What is")) == []
    task.speaks(1.0, tone(1.0))
    task.speaks(0.6)
    assert told(task.understands("What is a newt?")) == ["turn", "user: What is a newt?"]


def test_a_transcript_in_the_making_is_the_turns_when_nothing_better_comes() -> None:
    task = Task().ready()
    task.speaks(1.0, tone(1.0))
    task.understands("What is a newt?")
    task.speaks(0.6)
    assert told(task.sounds()) == ["turn", "user: What is a newt?", "reply", "sound"]


def test_nothing_of_the_tail_of_a_turn_is_sent() -> None:
    task = asked()
    task.understands("Hello?")
    task.outputs.clear()
    task.speaks(0.4, tone(0.4))
    assert chunks(task.outputs) == []
    task.command(ClearInput())
    task.asks()
    assert sent_pcm(task.outputs).startswith(tone(1.0))


def test_without_a_clear_the_next_uplink_is_heard_all_the_same() -> None:
    task = asked()
    task.understands("Hello?")
    task.wait(0.6)
    assert sent_pcm(task.speaks(1.0, tone(1.0))) == tone(1.0)


def test_no_silence_is_sent_once_the_turn_was_taken() -> None:
    task = asked()
    task.understands("Hello?")
    assert task.codec.deadline is None
    assert chunks(task.wait(5.0)) == []


def test_a_late_transcript_does_not_end_the_turn_that_is_being_said() -> None:
    task = asked()
    reply = reply_id(task.sounds())
    task.wait(0.5)
    task.command(CancelReply(reply))
    task.ends()
    task.asks()
    assert told(task.understands("What is a newt?")) == ["user: What is a newt?"]
    assert told(task.understands("Stop it.")) == ["turn", "user: Stop it."]


def test_a_second_answer_is_not_told_where_somebody_spoke_on_behind_the_turn() -> None:
    """The service took what it heard behind the turn, and was taken back, for another one."""
    task = asked()
    task.speaks(0.5, tone(0.5))
    task.understands("What is a newt?")
    assert set(sent_pcm(task.command(ClearInput()))) == {0}  # those words are over
    task.sounds()
    task.words("An amphibian.")
    task.ends()
    task.wait(2.0)
    outputs = task.sounds()
    assert told(outputs) == []
    assert texts(outputs) == [INTERRUPT]


def test_what_comes_behind_an_answer_is_told_where_nothing_was_given_up() -> None:
    task, _ = answering()
    task.words("One moment.")
    task.ends()
    task.wait(3.0)
    outputs = task.sounds()
    assert told(outputs) == ["reply", "sound"]
    assert texts(outputs) == []


# --- a reply whose end does not come ---------------------------------------------------------


def test_a_reply_whose_end_does_not_come_ends_before_the_core_gives_it_up() -> None:
    task, _ = answering()
    task.words("An amphibian.")
    task.wait(5.0)
    assert told(task.sounds()) == ["sound"]
    assert told(task.wait(9.9)) == []
    assert told(task.wait(0.2)) == ["says: An amphibian.", "completed"]


def test_the_turn_that_is_taken_ends_a_reply_whose_end_did_not_come() -> None:
    task, _ = answering()
    task.asks()
    assert told(task.understands("And a toad?")) == ["completed", "turn", "user: And a toad?"]
    assert told(task.sounds()) == ["reply", "sound"]
    task.command(ClearInput())
    task.speaks(1.0, tone(1.0))
    task.speaks(0.8)
    assert told(task.sounds()) == ["completed", "turn", "reply", "sound"]


def test_sound_of_a_reply_that_is_spoken_over_is_its_own() -> None:
    task, _ = answering()
    task.speaks(0.5, tone(0.5))
    assert told(task.sounds()) == ["sound"]
    task.speaks(0.6)
    assert told(task.sounds()) == ["sound"]


def test_what_the_service_says_unasked_much_later_is_a_reply_to_no_turn() -> None:
    task, _ = answering()
    task.words("An amphibian.")
    task.ends()
    task.wait(9.0)
    assert told(task.sounds()) == ["reply", "sound"]


def test_a_greeting_is_a_reply_to_no_turn() -> None:
    task = Task("elevenlabs/agent", options={"first_message": "Good day!"})
    task.runs()
    task.command(AppendAudio(tone(1.0)))  # said while it queued
    task.says("task_stream_ready")
    task.speaks(0.6)
    assert told(task.sounds()) == ["reply", "sound"]
    task.words("Good day!")
    task.ends()
    assert told(task.understands("What is a newt?")) == ["turn", "user: What is a newt?"]
    assert told(task.sounds()) == ["reply", "sound"]


def test_what_there_is_no_way_to_say_is_not_said() -> None:
    task, reply = answering()
    for command in (TruncateReply(reply, 100), SendToolResult("c", "{}"), RequestReply("Hi")):
        assert task.command(command) == []
