"""The parameters of Wiro's realtime models (A6 of the documents), as runs are checked for them."""

from __future__ import annotations

import pytest

from device.simulator.services.wiro_models import MODELS, faults
from tests.services.test_wiro_client import (
    ELEVEN,
    GPT,
    PARAMETERS,
    codes,
    going,
    post,
    running,
    wiro,
)
from tests.services.test_wiro_client import run as start

PERSONA = "nvidia/PersonaPlex-Realtime"
GOOD: list[tuple[str, str, list[object]]] = [
    (
        GPT,
        "voice",
        [
            "alloy",
            "ash",
            "ballad",
            "cedar",
            "coral",
            "echo",
            "fable",
            "marin",
            "nova",
            "onyx",
            "sage",
            "shimmer",
            "verse",
        ],
    ),
    (
        GPT,
        "transcription_model",
        ["gpt-4o-mini-transcribe", "gpt-4o-transcribe", "whisper-1"],
    ),
    (GPT, "turn_detection_threshold", [0.5, 1]),
    (GPT, "turn_detection_silence_ms", [500, 250]),
    (ELEVEN, "first_message", ["Hello."]),
    (ELEVEN, "language", ["auto", "en", "de", "pt-BR"]),
    (
        ELEVEN,
        "tts_model_id",
        ["eleven_flash_v2_5", "eleven_turbo_v2", "eleven_multilingual_v2"],
    ),
    (ELEVEN, "turn_timeout", [7, "7"]),
    (ELEVEN, "silence_end_call_timeout", [30, "30"]),
    (ELEVEN, "max_duration_seconds", [600, "600"]),
    (ELEVEN, "turn_eagerness", ["low", "normal", "high"]),
    (ELEVEN, "end_call", ["0", "1"]),
    (ELEVEN, "speed", [1.0, "1.1"]),
    (ELEVEN, "stability", [0.5]),
    (ELEVEN, "similarity_boost", [0.8]),
    (ELEVEN, "optimize_streaming_latency", list("01234")),
    (ELEVEN, "server_tools", ["[]", '[{"name": "weather"}]']),
    (PERSONA, "voice", [f"NAT{s}{n}" for s in "FM" for n in range(4)]),
    (PERSONA, "voice", [f"VAR{s}{n}" for s in "FM" for n in range(5)]),
    (PERSONA, "tempText", [0.7]),
    (PERSONA, "topkAudio", [250]),
    (PERSONA, "topkText", [25]),
    (PERSONA, "seed", [-1, 42]),
]
BAD: list[tuple[str, str, list[object]]] = [
    (GPT, "voice", ["robot", "", None, 7]),
    (GPT, "system_instructions", ["", None, ["x"]]),
    (GPT, "transcription_model", ["whisper-2"]),
    (GPT, "input_audio_format", ["audio/pcmu", "audio/pcma", "pcm16"]),
    (GPT, "output_audio_format", ["audio/pcmu", "audio/pcma"]),
    (GPT, "input_audio_rate", [24_000, "8000", "16000"]),
    (GPT, "output_audio_rate", [24_000, "8000"]),
    (GPT, "turn_detection_threshold", [0, "0.5", True, 2, float("nan")]),
    (GPT, "turn_detection_silence_ms", [0, "500", None]),
    (GPT, "tools", [[]]),
    (ELEVEN, "voice_id", ["", 1]),
    (ELEVEN, "language", ["English"]),
    (ELEVEN, "tts_model_id", ["eleven_v3"]),
    (ELEVEN, "turn_eagerness", ["eager"]),
    (ELEVEN, "end_call", [True, 1, "yes"]),
    (ELEVEN, "optimize_streaming_latency", [2, "5"]),
    (ELEVEN, "output_audio_format", ["pcm_16000", "pcm_22050", "pcm_44100", "ulaw_8000"]),
    (ELEVEN, "input_audio_format", ["pcm_16000", "ulaw_8000"]),
    (ELEVEN, "server_tools", ["{}", "[", []]),
    (PERSONA, "voice", ["NATF4", "VARM5", "natf0"]),
    (PERSONA, "prompt", [""]),
    (PERSONA, "seed", ["any", None]),
]


def each(table: list[tuple[str, str, list[object]]]) -> list[tuple[str, str, object]]:
    return [(model, name, value) for model, name, values in table for value in values]


@pytest.mark.parametrize(("model", "name", "value"), each(GOOD))
def test_what_the_documents_list_is_accepted(model: str, name: str, value: object) -> None:
    assert faults(model, PARAMETERS[model] | {name: value}) == []


@pytest.mark.parametrize(("model", "name", "value"), each(BAD))
def test_anything_else_is_refused_by_name(model: str, name: str, value: object) -> None:
    (fault,) = faults(model, PARAMETERS[model] | {name: value})
    assert name in fault


@pytest.mark.parametrize("model", [GPT, "openai/gpt-realtime-mini", ELEVEN, PERSONA])
def test_what_is_required_is_missed_by_name(model: str) -> None:
    for name in PARAMETERS[model]:
        without = {key: value for key, value in PARAMETERS[model].items() if key != name}
        assert faults(model, without) == [f"{name} is required"]


def test_both_models_of_the_openai_kind_have_the_same_parameters() -> None:
    assert MODELS[GPT] == MODELS["openai/gpt-realtime-mini"]


def test_a_run_with_the_wrong_format_is_refused_with_its_name_in_the_error() -> None:
    async def work() -> None:
        async with running(wiro()) as service:
            body = PARAMETERS[GPT] | {"input_audio_format": "audio/pcmu"}
            status, answer = await post(service.http_origin, f"/v1/Run/{GPT}", body)
            assert (status, codes(answer)) == (200, [0])
            assert "audio/pcmu" in answer["errors"][0]["message"]

    going(work)


def test_every_model_can_be_run_and_elevenlabs_at_both_addresses() -> None:
    async def work() -> None:
        async with running(wiro()) as service:
            for model in PARAMETERS:
                await start(service, model)

    going(work)


def test_the_catalogue_lists_a_models_parameters() -> None:
    async def work() -> None:
        async with running(wiro()) as service:
            about = {"slugowner": "openai", "slugproject": "gpt-realtime"}
            _, answer = await post(service.http_origin, "/v1/Tool/Detail", about)
            items = answer["tool"][0]["parameters"][0]["items"]
            assert {item["id"] for item in items} > PARAMETERS[GPT].keys()
            about = {"slugowner": "openai", "slugproject": "gpt-9"}
            _, answer = await post(service.http_origin, "/v1/Tool/Detail", about)
            assert codes(answer) == [1]

    going(work)
