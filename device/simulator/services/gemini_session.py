"""One connection to Gemini Live after its ``setupComplete``: what each client message does."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from device.simulator.services.gemini_conversation import Conversation
from device.simulator.services.gemini_ears import Ears, Onset, Turn
from device.simulator.services.gemini_messages import (
    Manner,
    Message,
    resumption,
    voice_mark,
)
from device.simulator.services.gemini_setup import (
    UPDATABLE,
    Setup,
    functions,
    words_of,
)
from device.simulator.services.gemini_talk import Mouth, Talk
from device.simulator.services.gemini_wire import RefusedError, read
from device.simulator.services.line import Data, Line


@dataclass(frozen=True, slots=True)
class Limits:
    """Of a conversation without context compression, in seconds of its input."""

    audio_s: float = 15 * 60
    with_video_s: float = 2 * 60


class GeminiSession:
    """Event loop only. ``new_handle`` gives a handle with which this conversation goes on."""

    def __init__(
        self,
        line: Line,
        setup: Setup,
        conversation: Conversation,
        manner: Manner,
        limits: Limits,
        *,
        new_handle: Callable[[Conversation], str],
        failure: Callable[[], tuple[int, str] | None],
        rejection: Callable[[], str],
    ) -> None:
        self.line, self.setup, self.conversation = line, setup, conversation
        self.system = setup.system
        self.ready = False  #: ``setupComplete`` has been sent
        self._manner, self._limits, self._new_handle = manner, limits, new_handle
        mouth = Mouth(self.send, line.close, self.settled, failure, rejection)
        self.talk = Talk(setup, manner, conversation, mouth)
        self._ears = Ears(setup)
        self._typed: list[str] = []
        self._consumed = 0
        # Messages that wait for the history to be complete; None: nothing waits.
        self._held: list[Mapping[str, Any]] | None = [] if setup.initial_history else None

    async def send(self, message: Message) -> None:
        text = json.dumps(message)
        await self.line.send(text.encode() if self._manner.binary else text)

    async def settled(self, resumable: bool) -> None:
        """Tell the client whether, and with what, it may come back from here."""
        if self.setup.resumption:
            handle = self._new_handle(self.conversation) if resumable else ""
            consumed = self._consumed if self.setup.transparent else None
            await self.send(resumption(handle, consumed))

    async def take(self, data: Data) -> None:
        """One message of the client's. Raises RefusedError where the service would close."""
        kind, body = read(data)
        doing: dict[str, Callable[[Mapping[str, Any]], Awaitable[None]]] = {
            "realtimeInput": self._realtime,
            "clientContent": self._content,
            "toolResponse": self._results,
            "contextUpdate": self._update,
        }
        if kind == "setup":
            raise RefusedError(1007, "setup must be the first message, and is sent only once.")
        await doing[kind](body)
        self._consumed += 1

    async def _content(self, body: Mapping[str, Any]) -> None:
        turns, complete = body.get("turns", []), body.get("turnComplete", False)
        for turn in turns:
            if turn.get("role", "user") not in {"user", "model"}:
                raise RefusedError(1007, "Please use a valid role: user, model.")
            self.conversation.history.append(turn)
            self.conversation.tokens.was_told(words_of(turn))
        if self._held is not None:
            if complete:
                held, self._held = self._held, None
                for message in held:
                    await self._realtime(message)
            return
        await self.talk.interrupt()
        if complete:
            asked = [turn for turn in self.conversation.history if turn.get("role") != "model"]
            text = words_of(asked[-1]) if asked else ""
            self.talk.begin(lambda brain: brain.written(text))

    async def _realtime(self, body: Mapping[str, Any]) -> None:
        if self._held is not None:
            self._held.append(body)
            return
        if not body:
            raise RefusedError(1007, "Request contains an invalid argument.")
        if "mediaChunks" in body:
            raise RefusedError(
                1007,
                "realtime_input.media_chunks is deprecated. Use audio, video, or text instead.",
            )
        if "activityStart" in body:
            await self._act(self._ears.begin())
        if "audio" in body:
            blob = body["audio"]
            before_s = self._ears.heard_s
            found = self._ears.hear(blob.get("data", b""), blob.get("mimeType", ""))
            self.conversation.audio_s += self._ears.heard_s - before_s
            await self._act(found)
        if "video" in body:
            await self._see(body["video"])
        if "text" in body:
            await self._read(body["text"])
        if "activityEnd" in body:
            await self._act(self._ears.end())
        if body.get("audioStreamEnd", False):
            await self._act(self._ears.stream_end())
        self._check_length()

    async def _act(self, found: list[Onset | Turn]) -> None:
        for what in found:
            if self.setup.voice_marks:
                start = isinstance(what, Onset)
                await self.send(voice_mark(start=start, at_ms=what.at_ms))
            if isinstance(what, Turn):
                await self._answer(what)
            elif self.setup.interrupts:
                await self.talk.interrupt()

    async def _answer(self, turn: Turn) -> None:
        typed, self._typed = "\n".join(self._typed), []
        if not turn.pcm and typed:
            self.talk.begin(lambda brain: brain.written(typed))
            return
        self.conversation.tokens.heard(len(turn.pcm) / 2 / turn.rate_hz)
        self.talk.begin(lambda brain: brain.spoken(turn.pcm, turn.rate_hz))

    async def _read(self, text: str) -> None:
        """Written while the conversation is spoken: activity in itself."""
        self.conversation.tokens.was_told(text)
        if self._ears.active:
            self._typed.append(text)
            return
        if self.setup.interrupts:
            await self.talk.interrupt()
        self.talk.begin(lambda brain: brain.written(text))

    async def _see(self, blob: Mapping[str, Any]) -> None:
        if not blob.get("mimeType", "").startswith("image/"):
            raise RefusedError(1007, f"Unsupported video mime type: {blob.get('mimeType', '')!r}")
        self.conversation.seen = True
        self.conversation.tokens.saw()

    async def _results(self, body: Mapping[str, Any]) -> None:
        await self.talk.results(body.get("functionResponses", []))

    async def _update(self, body: Mapping[str, Any]) -> None:
        if self.setup.model != UPDATABLE:
            raise RefusedError(
                1007, f"context_update is not supported by models/{self.setup.model}."
            )
        if "systemInstruction" in body:
            self.system = words_of(body["systemInstruction"])
        if "tools" in body:
            self.talk.functions = functions(body["tools"].get("tools", []), self.setup.model)

    def _check_length(self) -> None:
        longest_s = self._limits.with_video_s if self.conversation.seen else self._limits.audio_s
        if self.setup.trigger_tokens is None and self.conversation.audio_s > longest_s:
            raise RefusedError(1008, "The session has reached its longest duration.")

    async def stop(self) -> None:
        """The connection is over; no task of it goes on."""
        await self.talk.stop()
        await self.conversation.leave()
