"""Messages of the ElevenLabs Agents WebSocket as they come in. Stateless, any thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from device.providers.wire import Malformed, decode_base64, mapping, parse_object, text, whole

#: Under which name a message holds its fields.
PAYLOADS: Mapping[str, str] = {
    "agent_response": "agent_response_event",
    "agent_tool_request": "agent_tool_request",
    "agent_tool_response": "agent_tool_response",
    "audio": "audio_event",
    "client_tool_call": "client_tool_call",
    "conversation_initiation_metadata": "conversation_initiation_metadata_event",
    "error": "error_event",
    "interruption": "interruption_event",
    "mcp_tool_call": "mcp_tool_call",
    "ping": "ping_event",
    "user_transcript": "user_transcription_event",
}
#: Nobody waits for anything that these say.
ONLY_TELLING = frozenset({"agent_tool_request", "agent_tool_response"})
OF_NO_USE = frozenset(
    {
        "agent_chat_response_part",
        "agent_response_correction",  # the device knows what was heard
        "agent_tool_response_full_payload",
        "agent_typing",
        "asr_initiation_metadata",
        "context_usage",
        "guardrail_triggered",
        "mcp_connection_status",
        "rich_content",
        "tentative_user_transcript",
        "vad_score",
    }
)
OF_NO_USE_FAMILIES = ("agent_reasoning_", "external_agent_", "internal_")
#: Numbers of events beyond this are none: they would drown all that follow.
MOST_EVENTS = 2**53


@dataclass(frozen=True, slots=True)
class Incoming:
    """One message. ``audio`` is what an ``audio`` message carries, in the agent's format, and
    ``voiced`` how many letters of its words the agent says are in it."""

    type: str
    fields: Mapping[str, object]
    audio: bytes = field(default=b"", repr=False)
    voiced: int = 0

    @property
    def event_id(self) -> int | None:
        """The number of the event, or None where it has no usable one."""
        number = whole(self.fields, "event_id", -1)
        return number if 0 <= number < MOST_EVENTS else None


def parse(data: str | bytes) -> Incoming | Malformed:
    message = parse_object(data)
    if isinstance(message, Malformed):
        return message
    kind = text(message, "type")
    if not kind:
        return Malformed("no type")
    name = PAYLOADS.get(kind)
    if name is None:
        return Incoming(kind, {})
    fields = message.get(name)
    if fields is None and kind in ONLY_TELLING:
        fields = {}
    if kind == "error" and fields is None:
        fields = message  # a quota that is used up is told without an event
    if not isinstance(fields, dict):
        return Malformed(f"{kind} without {name}")
    if kind != "audio":
        return Incoming(kind, fields)
    audio = decode_base64(fields.get("audio_base_64"))
    if audio is None:
        return Malformed("audio that is not base64")
    return Incoming(kind, fields, audio, _voiced(mapping(fields, "alignment")))


def letters(words: str) -> int:
    """How many there are, without the spaces, which the two ways of telling do not share."""
    return sum(not c.isspace() for c in words)


def _voiced(alignment: Mapping[str, object]) -> int:
    chars = alignment.get("chars")
    if not isinstance(chars, list):
        return 0
    return sum(letters(c) for c in chars if isinstance(c, str))
