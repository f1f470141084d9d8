"""The Gemini Live stand-in on a bad line, and with messages that are nearly right."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from device.simulator.services.brain import reply
from device.simulator.services.line import GARBAGE, Trouble
from tests.services.gemini_client import (
    MODEL,
    QUICK,
    Message,
    dialled,
    kinds,
    run,
    serving,
    talking,
)

FIRST = reply("First.", seconds=0.3)
WRONG = [None, {}, [], "x", "\ud800", 12, -1e308, True, [None], [{}], {"a": {}}]


def mutated(rng: random.Random) -> str:
    """A message that is nearly right: something of it is missing, doubled, or of another kind."""
    part = {"text": "hello"}
    audio = {"data": "AAAA" * rng.randrange(4), "mimeType": "audio/pcm;rate=11025"}
    one = {"id": "function-call-1", "name": "get_time", "response": {"output": None}}
    message: Message = rng.choice(
        [
            {"realtimeInput": {"text": "hello"}},
            {"realtimeInput": {"audio": audio}},
            {"realtimeInput": {"audioStreamEnd": True}},
            {"clientContent": {"turns": [{"role": "user", "parts": [part]}], "turnComplete": True}},
            {"toolResponse": {"functionResponses": [one]}},
            {"contextUpdate": {"tools": {"tools": [{"functionDeclarations": [{"name": "f"}]}]}}},
        ]
    )
    spots = list(_spots(message))
    for _ in range(rng.randrange(1, 4)):
        holder, key = rng.choice(spots)
        if key in holder:
            value = holder.pop(key)
            holder |= rng.choice(
                [{}, {}, {key: rng.choice(WRONG)}, {key: [value]}, {key + "x": value}]
            )
    text = json.dumps(message)
    return text[: rng.randrange(len(text))] if rng.random() < 0.1 else text


def _spots(value: Any) -> Iterator[tuple[dict[str, Any], str]]:
    """Every field of every object in it."""
    for inner in value.values() if isinstance(value, dict) else value:
        if isinstance(inner, dict | list):
            yield from _spots(inner)
    if isinstance(value, dict):
        yield from ((value, key) for key in value)


def test_mutated_messages_are_answered_or_refused_and_raise_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def talk() -> None:
        rng = random.Random(4)
        codes = []
        async with serving(FIRST) as stand_in:
            for _ in range(150):
                async with talking(stand_in) as client:
                    with suppress(ConnectionClosed):  # by an earlier one of them
                        await client.socket.send(mutated(rng))
                        await client.send(setup={})  # is refused, whatever came before it
                    codes.append((await client.ended()).code)
        assert set(codes) == {1007}

    run(talk())
    assert not [record for record in caplog.records if record.exc_info]


async def straight(trouble: Trouble) -> tuple[list[object], type[Exception] | None]:
    """What a client gets of one written turn, as it comes; and what ended it, if not its end."""
    got: list[object] = []
    async with (
        serving(FIRST, trouble=trouble, manner=QUICK) as stand_in,
        dialled(stand_in, ping_interval=None, close_timeout=0.05) as client,
    ):
        try:
            await client.send(setup={"model": MODEL})
            patience_s = 0.1 if trouble.stall_at or trouble.half_open_at else 5.0
            async with asyncio.timeout(patience_s):
                got.append(await client.socket.recv())
                await client.realtime(text="hello")
                while b"turnComplete" not in _bytes(got[-1]):
                    got.append(await client.socket.recv())
        except (ConnectionClosed, TimeoutError) as error:
            return got, type(error)
    return got, None


def _bytes(data: object) -> bytes:
    return data if isinstance(data, bytes) else str(data).encode()


def names(got: list[object]) -> list[str]:
    return [kind for data in got for kind in kinds([json.loads(_bytes(data))])]


PLAIN = ["setupComplete", *["modelTurn"] * 3, "generationComplete", "usageMetadata", "turnComplete"]


@pytest.mark.parametrize(
    ("trouble", "expected"),
    [
        (Trouble(), PLAIN),
        (Trouble(slow_s=0.005), PLAIN),
        (Trouble(swap_at=5), [*PLAIN[:4], "usageMetadata", "generationComplete", PLAIN[6]]),
        (Trouble(twice_at=5), [*PLAIN[:5], *PLAIN[4:]]),
        (Trouble(unknown_at=3), [*PLAIN[:2], "parlorUnheardOf", *PLAIN[2:]]),
    ],
)
def test_troubles_that_a_client_must_live_with(trouble: Trouble, expected: list[str]) -> None:
    async def talk() -> None:
        got, error = await straight(trouble)
        assert (names(got), error) == (expected, None)

    run(talk())


def test_something_that_is_no_message_comes_between_two_that_are() -> None:
    async def talk() -> None:
        got, error = await straight(Trouble(garbage_at=2))
        assert (got.pop(1), error) == (GARBAGE, None)
        assert names(got) == PLAIN

    run(talk())


@pytest.mark.parametrize(
    ("trouble", "error"),
    [
        (Trouble(stall_at=3), TimeoutError),
        (Trouble(half_open_at=3), TimeoutError),
        (Trouble(abort_at=3), ConnectionClosed),
    ],
)
def test_troubles_that_end_it(trouble: Trouble, error: type[Exception]) -> None:
    async def talk() -> None:
        got, told = await straight(trouble)
        assert names(got) == PLAIN[:2]
        assert told is not None
        assert issubclass(told, error)

    run(talk())
