"""The stand-in of ElevenLabs Agents before two judges: the official client, the official types."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.elevenlabs import ElevenLabs
from device.simulator.services.elevenlabs_agent import ALL_EVENTS, USUAL_EVENTS, Agent, Fault
from tests.judges.elevenlabs_types import INCOMING, OUTGOING, check_frames
from tests.judges.environment import judge_python
from tests.judges.node_environment import NodeMissingError, node_judge
from tests.services.elevenlabs_client import Client, Frame, payload, talk, turn

JUDGE = Path(__file__).resolve().parents[1] / "judges" / "elevenlabs_judge.py"
CALL = Answer("what time is it", calls=(Call("get_time", {"zone": "UTC"}),))
NOON = reply("It is five past two.", seconds=6.0)
BYE = replace(reply("Goodbye.", seconds=0.2), calls=(Call("end_call"),))
pytestmark = pytest.mark.judge


@pytest.fixture(scope="module", autouse=True)
def _node() -> None:
    try:
        node_judge("elevenlabs_types")
    except NodeMissingError as missing:
        pytest.skip(str(missing))


def judge(service: ElevenLabs, speech: Path, scenario: str) -> dict[str, Any]:
    """The official client in a process of its own, the stand-in in this one."""
    python = judge_python("elevenlabs")

    async def run() -> dict[str, Any]:
        async with service:
            base = f"http://127.0.0.1:{service.port}"
            arguments = [base, service.agent.agent_id, service.key, str(speech), scenario]
            process = await asyncio.create_subprocess_exec(
                python,
                JUDGE,
                *arguments,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            try:
                out, err = await asyncio.wait_for(process.communicate(), 60)
            finally:
                if process.returncode is None:
                    process.kill()
            assert process.returncode == 0, err.decode()[-4000:]
            verdict: dict[str, Any] = json.loads(out.splitlines()[-1])
            return verdict

    return asyncio.run(run())


def frames(service: ElevenLabs) -> tuple[list[Frame], list[Frame]]:
    """What was received and what was sent."""
    lines = service.lines
    return (
        [json.loads(data) for line in lines for data in line.received],
        [json.loads(data) for line in lines for data in line.sent],
    )


@pytest.fixture
def speech(tmp_path: Path) -> Path:
    path = tmp_path / "speech.pcm"
    path.write_bytes(turn())
    return path


def test_the_official_client_speaks_calls_a_tool_and_interrupts(speech: Path) -> None:
    brain = ScriptedBrain(CALL, NOON, reply("All right.", heard="stop"), BYE)
    agent = Agent(ping_interval_s=0.05, client_events=USUAL_EVENTS | {"agent_chat_response_part"})
    service = ElevenLabs(lambda: brain, agent)
    verdict = judge(service, speech, "spoken")
    record = verdict["record"]
    outgoing, incoming = frames(service)
    assert check_frames(outgoing, incoming) == []

    def of(name: str) -> list[Any]:
        return [what for kind, what in record if kind == name]

    assert brain.turns[1] == ("14:05",) and brain.turns[3] == "Goodbye"
    (call,) = of("tool")
    assert call.pop("tool_call_id").startswith("call_") and call == {"zone": "UTC"}
    assert of("transcript") == ["what time is it", "stop"]
    assert of("response") == ["It is five past two.", "All right.", "Goodbye."]
    assert of("correction")[0][0] == "It is five past two."
    assert "".join(text for text, _ in of("part")).startswith("It is five past two.All right.")
    assert all(count == starts == lengths for count, starts, lengths in of("alignment"))
    assert of("latency") and all(isinstance(one, int) for one in of("latency"))
    assert of("disconnect") == [["agent", 1000]]
    metadata = payload(incoming[0])
    assert verdict["conversation_id"] == metadata["conversation_id"]
    # Of the audio the client plays what is not cut: late pieces came, and it dropped them.
    cuts = [at for at, one in enumerate(incoming) if one["type"] == "interruption"]
    late = [
        one
        for at, one in enumerate(incoming)
        if one["type"] == "audio"
        and any(
            at > cut and payload(one)["event_id"] <= payload(incoming[cut])["event_id"]
            for cut in cuts
        )
    ]
    assert len(late) >= 2
    sent = [one for one in incoming if one["type"] == "audio"]
    assert len(of("audio")) == len(sent) - len(late)


def test_the_official_client_comes_by_signed_url_and_writes(speech: Path) -> None:
    brain = ScriptedBrain(reply("Yes.", seconds=0.1))
    service = ElevenLabs(lambda: brain, Agent(private=True, variables=frozenset({"name"})))
    verdict = judge(service, speech, "written")
    assert check_frames(*frames(service)) == []
    record = verdict["record"]
    assert [what for kind, what in record if kind == "response"] == ["Good day.", "Yes.", "Yes."]
    assert [what for kind, what in record if kind == "disconnect"] == [["user", None]]
    assert brain.turns == ["Hello", "Look"]
    kinds = [one["type"] for one in service.told]
    assert kinds == ["contextual_update", "user_activity", "multimodal_message"]


EXTRAS: tuple[Frame, ...] = (
    {
        "type": "agent_reasoning_response_part",
        "reasoning_response_part": {"text": "", "type": "start", "event_id": "1"},
    },
    {
        "type": "rich_content",
        "rich_content": {"rich_content_id": "1", "component": "c", "props": {}, "event_id": 1},
    },
    {
        "type": "mcp_connection_status",
        "mcp_connection_status": {
            "integrations": [
                {
                    "integration_id": "1",
                    "integration_type": "mcp_server",
                    "is_connected": True,
                    "tool_count": 2,
                }
            ]
        },
    },
    {"type": "guardrail_triggered"},
    {
        "type": "internal_turn_probability",
        "turn_probability_internal_event": {"turn_probability": 0.5},
    },
    {
        "type": "internal_tentative_agent_response",
        "tentative_agent_response_internal_event": {"tentative_agent_response": "It"},
    },
    {"type": "agent_typing", "agent_typing_event": {"is_typing": True}},
    {"type": "external_agent_connected", "external_agent_connected_event": {}},
    {"type": "external_agent_disconnected"},
)


def test_every_kind_of_message_has_the_official_type() -> None:
    tools = Answer("what time is it", calls=(Call("get_time"), Call("get_rain"), Call("get_tea")))
    agent = Agent(
        client_events=ALL_EVENTS,
        also=EXTRAS,
        server_tools={"get_rain": "none"},
        mcp_tools={"get_tea": "Assam"},
    )
    faults = (Fault("mcp_tool_error", close=False),)
    service = ElevenLabs(lambda: ScriptedBrain(tools, NOON), agent, faults=faults)

    async def act(client: Client) -> None:
        prompt = {"prompt": "Be brief.", "llm": "any"}
        said = {"first_message": "Hello", "language": "en", "native_mcp_server_ids": ["tea"]}
        voice = {"voice_id": "v", "stability": 0.5, "speed": 1.0, "similarity_boost": 0.8}
        await client.initiate(
            conversation_config_override={
                "agent": {"prompt": prompt, **said},
                "asr": {"keywords": ["tea"]},
                "tts": voice,
                "conversation": {"text_only": False, "client_events": sorted(ALL_EVENTS)},
            },
            custom_llm_extra_body={},
            dynamic_variables={"name": "Ada"},
            user_id="user",
            source_info={"source": "test", "version": "1"},
        )
        await client.say(turn())
        approve = {"type": "mcp_tool_approval_result", "is_approved": True}
        seen = await client.until("mcp_tool_call")
        await client.send(**approve, tool_call_id=payload(seen[-1])["tool_call_id"])
        calls = [payload(one) for one in seen if one["type"] == "client_tool_call"]
        result = {"type": "client_tool_result", "result": "noon", "is_error": False}
        await client.send(**result, tool_call_id=calls[0]["tool_call_id"])
        await client.until("agent_response")
        await client.expect("audio")
        await client.send(type="user_activity")
        await client.send(type="feedback", event_id=1, score="dislike")
        await client.send(type="contextual_update", text="The kettle is on")
        text = {"type": "user_message", "text": "Look"}
        file = {"type": "file_input", "file_id": "file-1"}
        await client.send(type="multimodal_message", text=text, file=file, files=[file])
        await client.send(type="user_message", text="Hello")
        await client.expect("agent_response_correction")
        await client.expect("context_usage")
        while len([one for one in client.frames if one["type"] == "ping"]) == 0:
            await client.receive()

    talk(service, act, initiate=False)
    outgoing, incoming = frames(service)
    assert {one["type"] for one in incoming} == set(INCOMING)
    assert {one.get("type", "user_audio_chunk") for one in outgoing} == set(OUTGOING)
    assert check_frames(outgoing, incoming) == []


def test_a_client_that_errs_is_told_so_in_the_official_type() -> None:
    mistakes: tuple[Frame, ...] = (
        {"type": "pong"},
        {"type": "interrupt"},
        {"type": "pong", "event_id": "1"},
        {"type": "conversation_initiation_client_data"},
    )
    incoming: list[Frame] = []
    for mistake in mistakes:
        service = ElevenLabs(lambda: ScriptedBrain(NOON))

        async def act(client: Client, mistake: Frame = mistake) -> None:
            await client.send(**mistake)
            await client.closed()

        talk(service, act)
        incoming += frames(service)[1]
    capped = ElevenLabs(lambda: ScriptedBrain(NOON), cap_s=0.01)
    talk(capped, Client.closed)
    incoming += frames(capped)[1]
    errors = [payload(one)["error_type"] for one in incoming if one["type"] == "error"]
    assert errors == [
        "missing_fields",
        "invalid_message",
        "value_error",
        "invalid_message",
        "max_duration_exceeded",
    ]
    assert check_frames([], incoming) == []


def test_the_judge_of_types_finds_what_is_wrong() -> None:
    outgoing: list[Frame] = [
        {"user_audio_chunk": "AAAA"},
        {"user_audio_chunk": "AAAA", "rate": 1},
        {"type": "pong", "id": 1},
        {"type": "interrupt"},
        {
            "type": "conversation_initiation_client_data",
            "conversation_config_override": {"agent": {"prompt": {"text": "Be brief."}}},
        },
        {"type": "client_tool_result", "tool_call_id": "a", "result": {"a": 1}, "is_error": False},
    ]
    incoming: list[Frame] = [
        {"type": "ping", "ping_event": {"event_id": 1, "ping_ms": None}},
        {"type": "ping", "ping_event": {"ping_ms": None}},
        {"type": "audio", "audio_event": {"audio_base_64": "AAAA", "event_id": "1"}},
        {"type": "error", "message": "flat"},
    ]
    wrong = check_frames(outgoing, incoming)
    assert {one.partition("]")[0] + "]" for one in wrong} == {
        *(f"outgoing[{number}]" for number in (1, 2, 3, 4, 5)),
        *(f"incoming[{number}]" for number in (1, 2, 3)),
    }
