"""The shapes of what a client may send, of both generations of names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from device.simulator.services.openai_session_shapes import (
    CHOICE,
    FORMAT,
    MODALITIES,
    REASONING,
    TOKENS,
    TOOLS,
    VL_RATES,
    VL_VOICE,
    VOICE,
    XAI_FORMAT,
    XAI_TOOLS,
)
from device.simulator.services.openai_shapes import (
    Check,
    an_object,
    anything,
    boolean,
    both,
    by,
    decoded,
    invalid_value,
    listed,
    missing,
    one_of,
    or_null,
    shape,
    strings,
    text,
    whole,
)

MAX_AUDIO_CHARACTERS = 15 * 1024 * 1024
IMAGES = {
    "data:image/png;base64,": b"\x89PNG\r\n\x1a\n",
    "data:image/jpeg;base64,": b"\xff\xd8\xff",
}


def base64_text(value: Any, path: str) -> None:
    text(value, path)
    if len(value) > MAX_AUDIO_CHARACTERS:
        raise invalid_value(path, f"Invalid '{path}': more than 15 MiB in one event.")
    decoded(value, path)


def image(value: Any, path: str) -> None:
    """A PNG or JPEG in a data URL, by its first bytes."""
    text(value, path)
    for prefix, magic in IMAGES.items():
        if value.startswith(prefix):
            if not decoded(value[len(prefix) :], path).startswith(magic):
                raise invalid_value(path, f"Invalid '{path}': the image could not be decoded.")
            return
    raise invalid_value(path, f"Invalid '{path}': expected a data URL of a PNG or JPEG image.")


def _part(*required: str, **fields: Check) -> Check:
    return shape({"type": text, **fields}, required)


_ITEM: dict[str, Check] = {
    "id": text, "type": text, "object": one_of("realtime.item"),
    "status": one_of("completed", "incomplete", "in_progress"),
}  # fmt: skip
_INPUT_TEXT = _part("text", text=text)
_USER = by(
    "type",
    {
        "input_text": _INPUT_TEXT,
        "input_audio": _part("audio", audio=base64_text, transcript=or_null(text)),
        "input_image": _part("image_url", image_url=image, detail=one_of("auto", "low", "high")),
    },
)
_ASSISTANT = by(
    "type",
    {
        "output_text": _part("text", text=text),
        "output_audio": _part(audio=base64_text, transcript=or_null(text)),
    },
)
_BETA_ASSISTANT = by("type", {"text": _part("text", text=text)})


def _message(role: str, parts: Check) -> Check:
    return shape(_ITEM | {"role": text, "content": listed(parts)}, ["role", "content"])


def item(assistant: Check = _ASSISTANT) -> Check:
    """A conversation item that a client may create."""
    kinds = {
        "message": by(
            "role",
            {
                "user": _message("user", _USER),
                "system": _message("system", by("type", {"input_text": _INPUT_TEXT})),
                "assistant": _message("assistant", assistant),
            },
        ),
        "function_call": shape(
            _ITEM | {"name": text, "call_id": text, "arguments": text},
            ["name", "call_id", "arguments"],
        ),
        "function_call_output": shape(
            _ITEM | {"call_id": text, "output": text}, ["call_id", "output"]
        ),
        "mcp_approval_response": shape(
            _ITEM | {"approval_request_id": text, "approve": boolean, "reason": or_null(text)},
            ["approval_request_id", "approve"],
        ),
    }
    return by("type", kinds)


ITEM, BETA_ITEM = item(), item(_BETA_ASSISTANT)
_REFERENCE = shape({"type": one_of("item_reference"), "id": text}, ["id"])


def _input(value: Any, path: str) -> None:
    an_object(value, path)
    (_REFERENCE if value.get("type") == "item_reference" else ITEM)(value, path)


def _response(output: Check, tools: Check = TOOLS) -> Check:
    return shape(
        {
            "instructions": text, "output_modalities": MODALITIES, "tools": tools,
            "audio": shape({"output": output}), "tool_choice": CHOICE, "max_output_tokens": TOKENS,
            "conversation": one_of("auto", "none"), "input": listed(_input),
            "metadata": or_null(both(strings, _few)), "prompt": anything,
            "reasoning": or_null(REASONING), "parallel_tool_calls": boolean,
        }
    )  # fmt: skip


def _few(value: Any, path: str) -> None:
    if len(value) > 16:
        raise invalid_value(path, f"Invalid '{path}': at most 16 pairs.")


RESPONSE = _response(shape({"format": FORMAT, "voice": VOICE}))
XAI_RESPONSE = _response(shape({"format": XAI_FORMAT, "voice": text}), XAI_TOOLS)
VL_RESPONSE = shape(
    {
        "commit": boolean, "cancel_previous": boolean, "append_input_items": listed(BETA_ITEM),
        "input_items": listed(BETA_ITEM), "modalities": listed(one_of("text", "audio")),
        "instructions": text, "voice": VL_VOICE, "tools": TOOLS, "tool_choice": CHOICE,
        "output_audio_format": one_of(*VL_RATES, "g711_ulaw", "g711_alaw"),
        "temperature": anything, "max_output_tokens": TOKENS, "reasoning_effort": text,
        "metadata": strings, "interim_response": an_object, "invoke_input": an_object,
        "pre_generated_assistant_message": BETA_ITEM,
    }
)  # fmt: skip


def client_events(dialect: str) -> Mapping[str, Check]:
    """By type; ``session`` itself is checked apart, against the dialect's own shape."""
    response = {"xai": XAI_RESPONSE, "voice_live": VL_RESPONSE}.get(dialect, RESPONSE)
    one_item = BETA_ITEM if dialect == "voice_live" else ITEM

    def event(*required: str, **fields: Check) -> Check:
        return shape({"type": text, "event_id": text, **fields}, required)

    events = {
        "session.update": event("session", session=anything),
        "input_audio_buffer.append": event("audio", audio=base64_text),
        "input_audio_buffer.commit": event(),
        "input_audio_buffer.clear": event(),
        "conversation.item.create": event(
            "item", item=one_item, previous_item_id=or_null(text)
        ),
        "conversation.item.retrieve": event("item_id", item_id=text),
        "conversation.item.truncate": event(
            "item_id", "content_index", "audio_end_ms",
            item_id=text, content_index=whole(), audio_end_ms=whole(),
        ),
        "conversation.item.delete": event("item_id", item_id=text),
        "response.create": event(response=or_null(response)),
        "response.cancel": event(response_id=or_null(text)),
        "output_audio_buffer.clear": event(),
    }  # fmt: skip
    if dialect == "xai":
        events["conversation.item.commit"] = event()
    return events


def checked(message: Any, dialect: str) -> None:
    """A client event of the dialect; raises ``RefusalError``."""
    an_object(message, "")
    if not isinstance(message.get("type"), str):
        raise missing("type")
    events = client_events(dialect)
    one_of(*events)(message["type"], "type")
    events[message["type"]](message, "")
