"""The Gemini Live stand-in's function calls: blocking or not, cancelled, scheduled, changed."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.gemini import GeminiStandIn
from tests.services.gemini_client import (
    ASKS,
    QUICK,
    TOOLS,
    WORDS,
    kinds,
    run,
    serving,
    sound,
    talking,
)

ANSWER = reply("It is five past two.", heard="what time is it", seconds=0.5)
FREE = [{"functionDeclarations": [{"name": "get_time", "behavior": "NON_BLOCKING"}]}]


def asked(stand_in: GeminiStandIn) -> list[object]:
    brain = stand_in.sessions[0].conversation.brain
    assert isinstance(brain, ScriptedBrain)
    return brain.turns


def responses(id_: str, **more: Any) -> dict[str, Any]:
    one = {"id": id_, "name": "get_time", "response": {"output": "14:05"}, **more}
    return {"functionResponses": [one]}


def test_a_call_waits_for_its_result_and_the_reply_follows_by_itself() -> None:
    async def talk() -> None:
        async with (
            serving(ASKS, ANSWER) as stand_in,
            talking(stand_in, tools=TOOLS, **WORDS) as client,
        ):
            await client.say(600, silence_ms=700)
            messages = await client.until("toolCall")
            assert "turnComplete" not in kinds(messages)
            [call] = messages[-1]["toolCall"]["functionCalls"]
            assert (call["name"], call["args"]) == ("get_time", {"zone": "here"})
            await client.send(toolResponse=responses(call["id"], willContinue=True))
            await client.send(toolResponse=responses(call["id"]))
            assert sound(await client.turn()) == ANSWER.pcm
            assert asked(stand_in)[1] == ("14:05",)

    run(talk())


def test_results_of_several_calls_reach_the_model_in_the_order_of_the_calls() -> None:
    async def talk() -> None:
        both = Answer("", calls=(Call("get_time"), Call("get_light")))
        async with serving(both, ANSWER) as stand_in, talking(stand_in) as client:
            await client.realtime(text="both")
            calls = (await client.until("toolCall"))[-1]["toolCall"]["functionCalls"]
            for call in reversed(calls):
                result = {"name": call["name"], "level": 1}
                one = {"id": call["id"], "name": call["name"], "response": result}
                await client.send(toolResponse={"functionResponses": [one]})
            await client.turn()
            assert asked(stand_in)[1] == (
                '{"name": "get_time", "level": 1}',
                '{"name": "get_light", "level": 1}',
            )

    run(talk())


def test_a_barge_in_cancels_the_calls_that_a_reply_waits_for() -> None:
    async def talk() -> None:
        async with serving(ASKS, ANSWER) as stand_in, talking(stand_in) as client:
            await client.say(600, silence_ms=700)
            [call] = (await client.until("toolCall"))[-1]["toolCall"]["functionCalls"]
            await client.say(300)
            cut = await client.turn()
            assert kinds(cut) == [
                "toolCallCancellation",
                "interrupted",
                "usageMetadata",
                "turnComplete",
            ]
            assert cut[0]["toolCallCancellation"]["ids"] == [call["id"]]
            await client.send(toolResponse=responses(call["id"]))  # it must not be answered
            await client.say(300, silence_ms=700)
            assert sound(await client.turn()) == ANSWER.pcm
            assert stand_in.sessions[0].talk.strays == [call["id"]]
            assert [isinstance(turn, tuple) for turn in asked(stand_in)] == [True, True]

    run(talk())


@pytest.mark.parametrize("scheduling", ["INTERRUPT", "WHEN_IDLE", "SILENT"])
def test_a_call_that_does_not_block_ends_the_turn_and_comes_back_as_scheduled(
    scheduling: str,
) -> None:
    async def talk() -> None:
        manner = dataclasses.replace(QUICK, pace=10.0)
        async with (
            serving(ASKS, ANSWER, ANSWER, manner=manner) as stand_in,
            talking(stand_in, tools=FREE) as client,
        ):
            await client.realtime(text="start")
            messages = await client.turn()
            assert messages[-1]["serverContent"]["interactionStatus"] == "IN_PROGRESS"
            [call] = next(m for m in messages if "toolCall" in m)["toolCall"]["functionCalls"]
            await client.realtime(text="meanwhile")
            await client.until("serverContent", "modelTurn")
            result = responses(call["id"], scheduling=scheduling)
            await client.send(toolResponse=result)
            first = await client.turn()
            assert ("interrupted" in kinds(first)) == (scheduling == "INTERRUPT")
            if scheduling == "SILENT":
                await client.realtime(text="and now")
            assert sound(await client.turn()) == ANSWER.pcm
            told = [turn for turn in asked(stand_in) if turn == ("14:05",)]
            assert len(told) == 1

    run(talk())


def test_instruction_and_tools_may_change_while_connected_on_the_newest_model_only() -> None:
    async def talk() -> None:
        update = {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "tools": {"tools": FREE}}
        async with serving(ANSWER) as stand_in:
            async with talking(stand_in) as client:
                await client.send(contextUpdate=update)
                await client.realtime(text="hello")
                await client.turn()
                assert stand_in.sessions[0].system == "Be brief."
                assert stand_in.sessions[0].talk.functions == {"get_time": True}
            async with talking(stand_in, model="models/gemini-3.1-flash-live-preview") as client:
                await client.send(contextUpdate=update)
                assert (await client.ended()).code == 1007

    run(talk())


def test_a_barge_in_leaves_a_call_that_does_not_block_alone() -> None:
    async def talk() -> None:
        long = reply("A long story.", seconds=5.0)
        manner = dataclasses.replace(QUICK, pace=2.0)
        async with (
            serving(ASKS, long, Answer("", "Well."), ANSWER, manner=manner) as stand_in,
            talking(stand_in, tools=FREE) as client,
        ):
            await client.realtime(text="start")
            [call] = (await client.until("toolCall"))[-1]["toolCall"]["functionCalls"]
            await client.turn()
            await client.realtime(text="meanwhile")
            await client.until("serverContent", "modelTurn")
            await client.realtime(text="stop")
            cut = kinds(await client.turn())
            assert "interrupted" in cut
            assert "toolCallCancellation" not in cut
            await client.turn()
            await client.send(toolResponse=responses(call["id"]))
            assert sound(await client.turn()) == ANSWER.pcm

    run(talk())
