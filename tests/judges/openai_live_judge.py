"""A script for the ``openai`` judge's own environment: the official client on the Live service.

    python openai_live_judge.py URL ACT...
    python openai_live_judge.py frames CAPTURE

``URL`` is http://127.0.0.1:PORT/v1; each act has a connection of its own. Every message of the
service is validated against the official models, with unknown fields refused at any depth, and so
is what delegated work nests in ``response.event``; every command that is sent is validated too.
Prints one line of JSON: the types of events that were seen, and the nested ones. ``frames``
validates what a client of ours sent, in a capture of ``tests/services/captured.py``, and prints
the types of it.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
import sys
from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, get_args

from openai import AsyncOpenAI, AuthenticationError
from openai.types.live import ClientEvent, ServerEvent
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter
from unknown_fields import unknown_fields  # beside this script
from websockets.exceptions import ConnectionClosed, InvalidStatus

SERVER: TypeAdapter[Any] = TypeAdapter(ServerEvent)
CLIENT: TypeAdapter[Any] = TypeAdapter(ClientEvent)
NESTED: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
PATIENCE_S = 10.0
PIECE_BYTES = 4800  #: 100 ms
TOOL = {
    "type": "function",
    "name": "get_time",
    "description": "The time of day.",
    "parameters": {"type": "object", "properties": {}},
}
RESPONSES = {"type": "responses", "responses": {"model": "gpt-6-luna", "tools": [TOOL]}}


def checked(adapter: TypeAdapter[Any], data: dict[str, Any]) -> Any:
    """``data`` as the model that its type names, or AssertionError."""
    event = adapter.validate_python(data)
    expected = get_args(type(event).model_fields["type"].annotation)
    assert data["type"] in expected, (data["type"], type(event))
    unknown = list(unknown_fields(event, data["type"]))
    assert not unknown, unknown
    return event


def tone(seconds: float) -> bytes:
    return array(
        "h", (round(8000 * math.sin(at / 17.0)) for at in range(round(seconds * 24_000)))
    ).tobytes()


class Talk:
    """A connection that validates both directions. Its microphone is open, and hurries."""

    seen: ClassVar[Counter[str]] = Counter()
    nested: ClassVar[Counter[str]] = Counter()

    def __init__(self, api: Any) -> None:
        self.api = api
        self.events: list[Any] = []
        self.backend: list[Any] = []
        self.speech = b""
        self._changed = asyncio.Event()

    async def send(self, kind: str, **fields: object) -> None:
        event = checked(CLIENT, {"type": kind, **fields})
        await self.api.send(event)

    async def start(self, **session: object) -> Any:
        await self.send("session.start", session={"model": "gpt-live-1", **session})
        return await self.until("session.started")

    async def listen(self) -> None:
        try:
            while True:
                data = json.loads(await self.api.recv_bytes())
                event = checked(SERVER, data)
                self.seen[event.type] += 1
                self.events.append(event)
                if event.type == "response.event":
                    self.backend.append(checked(NESTED, dict(event.event)))
                    self.nested[self.backend[-1].type] += 1
                self._changed.set()
        except ConnectionClosed:
            self._changed.set()

    async def microphone(self) -> None:
        try:
            while True:
                piece, self.speech = self.speech[:PIECE_BYTES], self.speech[PIECE_BYTES:]
                audio = base64.b64encode(piece.ljust(PIECE_BYTES, b"\0")).decode()
                await self.api.session.input_audio.append(audio=audio)
                await asyncio.sleep(0.002)
        except ConnectionClosed:
            return

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.type == kind]

    async def until(self, kind: str, count: int = 1) -> Any:
        await self.when(lambda: len(self.of(kind)) >= count)
        return self.of(kind)[count - 1]

    async def when(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def text(self, side: str) -> str:
        return "".join(event.delta for event in self.of(f"session.{side}_transcript.delta"))

    def loud(self) -> int:
        deltas = self.of("session.output_audio.delta")
        return sum(any(base64.b64decode(delta.delta)) for delta in deltas)


async def spoken_turn(talk: Talk) -> None:
    started = await talk.start(instructions="Be brief.", audio={"output": {"voice": "cedar"}})
    assert started.session.audio.output.voice == "cedar"
    talk.speech = tone(0.8)
    await talk.when(lambda: talk.text("output") == "Hello, I am here.")
    assert talk.text("input") == "good morning computer"
    await talk.when(lambda: talk.loud() >= 5)
    await talk.api.session.input_audio.mute()
    await talk.until("session.input_audio.muted")
    await talk.api.session.input_audio.unmute()
    await talk.until("session.input_audio.unmuted")
    await talk.until("session.usage.updated")


async def tool_call(talk: Talk) -> None:
    await talk.start(delegation=RESPONSES)
    talk.speech = tone(0.8)
    created = await talk.until("session.delegation.created")
    assert created.delegation.target == "responses"
    await talk.when(lambda: any(one.type == "response.completed" for one in talk.backend))
    (done,) = [one for one in talk.backend if one.type == "response.output_item.done"]
    assert (done.item.type, done.item.name) == ("function_call", "get_time")
    output = {"type": "function_call_output", "call_id": done.item.call_id, "output": "14:05"}
    await talk.api.response.item.create(item=output)
    await talk.api.response.create()
    await talk.when(lambda: talk.text("output") == "It is five past two.")
    await talk.send("session.update", session={"delegation": {**RESPONSES, "responses": {}}})
    await talk.until("session.updated")


async def client_delegation(talk: Talk) -> None:
    await talk.start(delegation={"type": "client"})
    talk.speech = tone(0.8)
    created = await talk.until("session.delegation.created")
    delegation = created.delegation.id
    for channel in ("instructions", "thinking", "commentary"):
        append = getattr(talk.api.session, channel).append
        await append(content=f"For {channel}.", delegation_id=delegation)
        await talk.until(f"session.{channel}.appended")
    await talk.when(lambda: talk.text("output") == "It is five past two.")
    audio = base64.b64encode(tone(0.3)).decode()
    await talk.api.session.output_audio.fixture.play(audio=audio)
    await talk.until("session.output_audio.fixture.playing")
    await talk.until("session.output_audio.fixture.played")


async def interruption(talk: Talk) -> None:
    await talk.start()
    talk.speech = tone(0.8)
    await talk.when(lambda: talk.loud() >= 3)
    talk.speech = tone(1.0)
    await talk.when(lambda: talk.text("output").endswith("Hello, I am here."))
    assert talk.loud() < 40
    assert talk.of("error") == []


async def mistakes(talk: Talk) -> None:
    await talk.api.session.input_audio.append(audio="AAA=")
    await talk.start()
    frames = (
        "{",
        '{"type": "response.cancel"}',
        '{"type": "session.start", "session": {"voice": "marin"}}',
    )
    for number, frame in enumerate(frames):
        await talk.api.send_raw(frame)
        await talk.until("error", number + 2)
    assert talk.of("error")[3].error.param == "session.voice"


async def backend_failure(talk: Talk) -> None:
    """The model calls a function that nobody declared."""
    await talk.start(delegation={"type": "responses", "responses": {"model": "gpt-6-luna"}})
    talk.speech = tone(0.8)
    await talk.when(lambda: any(one.type == "response.failed" for one in talk.backend))


ACTS = {
    act.__name__: act
    for act in (
        spoken_turn,
        tool_call,
        client_delegation,
        interruption,
        mistakes,
        backend_failure,
    )
}


async def end(talk: Talk) -> None:
    await talk.api.session.close()
    closed = await talk.until("session.closed")
    assert closed.reason == "close_requested"
    assert closed.usage.seconds >= 0


async def main(url: str, acts: list[str]) -> None:
    try:
        async with AsyncOpenAI(api_key="wrong", base_url=url).live.connect():
            raise AssertionError("a wrong key was taken")
    except (InvalidStatus, AuthenticationError) as error:
        assert "401" in str(error), error
    for act in acts:
        try:
            await perform(url, act)
        except BaseException:
            print(f"in {act}:", file=sys.stderr)
            raise
    print(json.dumps({"seen": Talk.seen, "nested": Talk.nested}))


async def perform(url: str, act: str) -> None:
    client = AsyncOpenAI(api_key="stand-in-key", base_url=url)
    async with client.live.connect() as api:
        talk = Talk(api)
        ears = asyncio.create_task(talk.listen())
        mouth = asyncio.create_task(hurry(talk))
        try:
            await watched(ACTS[act](talk), ears)
            await watched(end(talk), ears)
        finally:
            mouth.cancel()
            await asyncio.gather(mouth, return_exceptions=True)
        await asyncio.wait_for(ears, PATIENCE_S)


async def hurry(talk: Talk) -> None:
    await talk.until("session.started")
    await talk.microphone()


async def watched(act: Any, ears: asyncio.Task[None]) -> None:
    """A message that is not valid ends the act at once, with its error."""
    task = asyncio.ensure_future(act)
    await asyncio.wait({task, ears}, return_when=asyncio.FIRST_COMPLETED)
    if ears.done() and ears.exception() is not None:
        task.cancel()
        ears.result()
    await task


def judge_frames(capture: dict[str, Any]) -> None:
    """Every message of the client's is text, JSON, and a command that the models know."""
    frames = [frame for frame in capture["frames"] if frame["side"] == "client"]
    assert frames and all(frame["kind"] == "json" for frame in frames)
    print(json.dumps({"sent": Counter(checked(CLIENT, one["data"]).type for one in frames)}))


if __name__ == "__main__":
    if sys.argv[1] == "frames":
        judge_frames(json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
    else:
        asyncio.run(main(sys.argv[1], sys.argv[2:]))
