"""Plays the link for the Gemini codec, and a service that speaks as it does."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from device.commands import AppendAudio, CommitTurn, ServiceCommand
from device.events import (
    Event,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import Output, SessionSpec
from device.providers.gemini import GeminiLive
from tests.providers.driver import events, frames

URL = "wss://generativelanguage.googleapis.com"
KEY = "AIza-the-key-of-this-test"
SECOND = AppendAudio(bytes(32000))
PCM = b"\x01\x00\x02\x00"

START = {"realtimeInput": {"activityStart": {}}}
END = {"realtimeInput": {"activityEnd": {}}}
STREAM_END = {"realtimeInput": {"audioStreamEnd": True}}


class Driver:
    """Collects everything the codec puts out."""

    def __init__(self, **spec: Any) -> None:
        self.codec = GeminiLive(SessionSpec(**{"url": URL, "key": KEY, **spec}))
        self.now = 100.0
        self.outputs: list[Output] = []

    def take(self, outputs: Sequence[Output]) -> list[Output]:
        self.outputs += outputs
        return list(outputs)

    def connect(self) -> Driver:
        self.take(self.codec.start(self.now))
        self.take(self.codec.opened(self.now))
        return self

    def ready(self) -> Driver:
        self.connect()
        self.says(setupComplete={"sessionId": "s1"})
        return self

    def says(self, **fields: Any) -> list[Output]:
        """A message with these fields at the top."""
        return self.raw(json.dumps(fields))

    def content(self, **fields: Any) -> list[Output]:
        return self.says(serverContent=fields)

    def raw(self, data: str | bytes) -> list[Output]:
        return self.take(self.codec.received(data, self.now))

    def command(self, command: ServiceCommand) -> list[Output]:
        return self.take(self.codec.command(command, self.now))

    def wait(self, seconds: float) -> list[Output]:
        self.now += seconds
        return self.take(self.codec.timeout(self.now))

    # --- a service that speaks -----------------------------------------------------------

    def audio(self, pcm: bytes = PCM) -> list[Output]:
        return self.content(modelTurn=sound(pcm))

    def generated(self) -> list[Output]:
        return self.content(generationComplete=True)

    def interrupted(self) -> list[Output]:
        return self.content(interrupted=True)

    def completed(self) -> list[Output]:
        return self.content(turnComplete=True)

    def calls(self, *ids: str) -> list[Output]:
        calls = [{"id": i, "name": "get_time", "args": {"of": i}} for i in ids]
        return self.says(toolCall={"functionCalls": calls})

    # --- turns ------------------------------------------------------------------------------

    def speaks(self) -> list[Output]:
        """A turn that the device ends."""
        return self.command(SECOND) + self.command(CommitTurn())

    def is_answered(self) -> str:
        """A reply begins; its name."""
        (begun,) = started(self.audio())
        return begun


def sound(pcm: bytes = PCM, rate_hz: int = 24000) -> dict[str, Any]:
    data = base64.b64encode(pcm).decode()
    blob = {"mimeType": f"audio/pcm;rate={rate_hz}", "data": data}
    return {"role": "model", "parts": [{"inlineData": blob}]}


def device_ends(**spec: Any) -> Driver:
    return Driver(device_ends_turn=True, **spec).ready()


def service_ends(**spec: Any) -> Driver:
    return Driver(**spec).ready()


def started(outputs: Sequence[Output]) -> list[str]:
    return [e.reply_id for e in events(outputs) if isinstance(e, ReplyStarted)]


def done(outputs: Sequence[Output]) -> list[tuple[str, str]]:
    return [(e.reply_id, e.status) for e in events(outputs) if isinstance(e, ReplyDone)]


def heard(outputs: Sequence[Output]) -> bytes:
    return b"".join(e.pcm for e in events(outputs) if isinstance(e, ReplyAudio))


def taken(outputs: Sequence[Output]) -> int:
    return sum(isinstance(e, TurnCommitted) for e in events(outputs))


def transcripts(outputs: Sequence[Output]) -> list[str]:
    """The final ones."""
    return [e.text for e in events(outputs) if isinstance(e, UserTranscript) and e.final]


def of(outputs: Sequence[Output], kind: type[Event]) -> list[Event]:
    return [event for event in events(outputs) if isinstance(event, kind)]


def marks(outputs: Sequence[Output]) -> list[str]:
    """What was sent to the service, by name."""
    found = []
    for frame in frames(outputs):
        ((name, fields),) = frame.items()
        found.append(name if name != "realtimeInput" else next(iter(fields)))
    return found
