"""A fence passes when nothing that was said before it is on its way any more, however slow."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import cast

import pytest

from device.adapters.link_dial import Connection
from device.adapters.link_line import Line
from device.commands import AppendAudio, ClearInput
from device.events import (
    LineDrained,
    LinkClosed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ServiceSpeechStarted,
    TurnCommitted,
)
from device.providers.base import Connect, Output, SessionSpec
from device.providers.openai_realtime import OpenAIRealtime
from tests.link.rig import (
    QUICK,
    Rig,
    ScriptedServer,
    ServerSession,
    deaf,
    opened,
    quiet,
    run,
    wait_until,
)
from tests.link.talk import CHUNK, SECOND, all_heard, reply_in_parts


class Watched(OpenAIRealtime):
    """Remembers the fences that passed, and what had been decoded by then."""

    passed: list[tuple[str, int]]

    def __init__(self, spec: SessionSpec) -> None:
        super().__init__(spec)
        self.passed = []
        self.decoded_count = 0

    def decoded(self, message: object, now: float) -> list[Output]:
        self.decoded_count += 1
        return super().decoded(message, now)

    def fence_passed(self, token: str, now: float) -> list[Output]:
        self.passed.append((token, self.decoded_count))
        return super().fence_passed(token, now)


def test_a_line_is_drained_after_all_that_waited_was_received() -> None:
    async def test() -> None:
        async with opened(quiet) as rig:
            server_side = rig.sessions[0].connection.transport
            server_side.pause_reading()
            for _ in range(50):
                rig.link.send(AppendAudio(bytes(CHUNK)))
            rig.link.drain(7)
            await asyncio.sleep(0.1)
            assert rig.of(LineDrained) == []
            server_side.resume_reading()
            assert (await rig.until(LineDrained)).token == 7
            assert len(await all_heard(rig.sessions[0], 50 * CHUNK)) == 50 * CHUNK

    run(test)


def test_what_was_said_before_is_told_before_also_what_is_decoded_beside_the_loop() -> None:
    """The pong overtakes a big message that a thread is still busy with: the fence does not."""
    decoding, go_on = threading.Event(), threading.Event()

    class Slow(OpenAIRealtime):
        def decode(self, data: str | bytes) -> object:
            decoding.set()
            assert go_on.wait(20)
            return super().decode(data)

    async def script(session: ServerSession) -> None:
        await session.greet()
        await session.reply(bytes(100_000))
        await session.send("input_audio_buffer.committed", item_id="u1")
        await session.rest()

    async def test() -> None:
        async with opened(script, codec=Slow) as rig:
            await wait_until(decoding.is_set)
            rig.link.drain(1)
            await asyncio.sleep(0.2)
            assert rig.of(LineDrained) == []
            go_on.set()
            await rig.until(LineDrained)
            kinds = [type(e) for e in rig.events]
            assert kinds.index(ReplyAudio) < kinds.index(TurnCommitted) < kinds.index(LineDrained)

    run(test)


def test_what_the_service_could_not_write_yet_comes_before_the_fence_too() -> None:
    """Its words wait behind a reply that fills the line; a pong of its own would overtake them."""

    async def script(session: ServerSession) -> None:
        await session.greet()
        await session.next("input_audio_buffer.append")
        more_than_all_buffers_hold = [bytes(SECOND)] * 200
        await reply_in_parts(session, more_than_all_buffers_hold)
        await session.send("input_audio_buffer.committed", item_id="u1")
        await session.rest()

    async def test() -> None:
        async with opened(script) as rig:
            rig.link.send(AppendAudio(bytes(CHUNK)))
            await rig.until(ReplyAudio)
            rig.link.drain(1)
            await rig.until(LineDrained)
            kinds = [type(e) for e in rig.events]
            assert kinds.index(ReplyDone) < kinds.index(TurnCommitted) < kinds.index(LineDrained)

    run(test)


def test_the_codecs_own_fence_comes_back_to_it_in_the_order_of_what_was_said() -> None:
    codecs: list[Watched] = []

    def codec(spec: SessionSpec) -> Watched:
        codecs.append(Watched(spec))
        return codecs[-1]

    async def script(session: ServerSession) -> None:
        await session.greet()
        for n in range(30):
            await session.send("input_audio_buffer.speech_started", item_id=f"u{n}")
        await session.rest()

    async def test() -> None:
        async with opened(script, codec=codec) as rig:
            await rig.until(ServiceSpeechStarted, 30)
            rig.link.send(ClearInput())
            rig.link.drain(1)
            await rig.until(LineDrained)
            await wait_until(lambda: bool(codecs[0].passed))
            [(token, decoded)] = codecs[0].passed
            assert token.startswith("parlor_")
            assert decoded == 32

    run(test)


@pytest.mark.parametrize("endless", [True, False])
def test_where_sound_never_stops_a_round_trip_behind_the_asking_is_enough(endless: bool) -> None:
    """One message comes in every round trip, as on any line with a delay."""

    class Streaming:
        def __init__(self) -> None:
            self.messages = asyncio.Queue[str]()
            self.pings = 0

        async def recv(self) -> str:
            return await self.messages.get()

        async def ping(self) -> asyncio.Future[float]:
            self.pings += 1
            self.messages.put_nowait("sound")
            pong = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(lambda: pong.done() or pong.set_result(0.0))
            return pong

    async def test() -> None:
        connection = Streaming()
        wanted = Connect("wss://host", endless=endless)
        line = Line(cast(Connection, connection), QUICK, wanted)

        async def read() -> None:
            while True:
                await line.recv()

        reader = asyncio.ensure_future(read())
        fence = asyncio.ensure_future(line.fence())
        while connection.pings < 20 and not fence.done():
            await asyncio.sleep(0)
        assert fence.done() is endless
        assert connection.pings == (1 if endless else 20)
        for task in (fence, reader):
            task.cancel()
        await asyncio.gather(fence, reader, return_exceptions=True)

    run(test)


def test_without_pings_a_fence_is_a_matter_of_time() -> None:
    class NoPings(OpenAIRealtime):
        def start(self, now: float) -> list[Output]:
            outputs = super().start(now)
            return [replace(o, pings=False) if isinstance(o, Connect) else o for o in outputs]

    async def test() -> None:
        async with opened(deaf, codec=NoPings, tuning=replace(QUICK, blind_fence_s=0.1)) as rig:
            rig.link.drain(3)
            assert (await rig.until(LineDrained)).token == 3

    run(test)


def test_a_fence_goes_with_its_session() -> None:
    async def test() -> None:
        async with ScriptedServer(quiet) as server:
            rig = Rig(server.url)
            rig.link.drain(1)  # of a session that is not open
            rig.link.open()
            await rig.until(LinkOpened)
            server.sessions[0].connection.transport.pause_reading()
            rig.link.drain(2)
            await asyncio.sleep(0.1)
            server.sessions[0].connection.transport.abort()
            await rig.until(LinkClosed)
            rig.link.open()
            await rig.until(LinkOpened, 2)
            rig.link.drain(3)
            await rig.until(LineDrained)
            assert [e.token for e in rig.of(LineDrained)] == [3]
            await rig.link.stop()

    run(test)
