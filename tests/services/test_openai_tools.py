"""Calls: functions of the device's, one or several, and tools that the service calls itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.openai_faults import McpServer, McpServers
from device.simulator.services.openai_realtime import OpenAIRealtime
from tests.services.openai_wire import ASKS, GET_TIME, HELLO, Event, Wire, kinds, run, talk

FIVE = reply("It is five.", seconds=0.2)
BOTH = Answer("time and weather", calls=(Call("get_time"), Call("get_weather", {"day": 1})))
TOOLS = [GET_TIME, GET_TIME | {"name": "get_weather"}]
MCP: Event = {"type": "mcp", "server_label": "home", "server_url": "https://example.org/mcp"}
LOOKS = Answer("look it up", calls=(Call("lookup", {"word": "tea"}),))
HOME = McpServer((("lookup", "looks up", {"type": "object"}), ("other", "", {})))


def turns(stand_in: OpenAIRealtime) -> list[object]:
    brain = stand_in.brain()
    assert isinstance(brain, ScriptedBrain)
    return brain.turns


async def answer(wire: Wire, call_id: str, output: object) -> None:
    item = {"type": "function_call_output", "call_id": call_id, "output": json.dumps(output)}
    await wire.send("conversation.item.create", item=item)


def calls(events: list[Event]) -> list[Event]:
    return [e for e in events if e["type"] == "response.function_call_arguments.done"]


def test_a_call_is_told_answered_and_spoken_about() -> None:
    async def go() -> None:
        async with talk(ASKS, FIVE, update={"tools": TOOLS}) as (wire, stand_in):
            await wire.say()
            events = await wire.until("response.done")
            (call,) = calls(events)
            assert (call["name"], json.loads(call["arguments"])) == ("get_time", {"zone": "here"})
            name = "response.function_call_arguments.delta"
            deltas = [e["delta"] for e in events if e["type"] == name]
            assert "".join(deltas) == call["arguments"]
            done = events[-1]["response"]
            (item,) = done["output"]
            assert item["call_id"] == call["call_id"]
            assert item["status"] == done["status"] == "completed"
            await answer(wire, call["call_id"], {"time": "5"})
            await wire.send("response.create")
            done = (await wire.expect("response.done"))["response"]
            assert done["output"][0]["content"][0]["transcript"] == "It is five."
            assert turns(stand_in)[1] == ('{"time": "5"}',)

    run(go())


def test_several_calls_come_at_once_only_where_it_is_allowed() -> None:
    async def go() -> None:
        update = {"tools": TOOLS, "parallel_tool_calls": True}
        async with talk(BOTH, FIVE, update=update) as (wire, stand_in):
            await wire.write("both")
            first, second = calls(await wire.until("response.done"))
            await answer(wire, second["call_id"], 2)
            await answer(wire, first["call_id"], 1)
            await wire.send("response.create")
            await wire.expect("response.done")
            assert turns(stand_in) == ["both", ("1", "2")]
        async with talk(BOTH, FIVE, update={"tools": TOOLS}) as (wire, stand_in):
            await wire.write("both")
            for number, name in enumerate(("get_time", "get_weather")):
                (call,) = calls(await wire.until("response.done"))
                assert call["name"] == name
                await answer(wire, call["call_id"], number)
                await wire.send("response.create")
            assert calls(await wire.until("response.done")) == []
            assert turns(stand_in) == ["both", ("0", "1")]

    run(go())


def test_a_result_may_come_after_another_turn_and_no_calls_are_made_where_none_are_wanted() -> None:
    async def go() -> None:
        async with talk(ASKS, HELLO, FIVE, update={"tools": TOOLS}) as (wire, stand_in):
            await wire.write("time")
            (call,) = calls(await wire.until("response.done"))
            await wire.write("hello")
            await wire.expect("response.done")
            await answer(wire, call["call_id"], 5)
            await wire.send("response.create")
            await wire.expect("response.done")
            assert turns(stand_in) == ["time", "hello", ("5",)]
        async with talk(Answer("x", "No.", calls=ASKS.calls), update={"tools": TOOLS}) as (wire, _):
            await wire.write("time", tool_choice="none")
            done = (await wire.expect("response.done"))["response"]
            assert [item["type"] for item in done["output"]] == ["message"]

    run(go())


LISTING = [
    "conversation.item.added",
    "mcp_list_tools.in_progress",
    "conversation.item.done",
    "mcp_list_tools.completed",
]


def test_tools_of_a_server_are_listed_and_called_by_the_service() -> None:
    async def go() -> None:
        tool = MCP | {"require_approval": "never", "allowed_tools": ["lookup"]}
        mcp = McpServers({"home": HOME})
        async with talk(LOOKS, FIVE, mcp=mcp) as (wire, stand_in):
            await wire.update(tools=[tool])
            events = await wire.until("mcp_list_tools.completed")
            assert kinds(events) == LISTING
            listed = events[-2]["item"]
            assert [found["name"] for found in listed["tools"]] == ["lookup"]
            await wire.write("look")
            events = await wire.until("response.done")
            inner = [k for k in kinds(events) if "mcp_call" in k]
            assert inner == [
                "response.mcp_call_arguments.delta",
                "response.mcp_call_arguments.done",
                "response.mcp_call.in_progress",
                "response.mcp_call.completed",
            ]
            (item,) = events[-1]["response"]["output"]
            assert (item["type"], item["output"], item["error"]) == ("mcp_call", "done", None)
            assert json.loads(item["arguments"]) == {"word": "tea"}
            done = (await wire.expect("response.done"))["response"]  # it goes on by itself
            assert done["output"][0]["content"][0]["transcript"] == "It is five."
            assert turns(stand_in) == ["look", ("done",)]

    run(go())


def test_a_call_may_need_approval_and_be_denied() -> None:
    async def decide(approve: bool) -> tuple[list[Event], list[object]]:
        mcp = McpServers({"home": HOME})
        update = {"tools": [MCP | {"require_approval": "always"}]}
        async with talk(LOOKS, FIVE, mcp=mcp, update=update) as (wire, stand_in):
            await wire.expect("mcp_list_tools.completed")
            await wire.write("look")
            done = (await wire.expect("response.done"))["response"]
            (request,) = done["output"]
            assert (request["type"], request["name"]) == ("mcp_approval_request", "lookup")
            item: dict[str, Any] = {
                "id": "decided",
                "type": "mcp_approval_response",
                "approval_request_id": request["id"],
                "approve": approve,
            }
            start = len(wire.seen)
            await wire.send("conversation.item.create", item=item)
            while "It is five." not in json.dumps(await wire.expect("response.done")):
                pass
            again = item | {"id": "again"}
            assert await wire.refused("conversation.item.create", item=again) == "invalid_value"
            return wire.seen[start:], turns(stand_in)

    async def go() -> None:
        events, asked = await decide(True)
        (call,) = [
            e["item"]
            for e in events
            if e["type"] == "response.output_item.done" and e["item"]["type"] == "mcp_call"
        ]
        assert call["approval_request_id"].startswith("mcpr_")
        assert asked == ["look", ("done",)]
        events, asked = await decide(False)
        assert not any("mcp_call" in e["type"] for e in events)
        assert asked == ["look", ("The user did not approve this call.",)]

    run(go())


def test_a_server_may_be_out_of_reach_a_call_may_fail_and_the_client_may_have_to_go_on() -> None:
    def breaks(name: str, arguments: Mapping[str, object]) -> str:
        raise RuntimeError("no such word")

    async def go() -> None:
        broken = McpServer(HOME.tools, breaks)
        mcp = McpServers({"home": broken, "gone": McpServer(lists=False)}, follow_up=False)
        rules = {"never": {"tool_names": ["lookup"]}}
        tools = [MCP | {"server_label": "gone"}]
        async with talk(LOOKS, FIVE, mcp=mcp) as (wire, _):
            await wire.update(tools=tools)
            await wire.expect("mcp_list_tools.failed")
            await wire.update(tools=[MCP | {"require_approval": rules}])
            await wire.expect("mcp_list_tools.completed")
            await wire.write("look")
            events = await wire.until("response.done")
            assert "response.mcp_call.failed" in kinds(events)
            (item,) = events[-1]["response"]["output"]
            assert item["error"] == {"type": "tool_execution_error", "message": "no such word"}
            await wire.send("input_audio_buffer.clear")
            events = await wire.until("input_audio_buffer.cleared")
            assert "response.created" not in kinds(events)
            await wire.send("response.create")
            await wire.expect("response.done")

    run(go())
