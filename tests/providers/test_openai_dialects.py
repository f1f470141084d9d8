"""How each of those that speak the protocol deviates."""

from __future__ import annotations

from typing import Any

import pytest

from device.events import (
    ErrorKind,
    LinkOpened,
)
from device.providers import openai_realtime
from device.providers.base import Connect, SessionSpec, ToolSpec
from device.providers.openai_dialects import (
    AZURE,
    COMPATIBLE,
    OFFLINE,
    OPENAI,
    VOICE_LIVE,
    XAI,
    Dialect,
)
from tests.providers.driver import URL, Driver, ending, events, frames, notes

ALL = (OPENAI, OFFLINE, AZURE, XAI, COMPATIBLE, VOICE_LIVE)
TOOL = ToolSpec("get_time", "the time", {"type": "object", "properties": {}})


def connect_of(dialect: Dialect, **spec: Any) -> Connect:
    driver = Driver(SessionSpec(**{"url": URL, "key": "key-1", **spec}), dialect)
    (connect,) = [o for o in driver.start() if isinstance(o, Connect)]
    return connect


def session_of(dialect: Dialect, **spec: Any) -> dict[str, Any]:
    driver = Driver(SessionSpec(**{"url": URL, **spec}), dialect)
    driver.connect()
    (frame,) = frames(driver.event("session.created"))
    session: dict[str, Any] = frame["session"]
    return session


def is_refused(driver: Driver, **error: str) -> list[Any]:
    error = {"type": "invalid_request_error", "code": "unknown_parameter", **error}
    return driver.event("error", error={"message": "no such parameter", **error})


# --- reaching them -------------------------------------------------------------------------


def test_azure_takes_a_key_of_its_own_or_a_token_of_entra() -> None:
    assert connect_of(AZURE, key="0123abc").headers == {"api-key": "0123abc"}
    token = "eyJhbGciOi.eyJzdWIi.c2lnbmF0dXJl"
    assert connect_of(AZURE, key=token).headers == {"Authorization": f"Bearer {token}"}
    assert connect_of(VOICE_LIVE, key="0123abc").headers == {"api-key": "0123abc"}


@pytest.mark.parametrize("dialect", [XAI, COMPATIBLE, OFFLINE])
def test_others_take_the_key_as_openai_does_and_none_of_openais_headers(dialect: Dialect) -> None:
    connect = connect_of(dialect, options={"organization": "org-1"})
    assert connect.headers == {"Authorization": "Bearer key-1"}


@pytest.mark.parametrize(
    ("dialect", "url", "expected"),
    [
        (AZURE, "wss://r.openai.azure.com", "/openai/v1/realtime?model=deployed"),
        (
            AZURE,
            "wss://r.openai.azure.com/openai/realtime?api-version=1&deployment=d",
            "/openai/realtime?api-version=1&deployment=d",
        ),
        (
            VOICE_LIVE,
            "wss://r.services.ai.azure.com/",
            "/voice-live/realtime?model=deployed&api-version=2026-04-10",
        ),
        (
            VOICE_LIVE,
            "wss://r.services.ai.azure.com/voice-live/realtime?agent_id=a&api-version=2",
            "/voice-live/realtime?agent_id=a&api-version=2",
        ),
        (COMPATIBLE, "ws://box.lan:8000", "/v1/realtime?model=deployed"),
        (COMPATIBLE, "ws://box.lan:8000/talk", "/talk?model=deployed"),
    ],
)
def test_addresses_are_completed(dialect: Dialect, url: str, expected: str) -> None:
    host = url.split("/")[2]
    assert connect_of(dialect, url=url, model="deployed").url.partition(host)[2] == expected


def test_the_version_of_voice_live_is_a_setting() -> None:
    connect = connect_of(VOICE_LIVE, options={"api_version": "2026-07-15"})
    assert connect.url.endswith("api-version=2026-07-15")


def test_a_server_of_ones_own_need_not_be_told_a_model() -> None:
    assert connect_of(COMPATIBLE).url == URL
    assert connect_of(XAI).url == f"{URL}?model=grok-voice-latest"


@pytest.mark.parametrize("dialect", ALL)
def test_without_an_address_the_attempt_ends_in_words(dialect: Dialect) -> None:
    reason, kind = ending(Driver(SessionSpec(url=""), dialect).start())
    assert kind is ErrorKind.PROTOCOL
    assert "address" in reason


def test_the_services_are_the_dialects() -> None:
    services = {
        "SERVICE": OPENAI,
        "OFFLINE": OFFLINE,
        "AZURE": AZURE,
        "XAI": XAI,
        "COMPATIBLE": COMPATIBLE,
        "VOICE_LIVE": VOICE_LIVE,
    }
    for name, dialect in services.items():
        service = getattr(openai_realtime, name)
        assert service.able == dialect.able
        assert service.make(SessionSpec(url=URL)).capabilities == dialect.able


# --- what they are told ----------------------------------------------------------------------


def test_azure_is_told_what_openai_is_told() -> None:
    spec = {"voice": "marin", "tools": (TOOL,), "options": {"speed": 1.2}}
    assert session_of(AZURE, **spec) == session_of(OPENAI, **spec)


@pytest.mark.parametrize("model", ["gpt-transcribe", "my-deployment"])
def test_azure_transcribes_only_with_a_deployment_that_the_owner_named(model: str) -> None:
    heard = session_of(AZURE, transcription_model=model)["audio"]["input"]["transcription"]
    named = {"model": "my-deployment", "language": "en"}
    assert heard == (None if model == "gpt-transcribe" else named)


def test_a_voice_of_the_owners_own_is_told_by_its_id() -> None:
    assert session_of(OPENAI, voice="voice_1a2b")["audio"]["output"]["voice"] == {
        "id": "voice_1a2b"
    }
    assert session_of(OPENAI, voice="marin")["audio"]["output"]["voice"] == "marin"


def test_xai_has_voice_and_turn_detection_at_the_top() -> None:
    session = session_of(
        XAI,
        voice="eve",
        instructions="Be brief.",
        transcription_model="gpt-transcribe",
        tools=(TOOL,),
        options={"reasoning_effort": "high", "speed": 1.1, "tracing": True},
    )
    pcm = {"type": "audio/pcm", "rate": 24000}
    assert session == {
        "voice": "eve",
        "instructions": "Be brief.",
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 560,
        },
        "audio": {"input": {"format": pcm}, "output": {"format": pcm, "speed": 1.1}},
        "reasoning": {"effort": "high"},
        "tools": [
            {
                "type": "function",
                "name": "get_time",
                "description": "the time",
                "parameters": {"type": "object", "properties": {}},
            }
        ],
        "tool_choice": "auto",
    }
    assert session_of(XAI, device_ends_turn=True)["turn_detection"] is None


def test_a_tool_server_that_asks_nobody_is_offered_only_what_may_run() -> None:
    options = {
        "mcp_servers": ("home: https://x.y/z",),
        "mcp_approval": "always",
        "mcp_allowed": ("lights",),
    }
    (tool,) = session_of(XAI, options=options)["tools"]
    assert tool == {
        "type": "mcp",
        "server_label": "home",
        "server_url": "https://x.y/z",
        "allowed_tools": ["lights"],
    }


def test_a_server_of_ones_own_is_told_the_core_only() -> None:
    session = session_of(
        COMPATIBLE,
        transcription_model="gpt-transcribe",
        options={"speed": 1.5, "tracing": True, "reasoning_effort": "low"},
    )
    pcm = {"type": "audio/pcm", "rate": 24000}
    assert session == {
        "type": "realtime",
        "audio": {
            "input": {
                "format": pcm,
                "turn_detection": {
                    "type": "server_vad",
                    "threshold": 0.5,
                    "prefix_padding_ms": 300,
                    "silence_duration_ms": 560,
                },
            },
            "output": {"format": pcm},
        },
        "tools": [],
    }
    assert session_of(COMPATIBLE, transcription_model="whisper-1")["audio"]["input"][
        "transcription"
    ] == {"model": "whisper-1", "language": "en"}


def test_one_that_refuses_the_shape_is_told_the_retired_one() -> None:
    spec = SessionSpec(url=URL, voice="v", transcription_model="whisper-1", device_ends_turn=True)
    driver = Driver(spec, COMPATIBLE)
    driver.connect()
    driver.event("session.created")
    outputs = is_refused(driver)
    (frame,) = frames(outputs)
    assert frame["session"] == {
        "modalities": ["text", "audio"],
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "turn_detection": None,
        "input_audio_transcription": {"model": "whisper-1", "language": "en"},
        "voice": "v",
        "tools": [],
    }
    assert "another form" in notes(outputs)[0]
    opened = driver.event("session.updated", session={"output_audio_format": "pcm16"})
    assert isinstance(events(opened)[0], LinkOpened)


def test_one_that_refuses_both_shapes_ends_the_attempt() -> None:
    driver = Driver(dialect=COMPATIBLE)
    driver.connect()
    driver.event("session.created")
    is_refused(driver)
    assert ending(is_refused(driver))[1] is ErrorKind.PROTOCOL


def test_a_refused_key_is_not_mended_by_another_shape() -> None:
    driver = Driver(dialect=COMPATIBLE)
    driver.connect()
    driver.event("session.created")
    assert ending(is_refused(driver, code="invalid_api_key"))[1] is ErrorKind.KEY


def test_openai_gets_no_second_shape() -> None:
    driver = Driver()
    driver.connect()
    driver.event("session.created")
    assert ending(is_refused(driver))[1] is ErrorKind.PROTOCOL


def test_voice_live_speaks_the_retired_shape_with_additions() -> None:
    session = session_of(
        VOICE_LIVE,
        voice="en-US-Ava:DragonHDLatestNeural",
        transcription_model="gpt-transcribe",
        options={"service_vad": "azure_semantic_vad_multilingual", "echo_cancellation": True},
    )
    assert session == {
        "modalities": ["text", "audio"],
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "turn_detection": {
            "type": "azure_semantic_vad_multilingual",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 560,
            "create_response": True,
            "interrupt_response": False,
        },
        "input_audio_noise_reduction": {"type": "azure_deep_noise_suppression"},
        "input_audio_echo_cancellation": {"type": "server_echo_cancellation"},
        "input_audio_transcription": {"model": "azure-speech", "language": "en"},
        "voice": {"type": "azure-standard", "name": "en-US-Ava:DragonHDLatestNeural"},
        "tools": [],
    }


def test_voice_live_takes_what_is_chosen() -> None:
    session = session_of(
        VOICE_LIVE,
        voice="marin",
        transcription_model="whisper-1",
        device_ends_turn=True,
        options={"voice_type": "openai", "noise_reduction": False},
    )
    assert session["voice"] == {"type": "openai", "name": "marin"}
    assert session["input_audio_noise_reduction"] is None
    assert session["input_audio_transcription"]["model"] == "whisper-1"
    assert session["turn_detection"] is None
    assert "input_audio_echo_cancellation" not in session


def test_its_echo_canceller_wants_to_hear_the_echo() -> None:
    spec = SessionSpec(url=URL, options={"echo_cancellation": True})
    assert Driver(spec, VOICE_LIVE).codec.capabilities.prefers == "raw"
    assert Driver(SessionSpec(url=URL), VOICE_LIVE).codec.capabilities.prefers == "echo_cancelled"


@pytest.mark.parametrize("spoken", ["pcm16_16000hz", "g711_ulaw"])
def test_another_flat_format_is_refused(spoken: str) -> None:
    driver = Driver(dialect=VOICE_LIVE)
    driver.connect()
    driver.event("session.created")
    reason, kind = ending(driver.event("session.updated", session={"output_audio_format": spoken}))
    assert kind is ErrorKind.PROTOCOL
    assert spoken in reason
