"""Each family of Wiro's models is told what it understands, and nothing that is not set."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from device.providers.base import SessionSpec
from device.providers.wiro import Wiro
from device.providers.wiro_models import family_of
from device.settings_services import WiroSettings


def parameters(model: str, **more: Any) -> dict[str, object]:
    options = {**dataclasses.asdict(WiroSettings()), **more.pop("options", {})}
    spec = SessionSpec(url="", model=model, options=options, instructions="Be brief.", **more)
    return family_of(model).parameters(spec)


@pytest.mark.parametrize("model", ["openai/gpt-realtime", "openai/gpt-realtime-mini", "new/one"])
def test_models_of_openai_and_unknown_ones(model: str) -> None:
    assert parameters(model, voice="cedar", transcription_model="whisper-1") == {
        "voice": "cedar",
        "system_instructions": "Be brief.",
        "transcription_model": "whisper-1",
        "input_audio_format": "audio/pcm",
        "output_audio_format": "audio/pcm",
        "input_audio_rate": "24000",
        "output_audio_rate": "24000",
        "turn_detection_threshold": 0.5,
        "turn_detection_silence_ms": 560,
    }


def test_a_transcriber_that_wiro_does_not_have_becomes_one_that_it_has() -> None:
    told = parameters("openai/gpt-realtime", transcription_model="gpt-transcribe")
    assert told["transcription_model"] == "gpt-4o-mini-transcribe"
    assert "transcription_model" not in parameters("openai/gpt-realtime", transcription_model="")


def test_a_threshold_of_0_is_left_to_the_model() -> None:
    told = parameters("openai/gpt-realtime", vad_threshold=0.0, vad_silence_ms=0)
    assert not {"turn_detection_threshold", "turn_detection_silence_ms"} & set(told)


def test_a_model_of_elevenlabs_as_it_is_configured_at_first() -> None:
    assert parameters("elevenlabs/realtime-conversational-ai", voice="v1", language="de") == {
        "voice_id": "v1",
        "system_instructions": "Be brief.",
        "language": "de",
        "input_audio_format": "pcm_24000",
        "output_audio_format": "pcm_24000",
        "end_call": "0",
    }


def test_a_model_of_elevenlabs_with_everything_set() -> None:
    options = {
        "first_message": "Good day!",
        "tts_model_id": "eleven_flash_v2_5",
        "turn_eagerness": "high",
        "turn_timeout_s": 9,
        "silence_end_s": 40,
        "max_duration_s": 900,
        "speed": 1.1,
        "stability": 0.4,
        "similarity_boost": 0.6,
        "optimize_streaming_latency": "0",
        "server_tools": "[]",
    }
    told = parameters("elevenlabs/Realtime Conversational AI", options=options)
    assert told["first_message"] == "Good day!"
    assert (told["turn_timeout"], told["silence_end_call_timeout"]) == (9, 40)
    assert told["max_duration_seconds"] == 900
    assert (told["tts_model_id"], told["turn_eagerness"]) == ("eleven_flash_v2_5", "high")
    assert (told["speed"], told["stability"], told["similarity_boost"]) == (1.1, 0.4, 0.6)
    assert (told["optimize_streaming_latency"], told["server_tools"]) == ("0", "[]")


def test_numbers_that_may_be_0_are_told_and_the_model_may_be_allowed_to_hang_up() -> None:
    options = {"stability": 0.0, "similarity_boost": 0.0, "end_call": True}
    told = parameters("elevenlabs/x", options=options)
    assert (told["stability"], told["similarity_boost"], told["end_call"]) == (0.0, 0.0, "1")


@pytest.mark.parametrize(
    ("model", "tells"),
    [("openai/gpt-realtime", True), ("elevenlabs/x", True), ("nvidia/PersonaPlex-Realtime", False)],
)
def test_the_ends_of_replies_are_told_by_models_that_mark_them(model: str, tells: bool) -> None:
    assert Wiro(SessionSpec(url="", model=model)).capabilities.tells_ends is tells


def test_an_answer_in_which_a_tool_of_the_models_own_is_asked_may_have_several_ends() -> None:
    spec = SessionSpec(url="", model="elevenlabs/x", options={"server_tools": "[{}]"})
    assert not Wiro(spec).capabilities.tells_ends


def test_personaplex() -> None:
    assert parameters("nvidia/PersonaPlex-Realtime") == {"prompt": "Be brief.", "voice": "NATF0"}
    options = {"text_temperature": 0.7, "topk_audio": 250, "topk_text": 25, "seed": 0}
    assert parameters("nvidia/PersonaPlex-Realtime", voice="VARM4", options=options) == {
        "prompt": "Be brief.",
        "voice": "VARM4",
        "tempText": 0.7,
        "topkAudio": 250,
        "topkText": 25,
        "seed": 0,
    }


@pytest.mark.parametrize("model", ["openai/x", "elevenlabs/x", "nvidia/PersonaPlex-Realtime"])
def test_no_model_is_told_of_telephone_sound(model: str) -> None:
    assert not [v for v in parameters(model).values() if v in ("audio/pcmu", "ulaw_8000", "8000")]


@pytest.mark.parametrize(
    ("model", "options", "cap_s"),
    [
        ("openai/gpt-realtime", {}, None),
        ("elevenlabs/x", {}, 600),
        ("elevenlabs/x", {"max_duration_s": 900}, 900),
        ("elevenlabs/x", {"max_duration_s": "soon"}, 600),
    ],
)
def test_the_cap_of_a_session_is_known_where_the_model_has_one(
    model: str, options: dict[str, Any], cap_s: float | None
) -> None:
    codec = Wiro(SessionSpec(url="", model=model, options=options))
    assert codec.capabilities.session_cap_s == cap_s
