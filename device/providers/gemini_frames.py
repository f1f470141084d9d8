"""What is sent to Gemini Live: where it is found, the setup, and every frame. Pure.

Each frame has exactly one field at the top. Keys are lowerCamelCase throughout.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from device.providers.base import SessionSpec
from device.providers.wire import encode_base64, frame

URL = "wss://generativelanguage.googleapis.com"
DEFAULT_MODEL = "gemini-3.8-live"
DEFAULT_VERSION = "v1beta"
UPLINK_HZ = 16000
DOWNLINK_HZ = 24000

#: How short-lived tokens begin. They open another method, and go by another header.
TOKEN = "auth_tokens/"
_METHOD = "/ws/google.ai.generativelanguage.{version}.GenerativeService.{name}"

#: The same service on Vertex, where the key is an access token of Google Cloud and the model a
#: whole resource path.
_VERTEX_HOST = "aiplatform.googleapis.com"
_VERTEX_METHOD = "/ws/google.cloud.aiplatform.{version}.LlmBidiService/BidiGenerateContent"

#: What a parameter's schema may hold: a part of JSON schema (OpenAPI 3.0). Anything else in it,
#: as ``additionalProperties``, would have the whole setup refused.
_SCHEMA = frozenset(
    {
        "type", "format", "title", "description", "nullable", "enum", "items", "maxItems",
        "minItems", "properties", "required", "minimum", "maximum", "minLength", "maxLength",
        "pattern", "default", "anyOf",
    }
)  # fmt: skip

_IMAGE = re.compile(r"data:(image/[\w.+-]+);base64,([A-Za-z0-9+/]+={0,2})", re.ASCII | re.I)

ACTIVITY_START = frame({"realtimeInput": {"activityStart": {}}})
ACTIVITY_END = frame({"realtimeInput": {"activityEnd": {}}})
STREAM_END = frame({"realtimeInput": {"audioStreamEnd": True}})


@dataclass(frozen=True, slots=True)
class Answered:
    """One call of a tool and its result, JSON text. ``call_id`` is empty where the service gave
    none."""

    call_id: str
    name: str
    output: str


def is_token(key: str) -> bool:
    return key.startswith(TOKEN)


def address(spec: SessionSpec) -> str:
    """The owner's address; without a path of its own, with that of the method.

    Raises:
        ValueError: it is no address.
    """
    parts = urlsplit(spec.url)
    if parts.path.strip("/"):
        return spec.url
    name = "BidiGenerateContentConstrained" if is_token(spec.key) else "BidiGenerateContent"
    version = str(spec.options.get("api_version", DEFAULT_VERSION)) or DEFAULT_VERSION
    method = _VERTEX_METHOD if _is_vertex(spec.url) else _METHOD
    return urlunsplit(parts._replace(path=method.format(version=version, name=name)))


def _is_vertex(url: str) -> bool:
    parts = urlsplit(url)
    return (parts.hostname or "").endswith(_VERTEX_HOST) or "LlmBidiService" in parts.path


def headers(spec: SessionSpec) -> dict[str, str]:
    """The key goes by a header: addresses are written to logs on the way."""
    if is_token(spec.key):
        return {"Authorization": f"Token {spec.key}"}
    if spec.key and _is_vertex(spec.url):
        return {"Authorization": f"Bearer {spec.key}"}
    return {"x-goog-api-key": spec.key} if spec.key else {}


def setup(spec: SessionSpec) -> str:
    """The first frame: the whole configuration, which cannot be changed later."""
    options = spec.options
    model = spec.model or DEFAULT_MODEL
    fields: dict[str, object] = {
        "model": model if "/" in model else f"models/{model}",
        "generationConfig": _generation(spec),
        "realtimeInputConfig": _hearing(spec),
        "outputAudioTranscription": {},
        "sessionResumption": {"handle": spec.resume} if spec.resume else {},
    }
    if spec.transcription_model:  # which model does it is the service's own choice
        fields["inputAudioTranscription"] = {}
    if spec.instructions:
        fields["systemInstruction"] = {"parts": [{"text": spec.instructions}]}
    tools = _tools(spec)
    if tools:
        fields["tools"] = tools
    if options.get("compression", True):
        fields["contextWindowCompression"] = {"slidingWindow": {}}
    if options.get("proactive_audio", False):
        fields["proactivity"] = {"proactiveAudio": True}
    if tells_history(spec):
        fields["historyConfig"] = {"initialHistoryInClientContent": True}
    return frame({"setup": fields})


def tells_history(spec: SessionSpec) -> bool:
    """A session that is taken up again knows what was said."""
    return bool(spec.history) and not spec.resume


def history(spec: SessionSpec) -> str:
    """What was said before this session; answered by nothing, as the setup says that it is no
    question."""
    turns = [
        {"role": "user" if said.by == "user" else "model", "parts": [{"text": said.text}]}
        for said in spec.history
    ]
    return frame({"clientContent": {"turns": turns, "turnComplete": True}})


def audio(pcm: bytes) -> str:
    mime_type = f"audio/pcm;rate={UPLINK_HZ}"
    data = {"data": encode_base64(pcm), "mimeType": mime_type}
    return frame({"realtimeInput": {"audio": data}})


def image(data_url: str) -> str | None:
    """A picture (``data:image/...;base64,...``) as a frame of video; None: it is none."""
    told = _IMAGE.fullmatch(data_url)
    if told is None:
        return None
    return frame({"realtimeInput": {"video": {"data": told[2], "mimeType": told[1].lower()}}})


def tool_response(calls: Iterable[Answered]) -> str:
    """All results of one message of calls."""
    return frame({"toolResponse": {"functionResponses": [_response(call) for call in calls]}})


def _response(call: Answered) -> dict[str, object]:
    response: dict[str, object] = {"name": call.name, "response": {"result": _value(call.output)}}
    return {"id": call.call_id, **response} if call.call_id else response


def _value(output: str) -> object:
    """An object as such; anything else stays the text that it is."""
    try:
        value = json.loads(output)
        json.dumps(value, allow_nan=False)
    except (ValueError, RecursionError):
        return output
    return value if isinstance(value, dict) else output


def _generation(spec: SessionSpec) -> dict[str, object]:
    found: dict[str, object] = {"responseModalities": ["AUDIO"]}
    temperature = spec.options.get("temperature", -1.0)
    if temperature >= 0:
        found["temperature"] = temperature
    if spec.voice:
        found["speechConfig"] = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": spec.voice}}}
    level = spec.options.get("thinking_level", "")
    if level:
        found["thinkingConfig"] = {"thinkingLevel": level}
    return found


def _hearing(spec: SessionSpec) -> dict[str, object]:
    """Who ends the turns. ``prefixPaddingMs`` is not what ``vad_prefix_ms`` is (it delays the
    start of speech, where that keeps sound from before it), so it is left to the service."""
    detection: dict[str, object] = {"disabled": True}
    if not spec.device_ends_turn:
        detection = {"silenceDurationMs": spec.vad_silence_ms}
        start = spec.options.get("start_sensitivity", "")
        end = spec.options.get("end_sensitivity", "")
        if start:
            detection["startOfSpeechSensitivity"] = f"START_SENSITIVITY_{start}"
        if end:
            detection["endOfSpeechSensitivity"] = f"END_SENSITIVITY_{end}"
    return {
        "automaticActivityDetection": detection,
        "activityHandling": "START_OF_ACTIVITY_INTERRUPTS",
        "turnCoverage": "TURN_INCLUDES_ONLY_ACTIVITY",
    }


def _tools(spec: SessionSpec) -> list[dict[str, object]]:
    tools: list[dict[str, object]] = []
    if spec.tools:
        declared = []
        for tool in spec.tools:
            one: dict[str, object] = {"name": tool.name, "description": tool.description}
            if tool.parameters.get("properties"):  # an object without any is refused
                one["parameters"] = _schema(tool.parameters)
            declared.append(one)
        tools.append({"functionDeclarations": declared})
    if spec.options.get("google_search", False):
        tools.append({"googleSearch": {}})
    return tools


def _schema(schema: Mapping[str, object]) -> dict[str, object]:
    """The part of ``schema`` that the service knows."""
    kept: dict[str, object] = {}
    for name, value in schema.items():
        if name == "properties" and isinstance(value, Mapping):
            kept[name] = {key: _schema(one) for key, one in value.items()}
        elif name == "items" and isinstance(value, Mapping):
            kept[name] = _schema(value)
        elif name == "anyOf" and isinstance(value, list):
            kept[name] = [_schema(one) for one in value]
        elif name in _SCHEMA and value != []:
            kept[name] = value
    return kept
