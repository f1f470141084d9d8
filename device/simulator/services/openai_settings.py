"""The ``session`` object of every dialect: its defaults, its updates, what follows from it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from device.simulator.services.openai_audio import Format
from device.simulator.services.openai_session_shapes import (
    G711,
    GA,
    GONE,
    VL_RATES,
    VOICE_LIVE,
    XAI,
)
from device.simulator.services.openai_shapes import Json, RefusalError

SILENCE_MS = {"low": 1200, "medium": 800, "auto": 800, "high": 400}
"""Of a semantic VAD that takes the words for complete. The numbers are this stand-in's own."""
MAX_WAIT_MS = {"low": 8000, "medium": 4000, "auto": 4000, "high": 2000}

INSTRUCTIONS = "You are a helpful, witty, and friendly AI. Act like a human."
_PCM = {"type": "audio/pcm", "rate": 24000}
_VAD = {
    "type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500,
    "create_response": True, "interrupt_response": True,
}  # fmt: skip
_SEMANTIC = {"type": "semantic_vad", "eagerness": "auto", "create_response": True,
             "interrupt_response": True}  # fmt: skip


def filled(detection: Json | None, idle: bool) -> Json | None:
    """Turn detection with the defaults of its kind."""
    if detection is None:
        return None
    if detection["type"] == "semantic_vad":
        return _SEMANTIC | detection
    return (_VAD | {"idle_timeout_ms": None} if idle else _VAD) | detection


def defaults(dialect: str, model: str) -> Json:
    """The session before the first update."""
    common: Json = {
        "type": "realtime", "model": model, "output_modalities": ["audio"],
        "instructions": INSTRUCTIONS, "tools": [], "tool_choice": "auto",
        "max_output_tokens": "inf",
    }  # fmt: skip
    if dialect == "voice_live":
        return {
            "model": model, "modalities": ["text", "audio"], "instructions": INSTRUCTIONS,
            "voice": {"type": "azure-standard", "name": "en-US-AvaNeural"},
            "input_audio_format": "pcm16", "output_audio_format": "pcm16",
            "input_audio_sampling_rate": 24000, "turn_detection": dict(_VAD),
            "input_audio_noise_reduction": None, "input_audio_echo_cancellation": None,
            "input_audio_transcription": None, "tools": [], "tool_choice": "auto",
            "temperature": 0.8, "max_response_output_tokens": "inf",
        }  # fmt: skip
    if dialect == "xai":
        return common | {
            "voice": "ara", "turn_detection": dict(_VAD) | {"idle_timeout_ms": None},
            "audio": {"input": {"format": dict(_PCM), "transport": "json"},
                      "output": {"format": dict(_PCM), "transport": "json"}},
        }  # fmt: skip
    return common | {
        "parallel_tool_calls": False, "reasoning": None, "tracing": None, "truncation": "auto",
        "include": None, "prompt": None,
        "audio": {
            "input": {"format": dict(_PCM), "noise_reduction": None, "transcription": None,
                      "turn_detection": dict(_VAD) | {"idle_timeout_ms": None}},
            "output": {"format": dict(_PCM), "voice": "alloy", "speed": 1.0},
        },
    }  # fmt: skip


def merged(session: Json, update: Mapping[str, Any], dialect: str) -> Json:
    """Absent fields stay. Only ``audio``, its two sides, are merged; the rest is replaced."""
    new = copy.deepcopy(session)
    for name, value in update.items():
        if name != "audio":
            new[name] = copy.deepcopy(value)
    for side, fields in (update.get("audio") or {}).items():
        new["audio"][side] |= copy.deepcopy(fields)
    where = new["audio"]["input"] if dialect in ("openai", "azure") else new
    where["turn_detection"] = filled(where["turn_detection"], dialect != "voice_live")
    return new


def check_update(session: Any, dialect: str) -> None:
    """Raises :class:`RefusalError`."""
    if dialect in ("openai", "azure"):
        if isinstance(session, dict) and "type" not in session and set(GONE) & set(session):
            raise beta_refused()
        if isinstance(session, dict) and session.get("type") == "transcription":
            message = "Passing a transcription session update event to a realtime session is not"
            raise RefusalError("invalid_session_type", f"{message} allowed.", "session.type")
    {"voice_live": VOICE_LIVE, "xai": XAI}.get(dialect, GA)(session, "session")


def beta_refused() -> RefusalError:
    message = (
        "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
    )
    return RefusalError("beta_api_shape_disabled", message, close=4000)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the session object means, of whichever dialect."""

    heard: Format
    spoken: Format
    heard_binary: bool
    spoken_binary: bool
    detection: Mapping[str, Any] | None
    transcribes: bool
    speaks: bool  #: else it writes
    voice: Any
    speed: float
    tools: tuple[Json, ...]
    tool_choice: Any
    parallel: bool
    max_tokens: int | None

    def silence(self, semantic: Mapping[str, int]) -> int:
        """How long it must be quiet; ``semantic`` by eagerness."""
        detection: Mapping[str, Any] = self.detection or _VAD
        if detection["type"] == "semantic_vad":
            return semantic[detection["eagerness"]]
        return int(detection["silence_duration_ms"])


def _format(wire: Mapping[str, Any]) -> Format:
    codec = wire["type"].removeprefix("audio/")
    return Format(codec, wire.get("rate", 24000) if codec == "pcm" else 8000)


def _flat_format(name: str, rate_hz: int) -> Format:
    if name in G711:
        return Format("pcmu" if name == "g711_ulaw" else "pcma", 8000)
    return Format("pcm", rate_hz)


def read(session: Json, dialect: str) -> Settings:
    """Of an effective session."""
    tools, choice = tuple(session["tools"]), session["tool_choice"]
    parallel = bool(session.get("parallel_tool_calls", dialect not in ("openai", "azure")))
    if dialect == "voice_live":
        out, limit = session["output_audio_format"], session["max_response_output_tokens"]
        heard = _flat_format(session["input_audio_format"], session["input_audio_sampling_rate"])
        return Settings(
            heard, _flat_format(out, VL_RATES.get(out, 8000)), False, False,
            session["turn_detection"], session["input_audio_transcription"] is not None,
            "audio" in session["modalities"], session["voice"], 1.0, tools, choice, parallel,
            None if limit == "inf" else limit,
        )  # fmt: skip
    heard, spoken = session["audio"]["input"], session["audio"]["output"]
    top = session if dialect == "xai" else heard
    limit = session["max_output_tokens"]
    return Settings(
        _format(heard["format"]), _format(spoken["format"]), heard.get("transport") == "binary",
        spoken.get("transport") == "binary", top["turn_detection"],
        dialect == "xai" or heard.get("transcription") is not None,
        session["output_modalities"] == ["audio"],
        (session if dialect == "xai" else spoken)["voice"], float(spoken.get("speed", 1.0)),
        tools, choice, parallel, None if limit == "inf" else limit,
    )  # fmt: skip


def overridden(settings: Settings, params: Mapping[str, Any]) -> Settings:
    """For one response; ``params`` in the names of GA."""
    output = params.get("audio", {}).get("output", {})
    changes: Json = {}
    if "format" in output:
        changes["spoken"] = _format(output["format"])
    if "flat_format" in params:
        name = params["flat_format"]
        changes["spoken"] = _flat_format(name, VL_RATES.get(name, 8000))
    if "voice" in output or "voice" in params:
        changes["voice"] = output.get("voice", params.get("voice"))
    if "output_modalities" in params:
        changes["speaks"] = params["output_modalities"] == ["audio"]
    if "max_output_tokens" in params:
        limit = params["max_output_tokens"]
        changes["max_tokens"] = None if limit == "inf" else limit
    if "tools" in params:
        changes["tools"] = tuple(params["tools"])
    for name, field in (("tool_choice", "tool_choice"), ("parallel_tool_calls", "parallel")):
        if name in params:
            changes[field] = params[name]
    return replace(settings, **changes)
