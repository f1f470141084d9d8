"""Gemini Live's client messages: which fields there are, read as strictly as proto JSON is.

Keys may be lowerCamelCase or snake_case, null is "not set", bytes are base64 of either alphabet,
64-bit numbers may be strings. A field that the message does not have is refused. Free-form parts
(a function's parameters, arguments and response) keep their keys.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from enum import Enum
from typing import Any

MAX_REASON_BYTES = 123  #: of a WebSocket close frame


class RefusedError(Exception):
    """The service ends the connection with this close code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code

    @property
    def reason(self) -> str:
        """As much of it as a close frame can hold."""
        raw = str(self).encode("utf-8", "replace")[:MAX_REASON_BYTES]
        return raw.decode("utf-8", "ignore")


class Kind(Enum):
    STRING = "string"
    BOOL = "bool"
    INT = "int"
    NUMBER = "number"
    BYTES = "bytes"
    ANY = "any"


STRING, BOOL, INT, NUMBER, BYTES, ANY = Kind

BLOB = {"data": BYTES, "mimeType": STRING, "displayName": STRING}
PART = {
    "text": STRING,
    "inlineData": BLOB,
    "fileData": ANY,
    "functionCall": ANY,
    "functionResponse": ANY,
    "thought": BOOL,
    "thoughtSignature": BYTES,
}
CONTENT = {"role": STRING, "parts": [PART]}
FUNCTION = {
    "name": STRING,
    "description": STRING,
    "parameters": ANY,
    "parametersJsonSchema": ANY,
    "response": ANY,
    "responseJsonSchema": ANY,
    "behavior": frozenset({"UNSPECIFIED", "BLOCKING", "NON_BLOCKING"}),
}
TOOL = {
    "functionDeclarations": [FUNCTION],
    "googleSearch": ANY,
    "codeExecution": ANY,
    "urlContext": ANY,
    "googleMaps": ANY,
}
TRANSCRIPTION = {
    "languageCodes": [STRING],
    "languageAuto": ANY,
    "languageHints": ANY,
    "customVocabulary": [STRING],
    "adaptationPhrases": [STRING],
    "wordTimestamp": BOOL,
    "diarization": BOOL,
    "mode": STRING,
}
GENERATION = {
    "responseModalities": [frozenset({"AUDIO", "TEXT", "IMAGE"})],
    "temperature": NUMBER,
    "topP": NUMBER,
    "topK": NUMBER,
    "maxOutputTokens": INT,
    "candidateCount": INT,
    "seed": INT,
    "presencePenalty": NUMBER,
    "frequencyPenalty": NUMBER,
    "mediaResolution": STRING,
    "enableAffectiveDialog": BOOL,
    "speechConfig": {
        "voiceConfig": {"prebuiltVoiceConfig": {"voiceName": STRING}},
        "languageCode": STRING,
    },
    "thinkingConfig": {"thinkingLevel": STRING, "thinkingBudget": INT, "includeThoughts": BOOL},
}
INPUT = {
    "automaticActivityDetection": {
        "disabled": BOOL,
        "startOfSpeechSensitivity": frozenset(
            f"START_SENSITIVITY_{level}" for level in ("UNSPECIFIED", "HIGH", "LOW")
        ),
        "endOfSpeechSensitivity": frozenset(
            f"END_SENSITIVITY_{level}" for level in ("UNSPECIFIED", "HIGH", "LOW")
        ),
        "prefixPaddingMs": INT,
        "silenceDurationMs": INT,
    },
    "activityHandling": frozenset(
        {
            "ACTIVITY_HANDLING_UNSPECIFIED",
            "START_OF_ACTIVITY_INTERRUPTS",
            "NO_INTERRUPTION",
        }
    ),
    "turnCoverage": frozenset(
        {
            "TURN_COVERAGE_UNSPECIFIED",
            "TURN_INCLUDES_ONLY_ACTIVITY",
            "TURN_INCLUDES_ALL_INPUT",
            "TURN_INCLUDES_AUDIO_ACTIVITY_AND_ALL_VIDEO",
        }
    ),
}
SETUP = {
    "model": STRING,
    "generationConfig": GENERATION,
    "systemInstruction": CONTENT,
    "tools": [TOOL],
    "realtimeInputConfig": INPUT,
    "inputAudioTranscription": TRANSCRIPTION,
    "outputAudioTranscription": TRANSCRIPTION,
    "sessionResumption": {"handle": STRING, "transparent": BOOL},
    "contextWindowCompression": {"triggerTokens": INT, "slidingWindow": {"targetTokens": INT}},
    "proactivity": {"proactiveAudio": BOOL, "proactiveVideo": BOOL},
    "historyConfig": {"initialHistoryInClientContent": BOOL},
    "explicitVadSignal": BOOL,
    "safetySettings": ANY,
    "labels": ANY,
}
MESSAGE: Mapping[str, Any] = {
    "setup": SETUP,
    "clientContent": {"turns": [CONTENT], "turnComplete": BOOL},
    "realtimeInput": {
        "audio": BLOB,
        "video": BLOB,
        "text": STRING,
        "activityStart": {},
        "activityEnd": {},
        "audioStreamEnd": BOOL,
        "mediaChunks": [BLOB],
    },
    "toolResponse": {
        "functionResponses": [
            {
                "id": STRING,
                "name": STRING,
                "response": ANY,
                "scheduling": frozenset(
                    {"SCHEDULING_UNSPECIFIED", "INTERRUPT", "WHEN_IDLE", "SILENT"}
                ),
                "willContinue": BOOL,
                "parts": ANY,
            }
        ]
    },
    "contextUpdate": {"systemInstruction": CONTENT, "tools": {"tools": [TOOL]}},
}


def read(data: str | bytes) -> tuple[str, dict[str, Any]]:
    """(which message it is, its fields in camelCase, with bytes decoded)."""
    try:
        raw = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RefusedError(1007, f"Invalid JSON payload received. {error}") from error
    message = _read(raw, MESSAGE, "")
    if len(message) != 1:
        raise RefusedError(
            1007, f"Exactly one message of the oneof must be set, there are {len(message)}."
        )
    [(kind, body)] = message.items()
    return kind, body


def _read(value: Any, kind: Any, where: str) -> Any:
    match kind:
        case dict():
            return _fields(value, kind, where)
        case [one]:
            if not isinstance(value, list):
                raise _wrong(where, "a list")
            return [_read(item, one, f"{where}[{at}]") for at, item in enumerate(value)]
        case frozenset():
            if not isinstance(value, str) or value not in kind:
                raise _wrong(where, "one of " + ", ".join(sorted(kind)))
            return value
    return _scalar(value, kind, where)


def _fields(value: Any, kinds: Mapping[str, Any], where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _wrong(where, "an object")
    got: dict[str, Any] = {}
    for key, item in value.items():
        name = re.sub("_([a-z0-9])", lambda found: found[1].upper(), key)
        if name not in kinds:
            at = f" at '{where}'" if where else ""
            raise RefusedError(
                1007, f'Invalid JSON payload received. Unknown name "{key}"{at}: Cannot find field.'
            )
        if name in got:
            raise RefusedError(1007, f'Invalid JSON payload received. "{name}" is set twice.')
        if item is not None:
            got[name] = _read(item, kinds[name], f"{where}.{name}" if where else name)
    return got


def _scalar(value: Any, kind: Kind, where: str) -> Any:
    if kind is BYTES and isinstance(value, str):
        return _bytes(value, where)
    if kind is INT and isinstance(value, str) and re.fullmatch(r"-?[0-9]{1,19}", value):
        return int(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    fits = {
        STRING: isinstance(value, str),
        BOOL: isinstance(value, bool),
        INT: whole,
        NUMBER: whole or isinstance(value, float),
        ANY: True,
    }
    if not fits.get(kind, False):
        raise _wrong(where, kind.value)
    return value


def _bytes(text: str, where: str) -> bytes:
    plain = text.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(where, "base64") from error


def _wrong(where: str, wanted: str) -> RefusedError:
    return RefusedError(
        1007, f"Invalid JSON payload received. Invalid value at '{where}': not {wanted}."
    )
