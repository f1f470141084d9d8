"""Tools once each, and asking for replies: in turn, and only when none is under way."""

from __future__ import annotations

import pytest

from device.commands import CommitTurn, RequestReply, SendToolResult
from device.events import ErrorKind, ServiceTrouble, ToolCalled
from tests.providers.driver import Driver, asks, event_ids, events, frames, kinds

# --- tools ------------------------------------------------------------------------------------


def test_a_call_is_emitted_once_though_several_events_tell_of_it() -> None:
    driver = Driver().ready()
    driver.created()
    item = {
        "id": "f1",
        "type": "function_call",
        "call_id": "c1",
        "name": "set_timer",
        "arguments": '{"seconds": 5}',
        "status": "completed",
    }
    announced = {**item, "arguments": ""}
    driver.event("response.output_item.added", response_id="r1", item=announced)
    driver.event("response.function_call_arguments.delta", response_id="r1", delta="{")
    driver.event(
        "response.function_call_arguments.done",
        response_id="r1",
        item_id="f1",
        arguments='{"seconds": 5}',  # neither name nor call id: they were announced
    )
    driver.event("response.output_item.done", response_id="r1", item=item)
    driver.done(output=[item])
    calls = [e for e in events(driver.outputs) if isinstance(e, ToolCalled)]
    assert calls == [ToolCalled("r1", "c1", "set_timer", '{"seconds": 5}')]


def test_a_call_that_only_the_end_tells_of() -> None:
    driver = Driver().ready()
    driver.created()
    item = {"type": "function_call", "call_id": "c1", "name": "help", "arguments": "{}"}
    assert isinstance(events(driver.done(output=[item, "rubbish"]))[0], ToolCalled)


def test_an_incomplete_call_is_not_emitted() -> None:
    driver = Driver().ready()
    driver.created()
    driver.event("response.function_call_arguments.done", response_id="r1", arguments="{}")
    driver.event("response.output_item.done", response_id="r1", item={"type": "function_call"})
    cut = {
        "type": "function_call",
        "call_id": "c",
        "name": "n",
        "arguments": "{",
        "status": "incomplete",
    }
    driver.done(status="cancelled", output=[cut])
    assert not [e for e in events(driver.outputs) if isinstance(e, ToolCalled)]


@pytest.mark.parametrize("answers_first", [True, False])
def test_the_next_reply_is_asked_for_when_all_calls_are_answered_and_the_reply_is_done(
    answers_first: bool,
) -> None:
    driver = Driver().ready()
    driver.created()
    driver.call("c1")
    driver.call("c2")
    if answers_first:
        assert kinds(driver.command(SendToolResult("c2", '{"a":1}'))) == [
            "conversation.item.create"
        ]
        assert kinds(driver.command(SendToolResult("c1", "{}"))) == ["conversation.item.create"]
        assert kinds(driver.done()) == ["response.create"]
    else:
        assert kinds(driver.command(SendToolResult("c1", "{}"))) == ["conversation.item.create"]
        assert kinds(driver.done()) == []
        outputs = driver.command(SendToolResult("c2", '{"a":1}'))
        assert frames(outputs)[0] == {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "call_id": "c2", "output": '{"a":1}'},
        }
        assert asks(outputs[1:]) == [""]
    assert kinds(driver.done("r1")) == []


def test_an_answer_nobody_asked_for_is_not_sent() -> None:
    driver = Driver().ready()
    assert frames(driver.command(SendToolResult("c1", "{}"))) == []
    driver.created()
    driver.call("c1")
    driver.command(SendToolResult("c1", "{}"))
    assert frames(driver.command(SendToolResult("c1", "{}"))) == []


@pytest.mark.parametrize("status", ["cancelled", "failed"])
def test_no_reply_is_asked_for_after_one_that_came_to_nothing(status: str) -> None:
    driver = Driver().ready()
    driver.created()
    driver.call("c1")
    driver.done(status=status)
    assert kinds(driver.command(SendToolResult("c1", "{}"))) == ["conversation.item.create"]


def test_a_new_turn_answers_waiting_tool_results_too() -> None:
    driver = Driver().ready()
    driver.created("r1")
    driver.call("c1")
    driver.done("r1")
    driver.created("r2")  # the service's own
    assert kinds(driver.command(SendToolResult("c1", "{}"))) == ["conversation.item.create"]
    driver.event("input_audio_buffer.committed", item_id="u1")
    assert kinds(driver.done("r2", "cancelled")) == []
    driver.created("r3")
    assert kinds(driver.done("r3")) == []


# --- asking ------------------------------------------------------------------------------------


def test_requests_wait_for_each_other() -> None:
    driver = Driver().ready()
    assert asks(driver.command(RequestReply("one"))) == ["one"]
    assert driver.command(RequestReply("two")) == []
    assert driver.command(RequestReply("two")) == []  # the same wish
    driver.created("r1")
    assert asks(driver.done("r1")) == ["two"]
    driver.created("r2")
    assert kinds(driver.done("r2")) == []


def test_a_request_that_crossed_the_services_own_reply_is_made_again() -> None:
    driver = Driver().ready()
    (event_id,) = event_ids(driver.command(RequestReply("one")))
    driver.created("own")
    error = {"code": "conversation_already_has_active_response", "event_id": event_id}
    assert driver.event("error", error=error) == []
    assert kinds(driver.done("own")) == ["response.create"]


def test_a_refused_request_is_reported_and_the_next_one_made() -> None:
    driver = Driver().ready()
    (event_id,) = event_ids(driver.command(RequestReply("one")))
    driver.command(RequestReply("two"))
    error = {"code": "rate_limit_exceeded", "event_id": event_id, "message": "slow down"}
    outputs = driver.event("error", error=error)
    assert events(outputs) == [ServiceTrouble(ErrorKind.QUOTA, "slow down [rate_limit_exceeded]")]
    assert kinds(outputs) == ["response.create"]


def test_in_service_mode_nothing_is_asked_between_commit_and_reply() -> None:
    driver = Driver().ready()
    driver.event("input_audio_buffer.committed", item_id="u1")
    assert driver.command(RequestReply("ring")) == []
    driver.created("r1")
    assert kinds(driver.done("r1")) == ["response.create"]


def test_a_commit_in_service_mode_asks_too() -> None:
    driver = Driver().ready()
    assert kinds(driver.command(CommitTurn())) == ["input_audio_buffer.commit", "response.create"]
