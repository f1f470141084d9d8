"""Plays the link and an ElevenLabs agent for its codec: a clock that is told, frames as dicts."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from device.commands import AppendAudio, ServiceCommand
from device.events import (
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import AskFence, Output, SendFrame, SessionSpec, ToolSpec
from device.providers.elevenlabs import ElevenLabs
from tests.providers.driver import events

URL = "wss://api.example.org/v1/convai/conversation"
KEY = "xi-secret-of-the-test-1234567890"
TOOLS = (ToolSpec("get_time", "The time.", {"type": "object"}),)
RATE_HZ = 16000
SECOND = bytes(2 * RATE_HZ)
#: Payloads of the service's messages.
NAMES = {
    "user_transcript": "user_transcription_event",
    "conversation_initiation_metadata": "conversation_initiation_metadata_event",
    "client_tool_call": "client_tool_call",
    "mcp_tool_call": "mcp_tool_call",
    "agent_tool_request": "agent_tool_request",
    "agent_tool_response": "agent_tool_response",
}


def spec(**options: Any) -> SessionSpec:
    """Keys that are no fields of the specification are options of the section."""
    fields = {
        name: options.pop(name) for name in [*options] if name in SessionSpec.__dataclass_fields__
    }
    options.setdefault("agent_id", "agent_1")
    return SessionSpec(**{"url": URL, "tools": TOOLS, "options": options, **fields})


class Agent:
    """Collects everything the codec puts out."""

    def __init__(self, wanted: SessionSpec | None = None) -> None:
        self.codec = ElevenLabs(wanted or spec())
        self.now = 100.0
        self.outputs: list[Output] = []
        self.number = 0  # of the last event
        self.slow = False  # fences do not pass

    def take(self, outputs: Sequence[Output]) -> list[Output]:
        self.outputs += outputs
        return list(outputs)

    def connect(self) -> list[Output]:
        self.take(self.codec.start(self.now))
        return self.take(self.codec.opened(self.now))

    def ready(
        self, up: str = "pcm_16000", down: str = "pcm_16000", *, later_s: float = 5.0
    ) -> Agent:
        """Through the hand-shake, and so much later, when no greeting is to be expected."""
        self.connect()
        self.metadata(up, down)
        self.now += later_s
        return self

    def metadata(self, up: str = "pcm_16000", down: str = "pcm_16000") -> list[Output]:
        return self.event(
            "conversation_initiation_metadata",
            conversation_id="conv_1",
            user_input_audio_format=up,
            agent_output_audio_format=down,
        )

    def event(self, kind: str, **fields: Any) -> list[Output]:
        payload = NAMES.get(kind, f"{kind}_event")
        return self.raw(json.dumps({"type": kind, payload: fields}))

    def raw(self, data: str | bytes) -> list[Output]:
        return self.take(self.codec.received(data, self.now))

    def command(self, command: ServiceCommand) -> list[Output]:
        return self.take(self.codec.command(command, self.now))

    def wait(self, seconds: float) -> list[Output]:
        """Time passes; the codec is called whenever it wants to be."""
        until, outputs, again = self.now + seconds, [], 0
        while (due := self.codec.deadline) is not None and due <= until:
            again = again + 1 if due <= self.now else 0
            assert again < 5, "it would be called for ever"
            self.now = max(self.now, due)
            outputs += self.take(self.codec.timeout(self.now))
        self.now = until
        return outputs

    # --- who speaks ------------------------------------------------------------------

    def says(self, seconds: float = 2.0) -> list[Output]:
        """The person, at real time."""
        outputs = []
        for _ in range(round(seconds * 10)):
            said = self.command(AppendAudio(bytes(2 * RATE_HZ // 10)))
            self.now += 0.1
            for output in said:
                if isinstance(output, AskFence) and not self.slow:
                    assert self.codec.fence_passed(output.token, self.now) == []
            outputs += said
        return outputs

    def heard(self, words: str = "what time is it") -> list[Output]:
        return self.event("user_transcript", user_transcript=words, event_id=self.next())

    def words(self, words: str = "It is five.") -> list[Output]:
        return self.event("agent_response", agent_response=words, event_id=self.next())

    def audio(
        self, pcm: bytes = SECOND, number: int | None = None, chars: str = ""
    ) -> list[Output]:
        fields: dict[str, Any] = {"audio_base_64": base64.b64encode(pcm).decode()}
        fields["event_id"] = self.next() if number is None else number
        if chars:
            fields["alignment"] = {
                "chars": [*chars],
                "char_start_times_ms": [0] * len(chars),
                "char_durations_ms": [0] * len(chars),
            }
        return self.event("audio", **fields)

    def breaks_off(self, number: int | None = None) -> list[Output]:
        number = self.next() if number is None else number
        return self.event("interruption", event_id=number)

    def calls(self, call_id: str = "c1", name: str = "get_time", **more: Any) -> list[Output]:
        fields = {"tool_name": name, "tool_call_id": call_id, "parameters": {}, **more}
        return self.event("client_tool_call", event_id=self.next(), **fields)

    def next(self) -> int:
        self.number += 1
        return self.number

    def asked(self) -> Agent:
        """A turn was said, and taken."""
        self.says()
        assert told(self.heard()) == ["TurnCommitted", "UserTranscript what time is it"]
        return self

    def answering(self) -> Agent:
        """The agent answers a turn."""
        self.asked()
        self.words()
        self.audio()
        return self


def frames(outputs: Sequence[Output]) -> list[dict[str, Any]]:
    return [json.loads(o.data) for o in outputs if isinstance(o, SendFrame)]


def kinds(outputs: Sequence[Output]) -> list[str]:
    """Of the frames; sound has none."""
    return [frame.get("type", "sound") for frame in frames(outputs)]


def sent(outputs: Sequence[Output]) -> bytes:
    """The sound among the frames, as it was sent."""
    found = [f["user_audio_chunk"] for f in frames(outputs) if "user_audio_chunk" in f]
    return b"".join(base64.b64decode(chunk) for chunk in found)


def told(outputs: Sequence[Output]) -> list[str]:
    """The events, in short."""
    return [_in_short(event) for event in events(outputs)]


def _in_short(event: object) -> str:
    match event:
        case ReplyStarted(reply_id):
            return f"start {reply_id}"
        case ReplyAudio(reply_id, _, pcm):
            return f"audio {reply_id} {len(pcm)}"
        case ReplyTranscript(reply_id, _, text, final):
            assert final
            return f"words {reply_id} {text}"
        case ReplyDone(reply_id, status):
            return f"done {reply_id} {status}"
        case UserTranscript(text, final, _):
            assert final
            return f"UserTranscript {text}"
        case TurnCommitted():
            return "TurnCommitted"
        case _:
            return type(event).__name__
