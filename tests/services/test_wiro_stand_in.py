"""Wiro's realtime runs on loopback: what goes wrong, and how sessions end by themselves.

What the documents claim is checked in test_wiro_conformance.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply, tone
from device.simulator.services.line import Trouble
from device.simulator.services.wiro import Wiro
from device.simulator.services.wiro_account import Code
from device.simulator.services.wiro_manners import Manners
from tests.services.test_wiro_client import (
    ELEVEN,
    GPT,
    HELLO,
    PARAMETERS,
    PLAIN,
    BrokenError,
    Client,
    codes,
    going,
    kinds_of,
    post,
    running,
    session,
    wiro,
)


class SlowBrain(ScriptedBrain):
    """Answers when it is let; ``at_once`` is how many questions it ever had at the same time."""

    def __init__(self) -> None:
        super().__init__(HELLO)
        self.let = asyncio.Event()
        self.asked = asyncio.Event()
        self.now = self.at_once = 0

    async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
        self.now += 1
        self.at_once = max(self.at_once, self.now)
        self.asked.set()
        await self.let.wait()
        self.now -= 1
        return await super().spoken(pcm, rate_hz)


class BrokenBrain(ScriptedBrain):
    async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
        raise RuntimeError("out of memory")


def test_it_can_be_interrupted_and_ended_while_the_brain_thinks() -> None:
    async def work() -> None:
        brain = SlowBrain()
        async with (
            running(Wiro(lambda: brain, manners=PLAIN)) as service,
            session(service) as client,
        ):
            await client.turn()
            await asyncio.wait_for(brain.asked.wait(), 5)
            await client.say("task_session_interrupt", tasktoken=client.name)
            await client.until("task_stream_end")
            assert client.transcripts() == []
            await client.turn()
            assert await client.quiet()
            brain.let.set()
            await client.until("task_stream_end")
            assert brain.at_once == 1
            assert len(client.transcripts()) == 2

    going(work)


def test_a_brain_that_fails_is_a_process_that_dies() -> None:
    async def work() -> None:
        service = Wiro(BrokenBrain, manners=Manners(linger_s=0.05))
        async with running(service), session(service) as client:
            await client.turn()
            rest = await client.rest()
            errors = [m for m in rest if isinstance(m, dict) and m["type"] == "task_error_full"]
            assert "out of memory" in errors[0]["message"]

    going(work)


def test_a_model_that_dies_in_a_reply_ends_the_run_without_success() -> None:
    async def work() -> None:
        service = wiro(HELLO, manners=Manners(pace=0, crash_at=3))
        async with running(service), session(service) as client:
            await client.turn()
            rest = await client.rest()
            assert kinds_of(rest).count("audio") == 2
            assert "task_stream_end" not in kinds_of(rest)
            last = rest[-1]
            assert isinstance(last, dict)
            assert (last["type"], last["pexit"]) == ("task_postprocess_end", "1")
            assert (last["success"], last["exitCode"]) == (False, 1)

    going(work)


def test_what_is_no_message_is_answered_and_the_session_goes_on() -> None:
    async def work() -> None:
        async with running(wiro(HELLO)) as service, session(service) as client:
            wrong: Sequence[str | bytes] = [
                "",
                "{",
                "[" * 5_000,
                "null",
                "[1]",
                "{}",
                '{"type": ["x"], "tasktoken": {}}',
                f'{{"type": "task_dance", "tasktoken": "{client.name}"}}',
                '{"type": "task_session_end", "tasktoken": "another"}',
                b"",
                b"|",
                b"no bar",
                b"f0f0|\x00\x00",
                client.name.encode() + b"|\x00\x00\x00",
            ]
            for data in wrong:
                await client.socket.send(data)
            await client.until("task_error")
            await client.turn()
            await client.until("task_stream_end")
            assert len(service.faults) == len(wrong)

    going(work)


def test_a_second_socket_for_a_run_is_refused_and_the_first_one_stays() -> None:
    async def work() -> None:
        async with running(wiro(HELLO)) as service, session(service) as client:
            async with connect(service.url, proxy=None) as socket:
                second = Client(socket, client.name)
                await second.say("task_info", tasktoken=client.name)
                assert kinds_of(await second.rest()) == ["error"]
            await client.turn()
            await client.until("task_stream_end")

    going(work)


def test_bars_in_what_the_microphone_hears_are_heard() -> None:
    async def work() -> None:
        brain = ScriptedBrain(HELLO)
        service = Wiro(lambda: brain, manners=PLAIN)
        async with running(service), session(service) as client:
            await client.speak(b"||" * 9_600 + bytes(48_000))
            await client.until("task_stream_end")
            turn = brain.turns[0]
            assert isinstance(turn, tuple)
            assert b"||" * 9_600 in turn[0]
            assert service.faults == []

    going(work)


def test_audio_before_it_is_ready_is_dropped_with_an_error() -> None:
    async def work() -> None:
        service = wiro(HELLO, manners=Manners(pace=0, ready_after_s=0.1))
        async with running(service), session(service, ready=False) as client:
            await client.until("task_queue")
            await client.turn()
            error = await client.until("task_error")
            assert "before" in error["message"]
            await client.until("task_stream_ready")
            assert await client.quiet()

    going(work)


def test_an_interrupt_of_nothing_is_answered_or_not() -> None:
    async def work() -> None:
        for ends in (True, False):
            service = wiro(HELLO, manners=Manners(pace=0, idle_interrupt_ends=ends))
            async with running(service), session(service) as client:
                await client.say("task_session_interrupt", tasktoken=client.name)
                assert await client.quiet() != ends

    going(work)


def test_elevenlabs_speaks_first_where_it_is_told_to() -> None:
    async def work() -> None:
        service = wiro(reply("Welcome.", heard="never shown"))
        async with running(service), session(service, ELEVEN, first_message="Welcome.") as client:
            await client.until("task_stream_end")
            assert client.transcripts() == ["TRANSCRIPT_AI:Welcome."]

    going(work)


@pytest.mark.parametrize(
    "limit", [{"silence_end_call_timeout": 0.1}, {"max_duration_seconds": "0.1"}]
)
def test_elevenlabs_ends_after_silence_and_after_its_longest_time(limit: dict[str, object]) -> None:
    async def work() -> None:
        service = wiro(HELLO)
        async with running(service), session(service, ELEVEN, **limit) as client:
            assert kinds_of(await client.rest())[-1] == "task_postprocess_end"

    going(work)


def test_a_reply_is_no_silence_for_as_long_as_it_takes_to_hear_it() -> None:
    async def work() -> None:
        service = wiro(reply("Long.", seconds=60), manners=Manners(pace=0, silence_s=0.2))
        async with running(service), session(service, ELEVEN) as client:
            await client.turn()
            await client.until("task_stream_end")
            for _ in range(12):
                assert await client.quiet()
            await client.say("task_session_interrupt", tasktoken=client.name)
            await client.until("task_end")

    going(work)


def test_elevenlabs_own_tool_ends_the_call_where_it_is_allowed() -> None:
    async def work() -> None:
        bye = reply("Goodbye.", heard="bye")
        service = wiro(Answer("bye", calls=(Call("end_call"),)), bye)
        async with running(service), session(service, ELEVEN, end_call="1") as client:
            await client.turn()
            kinds = kinds_of(await client.rest())
            assert kinds.index("task_stream_end") < kinds.index("task_end")
            assert client.transcripts() == ["TRANSCRIPT_USER:bye", "TRANSCRIPT_AI:Goodbye."]

    going(work)


def test_any_run_can_be_capped() -> None:
    async def work() -> None:
        service = wiro(HELLO, cap_s=0.05)
        async with running(service), session(service) as client:
            assert kinds_of(await client.rest())[-1] == "task_postprocess_end"

    going(work)


def test_runs_are_refused_with_any_code_and_outages_with_their_status() -> None:
    async def work() -> None:
        async with running(wiro()) as service:
            for code in Code:
                service.account.refusing = code
                _, answer = await post(service.http_origin, f"/v1/Run/{GPT}", PARAMETERS[GPT])
                assert codes(answer) == [code]
            for status in (429, 503):
                service.account.outage = status
                got, _ = await post(service.http_origin, f"/v1/Run/{GPT}", PARAMETERS[GPT])
                assert got == status

    going(work)


def test_bodies_that_are_no_objects_are_refused() -> None:
    async def work() -> None:
        async with running(wiro()) as service:
            for body in ([], 7, None, "x"):
                _, answer = await post(service.http_origin, f"/v1/Run/{GPT}", body)
                assert codes(answer) == [0]

    going(work)


def test_a_key_in_the_sockets_hand_shake_is_a_fault_but_no_refusal() -> None:
    async def work() -> None:
        async with running(wiro()) as service:
            headers = {"x-api-key": "stand-in-key"}
            async with connect(service.url, proxy=None, additional_headers=headers):
                assert len(service.faults) == 1

    going(work)


def test_a_run_that_nobody_registers_for_is_given_up() -> None:
    async def work() -> None:
        service = wiro(balance_usd=5, manners=Manners(unclaimed_s=0))
        async with running(service):
            for _ in range(2):
                status, answer = await post(service.http_origin, f"/v1/Run/{GPT}", PARAMETERS[GPT])
                assert (status, answer["result"]) == (200, True)

    going(work)


# Messages 1 to 7 are the life cycle; the eighth is the transcript of the first turn.
LOUD = {"twice": Trouble(twice_at=8), "swap": Trouble(swap_at=8), "slow": Trouble(slow_s=0.002)}


@pytest.mark.parametrize("kind", LOUD)
def test_messages_come_twice_swapped_and_slowly(kind: str) -> None:
    async def work() -> None:
        service = wiro(HELLO, trouble=LOUD[kind])
        async with running(service), session(service) as client:
            await client.turn()
            await client.until("task_stream_end")
            turn = client.kinds()[7:]
            assert turn.count("task_output") == (3 if kind == "twice" else 2)
            assert (turn[0] == "audio") == (kind == "swap")

    going(work)


def test_garbage_and_messages_of_unknown_kinds_come_between() -> None:
    async def work() -> None:
        for trouble in (Trouble(garbage_at=8), Trouble(unknown_at=8)):
            service = wiro(HELLO, trouble=trouble)
            async with running(service), session(service) as client:
                await client.turn()
                if trouble.garbage_at:
                    with pytest.raises(BrokenError):
                        await client.next()
                else:
                    await client.until("task_unheard_of")
                await client.until("task_stream_end")

    going(work)


@pytest.mark.parametrize("kind", ["stall_at", "half_open_at", "abort_at"])
def test_it_goes_quiet_deaf_or_away(kind: str) -> None:
    async def work() -> None:
        service = wiro(HELLO, trouble=Trouble(**{kind: 10}, connections=1))
        async with running(service), session(service) as client:
            await client.turn()
            for _ in range(2):
                await client.next()
            if kind == "abort_at":
                with pytest.raises(ConnectionClosed):
                    await client.next()
            else:
                await goes_quiet(client, deaf=kind == "half_open_at")
                client.socket.transport.abort()

    going(work)


async def goes_quiet(client: Client, *, deaf: bool) -> None:
    pong = await client.socket.ping()
    if deaf:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(pong, 0.05)
    else:
        assert await client.quiet()


def test_no_task_is_left_when_clients_go_away_in_any_state() -> None:
    async def work() -> None:
        service = wiro(HELLO, manners=Manners(pace=1))
        async with running(service):
            async with session(service, ready=False):
                pass
            async with session(service) as client:
                await client.speak(tone(0.4))
            async with session(service) as client:
                await client.turn()
                await client.sound()
        names = [task.get_coro().__qualname__ for task in asyncio.all_tasks()]
        assert not [name for name in names if name.startswith(("Session", "Talk", "Wiro"))]
        assert service.desk.running == 0

    going(work)
