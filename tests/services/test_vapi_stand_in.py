"""Vapi's stand-in, message by message.

What the service's description says, and where it is tried: the POST and its answer, key and
formats (*calls*); binary audio both ways and conversion of rates, the messages whose names are
uncertain, interruption (*talk*); ``hangup`` (*ends*). Not modelled: µ-law.
"""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply, tone
from device.simulator.services.line import Trouble
from device.simulator.services.plain_agent import Pace
from device.simulator.services.stand_in import HttpAnswer
from device.simulator.services.vapi import VapiStandIn

PATIENCE_S = 5.0
SPOKEN = tone(0.4, rate_hz=16_000) + bytes(2 * 16_000 * 7 // 10)
LONG = reply("A long while.", heard="tell me more", seconds=12.0)
FORMAT = {"format": "pcm_s16le", "container": "raw", "sampleRate": 16_000}

Message = dict[str, Any]


def wanted(**changes: Any) -> Message:
    transport = {"provider": "vapi.websocket", "audioFormat": FORMAT}
    return {"assistantId": "assistant-1", "transport": transport, **changes}


async def post(service: VapiStandIn, body: Message, key: str | None = None) -> tuple[int, Message]:
    def fetch() -> tuple[int, Message]:
        headers = {"Authorization": f"Bearer {key or service.key}"}
        data = json.dumps(body).encode()
        request = urllib.request.Request(service.url, data=data, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    return await asyncio.to_thread(fetch)


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def receive(self) -> Message:
        """``{"type": "audio", "pcm": …}`` for a binary one."""
        data = await asyncio.wait_for(self.socket.recv(), PATIENCE_S)
        if isinstance(data, bytes):
            return {"type": "audio", "pcm": data}
        message: Message = json.loads(data)
        return message

    async def until(self, kind: str, **fields: Any) -> list[Message]:
        sought = {"type": kind, **fields}.items()
        got = [await self.receive()]
        while not sought <= got[-1].items():
            got.append(await self.receive())
        return got

    async def say(self, pcm: bytes = SPOKEN) -> None:
        for at in range(0, len(pcm), 640):
            await self.socket.send(pcm[at : at + 640])

    async def end(self) -> int | None:
        try:
            while True:
                await asyncio.wait_for(self.socket.recv(), PATIENCE_S)
        except ConnectionClosed:
            return self.socket.close_code


@asynccontextmanager
async def calling(service: VapiStandIn, **changes: Any) -> AsyncIterator[Client]:
    status, made = await post(service, wanted(**changes))
    assert status == 201
    url = made["transport"]["websocketCallUrl"]
    async with connect(url, proxy=None, max_queue=None) as socket:
        yield Client(socket)


def run(
    act: Callable[[VapiStandIn], Awaitable[None]], *answers: Answer, **options: Any
) -> VapiStandIn:
    brain = ScriptedBrain(*answers or (reply("It is two.", heard="what time is it"),))
    service = VapiStandIn(lambda: brain, **options)

    async def whole() -> None:
        async with service:
            await asyncio.wait_for(act(service), 2 * PATIENCE_S)

    asyncio.run(whole())
    return service


# --- calls ------------------------------------------------------------------------------


def test_a_call_is_made_and_its_address_serves_one_connection() -> None:
    async def act(service: VapiStandIn) -> None:
        status, made = await post(service, wanted())
        assert (status, made["assistantId"]) == (201, "assistant-1")
        assert made["transport"]["provider"] == "vapi.websocket"
        url = made["transport"]["websocketCallUrl"]
        async with connect(url, proxy=None):
            pass
        for gone in (url, f"{service.origin}/call/none/transport", service.origin):
            with pytest.raises(InvalidStatus):
                async with connect(gone, proxy=None):
                    pass

    run(act)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (wanted(assistantId="nobody"), 400),
        (wanted(transport={"provider": "daily"}), 400),
        (wanted(transport=None), 400),
        (
            wanted(
                transport={
                    "provider": "vapi.websocket",
                    "audioFormat": {**FORMAT, "format": "opus"},
                }
            ),
            400,
        ),
        (
            wanted(
                transport={
                    "provider": "vapi.websocket",
                    "audioFormat": {**FORMAT, "sample_rate": 16_000},
                }
            ),
            400,
        ),
    ],
)
def test_a_wrong_call_is_not_made(body: Message, status: int) -> None:
    async def act(service: VapiStandIn) -> None:
        assert (await post(service, body))[0] == status

    run(act)


def test_a_wrong_key_and_an_exhausted_account_make_no_call() -> None:
    async def act(service: VapiStandIn) -> None:
        assert (await post(service, wanted(), key="nonsense"))[0] == 401
        service.http_refusal = HttpAnswer(402, {"message": "no credits"})
        assert (await post(service, wanted()))[0] == 402

    run(act)


# --- talk -------------------------------------------------------------------------------


def test_a_spoken_turn_is_told_and_answered() -> None:
    answer = reply("It is two.", heard="what time is it")
    ask = Answer("what time is it", calls=(Call("get_time"),))

    async def act(service: VapiStandIn) -> None:
        async with calling(service) as client:
            await client.say()
            got = await client.until("speech-update", role="assistant", status="stopped")
            told = [
                (one["type"], one["role"], one.get("status") or one["transcript"])
                for one in got
                if one["type"] != "audio"
            ]
            assert told == [
                ("speech-update", "user", "started"),
                ("speech-update", "user", "stopped"),
                ("transcript", "user", "what"),
                ("transcript", "user", "what time is it"),
                ("speech-update", "assistant", "started"),
                ("transcript", "assistant", "It is two."),
                ("speech-update", "assistant", "stopped"),
            ]
            pcm = b"".join(one["pcm"] for one in got if one["type"] == "audio")
            assert len(pcm) == 2 * 16_000

    run(act, ask, answer)


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
def test_the_service_converts_to_the_rate_of_the_call(rate_hz: int) -> None:
    transport = {"provider": "vapi.websocket", "audioFormat": {**FORMAT, "sampleRate": rate_hz}}

    async def act(service: VapiStandIn) -> None:
        async with calling(service, transport=transport) as client:
            got = await client.until("speech-update", role="assistant", status="stopped")
            pcm = b"".join(one["pcm"] for one in got if one["type"] == "audio")
            assert abs(len(pcm) - 2 * rate_hz) < 20

    run(act, greeting="Good morning.")


def test_who_speaks_over_the_assistant_interrupts_it() -> None:
    names = {"user-interrupted": "interrupted"}

    async def act(service: VapiStandIn) -> None:
        async with calling(service) as client:
            await client.say()
            await client.until("audio")
            await client.say(SPOKEN[: 2 * 16_000 // 3])
            before = await client.until("interrupted")
            assert ("assistant", "stopped") not in [
                (one.get("role"), one.get("status")) for one in before
            ]
            assert (await client.receive())["type"] == "audio"
            started = await client.receive()
            assert (started["role"], started["status"]) == ("user", "started")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.socket.recv(), 0.1)

    run(act, LONG, names=names, pace=Pace(late_pieces=1))


# --- ends -------------------------------------------------------------------------------


def test_a_call_ends_with_a_hangup_a_disconnection_or_at_its_longest() -> None:
    async def act(service: VapiStandIn) -> None:
        async with calling(service) as client:
            await client.socket.send("{")
            await client.socket.send("[]")
            await client.say()
            await client.until("audio")
            await client.socket.send('{"type": "hangup"}')
            assert await client.end() == 1000
        async with calling(service):
            pass
        service.cap_s = 0.1
        async with calling(service) as client:
            await client.say()
            assert await client.end() == 1000

    service = run(act, LONG)
    assert service.ended == ["hangup", "disconnect", "cap"]
    assert service.ignored == ["{", "[]"]


def test_an_assistant_that_breaks_ends_the_call() -> None:
    class Broken(ScriptedBrain):
        async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
            raise RuntimeError("broken on purpose")

    async def act(service: VapiStandIn) -> None:
        service.brain = Broken
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with calling(service) as client:
            await client.say()
            assert await client.end() == 1011

    run(act)


def test_the_line_may_break_and_stall() -> None:
    async def act(service: VapiStandIn) -> None:
        async with calling(service) as client:
            await client.say()
            assert await client.end() == 1006
        service.trouble = Trouble(stall_at=2)
        async with calling(service) as client:
            await client.say()
            assert (await client.receive())["status"] == "started"
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.socket.recv(), 0.1)

    run(act, trouble=Trouble(abort_at=6))
