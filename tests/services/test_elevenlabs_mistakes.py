"""The stand-in of ElevenLabs Agents and what its client does wrong."""

from __future__ import annotations

import asyncio
import base64
import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.simulator.services.brain import Answer, ScriptedBrain, reply
from device.simulator.services.elevenlabs import ElevenLabs
from device.simulator.services.elevenlabs_agent import Agent
from device.simulator.services.elevenlabs_frames import FrameError, read
from tests.services.elevenlabs_client import INITIATION, Client, Frame, dial, refused, talk

AUDIO = base64.b64encode(bytes(320)).decode()


def service(agent: Agent | None = None) -> ElevenLabs:
    return ElevenLabs(lambda: ScriptedBrain(reply("Yes.")), agent)


def override(path: str, value: object) -> Frame:
    for name in reversed(path.split(".")):
        value = {name: value}
    return {"conversation_config_override": value}


@pytest.mark.parametrize(
    ("frame", "error"),
    [
        ("{", "invalid_message"),
        ("[]", "invalid_message"),
        (b"\x00\x01", "invalid_message"),
        ({}, "invalid_message"),
        ({"type": "interrupt"}, "invalid_message"),
        ({"type": ["pong"]}, "invalid_message"),
        ({"type": "file_input", "file_id": "x"}, "invalid_message"),
        ({"type": INITIATION}, "invalid_message"),
        ({"user_audio_chunk": "%"}, "invalid_message"),
        ({"user_audio_chunk": "QUJD"}, "value_error"),
        ({"user_audio_chunk": 3}, "value_error"),
        ({"user_audio_chunk": AUDIO, "event_id": 1}, "invalid_message"),
        ({"type": "user_audio_chunk", "user_audio_chunk": AUDIO}, "invalid_message"),
        ({"type": "pong"}, "missing_fields"),
        ({"type": "pong", "event_id": "1"}, "value_error"),
        ({"type": "pong", "event_id": True}, "value_error"),
        ({"type": "pong", "event_id": 1, "extra": 1}, "invalid_message"),
        ({"type": "client_tool_result", "tool_call_id": "a", "result": "b"}, "missing_fields"),
        (
            {"type": "client_tool_result", "tool_call_id": "a", "result": {}, "is_error": False},
            "value_error",
        ),
        ({"type": "contextual_update"}, "missing_fields"),
        ({"type": "feedback", "event_id": 1, "score": "fine"}, "value_error"),
        ({"type": "multimodal_message"}, "missing_fields"),
        ({"type": "multimodal_message", "text": {"type": "text"}}, "invalid_message"),
        ({"type": "multimodal_message", "files": [{"type": "file_input"}]}, "missing_fields"),
    ],
)
def test_a_frame_that_is_wrong_ends_the_conversation(frame: Any, error: str) -> None:
    async def act(client: Client) -> None:
        raw = frame if isinstance(frame, str | bytes) else json.dumps(frame)
        await client.socket.send(raw)
        assert await refused(client) == (error, 1008)

    talk(service(), act)


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        (override("agent.first_message", "Hi"), "override_error"),
        (override("agent.prompt.prompt", "Be brief."), None),
        (override("agent.prompt.prompt", 3), "value_error"),
        (override("agent.promt", "Be brief."), "invalid_message"),
        (override("agent", "Be brief."), "invalid_message"),
        (override("tts.speed", True), "value_error"),
        (override("tts.speed", 1.1), None),
        (override("asr.keywords", [1]), "value_error"),
        (override("asr.keywords", ["parlor"]), None),
        (override("conversation.client_events", ["sound"]), "value_error"),
        ({"conversation_config_override": {"text_only": True}}, None),
        ({"dynamic_variables": 1}, "value_error"),
        ({"formats": {}}, "invalid_message"),
    ],
)
def test_an_override_must_be_known_right_and_allowed(fields: Frame, error: str | None) -> None:
    allowed = {"agent.prompt.prompt", "tts.speed", "asr.keywords", "conversation.client_events"}

    async def act(client: Client) -> None:
        await client.send(type=INITIATION, **fields)
        if error is None:
            await client.expect("conversation_initiation_metadata")
        else:
            assert await refused(client) == (error, 1008)

    talk(service(Agent(overrides=frozenset(allowed))), act, initiate=False)


@pytest.mark.parametrize("variables", [None, {}, {"place": "x"}])
def test_a_missing_variable_is_refused(variables: Frame | None) -> None:
    async def act(client: Client) -> None:
        fields = {} if variables is None else {"dynamic_variables": variables}
        await client.send(type=INITIATION, **fields)
        assert await refused(client) == ("missing_dynamic_variable", 1008)

    talk(service(Agent(variables=frozenset({"name"}))), act, initiate=False)


def test_audio_before_the_initiation_is_refused() -> None:
    async def act(client: Client) -> None:
        await client.say(bytes(320))
        assert await refused(client) == ("invalid_message", 1008)

    talk(service(), act, initiate=False)


def test_a_client_that_says_nothing_is_not_waited_for() -> None:
    async def act(client: Client) -> None:
        assert await refused(client) == ("transport_receive_timeout", 1008)

    talk(service(Agent(initiation_timeout_s=0.01)), act, initiate=False)


@given(
    st.one_of(
        st.binary(max_size=50),
        st.text(max_size=50),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=20),
            lambda inner: (
                st.dictionaries(
                    st.sampled_from(["type", "user_audio_chunk", "text", "event_id", "files", "a"]),
                    inner,
                )
                | st.lists(inner, max_size=3)
            ),
        ).map(json.dumps),
    )
)
@settings(max_examples=60)
def test_no_frame_breaks_the_reader(data: str | bytes) -> None:
    try:
        assert read(data)
    except FrameError as error:
        assert error.error_type in ("invalid_message", "missing_fields", "value_error")


def test_a_conversation_survives_whatever_its_client_sends() -> None:
    random = Random(7)
    words = ["type", "user_audio_chunk", "text", "event_id", "result", "files", "score"]
    values: list[Any] = [
        None,
        1,
        -1.5,
        True,
        "",
        "AAAA",
        [],
        {},
        "pong",
        "user_message",
        INITIATION,
        "x" * 99,
    ]
    values += [{"type": "file_input", "file_id": 1}, [{"type": "file_input"}], "client_tool_result"]

    async def run() -> None:
        async with service() as mine:
            for _ in range(60):
                frame = {one: random.choice(values) for one in random.sample(words, 3)}
                async with dial(mine.url) as client:
                    await client.initiate()
                    await client.socket.send(json.dumps(frame))
                    await client.send(type="interrupt")
                    assert (await client.expect("error"))["code"] == 1008
                    assert (await client.closed())[0] == 1008

    asyncio.run(run())


def test_a_brain_that_fails_ends_the_conversation_with_an_internal_error() -> None:
    class Broken(ScriptedBrain):
        async def written(self, text: str) -> Answer:
            raise RuntimeError(text)

    async def act(client: Client) -> None:
        await client.send(type="user_message", text="Hello")
        assert (await client.closed())[0] == 1011

    talk(ElevenLabs(Broken), act)


def test_frames_nested_without_end_are_refused() -> None:
    deep = '{"a":' * 900 + "1" + "}" * 900
    frame = f'{{"type":"{INITIATION}","conversation_config_override":{deep}}}'

    async def act(client: Client) -> None:
        await client.socket.send(frame)
        assert await refused(client) == ("invalid_message", 1008)

    talk(service(), act, initiate=False)
    with pytest.raises(FrameError):
        read("[" * 200_000)
