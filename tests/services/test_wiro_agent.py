"""The web channel of Wiro's agents on loopback: each claim of its documents (B), and trouble."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, get_args

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from device.simulator.services.brain import Answer, ScriptedBrain, reply, tone
from device.simulator.services.line import Trouble
from device.simulator.services.wiro_agent import WiroAgent
from device.simulator.services.wiro_agent_session import AgentManners, Reason
from tests.services.test_wiro_client import HELLO, Client, codes, going, kinds_of, post, running

START = "/v1/UserAgent/Realtime/WebStart"
CANCEL = "/v1/UserAgent/Realtime/Cancel"
FAST = AgentManners(pace=0)
ABOUT = {"useragentguid": "agent-1", "session_metadata": {"page_url": "device://kitchen"}}


class BrokenBrain(ScriptedBrain):
    async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
        raise RuntimeError("out of memory")


def agent(*answers: Answer, manners: AgentManners = FAST, **settings: Any) -> WiroAgent:
    brain = ScriptedBrain(*(answers or (HELLO,)))
    return WiroAgent(lambda: brain, manners=manners, **settings)


@contextlib.asynccontextmanager
async def channel(
    service: WiroAgent, *, ready: bool = True
) -> AsyncIterator[tuple[Client, dict[str, Any]]]:
    status, made = await post(service.http_origin, START, ABOUT)
    assert (status, made["result"]) == (200, True)
    async with connect(made["wsUrl"], proxy=None) as socket:
        client = Client(socket, made["sessionId"])
        await client.say("session_start", sessionToken=made["sessionToken"])
        if ready:
            await client.until("ready")
        yield client, made


async def said_by_ai(client: Client) -> None:
    while (await client.until("transcript"))["role"] != "ai":
        pass


def test_web_start_gives_a_session_its_token_and_its_address() -> None:
    async def work() -> None:
        async with running(agent(manners=AgentManners(ready_after_s=1.5))) as service:
            status, made = await post(service.http_origin, START, ABOUT)
            assert (status, made["result"]) == (200, True)
            assert made["sessionId"].startswith("vws-")
            assert made["wsUrl"].endswith("/v1/AgentRealtime/Web")
            assert len(made["sessionToken"].split(".")) == 2
            assert 290 < made["expiresAt"] / 1000 - time.time() <= 300
            assert made["estimatedReadyMs"] == 1500

    going(work)


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (ABOUT, {}, 401, 98),
        (ABOUT, {"x-api-key": "another"}, 401, 99),
        ({}, None, 200, 0),
        ({"useragentguid": "nobody"}, None, 200, 1),
        ({"useragentguid": "asleep"}, None, 200, 0),
        (ABOUT | {"session_metadata": {"mood": "good"}}, None, 200, 0),
        (ABOUT | {"session_metadata": "page"}, None, 200, 0),
        ([], None, 200, 0),
    ],
)
def test_web_start_refuses(
    body: object, headers: dict[str, str] | None, status: int, code: int
) -> None:
    async def work() -> None:
        async with running(agent(agents={"agent-1": 4, "asleep": 3})) as service:
            got, answer = await post(service.http_origin, START, body, headers)
            assert (got, answer["result"], codes(answer)) == (status, False, [code])

    going(work)


def test_sixty_sessions_an_hour_may_be_started() -> None:
    async def work() -> None:
        async with running(agent()) as service:
            headers = {"Content-Type": "application/json", "x-api-key": service.key}
            for _ in range(60):
                assert service.answer_post(START, headers, ABOUT).body["result"] is True
            _, answer = await post(service.http_origin, START, ABOUT)
            assert codes(answer) == [96]

    going(work)


def test_a_conversation_has_connecting_ready_transcripts_and_framed_audio() -> None:
    async def work() -> None:
        async with running(agent()) as service, channel(service) as (client, _):
            await client.turn()
            await said_by_ai(client)
            assert client.kinds() == [
                "connecting",
                "ready",
                "transcript",
                *["audio"] * 5,
                "transcript",
            ]
            told = [m for m in client.got if isinstance(m, dict) and m["type"] == "transcript"]
            assert [(m["role"], m["text"]) for m in told] == [
                ("user", "hello you"),
                ("ai", "Hello there, I am here."),
            ]
            assert all(abs(m["ts"] / 1000 - time.time()) < 60 for m in told)
            assert len(client.audio()) == len(HELLO.pcm)
            await client.say("end")
            (end,) = await client.rest()
            assert end == {"type": "session_end", "reason": "wiro_completed"}
            assert client.socket.close_code == 1000

    going(work)


def test_barge_in_is_a_clear_and_the_next_utterance_a_resume() -> None:
    async def work() -> None:
        long = reply("A long answer.", heard="tell me", seconds=20)
        service = agent(long, HELLO, manners=AgentManners(pace=0.3))
        async with running(service), channel(service) as (client, _):
            await client.turn()
            await client.sound()
            await client.speak(tone(0.4))
            await client.until("clear")
            assert await client.quiet()
            await client.speak(bytes(48_000))
            before = len(client.got)
            await said_by_ai(client)
            assert client.kinds()[before : before + 3] == ["transcript", "resume", "audio"]
            assert "resume" not in client.kinds()[:before]

    going(work)


def test_speech_when_nothing_was_said_is_no_barge_in() -> None:
    async def work() -> None:
        async with running(agent()) as service, channel(service) as (client, _):
            await client.turn()
            await said_by_ai(client)
            assert "clear" not in client.kinds()
            await client.turn()  # the last reply may still be playing
            await client.until("clear")

    going(work)


def test_an_interrupt_is_answered_with_clear_and_audio_may_be_on_its_way() -> None:
    async def work() -> None:
        service = agent(HELLO, manners=AgentManners(pace=1, late_pieces=2))
        async with running(service), channel(service) as (client, _):
            await client.turn()
            await client.sound()
            await client.say("interrupt")
            await client.until("clear")
            assert [type(await client.next()) for _ in range(2)] == [bytes, bytes]
            assert await client.quiet()

    going(work)


def test_frames_of_other_sessions_and_repeated_transcripts_can_be_had() -> None:
    async def work() -> None:
        manners = AgentManners(pace=0, foreign_every=2, repeated=True, resume_always=True)
        async with running(agent(manners=manners)) as service, channel(service) as (client, _):
            await client.turn()
            await said_by_ai(client)
            kinds = client.kinds()
            assert (kinds.count("audio"), kinds.count("resume")) == (7, 1)
            assert kinds.count("transcript") == 3
            assert len(client.audio()) == len(HELLO.pcm)

    going(work)


@pytest.mark.parametrize("first", ["hello", "[]", '{"type": "session_start"}', b"x"])
def test_another_first_message_is_rejected(first: str | bytes) -> None:
    async def work() -> None:
        service = agent()
        async with running(service):
            async with connect(f"{service.origin}/v1/AgentRealtime/Web", proxy=None) as socket:
                client = Client(socket, "")
                await socket.send(first)
                (end,) = await client.rest()
                assert isinstance(end, dict)
                assert (end["type"], end["reason"]) == ("session_end", "rejected")
            with pytest.raises(InvalidStatus):
                await connect(f"{service.origin}/v1", proxy=None)

    going(work)


def test_session_start_must_come_in_time() -> None:
    async def work() -> None:
        service = agent(start_s=0.02)
        async with (
            running(service),
            connect(f"{service.origin}/v1/AgentRealtime/Web", proxy=None) as socket,
        ):
            (end,) = await Client(socket, "").rest()
            assert isinstance(end, dict)
            assert end["reason"] == "rejected"

    going(work)


def test_a_token_is_good_for_one_session_and_for_its_time() -> None:
    async def work() -> None:
        async with (
            running(agent()) as service,
            channel(service) as (_, made),
            connect(made["wsUrl"], proxy=None) as socket,
        ):
            again = Client(socket, made["sessionId"])
            await again.say("session_start", sessionToken=made["sessionToken"])
            assert kinds_of(await again.rest()) == ["session_end"]
        async with (
            running(agent(token_s=0)) as service,
            channel(service, ready=False) as (late, _),
        ):
            (end,) = await late.rest()
            assert isinstance(end, dict)
            assert "expired" in end["message"]

    going(work)


def test_a_session_that_was_never_connected_can_be_cancelled() -> None:
    async def work() -> None:
        async with running(agent()) as service:
            _, made = await post(service.http_origin, START, ABOUT)
            ids = {"sessionId": made["sessionId"], "sessionToken": made["sessionToken"]}
            _, answer = await post(service.http_origin, CANCEL, ids | {"sessionToken": "x.y"})
            assert codes(answer) == [1]
            _, answer = await post(service.http_origin, CANCEL, ids)
            assert answer["result"] is True
            async with connect(made["wsUrl"], proxy=None) as socket:
                client = Client(socket, made["sessionId"])
                await client.say("session_start", sessionToken=made["sessionToken"])
                assert kinds_of(await client.rest()) == ["session_end"]

    going(work)


@pytest.mark.parametrize("reason", get_args(Reason))
def test_the_service_ends_for_each_of_its_reasons(reason: Reason) -> None:
    async def work() -> None:
        async with running(agent()) as service, channel(service) as (client, _):
            service.sessions[0].end(reason, "why", "what")
            (end,) = await client.rest()
            wanted = {"reason": reason, "message": "why", "error": "what"}
            assert end == {"type": "session_end", **wanted}
            assert client.socket.close_code == 1000

    going(work)


def test_sessions_fail_to_start_are_capped_and_end_with_a_failing_brain() -> None:
    async def work() -> None:
        service = agent()
        service.start_fails = "concurrent_limit"
        async with running(service), channel(service, ready=False) as (client, _):
            assert kinds_of(await client.rest()) == ["connecting", "session_end"]
        async with running(agent(cap_s=0.02)) as service, channel(service) as (client, _):
            assert (await client.until("session_end"))["reason"] == "max_duration"
        broken = WiroAgent(BrokenBrain, manners=FAST)
        async with running(broken), channel(broken) as (client, _):
            await client.turn()
            end = await client.until("session_end")
            assert (end["reason"], "out of memory" in end["error"]) == ("wiro_error", True)

    going(work)


def test_what_is_no_message_is_ignored_and_the_session_goes_on() -> None:
    async def work() -> None:
        service = agent(manners=AgentManners(pace=0, ready_after_s=0.05))
        async with running(service), channel(service, ready=False) as (client, _):
            await client.until("connecting")
            wrong: list[str | bytes] = ["", "{", "[]", '{"type": []}', b"", b"|", b"x|\x00\x00"]
            for data in wrong:
                await client.socket.send(data)
            await client.speak(bytes(100))  # before it is ready
            await client.until("ready")
            await client.turn()
            await said_by_ai(client)
            assert len(service.faults) == len(wrong) + 1

    going(work)


def test_the_channel_has_trouble_too() -> None:
    async def work() -> None:
        service = agent(trouble=Trouble(unknown_at=3, twice_at=4, slow_s=0.001))
        async with running(service), channel(service) as (client, _):
            await client.turn()
            await said_by_ai(client)
            assert "parlor.unheard.of" in client.kinds()
            assert client.kinds().count("audio") == 6
        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
        assert not [name for name in names if name.startswith(("AgentSession", "Talk"))]

    going(work)
