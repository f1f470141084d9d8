"""A script for the ``openai`` judge's own environment: the official client and the stand-in.

    python openai_stand_in_judge.py WS_BASE HTTP_BASE CAPPED_BASE AZURE_BASE

The bases end in /v1. Every message is validated against the official models, with unknown fields
refused. Prints one line of JSON: the event types that were seen.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import struct
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, ClassVar, get_args

from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent
from openai.types.realtime.client_secret_create_response import ClientSecretCreateResponse
from pydantic import TypeAdapter
from unknown_fields import unknown_fields  # beside this script
from websockets.exceptions import ConnectionClosed

ADAPTER: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
PATIENCE_S = 10.0
KEY, MODEL = "stand-in-key", "gpt-realtime-2.1"
# Named by RealtimeSessionCreateResponse, of which the session's event names only the settings.
OF_THE_SESSION = {f"{k}.session.{n}" for k in ("session.created", "session.updated")
                  for n in ("id", "object", "expires_at")}  # fmt: skip
FUNCTION = {"type": "function", "name": "get_time", "description": "the time",
            "parameters": {"type": "object"}}  # fmt: skip
MCP = {"type": "mcp", "server_label": "home", "server_url": "https://example.org/mcp",
       "require_approval": "always"}  # fmt: skip
PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


def tone(ms: int) -> bytes:
    """16-bit mono at 24 kHz."""
    waves = (int(8000 * math.sin(2 * math.pi * 440 * n / 24000)) for n in range(24 * ms))
    return b"".join(struct.pack("<h", wave) for wave in waves)


SPEECH = tone(500) + bytes(48 * 900)


class Talk:
    """A connection that validates everything it receives."""

    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self, connection: Any) -> None:
        self.api = connection

    async def receive(self) -> Any:
        data = json.loads(await asyncio.wait_for(self.api.recv_bytes(), PATIENCE_S))
        event = ADAPTER.validate_python(data)
        (expected,) = get_args(type(event).model_fields["type"].annotation)
        assert event.type == data["type"] == expected, (data["type"], type(event))
        unknown = set(unknown_fields(event, data["type"])) - OF_THE_SESSION
        assert not unknown, unknown
        self.seen[event.type] += 1
        return event

    async def expect(self, kind: str) -> Any:
        while (event := await self.receive()).type != kind:
            assert event.type != "error", event
        return event

    async def collect(self, kind: str) -> list[Any]:
        events = [await self.receive()]
        while events[-1].type != kind:
            events.append(await self.receive())
        return events

    async def update(self, **session: Any) -> Any:
        await self.api.session.update(session={"type": "realtime", **session})
        return (await self.expect("session.updated")).session

    async def say(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 4800):
            chunk = base64.b64encode(pcm[at : at + 4800]).decode()
            await self.api.input_audio_buffer.append(audio=chunk)

    async def write(self, *content: Any, **response: Any) -> None:
        item = {"type": "message", "role": "user", "content": list(content)}
        await self.api.conversation.item.create(item=item)
        await self.api.response.create(**({"response": response} if response else {}))

    async def reply(self) -> tuple[Any, bytes]:
        """(the response when it is done, its audio)."""
        events = await self.collect("response.done")
        deltas = [e.delta for e in events if e.type == "response.output_audio.delta"]
        return events[-1].response, b"".join(map(base64.b64decode, deltas))


def text(words: str) -> dict[str, str]:
    return {"type": "input_text", "text": words}


async def spoken_turn_and_call(talk: Talk) -> None:
    session = await talk.update(
        tools=[FUNCTION],
        parallel_tool_calls=True,
        reasoning={"effort": "low"},
        truncation={"type": "retention_ratio", "retention_ratio": 0.8},
        audio={
            "input": {
                "transcription": {"model": "gpt-transcribe", "language": "en"},
                "noise_reduction": {"type": "far_field"},
                "turn_detection": {"type": "server_vad", "silence_duration_ms": 400},
            },
            "output": {"voice": "marin"},
        },
    )
    assert session.audio.input.turn_detection.silence_duration_ms == 400
    await talk.say(SPEECH)
    started = await talk.expect("input_audio_buffer.speech_started")
    stopped = await talk.expect("input_audio_buffer.speech_stopped")
    committed = await talk.expect("input_audio_buffer.committed")
    assert started.item_id == stopped.item_id == committed.item_id
    events = await talk.collect("response.done")
    heard = [e for e in events if e.type.endswith("transcription.completed")]
    assert heard[0].transcript == "what time is it"
    calls = [e for e in events if e.type == "response.function_call_arguments.done"]
    assert [call.name for call in calls] == ["get_time", "get_time"]
    for call in calls:
        output = {"type": "function_call_output", "call_id": call.call_id, "output": "{}"}
        await talk.api.conversation.item.create(item=output)
    await talk.api.response.create()
    response, audio = await talk.reply()
    assert response.output[0].content[0].transcript == "It is five past two."
    assert len(audio) == 48_000
    assert response.usage.output_token_details.audio_tokens == 20
    await talk.api.conversation.item.retrieve(item_id=committed.item_id)
    item = (await talk.expect("conversation.item.retrieved")).item
    assert len(base64.b64decode(item.content[0].audio)) > 48 * 500


async def interruption(talk: Talk) -> None:
    await talk.write(text("tell me about yourself"))
    delta = await talk.expect("response.output_audio.delta")
    await talk.say(SPEECH)
    await talk.expect("input_audio_buffer.speech_started")
    response, _ = await talk.reply()
    assert response.status == "cancelled"
    assert response.status_details.reason == "turn_detected"
    await talk.api.conversation.item.truncate(
        item_id=delta.item_id, content_index=0, audio_end_ms=40
    )
    await talk.expect("conversation.item.truncated")
    response, _ = await talk.reply()
    assert response.status == "completed"
    await talk.api.conversation.item.delete(item_id=delta.item_id)
    await talk.expect("conversation.item.deleted")
    await talk.api.response.cancel(event_id="mine")
    error = (await talk.collect("error"))[-1].error
    assert (error.code, error.event_id) == ("response_cancel_not_active", "mine")


async def servers_tools(talk: Talk) -> None:
    unreachable = MCP | {"server_label": "gone"}
    await talk.update(tools=[MCP, unreachable])
    await talk.expect("mcp_list_tools.failed")
    for outcome in ("completed", "failed"):
        await talk.write(text("look it up"))
        response, _ = await talk.reply()
        (request,) = response.output
        answer = {
            "id": f"answer_{outcome}", "type": "mcp_approval_response",
            "approval_request_id": request.id, "approve": True,
        }  # fmt: skip
        await talk.api.conversation.item.create(item=answer)
        await talk.expect(f"response.mcp_call.{outcome}")
        await talk.expect("response.done")
        response, audio = await talk.reply()
        assert response.status == "completed"
        assert audio


async def manual_and_beside(talk: Talk) -> None:
    await talk.update(audio={"input": {"turn_detection": None}})
    await talk.say(SPEECH)
    await talk.api.input_audio_buffer.clear()
    await talk.expect("input_audio_buffer.cleared")
    await talk.api.input_audio_buffer.commit()
    error = (await talk.collect("error"))[-1].error
    assert error.code == "input_audio_buffer_commit_empty"
    await talk.say(SPEECH)
    await talk.api.input_audio_buffer.commit()
    await talk.api.response.create()
    await talk.reply()
    image = {"type": "input_image", "image_url": PNG, "detail": "low"}
    await talk.write(text("what is it?"), image, output_modalities=["text"])
    events = await talk.collect("response.done")
    assert [e.text for e in events if e.type == "response.output_text.done"]
    beside = {"conversation": "none", "input": [], "metadata": {"a": "b"}, "instructions": "Say x"}
    await talk.api.response.create(response=beside)
    response, _ = await talk.reply()
    assert response.metadata == {"a": "b"}


async def broken_recogniser_and_silence(talk: Talk) -> None:
    idle = {"type": "server_vad", "idle_timeout_ms": 100}
    await talk.update(audio={"input": {"turn_detection": idle, "transcription": {}}})
    await talk.say(SPEECH)
    await talk.expect("conversation.item.input_audio_transcription.failed")
    await talk.expect("input_audio_buffer.timeout_triggered")
    await talk.reply()


async def ends(talk: Talk) -> None:
    assert (await talk.receive()).error.code == "session_expired"
    try:
        await talk.receive()
    except ConnectionClosed as closed:
        assert closed.rcvd is not None
        assert closed.rcvd.code == 1001
    else:
        raise AssertionError("the session went on")


@asynccontextmanager
async def session(base: str, key: str = KEY, model: str = MODEL) -> AsyncIterator[Talk]:
    client = AsyncOpenAI(api_key=key, base_url=base)
    async with client.realtime.connect(model=model) as connection:
        talk = Talk(connection)
        await talk.expect("session.created")
        yield talk


async def main(base: str, http: str, capped: str, azure: str) -> None:
    for act in (
        spoken_turn_and_call,
        interruption,
        servers_tools,
        manual_and_beside,
        broken_recogniser_and_silence,
    ):
        try:
            async with session(base) as talk:
                await act(talk)
        except BaseException:
            print(f"in {act.__name__}:", file=sys.stderr)
            raise
    secrets = AsyncOpenAI(api_key=KEY, base_url=http).realtime.client_secrets
    raw = await secrets.with_raw_response.create(
        expires_after={"anchor": "created_at", "seconds": 60},
        session={"type": "realtime", "model": MODEL, "instructions": "Be brief."},
    )
    secret = ClientSecretCreateResponse.model_validate(json.loads(raw.content))
    assert not list(unknown_fields(secret, "secret")), list(unknown_fields(secret, "secret"))
    async with session(base, secret.value) as talk:
        await talk.write(text("hello"))
        await talk.reply()
    async with session(capped) as talk:
        await ends(talk)
    async with session(azure, model="my-deployment") as talk:
        await talk.write(text("hello"))
        assert (await talk.reply())[1]
    print(json.dumps({"seen": Talk.seen}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
