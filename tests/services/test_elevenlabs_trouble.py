"""The stand-in of ElevenLabs Agents when something is wrong: refusals, faults, lines."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from device.simulator.services.brain import ScriptedBrain, reply
from device.simulator.services.elevenlabs import ElevenLabs
from device.simulator.services.elevenlabs_agent import Agent, Fault, quota_fault
from device.simulator.services.line import GARBAGE, Trouble
from device.simulator.services.stand_in import HttpAnswer
from tests.services.elevenlabs_client import (
    INITIATION,
    Client,
    dial,
    get,
    payload,
    refused,
    talk,
    turn,
)

YES = reply("Yes.", heard="really", seconds=1.0)


def service(agent: Agent | None = None, **options: Any) -> ElevenLabs:
    return ElevenLabs(lambda: ScriptedBrain(YES), agent, **options)


# --- who may talk ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [("/v1/convai/other?agent_id=agent-1", 404), ("/v1/convai/conversation", 403)],
)
def test_a_wrong_address_is_refused_before_the_conversation(path: str, status: int) -> None:
    async def run() -> None:
        async with service() as mine:
            with pytest.raises(InvalidStatus) as refusal:
                async with connect(mine.origin + path, proxy=None):
                    pass
            assert refusal.value.response.status_code == status

    asyncio.run(run())


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("agent_id=nobody", "does not exist"),
        ("agent_id=agent-1", "requires authentication"),
        ("agent_id=agent-1&conversation_signature=made-up", "requires authentication"),
    ],
)
def test_a_wrong_agent_or_signature_is_closed_at_once(query: str, reason: str) -> None:
    async def run() -> None:
        async with service(Agent(private=True)) as mine:
            async with dial(f"{mine.origin}/v1/convai/conversation?{query}") as client:
                code, text = await client.closed()
            assert code == 3000 and reason in text

    asyncio.run(run())


def test_a_signed_url_is_good_for_a_time_only() -> None:
    async def run() -> None:
        async with service(Agent(private=True), signature_valid_s=0.0) as mine:
            url = f"{mine.http_origin}/v1/convai/conversation/get-signed-url?agent_id=agent-1"
            _, body = await asyncio.to_thread(get, url, mine.key)
            async with dial(body["signed_url"]) as client:
                assert (await client.closed())[0] == 3000

    asyncio.run(run())


@pytest.mark.parametrize(
    ("query", "key", "status", "detail"),
    [
        ("?agent_id=agent-1", None, 401, "needs_authorization"),
        ("?agent_id=agent-1", "wrong", 401, "invalid_api_key"),
        ("?agent_id=nobody", "stand-in-key", 404, "agent_not_found"),
        ("", "stand-in-key", 422, "agent_id"),
    ],
)
def test_a_signed_url_takes_the_key_and_the_agent(
    query: str, key: str | None, status: int, detail: str
) -> None:
    async def run() -> None:
        mine = service()
        async with mine:
            url = f"{mine.http_origin}/v1/convai/conversation/get-signed-url{query}"
            got, body = await asyncio.to_thread(get, url, key)
            assert got == status and detail in json.dumps(body)
            mine.http_fault = HttpAnswer(429, {"detail": {"status": "too_many_requests"}})
            assert (await asyncio.to_thread(get, url, mine.key))[0] == 429

    asyncio.run(run())


def test_only_the_subprotocol_of_the_service_is_taken() -> None:
    async def run() -> None:
        async with service() as mine:
            for offered, chosen in ((["a", "convai"], "convai"), (["a"], None), (None, None)):
                async with connect(mine.url, proxy=None, subprotocols=offered) as socket:  # type: ignore[arg-type]
                    assert socket.subprotocol == chosen

    asyncio.run(run())


# --- the service's own faults ---------------------------------------------------------


@pytest.mark.parametrize(
    "error_type", ["llm_timeout", "safety_violation", "asr_transcription_error"]
)
@pytest.mark.parametrize("at", ["start", "turn", "reply"])
def test_a_fault_comes_when_it_is_asked_for_and_once(error_type: str, at: Any) -> None:
    mine = service(faults=(Fault(error_type, 1011, "Broken.", at),))

    async def act(client: Client) -> None:
        await client.send(type=INITIATION)
        if at != "start":
            await client.send(type="user_message", text="Hello")
        assert await refused(client) == (error_type, 1011)
        audio = len([one for one in client.frames if one["type"] == "audio"])
        assert audio == (3 if at == "reply" else 0)
        async with dial(mine.url) as again:
            await again.initiate()
            await again.say(turn())
            await again.audio(1.0)

    talk(mine, act, initiate=False)


def test_a_fault_may_leave_the_conversation_open() -> None:
    async def act(client: Client) -> None:
        await client.say(turn())
        assert (await client.expect("error"))["error_type"] == "mcp_tool_error"
        await client.audio(1.0)

    talk(service(faults=(Fault("mcp_tool_error", close=False),)), act)


def test_a_used_up_quota_is_told_without_the_usual_fields() -> None:
    async def act(client: Client) -> None:
        await client.send(type=INITIATION)
        assert await client.closed() == (1002, "This request exceeds your quota limit.")
        (error,) = client.frames
        assert error["type"] == "error" and "quota" in error["message"]
        assert "error_event" not in error

    talk(service(faults=(quota_fault(),)), act, initiate=False)


def test_a_connection_may_be_closed_without_a_word() -> None:
    async def act(client: Client) -> None:
        await client.send(type=INITIATION)
        assert await client.closed() == (1008, "No.")
        assert client.frames == []

    talk(service(faults=(Fault(None, 1008, "No.", "start"),)), act, initiate=False)


def test_a_conversation_has_a_longest_duration() -> None:
    async def act(client: Client) -> None:
        assert await refused(client) == ("max_duration_exceeded", 1000)

    talk(service(cap_s=0.05), act)


def test_a_client_that_answers_no_ping_is_given_up() -> None:
    async def act(client: Client) -> None:
        client.pongs = False
        assert await refused(client) == ("websocket_disconnect", 1002)

    talk(service(Agent(ping_interval_s=0.01, pong_timeout_s=0.02)), act)


# --- a troubled line ------------------------------------------------------------------


def kinds(client: Client) -> list[str]:
    return [one["type"] for one in client.frames if one["type"] != "ping"]


async def one_turn(client: Client) -> None:
    await client.initiate()
    await client.say(turn())
    await client.audio(1.0)


def test_a_slow_line_only_takes_longer() -> None:
    talk(service(trouble=Trouble(slow_s=0.005)), one_turn, initiate=False)


def test_a_stalled_service_sends_nothing_more_but_reads_on() -> None:
    mine = service(trouble=Trouble(stall_at=2))

    async def act(client: Client) -> None:
        await client.initiate()
        await client.say(turn())
        for _ in range(200):
            if len(mine.lines[0].received) == 11:
                break
            await asyncio.sleep(0.01)
        assert len(mine.lines[0].received) == 11
        assert len(mine.lines[0].sent) == 1

    talk(mine, act, initiate=False)


def test_a_half_open_connection_does_not_even_answer_pings() -> None:
    async def act(client: Client) -> None:
        await client.initiate()
        await client.say(turn())
        pong = await client.socket.ping()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pong, 0.05)
        client.socket.transport.abort()

    talk(service(trouble=Trouble(half_open_at=2)), act, initiate=False)


def test_an_abort_closes_without_a_frame() -> None:
    async def act(client: Client) -> None:
        with pytest.raises(ConnectionClosed) as gone:
            await one_turn(client)
        assert gone.value.rcvd is None

    talk(service(trouble=Trouble(abort_at=4)), act, initiate=False)


def test_messages_change_places_or_come_twice() -> None:
    quiet = Agent(ping_interval_s=60.0)
    swapped = talk(service(quiet, trouble=Trouble(swap_at=3)), one_turn, initiate=False)
    assert kinds(swapped)[1:4] == ["agent_response", "user_transcript", "audio"]
    twice = talk(service(quiet, trouble=Trouble(twice_at=3)), one_turn, initiate=False)
    assert kinds(twice)[1:4] == ["user_transcript", "user_transcript", "agent_response"]


def test_garbage_and_unknown_messages_come_between() -> None:
    mine = service(trouble=Trouble(garbage_at=1, unknown_at=2))

    async def act(client: Client) -> None:
        await client.send(type=INITIATION)
        assert await client.socket.recv() == GARBAGE
        assert "conversation_id" in payload(await client.receive())
        assert (await client.receive())["type"] == "parlor.unheard.of"
        await client.say(turn())
        await client.audio(1.0)

    talk(mine, act, initiate=False)
