"""Sessions with an agent at Wiro: its codec and the stand-in, through the real link."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device.commands import AbandonTurn, CancelReply
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    TurnCommitted,
)
from device.simulator.services.stand_in import HttpAnswer
from device.simulator.services.wiro_agent_session import AgentManners
from tests.link.rig import KEY, run, wait_until
from tests.services.wiro_link import (
    HELLO,
    LONG,
    NEWT,
    agent,
    is_kind,
    sound_of,
)

# --- the agent's web channel -----------------------------------------------------------------

AGENT_MANNERS = {
    "usual": AgentManners(),
    "resume always": AgentManners(resume_always=True),
    "transcripts in parts": AgentManners(repeated=True),
    "frames of others": AgentManners(foreign_every=2),
}


@pytest.mark.parametrize("name", AGENT_MANNERS)
def test_turns_with_an_agent(name: str) -> None:
    async def test() -> None:
        async with agent(HELLO, NEWT, manners=AGENT_MANNERS[name]) as (talk, _):
            first = await talk.exchange(1)
            second = await talk.exchange(2)
            assert [len(talk.pcm(r)) for r in (first, second)] == [28800, 48000]
            assert talk.said() == ["Hello, I am here.", "A newt is an amphibian."]
            assert talk.heard()[-1] == "what is a newt"

    run(test)


def test_an_answer_that_goes_on_after_a_tool_was_asked_is_told_in_two_replies() -> None:
    async def test() -> None:
        async with agent(NEWT, manners=AgentManners(halt_s=2.5)) as (talk, service):
            await talk.exchange()
            second = (await talk.until(ReplyDone, 2)).reply_id
            assert len(talk.of(TurnCommitted)) == 1
            assert len(talk.pcm(second)) == 2 * 9600
            assert talk.said() == ["A newt is an amphibian."]
            assert not any(is_kind(frame, "interrupt") for frame in service.received())

    run(test)


@pytest.mark.parametrize("late_pieces", [0, 3])
def test_a_cut_reply_of_an_agent_and_the_next(late_pieces: int) -> None:
    async def test() -> None:
        async with agent(LONG, NEWT, manners=AgentManners(late_pieces=late_pieces)) as (talk, _):
            first = await talk.begins()
            talk.link.send(CancelReply(first))
            await talk.until(ReplyDone)
            cut = len(talk.pcm(first))
            await talk.turn(2)
            second = (await talk.until(ReplyStarted, 2)).reply_id
            await talk.until(ReplyDone, 2)
            assert len(talk.pcm(first)) == cut
            assert len(talk.pcm(second)) == 48000

    run(test)


def test_an_agent_that_hears_somebody_breaks_its_reply_off() -> None:
    async def test() -> None:
        async with agent(LONG, NEWT) as (talk, _):
            first = await talk.begins()
            await asyncio.sleep(1.1)
            talk.says()
            assert (await talk.until(ReplyInterrupted)).reply_id == first
            assert (await talk.until(ReplyDone)).status == "cancelled"
            await talk.until(TurnCommitted, 2)
            second = (await talk.until(ReplyStarted, 2)).reply_id
            await talk.until(ReplyDone, 2)
            assert len(talk.pcm(second)) == 48000

    run(test)


def test_nothing_comes_of_a_turn_with_an_agent_that_was_given_up() -> None:
    async def test() -> None:
        async with agent(LONG, NEWT) as (talk, service):
            talk.says(then_silence_s=0)
            await wait_until(lambda: len(sound_of(service)) >= 5)
            talk.link.send(AbandonTurn())
            await wait_until(lambda: any(is_kind(f, "interrupt") for f in service.received()))
            await asyncio.sleep(0.3)
            assert not talk.of(ReplyStarted) and not talk.of(TurnCommitted)
            reply_id = await talk.exchange()
            assert len(talk.pcm(reply_id)) == 48000

    run(test)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("start_error", ErrorKind.SERVICE),
        ("concurrent_limit", ErrorKind.SERVICE),
        ("rejected", ErrorKind.PROTOCOL),
    ],
)
def test_an_agent_that_does_not_start_says_why(reason: Any, kind: ErrorKind) -> None:
    async def test() -> None:
        async with agent(wait=False, key="another") as (talk, service):
            service.account.key, service.start_fails = KEY, reason
            assert (await talk.until(LinkFailed)).kind is kind

    run(test)


def test_an_agent_that_is_not_there_or_not_active() -> None:
    async def test() -> None:
        for agents, kind in (
            ({"other": 4}, ErrorKind.PROTOCOL),
            ({"agent-1": 2}, ErrorKind.SERVICE),
        ):
            async with agent(wait=False, agents=agents) as (talk, _):
                assert (await talk.until(LinkFailed)).kind is kind

    run(test)


def test_a_session_that_is_never_connected_is_cancelled_at_wiro() -> None:
    async def test() -> None:
        async with agent(wait=False) as (talk, service):
            service.refuse = lambda _request: HttpAnswer(503, {})  # type: ignore[method-assign]
            assert (await talk.until(LinkFailed)).kind is ErrorKind.SERVICE
            assert service.tickets[0].state == "cancelled"

    run(test)


def test_the_ends_of_a_session_with_an_agent() -> None:
    async def test() -> None:
        async with agent(cap_s=0.2) as (talk, service):
            closed = await talk.until(LinkClosed)
            assert "longest duration" in closed.reason
            service.cap_s = None
            talk.link.open()
            await talk.until(LinkOpened, 2)
            talk.link.close("goodnight")
            await wait_until(lambda: any(is_kind(f, "end") for f in service.lines[-1].received))
            await wait_until(lambda: any(is_kind(f, "session_end") for f in service.lines[-1].sent))

    run(test)
