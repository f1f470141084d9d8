"""The stand-in as Azure OpenAI, xAI and Azure Voice Live; and client secrets."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from device.simulator.services.brain import Answer, ScriptedBrain, tone
from device.simulator.services.openai_realtime import OpenAIRealtime
from tests.services.openai_wire import (
    ASKS,
    GET_TIME,
    HELLO,
    QUIET,
    Wire,
    audio_of,
    dialled,
    kinds,
    run,
)


@asynccontextmanager
async def speaking(
    dialect: str, *answers: Answer, query: str | None = None, **headers: str
) -> AsyncIterator[tuple[Wire, OpenAIRealtime]]:
    brain = ScriptedBrain(*(answers or (HELLO,)))
    stand_in = OpenAIRealtime(lambda: brain, dialect=dialect)
    stand_in.pace = 20.0
    async with stand_in, dialled(stand_in, query, **headers) as wire:
        yield wire, stand_in


@pytest.mark.parametrize(
    ("dialect", "query", "headers", "status"),
    [
        ("azure", None, {"api_key": "wrong"}, 401),
        ("azure", "?model=gpt-realtime-whisper", {"api_key": "stand-in-key"}, 404),
        ("azure", "?deployment=x", {"api_key": "stand-in-key"}, 404),
        ("xai", None, {"Authorization": "Bearer wrong"}, 401),
        ("voice_live", None, {"api_key": "wrong"}, 401),
        ("voice_live", "&model=", {"api_key": "stand-in-key"}, 404),
        ("openai", None, {"api_key": "stand-in-key"}, 401),
    ],
)
def test_each_service_has_its_own_door(
    dialect: str, query: str | None, headers: dict[str, str], status: int
) -> None:
    async def go() -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with speaking(dialect, query=query, **headers):
                pass
        assert refused.value.response.status_code == status

    run(go())


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        (None, {"api_key": "stand-in-key"}),
        (None, {"Authorization": "Bearer stand-in-key"}),
        ("?model=d&api-key=stand-in-key", {"X_None": "1"}),
    ],
)
def test_azure_takes_its_key_in_three_places_and_speaks_as_openai(
    query: str | None, headers: dict[str, str]
) -> None:
    async def go() -> None:
        async with speaking("azure", query=query, **headers) as (wire, stand_in):
            assert stand_in.url.endswith("/openai/v1/realtime")
            await wire.expect("session.created")
            await wire.update(audio={"input": {"noise_reduction": {"type": "far_field"}}})
            await wire.say()
            assert audio_of(await wire.until("response.done")) == HELLO.pcm

    run(go())


def test_xai_has_voice_and_turns_at_the_top_and_tells_the_words_so_far() -> None:
    async def go() -> None:
        async with speaking("xai") as (wire, _):
            await wire.expect("session.created")
            assert kinds(wire.seen) == ["conversation.created", "session.created"]
            for session in (
                {"audio": {"output": {"voice": "eve"}}},
                {"audio": {"input": {"turn_detection": None}}},
                {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 12345}}}},
            ):
                code = await wire.refused("session.update", session=session)
                assert code in ("unknown_parameter", "invalid_value")
            format_ = {"type": "audio/pcm", "rate": 16000}
            session = await wire.update(
                voice="eve",
                turn_detection={"type": "server_vad", "silence_duration_ms": 300},
                audio={"input": {"format": format_}, "output": {"format": format_}},
                tools=[{"type": "web_search"}],
            )
            assert session["voice"] == "eve"
            await wire.append(tone(0.5, rate_hz=16000) + bytes(32 * 400))
            events = await wire.until("response.done")
            assert len(audio_of(events)) == len(HELLO.pcm) * 2 // 3
            name = "conversation.item.input_audio_transcription"
            words = [e["transcript"] for e in events if e["type"] == f"{name}.updated"]
            assert words == ["good", "good morning"]
            assert f"{name}.delta" not in kinds(events)

    run(go())


def test_xai_carries_audio_in_binary_messages_on_request() -> None:
    async def go() -> None:
        async with speaking("xai") as (wire, _):
            await wire.socket.send(b"\0\0")
            assert (await wire.error())["message"]
            binary = {"transport": "binary"}
            await wire.update(audio={"input": binary, "output": binary}, turn_detection=None)
            await wire.socket.send(tone(0.3))
            await wire.send("conversation.item.commit")  # the older name
            await wire.send("response.create")
            events = await wire.until("response.done")
            assert b"".join(wire.binary) == HELLO.pcm
            assert audio_of(events) == b""

    run(go())


VOICE_LIVE = {
    "modalities": ["text", "audio"],
    "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
    "input_audio_format": "pcm16",
    "output_audio_format": "pcm16_16000hz",
    "turn_detection": {"type": "azure_semantic_vad", "silence_duration_ms": 300},
    "input_audio_noise_reduction": {"type": "azure_deep_noise_suppression"},
    "input_audio_echo_cancellation": {"type": "server_echo_cancellation"},
    "input_audio_transcription": {"model": "azure-speech"},
    "tools": [GET_TIME],
}


def test_voice_live_speaks_the_names_of_the_beta() -> None:
    async def go() -> None:
        headers = {"api_key": "stand-in-key"}
        async with speaking("voice_live", ASKS, HELLO, **headers) as (wire, _):
            created = (await wire.expect("session.created"))["session"]
            assert created["input_audio_format"] == "pcm16"
            for wrong in (
                {"type": "realtime"},
                {"audio": {"input": {}}},
                {"turn_detection": {"type": "semantic_vad"}},
                {"output_audio_format": "pcm16_22050hz"},
            ):
                await wire.refused("session.update", session=wrong)
            await wire.send("session.update", session=VOICE_LIVE)
            updated = (await wire.expect("session.updated"))["session"]
            assert {name: updated[name] for name in VOICE_LIVE} | {"turn_detection": 0} == (
                VOICE_LIVE | {"turn_detection": 0}
            )
            start = len(wire.seen)
            await wire.append(tone(0.5) + QUIET)
            call = await wire.expect("response.function_call_arguments.done")
            await wire.expect("response.done")
            output = {"type": "function_call_output", "call_id": call["call_id"], "output": "5"}
            await wire.send("conversation.item.create", item=output)
            await wire.send("response.create")
            done = (await wire.expect("response.done"))["response"]
            assert done["modalities"] == ["text", "audio"]
            assert done["output_audio_format"] == "pcm16_16000hz"
            (item,) = done["output"]
            assert item["content"] == [{"type": "audio", "transcript": HELLO.words}]
            events = wire.seen[start:]
            audio = audio_of(events, "response.audio.delta")
            assert len(audio) == len(HELLO.pcm) * 2 // 3
            seen = set(kinds(events))
            assert {"conversation.item.created", "response.audio_transcript.delta"} <= seen
            assert "conversation.item.input_audio_transcription.completed" in seen
            assert not any("output_audio" in kind or kind.endswith("item.added") for kind in seen
                           if kind != "response.output_item.added")  # fmt: skip
            assert not seen & {"conversation.item.done", "rate_limits.updated"}

    run(go())


def test_voice_live_says_given_words_and_replaces_what_it_is_saying() -> None:
    async def go() -> None:
        headers = {"Authorization": "Bearer stand-in-key"}
        async with speaking("voice_live", **headers) as (wire, stand_in):
            await wire.expect("session.created")
            call = {"type": "function_call", "name": "x", "call_id": "y", "arguments": "{}"}
            wordless = {"pre_generated_assistant_message": call}
            await wire.send("response.create", response=wordless)
            await wire.expect("response.done")
            words = {"type": "message", "role": "assistant"}
            words |= {"content": [{"type": "text", "text": "The tea is ready."}]}  # type: ignore[dict-item]
            given = {"pre_generated_assistant_message": words}
            await wire.send("response.create", response=given)
            await wire.expect("response.audio.delta")
            await wire.send("response.create", response=given | {"cancel_previous": True})
            statuses = [(await wire.expect("response.done"))["response"]["status"] for _ in "12"]
            assert statuses == ["cancelled", "completed"]
            brain = stand_in.brain()
            assert isinstance(brain, ScriptedBrain)
            assert brain.turns == ["", "The tea is ready.", "The tea is ready."]

    run(go())


def post(
    stand_in: OpenAIRealtime, path: str, body: object, **headers: str
) -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(
        stand_in.http_origin + path,
        json.dumps(body).encode(),
        {
            "Content-Type": "application/json",
            **{n.replace("_", "-"): v for n, v in headers.items()},
        },
    )
    try:
        with urllib.request.urlopen(request, timeout=3) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)


def test_a_client_secret_opens_a_session_with_its_settings_until_it_expires() -> None:
    async def go() -> None:
        brain = ScriptedBrain(HELLO)
        stand_in = OpenAIRealtime(lambda: brain)
        key = {"Authorization": f"Bearer {stand_in.key}"}
        path = "/v1/realtime/client_secrets"
        session = {"type": "realtime", "model": "gpt-realtime-2.1", "instructions": "Be brief."}
        body = {"expires_after": {"anchor": "created_at", "seconds": 60}, "session": session}
        async with stand_in:
            for wrong, headers, status in (
                (body, {"Authorization": "Bearer x"}, 401),
                (body | {"expires_after": {"seconds": 5}}, key, 400),
                (body | {"session": {"type": "realtime", "voice": "marin"}}, key, 400),
                ([], key, 400),
            ):
                answer = await asyncio.to_thread(post, stand_in, path, wrong, **headers)
                assert answer[0] == status, wrong
            assert (await asyncio.to_thread(post, stand_in, "/v1/x", body, **key))[0] == 404
            status, secret = await asyncio.to_thread(post, stand_in, path, body, **key)
            assert status == 200
            assert secret["value"].startswith("ek_")
            assert abs(secret["expires_at"] - stand_in.clock() - 60) < 5
            assert secret["session"]["instructions"] == "Be brief."
            shown = {"Authorization": f"Bearer {secret['value']}"}
            async with dialled(stand_in, "", **shown) as wire:
                created = (await wire.expect("session.created"))["session"]
                assert created["instructions"] == "Be brief."
                assert created["model"] == "gpt-realtime-2.1"
            now = stand_in.clock()
            stand_in.clock = lambda: now + 61
            async with dialled(stand_in, "", **shown) as wire:
                assert (await wire.error())["code"] == "invalid_api_key"

    run(go())


def test_azure_and_xai_issue_secrets_too_and_voice_live_does_not() -> None:
    async def go() -> None:
        for dialect, path, status in (
            ("azure", "/openai/v1/realtime/client_secrets", 200),
            ("xai", "/v1/realtime/client_secrets", 200),
            ("voice_live", "/voice-live/realtime/client_secrets", 404),
        ):
            brain = ScriptedBrain(HELLO)
            stand_in = OpenAIRealtime(lambda brain=brain: brain, dialect=dialect)  # type: ignore[misc]
            async with stand_in:
                key = {"Authorization": f"Bearer {stand_in.key}"}
                answer = await asyncio.to_thread(post, stand_in, path, {}, **key)
                assert answer[0] == status

    run(go())
