"""Plays the link for Wiro's codecs, and a service whose words are told one by one."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import Any

from device.commands import AppendAudio, ServiceCommand
from device.events import (
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    TurnCommitted,
    UserTranscript,
)
from device.providers.base import (
    AskFence,
    Connect,
    Disconnect,
    Emit,
    HttpRequest,
    Output,
    SendFrame,
    SessionSpec,
)
from device.providers.wiro import API_URL, Wiro
from device.providers.wiro_agent import WiroAgent
from device.providers.wiro_talk import Talk

KEY = "the-key-of-this-test"
TOKEN = "aB3-socket-access-token"
SESSION = "vws-0001-of-this-test"
SESSION_TOKEN = "payload0123.hmac0123"
WS_URL = "wss://socket.wiro.ai/v1/AgentRealtime/Web?ticket=ticket0123"
PIECE_S = 0.1
REPLY = struct.pack("<h", 3000) * 2400


def tone(seconds: float, level: int = 8000) -> bytes:
    return struct.pack("<hh", level, -level) * round(seconds * 12000)


class Talker:
    """Collects everything a codec puts out; time passes as audio is appended. ``line_s``: what is
    asked about what was given up is answered so much later."""

    def __init__(self, codec: Talk, prefix: str, line_s: float = 0.1) -> None:
        self.codec = codec
        self.prefix = prefix
        self.now = 100.0
        self.outputs: list[Output] = []
        self.line_s = line_s
        self._marks: list[tuple[float, str]] = []

    def take(self, outputs: Sequence[Output]) -> list[Output]:
        self.outputs += outputs
        for output in outputs:
            if isinstance(output, AskFence) and output.token.startswith("gone_"):
                self._marks.append((self.now + self.line_s, output.token))
        return list(outputs)

    def says(self, kind: str, **fields: Any) -> list[Output]:
        return self.raw(json.dumps({"type": kind, **fields}))

    def raw(self, data: str | bytes) -> list[Output]:
        return self.take(self.codec.received(data, self.now))

    def sounds(self, pcm: bytes = REPLY) -> list[Output]:
        """Sound of the service."""
        return self.raw(self.prefix.encode() + b"|" + pcm)

    def command(self, command: ServiceCommand) -> list[Output]:
        return self.take(self.codec.command(command, self.now))

    def wait(self, seconds: float) -> list[Output]:
        """Time passes, and every deadline on the way is kept."""
        until = self.now + seconds
        outputs: list[Output] = []
        for _ in range(10_000):
            due = min([until, *(at for at, _ in self._marks)])
            if self.codec.deadline is not None:
                due = min(due, self.codec.deadline)
            if due == until and until != self.codec.deadline:
                break
            self.now = max(self.now, due)
            outputs += self._come_due()
        self.now = until
        return outputs

    def _come_due(self) -> list[Output]:
        for at, fence in [*self._marks]:
            if at <= self.now:
                self._marks.remove((at, fence))
                assert self.codec.fence_passed(fence, self.now) == []
        return self.take(self.codec.timeout(self.now))

    def speaks(self, seconds: float, pcm: bytes = b"") -> list[Output]:
        """The person, at real time; silence where ``pcm`` is not given."""
        outputs: list[Output] = []
        for n in range(round(seconds / PIECE_S)):
            piece = pcm[n * 4800 : (n + 1) * 4800] or bytes(4800)
            outputs += self.command(AppendAudio(piece)) + self.wait(PIECE_S)
        return outputs

    def asks(self) -> list[Output]:
        """A second of speech, and enough silence for any service to take it for a turn."""
        return self.speaks(1.0, tone(1.0)) + self.speaks(0.6)

    def passes_fences(self) -> None:
        for output in self.outputs:
            if isinstance(output, AskFence):
                assert self.codec.fence_passed(output.token, self.now) == []


class Task(Talker):
    """Product A."""

    codec: Wiro

    def __init__(self, model: str = "", wall_ahead_s: float | None = None, **more: Any) -> None:
        spec = SessionSpec(**{"url": API_URL, "key": KEY, "model": model, **more})
        super().__init__(Wiro(spec, wall_ahead_s), TOKEN)

    def runs(self, **answer: Any) -> list[Output]:
        """The task is started, and the socket is up."""
        self.take(self.codec.start(self.now))
        answer = answer or {"result": True, "errors": [], "taskid": "7", "socketaccesstoken": TOKEN}
        outputs = self.answered(answer)
        if any(isinstance(o, Connect) for o in outputs):
            outputs += self.take(self.codec.opened(self.now))
        return outputs

    def answered(self, answer: Any, status: int = 200) -> list[Output]:
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        (request,) = [o for o in self.outputs if isinstance(o, HttpRequest)]
        return self.take(self.codec.http_answered(request.token, status, body, self.now))

    def ready(self) -> Task:
        self.runs()
        self.says("task_stream_ready", tasktoken=TOKEN)
        return self

    def understands(self, text: str) -> list[Output]:
        return self.says("task_output", message=f"TRANSCRIPT_USER:{text}")

    def words(self, text: str) -> list[Output]:
        return self.says("task_output", message=f"TRANSCRIPT_AI:{text}")

    def ends(self) -> list[Output]:
        return self.says("task_stream_end")


class Channel(Talker):
    """Product B."""

    codec: WiroAgent

    def __init__(self, **more: Any) -> None:
        options = {"agent": "guid-0001", **more.pop("options", {})}
        spec = SessionSpec(**{"url": API_URL, "key": KEY, "options": options, **more})
        super().__init__(WiroAgent(spec), SESSION)

    def starts(self, **changed: Any) -> list[Output]:
        self.take(self.codec.start(self.now))
        answer = {
            "result": True,
            "sessionId": SESSION,
            "wsUrl": WS_URL,
            "sessionToken": SESSION_TOKEN,
            "expiresAt": 1_800_000_000_000,
            "estimatedReadyMs": 4000,
            **changed,
        }
        (request,) = [o for o in self.outputs if isinstance(o, HttpRequest)]
        body = json.dumps(answer).encode()
        outputs = self.take(self.codec.http_answered(request.token, 200, body, self.now))
        if any(isinstance(o, Connect) for o in outputs):
            outputs += self.take(self.codec.opened(self.now))
        return outputs

    def ready(self) -> Channel:
        self.starts()
        self.says("connecting")
        self.says("ready")
        return self

    def understands(self, text: str) -> list[Output]:
        return self.says("transcript", role="user", text=text, ts=1)

    def words(self, text: str) -> list[Output]:
        return self.says("transcript", role="ai", text=text, ts=1)


def emitted(outputs: Sequence[Output]) -> list[Any]:
    return [o.event for o in outputs if isinstance(o, Emit)]


def told(outputs: Sequence[Output]) -> list[str]:
    """The conversation's events in short."""
    found = []
    for event in emitted(outputs):
        match event:
            case TurnCommitted():
                found.append("turn")
            case UserTranscript(text):
                found.append(f"user: {text}")
            case ReplyStarted():
                found.append("reply")
            case ReplyAudio():
                found.append("sound")
            case ReplyTranscript(_, _, text, final):
                found.append(f"{'says' if final else 'saying'}: {text}")
            case ReplyDone(_, status):
                found.append(status)
            case ReplyInterrupted():
                found.append("interrupted")
    return found


def texts(outputs: Sequence[Output]) -> list[dict[str, Any]]:
    """The messages that are not sound."""
    return [json.loads(o.data) for o in outputs if isinstance(o, SendFrame) and _is_text(o)]


def chunks(outputs: Sequence[Output]) -> list[bytes]:
    """The messages that are."""
    return [bytes(o.data) for o in outputs if isinstance(o, SendFrame) and not _is_text(o)]


def sent_pcm(outputs: Sequence[Output], prefix: str = TOKEN) -> bytes:
    whole = b""
    for chunk in chunks(outputs):
        assert chunk.startswith(prefix.encode() + b"|")
        whole += chunk[len(prefix) + 1 :]
    return whole


def ending(outputs: Sequence[Output]) -> Disconnect:
    (found,) = [o for o in outputs if isinstance(o, Disconnect)]
    return found


def reply_id(outputs: Sequence[Output]) -> str:
    (found,) = [e.reply_id for e in emitted(outputs) if isinstance(e, ReplyStarted)]
    return str(found)


def _is_text(output: SendFrame) -> bool:
    return isinstance(output.data, str)
