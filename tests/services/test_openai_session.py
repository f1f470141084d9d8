"""The Realtime stand-in's session fields, items, out-of-band responses and complaints."""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.simulator.services.brain import Answer, reply, tone
from device.simulator.services.openai_audio import Format
from device.simulator.services.openai_events import checked
from device.simulator.services.openai_shapes import RefusalError, encoded
from tests.services.openai_wire import (
    ASKS,
    HELLO,
    LONG,
    Event,
    Wire,
    audio_of,
    run,
    talk,
    text_item,
)


def audio(**fields: Any) -> Event:
    return {"type": "realtime", "audio": {"input": fields}}


BAD_UPDATES: list[tuple[Any, str, str]] = [
    ({}, "missing_required_parameter", "session.type"),
    ([], "invalid_type", "session"),
    ({"type": "transcription"}, "invalid_session_type", "session.type"),
    ({"type": "realtime", "voice": "marin"}, "unknown_parameter", "session.voice"),
    ({"type": "realtime", "temperature": 0.8}, "unknown_parameter", "session.temperature"),
    ({"type": "realtime", "output_modalities": ["audio", "text"]}, "invalid_value", "session"),
    ({"type": "realtime", "output_modalities": []}, "invalid_value", "session"),
    ({"type": "realtime", "max_output_tokens": 0}, "invalid_value", "session"),
    ({"type": "realtime", "max_output_tokens": "all"}, "invalid_value", "session"),
    ({"type": "realtime", "tools": {}}, "invalid_type", "session.tools"),
    ({"type": "realtime", "model": "gpt-realtime-mini"}, "invalid_value", "session.model"),
    ({"type": "realtime", "instructions": None}, "invalid_type", "session.instructions"),
    ({"type": "realtime", "truncation": "off"}, "invalid_value", "session.truncation"),
    ({"type": "realtime", "reasoning": {"effort": "max"}}, "invalid_value", "session.reasoning"),
    (
        {"type": "realtime", "tools": [{"type": "function", "function": {"name": "x"}}]},
        "unknown_parameter",
        "session.tools[0].function",
    ),
    (
        {"type": "realtime", "tools": [{"type": "mcp", "server_label": "x"}]},
        "missing_required_parameter",
        "session.tools[0].server_url",
    ),
    ({"type": "realtime", "audio": {"output": {"speed": 2}}}, "invalid_value", "session.audio"),
    ({"type": "realtime", "audio": {"output": {"voice": "Bob"}}}, "invalid_value", "session.audio"),
    (audio(format={"type": "audio/pcm", "rate": 16000}), "invalid_value", "session.audio.input"),
    (audio(format={"type": "audio/pcm"}), "missing_required_parameter", "session.audio.input"),
    (audio(format="pcm16"), "invalid_type", "session.audio.input.format"),
    (audio(noise_reduction={"type": "mid_field"}), "invalid_value", "session.audio.input"),
    (audio(turn_detection={"type": "none"}), "invalid_value", "session.audio.input"),
    (
        audio(turn_detection={"type": "semantic_vad", "threshold": 0.5}),
        "unknown_parameter",
        "session.audio.input.turn_detection.threshold",
    ),
    (
        audio(turn_detection={"type": "semantic_vad", "idle_timeout_ms": 5000}),
        "unknown_parameter",
        "session.audio.input.turn_detection.idle_timeout_ms",
    ),
    (
        audio(turn_detection={"type": "server_vad", "treshold": 0.5}),
        "unknown_parameter",
        "session.audio.input.turn_detection.treshold",
    ),
]


def test_every_field_of_the_session_is_taken_and_told_again() -> None:
    given_session: Event = {
        "output_modalities": ["text"],
        "instructions": "Be brief.",
        "max_output_tokens": 100,
        "parallel_tool_calls": True,
        "reasoning": {"effort": "low"},
        "tool_choice": {"type": "function", "name": "help"},
        "tools": [{"type": "function", "name": "help", "parameters": {"type": "object"}}],
        "tracing": {"workflow_name": "w"},
        "truncation": {"type": "retention_ratio", "retention_ratio": 0.5},
        "include": ["item.input_audio_transcription.logprobs"],
    }
    sides = {
        "input": {
            "format": {"type": "audio/pcmu"},
            "noise_reduction": {"type": "far_field", "strength": 0.5},
            "transcription": {"model": "gpt-transcribe", "language": "en"},
            "turn_detection": {"type": "semantic_vad", "eagerness": "low"},
        },
        "output": {"format": {"type": "audio/pcma"}, "voice": {"id": "voice_1"}, "speed": 1.25},
    }

    async def go() -> None:
        async with talk() as (wire, _):
            session = await wire.update(**given_session, audio=sides)
            assert {name: session[name] for name in given_session} == given_session
            assert session["audio"]["output"] == sides["output"]
            detection = session["audio"]["input"]["turn_detection"]
            assert detection == {
                "type": "semantic_vad",
                "eagerness": "low",
                "create_response": True,
                "interrupt_response": True,
            }
            after = await wire.update(audio={"input": {"noise_reduction": None}}, tools=[])
            assert after["audio"]["input"]["noise_reduction"] is None
            assert after["audio"]["input"]["transcription"] == sides["input"]["transcription"]
            assert after["tools"] == []
            assert after["instructions"] == "Be brief."
            await wire.send("session.update", session={"type": "realtime", "tracing": None})
            assert (await wire.error())["param"] == "session.tracing"

    run(go())


def test_a_wrong_update_is_refused_as_a_whole_and_named() -> None:
    async def go() -> None:
        async with talk() as (wire, _):
            before = await wire.update()
            for session, code, param in BAD_UPDATES:
                await wire.send("session.update", session=session, event_id="mine")
                error = await wire.error()
                assert (error["code"], error["event_id"]) == (code, "mine"), session
                assert error["param"].startswith(param), (session, error)
            assert await wire.update() == before

    run(go())


def test_garbage_is_answered_and_the_session_goes_on() -> None:
    message = {"type": "message", "role": "user"}
    wrong: list[tuple[str, str]] = [
        ("{", "invalid_json"),
        ("[]", "invalid_type"),
        ("null", "invalid_type"),
        ("{}", "missing_required_parameter"),
        ('{"type": 5}', "missing_required_parameter"),
        ("[" * 100_000, "invalid_json"),
        ('{"type": NaN}', "invalid_json"),
        ("9" * 6000, "invalid_json"),
    ]
    events: list[tuple[Event, str]] = [
        ({"type": "response.sing"}, "invalid_value"),
        ({"type": "session.update"}, "missing_required_parameter"),
        ({"type": "input_audio_buffer.append"}, "missing_required_parameter"),
        ({"type": "input_audio_buffer.append", "audio": "?"}, "invalid_value"),
        ({"type": "input_audio_buffer.append", "audio": "QUJD"}, "invalid_value"),
        ({"type": "input_audio_buffer.append", "audio": "", "rate": 1}, "unknown_parameter"),
        ({"type": "output_audio_buffer.clear"}, "invalid_event"),
        ({"type": "response.create", "response": {"modalities": ["text"]}}, "unknown_parameter"),
        ({"type": "response.create", "response": {"conversation": "x"}}, "invalid_value"),
        ({"type": "response.cancel"}, "response_cancel_not_active"),
        ({"type": "conversation.item.delete", "item_id": "x"}, "item_delete_invalid_item_id"),
        ({"type": "conversation.item.retrieve", "item_id": "x"}, "item_retrieve_invalid_item_id"),
        (
            {"type": "conversation.item.truncate", "item_id": "x", "content_index": 0},
            "missing_required_parameter",
        ),
        (
            {"type": "conversation.item.create", "item": message | {"content": [{"type": "text"}]}},
            "invalid_value",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "x", "output": "{}"},
            },
            "invalid_tool_call_id",
        ),
        (
            {
                "type": "conversation.item.create",
                "item": {"type": "function_call_output", "call_id": "x", "output": {}},
            },
            "invalid_type",
        ),
        (
            {"type": "conversation.item.create", "item": text_item("x"), "previous_item_id": "no"},
            "item_create_invalid_item_id",
        ),
    ]

    async def go() -> None:
        async with talk() as (wire, _):
            for raw, code in wrong:
                await wire.socket.send(raw)
                assert (await wire.error())["code"] == code, raw[:20]
            for event, code in events:
                await wire.socket.send(json.dumps(event))
                assert (await wire.error())["code"] == code, event
            await wire.socket.send(b"\0\0")
            assert (await wire.error())["type"] == "invalid_request_error"
            await wire.write("hello")
            assert (await wire.expect("response.done"))["response"]["status"] == "completed"

    run(go())


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
KINDS = st.sampled_from(
    ["session.update", "conversation.item.create", "response.create", "input_audio_buffer.append"]
)


@settings(max_examples=50, deadline=None)
@given(KINDS, st.sampled_from(["item", "response", "session", "audio"]), JSON)
def test_nothing_but_a_refusal_comes_of_any_json(kind: str, name: str, value: object) -> None:
    for dialect in ("openai", "xai", "voice_live"):
        try:
            checked({"type": kind, name: value}, dialect)
        except RefusalError as refused:
            assert refused.message


def _any_message(random: Random, known: list[str]) -> Event:
    """Mostly right in itself, seldom in its place."""
    item_id = random.choice([*known, "nobody"])
    detection = random.choice(
        [None, {"type": "server_vad", "idle_timeout_ms": 20}, {"type": "semantic_vad"}]
    )
    rate = {"type": random.choice(["audio/pcmu", "audio/pcma"])}
    update: list[Event] = [
        audio(turn_detection=detection),
        audio(format=random.choice([rate, {"type": "audio/pcm", "rate": 24000}])),
        audio(transcription={"model": "gpt-transcribe"}),
        {"type": "realtime", "tools": [{"type": "function", "name": "get_time"}]},
        {"type": "realtime", "output_modalities": [random.choice(["text", "audio"])]},
    ]
    sound = random.choice([tone(0.2), bytes(48 * 700)])
    result = {"type": "function_call_output", "call_id": item_id, "output": "{}"}
    beside: Event = {"conversation": "none", "input": [{"type": "item_reference", "id": item_id}]}
    return random.choice(
        [
            {"type": "session.update", "session": random.choice(update)},
            {"type": "input_audio_buffer.append", "audio": encoded(sound)},
            {"type": "input_audio_buffer.append", "audio": encoded(sound)},
            {"type": "input_audio_buffer.commit"},
            {"type": "input_audio_buffer.clear"},
            {"type": "conversation.item.create", "item": text_item("hello")},
            {"type": "conversation.item.create", "item": result},
            {"type": "conversation.item.delete", "item_id": item_id},
            {"type": "conversation.item.retrieve", "item_id": item_id},
            {
                "type": "conversation.item.truncate",
                "item_id": item_id,
                "content_index": random.randrange(2),
                "audio_end_ms": random.randrange(300),
            },
            {"type": "response.create", "response": random.choice([{}, beside])},
            {"type": "response.cancel"},
        ]
    )


async def _collect(wire: Wire, known: list[str]) -> None:
    """The ids of all items, up to the last one."""
    while known[-1] != "last":
        item = (await wire.receive()).get("item", {})
        known += [item[name] for name in ("call_id", "id") if name in item]


@pytest.mark.parametrize("seed", range(6))
def test_no_order_of_messages_breaks_a_session(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    async def go() -> None:
        random, known = Random(seed), ["nobody"]
        async with talk(ASKS, HELLO, Answer(), LONG) as (wire, stand_in):
            stand_in.pace = 500.0
            reading = asyncio.create_task(_collect(wire, known))
            for _ in range(120):
                await wire.socket.send(json.dumps(_any_message(random, known)))
                await asyncio.sleep(0)
            await wire.send("conversation.item.create", item=text_item("x") | {"id": "last"})
            await reading

    run(go())
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_fifteen_megabytes_of_audio_are_the_most_in_one_event() -> None:
    most = 15 * 1024 * 1024
    checked({"type": "input_audio_buffer.append", "audio": "A" * most}, "openai")
    with pytest.raises(RefusalError, match="15 MiB"):
        checked({"type": "input_audio_buffer.append", "audio": "A" * (most + 4)}, "openai")


def test_the_voice_stays_once_it_was_heard_and_the_speed_within_a_reply() -> None:
    async def go() -> None:
        async with talk(LONG) as (wire, _):
            await wire.update(audio={"output": {"voice": "marin"}})
            await wire.write("tell")
            await wire.expect("response.output_audio.delta")
            for output in ({"voice": "cedar"}, {"speed": 1.5}):
                session = {"type": "realtime", "audio": {"output": output}}
                code = await wire.refused("session.update", session=session)
                assert code in ("cannot_update_voice", "invalid_value")
            await wire.send("response.cancel")
            await wire.expect("response.done")
            await wire.update(audio={"output": {"voice": "marin", "speed": 1.5}})
            response = {"audio": {"output": {"voice": "cedar"}}}
            assert await wire.refused("response.create", response=response) == "cannot_update_voice"

    run(go())


def test_speed_and_the_limit_of_tokens_shorten_a_reply() -> None:
    async def go() -> None:
        async with talk(reply("one two three four", seconds=1.0)) as (wire, _):
            await wire.update(audio={"output": {"speed": 1.25}})
            await wire.write("hello")
            events = await wire.until("response.done")
            assert abs(len(audio_of(events)) - 0.8 * 48000) < 480
            await wire.write("hello", max_output_tokens=8)
            events = await wire.until("response.done")
            done = events[-1]["response"]
            assert done["status_details"] == {"type": "incomplete", "reason": "max_output_tokens"}
            assert len(audio_of(events)) == 4 * 4800
            await wire.write("hello", max_output_tokens=2, output_modalities=["text"])
            events = await wire.until("response.done")
            assert events[-1]["response"]["output"][0]["content"][0]["text"] == "one two"

    run(go())


@pytest.mark.parametrize("codec", ["pcmu", "pcma"])
def test_g711_goes_both_ways(codec: str) -> None:
    g711 = Format(codec, 8000)
    there = g711.to_pcm(bytes(range(256)), "audio")
    levels = np.frombuffer(there, "<i2")
    assert len(set(levels.tolist())) in (255, 256)  # mu-law has two zeros
    voice = np.repeat(levels, 3).astype("<i2").tobytes()  # at the brain's rate
    back = np.frombuffer(g711.to_pcm(g711.from_voice(voice), "audio"), "<i2")
    assert back.size == 256
    sine = np.frombuffer(g711.to_pcm(g711.from_voice(tone(0.5)), "audio"), "<i2")
    ideal = np.frombuffer(Format("pcm", 8000).from_voice(tone(0.5)), "<i2").astype(float)
    error = np.sqrt(np.mean((sine - ideal) ** 2)) / np.sqrt(np.mean(ideal**2))
    assert error < 0.02  # ITU-T G.712 asks for 33 dB in this range

    async def go() -> None:
        side = {"format": {"type": f"audio/{codec}"}}
        async with talk(HELLO) as (wire, _):
            await wire.update(audio={"input": side, "output": side})
            speech = g711.from_voice(tone(0.5) + bytes(48 * 700))
            await wire.append(speech, 800)
            events = await wire.until("response.done")
            assert len(audio_of(events)) == len(HELLO.pcm) // 6

    run(go())
