"""Gemini Live: address, key, setup, and the life of a session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from device.commands import AppendAudio
from device.events import (
    ErrorKind,
    LinkOpened,
    ServiceTrouble,
    SessionExpiring,
    SessionResumable,
)
from device.providers.base import Connect, Emit, Said, ToolSpec
from device.providers.gemini import SERVICE
from tests.providers.driver import ending, events, frames
from tests.providers.gemini_driver import (
    KEY,
    PCM,
    URL,
    Driver,
    marks,
    service_ends,
)

PATH = "/ws/google.ai.generativelanguage"
HISTORY = (Said("user", "hello"), Said("assistant", "hello to you"))


def connection(**spec: Any) -> Connect:
    driver = Driver(**spec)
    (found,) = [o for o in driver.codec.start(0.0) if isinstance(o, Connect)]
    return found


def setup_of(**spec: Any) -> dict[str, Any]:
    (frame,) = frames(Driver(**spec).connect().outputs)
    (name, fields) = next(iter(frame.items()))
    assert (name, len(frame)) == ("setup", 1)
    assert isinstance(fields, dict)
    return fields


# --- the way in ---


def test_the_key_goes_by_a_header_and_never_in_the_address() -> None:
    connect = connection()
    assert connect.url == f"{URL}{PATH}.v1beta.GenerativeService.BidiGenerateContent"
    assert connect.headers == {"x-goog-api-key": KEY}
    assert KEY not in repr(connect)


def test_the_version_is_the_owners_choice() -> None:
    url = connection(options={"api_version": "v1alpha"}).url
    assert url == f"{URL}{PATH}.v1alpha.GenerativeService.BidiGenerateContent"


def test_a_short_lived_token_opens_the_method_that_is_made_for_it() -> None:
    connect = connection(key="auth_tokens/abc")
    assert connect.url.endswith(".GenerativeService.BidiGenerateContentConstrained")
    assert connect.headers == {"Authorization": "Token auth_tokens/abc"}


def test_on_vertex_the_key_is_a_bearer_and_the_method_its_own() -> None:
    host = "wss://europe-west4-aiplatform.googleapis.com"
    path = "/ws/google.cloud.aiplatform.v1.LlmBidiService/BidiGenerateContent"
    for url in (host, host + path, "ws://127.0.0.1:9" + path):
        connect = connection(url=url, options={"api_version": "v1"})
        assert connect.url == (url if url.endswith(path) else url + path)
        assert connect.headers == {"Authorization": f"Bearer {KEY}"}


def test_an_address_with_a_path_of_its_own_is_left_as_it_is() -> None:
    assert connection(url="ws://127.0.0.1:9/live?x=1").url == "ws://127.0.0.1:9/live?x=1"


def test_pings_are_not_sent_as_their_answers_take_too_long() -> None:
    assert connection().pings is False


def test_what_is_no_address_is_told() -> None:
    assert ending(Driver(url="wss://[").codec.start(0.0))[1] is ErrorKind.PROTOCOL


def test_the_service_is_found_without_an_address_of_the_owners() -> None:
    assert SERVICE.url == URL
    assert (SERVICE.able.uplink_rate_hz, SERVICE.able.downlink_rate_hz) == (16000, 24000)
    assert not SERVICE.able.parallel_sessions


# --- the setup ---


def test_the_setup_where_the_device_ends_the_turns() -> None:
    assert setup_of(device_ends_turn=True, transcription_model="any") == {
        "model": "models/gemini-3.8-live",
        "generationConfig": {"responseModalities": ["AUDIO"]},
        "realtimeInputConfig": {
            "automaticActivityDetection": {"disabled": True},
            "activityHandling": "START_OF_ACTIVITY_INTERRUPTS",
            "turnCoverage": "TURN_INCLUDES_ONLY_ACTIVITY",
        },
        "inputAudioTranscription": {},
        "outputAudioTranscription": {},
        "sessionResumption": {},
        "contextWindowCompression": {"slidingWindow": {}},
    }


def test_the_setup_where_the_service_ends_them() -> None:
    options = {"start_sensitivity": "HIGH", "end_sensitivity": "LOW"}
    hearing = setup_of(vad_silence_ms=700, options=options)["realtimeInputConfig"]
    assert hearing["automaticActivityDetection"] == {
        "silenceDurationMs": 700,
        "startOfSpeechSensitivity": "START_SENSITIVITY_HIGH",
        "endOfSpeechSensitivity": "END_SENSITIVITY_LOW",
    }


def test_what_the_owner_chose_is_in_the_setup() -> None:
    setup = setup_of(
        model="models/other",
        voice="Kore",
        instructions="Be brief.",
        transcription_model="",
        options={
            "temperature": 0.5,
            "thinking_level": "low",
            "google_search": True,
            "proactive_audio": True,
            "compression": False,
        },
    )
    assert setup["model"] == "models/other"
    assert setup["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert setup["generationConfig"] == {
        "responseModalities": ["AUDIO"],
        "temperature": 0.5,
        "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}},
        "thinkingConfig": {"thinkingLevel": "low"},
    }
    assert setup["tools"] == [{"googleSearch": {}}]
    assert setup["proactivity"] == {"proactiveAudio": True}
    assert "contextWindowCompression" not in setup
    assert "inputAudioTranscription" not in setup


def test_tools_are_declared_in_the_part_of_json_schema_that_the_service_knows() -> None:
    schema = {
        "type": "object",
        "properties": {
            "seconds": {"type": "integer", "minimum": 1, "exclusiveMaximum": 9},
            "names": {"type": "array", "items": {"type": "string", "$comment": "x"}},
            "additionalProperties": {"type": "boolean"},
        },
        "required": ["seconds"],
        "additionalProperties": False,
    }
    empty = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    tools = (ToolSpec("set", "Sets.", schema), ToolSpec("get", "Gets.", empty))
    (declared,) = setup_of(tools=tools)["tools"]
    assert declared["functionDeclarations"] == [
        {
            "name": "set",
            "description": "Sets.",
            "parameters": {
                "type": "object",
                "properties": {
                    "seconds": {"type": "integer", "minimum": 1},
                    "names": {"type": "array", "items": {"type": "string"}},
                    "additionalProperties": {"type": "boolean"},
                },
                "required": ["seconds"],
            },
        },
        {"name": "get", "description": "Gets."},
    ]


# --- the hand-shake ---


def test_nothing_but_the_setup_is_sent_before_it_is_acknowledged() -> None:
    driver = Driver(device_ends_turn=True).connect()
    assert driver.command(AppendAudio(PCM)) == []
    assert driver.audio() == []
    outputs = driver.says(setupComplete={"sessionId": "s9"})
    assert outputs[0] == Emit(LinkOpened("s9"))
    assert marks(outputs) == ["activityStart", "audio"]


def test_messages_may_come_in_binary_frames() -> None:
    driver = Driver().connect()
    assert events(driver.raw(json.dumps({"setupComplete": {}}).encode())) == [LinkOpened("")]
    assert events(driver.raw(b"\xff\xfe"))[0] == ServiceTrouble(
        ErrorKind.PROTOCOL, "malformed message: not JSON (JSONDecodeError)"
    )


def test_a_second_acknowledgement_changes_nothing() -> None:
    driver = service_ends()
    assert driver.says(setupComplete={}) == []


def test_a_hand_shake_is_not_waited_for_for_ever() -> None:
    driver = Driver(handshake_timeout_s=8.0).connect()
    assert driver.wait(7.9) == []
    assert ending(driver.wait(0.2))[1] is ErrorKind.NETWORK


def test_what_was_said_before_is_told_before_anything_is_asked() -> None:
    driver = Driver(history=HISTORY, device_ends_turn=True).connect()
    assert frames(driver.outputs)[0]["setup"]["historyConfig"] == {
        "initialHistoryInClientContent": True
    }
    driver.command(AppendAudio(PCM))
    outputs = driver.says(setupComplete={})
    assert marks(outputs) == ["clientContent", "activityStart", "audio"]
    assert frames(outputs)[0]["clientContent"] == {
        "turns": [
            {"role": "user", "parts": [{"text": "hello"}]},
            {"role": "model", "parts": [{"text": "hello to you"}]},
        ],
        "turnComplete": True,
    }


@pytest.mark.parametrize("device_ends_turn", [True, False])
def test_should_the_service_answer_the_history_nobody_hears_it(device_ends_turn: bool) -> None:
    driver = Driver(history=HISTORY, device_ends_turn=device_ends_turn).ready()
    assert driver.audio() == []
    assert [driver.generated(), driver.completed()] == [[], []]


# --- resumption ---


def test_a_session_that_is_taken_up_again_is_not_told_its_history() -> None:
    driver = Driver(history=HISTORY, resume="handle-1").connect()
    (setup,) = frames(driver.outputs)
    assert setup["setup"]["sessionResumption"] == {"handle": "handle-1"}
    assert "historyConfig" not in setup["setup"]
    assert marks(driver.says(setupComplete={})) == []


def test_a_handle_is_told_of_when_the_session_can_be_taken_up_where_it_is() -> None:
    driver = service_ends()
    resumable = {"newHandle": "h1", "resumable": True}
    assert events(driver.says(sessionResumptionUpdate=resumable)) == [SessionResumable("h1")]
    for useless in (
        {"newHandle": "h2", "resumable": False},
        {"newHandle": "", "resumable": True},
        {"resumable": True},
        {},
        7,
    ):
        assert driver.says(sessionResumptionUpdate=useless) == []


@pytest.mark.parametrize("code", [1007, 1008, 1011])
def test_a_handle_that_is_not_accepted_is_given_up_and_tried_without(code: int) -> None:
    driver = Driver(history=HISTORY, resume="handle-1").connect()
    outputs = driver.codec.closed(code, "no session for handle-1", driver.now)
    assert events(outputs) == [SessionResumable("")]
    words, kind = ending(outputs)
    assert kind is ErrorKind.SERVICE
    assert "handle-1" not in words


def test_a_lost_network_costs_no_handle() -> None:
    driver = Driver(history=HISTORY, resume="handle-1").connect()
    assert events(driver.codec.closed(1006, "", driver.now)) == []


def test_nor_does_the_end_of_a_session_that_was_open() -> None:
    driver = Driver(history=HISTORY, resume="handle-1").ready()
    assert events(driver.codec.closed(1011, "", driver.now)) == []


def test_the_service_warns_of_the_end() -> None:
    driver = service_ends()
    assert events(driver.says(goAway={"timeLeft": "9.5s"})) == [SessionExpiring(9.5)]
    for odd in ({"timeLeft": "soon"}, {"timeLeft": 7}, {}, None, {"timeLeft": "-3s"}):
        assert events(driver.says(goAway=odd)) == [SessionExpiring(0.0)]


def test_the_end_that_was_announced_is_no_fault_of_ours() -> None:
    driver = service_ends()
    reason = "the client failed to close the connection"
    assert ending(service_ends().codec.closed(1008, reason, 0.0))[1] is ErrorKind.PROTOCOL
    driver.says(goAway={"timeLeft": "10s"})
    assert ending(driver.codec.closed(1008, reason, 0.0))[1] is ErrorKind.SERVICE
