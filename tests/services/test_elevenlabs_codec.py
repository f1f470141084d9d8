"""The codec of ElevenLabs Agents, through the real link, against the stand-in."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from device.commands import AbandonTurn, CancelReply, SendToolResult
from device.events import (
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ServiceWorking,
    ToolCalled,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import Said
from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.elevenlabs import ElevenLabs as Service
from device.simulator.services.line import Trouble
from tests.judges.elevenlabs_types import check_frames
from tests.judges.node_environment import NodeMissingError, node_judge
from tests.link.rig import KEY, Rig
from tests.services.elevenlabs_talk import (
    CALL,
    LONG,
    NOON,
    QUICK,
    RAIN,
    SPEECH,
    ask,
    held,
    order,
    service,
    sound_of,
    two_turns,
)

# --- the scenarios that the judge sees as well ------------------------------------------


async def tools(rig: Rig, _: Service) -> None:
    await ask(rig)
    call = await rig.until(ToolCalled)
    assert (call.name, call.arguments) == ("get_time", '{"zone": "UTC"}')
    rig.link.send(SendToolResult(call.call_id, '{"time": "12:00"}'))
    await rig.until(ReplyDone, 2)
    assert sound_of(rig, "reply_2") == pytest.approx(0.5, abs=0.002)
    assert [e.status for e in rig.of(ReplyDone)] == ["completed"] * 2


async def cut(rig: Rig, _: Service) -> None:
    """In mid-sentence, by somebody who goes on to say something else."""
    await ask(rig)
    await rig.until(ReplyAudio, 2)
    rig.link.send(CancelReply("reply_1"))
    assert (await rig.until(ReplyDone)).status == "cancelled"
    heard = sound_of(rig, "reply_1")
    await ask(rig, 2)
    await rig.until(ReplyDone, 2)
    assert sound_of(rig, "reply_1") == heard < 6.0
    assert sound_of(rig, "reply_2") == pytest.approx(0.4, abs=0.002)
    assert rig.of(ReplyInterrupted) == []


# --- turns ------------------------------------------------------------------------------------


def test_a_spoken_turn_is_taken_transcribed_and_answered_and_so_is_the_next() -> None:
    capture = held(service(NOON, RAIN), two_turns)
    first, *others = capture.of("client")
    assert first == {"type": "conversation_initiation_client_data"}
    pings = [one for one in capture.of("service") if one["type"] == "ping"]
    pongs = [one["event_id"] for one in others if one.get("type") == "pong"]
    assert pongs == [one["ping_event"]["event_id"] for one in pings][: len(pongs)]
    assert len(pongs) >= len(pings) - 1


@pytest.mark.parametrize("form", ["pcm_24000", "ulaw_8000", "pcm_44100"])
def test_the_agents_own_formats_are_spoken(form: str) -> None:
    agent = replace(QUICK, input_format=form, output_format=form)
    held(service(NOON, RAIN, agent=agent), two_turns)


def test_the_device_hears_what_was_said_in_its_own_format() -> None:
    brain = ScriptedBrain(NOON, RAIN)
    agent = replace(QUICK, input_format="ulaw_8000", output_format="ulaw_8000")
    held(Service(lambda: brain, agent, key=KEY), two_turns)
    (pcm, rate_hz) = brain.turns[0]  # type: ignore[misc]
    assert rate_hz == 8000
    assert 1.0 <= len(pcm) / 16000 <= 1.7  # what was said, and the silence that ended it


def test_a_tool_is_asked_and_its_result_makes_the_answer() -> None:
    capture = held(service(CALL, NOON), tools)
    (result,) = [f for f in capture.of("client") if f.get("type") == "client_tool_result"]
    assert (result["result"], result["is_error"]) == ('{"time": "12:00"}', False)


def test_two_tools_at_once_and_one_that_is_not_known() -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        await ask(rig)
        for count in (1, 2):
            call = await rig.until(ToolCalled, count)
            rig.link.send(SendToolResult(call.call_id, f'{{"number": {count}}}'))
        await rig.until(ReplyTranscript)
        assert [e.text for e in rig.of(ReplyTranscript)] == ["It is noon."]

    calls = (Call("get_time"), Call("get_time"), Call("open_door"))
    brain = ScriptedBrain(Answer("go", calls=calls), NOON)
    held(Service(lambda: brain, QUICK, key=KEY), scenario)
    assert brain.turns[1] == ('{"number": 1}', '{"number": 2}', "there is no such tool here")


LOOKS = reply("Let me look that up.", heard="count", seconds=0.3)


@pytest.mark.parametrize("kind", ["server_tools", "mcp_tools"])
def test_what_the_agent_says_before_and_behind_a_tool_of_its_own_is_one_reply(kind: str) -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        await ask(rig)
        await rig.until(ServiceWorking)
        await rig.until(ReplyDone)
        assert [e.text for e in rig.of(ReplyTranscript)] == ["Let me look that up.", "It is noon."]
        assert sound_of(rig, "reply_1") == pytest.approx(0.8, abs=0.002)

    agent = replace(QUICK, mcp_approval=False, work_s=1.5, **{kind: {"get_time": "noon"}})
    held(service(replace(LOOKS, calls=CALL.calls), NOON, agent=agent), scenario)


def test_a_word_that_fills_the_agents_pause_is_not_its_answer() -> None:
    class Slow(ScriptedBrain):
        async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
            await asyncio.sleep(1.5)
            return await super().spoken(pcm, rate_hz)

    async def scenario(rig: Rig, _: Service) -> None:
        await ask(rig)
        await rig.until(ReplyDone)
        assert [e.text for e in rig.of(ReplyTranscript)] == ["Hmm.", "It is noon."]
        assert len(rig.of(ReplyStarted)) == 1, order(rig)

    brain = Slow(NOON)
    agent = replace(QUICK, soft_timeout_s=0.1, soft_timeout_message="Hmm.")
    held(Service(lambda: brain, agent, key=KEY), scenario, override_first_message=True)


def test_what_is_late_of_a_cut_reply_is_not_heard_and_all_of_the_next_one_is() -> None:
    capture = held(service(LONG, RAIN), cut)
    assert "user_activity" in [f.get("type") for f in capture.of("client")]
    numbers = [f for f in capture.of("service") if f["type"] == "interruption"]
    assert len(numbers) == 1  # the agent noticed, and there was late sound


def test_a_cut_after_which_nothing_is_said_silences_the_rest_of_it() -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        await ask(rig)
        await rig.until(ReplyAudio, 2)
        rig.link.send(CancelReply("reply_1"))
        await rig.until(ReplyDone)
        heard = sound_of(rig, "reply_1")
        await asyncio.sleep(1.0)  # the rest comes within 0.8 s
        assert len(rig.of(ReplyStarted)) == 1, order(rig)
        await ask(rig, 2)
        await rig.until(ReplyDone, 2)
        assert sound_of(rig, "reply_1") == heard
        assert sound_of(rig, "reply_2") == pytest.approx(0.4, abs=0.002)

    held(service(LONG, RAIN), scenario)


def test_a_turn_given_up_before_it_was_taken_gets_no_answer() -> None:
    async def scenario(rig: Rig, stand_in: Service) -> None:
        rig.link.send(SPEECH)
        await asyncio.sleep(0.1)
        rig.link.send(AbandonTurn())
        await asyncio.sleep(1.2)
        sent = "".join(str(data) for line in stand_in.lines for data in line.sent)
        assert "It is noon." in sent  # the service did take it
        await ask(rig)
        await rig.until(ReplyDone)
        assert [e.text for e in rig.of(UserTranscript)] == ["and the weather"]
        assert [e.text for e in rig.of(ReplyTranscript)] == ["It rains."]
        assert sound_of(rig, "reply_1") == pytest.approx(0.4, abs=0.002)

    held(service(NOON, RAIN), scenario)


def test_a_turn_given_up_after_it_was_taken_gets_no_answer() -> None:
    class Slow(ScriptedBrain):
        async def tools_done(self, results: Any) -> Answer:
            await asyncio.sleep(0.3)
            return await super().tools_done(results)

    async def scenario(rig: Rig, _: Service) -> None:
        await ask(rig)
        call = await rig.until(ToolCalled)
        rig.link.send(SendToolResult(call.call_id, "{}"))
        rig.link.send(AbandonTurn())
        await asyncio.sleep(0.8)
        assert rig.of(ReplyAudio) == []
        await ask(rig, 2)
        await rig.until(ReplyDone, 2)
        assert [e.text for e in rig.of(ReplyTranscript)] == ["It rains."]

    brain = Slow(CALL, NOON, RAIN)
    held(Service(lambda: brain, QUICK, key=KEY), scenario)


def test_the_agent_hears_somebody_over_its_reply_breaks_off_and_answers() -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        await ask(rig)
        await rig.until(ReplyAudio, 2)
        rig.link.send(SPEECH)  # nobody has cut it
        interrupted = await rig.until(ReplyInterrupted)
        done = await rig.until(ReplyDone)
        assert (interrupted.reply_id, done.reply_id) == ("reply_1", "reply_1")
        assert done.status == "cancelled"
        await rig.until(TurnCommitted, 2)
        await rig.until(ReplyDone, 2)
        assert [e.text for e in rig.of(UserTranscript)] == ["count", "and the weather"]
        assert sound_of(rig, "reply_2") == pytest.approx(0.4, abs=0.002)

    held(service(LONG, RAIN), scenario)


def test_a_greeting_takes_no_turn_and_is_not_played_once_called_off() -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        greeting = await rig.until(ReplyStarted)
        assert rig.of(TurnCommitted) == []
        rig.link.send(CancelReply(greeting.reply_id))
        await ask(rig)
        await rig.until(ReplyDone, 2)
        assert [e.text for e in rig.of(UserTranscript)] == ["what time is it"]
        assert sound_of(rig, "reply_2") == pytest.approx(0.5, abs=0.002)

    held(service(NOON, agent=replace(QUICK, first_message="Hello there.")), scenario)


def test_a_greeting_can_be_overridden() -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        await asyncio.sleep(0.3)
        assert rig.of(ReplyStarted) == []

    agent = replace(QUICK, first_message="Hello there.")
    held(service(NOON, agent=agent), scenario, override_first_message=True)


# --- a troubled line -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["swap_at", "twice_at", "garbage_at", "unknown_at"])
@pytest.mark.parametrize("number", [3, 4, 5])
def test_on_a_troubled_line_the_turn_is_answered_all_the_same(kind: str, number: int) -> None:
    async def scenario(rig: Rig, _: Service) -> None:
        await ask(rig)
        await rig.until(ReplyAudio)
        spoken = rig.of(ReplyAudio)[0].reply_id
        done = await rig.until(ReplyDone, len(rig.of(ReplyStarted)))
        assert (done.reply_id, done.status) == (spoken, "completed")
        assert len(rig.of(TurnCommitted)) == 1
        assert [e.text for e in rig.of(UserTranscript)] == ["what time is it"]
        assert sound_of(rig, spoken) >= 0.498

    agent = replace(QUICK, ping_interval_s=60.0)
    trouble = Trouble(**{kind: number})
    held(service(replace(NOON), agent=agent, trouble=trouble), scenario)


# --- the official types ----------------------------------------------------------------------


@pytest.mark.judge
def test_every_frame_that_is_sent_is_of_the_official_types() -> None:
    try:
        node_judge("elevenlabs_types")
    except NodeMissingError as missing:
        pytest.skip(str(missing))
    everything: dict[str, Any] = {
        "instructions": "Be brief.",
        "voice": "v1",
        "language": "de-AT",
        "user_id": "kitchen",
        **dict.fromkeys(("override_prompt", "override_voice"), True),
        **dict.fromkeys(("override_language", "override_first_message"), True),
        **dict.fromkeys(("stability", "similarity_boost", "speed"), 0.9),
        "llm": "gpt-4o-mini",
        "keywords": ("Ada",),
        "override_events": True,
        "dynamic_variables": ("room: kitchen",),
    }
    told = {"history": (Said("user", "I am Ada."),)}

    async def refuses(rig: Rig, _: Service) -> None:
        await ask(rig)
        await rig.until(ReplyTranscript)

    unknown = Answer("go", calls=(Call("open_door"), Call("get_tea")))
    tea = replace(QUICK, mcp_tools={"get_tea": "Assam"})
    captures = [
        held(service(NOON, RAIN), two_turns, **everything),
        held(service(CALL, NOON), tools, **told),
        held(service(LONG, RAIN), cut),
        held(service(unknown, NOON, agent=tea), refuses),
    ]
    sent = [frame for capture in captures for frame in capture.of("client")]
    kinds = {frame.get("type", "user_audio_chunk") for frame in sent}
    assert kinds == {
        "client_tool_result",
        "contextual_update",
        "conversation_initiation_client_data",
        "mcp_tool_approval_result",
        "pong",
        "user_activity",
        "user_audio_chunk",
    }
    received = [frame for capture in captures for frame in capture.of("service")]
    assert check_frames(sent, received) == []
