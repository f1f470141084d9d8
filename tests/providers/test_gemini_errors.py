"""Gemini Live: what goes wrong, how it ends, and what it costs."""

from __future__ import annotations

import json

import pytest

from device.commands import AppendAudio, RequestReply, TruncateReply
from device.events import (
    ErrorKind,
    ServiceTrouble,
    UsageReported,
)
from device.providers.base import Disconnect, Said, SendFrame
from tests.providers.driver import ending, events, notes
from tests.providers.gemini_driver import (
    PCM,
    Driver,
    device_ends,
    of,
    service_ends,
    sound,
    started,
)

PATH = "/ws/google.ai.generativelanguage"
HISTORY = (Said("user", "hello"), Said("assistant", "hello to you"))


# --- errors ---


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (1007, "API key not valid. Please pass a valid API key.", ErrorKind.KEY),
        (1008, "Request had invalid authentication credentials.", ErrorKind.KEY),
        (1011, "You exceeded your current quota.", ErrorKind.QUOTA),
        (1008, "RESOURCE_EXHAUSTED", ErrorKind.QUOTA),
        (1007, "Unknown name in setup", ErrorKind.PROTOCOL),
        (1011, "Internal error", ErrorKind.SERVICE),
        (1006, "", ErrorKind.NETWORK),
    ],
)
def test_why_the_session_ended_is_told_by_kind(code: int, reason: str, kind: ErrorKind) -> None:
    assert ending(service_ends().codec.closed(code, reason, 0.0))[1] is kind


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (400, "API key not valid. Please pass a valid API key.", ErrorKind.KEY),
        (403, "nothing", ErrorKind.KEY),
        (429, "nothing", ErrorKind.QUOTA),
        (404, "nothing", ErrorKind.PROTOCOL),
        (503, "nothing", ErrorKind.SERVICE),
    ],
)
def test_why_the_connection_was_refused_is_told_by_kind(
    status: int, message: str, kind: ErrorKind
) -> None:
    body = json.dumps({"error": {"code": status, "message": message}}).encode()
    driver = Driver()
    driver.codec.start(0.0)
    assert ending(driver.codec.refused(status, body, 0.0))[1] is kind


def test_no_key_token_or_handle_is_in_what_is_told() -> None:
    token = "auth_tokens/the-token"
    driver = Driver(key=token, resume="handle-1").ready()
    handles = driver.says(sessionResumptionUpdate={"newHandle": "handle-2", "resumable": True})
    words = f"{token} handle-1 handle-2"
    told = repr(handles)
    told += repr(driver.says(error={"code": 13, "message": words}))
    told += repr(driver.codec.closed(1011, words, driver.now))
    assert "handle-2" not in told
    refused = Driver(key=token, resume="handle-1")
    refused.codec.start(0.0)
    body = json.dumps({"error": {"message": words}}).encode()
    told += repr(refused.codec.refused(500, body, 0.0))
    assert "the-token" not in told
    assert "handle-1" not in told


def test_an_error_that_the_session_survives_is_told_and_others_end_it() -> None:
    driver = service_ends()
    assert events(driver.says(error={"message": "try again", "status": "UNAVAILABLE"})) == [
        ServiceTrouble(ErrorKind.SERVICE, "try again")
    ]
    assert ending(driver.says(error={"message": "API key expired"}))[1] is ErrorKind.KEY


def test_sound_of_another_rate_ends_the_session_rather_than_being_played_too_fast() -> None:
    driver = device_ends()
    driver.speaks()
    outputs = driver.content(modelTurn=sound(rate_hz=16000))
    assert ending(outputs)[1] is ErrorKind.PROTOCOL
    assert started(outputs) == []


def test_unknown_messages_are_noted_once_and_known_ones_of_no_use_never() -> None:
    driver = service_ends()
    assert notes(driver.says(somethingNew={})) == ["unknown message somethingNew: ignored"]
    assert driver.says(somethingNew={}) == []
    assert driver.says(voiceActivity={"type": "x"}, voiceActivityDetectionSignal={}) == []


def test_the_end_is_orderly_and_nothing_is_answered_after_it() -> None:
    driver = device_ends()
    assert driver.codec.finish("goodbye", driver.now) == [Disconnect("goodbye")]
    assert driver.audio() == []
    assert driver.command(AppendAudio(PCM)) == []
    assert driver.codec.closed(1000, "", driver.now) == []


def test_what_cannot_be_told_is_noted_once() -> None:
    driver = device_ends()
    for command in (TruncateReply("i", 5), RequestReply("say hello")):
        assert len(notes(driver.command(command))) == 1
        assert driver.command(command) == []


# --- what it costs ---


def test_usage_is_told_by_kind() -> None:
    outputs = service_ends().says(
        usageMetadata={
            "promptTokenCount": 100,
            "promptTokensDetails": [
                {"modality": "TEXT", "tokenCount": 60},
                {"modality": "AUDIO", "tokenCount": 30},
            ],
            "cachedContentTokenCount": 20,
            "cacheTokensDetails": [{"modality": "AUDIO", "tokenCount": 5}],
            "toolUsePromptTokenCount": 7,
            "responseTokenCount": 50,
            "responseTokensDetails": [{"modality": "AUDIO", "tokenCount": 45}],
            "thoughtsTokenCount": 3,
            "totalTokenCount": 160,
        }
    )
    assert events(outputs) == [
        UsageReported(
            text_in=67,
            text_out=3,
            audio_in=40,
            audio_out=50,
            cached_text_in=15,
            cached_audio_in=5,
        )
    ]


def test_usage_that_counts_nothing_or_nonsense_is_not_told() -> None:
    driver = service_ends()
    for odd in ({}, 5, {"promptTokenCount": -4}, {"promptTokenCount": "many"}, {"x": 10**400}):
        assert driver.says(usageMetadata=odd) == []
    (told,) = of(driver.says(usageMetadata={"promptTokenCount": 10**30}), UsageReported)
    assert isinstance(told, UsageReported)
    assert told.audio_in == 10**9


def test_every_frame_has_one_field_at_the_top() -> None:
    driver = device_ends(history=HISTORY)
    driver.speaks()
    sent = [json.loads(o.data) for o in driver.outputs if isinstance(o, SendFrame)]
    assert len(sent) == 5
    assert all(len(frame) == 1 for frame in sent)
