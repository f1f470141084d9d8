"""Trouble on the line of a Live session; its first message is ``session.started``."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from device.simulator.services.brain import reply
from device.simulator.services.line import Trouble
from tests.services.openai_live_client import (
    PATIENCE_S,
    RATE_HZ,
    encoded,
    entered,
    house,
    run,
)

LONG = reply("This goes on for quite a while.", heard="tell me a story", seconds=3.0)


def trouble_run(trouble: Trouble, check: Any) -> None:
    async def test() -> None:
        async with house(LONG, trouble=trouble) as service, entered(service) as client:
            await client.send("session.start", session={"model": "gpt-live-1"})
            audio = encoded(bytes(2 * RATE_HZ))
            await client.send("session.input_audio.append", audio=audio)
            async with asyncio.timeout(PATIENCE_S):
                await check(client)

    run(test)


def test_trouble_slow_and_twice() -> None:
    async def check(client: Any) -> None:
        await client.until("session.output_audio.delta", 10)
        assert len(client.of("session.started")) == 2

    trouble_run(Trouble(slow_s=0.005, twice_at=1), check)


def test_trouble_garbage_unknown_and_swap() -> None:
    async def check(client: Any) -> None:
        await client.until("session.output_audio.delta", 10)
        assert client.odd == ['{"type": ']
        kinds = [event["type"] for event in client.events[:3]]
        assert kinds == [
            "session.output_audio.delta",
            "session.started",
            "parlor.unheard.of",
        ]

    trouble_run(Trouble(swap_at=1, garbage_at=2, unknown_at=3), check)


def test_trouble_abort() -> None:
    async def check(client: Any) -> None:
        assert await client.gone() == 1006
        assert len(client.events) == 3

    trouble_run(Trouble(abort_at=4), check)


@pytest.mark.parametrize("trouble", [Trouble(stall_at=3), Trouble(half_open_at=3)])
def test_trouble_stall_and_half_open(trouble: Trouble) -> None:
    async def check(client: Any) -> None:
        await client.until("session.output_audio.delta", 1)
        pong = await client.socket.ping()
        if trouble.stall_at:
            await pong
        else:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(pong), 0.05)
            pong.cancel()
            client.socket.transport.abort()
        assert len(client.events) == 2

    trouble_run(trouble, check)
