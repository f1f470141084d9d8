"""What the models that run at Wiro want to be told: a table, a line for each family. Pure.

Numbers that are not set (0, and -1 where 0 means something) are left out, so that the model's own
count. The formats are always said: what Wiro fills in where nothing is said is telephone sound.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from device.providers.base import SessionSpec
from device.providers.wiro_wire import instructions

DEFAULT_MODEL = "openai/gpt-realtime"

_TRANSCRIBERS = ("gpt-4o-mini-transcribe", "gpt-4o-transcribe", "whisper-1")
#: ElevenLabs' own, unless it is told another.
_ELEVENLABS_CAP_S = 600


@dataclass(frozen=True, slots=True)
class Family:
    """Models with the same parameters. ``parameters`` is the body of the request that runs
    one; ``cap_s`` when it ends a session; ``may_greet``: it may speak first; ``feeds_on_sound``:
    it hears and speaks all the time."""

    parameters: Callable[[SessionSpec], dict[str, object]]
    cap_s: Callable[[SessionSpec], float | None] = lambda _spec: None
    may_greet: bool = False
    feeds_on_sound: bool = False


def family_of(model: str) -> Family:
    """Of a slug; one that is not known is taken for one of the family that has most of them."""
    lowered = model.lower()
    for prefix, family in _FAMILIES.items():
        if lowered.startswith(prefix):
            return family
    return _FAMILIES["openai/"]


def _openai(spec: SessionSpec) -> dict[str, object]:
    wanted = spec.transcription_model
    known = wanted if wanted in _TRANSCRIBERS else _TRANSCRIBERS[0]
    return {
        "voice": spec.voice or "marin",
        "system_instructions": instructions(spec),
        "input_audio_format": "audio/pcm",
        "output_audio_format": "audio/pcm",
        "input_audio_rate": "24000",
        "output_audio_rate": "24000",
        **_set(
            transcription_model=known if wanted else "",
            turn_detection_threshold=spec.vad_threshold,
            turn_detection_silence_ms=spec.vad_silence_ms,
        ),
    }


def _elevenlabs(spec: SessionSpec) -> dict[str, object]:
    return {
        "system_instructions": instructions(spec),
        "input_audio_format": "pcm_24000",
        "output_audio_format": "pcm_24000",
        # When the conversation is over is for the device to say, unless the owner says otherwise.
        "end_call": "1" if _option(spec, "end_call") else "0",
        **_set(
            voice_id=spec.voice,
            language=spec.language or "auto",
            turn_timeout=_option(spec, "turn_timeout_s"),
            silence_end_call_timeout=_option(spec, "silence_end_s"),
            max_duration_seconds=_option(spec, "max_duration_s"),
        ),
        **_options(
            spec,
            first_message="first_message",
            tts_model_id="tts_model_id",
            turn_eagerness="turn_eagerness",
            speed="speed",
            optimize_streaming_latency="optimize_streaming_latency",
            server_tools="server_tools",
        ),
        **_from_zero(spec, stability="stability", similarity_boost="similarity_boost"),
    }


def _personaplex(spec: SessionSpec) -> dict[str, object]:
    return {
        "prompt": instructions(spec),
        "voice": spec.voice or "NATF0",
        **_options(spec, text_temperature="tempText", topk_audio="topkAudio", topk_text="topkText"),
        **_from_zero(spec, seed="seed"),
    }


def _elevenlabs_cap_s(spec: SessionSpec) -> float:
    value = spec.options.get("max_duration_s", 0)
    return float(value) if isinstance(value, int | float) and value > 0 else _ELEVENLABS_CAP_S


def _option(spec: SessionSpec, name: str) -> object:
    return spec.options.get(name, 0)


def _options(spec: SessionSpec, **names: str) -> dict[str, object]:
    """The owner's settings, under the names of the model."""
    return _set(**{theirs: _option(spec, ours) for ours, theirs in names.items()})


def _from_zero(spec: SessionSpec, **names: str) -> dict[str, object]:
    """As `_options`, of numbers that may be 0."""
    found = {theirs: spec.options.get(ours, -1) for ours, theirs in names.items()}
    return {n: v for n, v in found.items() if isinstance(v, int | float) and v >= 0}


def _set(**fields: object) -> dict[str, object]:
    """Without what is not set."""
    return {name: value for name, value in fields.items() if value}


_FAMILIES: Mapping[str, Family] = {
    "openai/": Family(_openai),
    "elevenlabs/": Family(_elevenlabs, _elevenlabs_cap_s),
    "nvidia/personaplex": Family(_personaplex, may_greet=True, feeds_on_sound=True),
}
