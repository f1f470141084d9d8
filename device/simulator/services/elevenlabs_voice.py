"""What an ElevenLabs agent says: its words, their audio in pieces, and the interruption of both.

``event_id`` is one count over a conversation. Every piece of audio has its own, greater than all
before; an answer's words have the id of its first piece. An interruption's id is that of the last
piece that the client must not play, of which some may only come after it.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from device.simulator.services.brain import Answer
from device.simulator.services.elevenlabs_agent import Agent
from device.simulator.services.elevenlabs_audio import Format
from device.simulator.services.line import Line


class Out:
    """Sends the events that the agent's client is meant to get."""

    def __init__(self, line: Line, wanted: frozenset[str]) -> None:
        self.line, self.wanted = line, wanted
        self.last_id = 0

    def next_id(self) -> int:
        self.last_id += 1
        return self.last_id

    async def event(self, kind: str, key: str, fields: Mapping[str, Any]) -> None:
        if kind in self.wanted:
            await self.line.send(json.dumps({"type": kind, key: fields}))


@dataclass(slots=True)
class Utterance:
    """``sent`` of ``pieces`` are on their way; the first of them sounds at ``begins_at``."""

    event_id: int
    words: str
    pieces: list[bytes] = field(repr=False)
    begins_at: float
    ends_at: float
    sent: int = 0


class Voice:
    """Times are the event loop's. The client is taken to play what it gets at once."""

    def __init__(
        self, agent: Agent, out: Out, output: Format, *, text_only: bool, now: Callable[[], float]
    ) -> None:
        self._agent, self._out, self._format = agent, out, output
        self._text_only, self._now = text_only, now
        self._utterances: list[Utterance] = []

    @property
    def ends_at(self) -> float:
        """When the last that was said has been heard; 0: nothing was said."""
        return self._utterances[-1].ends_at if self._utterances else 0.0

    @property
    def audible(self) -> bool:
        return self.ends_at > self._now()

    async def say(self, answer: Answer, *, half: bool = False) -> None:
        """Until all of it is sent, which is long before it is heard. ``half``: stop midway."""
        self._utterances = [one for one in self._utterances if one.ends_at > self._now()]
        encoded = b"" if self._text_only else self._format.encode(answer.pcm)
        step = self._format.sample_bytes * self._format.rate_hz * self._agent.piece_ms // 1000
        pieces = [encoded[at : at + step] for at in range(0, len(encoded), step)]
        begins_at = max(self._now(), self.ends_at)
        ends_at = begins_at + self._format.seconds(encoded)
        spoken = Utterance(self._out.last_id + 1, answer.words, pieces, begins_at, ends_at)
        if pieces:
            self._utterances.append(spoken)
        if answer.words:
            await self._write(spoken.event_id, answer.words)
        count = (len(pieces) + 1) // 2 if half else len(pieces)
        for _ in range(count):
            await self._piece(spoken)
            await asyncio.sleep(self._agent.piece_ms / 1000 / self._agent.speed)
        if not pieces:
            self._out.last_id = max(self._out.last_id, spoken.event_id)

    async def interrupt(self) -> None:
        """Whoever is sending must have been stopped. Nothing is heard: nothing is sent."""
        now = self._now()
        cut = [one for one in self._utterances if one.ends_at > now]
        self._utterances = []
        if not cut:
            return
        last = cut[-1]
        late = min(self._agent.late_pieces, len(last.pieces) - last.sent)
        watermark = self._out.last_id + late
        await self._out.event("interruption", "interruption_event", {"event_id": watermark})
        for _ in range(late):
            await self._piece(last)
        for one in cut:
            length = one.ends_at - one.begins_at
            heard = max(0.0, now - one.begins_at) / length
            fields = {
                "original_agent_response": one.words,
                "corrected_agent_response": _beginning(one.words, heard),
                "event_id": one.event_id,
            }
            name = "agent_response_correction"
            await self._out.event(name, f"{name}_event", fields)

    async def _write(self, event_id: int, words: str) -> None:
        parts = [("", "start"), *((part, "delta") for part in _split(words)), ("", "stop")]
        for text, kind in parts:
            fields = {"text": text, "type": kind, "event_id": event_id}
            await self._out.event("agent_chat_response_part", "text_response_part", fields)
        fields = {"agent_response": words, "event_id": event_id}
        await self._out.event("agent_response", "agent_response_event", fields)

    async def _piece(self, spoken: Utterance) -> None:
        at, piece = spoken.sent, spoken.pieces[spoken.sent]
        spoken.sent += 1
        count = len(spoken.pieces)
        chars = spoken.words[
            len(spoken.words) * at // count : len(spoken.words) * (at + 1) // count
        ]
        each = 1000 * self._format.seconds(piece) / max(1, len(chars))
        fields = {
            "audio_base_64": base64.b64encode(piece).decode(),
            "event_id": self._out.next_id(),
            "alignment": {
                "chars": list(chars),
                "char_start_times_ms": [round(each * number) for number in range(len(chars))],
                "char_durations_ms": [round(each)] * len(chars),
            },
        }
        await self._out.event("audio", "audio_event", fields)


def _split(words: str) -> list[str]:
    """Into pieces that together are the whole."""
    first, *others = words.split(" ")
    return [first, *(f" {word}" for word in others)]


def _beginning(words: str, share: float) -> str:
    every = words.split()
    return " ".join(every[: int(share * len(every))])
