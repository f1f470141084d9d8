"""Nobody's words are lost: the link comes late, or dies in silence while they speak."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import random
import socket
from collections.abc import Iterator
from dataclasses import replace

from device.adapters.link import WebSocketLink
from device.commands import AppendAudio, ClearInput, Cue
from device.core.appliance import Appliance
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    TurnCommitted,
    UplinkAudio,
    WakeDetected,
)
from device.fakes import FakeEar, FakePanel, FakePhraseSpeaker, FakePlayback, FakeTimeline
from device.fakes_link import FakeSessions
from device.mailbox import Mailbox
from device.providers.base import SessionSpec
from device.providers.openai_realtime import OpenAIRealtime
from device.runtime import Runtime
from device.session import capabilities
from device.settings import ServiceSettings, Settings
from tests.link.rig import (
    QUICK,
    Rig,
    ScriptedServer,
    ServerSession,
    SystemClock,
    deaf,
    opened,
    quiet,
    run,
)
from tests.link.talk import CHUNK, SECOND, all_heard, appended, received_by, speech

PROBING = replace(QUICK, probe_s=0.3)


def say(rig: Rig, said: bytes) -> None:
    for start in range(0, len(said), CHUNK):
        rig.link.send(AppendAudio(said[start : start + CHUNK]))


async def commits(session: ServerSession) -> None:
    """Takes the turn when a second of it was heard."""
    await session.greet()
    heard = 0
    while heard < SECOND:
        heard += len(base64.b64decode((await session.next("input_audio_buffer.append"))["audio"]))
    await session.send("input_audio_buffer.committed", item_id="user_1")
    await session.rest()


@contextlib.contextmanager
def black_hole() -> Iterator[str]:
    """An address that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as hole:
        yield f"ws://127.0.0.1:{hole.getsockname()[1]}/"


# --- a link that comes late ------------------------------------------------------------------


def test_a_service_that_appears_late_hears_the_whole_question() -> None:
    """Attempts time out one after the other meanwhile; core, runtime and link are the real ones."""

    async def test() -> None:
        loop, mailbox = asyncio.get_running_loop(), Mailbox()
        service = ServiceSettings(connect_timeout_s=0.2)
        settings = replace(
            Settings(),
            service=service,
            turn=replace(Settings().turn, waiting_cue_s=0.1, link_wait_s=15),
        )
        url = ""
        link = WebSocketLink(
            codec_factory=lambda: OpenAIRealtime(SessionSpec(url=url)),
            post=mailbox.post,
            clock=SystemClock(),
            rng=random.Random(1),
            settings=service,
            tuning=QUICK,
        )
        playback, timeline = FakePlayback(mailbox.post), FakeTimeline()
        core = Appliance(settings, SystemClock().monotonic(), able=capabilities(settings))
        runtime = Runtime(
            core,
            mailbox=mailbox,
            clock=SystemClock(),
            ear=FakeEar(mailbox.post),
            playback=playback,
            panel=FakePanel(),
            link=link,
            phrases=FakePhraseSpeaker(mailbox.post),
            timeline=timeline,
            downlink_rate_hz=24000,
            sessions=FakeSessions(),
            show_status=lambda _text: None,
            tell_ready=lambda _states: None,
        )
        runtime.start(loop)

        async def told(event: str, count: int = 1) -> None:
            async with asyncio.timeout(20):
                while timeline.events().count(event) < count:
                    await asyncio.sleep(0.01)

        said = speech(15)
        try:
            with black_hole() as nowhere:
                url = nowhere
                mailbox.post(WakeDetected("hey_jarvis", 0.9, 16000))
                for start in range(0, len(said), CHUNK):
                    mailbox.post(UplinkAudio(said[start : start + CHUNK], 0, 0))
                await told("error", 3)
                assert core.conversation.phase is Phase.LISTENING
                assert Cue.WAITING in playback.cues and Cue.ERROR not in playback.cues
                async with ScriptedServer(quiet) as server:
                    url = server.url
                    await told("link_opened")
                    assert await all_heard(server.sessions[0], len(said)) == said
                    assert core.conversation.phase is Phase.LISTENING
                    await link.stop()
        finally:
            runtime.stop()
            await link.stop()

    run(test)


# --- a link that is dead and has not noticed --------------------------------------------------


def test_a_dead_link_is_noticed_when_somebody_speaks_and_the_next_one_hears_it_all() -> None:
    async def test() -> None:
        async with ScriptedServer(deaf) as dead, ScriptedServer(quiet) as server:
            rig = Rig(dead.url, tuning=PROBING)
            rig.link.open()
            await rig.until(LinkOpened)
            rig.url = server.url
            said = speech(3)
            rig.link.open()  # a turn begins
            say(rig, said[:SECOND])
            closed = await rig.until(LinkClosed)
            assert closed.kind is ErrorKind.NETWORK
            assert "did not answer within 0.3 s" in closed.reason
            say(rig, said[SECOND : 2 * SECOND])  # before the core has decided
            rig.link.open()
            await rig.until(LinkOpened, 2)
            say(rig, said[2 * SECOND :])
            assert await all_heard(server.sessions[0], len(said)) == said
            await rig.link.stop()

    run(test)


def test_a_link_that_lives_is_not_disturbed_by_the_question() -> None:
    async def test() -> None:
        async with opened(quiet, tuning=replace(QUICK, probe_s=2.0)) as rig:
            said = speech(1)
            rig.link.open()
            rig.link.open()
            say(rig, said)
            assert await all_heard(rig.sessions[0], len(said)) == said
            await asyncio.sleep(2.5)
            assert rig.of(LinkClosed) == []
            assert appended(rig.sessions[0]) == said
            await rig.link.stop()
            assert len(rig.sessions) == 1

    run(test)


def test_an_idle_link_is_not_probed() -> None:
    async def test() -> None:
        async with opened(deaf, tuning=replace(QUICK, probe_s=0.05)) as rig:
            await asyncio.sleep(0.5)
            assert rig.of(LinkClosed) == []

    run(test)


def test_a_turn_that_the_service_took_is_not_sent_to_the_next_session() -> None:
    async def test() -> None:
        async with ScriptedServer(commits) as first, ScriptedServer(quiet) as second:
            rig = Rig(first.url)
            rig.link.open()
            await rig.until(LinkOpened)
            say(rig, speech(1))
            await rig.until(TurnCommitted)
            rig.url = second.url
            first.sessions[0].connection.transport.abort()
            await rig.until(LinkClosed)
            rig.link.open()
            await rig.until(LinkOpened, 2)
            rig.link.send(AppendAudio(b"\7\7"))
            assert await all_heard(second.sessions[0], 2) == b"\7\7"
            await rig.link.stop()

    run(test)


def test_a_turn_that_is_taken_back_when_the_link_is_lost_is_not_sent_at_all() -> None:
    async def test() -> None:
        async with opened(quiet) as rig:
            say(rig, speech(1))
            await received_by(rig.sessions[0], "input_audio_buffer.append")
            rig.sessions[0].connection.transport.abort()
            await rig.until(LinkClosed)
            assert rig.link.queued_audio_s == 1
            rig.link.send(ClearInput())
            assert rig.link.queued_audio_s == 0
            rig.link.open()
            await rig.until(LinkOpened, 2)
            rig.link.send(AppendAudio(b"\7\7"))
            assert await all_heard(rig.sessions[1], 2) == b"\7\7"
            assert rig.of(LinkFailed) == []

    run(test)
