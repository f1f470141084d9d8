"""What a client of Gemini Live asked for in its ``setup``, and what is refused of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from device.simulator.services.gemini_wire import RefusedError

MODELS = ("gemini-3.8-live", "gemini-3.1-flash-live-preview")
MODEL_FAMILY = "gemini-2.5-flash-native-audio-preview-"
LEGACY = "gemini-3.1-flash-live-preview"
UPDATABLE = "gemini-3.8-live"
CONTEXT_TOKENS = 131_072
VOICES = frozenset(
    [
        "Puck",
        "Kore",
        "Zephyr",
        "Charon",
        "Fenrir",
        "Leda",
        "Orus",
        "Aoede",
        "Callirrhoe",
        "Autonoe",
        "Enceladus",
        "Iapetus",
        "Umbriel",
        "Algieba",
        "Despina",
        "Erinome",
        "Algenib",
        "Rasalgethi",
        "Laomedeia",
        "Achernar",
        "Alnilam",
        "Schedar",
        "Gacrux",
        "Pulcherrima",
        "Achird",
        "Zubenelgenubi",
        "Vindemiatrix",
        "Sadachbia",
        "Sadaltager",
        "Sulafat",
    ]
)
SILENCE_MS = {"END_SENSITIVITY_LOW": 1000}
ONSET_MS = {"START_SENSITIVITY_LOW": 200}
LONGEST_MS = 60_000


@dataclass(frozen=True, slots=True)
class Setup:
    """One connection's configuration; ``functions`` says of each whether it may run while the
    conversation goes on."""

    model: str
    voice: str
    system: str
    functions: Mapping[str, bool]
    automatic: bool
    silence_ms: int
    onset_ms: int
    interrupts: bool
    input_words: bool
    output_words: bool
    resumption: bool
    handle: str
    transparent: bool
    trigger_tokens: int | None
    target_tokens: int
    initial_history: bool
    voice_marks: bool


def parse(fields: Mapping[str, Any], version: str, *, vertex: bool) -> Setup:
    """From the fields of a ``setup``. Raises RefusedError as the service would close."""
    model = _model(str(fields.get("model", "")), version, vertex=vertex)
    generation = fields.get("generationConfig", {})
    _check_generation(generation, model, proactive="proactivity" in fields)
    hearing = fields.get("realtimeInputConfig", {})
    detection = hearing.get("automaticActivityDetection", {})
    resumption = fields.get("sessionResumption")
    compression = fields.get("contextWindowCompression")
    trigger = None
    if compression is not None:
        trigger = compression.get("triggerTokens") or CONTEXT_TOKENS * 8 // 10
    window = (compression or {}).get("slidingWindow", {})
    target = window.get("targetTokens") or (trigger or 0) // 2
    if trigger is not None and not 0 < target <= trigger:
        raise RefusedError(1007, "target_tokens must be positive and at most trigger_tokens.")
    end = detection.get("endOfSpeechSensitivity", "")
    start = detection.get("startOfSpeechSensitivity", "")
    return Setup(
        model=model,
        voice=_voice(generation, model),
        system=words_of(fields.get("systemInstruction", {})),
        functions=functions(fields.get("tools", []), model),
        automatic=not detection.get("disabled", False),
        silence_ms=_ms(detection, "silenceDurationMs", SILENCE_MS.get(end, 500)),
        onset_ms=_ms(detection, "prefixPaddingMs", ONSET_MS.get(start, 20)),
        interrupts=hearing.get("activityHandling") != "NO_INTERRUPTION",
        input_words="inputAudioTranscription" in fields,
        output_words="outputAudioTranscription" in fields,
        resumption=resumption is not None,
        handle=(resumption or {}).get("handle", ""),
        transparent=(resumption or {}).get("transparent", False),
        trigger_tokens=trigger,
        target_tokens=target,
        initial_history=fields.get("historyConfig", {}).get("initialHistoryInClientContent", False),
        voice_marks=fields.get("explicitVadSignal", False),
    )


def words_of(content: Mapping[str, Any]) -> str:
    """The texts of a content's parts."""
    return "\n".join(part["text"] for part in content.get("parts", []) if "text" in part)


def functions(tools: list[Mapping[str, Any]], model: str) -> dict[str, bool]:
    """Declared functions, and whether each is NON_BLOCKING."""
    found: dict[str, bool] = {}
    for tool in tools:
        for declaration in tool.get("functionDeclarations", []):
            name = declaration.get("name", "")
            free = declaration.get("behavior") == "NON_BLOCKING"
            if not name:
                raise RefusedError(1007, "function_declarations.name: the name is required.")
            if name in found:
                raise RefusedError(1007, f"Duplicate function declaration found: {name}")
            if free and model == LEGACY:
                raise RefusedError(1007, f"NON_BLOCKING is not supported by models/{model}.")
            found[name] = free
    return found


def _model(name: str, version: str, *, vertex: bool) -> str:
    head, _, model = name.rpartition("models/")
    right = head.startswith("projects/") and head.endswith("/publishers/google/")
    known = model in MODELS or model.startswith(MODEL_FAMILY)
    if not known or (not right if vertex else bool(head) or name == model):
        raise RefusedError(
            1008,
            f"{name or 'model'} is not found for API version {version}, or is not supported "
            "for bidiGenerateContent. Call ListModels to see the list of available models.",
        )
    return model


def _voice(generation: Mapping[str, Any], model: str) -> str:
    config = generation.get("speechConfig", {}).get("voiceConfig", {})
    voice: str = config.get("prebuiltVoiceConfig", {}).get("voiceName", "Puck")
    if voice not in VOICES:
        raise RefusedError(
            1007, f"Requested voice api_name '{voice}' is not available for model models/{model}"
        )
    return voice


def _check_generation(generation: Mapping[str, Any], model: str, *, proactive: bool) -> None:
    modalities = generation.get("responseModalities", ["AUDIO"])
    if modalities != ["AUDIO"]:
        raise RefusedError(
            1007,
            f"The requested combination of response modalities ({', '.join(modalities)}) is not "
            "supported by the model.",
        )
    thinking = generation.get("thinkingConfig", {})
    if thinking.get("thinkingLevel", "low").lower() not in {"minimal", "low", "medium", "high"}:
        raise RefusedError(1007, "Invalid value at 'thinkingConfig.thinkingLevel'.")
    if model == LEGACY:
        asked = {
            "thinking_budget": "thinkingBudget" in thinking,
            "proactivity": proactive,
            "enable_affective_dialog": generation.get("enableAffectiveDialog", False),
        }
        for name, there in asked.items():
            if there:
                raise RefusedError(1007, f"{name} is not supported by models/{model}.")


def _ms(detection: Mapping[str, Any], name: str, otherwise: int) -> int:
    value: int = detection.get(name, otherwise)
    if not 0 <= value <= LONGEST_MS:
        raise RefusedError(1007, f"{name} is out of range: {value}")
    return value
