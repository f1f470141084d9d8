"""Several services in one run: their ways, what is wrong on them, and how each may misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import serve
from websockets.exceptions import ConnectionClosed, InvalidStatus

from device.cli.simulate_services import spec_of
from device.errors import ScenarioError
from device.simulator.conduct import Conduct, Minded
from device.simulator.hosted import Hosted
from device.simulator.overlay import overlay
from device.simulator.scenario import RoomSpec, parse
from device.simulator.services.book import Book
from device.simulator.services.brain import ScriptedBrain, reply
from device.simulator.services.table import TABLE
from device.simulator.trouble import NO_WAY, RESEND_S, Trouble
from device.simulator.upstream import Upstream
from device.simulator.ways import Destination, Ways
from device.simulator.wire_log import WireLog
from tests.simulator.proxy_line import echo, in_time


@contextlib.asynccontextmanager
async def two_ways() -> AsyncIterator[tuple[Ways, list[str]]]:
    """To two services that say what they hear; and their addresses."""
    log = WireLog()
    async with serve(echo, "127.0.0.1", 0) as one, serve(echo, "127.0.0.1", 0) as two:
        ports = [server.sockets[0].getsockname()[1] for server in (one, two)]
        to = [Destination(f"s{port}", Upstream("127.0.0.1", port)) for port in ports]
        ways = Ways(to, log, lambda _why, _at: None)
        await ways.start()
        try:
            async with asyncio.timeout(20):
                yield ways, [f"ws://127.0.0.1:{way.port}/" for way in ways.each]
        finally:
            ways.all_well(time.monotonic())
            await ways.stop()
    numbers = [row["connection"] for row in log.rows if row["type"] == "connected"]
    assert len(set(numbers)) == len(numbers), "each connection has a number of its own"


async def answers(url: str) -> bool:
    async with connect(url, proxy=None) as client:
        await client.send("well?")
        return await in_time(client) == "well?"


def test_a_service_that_refuses_breaks_off_what_it_has_and_the_other_is_well() -> None:
    async def main() -> None:
        async with two_ways() as (ways, (first, second)):
            async with connect(first, proxy=None) as client:
                ways.refuse(1)
                with pytest.raises(ConnectionClosed):
                    await client.recv()
            with pytest.raises(InvalidStatus) as refused:
                await answers(first)
            assert refused.value.response.status_code == 429
            assert b"insufficient_quota" in bytes(refused.value.response.body or b"")
            assert await answers(second)
            ways.well(1, time.monotonic())
            assert await answers(first)

    asyncio.run(main())


def test_a_service_that_hangs_takes_connections_and_says_nothing() -> None:
    async def main() -> None:
        async with two_ways() as (ways, (first, second)):
            ways.hang(2, time.monotonic())
            waits = asyncio.create_task(answers(second))
            assert await answers(first)
            assert not waits.done()
            ways.well(2, time.monotonic())
            assert await waits

    asyncio.run(main())


def test_without_a_way_whoever_connects_is_refused_and_who_was_connected_goes_on() -> None:
    async def main() -> None:
        async with two_ways() as (ways, urls):
            async with connect(urls[0], proxy=None) as client:
                ways.down(time.monotonic(), NO_WAY)
                for url in urls:
                    with pytest.raises(ConnectionRefusedError):
                        await answers(url)
                await client.send("still there?")
                ways.up(time.monotonic(), NO_WAY)
                assert await in_time(client) == "still there?"
            while True:  # the doors are opened by a task of their own
                with contextlib.suppress(ConnectionRefusedError):
                    assert await answers(urls[1])
                    break
                await asyncio.sleep(0)

    asyncio.run(main())


def test_a_reset_breaks_off_every_connection_and_new_ones_may_be_made() -> None:
    async def main() -> None:
        async with two_ways() as (ways, urls):
            async with connect(urls[0], proxy=None) as one, connect(urls[1], proxy=None) as two:
                ways.reset()
                for client in (one, two):
                    with pytest.raises(ConnectionClosed):
                        await client.recv()
            assert await answers(urls[0]) and await answers(urls[1])

    asyncio.run(main())


def test_what_waits_without_a_way_goes_when_tcp_sends_again() -> None:
    trouble = Trouble()
    trouble.down(10.0, NO_WAY)
    assert trouble.no_way
    trouble.up(15.0, NO_WAY)
    assert not trouble.no_way
    # After 0.2, 0.4, 0.8, 1.6 and 3.2 s: 6.2 s altogether.
    assert trouble.resend_in_s(10.0, 15.0) == pytest.approx(31 * RESEND_S - 5.0)
    assert trouble.resend_in_s(14.9, 15.0) == pytest.approx(RESEND_S - 0.1)
    trouble.down(20.0)
    trouble.up(25.0)
    assert trouble.resend_in_s(20.0, 25.0) == 0.0, "a black hole gives back at once"


def test_a_service_that_thinks_slowly_answers_when_that_is_over() -> None:
    async def main() -> None:
        conduct = Conduct()
        brain = Minded(ScriptedBrain(reply("hello")), conduct)
        conduct.thinks_slowly = True
        asked = asyncio.create_task(brain.spoken(b"", 24_000))
        await asyncio.sleep(0)
        assert conduct.thinks_slowly and not asked.done()
        conduct.behave()
        assert (await asked).words == "hello"
        assert (await brain.written("x")).words == (await brain.tools_done(())).words == "hello"

    asyncio.run(main())


def test_the_preferred_service_is_configured_with_those_that_take_over() -> None:
    async def main() -> None:
        spec = replace(spec_of("gemini"), offline_last=True)
        async with (
            TABLE["xai"].make(ScriptedBrain, "k1") as other,
            TABLE["gemini"].make(ScriptedBrain, "k2") as mine,
        ):
            book = Book()
            last = Hosted(spec_of("xai"), other, Path("/run/k1"), book)
            first = Hosted(spec, mine, Path("/run/k2"), book, [last])
            config = first.configured({"xai": {"url": "wss://elsewhere"}})
            assert config["service"] == {"provider": "gemini", "fallback": ["xai", "offline"]}
            assert config["xai"]["url"] == last.url and config["xai"]["key_file"] == "/run/k1"
            assert [to.section for to in first.destinations] == ["gemini", "xai"]
            moved = overlay(
                config,
                room=RoomSpec(),
                fifo_ms=8.0,
                socket=Path("/run/s"),
                state=Path("/run/out"),
                proxy_port=4000,
                offline_port=5000,
                section="gemini",
                other_ports={"xai": 4001},
            )
            assert moved["xai"]["url"] == "ws://127.0.0.1:4001/v1/realtime"
            assert moved["gemini"]["url"].startswith("ws://127.0.0.1:4000/")
            assert moved["offline"]["port"] == 5000

    asyncio.run(main())


def test_a_scenario_names_services_by_number_and_no_others() -> None:
    text = 'duration_s = 9\n[[cue]]\nat_s = 1\nfault = "service_hangs"\nservice = 2\n'
    scenario = parse(text, Path("s.toml"))
    both = replace(spec_of("gemini"), fallback=(spec_of("xai"),))
    both.check(scenario)
    with pytest.raises(ScenarioError, match=r"line 4.*only 1"):
        spec_of("gemini").check(scenario)
    with pytest.raises(ScenarioError, match="--service wiro"):
        replace(both, fallback=(spec_of("wiro"),)).check(scenario)


def test_the_offline_service_may_be_killed_where_it_takes_over() -> None:
    text = 'duration_s = 9\n[[cue]]\nat_s = 1\nfault = "kill_service"\n'
    replace(spec_of("gemini"), offline_last=True).check(parse(text, Path("s.toml")))
