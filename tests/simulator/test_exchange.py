"""Which response is due to which turn: calls, results and requests that have names."""

from __future__ import annotations

import pytest

from tests.simulator.hand_wire import ONE, TWO, Wire

BUSY = "conversation_already_has_active_response"
RESULT = "function_call_output"


def two_turns_at_once() -> Wire:
    """Both were said while the line was down; the first is answered by r1."""
    wire = Wire()
    first, second = wire.send(9.0, 1.2, 3.5), wire.send(9.01, 6.0, 8.5)
    wire.commit(9.1, "a", first)
    wire.created(9.11, "r1")
    wire.commit(9.2, "b", second)
    return wire


@pytest.mark.parametrize("named", [False, True])
def test_a_call_that_comes_after_its_response_was_called_off_is_nobodys(named: bool) -> None:
    wire = Wire()
    first, second = wire.send(9.0, 1.2, 3.5), wire.send(9.01, 6.0, 8.5)
    wire.commit(9.1, "a", first)
    wire.created(9.11, "r1")
    wire.takes_back(9.12, "a", "r1")
    wire.calls(9.13, "r1", **({"call_id": "c1"} if named else {}))
    wire.done(9.14, "r1")
    wire.commit(9.2, "b", second)
    wire.created(9.21, "r2")
    wire.calls(9.22, "r2", **({"call_id": "c2"} if named else {}))
    wire.result(9.23, **({"call_id": "c2", "item_type": RESULT} if named else {}))
    wire.done(9.24, "r2")
    wire.asks(9.3)
    wire.created(9.4, "r3")
    wire.audio(9.5, "r3")
    assert wire.judge(ONE, TWO) == ([("two", "r3")], ["one"])
    taken_back = "the appliance took the turn back before a reply to it sounded"
    assert wire.why(ONE, TWO) == {"one": taken_back}


def test_a_result_is_that_of_the_call_that_it_names() -> None:
    wire = two_turns_at_once()
    wire.calls(9.21, "r1", call_id="c1")
    wire.done(9.22, "r1")
    wire.created(9.23, "r2")
    wire.calls(9.24, "r2", call_id="c2")
    wire.done(9.25, "r2")
    wire.result(9.3, call_id="c2", item_type=RESULT)
    wire.asks(9.31)
    wire.created(9.4, "r3")
    wire.audio(9.5, "r3")
    assert wire.judge(ONE, TWO) == ([("two", "r3")], ["one"])


def test_an_item_that_is_no_result_answers_no_call() -> None:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.done(3.7, "r1", call=True)
    wire.result(3.8, item_type="message")
    wire.asks(3.9)
    wire.created(4.0, "r2")
    wire.audio(4.1, "r2")
    assert wire.judge(ONE) == ([], ["one"])


def test_a_response_answers_the_request_that_it_names() -> None:
    """The first request is never taken up; an answer in order would be credited to it."""
    wire = Wire()
    wire.send(2.0, 1.5, 3.5)
    wire.device_commits(3.6)
    wire.asks(3.6, request="q1")
    wire.send(7.0, 6.9, 8.5)
    wire.device_commits(8.6)
    wire.asks(8.6, request="q2")
    wire.created(8.7, "r", request="q2")
    wire.audio(8.8, "r")
    assert wire.judge(ONE, TWO) == ([("two", "r")], ["one"])


def test_where_the_service_names_requests_a_response_without_a_name_is_nobodys() -> None:
    wire = Wire()
    wire.send(2.0, 1.5, 3.5)
    wire.device_commits(3.6)
    wire.asks(3.6, request="q1")
    wire.created(3.7, "r1", request="q1")
    wire.audio(3.8, "r1")
    wire.done(4.0, "r1")
    wire.send(7.0, 6.9, 8.5)
    wire.device_commits(8.6)
    wire.asks(8.6, request="q2")
    wire.created(8.7, "announcement")
    wire.audio(8.8, "announcement")
    assert wire.judge(ONE, TWO) == ([("one", "r1")], ["two"])


def test_a_service_that_does_not_repeat_names_answers_in_order() -> None:
    wire = Wire()
    wire.send(2.0, 1.5, 3.5)
    wire.device_commits(3.6)
    wire.asks(3.6, request="q1")
    wire.created(3.7, "r1")
    wire.audio(3.8, "r1")
    assert wire.judge(ONE) == ([("one", "r1")], [])


def test_a_refusal_is_of_the_request_that_it_names() -> None:
    """The service owes an answer of its own as well; that is not what it refuses."""
    wire = Wire()
    wire.send(2.0, 1.5, 3.5)
    wire.device_commits(3.6)
    wire.row(3.61, "input_audio_buffer.committed", item_id="a")
    wire.asks(3.6, request="q1")
    wire.commit(8.6, "b", (1000 * 2.0, 1000 * 2.0 + wire.send(7.0, 6.9, 8.5)[1]))
    wire.row(8.61, "error", direction="down", code=BUSY, refers_to="q1")
    wire.created(8.7, "r")
    wire.audio(8.8, "r")
    assert wire.judge(ONE, TWO) == ([("two", "r")], ["one"])
    refused = "the service took it as a turn and refused to answer it"
    assert wire.why(ONE, TWO) == {"one": refused}


def test_a_refused_turn_that_was_taken_back_is_not_asked_about() -> None:
    wire = two_turns_at_once()
    wire.row(9.21, "error", direction="down", code=BUSY)
    wire.row(9.22, "conversation.item.delete", direction="up", item_id="b")
    wire.audio(9.3, "r1")
    wire.done(9.4, "r1")
    wire.asks(9.5)
    wire.created(9.6, "announcement")
    wire.audio(9.7, "announcement")
    assert wire.judge(ONE, TWO) == ([("one", "r1")], ["two"])


# --- commands without a reply --------------------------------------------------------------


def stop() -> Wire:
    wire = Wire()
    wire.commit(3.6, "a", wire.send(2.0, 1.5, 3.5))
    wire.created(3.61, "r1")
    wire.done(3.7, "r1", call=True)
    wire.asks(3.8, result=True)
    return wire


def test_a_command_that_is_obeyed_without_a_word_is_not_unanswered() -> None:
    wire = stop()
    wire.created(3.9, "r2")
    wire.done(3.91, "r2")
    assert wire.judge(ONE) == ([], [])
    assert [s.text for s in wire.turns(ONE).obeyed] == ["one"]


def test_what_was_not_carried_out_to_the_end_is_not_obeyed() -> None:
    lost = stop()
    broken = stop()
    broken.created(3.9, "r2")
    broken.done(3.91, "r2", "failed")
    called_off = stop()
    called_off.created(3.9, "r2")
    called_off.row(3.905, "response.cancel", direction="up", response_id="r2")
    called_off.done(3.91, "r2")
    unheard = stop()
    unheard.created(3.9, "r2")
    unheard.audio(3.905, "r2", heard=False)
    unheard.done(3.91, "r2")
    without_a_call = Wire()
    without_a_call.commit(3.6, "a", without_a_call.send(2.0, 1.5, 3.5))
    without_a_call.created(3.61, "r1")
    without_a_call.done(3.7, "r1")
    for wire in (lost, broken, called_off, unheard, without_a_call):
        assert wire.judge(ONE) == ([], ["one"])
        assert wire.turns(ONE).obeyed == []
