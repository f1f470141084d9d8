"""The network comes back: whoever waits for the next attempt waits no longer."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from device.adapters import link_dial
from device.adapters.link import WebSocketLink
from device.adapters.link_network import tells_of_news, watch_network
from device.adapters.link_tuning import LinkTuning
from device.commands import AppendAudio
from device.core.reconnect import Backoff
from device.events import Event, LinkFailed
from device.fakes_link import ScriptedServer, ServerSession
from device.providers.base import SessionSpec
from device.providers.openai_realtime import OpenAIRealtime
from device.settings import ServiceSettings
from tests.link.rig import SystemClock, run

NEVER = LinkTuning(backoff_base_s=1000.0, backoff_cap_s=1000.0, hurried_backoff_s=1000.0)
NOWHERE = "ws://127.0.0.1:9/"  # the discard port: nothing listens


class Ear:
    """A link that is told of the network by hand."""

    def __init__(self, tuning: LinkTuning, url: Callable[[], str] = lambda: NOWHERE) -> None:
        self.events: list[Event] = []
        self.came: Callable[[], None] | None = None
        self.stopped = 0
        self.link = WebSocketLink(
            codec_factory=lambda: OpenAIRealtime(SessionSpec(url=url(), key="k")),
            post=self.events.append,
            clock=SystemClock(),
            rng=random.Random(1),
            settings=ServiceSettings(),
            tuning=tuning,
            network=self._watch,
        )

    def _watch(self, came: Callable[[], None]) -> Callable[[], None]:
        self.came = came

        def stop() -> None:
            self.stopped += 1

        return stop

    async def failures(self, count: int) -> list[LinkFailed]:
        async with asyncio.timeout(20):
            while len(found := [e for e in self.events if isinstance(e, LinkFailed)]) < count:
                await asyncio.sleep(0.005)
        return found


def test_a_network_that_comes_back_ends_the_back_off() -> None:
    async def test() -> None:
        ear = Ear(NEVER)
        ear.link.open()
        await ear.failures(1)
        assert ear.came is not None
        ear.came()
        assert [one.attempt for one in await ear.failures(2)] == [1, 2]
        await ear.link.stop()
        assert ear.stopped == 1

    run(test)


def test_without_it_the_back_off_is_waited_for() -> None:
    async def test() -> None:
        ear = Ear(NEVER)
        ear.link.open()
        await ear.failures(1)
        await asyncio.sleep(0.1)
        assert len(await ear.failures(1)) == 1
        await ear.link.stop()

    run(test)


def test_an_open_session_is_asked_whether_it_lives() -> None:
    async def silent(session: ServerSession) -> None:
        await session.greet()
        session.connection.transport.pause_reading()  # type: ignore[attr-defined]
        await asyncio.sleep(30)

    async def test() -> None:
        async with ScriptedServer(silent) as server:
            ear = Ear(LinkTuning(probe_s=0.1, close_timeout_s=0.1), lambda: server.url)
            ear.link.open()
            async with asyncio.timeout(20):
                while not ear.link.is_open:
                    await asyncio.sleep(0.005)
                assert ear.came is not None
                ear.came()
                while ear.link.is_open:
                    await asyncio.sleep(0.005)
            await ear.link.stop()

    run(test)


def test_while_somebodys_words_wait_the_back_off_stays_short() -> None:
    async def test() -> None:
        tuning = LinkTuning(backoff_base_s=500.0, backoff_cap_s=1000.0, hurried_backoff_s=0.01)
        ear = Ear(tuning)
        ear.link.open()
        ear.link.send(AppendAudio(bytes(960)))
        await ear.failures(5)
        await ear.link.stop()

    run(test)


def test_a_hurried_delay_is_jittered_too_and_counts_as_a_failure() -> None:
    backoff = Backoff(0.5, 8.0, random.Random(3))
    hurried = [backoff.next_delay(1.0) for _ in range(6)]
    assert all(0.25 <= delay <= 1.0 for delay in hurried)
    assert len(set(hurried)) == 6
    assert backoff.next_delay() >= 4.0


def message(kind: int, size: int = 16) -> bytes:
    return struct.pack("=IHHII", size, kind, 0, 0, 0) + bytes(size - 16)


@pytest.mark.parametrize(
    ("data", "new"),
    [
        (message(20), True),  # RTM_NEWADDR
        (message(24), True),  # RTM_NEWROUTE
        (message(21), False),  # RTM_DELADDR
        (message(25, 27) + bytes(1) + message(24), True),  # padded to four bytes
        (message(25) + message(21), False),
        (b"", False),
        (b"\x01", False),
        (struct.pack("=IHHII", 3, 21, 0, 0, 0) + bytes(40), False),  # a senseless length
    ],
)
def test_what_the_kernel_says_is_news_when_something_was_added(data: bytes, new: bool) -> None:
    assert tells_of_news(data) is new


def test_the_watch_begins_and_ends_without_a_word_of_the_kernels() -> None:
    async def test() -> None:
        told: list[int] = []
        stop = watch_network(lambda: told.append(1))
        await asyncio.sleep(0)
        stop()
        assert told == []

    run(test)


#: In a network of its own: the loopback device is switched on, and so gets its addresses.
IN_A_NAMESPACE = """
import asyncio, fcntl, socket, struct, sys
sys.path.insert(0, {repo!r})
from device.adapters.link_network import watch_network

async def main():
    came = asyncio.Event()
    stop = watch_network(came.set)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        # SIOCSIFFLAGS: IFF_UP
        fcntl.ioctl(one, 0x8914, struct.pack("16sH14x", b"lo", 1))
    await asyncio.wait_for(came.wait(), 10)
    stop()
    print("came")

asyncio.run(main())
"""


def test_a_device_that_is_switched_on_is_noticed() -> None:
    from tests.conftest import REPO

    command = ["unshare", "--user", "--map-root-user", "--net", sys.executable, "-c"]
    try:
        allowed = subprocess.run([*command, ""], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        allowed = False
    if not allowed:
        pytest.skip("no network namespace may be made here")
    code = IN_A_NAMESPACE.format(repo=str(REPO))
    done = subprocess.run([*command, code], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "came\n", done.stderr


def test_a_look_up_that_the_network_swallowed_is_begun_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    swallowed, asked = threading.Event(), []

    def look_up(host: str, port: int, **_: object) -> list[object]:
        asked.append(host)
        if len(asked) == 1:
            swallowed.wait(30)
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    async def hello(session: ServerSession) -> None:
        await session.greet()
        await session.rest()

    async def test() -> None:
        async with ScriptedServer(hello) as server:
            monkeypatch.setattr(link_dial, "AGAIN_S", 0.01)
            monkeypatch.setattr(link_dial.socket, "getaddrinfo", look_up)
            ear = Ear(LinkTuning(), lambda: server.url)
            ear.link.open()
            async with asyncio.timeout(20):
                while not ear.link.is_open:
                    await asyncio.sleep(0.005)
            assert len(asked) >= 2
            assert not [e for e in ear.events if isinstance(e, LinkFailed)]
            swallowed.set()
            await ear.link.stop()

    run(test)
