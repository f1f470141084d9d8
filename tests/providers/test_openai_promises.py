"""Which reply begins: told by the names of our requests, whatever crosses on the line."""

from __future__ import annotations

import pytest

from device.commands import (
    AbandonTurn,
    ClearInput,
    CommitTurn,
    RequestReply,
    SendToolResult,
)
from device.events import ServiceTrouble, TurnCommitted
from device.providers.base import Output
from device.providers.openai_barrier import CLEARED_WITHIN_S
from device.providers.openai_promises import ANSWER_WITHIN_S, REQUEST_WITHIN_S, Promises
from tests.providers.driver import Driver, asks, event_ids, events, frames, kinds, notes
from tests.providers.turns import (
    AUDIO,
    BUFFER,
    BUSY,
    device_ends_turns,
    is_taken_back,
    is_under_way,
    says_a_turn,
    started,
)

# --- a turn of the device's own that was taken back ------------------------------------


def test_the_reply_to_a_turn_that_was_taken_back_is_not_taken_for_the_next_ones() -> None:
    driver = device_ends_turns()
    first = says_a_turn(driver)
    is_taken_back(driver)
    second = says_a_turn(driver)
    outputs = driver.created("r1", request=first)
    assert frames(outputs) == [{"type": "response.cancel", "response_id": "r1"}]
    assert events(outputs) == []
    assert driver.call("c1", reply_id="r1") == []
    call = {"type": "function_call", "id": "f1", "call_id": "c1", "name": "n", "arguments": "{}"}
    outputs = driver.done("r1", status="completed", output=[call])
    assert frames(outputs) == [{"type": "conversation.item.delete", "item_id": "f1"}]
    assert events(driver.event(f"{BUFFER}.committed", item_id="u2")) == [TurnCommitted("u2")]
    assert started(driver.created("r2", request=second)) == ["r2"]


def test_a_turn_given_up_before_its_answer_began_goes_from_the_conversation() -> None:
    driver = device_ends_turns()
    says_a_turn(driver)
    driver.event(f"{BUFFER}.committed", item_id="u1")
    outputs = driver.command(AbandonTurn())
    assert {"type": "conversation.item.delete", "item_id": "u1"} in frames(outputs)


def test_a_turn_given_up_before_its_answer_could_be_asked_for_goes_too() -> None:
    driver = device_ends_turns()
    is_under_way(driver)
    driver.command(AUDIO)
    assert kinds(driver.command(CommitTurn())) == [f"{BUFFER}.commit"]
    driver.event(f"{BUFFER}.committed", item_id="u2")
    outputs = driver.command(AbandonTurn())
    assert {"type": "conversation.item.delete", "item_id": "u2"} in frames(outputs)


def test_a_turn_whose_answer_could_not_be_asked_for_at_once_is_known_by_its_request() -> None:
    driver = device_ends_turns()
    is_under_way(driver)
    driver.command(AUDIO)
    driver.command(CommitTurn())
    driver.event(f"{BUFFER}.committed", item_id="u2")
    assert asks(driver.done("r1", status="cancelled")) == [""]
    outputs = driver.command(AbandonTurn())
    assert {"type": "conversation.item.delete", "item_id": "u2"} in frames(outputs)


def test_a_reply_that_never_ends_does_not_take_the_next_request_with_it() -> None:
    driver = device_ends_turns()
    is_under_way(driver)
    driver.command(AUDIO)
    driver.command(CommitTurn())
    assert driver.codec.deadline is not None
    driver.now = driver.codec.deadline
    assert asks(driver.wait(0.0)) == [""]


def test_who_waits_for_two_things_is_not_called_for_the_one_that_is_over() -> None:
    """A service that answers neither a clear nor a cancel."""
    driver = device_ends_turns()
    is_under_way(driver)
    driver.command(ClearInput())
    driver.command(AUDIO)
    driver.command(CommitTurn())
    driver.drained()
    driver.wait(CLEARED_WITHIN_S)
    assert driver.codec.deadline is not None
    assert driver.codec.deadline > driver.now


def test_a_late_word_of_speech_that_was_taken_back_ends_no_wait() -> None:
    driver = device_ends_turns()
    says_a_turn(driver)
    due = driver.codec.deadline
    driver.command(ClearInput())
    driver.event(f"{BUFFER}.speech_started", item_id="old")
    assert driver.codec.deadline == due


def test_a_turn_given_up_is_not_waited_for() -> None:
    driver = device_ends_turns()
    says_a_turn(driver)
    driver.command(AbandonTurn())
    assert driver.patience_ends is None


def test_a_reply_that_begins_without_saying_so_is_the_oldest_that_is_to_come() -> None:
    driver = device_ends_turns()
    name = says_a_turn(driver)
    driver.created("r1", request=name)
    driver.done("r1")
    says_a_turn(driver)
    assert started(driver.audio(b"\1\0", reply_id="r2")) == ["r2"]
    driver.done("r2")
    assert asks(driver.command(RequestReply("go on"))) == ["go on"]


def test_a_turn_whose_answer_has_begun_stays() -> None:
    driver = device_ends_turns()
    name = says_a_turn(driver)
    driver.event(f"{BUFFER}.committed", item_id="u1")
    driver.created("r1", request=name)
    assert kinds(driver.command(AbandonTurn())) == [f"{BUFFER}.clear"]


def test_a_request_that_waited_for_its_turn_goes_with_the_turn() -> None:
    driver = device_ends_turns()
    says_a_turn(driver)
    driver.command(RequestReply("and then"))
    driver.command(AbandonTurn())
    driver.created("r1")
    assert asks(driver.done("r1", status="cancelled")) == []


def test_a_server_that_repeats_no_names_is_understood_by_the_order() -> None:
    driver = device_ends_turns()
    says_a_turn(driver)
    is_taken_back(driver)
    says_a_turn(driver)
    assert started(driver.created("r1")) == []
    assert started(driver.created("r2")) == ["r2"]


def test_such_a_server_may_have_lost_the_request() -> None:
    driver = device_ends_turns()
    says_a_turn(driver)
    is_taken_back(driver)
    driver.wait(REQUEST_WITHIN_S)
    says_a_turn(driver)
    assert started(driver.created("r2")) == ["r2"]


def test_the_refusal_of_a_reply_nobody_waits_for_is_noted_not_told() -> None:
    driver = device_ends_turns()
    first = says_a_turn(driver)
    driver.command(AbandonTurn())
    error = {"code": "server_error", "event_id": first, "message": "no"}
    outputs = driver.event("error", error=error)
    assert events(outputs) == []
    assert "no [server_error]" in notes(outputs)[0]


def test_a_reply_that_begins_after_it_was_given_up_is_not_wanted() -> None:
    driver = device_ends_turns()
    first = says_a_turn(driver)
    assert any(isinstance(e, ServiceTrouble) for e in events(driver.wait(60.0)))
    assert started(driver.created("r1", request=first)) == []


# --- two sentences at once, the service ends the turns ---------------------------------------


def taken(driver: Driver, item_id: str) -> list[Output]:
    return driver.event(f"{BUFFER}.committed", item_id=item_id)


def test_the_answer_to_a_stray_sentence_is_not_taken_for_the_reply_after_a_tool_call() -> None:
    """Both were said while the line was down; the second one's answer begins first."""
    driver = Driver().ready()
    taken(driver, "question")
    driver.created("r1")
    driver.command(ClearInput())
    driver.call("c1", reply_id="r1")
    driver.done("r1")
    driver.command(SendToolResult("c1", "{}"))
    taken(driver, "stray")
    name = event_ids(driver.event(f"{BUFFER}.cleared"))[-1]
    assert started(driver.created("r2")) == []
    assert started(driver.created("r3", request=name)) == ["r3"]


def test_where_names_are_repeated_a_stray_answer_in_between_is_known_by_having_none() -> None:
    driver = Driver().ready()
    name = event_ids(driver.command(RequestReply("hello")))[0]
    driver.created("r1", request=name)
    driver.done("r1")
    name = event_ids(driver.command(RequestReply("again")))[0]
    driver.command(ClearInput())
    taken(driver, "stray")
    assert started(driver.created("stray answer")) == []
    assert started(driver.created("r2", request=name)) == ["r2"]


def test_a_stray_sentences_answer_that_is_refused_is_nobodys_loss() -> None:
    driver = Driver().ready()
    taken(driver, "question")
    driver.created("r1")
    driver.command(ClearInput())
    taken(driver, "stray")
    assert events(driver.event("error", error={"code": BUSY})) == []
    assert asks(driver.done("r1")) == []
    driver.wait(ANSWER_WITHIN_S)
    assert started(driver.created("r2")) == ["r2"]  # told of; whether it is wanted, the core says


def test_the_answer_to_a_turn_that_is_refused_for_another_is_asked_for_after_it() -> None:
    """The service's own answer to an abandoned turn still ran."""
    driver = Driver().ready()
    driver.command(AUDIO)
    driver.command(ClearInput())
    taken(driver, "stray")
    driver.created("stray answer")
    driver.event(f"{BUFFER}.cleared")
    taken(driver, "question")
    assert driver.event("error", error={"code": BUSY}) == []
    assert asks(driver.done("stray answer", status="cancelled")) == [""]


def test_an_answer_that_was_promised_is_not_wanted_once_its_turn_is_given_up() -> None:
    driver = Driver().ready()
    taken(driver, "question")
    outputs = driver.command(AbandonTurn())
    assert frames(outputs)[1:] == [{"type": "conversation.item.delete", "item_id": "question"}]
    assert started(driver.created("r1")) == []
    driver.event(f"{BUFFER}.cleared")
    taken(driver, "next")
    assert started(driver.created("r2")) == ["r2"]


# --- the ledger itself ---------------------------------------------------------------------------


def test_a_refusal_is_about_what_it_names() -> None:
    promises = Promises()
    promises.asked("a", "one")
    promises.turn_taken("u", 0.0)
    refused = promises.refused("a")
    assert refused is not None and not refused.wanted
    assert promises.refused("a") is None
    assert promises.awaited


def test_a_request_that_seemed_to_have_begun_begins_after_all() -> None:
    """What came first without a name was the service's own affair."""
    promises = Promises()
    promises.asked("a", "one")
    assert promises.begins("", 0.0)
    assert promises.begins("a", 0.0)
    assert not promises.begins("a", 0.0)


def test_a_refusal_that_names_nothing_is_the_abandoned_turns_first() -> None:
    promises = Promises()
    promises.stray_turn_taken(0.0)
    promises.turn_taken("u", 0.0)
    first, second = promises.refused(""), promises.refused("")
    assert first is not None and not first.wanted
    assert second is not None and second.wanted


@pytest.mark.parametrize("named", [True, False])
def test_a_request_that_seemed_to_have_begun_can_still_be_refused(named: bool) -> None:
    promises = Promises()
    promises.asked("a", "one")
    assert promises.begins("", 0.0)
    refused = promises.refused("a" if named else "")
    assert refused is not None and refused.instructions == "one"
    assert promises.refused("a") is None
