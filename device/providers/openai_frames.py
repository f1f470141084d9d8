"""Client events of the OpenAI Realtime protocol (GA shape): from values to JSON text.

Pure functions. Strings are escaped to ASCII, so any text can be sent.
"""

from __future__ import annotations

import binascii
import json
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from device.providers.base import SessionSpec

RATE_HZ = 24000  #: the only PCM rate of the protocol
BYTES_PER_MS = RATE_HZ * 2 // 1000

_FORMAT = {"type": "audio/pcm", "rate": RATE_HZ}


def address(spec: SessionSpec, default_model: str) -> str:
    """The WebSocket address with ``?model=``, unless the owner's address chooses already."""
    parts = urlsplit(spec.url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    model = spec.model or default_model
    if model and not {"model", "call_id", "deployment"} & {name for name, _ in query}:
        query.append(("model", model))
    return urlunsplit(parts._replace(query=urlencode(query), fragment=""))


def session_update(spec: SessionSpec, event_id: str) -> str:
    """The whole wish of the owner in one frame."""
    audio_input: dict[str, object] = {
        "format": _FORMAT,
        "noise_reduction": _noise_reduction(spec),
        "transcription": _transcription(spec),
        "turn_detection": _turn_detection(spec),
    }
    audio_output: dict[str, object] = {"format": _FORMAT}
    if spec.voice:
        audio_output["voice"] = spec.voice
    session: dict[str, object] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {"input": audio_input, "output": audio_output},
        "tools": [
            {
                "type": "function",
                "name": tool.name,
                "description": tool.description,
                "parameters": dict(tool.parameters),
            }
            for tool in spec.tools
        ],
    }
    if spec.instructions:
        session["instructions"] = spec.instructions
    if spec.tools:
        session["tool_choice"] = "auto"
    return _frame("session.update", event_id, session=session)


def _noise_reduction(spec: SessionSpec) -> dict[str, object] | None:
    return None if spec.noise_reduction in ("", "off") else {"type": spec.noise_reduction}


def _transcription(spec: SessionSpec) -> dict[str, object] | None:
    if not spec.transcription_model:
        return None
    wish: dict[str, object] = {"model": spec.transcription_model}
    if spec.language:
        wish["language"] = spec.language
    return wish


def _turn_detection(spec: SessionSpec) -> dict[str, object] | None:
    if spec.device_ends_turn:
        return None
    return {
        "type": "server_vad",
        "threshold": spec.vad_threshold,
        "prefix_padding_ms": spec.vad_prefix_ms,
        "silence_duration_ms": spec.vad_silence_ms,
        "create_response": True,
        # What breaks off a reply is decided here, by the device: whatever it still sends while
        # one has begun, words that lay on a slow line or its own echo, is no interruption.
        "interrupt_response": False,
    }


def append(pcm: bytes) -> str:
    """Audio goes out fifty times a second and more: no event id, no generic encoder."""
    encoded = binascii.b2a_base64(pcm, newline=False).decode("ascii")
    return f'{{"type":"input_audio_buffer.append","audio":"{encoded}"}}'


def commit(event_id: str) -> str:
    return _frame("input_audio_buffer.commit", event_id)


def clear(event_id: str) -> str:
    return _frame("input_audio_buffer.clear", event_id)


def cancel(event_id: str, response_id: str) -> str:
    return _frame("response.cancel", event_id, response_id=response_id)


def truncate(event_id: str, item_id: str, content_index: int, audio_end_ms: int) -> str:
    return _frame(
        "conversation.item.truncate",
        event_id,
        item_id=item_id,
        content_index=content_index,
        audio_end_ms=audio_end_ms,
    )


def delete_item(event_id: str, item_id: str) -> str:
    return _frame("conversation.item.delete", event_id, item_id=item_id)


def tool_result(event_id: str, call_id: str, output: str) -> str:
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    return _frame("conversation.item.create", event_id, item=item)


#: The key in a response's ``metadata`` under which the service repeats our request's name.
REQUEST = "request"


def create_response(event_id: str, instructions: str) -> str:
    """Ask for a reply; ``event_id`` is its name, which the service repeats when it begins."""
    wanted: dict[str, object] = {"metadata": {REQUEST: event_id}}
    if instructions:
        wanted["instructions"] = instructions
    return _frame("response.create", event_id, response=wanted)


def _frame(kind: str, event_id: str, **fields: object) -> str:
    return json.dumps({"type": kind, "event_id": event_id, **fields}, separators=(",", ":"))
