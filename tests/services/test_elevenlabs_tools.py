"""The stand-in of ElevenLabs Agents: tools of the client's, the service's, an MCP server's."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.elevenlabs import ElevenLabs
from device.simulator.services.elevenlabs_agent import ALL_EVENTS, Agent
from tests.services.elevenlabs_client import Client, payload, talk, turn

CALL = Answer("what time is it", calls=(Call("get_time", {"zone": "UTC"}),))


def service(*, brain: ScriptedBrain, agent: Agent | None = None) -> ElevenLabs:
    return ElevenLabs(lambda: brain, agent)


def test_a_client_tool_is_called_and_its_result_answered() -> None:
    brain = ScriptedBrain(CALL, reply("It is noon.", seconds=0.1))

    async def act(client: Client) -> None:
        await client.say(turn())
        call = await client.expect("client_tool_call")
        assert (call["tool_name"], call["parameters"]) == ("get_time", {"zone": "UTC"})
        assert call["event_id"] > 0
        answer = {"type": "client_tool_result", "is_error": False}
        await client.send(**answer, tool_call_id="another", result="one")
        await client.send(**answer, tool_call_id=call["tool_call_id"], result="noon")
        assert (await client.expect("agent_response"))["agent_response"] == "It is noon."

    talk(service(brain=brain), act)
    assert brain.turns[1] == ("noon",)


def test_a_tool_whose_answer_is_not_awaited_does_not_hold_the_agent_up() -> None:
    brain = ScriptedBrain(CALL, reply("Done."))

    async def act(client: Client) -> None:
        await client.say(turn())
        frames = await client.until("agent_response")
        assert "client_tool_call" in [one["type"] for one in frames]

    talk(service(brain=brain, agent=Agent(silent_tools=frozenset({"get_time"}))), act)
    assert brain.turns[1] == ("",)


def test_a_tool_that_does_not_answer_is_given_up() -> None:
    brain = ScriptedBrain(CALL, reply("I do not know."))

    async def act(client: Client) -> None:
        await client.say(turn())
        await client.expect("agent_response")

    talk(service(brain=brain, agent=Agent(tool_timeout_s=0.01)), act)
    assert brain.turns[1] == ("The tool get_time did not answer in time.",)


def test_a_tool_of_the_service_is_only_told_of() -> None:
    brain = ScriptedBrain(CALL, reply("It is noon."))
    agent = Agent(server_tools={"get_time": "noon"}, client_events=ALL_EVENTS)

    async def act(client: Client) -> None:
        await client.say(turn())
        frames = await client.until("agent_tool_response_full_payload")
        kinds = [one["type"] for one in frames]
        assert kinds[-3:-1] == ["agent_tool_request", "agent_tool_response"]
        assert len({payload(one)["tool_call_id"] for one in frames[-3:]}) == 1
        await client.expect("agent_response")

    talk(service(brain=brain, agent=agent), act)
    assert brain.turns[1] == ("noon",)


def test_what_is_said_before_a_tool_is_heard_before_it_is_asked() -> None:
    before = reply("Let me look.", heard="what time is it", seconds=0.2)
    brain = ScriptedBrain(replace(before, calls=CALL.calls), reply("It is noon."))
    agent = Agent(server_tools={"get_time": "noon"}, work_s=0.1)

    async def act(client: Client) -> None:
        await client.say(turn())
        kinds = [one["type"] for one in await client.until("agent_tool_response")]
        assert kinds.index("agent_response") < kinds.index("audio")
        assert kinds.index("audio") < kinds.index("agent_tool_request")
        assert (await client.expect("agent_response"))["agent_response"] == "It is noon."

    talk(service(brain=brain, agent=agent), act)


@pytest.mark.parametrize("approved", [True, False])
def test_a_tool_of_an_mcp_server_waits_for_approval(approved: bool) -> None:
    brain = ScriptedBrain(CALL, reply("So it is."))

    async def act(client: Client) -> None:
        await client.say(turn())
        asked = await client.expect("mcp_tool_call")
        assert asked["state"] == "awaiting_approval"
        await client.send(
            type="mcp_tool_approval_result",
            tool_call_id=asked["tool_call_id"],
            is_approved=approved,
        )
        frames = await client.until("agent_response")
        states = [payload(one)["state"] for one in frames if one["type"] == "mcp_tool_call"]
        assert states == (["loading", "success"] if approved else ["failure"])

    talk(service(brain=brain, agent=Agent(mcp_tools={"get_time": "noon"})), act)
    assert brain.turns[1] == ("noon" if approved else "The call was not approved.",)
