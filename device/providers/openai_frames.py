"""Client events of the OpenAI Realtime protocol (GA shape): from values to JSON text.

Pure functions. Strings are escaped to ASCII, so any text can be sent.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping

from device.providers.openai_sessions import RATE_HZ

BYTES_PER_MS = RATE_HZ * 2 // 1000


def session_update(event_id: str, session: Mapping[str, object]) -> str:
    """The whole wish of the owner in one frame (:mod:`device.providers.openai_sessions`)."""
    return _frame("session.update", event_id, session=session)


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
    return _item(event_id, {"type": "function_call_output", "call_id": call_id, "output": output})


def said_by_user(event_id: str, text: str) -> str:
    return _message(event_id, "user", {"type": "input_text", "text": text})


def said_by_assistant(event_id: str, text: str, content_type: str) -> str:
    """``content_type``: what the service calls such words (``output_text``; once ``text``)."""
    return _message(event_id, "assistant", {"type": content_type, "text": text})


def shown_by_user(event_id: str, data_url: str) -> str:
    return _message(event_id, "user", {"type": "input_image", "image_url": data_url})


def approval(event_id: str, request_id: str, *, approve: bool) -> str:
    """The answer to a tool server's call that we were asked about. The item wants an id."""
    item = {
        "type": "mcp_approval_response",
        "id": f"answer_{event_id}",
        "approval_request_id": request_id,
        "approve": approve,
    }
    return _item(event_id, item)


#: The key in a response's ``metadata`` under which the service repeats our request's name.
REQUEST = "request"


def create_response(event_id: str, instructions: str, *, named: bool = True) -> str:
    """Ask for a reply in the conversation; ``event_id`` is its name, which the service repeats
    when it begins, if it was told it (``named``)."""
    wanted: dict[str, object] = {"metadata": {REQUEST: event_id}} if named else {}
    if instructions:
        wanted["instructions"] = instructions
    if not wanted:
        return _frame("response.create", event_id)
    return _frame("response.create", event_id, response=wanted)


def _message(event_id: str, role: str, content: Mapping[str, str]) -> str:
    return _item(event_id, {"type": "message", "role": role, "content": [content]})


def _item(event_id: str, item: Mapping[str, object]) -> str:
    return _frame("conversation.item.create", event_id, item=item)


def _frame(kind: str, event_id: str, **fields: object) -> str:
    return json.dumps({"type": kind, "event_id": event_id, **fields}, separators=(",", ":"))
