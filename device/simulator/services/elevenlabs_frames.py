"""What a client may send to an ElevenLabs agent, checked field by field.

Stricter than the service may be: a field that nobody knows is refused, so that no slip of a
client's pen goes unnoticed. The one exception is ``text_only`` at the top of the overrides, which
the service's own Python client puts there.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from typing import Any

from device.simulator.services.elevenlabs_agent import ALL_EVENTS, ALL_OVERRIDES

Frame = Mapping[str, Any]

_NUMBER = (int, float)
_FIELDS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {
    # type -> (required fields, optional fields), each with its Python type
    "conversation_initiation_client_data": (
        {},
        {
            "conversation_config_override": dict,
            "custom_llm_extra_body": dict,
            "dynamic_variables": dict,
            "user_id": str,
            "source_info": dict,
            "tool_mock_config": dict,
        },
    ),
    "pong": ({"event_id": int}, {}),
    "client_tool_result": ({"tool_call_id": str, "result": str, "is_error": bool}, {}),
    "contextual_update": ({"text": str}, {"context_id": str}),
    "user_message": ({}, {"text": str, "rich_content_id": str}),
    "user_activity": ({}, {}),
    "feedback": ({"event_id": int, "score": (str, type(None))}, {}),
    "mcp_tool_approval_result": ({"tool_call_id": str, "is_approved": bool}, {}),
    "multimodal_message": ({}, {"text": dict, "file": dict, "files": list}),
    "file_input": ({"file_id": str}, {}),
}
_OVERRIDES: Mapping[str, Any] = {
    "agent.native_mcp_server_ids": list,
    "asr.keywords": list,
    "tts.stability": _NUMBER,
    "tts.speed": _NUMBER,
    "tts.similarity_boost": _NUMBER,
    "conversation.text_only": bool,
    "conversation.client_events": list,
}


class FrameError(ValueError):
    """A client's frame that the service does not accept; ``error_type`` is the service's word."""

    def __init__(self, error_type: str, message: str) -> None:
        super().__init__(message)
        self.error_type = error_type


def read(data: str | bytes) -> Frame:
    """A frame of a known kind with the fields that it should have. Raises FrameError."""
    if isinstance(data, bytes):
        raise FrameError("invalid_message", "Messages must be JSON text.")
    try:
        frame = json.loads(data)
    except (ValueError, RecursionError):
        raise FrameError("invalid_message", "The message is not valid JSON.") from None
    if not isinstance(frame, dict):
        raise FrameError("invalid_message", "The message is not an object.")
    if "type" not in frame and "user_audio_chunk" in frame:
        _check("user_audio_chunk", frame, {"user_audio_chunk": str}, {})
        return frame
    kind = frame.get("type")
    if not isinstance(kind, str) or kind not in _FIELDS or kind == "file_input":
        raise FrameError("invalid_message", f"Unknown message type: {str(kind)[:100]!r}.")
    _typed(kind, frame)
    if kind == "feedback" and frame["score"] not in ("like", "dislike", None):
        raise FrameError("value_error", "feedback.score must be like, dislike or null.")
    if kind == "multimodal_message":
        _multimodal(frame)
    return frame


def audio(frame: Frame) -> bytes:
    """Of a ``user_audio_chunk``. Raises FrameError."""
    try:
        return base64.b64decode(frame["user_audio_chunk"], validate=True)
    except (binascii.Error, ValueError):
        raise FrameError("invalid_message", "user_audio_chunk is not base64.") from None


def overrides(frame: Frame, allowed: frozenset[str]) -> Mapping[str, Any]:
    """What an initiation asks to be otherwise: path -> value. Raises FrameError."""
    asked = dict(_flat("", frame.get("conversation_config_override", {})))
    asked.pop("text_only", None)
    for path, value in asked.items():
        if path not in ALL_OVERRIDES:
            raise FrameError("invalid_message", f"Unknown override: {path!r}.")
        if path not in allowed:
            raise FrameError("override_error", f"Override for field '{path}' is not allowed.")
        expected = _OVERRIDES.get(path, str)
        if not isinstance(value, expected) or (expected is _NUMBER and isinstance(value, bool)):
            raise FrameError("value_error", f"Override for field '{path}' has a wrong type.")
        if expected is list and not all(isinstance(item, str) for item in value):
            raise FrameError("value_error", f"Override for field '{path}' has a wrong type.")
    if not set(asked.get("conversation.client_events", ())) <= ALL_EVENTS:
        raise FrameError("value_error", "conversation.client_events names an unknown event.")
    return asked


def _flat(prefix: str, tree: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and path.count(".") < 2:
            yield from _flat(f"{path}.", value)
        else:
            yield path, value


def _multimodal(frame: Frame) -> None:
    if not frame.keys() & {"text", "file", "files"}:
        raise FrameError("missing_fields", "multimodal_message has neither text nor file.")
    parts = [(frame[name], kind) for name, kind in _PARTS if name in frame]
    parts += [(part, "file_input") for part in frame.get("files", ())]
    for part, kind in parts:
        if not isinstance(part, dict) or part.get("type") != kind:
            raise FrameError("invalid_message", f"multimodal_message wants a {kind} there.")
        _typed(kind, part)


_PARTS = (("text", "user_message"), ("file", "file_input"))


def _typed(kind: str, frame: Frame) -> None:
    required, optional = _FIELDS[kind]
    _check(kind, frame, {"type": str, **required}, optional)


def _check(
    kind: str, frame: Frame, required: Mapping[str, Any], optional: Mapping[str, Any]
) -> None:
    missing = sorted(required.keys() - frame.keys())
    if missing:
        raise FrameError("missing_fields", f"{kind} lacks {', '.join(missing)}.")
    known = {**required, **optional}
    for name, value in frame.items():
        if name not in known:
            raise FrameError("invalid_message", f"{kind} has no field {name[:100]!r}.")
        expected = known[name]
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            raise FrameError("value_error", f"{kind}.{name} has a wrong type.")
