"""Replies of Wiro's models that are cut, turns that are given up, and a model that never stops
sending sound: what nobody wants is not heard, and what comes next is heard whole."""

from __future__ import annotations

import struct

from device.commands import (
    AbandonTurn,
    CancelReply,
    ClearInput,
)
from device.providers.base import AskFence
from tests.providers.wiro_driver import (
    REPLY,
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


# --- a reply that is cut ------------------------------------------------------------------


def test_a_cut_is_told_to_the_service_and_ends_the_reply_at_once() -> None:
    task, reply = answering()
    outputs = task.command(CancelReply(reply))
    assert told(outputs) == ["cancelled"]
    assert texts(outputs) == [INTERRUPT]
    assert task.command(CancelReply(reply)) == []


def test_late_sound_of_a_cut_reply_is_not_heard_and_the_next_reply_is_from_its_first_sample() -> (
    None
):
    task, reply = answering()
    task.command(CancelReply(reply))
    task.wait(0.2)
    assert told(task.sounds() + task.words("An amphibian.")) == []
    task.asks()
    assert told(task.sounds()) == []  # as late as can be
    assert told(task.ends()) == []
    assert told(task.understands("Stop it.")) == ["turn", "user: Stop it."]
    assert told(task.sounds()) == ["reply", "sound"]


def test_a_reply_whose_end_has_come_is_not_interrupted_and_the_next_one_is_not_swallowed() -> None:
    """The device still plays it, the service has nothing more to say and answers nothing."""
    task, reply = answering()
    task.ends()
    outputs = task.command(CancelReply(reply))
    assert told(outputs) == ["cancelled"]
    assert texts(outputs) == []
    task.asks()
    assert told(task.sounds()) == ["turn", "reply", "sound"]


def test_a_cut_of_a_reply_that_is_done_changes_nothing() -> None:
    task, reply = answering()
    task.words("An amphibian.")
    task.ends()
    assert task.command(CancelReply(reply)) == []
    task.asks()
    assert told(task.sounds()) == ["turn", "reply", "sound"]


def test_an_end_that_crosses_the_interrupt_and_the_answer_to_it_are_one_end() -> None:
    task, reply = answering()
    task.command(CancelReply(reply))
    assert told(task.ends()) == []  # its own, on its way
    assert told(task.ends()) == []  # the answer
    task.asks()
    assert told(task.sounds()) == ["turn", "reply", "sound"]


def test_where_no_end_comes_the_next_reply_is_heard_when_the_cut_one_has_stayed_away() -> None:
    task, reply = answering()
    task.command(CancelReply(reply))
    task.wait(0.1)
    task.passes_fences()
    assert told(task.sounds()) == []
    task.asks()
    assert told(task.sounds()) == ["turn", "reply", "sound"]


def test_on_a_slow_line_silence_does_not_tell_that_the_cut_reply_has_ended() -> None:
    task, reply = answering()
    outputs = task.command(CancelReply(reply))
    assert [o for o in outputs if isinstance(o, AskFence)]
    task.wait(6.0)
    assert told(task.sounds()) == []
    task.passes_fences()
    assert told(task.sounds()) == []


def test_a_service_that_hears_no_interrupt_is_not_heard_as_long_as_it_goes_on() -> None:
    task, reply = answering()
    task.command(CancelReply(reply))
    task.passes_fences()
    for _ in range(40):
        task.wait(0.2)
        assert told(task.sounds()) == []


def test_the_last_resort_is_bounded_in_time() -> None:
    task, reply = answering()
    task.command(CancelReply(reply))
    task.passes_fences()
    for _ in range(55):
        task.wait(0.2)
        task.sounds()
    assert told(task.outputs).count("reply") == 2
    blind, reply = answering()
    blind.command(CancelReply(reply))
    blind.wait(31.0)
    assert told(blind.sounds()) == ["reply", "sound"]


# --- a turn that is given up -----------------------------------------------------------------


def test_what_comes_of_a_turn_that_was_given_up_is_swallowed_and_the_next_is_answered() -> None:
    task = asked()
    task.command(AbandonTurn())
    task.wait(0.5)
    assert told(task.understands("What is a newt?")) == []
    outputs = task.sounds()
    assert told(outputs) == [] and texts(outputs) == [INTERRUPT]
    assert told(task.words("An amphibian.") + task.sounds() + task.ends()) == []
    task.asks()
    assert told(task.understands("Stop it.")) == ["turn", "user: Stop it."]
    assert told(task.sounds()) == ["reply", "sound"]


def test_words_that_were_sent_are_ended_so_that_the_next_turn_is_another() -> None:
    task = Task().ready()
    task.speaks(0.7, tone(0.7))
    task.outputs.clear()
    task.command(AbandonTurn())
    heard = sent_pcm(task.outputs)
    assert set(heard) == {0} and len(heard) >= 48 * 900
    task.outputs.clear()
    assert task.wait(10.0) == []


def test_a_turn_in_which_nobody_spoke_is_given_up_without_a_word() -> None:
    task = Task().ready()
    task.speaks(2.0, struct.pack("<hh", 40, -40) * 24000)
    outputs = task.command(AbandonTurn())
    assert chunks(outputs) == []
    assert told(task.asks() + task.sounds()) == ["turn", "reply", "sound"]


def test_a_committed_turn_that_is_given_up_is_interrupted_and_its_late_reply_not_heard() -> None:
    task = asked()
    task.understands("What is a newt?")
    assert texts(task.command(AbandonTurn())) == [INTERRUPT]
    assert told(task.ends()) == []
    task.wait(1.0)
    assert told(task.sounds()) == []
    assert told(task.ends()) == []
    task.asks()
    assert told(task.understands("Stop it.")) == ["turn", "user: Stop it."]
    assert told(task.sounds()) == ["reply", "sound"]


def test_a_committed_turn_that_is_given_up_and_stopped_in_time_costs_the_next_one_nothing() -> None:
    task = asked()
    task.understands("What is a newt?")
    task.command(AbandonTurn())
    task.wait(0.2)
    task.ends()
    task.asks()
    assert told(task.sounds()) == ["turn", "reply", "sound"]


def test_the_answer_to_a_turn_that_was_given_up_is_not_taken_for_the_next_ones() -> None:
    """Woken again in mid-sentence: the answer to the first words comes while the second are
    being said."""
    task = asked()
    task.command(AbandonTurn())
    task.speaks(0.8, tone(0.8))
    assert told(task.sounds()) == []
    task.speaks(1.0, tone(1.0))
    assert told(task.sounds() + task.ends()) == []
    task.speaks(0.6)
    assert told(task.sounds()) == ["turn", "reply", "sound"]


def test_the_late_transcript_of_a_swallowed_answer_is_swallowed() -> None:
    task = asked()
    task.command(AbandonTurn())
    task.wait(0.5)
    task.sounds()
    task.ends()
    task.asks()
    assert told(task.understands("What is a newt?")) == []
    assert told(task.understands("Stop it.")) == ["turn", "user: Stop it."]


def test_a_turn_that_was_never_answered_does_not_cost_a_later_one_its_answer() -> None:
    task = asked()
    task.command(AbandonTurn())
    task.wait(8.1)
    assert told(task.asks() + task.sounds()) == ["turn", "reply", "sound"]


def test_a_short_word_right_behind_what_was_taken_back_is_answered() -> None:
    task = Task().ready()
    task.speaks(0.5, tone(0.5))
    task.command(ClearInput())
    task.speaks(0.4, tone(0.4))
    task.speaks(0.9)
    assert told(task.understands("Stop.")) == ["turn", "user: Stop."]
    assert told(task.sounds()) == ["reply", "sound"]


def test_nothing_is_trusted_before_the_service_has_heard_what_it_is_to_be_about() -> None:
    """On a slow line the answer to what was taken back comes when the next turn is over here."""
    task = Task().ready()
    task.line_s = 3.0
    task.speaks(0.5, tone(0.5))
    task.command(ClearInput())
    task.speaks(1.0, tone(1.0))
    task.speaks(1.5)
    assert told(task.understands("Hm") + task.sounds() + task.ends()) == []
    task.speaks(2.0)
    assert told(task.understands("Stop.")) == ["turn", "user: Stop."]
    assert told(task.sounds()) == ["reply", "sound"]


def test_a_mark_that_never_comes_is_not_waited_for_for_ever() -> None:
    task = Task().ready()
    task.line_s = 100.0
    task.speaks(0.5, tone(0.5))
    task.command(ClearInput())
    task.speaks(1.0, tone(1.0))
    task.speaks(3.1)
    assert told(task.understands("Stop.")) == ["turn", "user: Stop."]


def test_a_pause_within_a_sentence_is_not_its_end() -> None:
    """What comes then is of what was given up."""
    task = Task().ready()
    task.speaks(0.5, tone(0.5))
    task.command(ClearInput())
    for _ in range(2):
        task.speaks(0.7, tone(0.7))
        task.speaks(0.2)
    assert told(task.understands("Hm")) == []


def test_a_loud_room_in_which_pauses_cannot_be_told_is_answered() -> None:
    task = Task().ready()
    task.speaks(2.0, tone(2.0))
    task.speaks(1.0, tone(1.0, 6000))
    assert told(task.sounds(REPLY)) == ["turn", "reply", "sound"]


# --- a model that hears and speaks all the time ------------------------------------------------


def personaplex() -> Task:
    task = Task("nvidia/PersonaPlex-Realtime").ready()
    task.asks()
    return task


def test_silence_of_a_model_that_speaks_all_the_time_begins_no_reply_and_a_pause_ends_one() -> None:
    task = personaplex()
    assert told(task.sounds(bytes(4800))) == []
    assert told(task.sounds()) == ["turn", "reply", "sound"]
    said = []
    for _ in range(20):
        said += told(task.wait(0.1) + task.sounds(bytes(4800)))
    assert said[:14] == ["sound"] * 14
    assert said[-1] == "completed"


def test_it_is_given_silence_while_it_speaks_and_not_for_ever() -> None:
    task = personaplex()
    task.sounds(REPLY * 50)
    task.outputs.clear()
    task.wait(4.0)
    assert 3.5 < len(sent_pcm(task.outputs)) / 48000 < 4.5
    task.wait(30.0)
    task.outputs.clear()
    assert chunks(task.wait(30.0)) == []


def test_an_end_that_it_marks_ends_its_reply_too() -> None:
    task = personaplex()
    task.sounds(REPLY * 50)
    task.words("Well.")
    assert told(task.ends()) == ["says: Well.", "completed"]
