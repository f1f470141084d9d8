"""What is sent to an ElevenLabs agent: addresses, the first message, and all others. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from device.providers import elevenlabs_mulaw as mulaw
from device.providers import elevenlabs_overrides as overrides
from device.providers.base import SessionSpec
from device.providers.wire import encode_base64, frame

PATH = "/v1/convai/conversation"
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 8000, 48000


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One direction's audio, as the agent is set up. The codec's side is mono s16le at the same
    rate."""

    rate_hz: int
    mulaw: bool = False

    def to_pcm(self, data: bytes) -> bytes:
        return mulaw.decode(data) if self.mulaw else data

    def from_pcm(self, pcm: bytes) -> bytes:
        return mulaw.encode(pcm) if self.mulaw else pcm


def audio_format(name: str) -> AudioFormat | None:
    """``pcm_24000``, ``ulaw_8000``; None: nobody here speaks it."""
    match = re.fullmatch(r"(pcm|ulaw)_(\d{4,5})", name, re.ASCII)
    if match is None:
        return None
    rate_hz = int(match[2])
    if not LOWEST_RATE_HZ <= rate_hz <= HIGHEST_RATE_HZ:
        return None
    return AudioFormat(rate_hz, mulaw=match[1] == "ulaw")


# --- addresses ----------------------------------------------------------------------


def agent_of(spec: SessionSpec) -> str:
    """Its id: of the options, of the address, or in place of a model. Raises ValueError: the
    address is none."""
    query = dict(parse_qsl(urlsplit(spec.url).query))
    return str(spec.options.get("agent_id", "")) or query.get("agent_id", "") or spec.model


def address(spec: SessionSpec, agent_id: str) -> str:
    """Where the conversation of a public agent is held. Raises ValueError."""
    return _address(spec, agent_id, signing=False)


def signing_address(spec: SessionSpec, agent_id: str) -> str:
    """Where the address of a private agent's conversation is asked for. Raises ValueError."""
    return _address(spec, agent_id, signing=True)


def _address(spec: SessionSpec, agent_id: str, *, signing: bool) -> str:
    parts = urlsplit(spec.url)
    query = {**dict(parse_qsl(parts.query)), "agent_id": agent_id}
    environment = str(spec.options.get("environment", ""))
    if environment:
        query["environment"] = environment
    path = parts.path.rstrip("/") or PATH
    scheme = parts.scheme
    if signing:
        path += "/get-signed-url"
        scheme = {"ws": "http", "wss": "https"}.get(scheme, scheme)
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))


def is_signed(url: str) -> bool:
    """Whether the address that is configured is a signed one. Raises ValueError."""
    return "conversation_signature" in dict(parse_qsl(urlsplit(url).query))


def is_address(value: str) -> bool:
    """Whether a socket can be opened there."""
    return value.startswith(("wss://", "ws://"))


# --- frames ---------------------------------------------------------------------------


def initiation(spec: SessionSpec) -> str:
    """The first message."""
    fields: dict[str, object] = {"type": "conversation_initiation_client_data"}
    if config := overrides.config(spec):
        fields["conversation_config_override"] = config
    if variables := overrides.variables(spec):
        fields["dynamic_variables"] = variables
    if spec.options.get("user_id"):
        fields["user_id"] = str(spec.options["user_id"])
    return frame(fields)


def sound(pcm: bytes, form: AudioFormat) -> str:
    """The one message without a type. ``pcm``: mono s16le, whole samples."""
    return frame({"user_audio_chunk": encode_base64(form.from_pcm(pcm))})


def context(words: str) -> str:
    return frame({"type": "contextual_update", "text": words})


def pong(event_id: int) -> str:
    return frame({"type": "pong", "event_id": event_id})


def activity() -> str:
    return frame({"type": "user_activity"})


def tool_result(call_id: str, result: str, *, is_error: bool) -> str:
    return frame(
        {
            "type": "client_tool_result",
            "tool_call_id": call_id,
            "result": result,
            "is_error": is_error,
        }
    )


def mcp_refusal(call_id: str) -> str:
    return frame(
        {"type": "mcp_tool_approval_result", "tool_call_id": call_id, "is_approved": False}
    )
