"""The realtime models of Wiro's that are known, with their parameters, and what is wrong in a run.

Stricter than the service where its forms lead astray: formats and rates must be said, and be the
24 kHz PCM that this stand-in speaks; numbers must not be the forms' zero; a parameter that the
model does not have is refused. Each refusal names the parameter and the value.

``elevenlabs`` is known under two addresses, as it is not verified which one is right. Types of
ElevenLabs' and PersonaPlex' numbers are not known: a number or its text will do.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["words", "choice", "number", "number or text", "json", "language"]
COMMON = ("callbackUrl", "projectid")


@dataclass(frozen=True, slots=True)
class Parameter:
    """``spoken``: the one choice of several that the stand-in can speak."""

    name: str
    kind: Kind
    required: bool = False
    choices: tuple[str, ...] = ()
    spoken: str = ""
    low: float = -math.inf
    high: float = math.inf

    def fault(self, value: object) -> str | None:
        """What is wrong with a value; None: nothing."""
        if self.kind in ("number", "number or text"):
            return self._number_fault(value)
        if not isinstance(value, str):
            return f"{self.name} must be a string, not {json.dumps(value)}"
        if self.required and not value:
            return f"{self.name} must not be empty"
        if self.choices and value not in self.choices:
            return f"{self.name}: {value} is not one of {', '.join(self.choices)}"
        if self.spoken and value != self.spoken:
            return f"{self.name}: {value} is not supported here, send {self.spoken}"
        if self.kind == "language" and not re.fullmatch(r"auto|[a-z]{2,3}(-[A-Z]{2})?", value):
            return f"{self.name}: {value} is neither an ISO code nor auto"
        if self.kind == "json" and not _is_json_list(value):
            return f"{self.name} must be the JSON text of a list"
        return None

    def described(self) -> dict[str, Any]:
        """As the catalogue lists it."""
        about: dict[str, Any] = {"id": self.name, "required": self.required, "type": "text"}
        if self.choices:
            about |= {
                "type": "select",
                "options": [{"value": choice, "text": choice} for choice in self.choices],
            }
        elif self.kind.startswith("number"):
            about["type"] = "number"
        return about

    def _number_fault(self, value: object) -> str | None:
        wanted = f"{self.name} must be a number, not {json.dumps(value)}"
        if isinstance(value, str) and self.kind == "number or text":
            try:
                value = float(value)
            except ValueError:
                return wanted
        if isinstance(value, bool) or not isinstance(value, int | float):
            return wanted
        if not (math.isfinite(value) and self.low <= value <= self.high):
            return f"{self.name}: {value} is out of range"
        return None


def _is_json_list(text: str) -> bool:
    try:
        return isinstance(json.loads(text), list)
    except ValueError:
        return False


def _choice(name: str, *choices: str, required: bool = False, spoken: str = "") -> Parameter:
    return Parameter(name, "choice", required, choices, spoken)


_TEXT_NUMBER: Kind = "number or text"
_MORE_THAN_0 = 1e-9

_OPENAI_VOICES = "alloy ash ballad cedar coral echo fable marin nova onyx sage shimmer verse"
_OPENAI_FORMATS = ("audio/pcm", "audio/pcmu", "audio/pcma")
_OPENAI = (
    _choice("voice", *_OPENAI_VOICES.split(), required=True),
    Parameter("system_instructions", "words", required=True),
    _choice("transcription_model", "gpt-4o-mini-transcribe", "gpt-4o-transcribe", "whisper-1"),
    _choice("input_audio_format", *_OPENAI_FORMATS, required=True, spoken="audio/pcm"),
    _choice("output_audio_format", *_OPENAI_FORMATS, required=True, spoken="audio/pcm"),
    _choice("input_audio_rate", "24000", "8000", required=True, spoken="24000"),
    _choice("output_audio_rate", "24000", "8000", required=True, spoken="24000"),
    Parameter("turn_detection_threshold", "number", low=_MORE_THAN_0, high=1),
    Parameter("turn_detection_silence_ms", "number", low=_MORE_THAN_0),
)
_PCM = ("pcm_16000", "pcm_22050", "pcm_24000", "pcm_44100")
_ELEVENLABS = (
    Parameter("voice_id", "words", required=True),
    Parameter("system_instructions", "words", required=True),
    Parameter("first_message", "words"),
    Parameter("language", "language"),
    _choice("tts_model_id", "eleven_flash_v2_5", "eleven_turbo_v2", "eleven_multilingual_v2"),
    Parameter("turn_timeout", _TEXT_NUMBER, low=_MORE_THAN_0),
    Parameter("silence_end_call_timeout", _TEXT_NUMBER, low=_MORE_THAN_0),
    Parameter("max_duration_seconds", _TEXT_NUMBER, low=_MORE_THAN_0),
    _choice("turn_eagerness", "low", "normal", "high"),
    _choice("end_call", "0", "1"),
    Parameter("speed", _TEXT_NUMBER, low=_MORE_THAN_0),
    Parameter("stability", _TEXT_NUMBER, low=0, high=1),
    Parameter("similarity_boost", _TEXT_NUMBER, low=0, high=1),
    _choice("optimize_streaming_latency", "0", "1", "2", "3", "4"),
    _choice("output_audio_format", *_PCM, "ulaw_8000", required=True, spoken="pcm_24000"),
    _choice("input_audio_format", *_PCM, required=True, spoken="pcm_24000"),
    Parameter("server_tools", "json"),
)
_PERSONAPLEX_VOICES = [f"NAT{sex}{n}" for sex in "FM" for n in range(4)]
_PERSONAPLEX_VOICES += [f"VAR{sex}{n}" for sex in "FM" for n in range(5)]
_PERSONAPLEX = (
    Parameter("prompt", "words", required=True),
    _choice("voice", *_PERSONAPLEX_VOICES, required=True),
    Parameter("tempText", _TEXT_NUMBER, low=0),
    Parameter("topkAudio", _TEXT_NUMBER, low=0),
    Parameter("topkText", _TEXT_NUMBER, low=0),
    Parameter("seed", _TEXT_NUMBER),
)

MODELS: Mapping[str, tuple[Parameter, ...]] = {
    "openai/gpt-realtime": _OPENAI,
    "openai/gpt-realtime-mini": _OPENAI,
    "elevenlabs/realtime-conversational-ai": _ELEVENLABS,
    "elevenlabs/Realtime Conversational AI": _ELEVENLABS,
    "nvidia/PersonaPlex-Realtime": _PERSONAPLEX,
}


def faults(model: str, body: Mapping[str, object]) -> list[str]:
    """All that is wrong with a run of a known model."""
    known = {parameter.name: parameter for parameter in MODELS[model]}
    found = [f"{name} is required" for name, p in known.items() if p.required and name not in body]
    for name, value in body.items():
        if name in COMMON:
            continue
        fault = known[name].fault(value) if name in known else f"{name} is no parameter of {model}"
        found += [fault] if fault else []
    return found
