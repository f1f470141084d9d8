"""The next session beside the one that is open, and another service in its place."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from device.adapters.link_rates import Rates
from device.commands import AppendAudio, ClearInput, CommitTurn, RequestReply
from device.events import (
    LinkClosed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    SuccessorFailed,
    SuccessorReady,
)
from device.fakes_link import ScriptedServer, ServerSession
from device.providers import capabilities_of
from tests.link.rig import Rig, opened, quiet, run, wait_until
from tests.link.talk import CHUNK, appended, received_by, speech

ONLINE = capabilities_of("openai_realtime")


def test_the_successor_is_silent_until_it_takes_over_and_no_sample_is_lost() -> None:
    said = speech(3)
    parts = [said[at : at + CHUNK] for at in range(0, len(said), CHUNK)]

    async def test() -> None:
        async with opened(quiet) as rig:
            for part in parts[:10]:
                rig.link.send(AppendAudio(part))
            rig.link.prepare_successor()
            await rig.until(SuccessorReady)
            assert len(rig.of(LinkOpened)) == 1
            for part in parts[10:20]:
                rig.link.send(AppendAudio(part))
            first = rig.sessions[0]
            await wait_until(lambda: appended(first) == b"".join(parts[:20]))
            rig.link.take_over()
            assert rig.link.is_open
            for part in parts[20:]:
                rig.link.send(AppendAudio(part))
            second = rig.sessions[1]
            await wait_until(lambda: appended(second) == b"".join(parts[20:]))
            assert len(rig.of(LinkOpened)) == 2
            assert rig.of(LinkClosed) == [], "nobody hears of the old one"

    run(test)


def test_what_the_old_session_still_says_is_not_heard() -> None:
    async def script(session: ServerSession) -> None:
        await session.greet()
        await session.next("response.create")
        await session.reply(bytes(4800), reply_id=f"r{len(rigs[0].sessions)}")
        await session.rest()

    rigs: list[Rig] = []

    async def test() -> None:
        async with opened(script) as rig:
            rigs.append(rig)
            rig.link.prepare_successor()
            await rig.until(SuccessorReady)
            rig.link.send(RequestReply())
            rig.link.take_over()
            rig.link.send(RequestReply())
            await rig.until(ReplyDone)
            assert len(rig.of(ReplyStarted)) == 1

    run(test)


def test_a_session_that_dies_is_replaced_by_its_successor_at_once() -> None:
    async def script(session: ServerSession) -> None:
        await session.greet()
        if len(rigs[0].sessions if rigs else [0]) == 1:
            await received_by(session, "input_audio_buffer.clear")
            return
        await session.rest()

    rigs: list[Rig] = []

    async def test() -> None:
        async with opened(quiet) as rig:
            rigs.append(rig)
            rig.link.prepare_successor()
            await rig.until(SuccessorReady)
            await rig.sessions[0].connection.close(1011)
            await rig.until(LinkClosed)
            rig.link.open()
            assert rig.link.is_open, "without another attempt"
            assert rig.link.counters.attempts == 1

    run(test)


def test_a_successor_that_is_refused_changes_nothing() -> None:
    async def script(session: ServerSession) -> None:
        if len(sessions) == 0:
            sessions.append(session)
            await session.greet()
            await session.rest()
        await session.connection.close(1011, "no")

    sessions: list[ServerSession] = []

    async def test() -> None:
        async with opened(script) as rig:
            rig.link.prepare_successor()
            await rig.until(SuccessorFailed)
            assert rig.link.is_open
            rig.link.take_over()
            assert rig.link.is_open and rig.of(LinkClosed) == []

    run(test)


def test_closing_the_link_closes_the_successor_too() -> None:
    async def test() -> None:
        async with opened(quiet) as rig:
            rig.link.prepare_successor()
            await rig.until(SuccessorReady)
            rig.link.close("enough")
            await rig.link.stop()
            assert not rig.link.is_open

    run(test)


def test_another_service_hears_the_turn_from_its_start() -> None:
    said = speech(2)

    async def test() -> None:
        async with opened(quiet) as rig, ScriptedServer(quiet) as other:
            rig.link.send(AppendAudio(said))
            await wait_until(lambda: appended(rig.sessions[0]) == said)
            rig.url = other.url
            rig.link.switch()
            rig.link.send(CommitTurn())
            await rig.until(LinkOpened, 2)
            await received_by(other.sessions[0], "input_audio_buffer.commit")
            assert appended(other.sessions[0]) == said
            assert rig.of(LinkClosed) == []

    run(test)


def test_an_attempt_that_leads_nowhere_is_given_up_for_another() -> None:
    async def mute(session: ServerSession) -> None:
        await session.rest()

    async def test() -> None:
        async with ScriptedServer(mute) as first, ScriptedServer(quiet) as second:
            rig = Rig(first.url)
            rig.link.open()
            rig.link.send(AppendAudio(speech(1)))
            await wait_until(lambda: bool(first.sessions))
            rig.url = second.url
            rig.link.switch()
            await rig.until(LinkOpened)
            await wait_until(lambda: appended(second.sessions[0]) == speech(1))
            await rig.link.stop()

    run(test)


# --- another service may have other rates ---------------------------------------------------


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_what_is_sent_and_heard_lasts_as_long_at_any_rate(rate: int) -> None:
    able = type(ONLINE)(rate, rate, True, False, False, False)
    rates = Rates(24000, 24000, able)
    said = speech(2)
    sent = b""
    for at in range(0, len(said), 960):
        for command in rates.up(AppendAudio(said[at : at + 960])):
            assert isinstance(command, AppendAudio)
            sent += command.pcm
    *rest, commit = rates.up(CommitTurn())
    sent += b"".join(c.pcm for c in rest if isinstance(c, AppendAudio))
    assert commit == CommitTurn()
    assert len(sent) == len(said) * rate // 24000

    heard = b""
    for at in range(0, len(sent), 640):
        for event in rates.down(ReplyAudio("r", "i", sent[at : at + 640])):
            assert isinstance(event, ReplyAudio)
            heard += event.pcm
    *last, done = rates.down(ReplyDone("r", "completed"))
    heard += b"".join(e.pcm for e in last if isinstance(e, ReplyAudio))
    assert isinstance(done, ReplyDone)
    assert abs(len(heard) - len(said)) <= 4


def test_of_a_reply_that_was_cut_nothing_more_is_heard() -> None:
    able = type(ONLINE)(16000, 16000, True, False, False, False)
    for end in (ReplyDone("r", "cancelled"), ReplyInterrupted("r")):
        rates = Rates(24000, 24000, able)
        list(rates.down(ReplyAudio("r", "i", speech(1))))
        assert list(rates.down(end)) == [end]


def test_what_was_taken_back_does_not_ring_on() -> None:
    able = type(ONLINE)(16000, 16000, True, False, False, False)
    rates = Rates(24000, 24000, able)
    list(rates.up(AppendAudio(speech(1))))
    assert list(rates.up(ClearInput())) == [ClearInput()]
    silent = b"".join(
        c.pcm
        for c in rates.up(AppendAudio(bytes(48000)))  # type: ignore[union-attr]
    )
    assert not np.frombuffer(silent, "<i2").any()


def test_a_successor_that_stands_by_is_replaced_by_the_next() -> None:
    async def test() -> None:
        async with opened(quiet) as rig:
            rig.link.prepare_successor()
            await rig.until(SuccessorReady)
            rig.link.prepare_successor()
            await rig.until(SuccessorReady, 2)
            rig.link.take_over()
            rig.link.send(AppendAudio(speech(1)))
            third = rig.sessions[2]
            await wait_until(lambda: len(appended(third)) > 0)
            assert rig.of(LinkClosed) == [] and rig.of(SuccessorFailed) == []
            assert len(rig.of(LinkOpened)) == 2

    run(test)


def test_what_a_successor_says_while_it_stands_by_is_not_heard() -> None:
    async def script(session: ServerSession) -> None:
        await session.greet()
        await session.reply(bytes(4800), reply_id="unasked")
        await session.rest()

    async def test() -> None:
        async with opened(script) as rig:
            await rig.until(ReplyDone)
            rig.link.prepare_successor()
            await rig.until(SuccessorReady)
            await wait_until(lambda: len(rig.sessions) == 2)
            await asyncio.sleep(0.3)  # it speaks at once
            assert len(rig.of(ReplyStarted)) == len(rig.of(ReplyDone)) == 1

    run(test)
