"""Server events of the OpenAI Realtime protocol: from a message to checked fields.

Stateless, so that big messages can be parsed in any thread. Whatever the other
side sends, a `Message` or a `Malformed` comes out; nothing raises.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from device.providers.wire import Malformed, decode_base64, mapping, parse_object, text, whole

#: Names of the retired beta protocol that many compatible servers still send.
LEGACY_NAMES = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "conversation.item.created": "conversation.item.added",
}

AUDIO_DELTA = "response.output_audio.delta"


@dataclass(frozen=True, slots=True)
class Message:
    """One server event. The getters give the default for a missing or wrong field."""

    type: str
    fields: Mapping[str, object] = field(repr=False)
    audio: bytes | None = field(default=None, repr=False)  #: decoded delta of an audio event

    def text(self, name: str, default: str = "") -> str:
        return text(self.fields, name, default)

    def whole(self, name: str, default: int = 0) -> int:
        return whole(self.fields, name, default)

    def object(self, name: str) -> Mapping[str, object]:
        return mapping(self.fields, name)


def parse(data: str | bytes) -> Message | Malformed:
    """One WebSocket message, text or binary (some compatible servers send binary)."""
    parsed = parse_object(data)
    if isinstance(parsed, Malformed):
        return parsed
    name = text(parsed, "type")
    if not name:
        return Malformed("an event without a type")
    name = LEGACY_NAMES.get(name, name)
    if name != AUDIO_DELTA:
        return Message(name, parsed)
    audio = decode_base64(parsed.pop("delta", None))
    if audio is None:
        return Malformed("audio that is not base64")
    return Message(name, parsed, audio)
