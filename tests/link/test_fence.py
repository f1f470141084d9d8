"""A fence passes when nothing that was said before it is on its way any more, however slow."""

from __future__ import annotations

import asyncio
import base64
import threading
from dataclasses import replace

from device.commands import AppendAudio, ClearInput
from device.events import LineDrained, LinkClosed, LinkOpened, ReplyAudio, ReplyDone, TurnCommitted
from device.providers.base import Connect, Output, SessionSpec
from device.providers.openai_realtime import OpenAIRealtime
from tests.link.rig import QUICK, Rig, ScriptedServer, ServerSession, quiet, run
from tests.link.test_session import CHUNK, appended, received_by


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
        async with ScriptedServer(quiet) as server:
            rig = Rig(server.url)
            rig.link.open()
            await rig.until(LinkOpened)
            for _ in range(50):
                rig.link.send(AppendAudio(bytes(CHUNK)))
            rig.link.drain(7)
            assert (await rig.until(LineDrained)).token == 7
            await received_by(server.sessions[0], "input_audio_buffer.append")
            async with asyncio.timeout(20):
                while len(appended(server.sessions[0])) < 50 * CHUNK:
                    await asyncio.sleep(0.01)
            await rig.link.stop()

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
        async with ScriptedServer(script) as server:
            rig = Rig(server.url, codec=Slow)
            rig.link.open()
            await rig.until(LinkOpened)
            async with asyncio.timeout(20):
                while not decoding.is_set():
                    await asyncio.sleep(0.01)
            rig.link.drain(1)
            await asyncio.sleep(0.2)
            assert rig.of(LineDrained) == []
            go_on.set()
            await rig.until(LineDrained)
            kinds = [type(e) for e in rig.events]
            assert kinds.index(ReplyAudio) < kinds.index(TurnCommitted) < kinds.index(LineDrained)
            await rig.link.stop()

    run(test)


def test_what_the_service_could_not_write_yet_comes_before_the_fence_too() -> None:
    """Its words wait behind a reply that fills the line; a pong of its own would overtake them."""
    pcm = bytes(48_000)

    async def script(session: ServerSession) -> None:
        await session.greet()
        await session.next("input_audio_buffer.append")
        ids = {"response_id": "r1", "item_id": "i1"}
        await session.send("response.created", response={"id": "r1"})
        for _ in range(200):  # far more than all buffers on the way hold
            delta = base64.b64encode(pcm).decode()
            await session.send("response.output_audio.delta", delta=delta, **ids)
        await session.send("response.done", response={"id": "r1", "status": "completed"})
        await session.send("input_audio_buffer.committed", item_id="u1")
        await session.rest()

    async def test() -> None:
        async with ScriptedServer(script) as server:
            rig = Rig(server.url)
            rig.link.open()
            await rig.until(LinkOpened)
            rig.link.send(AppendAudio(bytes(CHUNK)))
            await rig.until(ReplyAudio)
            rig.link.drain(1)
            await rig.until(LineDrained)
            kinds = [type(e) for e in rig.events]
            assert kinds.index(ReplyDone) < kinds.index(TurnCommitted) < kinds.index(LineDrained)
            await rig.link.stop()

    run(test)


def test_the_codecs_own_fence_comes_back_to_it_in_the_order_of_what_was_said() -> None:
    codecs: list[Watched] = []

    def codec(spec: SessionSpec) -> Watched:
        codecs.append(Watched(spec))
        return codecs[-1]

    async def script(session: ServerSession) -> None:
        await session.greet()
        for n in range(30):
            await session.send("input_audio_buffer.committed", item_id=f"u{n}")
        await session.rest()

    async def test() -> None:
        async with ScriptedServer(script) as server:
            rig = Rig(server.url, codec=codec)
            rig.link.open()
            await rig.until(TurnCommitted, 30)
            rig.link.send(ClearInput())
            rig.link.drain(1)
            await rig.until(LineDrained)
            async with asyncio.timeout(20):
                while not codecs[0].passed:
                    await asyncio.sleep(0.01)
            [(token, decoded)] = codecs[0].passed
            assert token.startswith("parlor_")
            assert decoded == 32
            await rig.link.stop()

    run(test)


def test_without_pings_a_fence_is_a_matter_of_time() -> None:
    class NoPings(OpenAIRealtime):
        def start(self, now: float) -> list[Output]:
            outputs = super().start(now)
            return [replace(o, pings=False) if isinstance(o, Connect) else o for o in outputs]

    async def deaf(session: ServerSession) -> None:
        await session.greet()
        session.connection.transport.pause_reading()
        await asyncio.Event().wait()

    async def test() -> None:
        async with ScriptedServer(deaf) as server:
            rig = Rig(server.url, codec=NoPings, tuning=replace(QUICK, blind_fence_s=0.1))
            rig.link.open()
            await rig.until(LinkOpened)
            rig.link.drain(3)
            assert (await rig.until(LineDrained)).token == 3
            await rig.link.stop()

    run(test)


def test_a_fence_goes_with_its_session() -> None:
    async def test() -> None:
        async with ScriptedServer(quiet) as server:
            rig = Rig(server.url)
            rig.link.drain(1)
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
