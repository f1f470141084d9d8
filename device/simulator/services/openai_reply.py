"""One response: everything between ``response.created`` and ``response.done``."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from device.simulator.services.brain import Answer, Call
from device.simulator.services.openai_calls import CallRound
from device.simulator.services.openai_items import Item, new_id
from device.simulator.services.openai_settings import Settings
from device.simulator.services.openai_shapes import Json, encoded
from device.simulator.services.openai_usage import format_on_wire, rate_limits, usage

if TYPE_CHECKING:
    from device.simulator.services.openai_session import Session

TOKENS_PER_S = 20  #: of audio that is spoken


class Reply:
    """``default`` ones write to the conversation."""

    def __init__(self, session: Session, settings: Settings, params: Json, default: bool) -> None:
        self._session, self._settings, self.default = session, settings, default
        self.id = new_id("resp")
        self._metadata = params.get("metadata")
        self.stopping = asyncio.Event()
        self.reason: str | None = None
        self.status = "in_progress"
        self._error: Json | None = None
        self.output: list[Item] = []
        self.made_mcp = False
        self._began: float | None = None
        self._audio_s = 0.0
        self._usage: Json | None = None

    def wire(self) -> Json:
        """The response object as it is now."""
        settings = self._settings
        details: Json | None = None
        if self.status not in ("in_progress", "completed"):
            details = {"type": self.status}
            if self.reason is not None:
                details["reason"] = self.reason
            if self._error is not None:
                details["error"] = self._error
        out = format_on_wire(settings.spoken, self._session.dialect)
        return {
            "id": self.id, "object": "realtime.response", "status": self.status,
            "status_details": details, "output": [item.data for item in self.output],
            "output_modalities": ["audio" if settings.speaks else "text"],
            "audio": {"output": {"format": out, "voice": settings.voice}},
            "conversation_id": self._session.conversation_id if self.default else None,
            "max_output_tokens": settings.max_tokens or "inf", "metadata": self._metadata,
            "usage": self._usage,
        }  # fmt: skip

    async def run(self, question: Callable[[], Awaitable[Answer | None]]) -> None:
        session, faults = self._session, self._session.owner.faults
        await session.send("response.created", response=self.wire())
        await session.send("rate_limits.updated", rate_limits=rate_limits())
        if faults.reply is not None and not faults.reply_at_piece:
            self._fail(faults.reply)
        else:
            try:
                answer = await self._unless_stopped(question())
                if not self.stopping.is_set():
                    await self._give(answer)
            except Exception as broken:  # noqa: BLE001 - whatever the brain raises is the service's failure
                self._fail("server_error", str(broken))
        if self.status == "in_progress":
            self.status = "cancelled" if self.stopping.is_set() else "completed"
        await session.replies.finish(self)

    async def tell_done(self) -> None:
        replies = self._session.replies
        self._usage = usage(self._session.items, self.output, replies.input_tokens)
        replies.input_tokens = self._usage["input_tokens"]
        await self._session.send("response.done", response=self.wire())

    def left_to_play_s(self) -> float:
        """Of its audio, for a client that began to play it at once."""
        played = 0.0 if self._began is None else time.monotonic() - self._began
        return max(0.0, self._audio_s - played)

    def _fail(self, code: str, message: str = "") -> None:
        if code == "content_filter":
            self.status, self.reason = "incomplete", code
            return
        self.status = "failed"
        text = message or "The server had an error while processing your request."
        kind = "server_error" if code == "server_error" else "invalid_request_error"
        self._error = {"type": kind, "code": code, "message": text}

    async def _unless_stopped(self, work: Awaitable[Answer | None]) -> Answer | None:
        thinking = asyncio.ensure_future(work)
        stopped = asyncio.ensure_future(self.stopping.wait())
        try:
            await asyncio.wait({thinking, stopped}, return_when=asyncio.FIRST_COMPLETED)
            return thinking.result() if thinking.done() else None
        finally:
            stopped.cancel()
            thinking.cancel()

    async def _give(self, answer: Answer | None) -> None:
        replies, calls = self._session.replies, CallRound([])
        if answer is None:
            calls = replies.round or calls
        elif answer.calls and self._settings.tool_choice != "none":
            calls = CallRound(answer.calls)
            if self.default:
                replies.round = calls
        if answer is not None and (answer.words or answer.pcm):
            await (self._speak(answer) if self._settings.speaks else self._write(answer))
        if self.status == "in_progress" and not self.stopping.is_set():
            await self._call(calls)

    # --- items ----------------------------------------------------------------------------

    async def begin(self, data: Json) -> Item:
        """An item of the output, empty yet."""
        item = Item(data, format=self._settings.spoken)
        self.output.append(item)
        await self._tell("response.output_item.added", item=data)
        if self.default:
            before = self._session.items.add(item)
            await self._session.send("conversation.item.added", item=data, previous_item_id=before)
        return item

    async def end(self, item: Item) -> None:
        await self._tell("response.output_item.done", item=item.data)
        if self.default:
            ids = [other.id for other in self._session.items]
            at = ids.index(item.id) if item.id in ids else 0
            await self._session.send(
                "conversation.item.done",
                item=item.data,
                previous_item_id=ids[at - 1] if at else None,
            )

    async def _tell(self, kind: str, **fields: Any) -> None:
        place = len(self.output) - 1
        await self._session.send(kind, response_id=self.id, output_index=place, **fields)

    async def tell_of(self, item: Item, kind: str, **fields: Any) -> None:
        """An event about the newest item."""
        await self._tell(kind, item_id=item.id, **fields)

    async def _begin_message(self, part: Json) -> Item:
        item = await self.begin(
            {
                "id": new_id("item"), "object": "realtime.item", "type": "message",
                "role": "assistant", "status": "in_progress", "content": [],
            }
        )  # fmt: skip
        await self.tell_of(item, "response.content_part.added", content_index=0, part=part)
        return item

    async def _end_message(self, item: Item, part: Json) -> None:
        await self.tell_of(item, "response.content_part.done", content_index=0, part=part)
        whole = self.status == "in_progress" and not self.stopping.is_set()
        item.data["status"] = "completed" if whole else "incomplete"
        await self.end(item)

    async def _write(self, answer: Answer) -> None:
        item = await self._begin_message({"type": "text", "text": ""})
        item.data["content"].append({"type": "output_text", "text": ""})
        limit = self._settings.max_tokens
        said = ""
        for number, word in enumerate(answer.words.split()):
            if limit is not None and number >= limit:
                self.status, self.reason = "incomplete", "max_output_tokens"
            if self.stopping.is_set() or self.status != "in_progress":
                break
            delta = f" {word}" if number else word
            said += delta
            await self.tell_of(item, "response.output_text.delta", content_index=0, delta=delta)
        item.data["content"][0]["text"] = said
        await self.tell_of(item, "response.output_text.done", content_index=0, text=said)
        await self._end_message(item, {"type": "text", "text": said})

    async def _speak(self, answer: Answer) -> None:
        """Words run ahead of the sound, and both of real time. After a cancellation some pieces
        still come, as they were on their way."""
        session, settings = self._session, self._settings
        item = await self._begin_message({"type": "audio", "transcript": ""})
        item.data["content"].append({"type": "output_audio", "transcript": ""})
        audio = settings.spoken.from_voice(answer.pcm, settings.speed)
        size = settings.spoken.bytes_per_s * session.owner.piece_ms // 1000 // 2 * 2
        pieces = [audio[at : at + size] for at in range(0, len(audio), size)] or [b""]
        limit = settings.max_tokens
        fits = (
            len(pieces) if limit is None else limit * 1000 // TOKENS_PER_S // session.owner.piece_ms
        )
        words, said, late = answer.words.split(), 0, session.owner.faults.late_pieces
        transcript = ""
        self._began = self._began or time.monotonic()
        for number, piece in enumerate(pieces):
            if self.stopping.is_set():
                late -= 1
                if late < 0:
                    break
            elif self._cut(number, fits):
                break
            until = min(len(words), 1 + len(words) * (number + 1) * 3 // (2 * len(pieces)))
            for word in words[said:until]:
                delta = f" {word}" if transcript else word
                transcript += delta
                await self.tell_of(
                    item, "response.output_audio_transcript.delta", content_index=0, delta=delta
                )
            said = max(said, until)
            if piece:
                await self._sound(item, piece)
                await self._pace(len(piece) / settings.spoken.bytes_per_s)
        if not item.truncated:
            item.data["content"][0]["transcript"] = transcript
        await self.tell_of(item, "response.output_audio.done", content_index=0)
        await self.tell_of(
            item, "response.output_audio_transcript.done", content_index=0, transcript=transcript
        )
        await self._end_message(item, {"type": "audio", "transcript": transcript})

    def _cut(self, number: int, fits: int) -> bool:
        """Is this piece of audio not to be spoken any more?"""
        faults = self._session.owner.faults
        if faults.reply is not None and number >= faults.reply_at_piece:
            self._fail(faults.reply)
        elif number >= fits:
            self.status, self.reason = "incomplete", "max_output_tokens"
        return self.status != "in_progress"

    async def _sound(self, item: Item, piece: bytes) -> None:
        self._session.replies.spoken = True
        if not item.truncated:
            item.audio += piece
        self._audio_s += len(piece) / self._settings.spoken.bytes_per_s
        if self._settings.spoken_binary:
            await self._session.line.send(piece)
        else:
            await self.tell_of(
                item, "response.output_audio.delta", content_index=0, delta=encoded(piece)
            )

    async def _pace(self, audio_s: float) -> None:
        if self.stopping.is_set():
            return
        try:
            await asyncio.wait_for(self.stopping.wait(), audio_s / self._session.owner.pace)
        except TimeoutError:
            return

    # --- calls ----------------------------------------------------------------------------

    async def _call(self, calls: CallRound) -> None:
        mcp = self._session.mcp
        for number, request_id in calls.approved:
            await mcp.call(self, calls, number, request_id)
        calls.approved.clear()
        while calls.waiting and not self.stopping.is_set():
            number = calls.waiting.pop(0)
            call = calls.calls[number]
            if mcp.offers(call.name, self._settings.tools):
                await mcp.begin(self, calls, number, self._settings.tools)
            else:
                await self._function(call, calls, number)
            if not self._settings.parallel:
                return

    async def _function(self, call: Call, calls: CallRound, number: int) -> None:
        arguments = json.dumps(dict(call.arguments))
        call_id = new_id("call")
        item = await self.begin(
            {
                "id": new_id("item"), "object": "realtime.item", "type": "function_call",
                "status": "in_progress", "name": call.name, "call_id": call_id, "arguments": "",
            }
        )  # fmt: skip
        name = "response.function_call_arguments"
        half = len(arguments) // 2
        for delta in (arguments[:half], arguments[half:]):
            await self.tell_of(item, f"{name}.delta", call_id=call_id, delta=delta)
        item.data |= {"arguments": arguments, "status": "completed"}
        calls.outstanding[call_id] = number
        await self.tell_of(
            item, f"{name}.done", call_id=call_id, arguments=arguments, name=call.name
        )
        await self.end(item)
