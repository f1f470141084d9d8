"""The shapes of the ``session`` object, of every dialect."""

from __future__ import annotations

from typing import Any

from device.simulator.services.openai_shapes import (
    Check,
    an_object,
    anything,
    boolean,
    both,
    by,
    either,
    invalid_value,
    listed,
    missing,
    number,
    one_of,
    or_null,
    shape,
    strings,
    text,
    whole,
)

VOICES = ["alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"]
GONE = [
    "temperature",
    "modalities",
    "voice",
    "input_audio_format",
    "output_audio_format",
    "input_audio_transcription",
    "input_audio_noise_reduction",
    "turn_detection",
    "max_response_output_tokens",
]
"""Fields of the beta's flat session."""
XAI_RATES = (8000, 16000, 22050, 24000, 32000, 44100, 48000)
VL_RATES = {"pcm16": 24000, "pcm16_8000hz": 8000, "pcm16_16000hz": 16000}


def mcp_source(value: Any, path: str) -> None:
    if not any(name in value for name in ("server_url", "connector_id", "tunnel_id")):
        raise missing(f"{path}.server_url")


FUNCTION = shape(
    {"type": text, "name": text, "description": text, "parameters": an_object}, ["type", "name"]
)
_FILTER = shape({"tool_names": listed(text), "read_only": boolean})
_APPROVAL = either(
    one_of("always", "never"),
    when=lambda value: isinstance(value, dict),
    then=shape({"always": _FILTER, "never": _FILTER}),
)
MCP = both(
    shape(
        {
            "type": text, "server_label": text, "server_url": text, "connector_id": text,
            "tunnel_id": text, "server_description": text, "authorization": text,
            "headers": or_null(strings), "allowed_callers": listed(text),
            "defer_loading": boolean, "require_approval": or_null(_APPROVAL),
            "allowed_tools": or_null(
                either(_FILTER, when=lambda value: isinstance(value, list), then=listed(text))
            ),
        },
        ["server_label"],
    ),
    mcp_source,
)  # fmt: skip
TOOLS = listed(by("type", {"function": FUNCTION, "mcp": MCP}))
XAI_TOOLS = listed(
    by(
        "type",
        {"function": FUNCTION, "mcp": MCP}
        | dict.fromkeys(("web_search", "x_search", "file_search"), an_object),
    )
)
CHOICE = either(
    one_of("auto", "none", "required"),
    when=lambda value: isinstance(value, dict),
    then=by(
        "type",
        {
            "function": shape({"type": text, "name": text}, ["name"]),
            "mcp": shape({"type": text, "server_label": text, "name": or_null(text)},
                         ["server_label"]),
        },
    ),
)  # fmt: skip
TOKENS = either(whole(1, 4096), when=lambda v: isinstance(v, str), then=one_of("inf"))
REASONING = shape({"effort": one_of("minimal", "low", "medium", "high", "xhigh")})
FORMAT = by(
    "type",
    {
        "audio/pcm": shape({"type": text, "rate": whole(24000, 24000)}, ["rate"]),
        "audio/pcmu": shape({"type": text}),
        "audio/pcma": shape({"type": text}),
    },
)


def _xai_rate(value: Any, path: str) -> None:
    if value not in XAI_RATES:
        raise invalid_value(path, f"Invalid value: {value}. Supported are {XAI_RATES}.")


XAI_FORMAT = by(
    "type",
    {
        "audio/pcm": shape({"type": text, "rate": _xai_rate}),
        "audio/pcmu": shape({"type": text, "rate": whole(8000, 8000)}),
        "audio/pcma": shape({"type": text, "rate": whole(8000, 8000)}),
    },
)
VOICE = either(
    one_of(*VOICES), when=lambda v: isinstance(v, dict), then=shape({"id": text}, ["id"])
)
MODALITIES = both(
    listed(one_of("audio", "text"), at_most=1),
    lambda value, path: None if value else _no_modality(path),
)


def _no_modality(path: str) -> None:
    raise invalid_value(path, f"Invalid '{path}': name one modality.")


_DETECTION = {
    "type": text, "threshold": number(0, 1), "prefix_padding_ms": whole(),
    "silence_duration_ms": whole(), "create_response": boolean, "interrupt_response": boolean,
}  # fmt: skip
SERVER_VAD = shape(_DETECTION | {"idle_timeout_ms": or_null(whole(1))})
SEMANTIC_VAD = shape(
    {
        "type": text, "eagerness": one_of("low", "medium", "high", "auto"),
        "create_response": boolean, "interrupt_response": boolean,
    }
)  # fmt: skip
DETECTION = or_null(by("type", {"server_vad": SERVER_VAD, "semantic_vad": SEMANTIC_VAD}))
REDUCTION = or_null(
    shape({"type": one_of("near_field", "far_field"), "strength": number(0, 1)}, ["type"])
)
TRANSCRIPTION = or_null(
    shape(
        {
            "model": text, "language": text, "languages": listed(text), "keywords": listed(text),
            "prompt": text, "delay": one_of("minimal", "low", "medium", "high", "xhigh"),
        }
    )
)  # fmt: skip
TRACING = or_null(
    either(
        one_of("auto"),
        when=lambda v: isinstance(v, dict),
        then=shape({"workflow_name": text, "group_id": text, "metadata": an_object}),
    )
)
RETENTION = shape(
    {
        "type": one_of("retention_ratio"), "retention_ratio": number(0, 1),
        "token_limits": shape({"post_instructions": whole()}),
    },
    ["type", "retention_ratio"],
)  # fmt: skip
TRUNCATION = either(one_of("auto", "disabled"), when=lambda v: isinstance(v, dict), then=RETENTION)
_COMMON: dict[str, Check] = {
    "type": one_of("realtime"), "model": text, "output_modalities": MODALITIES,
    "instructions": text, "max_output_tokens": TOKENS, "parallel_tool_calls": boolean,
    "reasoning": or_null(REASONING), "tool_choice": CHOICE, "tools": TOOLS, "tracing": TRACING,
    "truncation": TRUNCATION,
    "include": or_null(listed(one_of("item.input_audio_transcription.logprobs"))),
    "prompt": or_null(shape({"id": text, "version": text, "variables": an_object}, ["id"])),
}  # fmt: skip
_INPUT = {"format": FORMAT, "noise_reduction": REDUCTION, "transcription": TRANSCRIPTION}
SPEED = number(0.25, 1.5)
GA = shape(
    _COMMON
    | {
        "audio": shape(
            {
                "input": shape(_INPUT | {"turn_detection": DETECTION}),
                "output": shape({"format": FORMAT, "voice": VOICE, "speed": SPEED}),
            }
        )
    },
    ["type"],
)
_TRANSPORT = one_of("json", "binary")
XAI = shape(
    _COMMON
    | {
        "tools": XAI_TOOLS, "voice": text, "turn_detection": DETECTION, "resumption": anything,
        "audio": shape(
            {
                "input": shape(_INPUT | {"format": XAI_FORMAT, "transport": _TRANSPORT}),
                "output": shape(
                    {"format": XAI_FORMAT, "transport": _TRANSPORT, "speed": SPEED}
                ),
            }
        ),
    }
)  # fmt: skip
AZURE_VADS = (
    "server_vad", "azure_semantic_vad", "azure_semantic_vad_en", "azure_semantic_vad_multilingual",
)  # fmt: skip
_AZURE_VAD = shape(
    _DETECTION
    | {
        "end_of_utterance_detection": an_object, "speech_duration_ms": whole(),
        "remove_filler_words": boolean, "languages": listed(text), "auto_truncate": boolean,
    }
)  # fmt: skip
VL_DETECTION = or_null(
    by(
        "type",
        dict.fromkeys(AZURE_VADS, _AZURE_VAD),
    )
)  # fmt: skip
VL_VOICE = either(
    text,
    when=lambda value: isinstance(value, dict),
    then=by(
        "type",
        {
            name: both(an_object, lambda value, path: text(value.get("name"), f"{path}.name"))
            for name in ("azure-standard", "azure-custom", "azure-personal", "openai")
        },
    ),
)
G711 = ("g711_ulaw", "g711_alaw")
VOICE_LIVE = shape(
    {
        "model": text, "modalities": listed(one_of("text", "audio", "animation", "avatar")),
        "voice": VL_VOICE, "instructions": text, "input_audio_sampling_rate": whole(8000, 24000),
        "input_audio_format": one_of("pcm16", *G711),
        "output_audio_format": one_of(*VL_RATES, *G711), "turn_detection": VL_DETECTION,
        "input_audio_noise_reduction": or_null(
            shape({"type": one_of("azure_deep_noise_suppression", "near_field", "far_field")},
                  ["type"])
        ),
        "input_audio_echo_cancellation": or_null(
            shape({"type": one_of("server_echo_cancellation"), "reference_source": text,
                   "channels": whole()}, ["type"])
        ),
        "input_audio_transcription": or_null(
            shape({"model": text, "language": text, "custom_speech": an_object,
                   "phrase_list": listed(text)}, ["model"])
        ),
        "tools": TOOLS, "tool_choice": CHOICE, "parallel_tool_calls": boolean,
        "temperature": number(0, 2), "max_response_output_tokens": TOKENS,
        "reasoning_effort": text, "include": listed(text), "metadata": strings,
        "output_audio_timestamp_types": listed(text), "interim_response": an_object,
        "animation": an_object, "avatar": an_object,
    }
)  # fmt: skip
