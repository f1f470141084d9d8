"""Trouble on the line: black holes, and messages that are late."""

from __future__ import annotations

import asyncio
import time

import pytest
from websockets.asyncio.server import ServerConnection

from device.simulator.director import free_port
from device.simulator.upstream import Upstream
from tests.simulator.proxy_line import echo, in_time, line, way_to


def test_a_black_hole_swallows_and_gives_back_without_a_reset() -> None:
    async def main() -> None:
        async with line(echo) as here, here.connect() as client:
            await client.send("before")
            assert await in_time(client) == "before"
            here.trouble.down(time.monotonic())
            await client.send("during")
            answer = asyncio.create_task(client.recv())
            newcomer = asyncio.create_task(here.connect().__aenter__())
            done, _ = await asyncio.wait({answer, newcomer}, timeout=0.3)
            assert not done
            here.trouble.up(time.monotonic())
            assert await asyncio.wait_for(answer, 10) == "during"
            await (await asyncio.wait_for(newcomer, 10)).close()

    asyncio.run(main())


def test_what_an_appliance_sent_that_left_during_the_outage_is_forgotten() -> None:
    got: list[str | bytes] = []
    ended = asyncio.Event()

    async def collect(connection: ServerConnection) -> None:
        try:
            async for message in connection:
                got.append(message)
                await connection.send(message)
        finally:
            ended.set()

    async def main() -> None:
        async with line(collect) as here, asyncio.timeout(10):
            client = await here.connect()
            await client.send("before")
            assert await in_time(client) == "before"
            here.trouble.down(time.monotonic())
            await client.send("during")
            newcomer = asyncio.create_task(here.connect().__aenter__())
            while here.types().count("connected") < 2:
                await asyncio.sleep(0.001)
            newcomer.cancel()
            await asyncio.gather(newcomer, return_exceptions=True)
            client.transport.abort()
            await client.wait_closed()
            here.trouble.up(time.monotonic())
            await ended.wait()
            while here.types().count("closed") < 2:
                await asyncio.sleep(0.001)
        assert got == ["before"]
        sent = [r for r in here.log.rows if r["direction"] == "up" and r["type"] == "not_json"]
        assert len(sent) == 1
        assert here.closed_by() == ["appliance", "appliance"]

    asyncio.run(main())


def test_what_was_sent_during_an_outage_that_the_appliance_sat_out_is_not() -> None:
    async def main() -> None:
        async with line(echo) as here, here.connect() as client:
            here.trouble.down(time.monotonic())
            for number in range(50):
                await client.send(str(number))
            await asyncio.sleep(0.05)
            here.trouble.up(time.monotonic())
            assert [await in_time(client) for _ in range(50)] == [str(n) for n in range(50)]

    asyncio.run(main())


def test_a_black_hole_hides_that_the_service_refuses() -> None:
    async def main() -> None:
        async with way_to(Upstream("127.0.0.1", free_port())) as here:
            here.trouble.down(time.monotonic())
            async with asyncio.timeout(10):
                while not here.log.rows:  # let in, and left hanging
                    with pytest.raises((TimeoutError, ConnectionRefusedError)):
                        await asyncio.wait_for(here.connect(), 0.1)
            here.trouble.up(time.monotonic())
            async with asyncio.timeout(10):
                while "nothing listens" not in "".join(here.reasons):
                    await asyncio.sleep(0.01)

    asyncio.run(main())


def test_delayed_messages_keep_their_order() -> None:
    async def main() -> None:
        async with line(echo) as here, here.connect() as client:
            here.trouble.jitter(30, 40, 0)
            began = time.monotonic()
            for number in range(30):
                await client.send(str(number))
                await asyncio.sleep(0.002)
            got = [await in_time(client) for _ in range(30)]
            assert got == [str(n) for n in range(30)]
            assert time.monotonic() - began >= 0.06  # 30 ms each way

    asyncio.run(main())
