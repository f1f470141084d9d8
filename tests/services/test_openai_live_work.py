"""What the Live model hands over, takes in and waits for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.openai_live import OpenAILive
from tests.services.openai_live_client import (
    FUNCTIONS,
    RATE_HZ,
    RESPONSES,
    Client,
    encoded,
    house,
    joined,
    run,
)

HELLO = reply("Hello, I am here.", heard="good morning computer", seconds=0.6)
ASKED = Answer(heard="what time is it", calls=(Call("get_time", {"zone": "here"}),))
TOLD = reply("It is five past two.", seconds=0.6)


def nested(client: Client) -> list[str]:
    return [event["event"]["type"] for event in client.of("response.event")]


def test_a_tool_of_the_device_is_run_for_the_responses_backend() -> None:
    async def test() -> None:
        async with (
            house(ASKED, TOLD) as service,
            joined(service, delegation=RESPONSES) as client,
        ):
            client.talk(0.8)
            created = await client.until("session.delegation.created")
            assert created["delegation"]["target"] == "responses"
            await client.when(lambda: "response.completed" in nested(client))
            wrappers = client.of("response.event")
            delegation = created["delegation"]
            assert {one["delegation_id"] for one in wrappers} == {delegation["id"]}
            first = wrappers[0]["event"]
            assert first["response"]["id"] == delegation["response_id"]
            assert [one["event"]["sequence_number"] for one in wrappers] == list(
                range(len(wrappers))
            )
            done = next(
                one["event"]["item"]
                for one in wrappers
                if one["event"]["type"] == "response.output_item.done"
            )
            assert (done["name"], json.loads(done["arguments"])) == (
                "get_time",
                {"zone": "here"},
            )
            early = await client.refused("response.create")
            assert done["call_id"] in early["message"]
            output = {
                "type": "function_call_output",
                "call_id": done["call_id"],
                "output": '{"time": "14:05"}',
            }
            await client.send("response.item.create", item=output)
            await client.send("response.create")
            await client.when(lambda: client.said() == "It is five past two.")
            assert nested(client).count("response.completed") == 2
            assert "response.output_text.done" in nested(client)
            assert client.heard() == "what time is it"

    run(test)


def test_a_backend_that_fails_says_so_and_the_session_goes_on() -> None:
    async def test() -> None:
        undeclared = {"type": "responses", "responses": {"model": "gpt-6-luna"}}
        async with (
            house(ASKED, HELLO) as service,
            joined(service, delegation=undeclared) as client,
        ):
            client.talk(0.8)
            await client.when(lambda: "response.failed" in nested(client))
            client.talk(0.8)
            await client.when(lambda: client.said() == "Hello, I am here.")

    run(test)


def test_a_message_for_the_backend_is_answered_aloud() -> None:
    async def test() -> None:
        async with (
            house(TOLD) as service,
            joined(service, delegation=RESPONSES) as client,
        ):
            item = {"role": "user", "content": [{"type": "input_text", "text": "The time?"}]}
            await client.send("response.item.create", item=item)
            await client.send("response.create", event_id="ask")
            created = await client.until("session.delegation.created")
            assert created["client_event_id"] == "ask"
            await client.when(lambda: client.said() == "It is five past two.")

    run(test)


def test_work_for_the_client_is_done_with_the_first_commentary_on_it() -> None:
    async def test() -> None:
        brain = ScriptedBrain(ASKED, TOLD)
        async with OpenAILive(lambda: brain) as service, joined(service) as client:
            client.talk(0.8)
            created = await client.until("session.delegation.created")
            assert set(created["delegation"]) == {"id", "type", "target"}
            assert created["delegation"]["target"] == "client"
            assert 600 < created["offset_ms"] < 1200
            where = {"delegation_id": created["delegation"]["id"]}
            await client.send("session.thinking.append", content="One moment.", **where)
            await client.until("session.thinking.appended")
            await client.send("session.commentary.append", content="14:05", **where, event_id="c")
            appended = await client.until("session.commentary.appended")
            assert appended["client_event_id"] == "c"
            assert appended["start_ms"] % 200 == 0 and appended["end_ms"] > appended["start_ms"]
            await client.when(lambda: client.said() == "It is five past two.")
            assert brain.turns[1:] == [("14:05",)]
            await client.send("session.commentary.append", content="It rains.", **where)
            await client.when(lambda: len(brain.turns) == 3)
            assert brain.turns[2] == "It rains."

    run(test)


def test_appended_context_waits_for_the_time_line_to_move() -> None:
    async def test() -> None:
        async with house(TOLD) as service, joined(service, microphone=False) as client:
            for channel in ("instructions", "thinking", "commentary"):
                await client.send(
                    f"session.{channel}.append", content=f"For {channel}.", delegation_id=None
                )
            await client.refused("no.such.command")
            assert service.record.appended == []
            silence = encoded(bytes(2 * RATE_HZ))
            await client.send("session.input_audio.append", audio=silence)
            await client.until("session.commentary.appended")
            assert [one[0] for one in service.record.appended] == [
                "instructions",
                "thinking",
                "commentary",
            ]
            await client.send("session.input_audio.append", audio=silence)
            await client.when(lambda: client.said() == "It is five past two.")

    run(test)


def test_context_that_found_no_place_is_reported_at_the_end() -> None:
    async def test() -> None:
        async with house() as service, joined(service, microphone=False) as client:
            await client.send(
                "session.thinking.append", content="Late.", delegation_id=None, event_id="late"
            )
            await client.send("session.close", event_id="end")
            error = (await client.until("error"))["error"]
            assert error["code"] == "context_injection_incomplete"
            assert error["client_event_id"] == "late"
            assert (await client.until("session.closed"))["client_event_id"] == "end"

    run(test)


def test_only_the_delegation_of_a_session_can_be_updated() -> None:
    async def test() -> None:
        async with house() as service, joined(service, delegation=RESPONSES) as client:
            changes = {
                "delegation": {
                    "type": "responses",
                    "responses": {"instructions": "New.", "model": None},
                }
            }
            await client.send("session.update", session=changes, event_id="u")
            updated = await client.until("session.updated")
            backend = updated["session"]["delegation"]["responses"]
            assert backend == {"model": "gpt-6-luna", "tools": FUNCTIONS, "instructions": "New."}
            for session, param in (
                ({"instructions": "No."}, "session.instructions"),
                ({"audio": {"output": {"voice": "cedar"}}}, "session.audio"),
                ({"delegation": {"type": "client"}}, "session.delegation.type"),
            ):
                error = await client.refused("session.update", session=session)
                assert (error["code"], error["param"]) == ("immutable_field_update", param)

    run(test)


class Pondering:
    """Answers what is in ``answers``, each when ``go`` is released once more."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.asked = 0
        self.go = asyncio.Semaphore(0)

    async def spoken(self, _pcm: bytes, _rate_hz: int) -> Answer:
        return await self.written("")

    async def tools_done(self, _results: Sequence[str]) -> Answer:
        return await self.written("")

    async def written(self, _text: str) -> Answer:
        self.asked += 1
        await self.go.acquire()
        return self.answers.pop(0)


async def time_passes(client: Client, ms: int) -> None:
    frames = len(client.frames())
    await client.when(lambda: len(client.frames()) >= frames + ms // 100)


def test_an_answer_that_comes_after_the_person_went_on_is_not_given() -> None:
    async def test() -> None:
        brain = Pondering(reply("Too late.", heard="I would"), reply("Done.", heard="like tea"))
        async with OpenAILive(lambda: brain) as service, joined(service) as client:
            client.talk(0.6)
            await time_passes(client, 1500)
            client.talk(0.6)
            await time_passes(client, 1500)
            assert brain.asked == 1
            brain.go.release()
            brain.go.release()
            await client.when(lambda: client.said() == "Done.")
            assert client.heard() == "I wouldlike tea", "each turn brings its own spacing"

    run(test)


def test_what_comes_back_while_the_person_speaks_is_said_when_they_have_finished() -> None:
    async def test() -> None:
        result = reply("It is ready.", seconds=0.4)
        brain = Pondering(result, reply("Yes?", heard="hello", seconds=0.2))
        async with OpenAILive(lambda: brain) as service, joined(service) as client:
            await client.send("session.commentary.append", content="Ready.", delegation_id=None)
            await client.when(lambda: brain.asked == 1)
            client.talk(3.0)
            await time_passes(client, 500)
            brain.go.release()
            await client.when(lambda: client.said() == "It is ready.")
            assert not client.speech, "the person has finished"
            await client.when(lambda: client.loud() >= 4)

    run(test)


def test_the_backend_does_one_thing_at_a_time_and_takes_a_limited_number_of_items() -> None:
    async def test() -> None:
        brain = Pondering(TOLD)
        async with (
            OpenAILive(lambda: brain) as service,
            joined(service, delegation=RESPONSES) as client,
        ):
            item = {"role": "user", "content": "The time?"}
            await client.send("response.item.create", item=item)
            await client.send("response.create")
            error = await client.refused("response.create")
            assert error["code"] == "conversation_already_has_active_response"
            brain.go.release()
            await client.when(lambda: client.said() == "It is five past two.")
            for _ in range(127):
                await client.send("response.item.create", item=item)
            error = await client.refused("response.item.create", item=item)
            assert error["code"] == "response_input_buffer_full"
            assert len(client.of("error")) == 2

    run(test)
