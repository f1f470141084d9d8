"""What the Live stand-in refuses, and its own failures."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from device.simulator.services.brain import Answer, Call, reply
from device.simulator.services.openai_live import Manners, Mishaps
from tests.services.openai_live_client import (
    RATE_HZ,
    RESPONSES,
    encoded,
    entered,
    house,
    joined,
    run,
)

LONG = reply("This goes on for quite a while.", heard="tell me a story", seconds=3.0)
ASKED = Answer(heard="what time is it", calls=(Call("get_time"),))
BEARER = {"Authorization": "Bearer stand-in-key"}


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("/v1/live/sessions", {}, 401),
        ("/v1/live/sessions", {"Authorization": "Bearer other"}, 401),
        ("/v1/live/sessions", {"api-key": "stand-in-key"}, 401),
        ("/v1/live/sessions?model=gpt-live-1", BEARER, 400),
        ("/v1/realtime", BEARER, 404),
        ("/openai/v1/live/sessions", {"api-key": "stand-in-key"}, None),
        ("/openai/v1/live/sessions", BEARER, None),
        ("/v1/live/sessions", BEARER, None),
    ],
)
def test_the_handshake_wants_the_path_and_the_key(
    path: str, headers: dict[str, str], status: int | None
) -> None:
    async def test() -> None:
        async with house() as service:
            url = service.origin + path
            if status is None:
                async with connect(url, additional_headers=headers):
                    return
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers=headers)
            assert refused.value.response.status_code == status
            assert json.loads(refused.value.response.body or b"")["error"]["code"]

    run(test)


@pytest.mark.parametrize(
    ("handshake", "status"), [("not_entitled", 403), ("rate_limit", 429), ("outage", 503)]
)
def test_the_service_may_refuse_the_handshake(handshake: Any, status: int) -> None:
    async def test() -> None:
        async with house(mishaps=Mishaps(handshake=handshake)) as service:
            with pytest.raises(InvalidStatus) as refused:
                await connect(service.url, additional_headers=BEARER)
            assert refused.value.response.status_code == status

    run(test)


BAD_STARTS: list[tuple[dict[str, object], str, str]] = [
    ({}, "missing_required_parameter", "session.model"),
    ({"model": 1}, "invalid_type", "session.model"),
    ({"voice": "marin"}, "unknown_parameter", "session.voice"),
    ({"tools": []}, "unknown_parameter", "session.tools"),
    ({"turn_detection": None}, "unknown_parameter", "session.turn_detection"),
    (
        {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 24_000}}}},
        "unknown_parameter",
        "session.audio.input",
    ),
    (
        {"audio": {"format": {"type": "audio/pcm", "rate": 48_000}}},
        "invalid_value",
        "session.audio.format.rate",
    ),
    (
        {"audio": {"format": {"type": "audio/pcm"}}},
        "missing_required_parameter",
        "session.audio.format.rate",
    ),
    ({"audio": {"output": {"voice": "nobody"}}}, "invalid_value", "session.audio.output.voice"),
    ({"delegation": {"type": "decisions"}}, "invalid_value", "session.delegation.type"),
    (
        {"delegation": {"type": "responses"}},
        "missing_required_parameter",
        "session.delegation.responses",
    ),
    (
        {"delegation": {"type": "responses", "responses": {"model": "m", "tools": [{}]}}},
        "missing_required_parameter",
        "session.delegation.responses.tools[0].type",
    ),
    (
        {
            "delegation": {
                "type": "responses",
                "responses": {
                    "model": "m",
                    "tools": [{"type": "function", "function": {"name": "f"}}],
                },
            }
        },
        "unknown_parameter",
        "session.delegation.responses.tools[0].function",
    ),
    (
        {"input": [{"role": "system", "content": []}]},
        "invalid_value",
        "session.input[0].role",
    ),
    (
        {"input": [{"role": "user", "content": []}]},
        "invalid_value",
        "session.input[0].content",
    ),
    ({"store": "yes"}, "invalid_type", "session.store"),
    ({"instructions": "x" * 70_000}, "invalid_value", "session.instructions"),
]


def test_a_start_that_does_not_fit_is_refused_and_may_be_mended() -> None:
    async def test() -> None:
        async with house() as service, entered(service) as client:
            for session, code, param in BAD_STARTS:
                bare = session in ({}, {"model": 1})
                full = session if bare else {"model": "gpt-live-1", **session}
                error = await client.refused("session.start", session=full, event_id="odd")
                assert (error["type"], error["code"]) == ("invalid_request_error", code), session
                assert (error["param"], error["client_event_id"]) == (param, "odd"), session
            await client.start()

    run(test)


def test_nothing_is_obeyed_before_the_start() -> None:
    async def test() -> None:
        async with house() as service, entered(service) as client:
            audio = encoded(bytes(2 * RATE_HZ))
            error = await client.refused("session.input_audio.append", audio=audio)
            assert "session.start" in error["message"]
            await client.start()
            assert client.of("session.output_audio.delta") == []

    run(test)


GARBAGE: list[str | bytes] = [
    "{",
    "[]",
    "null",
    '"session.start"',
    "{}",
    '{"type": 1}',
    '{"type": ["session.close"]}',
    '{"type": "input_audio_buffer.append", "audio": ""}',
    '{"type": "session.input_audio.commit"}',
    '{"type": "response.cancel"}',
    '{"type": "session.close", "event_id": 7}',
    '{"type": "session.close", "why": "x"}',
    '{"type": "session.input_audio.append", "audio": "%"}',
    '{"type": "session.input_audio.append", "audio": "QUJD"}',
    '{"type": "session.input_audio.append", "audio": null}',
    '{"type": "session.input_audio.append", "delta": ""}',
    '{"type": "session.update", "session": null}',
    '{"type": "session.update", "session": {"delegation": {}}}',
    '{"type": "session.start", "session": {"model": "gpt-live-1"}}',
    '{"type": "session.commentary.append", "content": "x"}',
    '{"type": "session.commentary.append", "content": "", "delegation_id": null}',
    '{"type": "session.commentary.append", "content": "x", "delegation_id": "item_0"}',
    '{"type": "session.commentary.append", "content": ["x"], "delegation_id": null}',
    '{"type": "session.output_audio.fixture.play", "audio": ""}',
    '{"type": "response.item.create", "item": {"type": "message", "role": "user", "content": "x"}}',
    '{"type": "response.create"}',
    '{"type": "decision.create", "event_id": "d"}',
    "[" * 100_000,
    b"{}",
    b"\xff\xfe",
]


def test_garbage_is_answered_and_the_session_goes_on() -> None:
    async def test() -> None:
        async with (
            house(reply("Fine.", heard="hello")) as service,
            joined(service) as client,
        ):
            for number, frame in enumerate(GARBAGE, 1):
                await client.socket.send(frame)
                await client.until("error", number)
            client.talk(0.6)
            await client.when(lambda: client.said() == "Fine.")
            assert len(client.of("error")) == len(GARBAGE)

    run(test)


def test_context_is_limited_to_500_tokens() -> None:
    async def test() -> None:
        async with house() as service, joined(service) as client:
            for channel in ("instructions", "thinking", "commentary"):
                error = await client.refused(
                    f"session.{channel}.append", content="word " * 500, delegation_id=None
                )
                assert error["param"] == "content"

    run(test)


def test_an_unknown_command_is_answered_with_all_that_are_known() -> None:
    async def test() -> None:
        async with house() as service, entered(service) as client:
            error = await client.refused("session.input_audio.commit")
            assert error["param"] == "type"
            for known in ("session.start", "session.input_audio.append", "response.item.create"):
                assert known in error["message"]

    run(test)


def test_outputs_must_belong_to_a_call_that_waits() -> None:
    async def test() -> None:
        async with (
            house(ASKED, reply("Done.")) as service,
            joined(service, delegation=RESPONSES) as client,
        ):
            nothing = await client.refused("response.create")
            assert "no input" in nothing["message"]
            with_id = {"content": "x", "delegation_id": "item_1"}
            error = await client.refused("session.commentary.append", **with_id)
            assert error["param"] == "delegation_id"
            stray = {"type": "function_call_output", "call_id": "call_x", "output": ""}
            error = await client.refused("response.item.create", item=stray)
            assert error["param"] == "item.call_id"
            client.talk(0.6)
            await client.when(
                lambda: any(
                    one["event"]["type"] == "response.completed"
                    for one in client.of("response.event")
                )
            )
            item = client.of("response.event")[-2]["event"]["item"]
            good = {**stray, "call_id": item["call_id"]}
            await client.send("response.item.create", item=good)
            error = await client.refused("response.item.create", item=good)
            assert error["param"] == "item.call_id"
            huge = {"role": "user", "content": "x" * 40_000}
            error = await client.refused("response.item.create", item=huge)
            assert error["code"] == "response_input_buffer_full"
            await client.send("response.create")
            await client.when(lambda: client.said() == "Done.")

    run(test)


@pytest.mark.parametrize(
    "admission", ["credit_balance_exhausted", "rate_limit_exceeded", "server_error"]
)
def test_a_start_may_be_barred(admission: Any) -> None:
    async def test() -> None:
        async with (
            house(mishaps=Mishaps(admission=admission)) as service,
            entered(service) as client,
        ):
            await client.send("session.start", session={"model": "gpt-live-1"})
            assert (await client.until("error"))["error"]["code"] == admission
            assert await client.gone() == 1008

    run(test)


def test_an_unknown_model_is_refused() -> None:
    async def test() -> None:
        async with house() as service, entered(service) as client:
            await client.send("session.start", session={"model": "gpt-live-9"})
            assert (await client.until("error"))["error"]["code"] == "model_not_found"
            assert await client.gone() == 1008

    run(test)


@pytest.mark.parametrize("reason", ["content", "remote_hangup", "connection_lost"])
def test_a_session_may_end_in_the_middle_of_a_reply(reason: Any) -> None:
    async def test() -> None:
        async with (
            house(LONG, mishaps=Mishaps(reply=reason)) as service,
            joined(service) as client,
        ):
            client.talk(0.6)
            await client.gone()
            assert client.events[-1]["type"] == "session.closed"
            assert client.events[-1]["reason"] == reason
            assert client.loud() == 3

    run(test)


def test_a_server_error_ends_the_reply_and_not_the_session() -> None:
    async def test() -> None:
        fine = reply("Fine.", heard="again", seconds=0.2)
        async with (
            house(LONG, fine, mishaps=Mishaps(reply="server_error")) as service,
            joined(service) as client,
        ):
            client.talk(0.6)
            assert (await client.until("error"))["error"]["type"] == "server_error"
            client.talk(0.6)
            await client.when(lambda: client.said().endswith("Fine."))
            assert client.loud() <= 6

    run(test)


def test_a_failing_backend_says_so() -> None:
    async def test() -> None:
        async with (
            house(ASKED, mishaps=Mishaps(backend=True)) as service,
            joined(service, delegation=RESPONSES) as client,
        ):
            client.talk(0.6)
            await client.when(
                lambda: any(
                    one["event"]["type"] == "response.failed" for one in client.of("response.event")
                )
            )

    run(test)


def test_a_session_expires_at_its_cap() -> None:
    async def test() -> None:
        async with house(cap_s=0.2) as service, joined(service) as client:
            assert await client.gone() == 1000
            assert client.events[-1]["reason"] == "expired"

    run(test)


def test_a_session_that_hears_nothing_at_all_expires() -> None:
    async def test() -> None:
        manners = Manners(start_without_audio_s=0.05)
        async with (
            house(manners=manners) as service,
            joined(service, microphone=False) as client,
        ):
            await client.gone()
            assert client.events[-1]["reason"] == "expired"

    run(test)


def test_interrupting_and_leaving_while_the_brain_thinks_leaves_nothing_behind() -> None:
    class Slow:
        async def spoken(self, _pcm: bytes, _rate_hz: int) -> Answer:
            await asyncio.sleep(60)
            raise AssertionError

        written = tools_done = spoken

    async def test() -> None:
        async with house() as service:
            service.brain = Slow  # type: ignore[assignment]
            async with joined(service) as client:
                client.talk(0.6)
                frames = len(client.frames())
                await client.when(lambda: len(client.frames()) > frames + 20)
                await client.send("session.input_audio.mute")
                await client.until("session.input_audio.muted")

    run(test)
