"""A person who talks to the Gemini stand-in through the codec and the real link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from device.commands import (
    AppendAudio,
    CommitTurn,
)
from device.events import (
    ReplyAudio,
    ReplyDone,
    UserTranscript,
)
from device.providers.base import Codec, SessionSpec, ToolSpec
from device.providers.gemini import GeminiLive
from device.simulator.services.brain import Answer, ScriptedBrain, reply, tone
from device.simulator.services.gemini import GeminiStandIn
from device.simulator.services.gemini_messages import Manner
from tests.link.rig import KEY, Rig

QUICK = Manner(pace=60.0, playback=0.0, setup_s=0.005)
ANSWER = reply("It is five past two.", heard="what time is it", seconds=0.5)
TOOLS = (
    ToolSpec("get_time", "The time.", {"type": "object", "properties": {}, "required": []}),
    ToolSpec("get_date", "The date.", {"type": "object", "properties": {}}),
    ToolSpec(
        "set_timer",
        "Starts a timer.",
        {
            "type": "object",
            "properties": {"seconds": {"type": "integer", "minimum": 1}},
            "required": ["seconds"],
            "additionalProperties": False,
        },
    ),
)
SPEC: dict[str, Any] = {
    "instructions": "Be brief.",
    "voice": "Kore",
    "transcription_model": "any",
    "tools": TOOLS,
    "options": {
        "temperature": 0.5,
        "thinking_level": "low",
        "google_search": True,
        "proactive_audio": True,
        "start_sensitivity": "HIGH",
        "end_sensitivity": "LOW",
    },
}
MANUAL = {**SPEC, "device_ends_turn": True}


class Person:
    """Speaks to a link, and hears what comes of it."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig

    def says(self, seconds: float = 1.0, silence_s: float = 0.0) -> None:
        """A tone, and silence behind it, in pieces of 100 ms at the appliance's rate."""
        pcm = tone(seconds, rate_hz=24_000) + bytes(2 * round(24_000 * silence_s))
        for at in range(0, len(pcm), 4800):
            self.rig.link.send(AppendAudio(pcm[at : at + 4800]))

    def asks(self, seconds: float = 1.0) -> None:
        """A turn that the device ends."""
        self.says(seconds)
        self.rig.link.send(CommitTurn())

    async def answered(self, count: int = 1) -> str:
        """The ``count``-th reply has ended; its name."""
        return (await self.rig.until(ReplyDone, count)).reply_id

    def heard(self, reply_id: str) -> bytes:
        return b"".join(e.pcm for e in self.rig.of(ReplyAudio) if e.reply_id == reply_id)

    @property
    def statuses(self) -> list[str]:
        return [event.status for event in self.rig.of(ReplyDone)]

    @property
    def transcripts(self) -> list[str]:
        return [event.text for event in self.rig.of(UserTranscript) if event.final]


@asynccontextmanager
async def talking(stand_in: GeminiStandIn, **spec: Any) -> AsyncIterator[Person]:
    """A link that was asked to open."""

    def make(basis: SessionSpec) -> Codec:
        return GeminiLive(replace(basis, **spec))

    rig = Rig(stand_in.url, codec=make)
    try:
        rig.link.open()
        yield Person(rig)
    finally:
        await rig.link.stop()


def made(*answers: Answer, **options: Any) -> GeminiStandIn:
    brain = ScriptedBrain(*answers)
    return GeminiStandIn(lambda: brain, key=KEY, **{"manner": QUICK, **options})
