"""A script for the ``openai`` judge's own environment: the official client at work.

    python openai_judge.py URL PHRASES SCENARIO

``URL`` is http://127.0.0.1:PORT/v1, ``PHRASES`` a directory of NAME.pcm (24 kHz s16le).
Every message the service sends is validated against the official models, with
unknown fields refused. Prints one line of JSON: the event types that were seen.
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar, get_args

from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter
from unknown_fields import unknown_fields  # beside this script

ADAPTER: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)
PATIENCE_S = 20.0
TOOLS = [
    {"type": "function", "name": name, "description": name, "parameters": {"type": "object"}}
    for name in ("get_time", "set_timer", "help", "stop")
]


class Conversation:
    """A connection that validates everything it receives."""

    seen: ClassVar[Counter[str]] = Counter()

    def __init__(self, connection: Any) -> None:
        self.api = connection

    async def receive(self) -> Any:
        raw = await asyncio.wait_for(self.api.recv_bytes(), PATIENCE_S)
        data = json.loads(raw)
        event = ADAPTER.validate_python(data)
        (expected,) = get_args(type(event).model_fields["type"].annotation)
        assert event.type == data["type"] == expected, (data["type"], type(event))
        unknown = list(unknown_fields(event, data["type"]))
        assert not unknown, unknown
        self.seen[event.type] += 1
        return event

    async def expect(self, kind: str) -> Any:
        while (event := await self.receive()).type != kind:
            if event.type == "error":
                raise AssertionError(f"waiting for {kind}: {event.error}")
        return event

    async def collect(self, kind: str) -> list[Any]:
        """Everything up to and including an event of ``kind``."""
        events = [await self.receive()]
        while events[-1].type != kind:
            events.append(await self.receive())
        return events

    async def update(self, **session: Any) -> Any:
        await self.api.session.update(session={"type": "realtime", **session})
        return await self.expect("session.updated")

    async def say(self, pcm: bytes, *, realtime: bool = False) -> None:
        began = time.monotonic()
        for at in range(0, len(pcm), 4800):
            chunk = base64.b64encode(pcm[at : at + 4800]).decode()
            await self.api.input_audio_buffer.append(audio=chunk)
            if realtime:
                await asyncio.sleep(max(0.0, began + at / 48_000 - time.monotonic()))

    async def type(self, text: str, **response: Any) -> None:
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": text}],
        }
        await self.api.conversation.item.create(item=item)
        await self.api.response.create(**({"response": response} if response else {}))

    async def reply(self) -> tuple[Any, bytes]:
        """(the response when it is done, its audio)."""
        events = await self.collect("response.done")
        audio = b"".join(
            base64.b64decode(e.delta) for e in events if e.type == "response.output_audio.delta"
        )
        return events[-1].response, audio

    async def error(self) -> Any:
        event = await self.receive()
        assert event.type == "error", event.type
        return event.error


def padded(pcm: bytes) -> bytes:
    return bytes(48 * 400) + pcm + bytes(48 * 900)


async def spoken_turn(talk: Conversation, phrases: dict[str, bytes]) -> None:
    await talk.update(tools=TOOLS, audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
    await talk.say(padded(phrases["time"]))
    started = await talk.expect("input_audio_buffer.speech_started")
    stopped = await talk.expect("input_audio_buffer.speech_stopped")
    committed = await talk.expect("input_audio_buffer.committed")
    assert started.item_id == stopped.item_id == committed.item_id
    assert 0 <= started.audio_start_ms < stopped.audio_end_ms
    events = await talk.collect("response.done")
    heard = [e for e in events if e.type.endswith("transcription.completed")]
    assert "time" in heard[0].transcript, heard[0].transcript
    calls = [e for e in events if e.type == "response.function_call_arguments.done"]
    assert [call.name for call in calls] == ["get_time"]
    output = {
        "type": "function_call_output",
        "call_id": calls[0].call_id,
        "output": json.dumps({"time": "14:05"}),
    }
    await talk.api.conversation.item.create(item=output)
    await talk.api.response.create()
    response, audio = await talk.reply()
    assert response.status == "completed"
    said = response.output[0].content[0].transcript
    assert said == "It is five past two in the afternoon.", said
    assert 1.0 < len(audio) / 48_000 < 5.0
    assert response.usage.output_token_details.audio_tokens > 20
    retrieved = await retrieve(talk, committed.item_id)
    assert len(base64.b64decode(retrieved.content[0].audio)) > len(phrases["time"])


async def retrieve(talk: Conversation, item_id: str) -> Any:
    await talk.api.conversation.item.retrieve(item_id=item_id)
    return (await talk.expect("conversation.item.retrieved")).item


async def typed_turn(talk: Conversation, _phrases: dict[str, bytes]) -> None:
    await talk.update(output_modalities=["text"])
    await talk.type("thank you very much")
    events = await talk.collect("response.done")
    assert [e.text for e in events if e.type == "response.output_text.done"]
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta")
    await talk.update(output_modalities=["audio"])


async def out_of_band(talk: Conversation, _phrases: dict[str, bytes]) -> None:
    await talk.api.response.create(
        response={
            "conversation": "none",
            "input": [],
            "metadata": {"purpose": "announcement"},
            "instructions": 'Say: "The tea is ready."',
        }
    )
    response, audio = await talk.reply()
    assert response.metadata == {"purpose": "announcement"}
    assert response.output[0].content[0].transcript == "The tea is ready."
    assert len(audio) > 24_000


async def cancel_and_truncate(talk: Conversation, _phrases: dict[str, bytes]) -> None:
    await talk.type("tell me about yourself")
    delta = await talk.expect("response.output_audio.delta")
    await talk.api.response.cancel()
    response, audio = await talk.reply()
    assert response.status == "cancelled"
    assert response.status_details.reason == "client_cancelled"
    total_ms = (len(audio) + len(base64.b64decode(delta.delta))) // 48
    await talk.api.conversation.item.truncate(
        item_id=delta.item_id, content_index=0, audio_end_ms=total_ms + 1000
    )
    error = await talk.error()
    assert error.param == "audio_end_ms", error
    await talk.api.conversation.item.truncate(
        item_id=delta.item_id, content_index=0, audio_end_ms=30
    )
    await talk.expect("conversation.item.truncated")
    item = await retrieve(talk, delta.item_id)
    assert len(base64.b64decode(item.content[0].audio)) == 30 * 48
    assert item.content[0].transcript is None
    await talk.api.conversation.item.delete(item_id=delta.item_id)
    await talk.expect("conversation.item.deleted")
    await talk.api.response.cancel()
    assert (await talk.error()).code == "response_cancel_not_active"


async def barge_in(talk: Conversation, phrases: dict[str, bytes]) -> None:
    await talk.type("tell me about yourself")
    await talk.expect("response.output_audio.delta")
    await talk.say(padded(phrases["time"]))
    response, _ = await talk.reply()
    assert response.status == "cancelled"
    assert response.status_details.reason == "turn_detected"
    events = await talk.collect("response.done")
    assert events[-1].response.output[0].name == "get_time"


async def manual_turn(talk: Conversation, phrases: dict[str, bytes]) -> None:
    await talk.update(audio={"input": {"turn_detection": None}})
    await talk.api.input_audio_buffer.commit()
    assert (await talk.error()).code == "input_audio_buffer_commit_empty"
    await talk.say(phrases["help"])
    await talk.api.input_audio_buffer.clear()
    await talk.expect("input_audio_buffer.cleared")
    await talk.say(phrases["time"])
    await talk.api.input_audio_buffer.commit()
    await talk.api.response.create()
    response, _ = await talk.reply()
    assert response.output[0].name == "get_time", response.output


async def idle_prompt(talk: Conversation, _phrases: dict[str, bytes]) -> None:
    detection = {"type": "server_vad", "idle_timeout_ms": 1000}
    await talk.update(audio={"input": {"turn_detection": detection}})
    await talk.type("thank you")
    await talk.reply()
    await talk.expect("input_audio_buffer.timeout_triggered")
    response, _ = await talk.reply()
    assert response.output[0].content[0].transcript.endswith("?")


async def mistakes(talk: Conversation, _phrases: dict[str, bytes]) -> None:
    for frame in ("{", "[]", '{"type":"no.such.event"}', '{"type":"session.update"}'):
        await talk.api.send_raw(frame) if hasattr(talk.api, "send_raw") else (
            await talk.api._connection.send(frame)
        )
        assert (await talk.error()).message
    await talk.api.input_audio_buffer.append(audio="QUJD", event_id="odd")
    assert (await talk.error()).event_id == "odd"
    image = [{"type": "input_image", "image_url": "data:image/png;base64,AA=="}]
    await talk.api.conversation.item.create(
        item={"type": "message", "role": "user", "content": image}
    )
    assert "image" in (await talk.error()).message


async def failed_recognition(talk: Conversation, phrases: dict[str, bytes]) -> None:
    """Only against a service whose recogniser is made to fail."""
    await talk.update(audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
    await talk.say(padded(phrases["time"]))
    await talk.expect("conversation.item.input_audio_transcription.failed")
    response, _ = await talk.reply()
    assert response.status == "completed"


SCENARIOS = {
    "full": (
        spoken_turn,
        typed_turn,
        out_of_band,
        cancel_and_truncate,
        barge_in,
        manual_turn,
        idle_prompt,
        mistakes,
    ),
    "failing": (failed_recognition,),
}


@asynccontextmanager
async def conversation(url: str) -> AsyncIterator[Conversation]:
    client = AsyncOpenAI(api_key="any", base_url=url)
    async with client.realtime.connect(model="gpt-realtime-2.1") as connection:
        talk = Conversation(connection)
        created = await talk.receive()
        assert created.type == "session.created"
        yield talk


async def main(url: str, phrases: dict[str, bytes], scenario: str) -> None:
    for act in SCENARIOS[scenario]:
        try:
            async with conversation(url) as talk:
                if act in (barge_in, manual_turn):
                    await talk.update(tools=TOOLS)
                await act(talk, phrases)
        except BaseException:
            print(f"in {act.__name__}:", file=sys.stderr)
            raise
    print(json.dumps({"seen": Conversation.seen}))


if __name__ == "__main__":
    files = {path.stem: path.read_bytes() for path in Path(sys.argv[2]).glob("*.pcm")}
    asyncio.run(main(sys.argv[1], files, sys.argv[3]))
