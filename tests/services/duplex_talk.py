"""A device that talks, through the real link, with a stand-in that only speaks and listens."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from device.commands import AppendAudio, ClearInput
from device.events import LinkOpened, ReplyAudio, ReplyDone, ReplyStarted, TurnCommitted
from device.providers.base import Codec, SessionSpec, ToolSpec
from device.simulator.services.brain import tone
from device.simulator.services.stand_in import StandIn
from tests.link.rig import KEY, Rig

TOOLS = (ToolSpec("get_time", "Tells the time.", {"type": "object", "properties": {}}),)
PIECE_MS = 50


class Talk(Rig):
    """``spec`` is what the codec is made with, beside address and key."""

    def __init__(
        self, stand_in: StandIn, make: Callable[[SessionSpec], Codec], **spec: Any
    ) -> None:
        def codec(given: SessionSpec) -> Codec:
            return make(replace(given, **spec))

        super().__init__(stand_in.url, codec=codec)

    async def open(self) -> None:
        self.link.open()
        await self.until(LinkOpened, len(self.of(LinkOpened)) + 1)

    async def says(self, ms: int = 600, rate_hz: int = 24_000) -> None:
        """In real time; then the uplink pauses, as after a person's last word."""
        for _ in range(ms // PIECE_MS):
            self.link.send(AppendAudio(tone(PIECE_MS / 1000, 300.0, rate_hz)))
            await asyncio.sleep(PIECE_MS / 1000)

    async def is_answered(self, rate_hz: int = 24_000) -> str:
        """A whole turn; returns the reply's name."""
        turns, replies = len(self.of(TurnCommitted)), len(self.of(ReplyStarted))
        await self.says(rate_hz=rate_hz)
        await self.until(TurnCommitted, turns + 1)
        self.link.send(ClearInput())
        return (await self.until(ReplyStarted, replies + 1)).reply_id

    async def is_done(self, reply_id: str) -> ReplyDone:
        count = len([e for e in self.events if isinstance(e, ReplyDone)])
        while True:
            for done in self.of(ReplyDone):
                if done.reply_id == reply_id:
                    return done
            count += 1
            await self.until(ReplyDone, count)

    def sound(self, reply_id: str) -> bytes:
        return b"".join(e.pcm for e in self.of(ReplyAudio) if e.reply_id == reply_id)

    def order(self, kinds: Sequence[type]) -> list[str]:
        """Events of ``kinds``, in the order in which they came; each run of a kind once."""
        found: list[str] = []
        for event in self.events:
            name = type(event).__name__
            if isinstance(event, tuple(kinds)) and found[-1:] != [name]:
                found.append(name)
        return found


def loud_ms(pcm: bytes, rate_hz: int) -> float:
    """How much of it is sound: 20 ms at a time."""
    size = 2 * (rate_hz // 50)
    return sum(20 for at in range(0, len(pcm), size) if any(pcm[at : at + size]))


__all__ = ["KEY", "TOOLS", "Talk", "loud_ms"]
