"""Holds a conversation with the stand-in of each service, and keeps what its codec was told.

Over the appliance's own link and a real socket, so that a tape is what the codec meets in life:
four turns (an answer, a tool where the service has the device's, an answer that is cut, another
answer), or one in which both sides send all the time, and the service ends the turns, where it can.
"""

from __future__ import annotations

import asyncio
import dataclasses
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import numpy as np

from device.adapters.link import WebSocketLink
from device.adapters.link_tuning import LinkTuning
from device.commands import (
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    SendToolResult,
    TruncateReply,
)
from device.events import (
    Event,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyTranscript,
    ToolCalled,
    TurnCommitted,
)
from device.providers import service_of
from device.providers.base import SessionSpec, ToolSpec
from device.settings import ServiceSettings, Settings
from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.stand_in import StandIn
from device.simulator.services.table import TABLE
from scripts.bench_parts.services.tape import Part, Step, Tape, Taped

KEY = "key-of-the-bench"
TOOL = ToolSpec("get_time", "Tells the time.", {"type": "object", "properties": {}})
MODELS = {"openai_compatible": "any"}  #: it has no default one
STANDS_FOR = {"offline": "openai_realtime"}  #: the same protocol
CHUNK_S = 0.02
SPOKEN_S = 0.4
PAUSE_S = 0.9  #: behind a turn that the service is to end itself
LONG_S = 8.0
STORY_S = 3.0  #: an answer that is cut
QUIET_S = 0.3  #: nothing comes: the part is over
LATE_S = 1.0  #: the same behind a cut
SETTLE_S = 6.0  #: the longest wait for that
PATIENCE_S = 40.0


def turns(service: str) -> Tape:
    """Of all turns but the full duplex, whose end is decided by whom it is up to by default."""
    calls = service_of(service).able.calls_tools
    answers = [reply("It is noon.", heard="what time is it", seconds=1.0)]
    if calls:
        answers += [Answer("ask the clock", calls=(Call(TOOL.name),)), reply("It is two.")]
    answers += [reply("Once upon a time.", heard="tell a story", seconds=STORY_S)]
    answers += [reply("It rains.", heard="does it rain", seconds=0.6)]

    async def play(talk: _Talk) -> None:
        await talk.answered("answer")
        if calls:
            await talk.answered("tool")
        await talk.cut()
        await talk.answered("again")

    return _tried(service, answers, play)


def duplex(service: str, seconds: float = LONG_S) -> Tape:
    """Of a reply of ``seconds``, under which the microphone is sent as ever."""
    answers = [reply("A long story.", heard="go on", seconds=seconds)]
    by_service = service_of(service).able.detects_turns
    return _tried(service, answers, _Talk.duplex, by_service=by_service)


def _tried(
    service: str,
    answers: Sequence[Answer],
    play: Callable[[_Talk], Awaitable[None]],
    *,
    by_service: bool = False,
) -> Tape:
    """A conversation is in real time, and a busy machine may stand still: a second try."""
    try:
        return asyncio.run(_recorded(service, answers, play, by_service=by_service))
    except RuntimeError as error:
        print(f"{error}; once more", file=sys.stderr, flush=True)
        return asyncio.run(_recorded(service, answers, play, by_service=by_service))


async def _recorded(
    service: str,
    answers: Sequence[Answer],
    play: Callable[[_Talk], Awaitable[None]],
    *,
    by_service: bool,
) -> Tape:
    """Raises RuntimeError where something that must come does not."""
    stand_in = TABLE[STANDS_FOR.get(service, service)].make(lambda: ScriptedBrain(*answers), KEY)
    async with stand_in:
        spec = spec_of(service, stand_in)
        if by_service:
            spec = dataclasses.replace(spec, device_ends_turn=False)
        talk = _Talk(service, spec)
        try:
            await talk.open()
            await play(talk)
        finally:
            talk.ends()
            await talk.link.stop()
    return talk.tape()


def spec_of(service: str, stand_in: StandIn) -> SessionSpec:
    """What the appliance would open a session with the stand-in with."""
    row, entry = TABLE[STANDS_FOR.get(service, service)], service_of(service)
    section = getattr(Settings(), entry.options_of or service)
    options = {**dataclasses.asdict(section), **row.section(stand_in)}
    return SessionSpec(
        url=row.url(stand_in),
        key=KEY,
        model=MODELS.get(service, ""),
        instructions="Be brief.",
        transcription_model=ServiceSettings().transcription_model,
        device_ends_turn=entry.able.device_ends_turns("auto"),
        tools=(TOOL,) if entry.able.calls_tools else (),
        options=options,
    )


class _Clock:
    def monotonic(self) -> float:
        return time.monotonic()

    def wall(self) -> float:
        return time.time()


class _Talk:
    """The appliance's side, as far as the service sees it. Event loop only."""

    def __init__(self, service: str, spec: SessionSpec) -> None:
        entry = service_of(service)
        self.service, self.spec, self.able = service, spec, entry.able
        self._steps: list[Step] = []
        self._edges: list[tuple[str, int]] = []
        self._events: list[Event] = []
        self._speaks = self._taken = False
        self._rng = np.random.default_rng(5)
        self.link = WebSocketLink(
            codec_factory=lambda: Taped(entry.make(spec), self._steps),
            post=self._post,
            clock=_Clock(),
            rng=random.Random(1),
            settings=ServiceSettings(),
            uplink_rate_hz=entry.able.uplink_rate_hz,
            downlink_rate_hz=entry.able.downlink_rate_hz,
            tuning=LinkTuning(blind_fence_s=0.3, close_timeout_s=0.3),
        )

    def _post(self, event: Event) -> None:
        self._events.append(event)
        if isinstance(event, ToolCalled):
            self._soon(SendToolResult(event.call_id, '{"time":"two"}'))
        elif isinstance(event, TurnCommitted):
            self._taken = True
            self._forget()

    def _forget(self) -> None:
        """What was sent behind a turn that the service took, once nothing more is sent."""
        if self._taken and not self._speaks and not self.spec.device_ends_turn:
            self._taken = False
            self._soon(ClearInput())

    def _soon(self, command: SendToolResult | ClearInput) -> None:
        asyncio.get_running_loop().call_soon(self.link.send, command)

    def tape(self) -> Tape:
        names = [name for name, _ in self._edges]
        starts = [at for _, at in self._edges]
        ends = [*starts[1:], len(self._steps)]
        steps = [tuple(self._steps[a:b]) for a, b in zip(starts, ends, strict=True)]
        opening, *parts = (Part(name, some) for name, some in zip(names, steps, strict=True))
        kept = tuple(part for part in parts if part.name != "end")
        return Tape(self.service, self.spec, self.able, opening, kept)

    def ends(self) -> None:
        """What follows is in no part."""
        self._edges.append(("end", len(self._steps)))

    # --- what is played ---------------------------------------------------------------

    async def open(self) -> None:
        self._edges.append(("opening", 0))
        self.link.open()
        await self._until(lambda: self._count(LinkOpened) > 0, "an open session")
        await self._silence()

    async def answered(self, name: str) -> None:
        """A spoken turn and its answer, to the end."""
        replies = self._begin(name)
        await self._say()
        await self._until(lambda: self._answers() > replies, f"the end of {name}")
        await self._silence()

    async def cut(self) -> None:
        """A long answer that is cut in its middle, and what still comes of it."""
        replies = self._begin("cut")
        await self._say()
        heard = self._count(ReplyAudio)
        await self._until(lambda: self._count(ReplyAudio) > heard + 2, "sound to cut")
        last = next(e for e in reversed(self._events) if isinstance(e, ReplyAudio))
        self.link.send(CancelReply(last.reply_id))
        self.link.send(TruncateReply(last.item_id, 200))
        self.link.send(ClearInput())
        await self._until(lambda: self._answers() > replies, "the end of the cut reply")
        await self._silence(LATE_S)

    async def duplex(self) -> None:
        """A long answer, under which the microphone goes on being sent, at real time."""
        replies = self._begin("duplex")
        await self._say()
        sender = asyncio.create_task(self._listen())
        try:
            await self._until(lambda: self._answers() > replies, "end of the reply")
        finally:
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
        await self._silence()

    def _begin(self, name: str) -> int:
        self._edges.append((name, len(self._steps)))
        return self._answers()

    async def _say(self) -> None:
        """A turn, in chunks at real time, and its end by whom it is up to."""
        self._speaks, self._taken = True, False
        await self._send(SPOKEN_S, 6000.0)
        if self.spec.device_ends_turn:
            self.link.send(CommitTurn())
        else:
            await self._send(PAUSE_S, 0.0)
        self._speaks = False
        self._forget()

    async def _send(self, seconds: float, level: float) -> None:
        """Silence only until the service has taken the turn."""
        for _ in range(round(seconds / CHUNK_S)):
            if self._taken and not level:
                return
            self.link.send(AppendAudio(self._chunk(level)))
            await asyncio.sleep(CHUNK_S)

    async def _listen(self) -> None:
        """What a microphone hears of a quiet room, while it is answered."""
        self._speaks = True  # on and on: nothing is forgotten
        while True:
            await self._send(CHUNK_S, 3.0)

    def _chunk(self, level: float) -> bytes:
        size = round(self.able.uplink_rate_hz * CHUNK_S)
        return (self._rng.standard_normal(size) * level).clip(-32768, 32767).astype("<i2").tobytes()

    # --- what is waited for -----------------------------------------------------------

    def _count(self, kind: type[Any]) -> int:
        return sum(isinstance(event, kind) for event in self._events)

    def _answers(self) -> int:
        """Replies that ended and said something: one that only calls a tool is none."""
        said = (ReplyAudio, ReplyTranscript)
        voiced = {event.reply_id for event in self._events if isinstance(event, said)}
        ended = (event for event in self._events if isinstance(event, ReplyDone))
        return sum(event.reply_id in voiced for event in ended)

    async def _until(self, holds: Callable[[], bool], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not holds():
                    if self._count(LinkFailed) or self._count(LinkClosed):
                        raise RuntimeError(f"{self.service}: {self._events[-1]} instead of {what}")
                    await asyncio.sleep(0.01)
        except TimeoutError:
            raise RuntimeError(f"{self.service}: no {what} within {PATIENCE_S:g} s") from None

    async def _silence(self, quiet_s: float = QUIET_S) -> None:
        """Until nothing has come for a while; one service's sound never stops."""
        count = -1
        for _ in range(round(SETTLE_S / quiet_s)):
            before, count = count, sum(step.kind == "received" for step in self._steps)
            if before == count:
                return
            await asyncio.sleep(quiet_s)
