"""Which utterance a reply answers: by the wire's commits, else by time."""

from __future__ import annotations

from tests.simulator.hand_wire import ONE, T0, TWO, Wire, said

BUSY = "conversation_already_has_active_response"


def test_what_was_never_sent_stays_unanswered() -> None:
    """Said while muted, then another question that is answered."""
    wire = Wire()
    wire.commit(8.6, "b", wire.send(7.0, 6.9, 8.5))
    wire.created(8.61, "r")
    wire.audio(8.7, "r")
    assert wire.judge(ONE, TWO) == ([("two", "r")], ["one"])


def test_by_time_only_the_newest_is_answered() -> None:
    wire = Wire()
    wire.audio(8.7, "")
    assert wire.judge(ONE, TWO) == ([("two", "")], ["one"])
    again = Wire()
    again.audio(3.5, "a")
    again.audio(4.5, "b")  # more of it
    assert again.judge(ONE, TWO) == ([("one", "a")], ["two"])


def test_a_late_answer_belongs_to_the_older_question() -> None:
    """A slow line: both turns are taken at once, long after; the second has no answer."""
    wire = Wire()
    first = wire.send(2.0, 1.5, 5.0)
    second = wire.send(7.0, 6.9, 8.5)
    wire.commit(12.0, "a", first)
    wire.created(12.001, "r1")
    wire.done(12.02, "r1", call=True)
    wire.commit(12.03, "b", second)
    wire.created(12.04, "r2")
    wire.done(12.06, "r2", call=True)
    wire.asks(12.09, result=True)
    wire.created(12.1, "r3")
    wire.audio(12.2, "r3")
    wire.done(13.0, "r3")
    wire.asks(13.05, result=True)
    wire.created(13.1, "r4")
    wire.row(13.11, "response.cancel", response_id="r4")
    wire.done(13.2, "r4", "cancelled")
    assert wire.judge(ONE, TWO) == ([("one", "r3")], ["two"])
    wire.rows = wire.rows[:-2]
    wire.audio(13.2, "r4")
    assert wire.judge(ONE, TWO) == ([("one", "r3"), ("two", "r4")], [])


def test_a_cancelled_or_forgotten_turn_does_not_take_the_next_ones_answer() -> None:
    for status, cancelled in (("cancelled", True), ("completed", False)):
        wire = Wire()
        wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
        wire.created(3.61, "r1")
        if cancelled:
            wire.row(3.7, "response.cancel", response_id="r1")
        wire.done(3.8, "r1", status)
        wire.commit(8.6, "b", wire.send(7.0, 6.9, 8.5))
        wire.created(8.61, "r2")
        wire.audio(8.7, "r2")
        assert wire.judge(ONE, TWO) == ([("two", "r2")], ["one"])


def test_a_turn_dies_with_its_connection() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.row(3.7, "closed")
    wire.commit(8.6, "b", wire.send(7.0, 6.9, 8.5, connection=2), connection=2)
    wire.created(8.61, "r2", 2)
    wire.audio(8.7, "r2", 2)
    assert wire.judge(ONE, TWO) == ([("two", "r2")], ["one"])


def test_a_reply_that_nobody_asked_for_answers_nothing() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1")
    wire.audio(3.8, "r1")
    wire.done(4.0, "r1")
    wire.created(9.0, "announcement")
    wire.audio(9.1, "announcement")
    assert wire.judge(ONE, TWO) == ([("one", "r1")], ["two"])


def test_a_turn_taken_in_a_pause_is_not_the_utterance() -> None:
    """The end of what was said stands in the second commit, so the second reply answers it."""
    wire = Wire()
    wire.commit(2.4, "a", wire.send(1.5, 1.2, 2.3))
    wire.created(2.41, "r1")
    wire.audio(2.5, "r1")
    wire.done(2.6, "r1")
    wire.commit(3.6, "b", wire.send(2.6, 2.3, 3.5))
    wire.created(3.61, "r2")
    wire.audio(3.7, "r2")
    assert wire.judge(ONE) == ([("one", "r2")], [])


def test_without_the_services_places_all_that_was_sent_since_the_last_turn_counts() -> None:
    wire = Wire()
    wire.send(1.5, 1.2, 3.4)
    wire.clear(4.0, 4.01)
    wire.send(7.0, 6.9, 8.5)
    wire.commit(8.6, "b")
    wire.created(8.61, "r")
    wire.audio(8.7, "r")
    assert wire.judge(ONE, TWO) == ([("two", "r")], ["one"])


def test_where_the_recording_does_not_show_what_was_sent_time_decides() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5, matched=False))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1")
    assert wire.judge(ONE, TWO) == ([("one", "r1")], ["two"])


def test_two_utterances_in_one_turn_are_both_answered() -> None:
    near = said("more", 3.2, 4.0)
    wire = Wire()
    wire.commit(4.6, "a", wire.send(2.0, 1.5, 4.5))
    wire.created(4.61, "r1")
    wire.audio(4.7, "r1")
    assert wire.judge(ONE, near) == ([("more", "r1")], [])


def test_a_wake_word_alone_asks_nothing() -> None:
    alone = said("hey jarvis", 1, 2, word_end_at=T0 + 2)
    assert Wire().judge(alone, TWO) == ([], ["two"])


# --- only what sounded counts ------------------------------------------------------------


def test_a_reply_that_did_not_sound_answers_nothing() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1", heard=False)
    assert wire.judge(ONE) == ([], ["one"])
    assert wire.why(ONE) == {"one": "its reply came, and nothing of it sounded"}
    by_time = Wire()
    by_time.audio(3.7, "r1", heard=False)
    assert by_time.judge(ONE) == ([], ["one"])


def test_a_reply_that_did_not_sound_leaves_the_next_one_to_its_own_utterance() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1", heard=False)
    wire.done(3.8, "r1")
    wire.commit(8.6, "b", wire.send(7.0, 6.9, 8.5))
    wire.created(8.61, "r2")
    wire.audio(8.7, "r2")
    assert wire.judge(ONE, TWO) == ([("two", "r2")], ["one"])


def test_what_sounds_later_of_the_same_answer_counts_when_the_beginning_did_not() -> None:
    """“One moment” is not heard; what follows the function call is."""
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1", heard=False)
    wire.done(3.8, "r1", call=True)
    wire.asks(4.0, result=True)
    wire.created(4.1, "r2")
    wire.audio(4.2, "r2")
    assert wire.judge(ONE) == ([("one", "r2")], [])


def test_an_announcement_is_no_answer_to_an_unanswered_question() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1", heard=False)
    wire.done(3.8, "r1")
    wire.asks(9.0)
    wire.created(9.1, "announcement")
    wire.audio(9.2, "announcement")
    assert wire.judge(ONE) == ([], ["one"])


# --- whose reply it is -------------------------------------------------------------------


def test_what_was_taken_back_is_not_in_the_next_turn() -> None:
    """The service's padding reaches back over a clear, to where the utterance was cut off."""
    wire = Wire()
    _, cut_ms = wire.send(1.5, 1.2, 2.9)
    wire.clear(3.0, 3.01)
    sent = wire.send(7.0, 6.9, 8.5)
    wire.commit(8.6, "b", (cut_ms - 90, sent[1]))
    wire.created(8.61, "r")
    wire.audio(8.7, "r")
    assert wire.judge(ONE, TWO) == ([("two", "r")], ["one"])
    assert wire.why(ONE, TWO, presses=[2.8]) == {
        "one": "the button was pressed at 2.8 s, and what was sent of it was taken back"
    }
    assert wire.why(ONE, TWO) == {
        "one": "what was sent of it was taken back before the service made a turn of it"
    }


def test_a_verdict_that_crossed_a_clear_still_holds_what_came_before_it() -> None:
    wire = Wire()
    span = wire.send(1.5, 1.2, 3.4)
    wire.clear(3.5)
    wire.commit(3.6, "a", span)
    wire.row(3.7, "input_audio_buffer.cleared")
    wire.created(3.71, "r")
    wire.audio(3.8, "r")
    assert wire.judge(ONE) == ([("one", "r")], [])


def test_the_devices_commits_end_where_they_were_sent_even_in_one_burst() -> None:
    """A stalled line brings two turns at once; the service takes them long after."""
    wire = Wire()
    wire.send(9.0, 1.2, 3.4)
    wire.device_commits(9.0)
    wire.asks(9.0)
    wire.clear(9.0)
    wire.send(9.0, 6.3, 8.5)
    wire.device_commits(9.0)
    wire.row(9.1, "input_audio_buffer.committed", item_id="a")
    wire.created(9.11, "r1")
    wire.row(9.12, "input_audio_buffer.cleared")
    wire.row(9.13, "input_audio_buffer.committed", item_id="b")
    wire.done(9.2, "r1")
    wire.asks(9.3)
    wire.created(9.4, "r2")
    wire.audio(9.5, "r2")
    assert wire.judge(ONE, TWO) == ([("two", "r2")], ["one"])
    assert wire.why(ONE, TWO, presses=[4.0]) == {
        "one": "the button was pressed at 4.0 s before a reply to it sounded"
    }


def test_the_services_own_answer_is_not_taken_for_a_functions_result() -> None:
    """The first turn calls a function; before its result is asked about the second is answered."""
    soon = said("soon", 3.8, 4.4)
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.done(3.7, "r1", call=True)
    wire.commit(4.6, "b", wire.send(4.0, 3.8, 4.5))
    wire.created(4.61, "r2")
    wire.audio(4.7, "r2")
    wire.done(5.0, "r2")
    assert wire.judge(ONE, soon) == ([("soon", "r2")], ["one"])


def test_a_reply_that_was_refused_while_another_ran_is_asked_for_again() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1")
    wire.commit(8.6, "b", wire.send(7.0, 6.9, 8.5))
    wire.row(8.61, "error", direction="down", code=BUSY)
    wire.done(8.7, "r1")
    wire.asks(8.8)
    wire.created(8.9, "r2")
    wire.audio(9.0, "r2")
    assert wire.judge(ONE, TWO) == ([("one", "r1"), ("two", "r2")], [])


def test_an_error_about_something_else_is_no_refusal() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.audio(3.7, "r1")
    wire.commit(8.6, "b", wire.send(7.0, 6.9, 8.5))
    wire.row(8.61, "error", direction="down", code="response_cancel_not_active")
    wire.done(8.7, "r1")
    wire.created(8.9, "r2")
    wire.audio(9.0, "r2")
    assert wire.judge(ONE, TWO) == ([("one", "r1"), ("two", "r2")], [])


def test_a_turn_that_the_service_refused_does_not_take_the_result_of_anothers_function() -> None:
    """Both were said while the line was down; the service has taken the second as well, and
    will not answer it while the first is under way."""
    wire = Wire()
    first, second = wire.send(9.0, 1.2, 3.5), wire.send(9.01, 6.0, 8.5)
    wire.commit(9.1, "a", first)
    wire.created(9.11, "r1")
    wire.clear(9.12)
    wire.commit(9.2, "b", second)
    wire.row(9.21, "error", direction="down", code=BUSY)
    wire.done(9.3, "r1", call=True)
    wire.asks(9.4, result=True)
    wire.created(9.5, "r2")
    wire.audio(9.6, "r2")
    wire.row(20.0, "closed")
    assert wire.judge(ONE, TWO) == ([("one", "r2")], ["two"])
    assert wire.why(ONE, TWO) == {"two": "the service took it as a turn and refused to answer it"}


def test_an_utterance_of_which_hardly_anything_was_committed_was_not() -> None:
    wire = Wire()
    wire.send(1.5, 1.2, 2.9)
    wire.commit(8.6, "b", (1690.0, wire.send(7.0, 6.9, 8.5)[1]))
    wire.created(8.61, "r")
    wire.audio(8.7, "r")
    assert wire.judge(ONE, TWO) == ([("two", "r")], ["one"])
    assert wire.why(ONE, TWO) == {"one": "the service made no turn of it"}
