"""Tools of the device, which an ElevenLabs agent knows as client tools."""

from __future__ import annotations

import pytest

from device.commands import AbandonTurn, CancelReply, SendToolResult
from device.events import ToolCalled
from tests.providers.driver import events, notes
from tests.providers.elevenlabs_driver import Agent, frames, kinds, told

ANSWER = SendToolResult("c1", '{"time": "17:00"}')


def calling() -> Agent:
    """The agent has said a word, and asks for the time."""
    agent = Agent().ready().answering()
    agent.calls()
    return agent


def test_a_call_is_told_with_its_arguments() -> None:
    agent = Agent().ready().asked()
    outputs = agent.calls(parameters={"where": "Köln", "deep": [1, {"a": None}]})
    assert events(outputs)[1:] == [
        ToolCalled("reply_1", "c1", "get_time", '{"where": "K\\u00f6ln", "deep": [1, {"a": null}]}')
    ]


@pytest.mark.parametrize("parameters", [None, 7, "x", []])
def test_arguments_that_are_none_are_an_empty_object(parameters: object) -> None:
    agent = Agent().ready().asked()
    (_, called) = events(agent.calls(parameters=parameters))
    assert isinstance(called, ToolCalled)
    assert called.arguments == "{}"


def test_the_result_ends_the_reply_and_what_follows_is_another() -> None:
    agent = calling()
    outputs = agent.command(ANSWER)
    assert told(outputs) == ["done reply_1 completed"]
    assert frames(outputs) == [
        {
            "type": "client_tool_result",
            "tool_call_id": "c1",
            "result": '{"time": "17:00"}',
            "is_error": False,
        }
    ]
    assert told(agent.words("Five.")) == ["start reply_2", "words reply_2 Five."]


def test_a_result_that_tells_of_an_error_says_so() -> None:
    agent = calling()
    (frame,) = frames(agent.command(SendToolResult("c1", '{"error": "no clock"}')))
    assert frame["is_error"] is True


def test_while_a_call_is_unanswered_the_reply_is_not_over() -> None:
    agent = calling()
    assert told(agent.wait(60)) == []


def test_the_end_of_what_was_said_before_the_call_does_not_end_the_answer() -> None:
    agent = calling()
    agent.command(ANSWER)
    assert told(agent.audio()) == ["start reply_2", "audio reply_2 32000"]
    assert told(agent.wait(4)) == []  # the agent thinks
    assert told(agent.words("Five.")) == ["words reply_2 Five."]
    assert told(agent.audio()) == ["audio reply_2 32000"]
    assert told(agent.wait(1.1)) == ["done reply_2 completed"]


def test_two_calls_of_a_reply_are_answered_one_by_one() -> None:
    agent = calling()
    assert told(agent.calls("c2")) == ["ToolCalled"]
    assert told(agent.command(ANSWER)) == ["done reply_1 completed"]
    assert kinds(agent.command(SendToolResult("c2", "{}"))) == ["client_tool_result"]
    assert told(agent.words("Five.")) == ["start reply_2", "words reply_2 Five."]


def test_a_call_told_twice_is_one() -> None:
    agent = calling()
    assert agent.calls() == []


def test_a_result_for_no_call_is_not_sent() -> None:
    agent = calling()
    assert agent.command(SendToolResult("c9", "{}")) == []
    agent.command(ANSWER)
    assert agent.command(ANSWER) == []


def test_a_tool_that_the_device_does_not_have_is_refused() -> None:
    agent = Agent().ready().answering()
    outputs = agent.calls(name="open_door")
    (frame,) = frames(outputs)
    assert (frame["tool_call_id"], frame["is_error"]) == ("c1", True)
    assert told(outputs) == []
    assert "does not have" in notes(outputs)[0]
    assert told(agent.wait(4)) == []  # the agent thinks anew
    assert told(agent.audio()) == ["audio reply_1 32000"]


def test_a_cut_answers_the_calls_that_nobody_will() -> None:
    agent = calling()
    outputs = agent.command(CancelReply("reply_1"))
    assert told(outputs) == ["done reply_1 cancelled"]
    assert [(f["type"], f.get("is_error")) for f in frames(outputs)] == [
        ("client_tool_result", True),
        ("user_activity", None),
    ]
    assert agent.command(ANSWER) == []


def test_what_follows_a_result_is_swallowed_when_it_was_given_up() -> None:
    agent = calling()
    agent.command(ANSWER)
    agent.command(AbandonTurn())
    assert told([*agent.words("Five."), *agent.audio()]) == []
    agent.asked()
    assert told(agent.audio()) == ["start reply_2", "audio reply_2 32000"]


def test_a_call_without_an_id_is_malformed() -> None:
    agent = Agent().ready().asked()
    assert told(agent.calls("")) == ["ServiceTrouble"]


def test_an_mcp_tool_that_waits_for_an_approval_is_refused() -> None:
    agent = Agent().ready().answering()
    assert agent.event("mcp_tool_call", state="loading", tool_call_id="m1") == []
    outputs = agent.event("mcp_tool_call", state="awaiting_approval", tool_call_id="m1")
    assert frames(outputs) == [
        {"type": "mcp_tool_approval_result", "tool_call_id": "m1", "is_approved": False}
    ]
    assert len(notes(outputs)) == 1
