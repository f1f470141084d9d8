"""Cartesia Line agents over WebSocket.

JSON with base64 sound both ways. The protocol has no transcripts, no turns and no ends of
replies (see ``duplex.py``); ``clear`` says that the agent heard the person and broke off.
There is no field for instructions, tools or history: they are the agent's own.

Two addresses are known, and which one is meant is told by ``api_version``: up to 2026-08-13
``/agents/stream/{agent}`` with an access token, from then on ``/v1/agents/websocket/{agent}``
with an API key. An address of the owner's with a path of its own is taken as it is (``{agent_id}``
in it is replaced), and a path with ``/v1/`` means the second.

Not verified against the live service: that the second address speaks the same messages; that
sound comes back in the format that was asked for; how errors look (``error`` is understood in
the usual shapes); how long an agent pauses between sentences (``PAUSE_S``). Keep-alive is the
link's WebSocket ping.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from urllib.parse import quote, urlsplit, urlunsplit

from device.capabilities import Capabilities
from device.events import ErrorKind
from device.providers.base import Connect, Note, Output, SendFrame, Service, SessionSpec
from device.providers.duplex import Duplex, Manner
from device.providers.faults import Fault
from device.providers.wire import (
    Malformed,
    decode_base64,
    encode_base64,
    frame,
    mapping,
    parse_object,
    text,
)

URL = "wss://api.cartesia.ai"
TOKEN_PATH, KEY_PATH = "/agents/stream/{agent_id}", "/v1/agents/websocket/{agent_id}"
KEY_PATH_SINCE = "2026-08-14"
WANTS_TOKEN = (
    "this address wants an access token (cartesia.key_url or key_command fetches one); "
    f'an API key is taken with cartesia.api_version = "{KEY_PATH_SINCE}"'
)
WANTS_KEY = "this address wants an API key"
PAUSE_S = 2.0
FEED_S = 30.0

ABLE = Capabilities(
    uplink_rate_hz=24000,
    downlink_rate_hz=24000,
    detects_turns=True,
    truncates=False,
    calls_tools=False,
    transcribes_user=False,
    commits=False,
    tells_turns=False,
    tells_ends=False,
)

_OF_NO_USE = frozenset({"dtmf", "custom"})


@dataclass(frozen=True, slots=True)
class _Sound:
    pcm: bytes


class CartesiaLine(Duplex):
    """One session. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec) -> None:
        rate_hz = int(spec.options.get("rate_hz", 24000))
        able = replace(ABLE, uplink_rate_hz=rate_hz, downlink_rate_hz=rate_hz)
        super().__init__(spec, able, Manner(PAUSE_S, FEED_S))
        self._version = str(spec.options.get("api_version", "2025-04-16"))
        self._stream_id = ""
        self._wants_token = True  # for an access token, not for an API key

    def _begin(self, now: float) -> list[Output]:
        agent_id = str(self._spec.options.get("agent_id", ""))
        url = _address(self._spec.url, self._version, agent_id)
        if not url:
            return self._end(ErrorKind.PROTOCOL, "cartesia.agent_id is not set")
        headers = {"Cartesia-Version": self._version}
        self._wants_token = "/v1/" not in urlsplit(url).path
        if self._spec.key and not self._wants_token:
            headers["X-API-Key"] = self._spec.key
        elif self._spec.key:
            headers["Authorization"] = f"Bearer {self._spec.key}"
        return [Connect(url, headers)]

    def _greet(self, now: float) -> list[Output]:
        config: dict[str, object] = {"input_format": f"pcm_{self._able.uplink_rate_hz}"}
        if self._spec.voice:
            config["voice_id"] = self._spec.voice
        return [SendFrame(frame({"event": "start", "config": config}))]

    def _parse(self, data: str | bytes) -> object:
        message = parse_object(data)
        if isinstance(message, Malformed) or _kind(message) != "media_output":
            return message
        pcm = decode_base64(mapping(message, "media").get("payload"))
        return Malformed("media_output without sound") if pcm is None else _Sound(pcm)

    def _on_message(self, message: object, now: float) -> list[Output]:
        if isinstance(message, _Sound):
            return self._hear(message.pcm, now) if self._usable else []
        assert isinstance(message, dict)
        match kind := _kind(message):
            case "ack":
                return self._on_ack(message, now)
            case "clear":
                return self._service_broke_off(now)
            case "transfer_call":
                return [Note("the agent wants to hand the call over, which is not possible here")]
            case "error":
                return self._on_error(message)
            case _ if kind in _OF_NO_USE:
                return []
            case _:
                return self._on_unknown(kind)

    def _on_ack(self, message: dict[str, object], now: float) -> list[Output]:
        spoken = text(mapping(message, "config"), "input_format")
        known = re.fullmatch(r"pcm_(\d{4,6})", spoken)
        if spoken and not known:
            words = f"the agent wants {self._explain.clean(spoken, 40)}, not PCM"
            return self._end(ErrorKind.PROTOCOL, words)
        if known and int(known[1]) != self._able.uplink_rate_hz:
            words = f"the agent wants {known[1]} Hz, not {self._able.uplink_rate_hz}"
            return self._end(ErrorKind.PROTOCOL, words)
        self._stream_id = text(message, "stream_id") or self._stream_id
        return self._ready(self._stream_id, now)

    def _fault_of_refusal(self, status: int, body: bytes) -> Fault:
        fault = super()._fault_of_refusal(status, body)
        if fault.kind is not ErrorKind.KEY:
            return fault
        wanted = WANTS_TOKEN if self._wants_token else WANTS_KEY
        return replace(fault, detail=f"{fault.detail}: {wanted}")

    def _on_error(self, message: dict[str, object]) -> list[Output]:
        error = mapping(message, "error") or message
        words = text(error, "message") or text(message, "error")
        fault = self._explain.error({**error, "message": words})
        if fault.over or not self._usable:
            return self._end_with(fault)
        return self._trouble(fault.kind, fault.detail)

    def _uplink(self, pcm: bytes, now: float) -> list[Output]:
        fields: dict[str, object] = {"event": "media_input"}
        if self._stream_id:
            fields["stream_id"] = self._stream_id
        return [SendFrame(frame({**fields, "media": {"payload": encode_base64(pcm)}}))]


def _kind(message: dict[str, object]) -> str:
    return text(message, "event") or text(message, "type")


def _address(url: str, version: str, agent_id: str) -> str:
    """Empty: there is no agent to ask for."""
    parts = urlsplit(url)
    path = parts.path
    if path.strip("/") == "":
        path = KEY_PATH if version >= KEY_PATH_SINCE else TOKEN_PATH
    elif path.endswith(("/agents/stream", "/agents/websocket")):
        path += "/{agent_id}"
    if "{agent_id}" in path and not agent_id:
        return ""
    path = path.replace("{agent_id}", quote(agent_id, safe=""))
    return urlunsplit((parts.scheme, parts.netloc, path, parts.query, ""))


SERVICE = Service(
    CartesiaLine, ABLE, URL, needs=("agent_id",), ignores={"instructions": "", "model": ""}
)
