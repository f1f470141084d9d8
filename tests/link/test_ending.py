"""How a session ends: lost in every way there is, closed in an orderly one."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import replace
from typing import Any

import pytest

from device.commands import AppendAudio, CancelReply, RequestReply
from device.events import ErrorKind, LinkClosed, LinkFailed, LinkOpened, ReplyAudio, ReplyStarted
from tests.link.rig import QUICK, Rig, ServerSession, deaf, opened, quiet, run, wait_until
from tests.link.talk import SECOND

# --- losing it ---------------------------------------------------------------------------


async def start_reply(session: ServerSession) -> None:
    await session.greet()
    await session.send("response.created", response={"id": "r1"})
    await session.send(
        "response.output_audio.delta", response_id="r1", item_id="i1", delta="AQIDBA=="
    )


def test_closed_by_the_service_in_the_middle_of_a_reply_and_opened_again() -> None:
    async def script(session: ServerSession) -> None:
        await start_reply(session)
        await session.connection.close(1011, "out of memory")

    async def test() -> None:
        async with opened(script) as rig:
            closed = await rig.until(LinkClosed)
            assert closed.kind is ErrorKind.SERVICE
            assert "out of memory" in closed.reason
            expected = [LinkOpened, ReplyStarted, ReplyAudio, LinkClosed]
            assert [type(event) for event in rig.events] == expected
            assert not rig.link.is_open
            rig.link.open()
            await rig.until(LinkClosed, 2)
            await rig.link.stop()
            assert rig.of(LinkFailed) == []

    run(test)


def test_a_session_that_was_lost_is_not_reopened_unasked_nor_in_a_hurry() -> None:
    async def script(session: ServerSession) -> None:
        await session.greet()

    async def test() -> None:
        async with opened(script) as rig:
            await rig.until(LinkClosed)
            await asyncio.sleep(0.1)  # several times its back-off
            assert len(rig.sessions) == 1
        tuning = replace(QUICK, backoff_base_s=3600, backoff_cap_s=3600)
        async with opened(script, tuning=tuning) as rig:
            await rig.until(LinkClosed)
            rig.link.open()  # as a core does that wants it back: it waits its back-off
            await asyncio.sleep(0.05)
            assert len(rig.sessions) == 1
            rig.link.open()  # as a person does who says the wake word: at once
            await rig.until(LinkOpened, 2)

    run(test)


def reset(session: ServerSession) -> None:
    """RST instead of a farewell."""
    sock: Any = session.connection.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    session.connection.transport.abort()


def test_a_connection_that_is_reset() -> None:
    async def script(session: ServerSession) -> None:
        await start_reply(session)
        reset(session)

    async def test() -> None:
        async with opened(script) as rig:
            assert (await rig.until(LinkClosed)).kind is ErrorKind.NETWORK

    run(test)


IMPATIENT = replace(QUICK, ping_interval_s=0.05, silence_limit_s=0.4)


@pytest.mark.parametrize("talking", [False, True])
def test_a_peer_that_has_vanished_is_found_out_and_holds_up_nothing(talking: bool) -> None:
    """Half-open: the peer reads nothing, so a library's ping could not even be written."""

    async def test() -> None:
        async with opened(deaf, tuning=IMPATIENT) as rig:
            server_side = rig.sessions[0].connection.transport
            await wait_until(lambda: not server_side.is_reading())
            if talking:
                audio = AppendAudio(bytes(SECOND))
                for _ in range(400):  # far more than all buffers on the way hold
                    rig.link.send(audio)
                assert rig.link.queued_audio_s <= 60
                assert rig.link.counters.audio_dropped_bytes == 340 * SECOND
                rig.link.send(CancelReply("r1"))
            closed = await rig.until(LinkClosed)
            assert closed.kind is ErrorKind.NETWORK
            assert "silent" in closed.reason

    run(test)


def test_a_quiet_peer_that_answers_pings_is_kept() -> None:
    async def test() -> None:
        async with opened(quiet, tuning=replace(IMPATIENT, silence_limit_s=2.0)) as rig:
            await asyncio.sleep(2.5)
            assert rig.link.is_open

    run(test)


# --- closing it -----------------------------------------------------------------------------


def test_an_orderly_end() -> None:
    async def test() -> None:
        async with opened(quiet) as rig:
            rig.link.close("idle")
            assert rig.events[-1] == LinkClosed("idle")
            assert not rig.link.is_open
            rig.link.open()  # while the old one is still closing
            await rig.until(LinkOpened, 2)
            await rig.link.stop()
            first, second = rig.sessions
            assert first.connection.close_code == second.connection.close_code == 1000
            assert len(rig.of(LinkClosed)) == 2

    run(test)


def test_nothing_is_posted_after_the_farewell() -> None:
    rigs: list[Rig] = []

    async def script(session: ServerSession) -> None:
        await session.greet()
        await session.next("response.create")
        rigs[0].link.close("no more")
        await session.reply(bytes(100))  # the farewell has not reached the server yet
        await session.rest()

    async def test() -> None:
        async with opened(script) as rig:
            rigs.append(rig)
            rig.link.send(RequestReply())
            await rig.until(LinkClosed)
            await rig.link.stop()
            assert [*map(type, rig.events)] == [LinkOpened, LinkClosed]

    run(test)


def test_stopping_does_not_wait_for_a_dead_peer() -> None:
    async def test() -> None:
        async with opened(deaf) as rig:
            for _ in range(400):
                rig.link.send(AppendAudio(bytes(SECOND)))
            await asyncio.sleep(0)
            async with asyncio.timeout(10):  # far above the close time-out, far below for ever
                await rig.link.stop()
            rig.link.open()
            assert not rig.link.is_open

    run(test)
