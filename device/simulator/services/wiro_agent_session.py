"""One session of an agent's web channel, from ``connecting`` to ``session_end``."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal

from device.simulator.services.brain import Brain
from device.simulator.services.line import Data, Line
from device.simulator.services.wiro_talk import Talk, frame, unframe

Reason = Literal[
    "wiro_completed",
    "wiro_cancelled",
    "wiro_disconnect",
    "wiro_error",
    "start_error",
    "max_duration",
    "concurrent_limit",
    "browser_disconnect",
    "rejected",
]
FOREIGN = "vws-00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True, slots=True)
class AgentManners:
    """What the documents leave open. ``late_pieces``: audio that still comes after a ``clear``;
    ``foreign_every``: each so-manieth frame is preceded by one of another session; ``halt_s``: in
    the middle of each answer, as while the agent asks a tool."""

    text_codes: bool = False
    ready_after_s: float = 0.0
    piece_ms: int = 200
    pace: float = 0.2
    silence_ms: int = 500
    late_pieces: int = 0
    halt_s: float = 0.0
    foreign_every: int = 0
    resume_always: bool = False  #: before every utterance, not only after a clear
    repeated: bool = False  #: transcripts come in parts before they come whole


class AgentSession:
    """Event loop only."""

    def __init__(
        self,
        name: str,
        line: Line,
        brain: Brain,
        manners: AgentManners,
        *,
        cap_s: float | None,
        start_fails: Reason | None,
        faults: list[str],
    ) -> None:
        self.name, self._line, self._manners = name, line, manners
        self._cap_s, self._start_fails, self._faults = cap_s, start_fails, faults
        self.talk = Talk(
            brain,
            self,
            silence_ms=manners.silence_ms,
            piece_ms=manners.piece_ms,
            pace=manners.pace,
            halt_s=manners.halt_s,
        )
        self._ready = self._cleared = self._spoke = False
        self._frames = 0
        self._end: asyncio.Future[dict[str, str]] = asyncio.get_running_loop().create_future()

    def end(self, reason: Reason, message: str = "", error: str = "") -> None:
        """From the service's side, for any of its reasons; the first one counts."""
        if not self._end.done():
            about = {"reason": reason, "message": message, "error": error}
            self._end.set_result({name: value for name, value in about.items() if value})

    async def live(self, messages: AsyncIterator[Data]) -> None:
        reader = asyncio.create_task(self._read(messages))
        life = asyncio.create_task(self._begin())
        try:
            ends: set[asyncio.Future[Any]] = {reader, self._end}
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            if self._end.done():
                life.cancel()
                await self.talk.cut()
                await self._say("session_end", **self._end.result())
                await self._line.close(1000)
        finally:
            await self.talk.stop()
            for task in (reader, life):
                task.cancel()
            await asyncio.gather(reader, life, return_exceptions=True)
        for task in (reader, life):
            if not task.cancelled():
                task.result()

    async def _begin(self) -> None:
        await self._say("connecting")
        await asyncio.sleep(self._manners.ready_after_s)
        if self._start_fails is not None:
            self.end(self._start_fails, "the session could not be started", "not started")
            return
        self._ready = True
        await self._say("ready")
        if self._cap_s is not None:
            await asyncio.sleep(self._cap_s)
            self.end("max_duration", "the session has lasted as long as it may")

    async def _read(self, messages: AsyncIterator[Data]) -> None:
        async for data in messages:
            if self._end.done():
                continue
            if isinstance(data, bytes):
                await self._hear(data)
            else:
                await self._obey(data)

    async def _hear(self, data: bytes) -> None:
        pcm = unframe(self.name, data)
        if isinstance(pcm, str):
            self._faults.append(pcm)
        elif not self._ready:
            self._faults.append("audio before ready is dropped")
        else:
            await self.talk.hear(pcm)

    async def _obey(self, data: str) -> None:
        try:
            message = json.loads(data)
        except (ValueError, RecursionError):
            message = None
        kind = message.get("type") if isinstance(message, dict) else None
        if kind == "interrupt":
            await self._clear()
        elif kind == "end":
            self.end("wiro_completed")
        else:
            self._faults.append(f"a message that the channel does not know: {data[:100]}")

    async def _clear(self) -> None:
        cut = await self.talk.cut()
        self._cleared, self._spoke = True, False
        await self._say("clear")
        for piece in cut.left[: self._manners.late_pieces]:
            await self.audio(piece)

    # --- what happens in a turn (Stage) -----------------------------------------------

    async def speech_started(self) -> None:
        """The service does not know how much of the last reply has been played."""
        if self._spoke or self.talk.busy:
            await self._clear()

    async def turn_taken(self, pcm: bytes) -> None:
        """Nothing is said of it."""

    async def heard(self, text: str) -> None:
        await self._transcript("user", text)

    async def begins(self) -> None:
        if self._cleared or self._manners.resume_always:
            self._cleared = False
            await self._say("resume")

    async def audio(self, pcm: bytes) -> None:
        self._frames += 1
        self._spoke = True
        every = self._manners.foreign_every
        if every and self._frames % every == 0:
            await self._line.send(frame(FOREIGN, b"\x00\x40" * (len(pcm) // 2)))
        await self._line.send(frame(self.name, pcm))

    async def said(self, words: str) -> None:
        await self._transcript("ai", words)

    async def ended(self) -> None:
        """There is no end of a turn in this product."""

    def called(self, name: str) -> None:
        """The client has no tools here."""

    def failed(self, error: BaseException) -> None:
        self.end("wiro_error", "the agent failed", f"{type(error).__name__}: {error}")

    async def _transcript(self, role: str, text: str) -> None:
        parts = text.split()
        if self._manners.repeated and len(parts) > 1:
            half = " ".join(parts[: len(parts) // 2])
            await self._say("transcript", role=role, text=half, ts=_now_ms())
        await self._say("transcript", role=role, text=text, ts=_now_ms())

    async def _say(self, kind: str, **fields: Any) -> None:
        await self._line.send(json.dumps({"type": kind, **fields}))


def _now_ms() -> int:
    return round(time.time() * 1000)
