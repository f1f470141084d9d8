"""One session: what the client sends, in order, and what is answered at once."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from device.simulator.services.brain import Answer, Brain
from device.simulator.services.line import Data, Line
from device.simulator.services.openai_audio import Format
from device.simulator.services.openai_dialects import from_voice_live, outgoing
from device.simulator.services.openai_events import checked
from device.simulator.services.openai_items import Item, Items, new_id
from device.simulator.services.openai_mcp import Mcp
from device.simulator.services.openai_replies import Replies
from device.simulator.services.openai_settings import check_update, defaults, merged, read
from device.simulator.services.openai_shapes import Json, RefusalError, decoded, invalid_value
from device.simulator.services.openai_turns import Turns

if TYPE_CHECKING:
    from device.simulator.services.openai_realtime import OpenAIRealtime

CAP_S = 3600.0


class Session:
    """From ``session.created`` to the end of the connection. Event loop only."""

    brain: Brain  #: from :meth:`run` on

    def __init__(self, owner: OpenAIRealtime, line: Line, model: str, preset: Json) -> None:
        self.owner, self.line, self.dialect = owner, line, owner.dialect
        self._thinking = asyncio.Lock()
        self.id, self.conversation_id = new_id("sess"), new_id("conv")
        self.cap_s = CAP_S if owner.cap_s is None else owner.cap_s
        self.wire = merged(defaults(self.dialect, model), preset, self.dialect)
        self.settings = read(self.wire, self.dialect)
        self.items = Items()
        self.turns, self.replies, self.mcp = Turns(self), Replies(self), Mcp(self)
        self.turns.configure()
        self._expires_at = int(time.time() + self.cap_s)
        self._outgoing = outgoing(self.dialect)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._acts: dict[str, Callable[[Json], Awaitable[None]]] = {
            "session.update": self._update,
            "input_audio_buffer.append": lambda m: self.turns.append_text(m["audio"]),
            "input_audio_buffer.commit": lambda m: self.turns.commit(),
            "conversation.item.commit": lambda m: self.turns.commit(),
            "input_audio_buffer.clear": lambda m: self.turns.clear(),
            "conversation.item.create": self._create_item,
            "conversation.item.retrieve": self._retrieve,
            "conversation.item.truncate": self._truncate,
            "conversation.item.delete": self._delete,
            "response.create": self._respond,
            "response.cancel": self._cancel,
            "output_audio_buffer.clear": self._clear_output,
        }

    async def run(self) -> None:
        """Until either side ends it; no task outlives it."""
        self.brain = self.owner.brain()
        self.spawn(self._expire())
        try:
            if self.dialect == "xai":
                conversation = {"id": self.conversation_id, "object": "realtime.conversation"}
                await self.send("conversation.created", conversation=conversation)
            await self.send("session.created", session=self._effective())
            self.mcp.look(self.settings.tools)
            async for data in self.line:
                await self._take(data)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def send(self, kind: str, **fields: Any) -> None:
        event = self._outgoing({"type": kind, "event_id": new_id("event"), **fields})
        if event is not None:
            await self.line.send(json.dumps(event))

    async def complain(self, refused: RefusalError, event_id: object = None) -> None:
        """An ``error`` event; then the end, if it is that bad."""
        await self.send(
            "error",
            error={
                "type": refused.kind, "code": refused.code, "message": refused.message,
                "param": refused.param,
                "event_id": event_id if isinstance(event_id, str) else None,
            },
        )  # fmt: skip
        if refused.close is not None:
            await self.line.close(refused.close, f"{refused.kind}.{refused.code}")

    def _effective(self) -> Json:
        extra: Json = {"id": self.id, "expires_at": self._expires_at}
        if self.dialect != "voice_live":
            extra["object"] = "realtime.session"
        return self.wire | extra

    async def _expire(self) -> None:
        await asyncio.sleep(self.cap_s)
        message = f"Your session hit the maximum duration of {round(self.cap_s / 60)} minutes."
        await self.complain(RefusalError("session_expired", message))
        await self.line.close(1001, message)

    async def _take(self, data: Data) -> None:
        event_id = None
        try:
            if isinstance(data, bytes):
                if not self.settings.heard_binary:
                    raise RefusalError("invalid_json", "Binary messages are not supported.")
                await self.turns.append(data)
                return
            message = _parsed(data)
            if isinstance(message, dict):
                event_id = message.get("event_id")
            checked(message, self.dialect)
            await self._acts[message["type"]](message)
        except RefusalError as refused:
            await self.complain(refused, event_id)
        except RecursionError:
            await self.complain(RefusalError("invalid_json", "Nested too deeply."), event_id)

    # --- what the client wants ------------------------------------------------------------

    async def _update(self, message: Json) -> None:
        update = message["session"]
        check_update(update, self.dialect)
        new = merged(self.wire, update, self.dialect)
        settings = read(new, self.dialect)
        if new["model"] != self.wire["model"]:
            raise invalid_value("session.model", "The model of a session cannot be changed.")
        self.check_voice(settings.voice, "session.audio.output.voice")
        if settings.speed != self.settings.speed and self.replies.active is not None:
            text = "The speed can only be changed between turns."
            raise invalid_value("session.audio.output.speed", text)
        tracing = self.wire.get("tracing")
        if tracing is not None and new.get("tracing") != tracing:
            text = "Tracing cannot be changed once it is enabled."
            raise invalid_value("session.tracing", text)
        heard = (settings.heard, settings.detection) != (
            self.settings.heard,
            self.settings.detection,
        )
        self.wire, self.settings = new, settings
        if heard:
            self.turns.configure()
        await self.send("session.updated", session=self._effective())
        self.mcp.look(settings.tools)

    def check_voice(self, voice: Any, path: str) -> None:
        if self.replies.spoken and voice != self.settings.voice:
            message = "Cannot update a conversation's voice if assistant audio is present."
            raise RefusalError("cannot_update_voice", message, path)

    async def _create_item(self, message: Json) -> None:
        item = self.made(message["item"])
        call_id = item.data.get("call_id")
        if item.kind == "function_call_output" and call_id not in self.items.calls():
            text = f"Tool call ID '{call_id}' not found in conversation."
            raise RefusalError("invalid_tool_call_id", text, "item.call_id")
        if item.kind == "mcp_approval_response":
            self.mcp.check(item.data)
        await self.add(item, message.get("previous_item_id"))
        if item.kind == "mcp_approval_response":
            await self.mcp.decided(item.data)

    def made(self, data: Json) -> Item:
        """An item of the client's, its audio apart; names of the beta become those of now."""
        data = {"id": new_id("item"), **data}
        if data["type"] != "mcp_approval_response":
            data |= {"status": "completed"}
        audio, content = b"", []
        for part in data.get("content", []):
            if "audio" in part:
                audio += decoded(part["audio"], "item.content")
            content.append({name: value for name, value in part.items() if name != "audio"})
            if part["type"] == "text":
                content[-1]["type"] = "output_text"
        if content:
            data["content"] = content
        heard = self.settings.heard
        pcm = heard.to_pcm(audio, "item.content")
        return Item(data, pcm, Format("pcm", heard.rate_hz))

    async def add(self, item: Item, after: str | None = None) -> None:
        """To the conversation, complete; the model has not answered it yet."""
        before = self.items.add(item, after)
        self.replies.unanswered.append(item)
        if item.kind == "function_call_output":
            self.replies.result(item.data["call_id"], item.data["output"])
        for event in ("added", "done"):
            await self.send(f"conversation.item.{event}", item=item.data, previous_item_id=before)

    async def _retrieve(self, message: Json) -> None:
        item = self.items.get(message["item_id"], "retrieving")
        await self.send("conversation.item.retrieved", item=item.with_audio())

    async def _truncate(self, message: Json) -> None:
        where = (message["item_id"], message["content_index"], message["audio_end_ms"])
        self.items.truncate(*where)
        await self.send(
            "conversation.item.truncated",
            item_id=where[0], content_index=where[1], audio_end_ms=where[2],
        )  # fmt: skip

    async def _delete(self, message: Json) -> None:
        item = self.items.delete(message["item_id"])
        if item in self.replies.unanswered:
            self.replies.unanswered.remove(item)
        await self.send("conversation.item.deleted", item_id=item.id)

    async def _respond(self, message: Json) -> None:
        params = message.get("response") or {}
        if self.dialect == "voice_live":
            params = from_voice_live(params)
            for data in params.pop("append_input_items", []):
                await self.add(self.made(data))
            if params.pop("commit", False):
                await self.turns.commit()
            if params.pop("cancel_previous", False):
                self.replies.stop("client_cancelled")
                await self.replies.create_when_free(params)
                return
        await self.replies.create(params)

    async def _cancel(self, message: Json) -> None:
        if not self.replies.stop("client_cancelled", message.get("response_id")):
            text = "Cancellation failed: no active response found"
            raise RefusalError("response_cancel_not_active", text)

    async def _clear_output(self, message: Json) -> None:
        text = "Clearing the output audio buffer is only possible over WebRTC or SIP."
        raise RefusalError("invalid_event", text, "type")

    # --- the brain ------------------------------------------------------------------------

    async def think(self, question: Callable[[], Awaitable[Answer]]) -> Answer:
        """One thing at a time."""
        async with self._thinking:
            return await question()

    def hearing(self, item: Item) -> asyncio.Task[Answer]:
        """What the brain makes of a spoken turn, asked once."""
        if item.hearing is None:
            pcm, rate_hz = item.audio, item.format.rate_hz
            item.hearing = asyncio.create_task(self.think(lambda: self.brain.spoken(pcm, rate_hz)))
            self._tasks.add(item.hearing)
        return item.hearing

    async def transcribe(self, item: Item) -> None:
        """The recogniser works beside the model: its words may come before or after the reply."""
        name = "conversation.item.input_audio_transcription"
        where = {"item_id": item.id, "content_index": 0}
        heard, message = "", "The audio could not be transcribed."
        failed = self.owner.faults.transcription
        try:
            heard = (await asyncio.shield(self.hearing(item))).heard
        except Exception as broken:  # noqa: BLE001 - whatever the brain raises is a failure
            failed, message = True, f"Input transcription failed: {broken}"
        if failed:
            error = {
                "type": "transcription_error", "code": "audio_unintelligible",
                "message": message,
                "param": None,
            }  # fmt: skip
            await self.send(f"{name}.failed", **where, error=error)
            return
        so_far = ""
        for number, word in enumerate(heard.split()):
            delta = f" {word}" if number else word
            so_far += delta
            await self.send(f"{name}.delta", **where, delta=delta, so_far=so_far)
        item.data["content"][0]["transcript"] = heard
        sound, words = item.audio_ms // 100, len(heard) // 4 + 1
        usage = {
            "type": "tokens", "input_tokens": sound, "output_tokens": words,
            "total_tokens": sound + words,
            "input_token_details": {"audio_tokens": sound, "text_tokens": 0},
        }  # fmt: skip
        await self.send(f"{name}.completed", **where, transcript=heard, usage=usage)


def _parsed(data: str) -> Any:
    try:
        return json.loads(data, parse_constant=_no_constant)
    except ValueError:
        message = "We could not parse the JSON body of your request."
        raise RefusalError("invalid_json", message) from None


def _no_constant(name: str) -> Any:
    """NaN and infinities, which Python reads, are no JSON."""
    raise ValueError(name)
