"""Tools of the device, which an ElevenLabs agent knows as client tools."""

from __future__ import annotations

import pytest

from device.commands import AbandonTurn, CancelReply, SendToolResult
from device.events import ToolCalled
from tests.providers.driver import events, notes
from tests.providers.elevenlabs_driver import Agent, frames, kinds, spec, told

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
    outputs = agent.event("mcp_tool_call", state="awaiting_approval", tool_call_id="m1")
    assert frames(outputs) == [
        {"type": "mcp_tool_approval_result", "tool_call_id": "m1", "is_approved": False}
    ]
    assert len(notes(outputs)) == 1


def test_a_tool_of_the_agents_own_that_takes_its_time_is_told_of_until_it_is_done() -> None:
    agent = Agent().ready().asked()
    assert told(agent.event("mcp_tool_call", state="loading", tool_call_id="m1")) == [
        "ServiceWorking"
    ]
    assert [told(agent.wait(5.0)) for _ in range(8)] == [["ServiceWorking"]] * 8
    assert agent.event("mcp_tool_call", state="success", tool_call_id="m1") == []
    assert told(agent.wait(30.0)) == []


def test_a_tool_for_a_reply_that_nobody_awaits_is_not_told_of() -> None:
    agent = Agent().ready()
    assert agent.event("mcp_tool_call", state="loading", tool_call_id="m1") == []
    assert agent.event("agent_tool_request") == []
    agent.asked()
    agent.command(AbandonTurn())
    assert agent.event("mcp_tool_call", state="loading", tool_call_id="m2") == []


def test_a_reply_does_not_end_while_a_tool_works_in_its_middle() -> None:
    agent = Agent().ready().answering()
    agent.event("mcp_tool_call", state="loading", tool_call_id="m1")
    outputs = [output for _ in range(6) for output in agent.wait(5.0)]
    assert set(told(outputs)) == {"ServiceWorking"}
    agent.event("mcp_tool_call", state="failure", tool_call_id="m1")
    assert told(agent.wait(10.0)) == ["done reply_1 completed"]


# --- webhooks, and what else the agent runs itself --------------------------------------


def request(agent: Agent, call_id: str = "t1", kind: str = "webhook") -> list[str]:
    return told(
        agent.event(
            "agent_tool_request",
            tool_name="weather",
            tool_call_id=call_id,
            tool_type=kind,
            event_id=agent.next(),
        )
    )


def response(agent: Agent, call_id: str = "t1") -> list[str]:
    return told(
        agent.event(
            "agent_tool_response",
            tool_name="weather",
            tool_call_id=call_id,
            tool_type="webhook",
            is_error=False,
            event_id=agent.next(),
        )
    )


def test_a_reply_does_not_end_while_a_webhook_is_asked() -> None:
    agent = Agent().ready().asked()
    agent.words("Let me look that up.")
    agent.audio(chars="Let me look that up.")
    assert request(agent) == ["ServiceWorking"]
    assert set(told(agent.wait(14.0))) == {"ServiceWorking"}
    assert response(agent) == []
    assert told(agent.wait(4.5)) == []  # it thinks
    assert told(agent.words("It will rain.")) == ["words reply_1 It will rain."]
    assert told(agent.audio(chars="It will rain.")) == ["audio reply_1 32000"]
    assert told(agent.wait(1.1)) == ["done reply_1 completed"]


def test_of_two_webhooks_the_last_to_answer_counts() -> None:
    agent = Agent().ready().answering()
    request(agent, "t1")
    request(agent, "t2")
    response(agent, "t1")
    assert set(told(agent.wait(12.0))) == {"ServiceWorking"}
    response(agent, "t2")
    assert told(agent.wait(5.1)) == ["done reply_1 completed"]


def test_a_webhook_that_never_answers_holds_no_reply_for_ever() -> None:
    agent = Agent(spec(longest_work_s=20.0)).ready().answering()
    request(agent)
    assert set(told(agent.wait(19.9))) == {"ServiceWorking"}
    assert told(agent.wait(5.2)) == ["done reply_1 completed"]


def test_where_the_answers_of_webhooks_are_not_told_the_next_words_are_the_sign() -> None:
    agent = Agent().ready().answering()
    request(agent)
    agent.words("It will rain.")
    agent.audio(chars="It will rain.")
    assert told(agent.wait(5.1)) == ["done reply_1 completed"]


def test_where_they_are_told_words_in_between_end_nothing() -> None:
    agent = Agent().ready().answering()
    request(agent, "t1")
    response(agent, "t1")
    request(agent, "t2")
    agent.words("One moment, please.")
    agent.audio()
    assert set(told(agent.wait(12.0))) == {"ServiceWorking"}


@pytest.mark.parametrize("kind", ["system", "client"])
def test_what_only_changes_the_conversation_is_not_waited_for(kind: str) -> None:
    agent = Agent().ready().answering()
    assert request(agent, kind=kind) == []
    assert told(agent.wait(2.1)) == ["done reply_1 completed"]


def test_a_request_without_an_id_holds_nothing() -> None:
    agent = Agent().ready().answering()
    assert request(agent, "") == ["ServiceWorking"]
    assert told(agent.wait(2.1)) == ["done reply_1 completed"]


# --- after the end that nobody tells -----------------------------------------------------


def test_a_call_that_comes_after_the_words_before_it_have_ended_is_told() -> None:
    agent = Agent().ready().answering()
    agent.wait(2.1)
    assert told(agent.calls()) == ["start reply_2", "ToolCalled"]
    assert told(agent.command(ANSWER)) == ["done reply_2 completed"]


def test_a_call_takes_no_turn_that_somebody_has_only_begun() -> None:
    agent = Agent().ready().answering()
    agent.wait(2.1)
    agent.says(0.5)
    assert told(agent.calls()) == ["start reply_2", "ToolCalled"]
    agent.command(CancelReply("reply_2"))
    agent.says()
    assert told(agent.heard("and now")) == ["TurnCommitted", "UserTranscript and now"]
