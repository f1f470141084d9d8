"""The Gemini Live stand-in: addresses, keys, ``setup`` and what it refuses.

What its facts say, and where it is proved (the others are the files beside this one):
connecting, versions, keys, tokens, Vertex -> here; frames of both kinds -> here; key case -> here;
``setup`` first and once, one field a message -> here; models, voices, modalities -> here;
realtimeInput, clientContent, server messages and their order, interruption -> turns; toolCall,
toolResponse, toolCallCancellation, contextUpdate -> calls; limits, goAway, resumption, compression,
usage, failures -> life; bad lines and mutated messages -> troubles; the official client -> judge.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from device.simulator.services.gemini import Failures
from device.simulator.services.gemini_access import QUOTA
from device.simulator.services.gemini_messages import Manner
from device.simulator.services.gemini_wire import RefusedError, read
from tests.services.gemini_client import MODEL, Client, at, dialled, refused, run, serving, talking

SETUP = {"setup": {"model": MODEL}}
GOOGLE = "/ws/google.ai.generativelanguage"
VERTEX_MODEL = "projects/p/locations/l/publishers/google/models/gemini-3.8-live"


async def accepted(client: Client, model: str = MODEL) -> None:
    await client.send(setup={"model": model})
    assert at(await client.next(), "setupComplete", "sessionId")


@pytest.mark.parametrize("version", ["v1", "v1alpha", "v1beta", "v1beta1"])
def test_every_version_is_served_with_the_key_in_the_query_or_in_a_header(version: str) -> None:
    async def talk() -> None:
        async with serving() as stand_in:
            url = f"{stand_in.origin}{GOOGLE}.{version}.GenerativeService.BidiGenerateContent"
            async with dialled(stand_in, url=f"{url}?key=stand-in-key") as client:
                await accepted(client)
            header = {"x-goog-api-key": "stand-in-key"}
            async with dialled(stand_in, url=url, additional_headers=header) as client:
                await accepted(client)

    run(talk())


def test_an_ephemeral_token_opens_the_constrained_address_only() -> None:
    async def talk() -> None:
        async with serving() as stand_in:
            [token] = stand_in.tokens
            plain = f"{stand_in.origin}{GOOGLE}.v1alpha.GenerativeService.BidiGenerateContent"
            async with dialled(stand_in, url=f"{plain}Constrained?access_token={token}") as client:
                await accepted(client)
            header = {"Authorization": f"Token {token}"}
            async with dialled(
                stand_in, url=f"{plain}Constrained", additional_headers=header
            ) as client:
                await accepted(client)
            with pytest.raises(InvalidStatus):
                async with dialled(stand_in, url=plain, additional_headers=header):
                    pass
            async with dialled(stand_in, url=f"{plain}Constrained?access_token=old") as client:
                await client.send(**SETUP)
                assert (await client.ended()).code == 1007

    run(talk())


def test_vertex_takes_a_bearer_token_and_a_whole_resource_path() -> None:
    async def talk() -> None:
        header = {"Authorization": "Bearer stand-in-key"}
        async with serving(vertex=True) as stand_in:
            url = stand_in.url
            async with dialled(stand_in, url=url, additional_headers=header) as client:
                await accepted(client, VERTEX_MODEL)
            async with dialled(stand_in, url=url, additional_headers=header) as client:
                await client.send(**SETUP)
                assert (await client.ended()).code == 1008

    run(talk())


def test_a_wrong_key_is_closed_or_refused_and_a_missing_one_never_gets_in() -> None:
    async def status(stand_in: Any, url: str) -> int:
        with pytest.raises(InvalidStatus) as told:
            async with dialled(stand_in, url=url):
                pass
        body = json.loads(told.value.response.body or b"{}")
        assert body["error"]["code"] == told.value.response.status_code
        return told.value.response.status_code

    async def talk() -> None:
        async with serving() as stand_in:
            async with dialled(stand_in, url=f"{stand_in.url}?key=wrong") as client:
                await client.send(**SETUP)
                closed = await client.ended()
            assert (closed.code, closed.reason[:17]) == (1007, "API key not valid")
            assert await status(stand_in, stand_in.url) == 403
            assert await status(stand_in, f"{stand_in.origin}/ws/nowhere?key=stand-in-key") == 404
            stand_in.wrong_key = "http"
            assert await status(stand_in, f"{stand_in.url}?key=wrong") == 400

    run(talk())


def test_quota_and_outage_end_the_hand_shake_or_the_setup() -> None:
    async def talk() -> None:
        async with serving() as stand_in:
            for wanted in (429, 503, 500):
                stand_in.failures = Failures(handshake=wanted)
                with pytest.raises(InvalidStatus) as told:
                    async with dialled(stand_in):
                        pass
                assert told.value.response.status_code == wanted
            stand_in.failures = Failures(setup=QUOTA)
            closed = await refused(stand_in, SETUP)
            assert (closed.code, closed.reason) == QUOTA

    run(talk())


@pytest.mark.parametrize(("binary", "kind"), [(True, bytes), (False, str)])
def test_messages_come_in_binary_frames_unless_told_otherwise(binary: bool, kind: type) -> None:
    async def talk() -> None:
        async with serving(manner=Manner(binary=binary)) as stand_in, talking(stand_in) as client:
            assert client.frames == [kind]

    run(talk())


def test_keys_may_be_in_either_case_even_mixed_and_nothing_but_free_form_is_renamed() -> None:
    schema = {"type": "OBJECT", "properties": {"room_name": {"type": "STRING"}}}
    function = {"name": "f", "parameters": schema}
    sent = {
        "setup": {
            "model": MODEL,
            "generationConfig": {"speech_config": {"voice_config": {}}},
            "realtime_input_config": {"automatic_activity_detection": {"silenceDurationMs": 300}},
            "tools": [{"function_declarations": [function]}],
            "systemInstruction": None,
        }
    }
    kind, setup = read(json.dumps(sent))
    assert kind == "setup"
    detection = setup["realtimeInputConfig"]["automaticActivityDetection"]
    assert detection == {"silenceDurationMs": 300}
    assert setup["tools"] == [{"functionDeclarations": [function]}]
    assert setup["generationConfig"] == {"speechConfig": {"voiceConfig": {}}}
    assert "systemInstruction" not in setup
    with pytest.raises(RefusedError, match="twice"):
        read('{"clientContent": {"turnComplete": true, "turn_complete": true}}')


WRONG_SETUPS: list[tuple[dict[str, Any], int]] = [
    ({"model": "models/gemini-1.0"}, 1008),
    ({"model": "gemini-3.8-live"}, 1008),
    ({}, 1008),
    ({"generationConfig": {"responseModalities": ["TEXT"]}}, 1007),
    ({"generationConfig": {"responseModalities": ["AUDIO", "TEXT"]}}, 1007),
    (
        {
            "generationConfig": {
                "speechConfig": {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Bob"}}}
            }
        },
        1007,
    ),
    ({"realtimeInputConfig": {"activityHandling": "SOMETIMES"}}, 1007),
    ({"realtimeInputConfig": {"automaticActivityDetection": {"silenceDurationMs": -1}}}, 1007),
    ({"realtimeInputConfig": {"turnDetection": {}}}, 1007),
    ({"tools": [{"functionDeclarations": [{"description": "no name"}]}]}, 1007),
    ({"tools": [{"functionDeclarations": [{"name": "a"}, {"name": "a"}]}]}, 1007),
    ({"tools": {}}, 1007),
    ({"voice": "Kore"}, 1007),
    ({"sessionResumption": {"handle": "never given"}}, 1008),
    (
        {
            "model": "models/gemini-3.1-flash-live-preview",
            "tools": [{"functionDeclarations": [{"name": "a", "behavior": "NON_BLOCKING"}]}],
        },
        1007,
    ),
    (
        {
            "model": "models/gemini-3.1-flash-live-preview",
            "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}},
        },
        1007,
    ),
]


def test_a_setup_that_the_service_cannot_serve_is_closed_with_a_reason() -> None:
    async def talk() -> None:
        async with serving() as stand_in:
            for wrong, code in WRONG_SETUPS:
                setup = {"model": MODEL, **wrong} if wrong else {}
                closed = await refused(stand_in, {"setup": setup})
                assert closed.code == code, (wrong, closed)
                assert closed.reason, wrong

    run(talk())


WRONG_MESSAGES: list[Any] = [
    "{",
    "[]",
    "{}",
    b"\xff\xfe",
    "[" * 100_000,
    {"hello": 1},
    {"setup": {"model": MODEL}},
    {"clientContent": {}, "realtimeInput": {"text": "two"}},
    {"clientContent": {"turns": {"parts": []}}},
    {"clientContent": {"turns": [{"role": "system", "parts": [{"text": "x"}]}]}},
    {"realtimeInput": {}},
    {"realtimeInput": {"audio": "AAAA"}},
    {"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/wav"}}},
    {"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/pcm;rate=1"}}},
    {"realtimeInput": {"audio": {"data": "AAAA", "mimeType": "audio/pcm;rate=16000"}}},
    {"realtimeInput": {"audio": {"data": "*", "mimeType": "audio/pcm;rate=16000"}}},
    {"realtimeInput": {"mediaChunks": [{"data": "AAAA", "mimeType": "audio/pcm"}]}},
    {"realtimeInput": {"video": {"data": "AAAA", "mimeType": "video/mp4"}}},
    {"realtimeInput": {"activityStart": {}}},
    {"realtimeInput": {"activityEnd": {}}},
    {"realtimeInput": {"audioStreamEnd": "yes"}},
    {"toolResponse": {"functionResponses": [{"id": "unknown", "response": {}}]}},
]


def test_wrong_messages_are_closed_with_a_reason_before_and_after_the_setup() -> None:
    async def talk() -> None:
        async with serving() as stand_in:
            for wrong in WRONG_MESSAGES:
                closed = await refused(stand_in, SETUP, wrong)
                assert closed.code == 1007, (wrong, closed)
                assert closed.reason, wrong
            for wrong in ({"realtimeInput": {"text": "too soon"}}, "{", {"setup": 1}):
                closed = await refused(stand_in, wrong)
                assert (closed.code, bool(closed.reason)) == (1007, True)

    run(talk())


def test_a_message_between_setup_and_its_answer_is_refused() -> None:
    async def talk() -> None:
        async with serving(manner=Manner(setup_s=5.0)) as stand_in:
            async with dialled(stand_in) as client:
                await client.send(**SETUP)
                await client.realtime(text="hello")
                closed = await client.ended()
            assert (closed.code, client.got) == (1007, [])

    run(talk())


def test_a_client_that_goes_at_any_moment_leaves_nothing_behind() -> None:
    async def talk() -> None:
        async with serving(manner=Manner(setup_s=0.001, pace=0.5)) as stand_in:
            for count in range(4):
                async with dialled(stand_in) as client:
                    if count > 0:
                        await client.send(**SETUP)
                    if count > 1:
                        await client.until("setupComplete")
                        await client.realtime(text="hello")
                    if count > 2:
                        await client.until("serverContent")
        # Whatever the stand-in runs ends with its connections.
        assert {task for task in asyncio.all_tasks() if not task.done()} == {asyncio.current_task()}

    run(talk())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["setup", "realtimeInput", "turns", "parts", "text", "audio", "data"])
            | st.text(max_size=6),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(json_values | st.binary(max_size=40))
def test_whatever_is_sent_is_read_or_refused(value: Any) -> None:
    data = value if isinstance(value, bytes) else json.dumps(value)
    try:
        kind, body = read(data)
    except RefusedError as error:
        assert error.code == 1007
        assert 0 < len(error.reason.encode()) <= 123
    else:
        assert isinstance(body, dict)
        assert kind in {"setup", "clientContent", "realtimeInput", "toolResponse", "contextUpdate"}
