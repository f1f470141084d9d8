"""What clients of the Live service may send: every command, and the session's settings."""

from __future__ import annotations

from device.simulator.services.openai_live_schema import (
    Check,
    anything,
    bounded,
    choice,
    either,
    flag,
    listed,
    mapping,
    needed,
    nullable,
    shape,
    tagged,
    text,
    tokens,
    whole,
)

VOICES = (
    "alloy",
    "ash",
    "ballad",
    "beacon",
    "bossa",
    "cedar",
    "cinder",
    "coral",
    "delta",
    "echo",
    "gleam",
    "marin",
    "meridian",
    "quartz",
    "ripple",
    "sage",
    "shida",
    "shimmer",
    "stone",
    "tempo",
    "verse",
    "vesper",
    "willow",
)
MOST_HISTORY_ITEMS = 128
MOST_APPENDED_TOKENS = 500
MOST_INSTRUCTION_TOKENS = 16_384
#: Tools of the service's own, which the stand-in takes and never uses.
HOSTED_TOOLS = (
    "apply_patch",
    "code_interpreter",
    "computer",
    "custom",
    "file_search",
    "image_generation",
    "mcp",
    "namespace",
    "programmatic_tool_calling",
    "shell",
    "tool_search",
    "web_search",
)
OTHER_INPUT_ITEMS = ("function_call", "item_reference", "mcp_approval_response", "reasoning")

_ID = bounded(0, 512)


def _of(kind: str, **fields: object) -> Check:
    return shape(type=needed(choice(kind)), **fields)  # type: ignore[arg-type]


def _command(kind: str, **fields: object) -> Check:
    return _of(kind, event_id=nullable(_ID), **fields)


FORMAT = tagged(
    "type",
    {
        "audio/pcm": _of("audio/pcm", rate=needed(choice(16_000, 24_000))),
        "audio/pcmu": _of("audio/pcmu", rate=needed(choice(8_000))),
        "audio/pcma": _of("audio/pcma", rate=needed(choice(8_000))),
    },
)
AUDIO = shape(
    format=nullable(FORMAT),
    output=nullable(shape(voice=nullable(either(choice(*VOICES), shape(id=needed(text)))))),
)
TOOL = tagged(
    "type",
    {
        "function": _of(
            "function",
            name=needed(bounded(1, 64)),
            description=nullable(text),
            parameters=nullable(mapping),
            strict=nullable(flag),
        ),
        **dict.fromkeys(HOSTED_TOOLS, anything),
    },
)
_BACKEND = {
    "instructions": nullable(text),
    "max_output_tokens": nullable(whole),
    "parallel_tool_calls": nullable(flag),
    "reasoning": nullable(
        shape(
            effort=nullable(choice("none", "minimal", "low", "medium", "high", "xhigh")),
            summary=nullable(choice("concise", "detailed", "auto")),
        )
    ),
    "service_tier": nullable(
        choice("auto", "default", "fast_tier_temp_pilot", "flex", "priority", "ultrafast")
    ),
    "text": nullable(shape(verbosity=nullable(choice("low", "medium", "high")))),
    "tool_choice": nullable(either(choice("none", "auto", "required"), mapping)),
    "tools": nullable(listed(TOOL)),
}


def _delegation(backend: object) -> Check:
    delay = nullable(whole)
    return tagged(
        "type",
        {
            "client": _of("client", acknowledgement_delay_ms=delay),
            "responses": _of("responses", acknowledgement_delay_ms=delay, responses=backend),
        },
    )


_TEXT_PART = shape(type=choice("input_text"), text=needed(text))
_SAID_PART = shape(type=choice("text", "output_text"), text=needed(text))


def _history(role: str, part: Check) -> Check:
    return shape(
        role=needed(choice(role)),
        content=needed(listed(part, exactly=1)),
        id=nullable(text),
        status=nullable(choice("incomplete", "completed")),
        type=nullable(choice("message")),
    )


SESSION = shape(
    model=needed(text),
    instructions=nullable(bounded(0, 4 * MOST_INSTRUCTION_TOKENS)),
    audio=nullable(AUDIO),
    delegation=nullable(_delegation(needed(shape(model=needed(text), **_BACKEND)))),
    input=nullable(
        listed(
            tagged(
                "role",
                {
                    "developer": _history("developer", _TEXT_PART),
                    "user": _history("user", _TEXT_PART),
                    "assistant": _history("assistant", _SAID_PART),
                },
            ),
            most=MOST_HISTORY_ITEMS,
        )
    ),
    triggers=nullable(listed(anything, most=0)),
    client=nullable(mapping),
    store=nullable(flag),
    safety_identifier=nullable(bounded(1, 512)),
)
SESSION_CHANGES = shape(
    delegation=nullable(_delegation(nullable(shape(model=nullable(text), **_BACKEND)))),
    triggers=nullable(listed(anything, most=0)),
)
#: Settings of the session that no update may touch.
IMMUTABLE = ("model", "instructions", "audio", "input", "client", "store", "safety_identifier")

_CONTENT_PART = tagged(
    "type",
    {
        "input_text": _of("input_text", text=needed(text)),
        "input_image": _of(
            "input_image",
            image_url=nullable(text),
            file_id=nullable(text),
            detail=nullable(choice("low", "high", "auto", "original")),
        ),
        "input_file": anything,
        "input_audio": anything,
    },
)
_PARTS = either(text, listed(_CONTENT_PART))
_TYPED_ITEM = tagged(
    "type",
    {
        "message": _of(
            "message",
            role=needed(choice("user", "assistant", "system", "developer")),
            content=needed(_PARTS),
            phase=nullable(choice("commentary", "final_answer")),
            status=nullable(choice("in_progress", "completed", "incomplete")),
            id=nullable(text),
        ),
        "function_call_output": _of(
            "function_call_output",
            call_id=needed(bounded(1, 64)),
            output=needed(_PARTS),
            id=nullable(text),
            status=nullable(choice("in_progress", "completed", "incomplete")),
            caller=nullable(mapping),
            name=nullable(text),
            namespace=nullable(text),
        ),
        **dict.fromkeys(OTHER_INPUT_ITEMS, anything),
    },
)


def input_item(value: object, where: str) -> None:
    """Of the Responses backend; a message need not say that it is one."""
    if isinstance(value, dict) and "role" in value and "type" not in value:
        value = {"type": "message", **value}
    _TYPED_ITEM(value, where)


def _append(channel: str) -> Check:
    return _command(
        f"session.{channel}.append",
        content=needed(tokens(MOST_APPENDED_TOKENS)),
        delegation_id=needed(nullable(text)),
    )


COMMANDS: dict[str, Check] = {
    "session.start": _command("session.start", session=needed(SESSION)),
    "session.update": _command("session.update", session=needed(mapping)),
    "session.input_audio.append": _command("session.input_audio.append", audio=needed(text)),
    "session.input_audio.mute": _command("session.input_audio.mute"),
    "session.input_audio.unmute": _command("session.input_audio.unmute"),
    "session.output_audio.fixture.play": _command(
        "session.output_audio.fixture.play", audio=needed(text)
    ),
    "session.instructions.append": _append("instructions"),
    "session.thinking.append": _append("thinking"),
    "session.commentary.append": _append("commentary"),
    "decision.create": _of("decision.create", event_id=needed(_ID)),
    "decision.item.create": _command("decision.item.create", item=needed(mapping)),
    "decision.item.delete": _command("decision.item.delete", item_id=needed(text)),
    "response.item.create": _command("response.item.create", item=needed(input_item)),
    "response.create": _command("response.create"),
    "session.close": _command("session.close"),
}
