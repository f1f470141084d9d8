"""Vapi assistants over their WebSocket transport.

A call is asked for over HTTP (``Service.url``); the answer names the address of its socket, which
is as good as a key and is never shown. There binary messages are sound, both ways, and text is
control. Nothing marks turns or replies for certain (see ``duplex.py``); instructions, tools and
history are the assistant's own.

Not verified against the live service: all control messages but ``hangup``. ``speech-update``,
``transcript`` and ``user-interrupted`` are understood by their usual fields, bare or inside
``message``; without them the sound alone decides:

- ``transcript`` of the user, final: the turn was taken; of the assistant, final: its words.
  Partial ones are passed over, because it is not known whether they are repeated whole.
- ``speech-update``, assistant, stopped: shortens the silence that ends the reply. It may come
  between two sentences.
- ``user-interrupted``: the assistant has broken off.

An assistant ends a call that is silent for too long, as it is configured; every call costs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from device.capabilities import Capabilities
from device.events import ErrorKind, UserTranscript
from device.providers.base import (
    Connect,
    Emit,
    HttpRequest,
    Output,
    SendFrame,
    Service,
    SessionSpec,
)
from device.providers.duplex import Duplex, Manner
from device.providers.faults import Explainer
from device.providers.wire import Malformed, frame, mapping, parse_object, text

URL = "https://api.vapi.ai/call"
PAUSE_S = 2.0
STOPPED_PAUSE_S = 1.5
"""Below that a speaker pauses between two sentences."""

FEED_S = 30.0

ABLE = Capabilities(
    uplink_rate_hz=16000,
    downlink_rate_hz=16000,
    detects_turns=True,
    truncates=False,
    calls_tools=False,
    transcribes_user=True,
    commits=False,
    tells_turns=False,
    tells_ends=False,
    opens_within_s=5.0,
)

_OF_NO_USE = frozenset(
    {"conversation-update", "model-output", "voice-input", "metadata", "status-update"}
)


class _Discreet(Explainer):
    """Does not tell where the call is, either."""

    def __init__(self, key: str, url: str) -> None:
        super().__init__(key)
        parts = urlsplit(url)
        steps = parts.path.split("/")
        values = [pair.partition("=")[2] for pair in parts.query.split("&")]
        told = (url, parts.path, parts.query, *steps, *values, *map(unquote, (*steps, *values)))
        self._hidden = sorted({t for t in told if len(t) > 8}, key=len, reverse=True)

    def clean(self, words: str, limit: int = 200) -> str:
        for secret in self._hidden:
            words = words.replace(secret, "[call]")
        return super().clean(words, limit)


class Vapi(Duplex):
    """One call. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec) -> None:
        rate_hz = int(spec.options.get("rate_hz", 16000))
        able = replace(ABLE, uplink_rate_hz=rate_hz, downlink_rate_hz=rate_hz)
        super().__init__(spec, able, Manner(PAUSE_S, FEED_S))

    def _begin(self, now: float) -> list[Output]:
        assistant_id = str(self._spec.options.get("assistant_id", ""))
        if not assistant_id:
            return self._end(ErrorKind.PROTOCOL, "vapi.assistant_id is not set")
        sound = {
            "format": "pcm_s16le",
            "container": "raw",
            "sampleRate": self._able.uplink_rate_hz,
        }
        transport = {"provider": "vapi.websocket", "audioFormat": sound}
        body = json.dumps({"assistantId": assistant_id, "transport": transport}).encode()
        headers = {"Content-Type": "application/json"}
        if self._spec.key:
            headers["Authorization"] = f"Bearer {self._spec.key}"
        return [HttpRequest("call", "POST", self._spec.url, headers, body)]

    def _answered(self, token: str, status: int, body: bytes, now: float) -> list[Output]:
        if not 200 <= status < 300:
            return self._end_with(self._explain.refusal(status, body))
        answer = parse_object(body)
        asked_securely = self._spec.url.startswith("https:")
        url = "" if isinstance(answer, Malformed) else _socket_of(answer, securely=asked_securely)
        if not url:
            return self._end(ErrorKind.PROTOCOL, "the service named no address for the call")
        self._explain = _Discreet(self._spec.key, url)
        return [*self._opens(), Connect(url)]

    def _greet(self, now: float) -> list[Output]:
        return self._ready("", now)  # the call's own name is part of its address

    def _parse(self, data: str | bytes) -> object:
        return data if isinstance(data, bytes) else parse_object(data)

    def _on_message(self, message: object, now: float) -> list[Output]:
        if not self._usable:
            return []
        if isinstance(message, bytes):
            return self._hear(message, now)
        assert isinstance(message, dict)
        told = message if text(message, "type") else mapping(message, "message")
        match kind := text(told, "type"):
            case "transcript":
                by, words = text(told, "role"), text(told, "transcript").strip()
                final = text(told, "transcriptType") == "final"
                return self._on_transcript(by, words, now) if final and words else []
            case "speech-update":
                if text(told, "role") == "assistant":
                    stopped = text(told, "status") == "stopped"
                    self._pause_s = STOPPED_PAUSE_S if stopped else PAUSE_S
                return []
            case "user-interrupted":
                return self._service_broke_off(now)
            case "hangup" | "end-of-call-report":
                return self._end(ErrorKind.SERVICE, "the assistant ended the call")
            case "error":
                return self._on_error(mapping(told, "error") or told)
            case _ if kind in _OF_NO_USE:
                return []
            case _:
                return self._on_unknown(kind)

    def _on_transcript(self, by: str, words: str, now: float) -> list[Output]:
        if by == "assistant":
            return self._say(words + " ")
        if by != "user" or (self._called_off and not self._speaker.may_have_finished):
            return []  # it may be about what was called off
        taken = self._take_turn(now)
        if not taken and not self._speech.reply_id:
            return []
        return [*taken, Emit(UserTranscript(words, True, self._turn_id))]

    def _on_error(self, error: Mapping[str, object]) -> list[Output]:
        fault = self._explain.error(error)
        if fault.over:
            return self._end_with(fault)
        return self._trouble(fault.kind, fault.detail)

    def _uplink(self, pcm: bytes, now: float) -> list[Output]:
        return [SendFrame(pcm)]

    def _farewell(self, reason: str, now: float) -> list[Output]:
        return [SendFrame(frame({"type": "hangup"}))]


def _socket_of(answer: Mapping[str, object], *, securely: bool) -> str:
    """Where the call is, or nothing that could be used; ``securely``: by TLS only, as the call
    was asked for."""
    url = text(mapping(answer, "transport"), "websocketCallUrl")
    try:
        parts = urlsplit(url)
        schemes = ("wss",) if securely else ("wss", "ws")
        usable = parts.scheme in schemes and bool(parts.hostname)
    except ValueError:
        return ""
    return url if usable else ""


SERVICE = Service(
    Vapi,
    ABLE,
    URL,
    needs=("assistant_id",),
    ignores={"instructions": "", "voice": "", "model": ""},
)
