"""What differs between the services that speak this protocol: doors, keys, names of events."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlsplit

from device.simulator.services.openai_shapes import Json

NAMES = ("openai", "azure", "xai", "voice_live")
MODELS = {
    "openai": "gpt-realtime-2.1",
    "azure": "my-deployment",
    "xai": "grok-voice-latest",
    "voice_live": "gpt-realtime",
}
PATHS = {
    "openai": "/v1/realtime",
    "azure": "/openai/v1/realtime",
    "xai": "/v1/realtime",
    "voice_live": "/voice-live/realtime",
}
API_VERSION = "2026-04-10"


@dataclass(frozen=True, slots=True)
class Door:
    """What a hand-shake shows. ``key`` is None where there is none at all."""

    path: str
    query: Mapping[str, str]
    key: str | None
    beta: bool

    @property
    def model(self) -> str:
        return self.query.get("model", "")


def door(dialect: str, target: str, headers: Mapping[str, str]) -> Door:
    """Of a request's target and headers; Azure also takes ``api-key``, in a header or the URL."""
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    scheme, _, bearer = headers.get("Authorization", "").partition(" ")
    key = bearer if scheme.lower() == "bearer" and bearer else None
    if dialect in ("azure", "voice_live"):
        key = headers.get("api-key") or query.get("api-key") or key
    return Door(parts.path, query, key, "realtime=v1" in headers.get("OpenAI-Beta", ""))


_RENAMED = {
    "response.output_audio.": "response.audio.",
    "response.output_audio_transcript.": "response.audio_transcript.",
    "response.output_text.": "response.text.",
}
_DROPPED = {
    "conversation.item.done",
    "rate_limits.updated",
    "input_audio_buffer.timeout_triggered",
}


def to_voice_live(event: Json) -> Json | None:
    """A GA event in the beta's names; None where the beta has none."""
    kind = event["type"]
    if kind in _DROPPED:
        return None
    for ours, theirs in _RENAMED.items():
        if kind.startswith(ours):
            return event | {"type": theirs + kind.removeprefix(ours)}
    event = dict(event)
    if kind == "conversation.item.added":
        event["type"] = "conversation.item.created"
    if kind.endswith("input_audio_transcription.completed"):
        event.pop("usage", None)
    if "item" in event:
        event["item"] = beta_item(event["item"])
    if "part" in event:
        event["part"] = {k: v for k, v in event["part"].items() if k != "audio"}
    if "response" in event:
        event["response"] = _beta_response(event["response"])
    return event


def beta_item(item: Json) -> Json:
    item = dict(item)
    if item["type"] == "function_call_output":
        item.pop("status", None)
    if item.get("role") == "user":  # the client's models require the sound, if only as a blank
        item["content"] = [
            {"audio": ""} | part if part["type"] == "input_audio" else part
            for part in item["content"]
        ]
    if item.get("role") == "assistant":
        item["content"] = [
            {k: v for k, v in part.items() if k != "audio"}
            | {"type": part["type"].removeprefix("output_")}
            for part in item["content"]
        ]
    return item


def _beta_response(response: Json) -> Json:
    response = dict(response)
    audio = response.pop("audio")["output"]
    modalities = response.pop("output_modalities")
    return response | {
        "modalities": ["text", "audio"] if modalities == ["audio"] else ["text"],
        "voice": audio["voice"],
        "output_audio_format": audio["format"],
        "output": [beta_item(item) for item in response["output"]],
    }


def to_xai(event: Json) -> Json | None:
    """xAI tells the words so far, not the new ones."""
    if event["type"].endswith("input_audio_transcription.delta"):
        event = dict(event, type=event["type"].replace(".delta", ".updated"))
        event["transcript"] = event.pop("so_far")
        del event["delta"]
    return event


def to_openai(event: Json) -> Json | None:
    return {name: value for name, value in event.items() if name != "so_far"}


def outgoing(dialect: str) -> Callable[[Json], Json | None]:
    """The translator of our events into the dialect's; None: not sent at all."""
    if dialect == "xai":
        return to_xai
    if dialect == "voice_live":
        return lambda event: to_voice_live(to_openai(event) or event)
    return to_openai


def from_voice_live(response: Mapping[str, Any]) -> Json:
    """``response.create`` of the beta in the names of GA."""
    renamed: Json = {}
    for name, value in response.items():
        match name:
            case "modalities":
                renamed["output_modalities"] = ["audio"] if "audio" in value else ["text"]
            case "voice":
                renamed["voice"] = value
            case "output_audio_format":
                renamed["flat_format"] = value
            case "input_items":
                renamed["input"] = value
            case "pre_generated_assistant_message":
                renamed["words"] = " ".join(
                    part.get("text", "") for part in value.get("content", [])
                )
            case "instructions" | "tools" | "tool_choice" | "max_output_tokens" | "metadata":
                renamed[name] = value
            case "cancel_previous" | "append_input_items" | "commit":
                renamed[name] = value
    return renamed
