"""The Realtime stand-in when something goes wrong: replies, sessions, clients and lines end."""

from __future__ import annotations

import asyncio
import json

import pytest
from websockets.exceptions import ConnectionClosed

from device.simulator.services.brain import Answer, ScriptedBrain
from device.simulator.services.line import Trouble
from device.simulator.services.openai_faults import Faults
from device.simulator.services.openai_realtime import OpenAIRealtime
from tests.services.openai_wire import (
    LONG,
    Wire,
    audio_of,
    dialled,
    plain,
    run,
    talk,
)


@pytest.mark.parametrize(
    ("code", "at_piece", "status"),
    [
        ("rate_limit_exceeded", 0, "failed"),
        ("server_error", 2, "failed"),
        ("content_filter", 1, "incomplete"),
    ],
)
def test_a_reply_can_fail_before_or_while_it_is_spoken(
    code: str, at_piece: int, status: str
) -> None:
    async def go() -> None:
        async with talk(faults=Faults(reply=code, reply_at_piece=at_piece)) as (wire, _):
            await wire.write("hello")
            events = await wire.until("response.done")
            response = events[-1]["response"]
            assert response["status"] == response["status_details"]["type"] == status
            details = response["status_details"]
            assert code in (details.get("reason"), details.get("error", {}).get("code"))
            assert len(audio_of(events)) == at_piece * 4800

    run(go())


def test_a_brain_that_breaks_is_a_server_error_and_a_slow_one_can_be_interrupted() -> None:
    class Broken(ScriptedBrain):
        async def written(self, text: str) -> Answer:
            if text == "slow":
                await asyncio.sleep(60)
            raise RuntimeError("broken on purpose")

    async def go() -> None:
        async with plain(Broken()) as stand_in:
            assert isinstance(stand_in, OpenAIRealtime)
            async with dialled(stand_in) as wire:
                await wire.write("hello")
                done = (await wire.expect("response.done"))["response"]
                assert done["status_details"]["error"]["code"] == "server_error"
                await wire.write("slow")
                await wire.expect("rate_limits.updated")
                await wire.send("response.cancel")
                done = (await wire.expect("response.done"))["response"]
                assert done["status_details"]["reason"] == "client_cancelled"
                await wire.write("again")
                done = (await wire.expect("response.done"))["response"]
                assert done["status"] == "failed"

    run(go())


def test_the_session_ends_at_its_longest() -> None:
    async def go() -> None:
        async with talk(cap_s=0.05) as (wire, _):
            error = await wire.error()
            assert error["code"] == "session_expired"
            code, reason = await wire.closed()
            assert code == 1001
            assert "maximum duration" in reason

    run(go())


def test_the_client_may_leave_in_the_middle_of_a_reply() -> None:
    async def go() -> None:
        async with talk(LONG) as (wire, stand_in):
            await wire.write("hello")
            await wire.expect("response.output_audio.delta")
            await wire.socket.close()
            others = asyncio.all_tasks() - {asyncio.current_task()}
            await asyncio.wait_for(stand_in.lines[0].socket.wait_closed(), 2)
            for _ in range(50):
                left = [t for t in others if not t.done() and "Reply" in repr(t)]
                if not left:
                    break
                await asyncio.sleep(0.02)
            assert left == []

    run(go())


async def _reply_through(trouble: Trouble) -> tuple[Wire, OpenAIRealtime, list[str]]:
    """Writes one turn; returns the raw messages that came."""
    raw: list[str] = []
    stand_in = plain(trouble=trouble)
    stand_in.pace = 1000.0
    async with stand_in, dialled(stand_in) as wire:
        try:
            await wire.write("hello")
            while True:
                data = str(await asyncio.wait_for(wire.socket.recv(), 0.2))
                raw.append(data)
        except (TimeoutError, ConnectionClosed):
            pass
    return wire, stand_in, raw


@pytest.mark.parametrize("name", ["stall_at", "half_open_at", "abort_at"])
def test_the_line_can_die(name: str) -> None:
    async def go() -> None:
        _, _, raw = await _reply_through(Trouble(**{name: 4}))
        assert len(raw) == 3

    run(go())


def test_messages_can_be_slow_swapped_doubled_garbled_and_unknown() -> None:
    def types(raw: list[str]) -> list[str]:
        return [json.loads(data)["type"] for data in raw]

    async def go() -> None:
        _, _, right = await _reply_through(Trouble(slow_s=0.001))
        assert types(right)[-1] == "response.done"
        _, _, swapped = await _reply_through(Trouble(swap_at=2))
        assert types(swapped)[1:3] == types(right)[1:3][::-1]
        _, _, twice = await _reply_through(Trouble(twice_at=2))
        assert twice[1] == twice[2]
        _, _, garbled = await _reply_through(Trouble(garbage_at=2))
        with pytest.raises(ValueError, match="Expecting"):
            json.loads(garbled[1])
        _, stand_in, unknown = await _reply_through(Trouble(unknown_at=2))
        assert unknown[1] == stand_in.unknown

    run(go())
