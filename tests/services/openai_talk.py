"""The Realtime codec in conversation with the stand-in, through the real link."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from device.commands import (
    AppendAudio,
    ClearInput,
    CommitTurn,
)
from device.events import (
    LinkOpened,
    ReplyAudio,
    ReplyTranscript,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import Codec, SessionSpec, ToolSpec
from device.providers.openai_dialects import (
    AZURE,
    OPENAI,
    VOICE_LIVE,
    XAI,
    Dialect,
)
from device.providers.openai_realtime import OpenAIRealtime as Realtime
from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply, tone
from device.simulator.services.openai_realtime import OpenAIRealtime as StandIn
from tests.link.rig import KEY, Rig

HELLO = reply("Hello, I am here.", heard="good morning", seconds=0.6)
SHORT = reply("Yes.", heard="are you there", seconds=0.3)
LONG = reply("This is a very long story about a dog.", heard="tell me a story", seconds=20)
TIME = Answer("what time is it", calls=(Call("get_time", {"zone": "here"}),))
LIGHTS = Answer("light please", calls=(Call("lights", {"on": True}),))
TOOL = ToolSpec("get_time", "the time", {"type": "object", "properties": {}})
HOME = "home: https://mcp.example.org/home"
NAMES = {"openai": OPENAI, "azure": AZURE, "xai": XAI, "voice_live": VOICE_LIVE}
PICTURE = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAAElFTkSuQmCC"


class Talk(Rig):
    """A link to a stand-in, and what a person and the core do with it."""

    service: StandIn

    async def says(self, seconds: float = 0.5, *, then_silence_s: float = 0.9) -> None:
        """Speech, then the device's end of the turn, or silence that the service hears."""
        pcm = tone(seconds)
        if not self.device_ends:
            pcm += bytes(48 * round(1000 * then_silence_s))
        for at in range(0, len(pcm), 4800):
            self.link.send(AppendAudio(pcm[at : at + 4800]))
        if self.device_ends:
            self.link.send(CommitTurn())

    device_ends = True

    async def turn(self, number: int = 1) -> None:
        """A whole turn, until the service took it."""
        await self.says()
        await self.until(TurnCommitted, number)
        if not self.device_ends:
            self.link.send(ClearInput())

    def pcm(self, reply_id: str) -> bytes:
        return b"".join(e.pcm for e in self.of(ReplyAudio) if e.reply_id == reply_id)

    def said(self) -> list[str]:
        return [e.text for e in self.of(ReplyTranscript) if e.final]

    def heard(self) -> list[str]:
        return [e.text for e in self.of(UserTranscript) if e.final]


@asynccontextmanager
async def talking(
    *answers: Answer,
    name: str = "openai",
    dialect: Dialect | None = None,
    device_ends_turn: bool = True,
    pace: float = 50.0,
    spec: dict[str, Any] | None = None,
    wait: bool = True,
    wall: Callable[[], float] | None = None,
    **options: Any,
) -> AsyncIterator[Talk]:
    """A session of ``dialect`` (``name``'s own) with the stand-in of ``name``."""
    brain = ScriptedBrain(*(answers or (HELLO,)))
    service = StandIn(lambda: brain, dialect=name, **{"key": KEY, **options})
    service.pace = pace
    wanted: dict[str, Any] = {
        # On Azure it is the name of a deployment, which only the owner knows.
        "transcription_model": "whisper-1" if name == "azure" else "gpt-transcribe",
        "tools": (TOOL,),
        "device_ends_turn": device_ends_turn,
        "vad_silence_ms": 400,
        "model": service.model,
        **(spec or {}),
    }

    def codec(given: SessionSpec) -> Codec:
        return Realtime(replace(given, **wanted), dialect or NAMES[name], wall() if wall else None)

    async with service:
        talk = Talk(service.url, codec=codec)
        talk.service, talk.device_ends = service, device_ends_turn
        try:
            talk.link.open()
            if wait:
                await talk.until(LinkOpened)
            yield talk
        finally:
            await talk.link.stop()
