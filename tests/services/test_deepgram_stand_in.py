"""Deepgram's stand-in, message by message: turns, barge-in, functions, injections, updates.

What the service's description says, and where it is tried (here, in ``test_deepgram_opening.py``
or in ``test_deepgram_ends.py``):

- address, Token, Bearer, sub-protocol: *hand-shake* (opening)
- binary frames without framing: ``test_a_spoken_turn...``
- Welcome, Settings, SettingsApplied, and nothing too early: *order* (ends)
- ``audio.input``, ``audio.output``, container, stored agents, lists, v2, strictness: *settings*
  (opening)
- every client message: KeepAlive (ends), injections, FunctionCallResponse, updates, ForceEndTurn
- every server message: the same tests; ``LatencyReport`` and ``AgentStartedSpeaking`` where
  they are switched on
- interruption, and audio that is still on its way: *barge-in*
- silence, the longest session, errors, warnings: ends
- not modelled: ``FrustrationDetected``, encodings other than linear16, resumption (there is none)
"""

from __future__ import annotations

import json

import pytest

from device.simulator.services.brain import Answer, Call, reply
from device.simulator.services.deepgram import DeepgramStandIn
from device.simulator.services.deepgram_manner import Manner
from tests.services.deepgram_client import (
    SPOKEN,
    audio_of,
    kind_of,
    kinds,
    run,
    talking,
)

LONG = reply("This takes a while. A long while.", heard="tell me more", seconds=12.0)
ASK = Answer("what time is it", calls=(Call("get_time", {"zone": "here"}),))


# --- turns ------------------------------------------------------------------------------


def test_a_spoken_turn_is_heard_and_answered_in_text_and_audio() -> None:
    answer = reply("It is two. In the afternoon.", heard="what time is it", seconds=1.0)

    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready(experimental=True)
            await client.say()
            got = await client.until("AgentAudioDone")
            assert kinds(got) == [
                "UserStartedSpeaking",
                "ConversationText",
                "History",
                "AgentThinking",
                "AgentStartedSpeaking",
                *("ConversationText", "History", "audio") * 2,
                "AgentAudioDone",
            ]
            text = [
                (one["role"], one["content"])
                for one in got
                if isinstance(one, dict) and one["type"] == "ConversationText"
            ]
            assert text == [
                ("user", "what time is it"),
                ("assistant", "It is two."),
                ("assistant", "In the afternoon."),
            ]
            assert audio_of(got) == answer.pcm
            assert (await client.expect("LatencyReport"))["total_latency"] > 0

    run(act, answer, manner=Manner(latency_reports=True))


def test_the_brain_hears_the_turn_at_the_inputs_rate() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready(flags={"history": False})
            await client.say()
            assert "History" not in kinds(await client.until("AgentAudioDone"))
            await client.say(SPOKEN)
            await client.expect("AgentAudioDone")

    service = run(act)
    session = service.sessions[0]
    assert session.counts["audio"] == 2 * -(-len(SPOKEN) // 640)
    turns = service.brain().turns
    assert [rate for _, rate in turns] == [16_000, 16_000]
    assert all(2 * 16_000 * 0.4 < len(pcm) < 2 * 16_000 * 1.5 for pcm, _ in turns)


@pytest.mark.parametrize("container", ["wav", None])
def test_without_the_container_none_each_turn_begins_with_a_header(container: str | None) -> None:
    async def act(service: DeepgramStandIn) -> None:
        output = {"encoding": "linear16", "sample_rate": 16_000, "container": container}
        async with talking(service) as client:
            await client.ready(audio={"output": output})
            for _ in range(2):
                await client.send("InjectUserMessage", content="hello")
                audio = audio_of(await client.until("AgentAudioDone"))
                assert audio[:4] == b"RIFF"
                assert audio[36:40] == b"data"
                assert int.from_bytes(audio[24:28], "little") == 16_000
                assert len(audio) == 44 + 2 * 16_000

    run(act)


def test_the_greeting_is_spoken_first() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready(agent={"greeting": "Good morning."})
            got = await client.until("AgentAudioDone")
            assert kinds(got) == ["ConversationText", "History", "audio", "AgentAudioDone"]
            assert isinstance(got[0], dict)
            assert got[0]["content"] == "Good morning."

    run(act)


def test_a_turn_that_does_not_end_is_ended_by_force() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.send("ForceEndTurn")
            await client.say(SPOKEN[: 2 * 16_000 // 3])
            await client.expect("UserStartedSpeaking")
            assert await client.quiet()
            await client.send("ForceEndTurn")
            assert kind_of(await client.receive()) == "ConversationText"
            await client.expect("AgentAudioDone")

    run(act)


# --- barge-in ---------------------------------------------------------------------------


def test_speech_interrupts_the_agent_and_some_audio_still_arrives() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.say()
            await client.until_audio()
            await client.say(SPOKEN)
            before = await client.until("UserStartedSpeaking")
            assert "AgentAudioDone" not in kinds(before)
            late = [await client.receive() for _ in range(3)]
            assert kinds(late) == ["audio"]
            after = await client.until("AgentAudioDone")
            assert kinds(after)[0] == "ConversationText"

    run(act, LONG, reply("All right.", heard="enough"))


def test_a_call_that_a_barge_in_overtakes_is_cancelled() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.say()
            (call,) = (await client.expect("FunctionCallRequest"))["functions"]
            await client.say()
            got = await client.until("FunctionCallCancelled")
            assert kinds(got) == ["UserStartedSpeaking", "FunctionCallCancelled"]
            assert isinstance(got[-1], dict)
            assert got[-1]["functions"] == [{"id": call["id"], "name": "get_time"}]
            await client.send("FunctionCallResponse", id=call["id"], name="get_time", content="2")
            await client.expect("AgentAudioDone")

    service = run(act, ASK, reply("Never mind then.", heard="forget it"))
    assert service.sessions[0].counts["stray_result"] == 1


# --- functions --------------------------------------------------------------------------


def test_functions_run_on_both_sides_before_the_answer() -> None:
    both = Answer("time and weather", calls=(Call("get_time", {"zone": "here"}), Call("weather")))

    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.say()
            first, second = (await client.expect("FunctionCallRequest"))["functions"]
            assert (first["name"], first["client_side"]) == ("get_time", True)
            assert json.loads(first["arguments"]) == {"zone": "here"}
            assert (second["name"], second["client_side"]) == ("weather", False)
            done = await client.expect("FunctionCallResponse")
            assert (done["id"], done["content"]) == (second["id"], "rain")
            assert await client.quiet()
            await client.send(
                "FunctionCallResponse", id=first["id"], name="get_time", content="two"
            )
            past = await client.expect("History")
            assert [call["response"] for call in past["function_calls"]] == ["two", "rain"]
            await client.expect("AgentAudioDone")

    service = run(
        act, both, reply("Two, and rain."), manner=Manner(server_results={"weather": "rain"})
    )
    assert service.brain().turns[-1] == ("two", "rain")


def test_a_function_that_was_not_declared_is_never_called() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready(agent={"think": {"provider": {"type": "open_ai", "model": "x"}}})
            await client.say()
            got = kinds(await client.until("AgentAudioDone"))
            assert "FunctionCallRequest" not in got

    run(act, ASK, reply("I do not know."))


# --- injections and updates -------------------------------------------------------------


def test_the_clients_words_are_spoken_when_nobody_else_speaks() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.send("InjectAgentMessage", message="The tea is ready.")
            said = await client.expect("ConversationText")
            assert (said["role"], said["content"]) == ("assistant", "The tea is ready.")
            await client.until_audio()
            await client.send("InjectAgentMessage", message="And the cake.")
            await client.expect("InjectionRefused")
            await client.send("InjectAgentMessage", message="And bread.", behavior="queue")
            await client.expect("AgentAudioDone")
            assert (await client.expect("ConversationText"))["content"] == "And bread."
            await client.until_audio()
            await client.send("InjectAgentMessage", message="Fire!", behavior="interrupt")
            got = await client.until("ConversationText")
            assert "AgentAudioDone" not in kinds(got)
            assert isinstance(got[-1], dict)
            assert got[-1]["content"] == "Fire!"

    run(act, LONG)


def test_an_injection_is_refused_while_the_user_speaks() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.say(SPOKEN[: 2 * 16_000 // 3])
            await client.expect("UserStartedSpeaking")
            await client.send("InjectAgentMessage", message="The tea is ready.")
            assert (await client.expect("InjectionRefused"))["message"]
            await client.send("InjectUserMessage", content="make tea")
            assert (await client.expect("InjectionRefused"))["message"]

    run(act)


def test_written_words_of_the_users_are_answered() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready()
            await client.send("InjectUserMessage", content="what time is it")
            said = await client.expect("ConversationText")
            assert (said["role"], said["content"]) == ("user", "what time is it")
            assert audio_of(await client.until("AgentAudioDone"))

    run(act)


def test_updates_are_acknowledged_and_take_effect() -> None:
    provider = {"type": "deepgram", "model": "aura-2-apollo-en"}
    live = {"think_live": {"provider": {"type": "deepgram", "version": "v1"}}}
    think = {"provider": {"type": "google", "model": "gemini"}, "functions": []}

    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready(agent=live)
            for kind, field, ack in (
                ("UpdatePrompt", {"prompt": "Be kind."}, "PromptUpdated"),
                ("UpdateSpeak", {"speak": {"provider": provider}}, "SpeakUpdated"),
                ("UpdateThink", {"think": think}, "ThinkUpdated"),
                ("UpdateListen", {"listen": {"provider": {"type": "deepgram"}}}, "ListenUpdated"),
                ("UpdateThink_Live", live, "ThinkLiveUpdated"),
            ):
                await client.send(kind, **field)
                assert await client.receive() == {"type": ack}
            await client.send("InjectAgentMessage", is_dynamic=True)
            await client.expect("AgentAudioDone")

    (session,) = run(act, manner=Manner(think_live=True)).sessions
    assert session.settings is not None
    assert session.settings.prompt == "Be kind."
    assert session.settings.speak[0]["provider"] == provider
    assert session.settings.functions == {}
