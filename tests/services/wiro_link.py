"""Links to the stand-ins of Wiro, and what a person and the core do with them."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from device.commands import AppendAudio, ClearInput
from device.events import (
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import Codec, SessionSpec
from device.providers.wiro import Wiro
from device.providers.wiro_agent import WiroAgent
from device.simulator.services.brain import Answer, ScriptedBrain, reply, tone
from device.simulator.services.stand_in import StandIn
from device.simulator.services.wiro import Wiro as TaskService
from device.simulator.services.wiro_agent import WiroAgent as AgentService
from tests.link.rig import KEY, Rig, wait_until

HELLO = reply("Hello, I am here.", heard="good morning", seconds=0.6)
NEWT = reply("A newt is an amphibian.", heard="what is a newt", seconds=1.0, hz=600)
LONG = reply("This is a very long story about a dog.", heard="tell me a story", seconds=20)
SPEC: dict[str, Any] = {"instructions": "Be brief.", "vad_silence_ms": 400}
ELEVENLABS = "elevenlabs/realtime-conversational-ai"
PERSONAPLEX = "nvidia/PersonaPlex-Realtime"


class Talk(Rig):
    """A link to a stand-in, and what a person and the core do with it."""

    def says(self, seconds: float = 1.0, *, then_silence_s: float = 0.7) -> None:
        """Speech, and the silence behind it that the microphone hears."""
        pcm = tone(seconds) + bytes(48 * round(1000 * then_silence_s))
        for at in range(0, len(pcm), 4800):
            self.link.send(AppendAudio(pcm[at : at + 4800]))

    async def turn(self, number: int = 1) -> None:
        """A whole turn, until the service took it."""
        self.says()
        await self.until(TurnCommitted, number)
        self.link.send(ClearInput())

    async def exchange(self, number: int = 1) -> str:
        """A turn and its whole reply."""
        await self.turn(number)
        return (await self.until(ReplyDone, number)).reply_id

    async def begins(self, number: int = 1) -> str:
        """A turn, and the first sound of its reply."""
        await self.turn(number)
        reply_id = (await self.until(ReplyStarted, number)).reply_id
        await wait_until(lambda: bool(self.pcm(reply_id)))
        return reply_id

    def pcm(self, reply_id: str) -> bytes:
        return b"".join(e.pcm for e in self.of(ReplyAudio) if e.reply_id == reply_id)

    def said(self) -> list[str]:
        return [e.text for e in self.of(ReplyTranscript) if e.final]

    def heard(self) -> list[str]:
        return [e.text for e in self.of(UserTranscript) if e.final]


@asynccontextmanager
async def talk_with(service: StandIn, codec: Callable[[SessionSpec], Codec]) -> AsyncIterator[Talk]:
    async with service:
        talk = Talk("http://127.0.0.1", codec=codec, service=lambda: "wiro")
        try:
            talk.link.open()
            yield talk
        finally:
            await talk.link.stop()


@asynccontextmanager
async def task(
    *answers: Answer, wait: bool = True, spec: dict[str, Any] | None = None, **options: Any
) -> AsyncIterator[tuple[Talk, TaskService]]:
    """A session of a model."""
    brain = ScriptedBrain(*(answers or (HELLO,)))
    service = TaskService(lambda: brain, **{"key": KEY, **options})

    def codec(given: SessionSpec) -> Codec:
        own = {**SPEC, **(spec or {})}
        options = {"socket_url": service.url, **own.pop("options", {})}
        wall_ahead_s = time.time() - time.monotonic()
        return Wiro(replace(given, url=service.api_url, options=options, **own), wall_ahead_s)

    async with talk_with(service, codec) as talk:
        if wait:
            await talk.until(LinkOpened)
        yield talk, service
    assert service.faults == []


@asynccontextmanager
async def agent(
    *answers: Answer, wait: bool = True, **options: Any
) -> AsyncIterator[tuple[Talk, AgentService]]:
    """A session of an agent."""
    brain = ScriptedBrain(*(answers or (HELLO,)))
    service = AgentService(lambda: brain, **{"key": KEY, **options})

    def codec(given: SessionSpec) -> Codec:
        options = {"agent": "agent-1"}
        return WiroAgent(replace(given, url=service.url, options=options, **SPEC))

    async with talk_with(service, codec) as talk:
        if wait:
            await talk.until(LinkOpened)
        yield talk, service
    assert service.faults == []


def is_kind(data: str | bytes, kind: str) -> bool:
    """Whether a message is of ``kind``, whatever else its name says."""
    return isinstance(data, str) and str(json.loads(data).get("type", "")).endswith(kind)


def sound_of(service: StandIn) -> list[bytes]:
    """The chunks that have come."""
    return [data for data in service.received() if isinstance(data, bytes)]


def last_of(service: TaskService, kind: str) -> str | bytes:
    return [data for data in service.lines[0].sent if is_kind(data, kind)][-1]
