"""Gemini Live: tools, their results, and calls that are taken back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from device.commands import AbandonTurn, CancelReply, SendToolResult
from device.events import ReplyDone, ReplyStarted, ToolCalled
from tests.providers.driver import events, frames
from tests.providers.gemini_driver import (
    PCM,
    SECOND,
    Driver,
    device_ends,
    done,
    heard,
    of,
    service_ends,
    started,
)


def asking(*ids: str) -> Driver:
    """A turn to which the service asks for tools."""
    driver = device_ends()
    driver.speaks()
    driver.calls(*ids)
    return driver


def responses(outputs: list[Any]) -> list[dict[str, Any]]:
    (frame,) = frames(outputs)
    found = frame["toolResponse"]["functionResponses"]
    assert isinstance(found, list)
    return found


def test_a_call_ends_the_reply_that_asked_and_what_follows_the_result_is_another() -> None:
    driver = device_ends()
    driver.speaks()
    driver.audio()
    outputs = driver.calls("c1")
    assert events(outputs) == [
        ToolCalled("reply_1", "c1", "get_time", '{"of": "c1"}'),
        ReplyDone("reply_1", "completed"),
    ]
    assert responses(driver.command(SendToolResult("c1", '{"time": "nine"}'))) == [
        {"id": "c1", "name": "get_time", "response": {"result": {"time": "nine"}}}
    ]
    outputs = driver.audio()
    assert started(outputs) == ["reply_2"]
    assert heard(outputs) == PCM


def test_a_reply_may_be_a_call_and_nothing_else() -> None:
    driver = device_ends()
    driver.speaks()
    kinds = [type(event) for event in events(driver.calls("c1"))]
    assert kinds == [ReplyStarted, ToolCalled, ReplyDone]


def test_where_the_service_ends_turns_a_call_is_a_sign_that_it_took_one() -> None:
    driver = service_ends()
    driver.command(SECOND)
    assert len(events(driver.calls("c1"))) == 4


@pytest.mark.parametrize("mark", ["generationComplete", "turnComplete"])
def test_the_end_of_the_turn_that_asked_is_not_that_of_what_follows(mark: str) -> None:
    driver = asking("c1")
    assert driver.content(**{mark: True}) == []
    driver.command(SendToolResult("c1", "{}"))
    assert started(driver.audio()) == ["reply_2"]


def test_results_are_sent_together_when_the_last_is_there() -> None:
    driver = asking("c1", "c2")
    assert driver.command(SendToolResult("c2", "{}")) == []
    found = responses(driver.command(SendToolResult("c1", "[1]")))
    assert [(one["id"], one["response"]["result"]) for one in found] == [("c2", {}), ("c1", "[1]")]


def test_calls_of_different_messages_are_answered_apart() -> None:
    driver = asking("c1")
    driver.calls("c2")
    assert len(responses(driver.command(SendToolResult("c2", "{}")))) == 1
    assert len(responses(driver.command(SendToolResult("c1", "{}")))) == 1


@pytest.mark.parametrize("output", ["it is nine", "NaN", '{"a": NaN}', "[" * 100000, "5"])
def test_a_result_that_is_no_object_is_sent_as_the_text_it_is(output: str) -> None:
    (found,) = responses(asking("c1").command(SendToolResult("c1", output)))
    assert found["response"] == {"result": output}


def test_a_result_is_sent_once_and_one_of_no_call_never() -> None:
    driver = asking("c1")
    assert driver.command(SendToolResult("other", "{}")) == []
    driver.command(SendToolResult("c1", "{}"))
    assert driver.command(SendToolResult("c1", "{}")) == []


def test_a_call_that_was_taken_back_gets_no_result() -> None:
    driver = asking("c1", "c2")
    driver.says(toolCallCancellation={"ids": ["c1"]})
    assert driver.command(SendToolResult("c1", "{}")) == []
    assert [one["id"] for one in responses(driver.command(SendToolResult("c2", "{}")))] == ["c2"]


def test_the_results_that_waited_for_it_are_sent_without_it() -> None:
    driver = asking("c1", "c2")
    driver.command(SendToolResult("c2", "{}"))
    found = responses(driver.says(toolCallCancellation={"ids": ["c1", 5]}))
    assert [one["id"] for one in found] == ["c2"]


def test_nothing_is_sent_when_all_were_taken_back() -> None:
    driver = asking("c1")
    assert driver.says(toolCallCancellation={"ids": ["c1"]}) == []
    assert driver.says(toolCallCancellation=None) == []
    assert driver.command(SendToolResult("c1", "{}")) == []


def test_a_call_without_an_id_is_answered_by_its_name() -> None:
    driver = device_ends()
    driver.speaks()
    outputs = driver.says(toolCall={"functionCalls": [{"name": "get_time"}]})
    (call,) = of(outputs, ToolCalled)
    assert isinstance(call, ToolCalled)
    assert call.arguments == "{}"
    assert responses(driver.command(SendToolResult(call.call_id, '{"a": 1}'))) == [
        {"name": "get_time", "response": {"result": {"a": 1}}}
    ]


def test_a_call_that_comes_twice_is_carried_out_once() -> None:
    driver = asking("c1")
    assert of(driver.calls("c1"), ToolCalled) == []


def test_calls_that_cannot_be_carried_out_are_none() -> None:
    driver = device_ends()
    driver.speaks()
    for odd in ({}, {"functionCalls": 5}, {"functionCalls": [7, {"id": "x"}]}, None):
        assert of(driver.says(toolCall=odd), ToolCalled) == []


def test_calls_of_a_cut_reply_are_neither_told_nor_answered() -> None:
    driver = device_ends()
    driver.speaks()
    driver.command(CancelReply(driver.is_answered()))
    assert driver.calls("c1") == []
    assert driver.command(SendToolResult("c1", "{}")) == []


def test_after_such_a_call_the_service_may_end_without_a_word_of_it() -> None:
    """It waits for the result, and is interrupted while nothing is being said."""
    driver = device_ends()
    driver.speaks()
    driver.command(CancelReply(driver.is_answered()))
    driver.calls("c1")
    driver.says(toolCallCancellation={"ids": ["c1"]})
    driver.speaks()
    assert heard(driver.audio()) == PCM


def test_what_follows_the_results_is_not_heard_when_it_was_given_up() -> None:
    driver = asking("c1")
    driver.command(SendToolResult("c1", "{}"))
    driver.command(AbandonTurn())
    driver.outputs.clear()
    driver.audio()
    driver.interrupted()
    driver.completed()
    assert events(driver.outputs) == []
    driver.speaks()
    assert heard(driver.audio()) == PCM


def test_nor_are_results_sent_that_nobody_waits_for() -> None:
    driver = asking("c1")
    driver.command(AbandonTurn())
    assert driver.command(SendToolResult("c1", "{}")) == []


def test_nor_when_somebody_speaks_instead() -> None:
    driver = asking("c1")
    driver.command(SECOND)
    assert driver.command(SendToolResult("c1", "{}")) == []


def test_arguments_that_json_cannot_say_are_none() -> None:
    driver = device_ends()
    driver.speaks()
    raw = '{"toolCall":{"functionCalls":[{"id":"c1","name":"f","args":{"a":NaN}}]}}'
    (call,) = of(driver.raw(raw), ToolCalled)
    assert isinstance(call, ToolCalled)
    assert json.loads(call.arguments) == {}


def test_what_is_said_while_the_tools_are_at_work_is_part_of_what_follows() -> None:
    driver = asking("c1")
    assert started(driver.audio()) == ["reply_2"]
    driver.command(SendToolResult("c1", "{}"))
    assert heard(driver.audio()) == PCM
    assert done(driver.generated()) == [("reply_2", "completed")]
