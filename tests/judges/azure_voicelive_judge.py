"""A script for the ``azure_voicelive`` judge's own environment: Microsoft's client at work.

    python azure_voicelive_judge.py HTTP_BASE

Every message is held against the client's models: its type must be known, no field unknown, none
that is required missing, plain values of their types. Prints one line of JSON: the types seen.
"""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
import math
import struct
import sys
import typing
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from enum import Enum
from typing import Any, ClassVar

from azure.ai.voicelive import models
from azure.ai.voicelive._utils.model_base import Model
from azure.ai.voicelive.aio import ConnectionClosed, connect
from azure.core.credentials import AzureKeyCredential

PATIENCE_S = 10.0


def tone(ms: int) -> bytes:
    """16-bit mono at 24 kHz."""
    waves = (int(8000 * math.sin(2 * math.pi * 440 * n / 24000)) for n in range(24 * ms))
    return b"".join(struct.pack("<h", wave) for wave in waves)


SPEECH = tone(500) + bytes(48 * 900)


def complaints(value: Any, where: str) -> Iterator[str]:
    """What the official models do not name, or miss, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from complaints(item, f"{where}[]")
    if not isinstance(value, Model):
        return
    fields = value._attr_to_rest_field
    for name in set(value.keys()) - {field._rest_name for field in fields.values()}:
        yield f"{where}.{name} is unknown"
    for attribute, field in fields.items():
        kind = annotation(type(value), attribute)
        inner = getattr(value, attribute)
        path = f"{where}.{field._rest_name}"
        optional = type(None) in typing.get_args(kind)
        if inner is None:
            if not optional and kind is not Any:
                yield f"{path} is missing"
        elif kind in (str, int, bool) and type(inner) is not kind:
            yield f"{path} is {inner!r}, no {kind.__name__}"
        elif isinstance(kind, str | typing.ForwardRef) and not isinstance(inner, Model):
            yield f"{path} is {inner!r}, no {kind}"
        else:
            yield from complaints(inner, path)


def annotation(cls: type, attribute: str) -> Any:
    for base in cls.__mro__:
        named = inspect.get_annotations(base)
        if attribute in named:
            return named[attribute]
    raise AssertionError(f"{cls.__name__} has no {attribute}")


class Talk:
    """A connection that validates everything it receives."""

    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self, connection: Any) -> None:
        self.api = connection

    async def receive(self) -> Any:
        event = await asyncio.wait_for(self.api.recv(), PATIENCE_S)
        assert type(event) is not models.ServerEvent, f"untyped: {event['type']}"
        found = list(complaints(event, event["type"]))
        assert not found, found
        kind = event["type"]
        self.seen[kind.value if isinstance(kind, Enum) else kind] += 1
        return event

    async def collect(self, kind: str) -> list[Any]:
        events = [await self.receive()]
        while events[-1]["type"] != kind:
            assert events[-1]["type"] != "error", events[-1]
            events.append(await self.receive())
        return events

    async def expect(self, kind: str) -> Any:
        return (await self.collect(kind))[-1]

    async def say(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), 4800):
            chunk = base64.b64encode(pcm[at : at + 4800]).decode()
            await self.api.input_audio_buffer.append(audio=chunk)

    async def write(self, words: str) -> None:
        part = models.InputTextContentPart(text=words)
        await self.api.conversation.item.create(item=models.UserMessageItem(content=[part]))
        await self.api.response.create()


SESSION = models.RequestSession(
    modalities=["text", "audio"],
    instructions="Be brief.",
    voice=models.AzureStandardVoice(name="en-US-AvaNeural"),
    input_audio_format="pcm16",
    output_audio_format="pcm16",
    turn_detection=models.AzureSemanticVad(silence_duration_ms=300),
    input_audio_noise_reduction=models.AudioNoiseReduction(type="azure_deep_noise_suppression"),
    input_audio_echo_cancellation=models.AudioEchoCancellation(),
    input_audio_transcription=models.AudioInputTranscriptionOptions(model="azure-speech"),
    tools=[models.FunctionTool(name="get_time", parameters={"type": "object"})],
)


async def spoken_turn_and_call(talk: Talk) -> None:
    await talk.api.session.update(session=SESSION)
    updated = (await talk.expect("session.updated")).session
    assert isinstance(updated.turn_detection, models.AzureSemanticVad)
    await talk.say(SPEECH)
    events = await talk.collect("response.done")
    heard = [e for e in events if e["type"].endswith("transcription.completed")]
    assert heard[0].transcript == "what time is it"
    call = next(e for e in events if e["type"] == "response.function_call_arguments.done")
    output = models.FunctionCallOutputItem(call_id=call.call_id, output="{}")
    await talk.api.conversation.item.create(item=output)
    await talk.api.response.create()
    events = await talk.collect("response.done")
    audio = b"".join(e.delta for e in events if e["type"] == "response.audio.delta")
    assert len(audio) == 48_000
    response = events[-1].response
    assert isinstance(response.output[0], models.ResponseMessageItem)
    assert isinstance(response.output[0].content[0], models.ResponseAudioContentPart)
    assert response.output[0].content[0].transcript == "It is five past two."
    assert response.usage.output_token_details.audio_tokens == 20
    await talk.api.conversation.item.retrieve(item_id=response.output[0].id)
    await talk.expect("conversation.item.retrieved")


async def interruption(talk: Talk) -> None:
    await talk.write("tell me about yourself")
    delta = await talk.expect("response.audio.delta")
    await talk.say(SPEECH)
    done = (await talk.expect("response.done")).response
    assert done.status == "cancelled"
    assert isinstance(done.status_details, models.ResponseCancelledDetails)
    assert done.status_details.reason == "turn_detected"
    await talk.api.conversation.item.truncate(
        item_id=delta.item_id, content_index=0, audio_end_ms=40
    )
    await talk.expect("conversation.item.truncated")
    assert (await talk.expect("response.done")).response.status == "completed"
    await talk.api.conversation.item.delete(item_id=delta.item_id)
    await talk.expect("conversation.item.deleted")
    await talk.api.response.cancel(event_id="mine")
    error = (await talk.receive()).error
    assert (error.code, error.event_id) == ("response_cancel_not_active", "mine")


async def text_clear_and_servers(talk: Talk) -> None:
    server = models.MCPServer(
        server_label="home", server_url="https://example.org/mcp", require_approval="always"
    )
    session = models.RequestSession(modalities=["text"], tools=[server], turn_detection=None)
    await talk.api.session.update(session=session)
    await talk.expect("mcp_list_tools.completed")
    await talk.api.input_audio_buffer.clear()
    await talk.expect("input_audio_buffer.cleared")
    await talk.write("look it up")
    (request,) = (await talk.expect("response.done")).response.output
    answer = models.MCPApprovalResponseRequestItem(approval_request_id=request.id, approve=True)
    await talk.api.conversation.item.create(item=answer)
    await talk.expect("response.mcp_call.completed")
    await talk.expect("response.done")
    events = await talk.collect("response.done")
    assert [e.text for e in events if e["type"] == "response.text.done"]


async def the_end(talk: Talk) -> None:
    await talk.api.close()
    try:
        await talk.receive()
    except ConnectionClosed:
        return
    raise AssertionError("the session went on")


@asynccontextmanager
async def session(base: str) -> AsyncIterator[Talk]:
    key = AzureKeyCredential("stand-in-key")
    async with connect(endpoint=base, credential=key, model="gpt-realtime") as connection:
        talk = Talk(connection)
        await talk.expect("session.created")
        yield talk


async def main(base: str) -> None:
    for act in (spoken_turn_and_call, interruption, text_clear_and_servers, the_end):
        try:
            async with session(base) as talk:
                await act(talk)
        except BaseException:
            print(f"in {act.__name__}:", file=sys.stderr)
            raise
    print(json.dumps({"seen": Talk.seen}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
