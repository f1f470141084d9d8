"""Deepgram's stand-in: who is let in, and which settings are applied."""

from __future__ import annotations

import asyncio
import json
import urllib.request

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from device.simulator.services.deepgram import DeepgramStandIn
from device.simulator.services.deepgram_manner import Manner
from device.simulator.services.stand_in import HttpAnswer
from tests.services.deepgram_client import (
    Client,
    kind_of,
    run,
    settings,
    talking,
)

# --- the hand-shake ---------------------------------------------------------------------


def test_an_api_key_and_a_temporary_token_and_a_browsers_sub_protocol_are_let_in() -> None:
    async def act(service: DeepgramStandIn) -> None:
        service.tokens["temporary"] = float("inf")
        for authorization in (f"Token {service.key}", "Bearer temporary"):
            async with talking(service, authorization) as client:
                assert (await client.expect("Welcome"))["request_id"]
        offered = ["token", service.key]
        async with connect(service.url, subprotocols=offered, proxy=None) as socket:
            assert socket.subprotocol == "token"
            await Client(socket).expect("Welcome")

    run(act)


def test_a_wrong_key_a_missing_one_and_an_expired_token_are_refused() -> None:
    async def act(service: DeepgramStandIn) -> None:
        service.tokens["old"] = 0.0
        for wrong in ("Token nonsense", f"Bearer {service.key}", "Bearer old", "Basic x"):
            with pytest.raises(InvalidStatus) as refusal:
                async with talking(service, wrong):
                    pass
            assert refusal.value.response.status_code == 401
        with pytest.raises(InvalidStatus):
            async with connect(service.url, proxy=None):
                pass

    run(act)


def test_another_path_and_an_exhausted_account_are_refused() -> None:
    async def act(service: DeepgramStandIn) -> None:
        headers = {"Authorization": f"Token {service.key}"}
        with pytest.raises(InvalidStatus) as refusal:
            async with connect(f"{service.origin}/agent", additional_headers=headers, proxy=None):
                pass
        assert refusal.value.response.status_code == 404
        service.refusal = HttpAnswer(402, {"err_code": "INSUFFICIENT_CREDITS"})
        with pytest.raises(InvalidStatus) as refusal:
            async with talking(service):
                pass
        assert refusal.value.response.status_code == 402

    run(act)


def test_a_temporary_token_is_granted_for_the_key() -> None:
    def grant(service: DeepgramStandIn) -> str:
        request = urllib.request.Request(
            f"{service.http_origin}/v1/auth/grant",
            data=b'{"ttl_seconds": 60}',
            headers={"Authorization": f"Token {service.key}"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            granted = json.load(answer)
        assert granted["expires_in"] == 60
        return str(granted["access_token"])

    async def act(service: DeepgramStandIn) -> None:
        token = await asyncio.to_thread(grant, service)
        async with talking(service, f"Bearer {token}") as client:
            await client.expect("Welcome")

    run(act)


# --- settings ---------------------------------------------------------------------------

GOOD = {
    "nothing but the two blocks": {"type": "Settings", "audio": {}, "agent": {}},
    "everything": settings(
        tags=["a"],
        experimental=False,
        mip_opt_out=True,
        flags={"history": True},
        agent={
            "language": "en",
            "greeting": "",
            "listen": {
                "provider": {
                    "type": "deepgram",
                    "version": "v1",
                    "model": "nova-3",
                    "language": "en",
                    "keyterms": ["parlor"],
                    "smart_format": False,
                }
            },
            "think": {
                "provider": {"type": "open_ai", "model": "gpt-4o-mini", "temperature": 0.7},
                "endpoint": {"url": "https://llm.example/", "headers": {"a": "b"}},
                "prompt": "Be brief.",
                "context_length": "max",
                "functions": [{"name": "f", "description": "", "parameters": {}}],
            },
            "context": {
                "messages": [
                    {"type": "History", "role": "user", "content": "hello"},
                    {
                        "function_calls": [
                            {
                                "id": "1",
                                "name": "f",
                                "client_side": True,
                                "arguments": "{}",
                                "response": "ok",
                            }
                        ]
                    },
                ]
            },
        },
    ),
    "the newer recogniser": settings(
        agent={
            "listen": {
                "provider": {
                    "type": "deepgram",
                    "version": "v2",
                    "model": "flux-general-multi",
                    "language_hints": ["en"],
                    "eot_threshold": 0.8,
                    "eot_timeout_ms": 3000,
                }
            }
        }
    ),
    "lists of models": settings(
        agent={
            "think": [{"provider": {"type": "anthropic", "model": "x", "temperature": 0.1}}],
            "speak": [{"provider": {"type": "eleven_labs", "model_id": "y"}}],
        }
    ),
    "a stored agent": settings(agent="stored-1"),
}

BAD = {
    "no audio block": ({"type": "Settings", "agent": {}}, "UNPARSABLE_CLIENT_MESSAGE"),
    "no sample rate": (
        settings(audio={"input": {"encoding": "linear16"}}),
        "UNPARSABLE_CLIENT_MESSAGE",
    ),
    "a rate in words": (
        settings(audio={"input": {"encoding": "linear16", "sample_rate": "16000"}}),
        "UNPARSABLE_CLIENT_MESSAGE",
    ),
    "a field of another protocol": (settings(modalities=["audio"]), "UNPARSABLE_CLIENT_MESSAGE"),
    "a misspelt option": (
        settings(agent={"listen": {"provider": {"type": "deepgram", "keyterm": ["x"]}}}),
        "UNPARSABLE_CLIENT_MESSAGE",
    ),
    "an unknown provider": (
        settings(agent={"think": {"provider": {"type": "openai", "model": "x"}}}),
        "UNPARSABLE_CLIENT_MESSAGE",
    ),
    "think_live without leave": (
        settings(agent={"think_live": {"provider": {"type": "deepgram"}}}),
        "UNPARSABLE_CLIENT_MESSAGE",
    ),
    "an unknown encoding": (
        settings(audio={"input": {"encoding": "pcm16", "sample_rate": 16_000}}),
        "INVALID_SETTINGS",
    ),
    "an impossible rate": (
        settings(audio={"output": {"encoding": "linear16", "sample_rate": 1}}),
        "INVALID_SETTINGS",
    ),
    "an impossible container": (
        settings(audio={"output": {"encoding": "linear16", "container": "ogg"}}),
        "INVALID_SETTINGS",
    ),
    "a model that there is not": (
        settings(agent={"speak": {"provider": {"type": "deepgram", "model": "aura-9"}}}),
        "INVALID_SETTINGS",
    ),
    "an agent that there is not": (settings(agent="nobody"), "INVALID_SETTINGS"),
}


@pytest.mark.parametrize("name", GOOD)
def test_good_settings_are_applied(name: str) -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.expect("Welcome")
            await client.socket.send(json.dumps(GOOD[name]))
            assert kind_of(await client.receive()) == "SettingsApplied"

    run(act, manner=Manner(apply_s=0, stored={"stored-1": settings()["agent"]}))


@pytest.mark.parametrize("name", BAD)
def test_bad_settings_end_the_session(name: str) -> None:
    message, code = BAD[name]

    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.expect("Welcome")
            await client.socket.send(json.dumps(message))
            assert await client.error() == code

    run(act, manner=Manner(refused_models=("aura-9",)))


def test_settings_may_leave_the_audio_out_and_come_once_only() -> None:
    async def act(service: DeepgramStandIn) -> None:
        async with talking(service) as client:
            await client.ready(audio={"input": None})
            await client.socket.send(json.dumps(settings()))
            assert await client.error() == "SETTINGS_ALREADY_APPLIED"

    service = run(act)
    assert service.sessions[0].settings is not None
    assert service.sessions[0].settings.input_hz == 24_000
