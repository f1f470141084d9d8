"""Cartesia's stand-in, message by message.

What the service's description says, and where it is tried: address, token and version
(*hand-shake*); ``start`` and ``ack``, formats (*start*); ``media_input``, ``media_output``,
``clear`` (*talk*); ``dtmf``, ``custom``, ``transfer_call`` (*talk*); pings and the 180 s without
anything (*ends*). Not modelled: µ-law, the newer endpoint, text to speech alone.
"""

from __future__ import annotations

import asyncio
import base64
import json
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply, tone
from device.simulator.services.cartesia import KEY_VERSION, VERSION, CartesiaStandIn
from device.simulator.services.line import Trouble
from device.simulator.services.plain_agent import Pace
from device.simulator.services.stand_in import HttpAnswer

PATIENCE_S = 5.0
SPOKEN = tone(0.4, rate_hz=16_000) + bytes(2 * 16_000 * 7 // 10)
LONG = reply("A long while.", heard="tell me more", seconds=12.0)

Message = dict[str, Any]


class Client:
    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.stream_id = ""

    async def send(self, event: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"event": event, **fields}))

    async def receive(self) -> Message:
        message: Message = json.loads(await asyncio.wait_for(self.socket.recv(), PATIENCE_S))
        return message

    async def until(self, event: str) -> list[Message]:
        got = [await self.receive()]
        while got[-1]["event"] != event:
            got.append(await self.receive())
        return got

    async def start(self, form: str = "pcm_16000") -> Message:
        await self.send("start", config={"input_format": form})
        ack = await self.receive()
        assert ack["event"] == "ack"
        self.stream_id = ack["stream_id"]
        return ack

    async def say(self, pcm: bytes = SPOKEN) -> None:
        for at in range(0, len(pcm), 1280):
            payload = base64.b64encode(pcm[at : at + 1280]).decode()
            await self.send("media_input", stream_id=self.stream_id, media={"payload": payload})

    async def quiet(self, for_s: float = 0.15) -> bool:
        try:
            await asyncio.wait_for(self.socket.recv(), for_s)
        except TimeoutError:
            return True
        return False

    async def end(self) -> int | None:
        """Until the service closes: with which code."""
        try:
            while True:
                await asyncio.wait_for(self.socket.recv(), PATIENCE_S)
        except ConnectionClosed:
            return self.socket.close_code

    async def replied(self) -> bytes:
        """Audio until no more comes."""
        pcm = b""
        while True:
            try:
                raw = await asyncio.wait_for(self.socket.recv(), 0.15)
            except TimeoutError:
                return pcm
            message = json.loads(raw)
            assert set(message) == {"event", "stream_id", "media"}
            assert (message["event"], message["stream_id"]) == ("media_output", self.stream_id)
            pcm += base64.b64decode(message["media"]["payload"], validate=True)


@asynccontextmanager
async def calling(
    service: CartesiaStandIn, token: str | None = None, **options: Any
) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {token or service.key}", "Cartesia-Version": VERSION}
    options = {"additional_headers": headers, "proxy": None, "max_queue": None, **options}
    async with connect(service.url, **options) as socket:
        yield Client(socket)


def run(
    act: Callable[[CartesiaStandIn], Awaitable[None]], *answers: Answer, **options: Any
) -> CartesiaStandIn:
    brain = ScriptedBrain(*answers or (reply("It is two.", heard="what time is it"),))
    service = CartesiaStandIn(lambda: brain, **options)

    async def whole() -> None:
        async with service:
            await asyncio.wait_for(act(service), 2 * PATIENCE_S)

    asyncio.run(whole())
    return service


# --- hand-shake -------------------------------------------------------------------------


def test_a_wrong_token_no_version_and_an_unknown_agent_are_refused() -> None:
    async def status(service: CartesiaStandIn, **options: Any) -> int:
        with pytest.raises(InvalidStatus) as refusal:
            async with calling(service, **options):
                pass
        return refusal.value.response.status_code

    async def act(service: CartesiaStandIn) -> None:
        assert await status(service, token="nonsense") == 401
        bare = {"Authorization": f"Bearer {service.key}"}
        assert await status(service, additional_headers=bare) == 400
        service.agent_id = "agent-2"
        async with calling(service):
            pass
        service.refusal = HttpAnswer(429, {})
        assert await status(service) == 429
        service.refusal = None
        with pytest.raises(InvalidStatus) as refusal:
            headers = {"Authorization": f"Bearer {service.key}", "Cartesia-Version": VERSION}
            url = service.url.replace("agent-2", "agent-1")
            async with connect(url, additional_headers=headers, proxy=None):
                pass
        assert refusal.value.response.status_code == 404

    run(act)


@pytest.mark.parametrize("access", ["key", "token in the query", "bearer token"])
def test_the_newer_address_takes_an_api_key_or_a_token_in_the_query(access: str) -> None:
    async def act(service: CartesiaStandIn) -> None:
        headers, query = {"Cartesia-Version": KEY_VERSION}, ""
        if access == "key":
            headers["X-API-Key"] = service.api_key
        elif access == "bearer token":
            headers["Authorization"] = f"Bearer {service.key}"
        else:
            query = f"?access_token={service.key}"
        opening = connect(f"{service.url}{query}", additional_headers=headers, proxy=None)
        if access == "bearer token":
            with pytest.raises(InvalidStatus):
                await opening
            return
        async with opening as socket:
            await Client(socket).send(event="start", config={"input_format": "pcm_16000"})
            assert json.loads(await socket.recv())["event"] == "ack"

    run(act, newer=True)


@pytest.mark.parametrize("granted", [True, False])
def test_an_access_token_needs_the_grant_for_agents(granted: bool) -> None:
    def fetch(service: CartesiaStandIn) -> str:
        request = urllib.request.Request(
            f"{service.http_origin}/access-token",
            data=json.dumps({"grants": {"agent": granted}, "expires_in": 60}).encode(),
            headers={"Authorization": f"Bearer {service.api_key}"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            return str(json.load(answer)["token"])

    async def act(service: CartesiaStandIn) -> None:
        token = await asyncio.to_thread(fetch, service)
        if granted:
            async with calling(service, token) as client:
                await client.start()
            return
        with pytest.raises(InvalidStatus):
            async with calling(service, token):
                pass

    run(act)


# --- start ------------------------------------------------------------------------------


def test_the_start_is_acknowledged_with_a_stream_id_and_the_config() -> None:
    async def act(service: CartesiaStandIn) -> None:
        async with calling(service) as client:
            config = {"input_format": "pcm_24000", "voice_id": "v"}
            await client.send("start", config=config, stream_id="mine")
            ack = await client.receive()
            assert ack == {"event": "ack", "stream_id": "mine", "config": config}
        async with calling(service) as client:
            assert (await client.start())["stream_id"]

    run(act)


@pytest.mark.parametrize(
    "wrong",
    [
        '{"event": "media_input", "media": {"payload": ""}}',
        '{"event": "start", "config": {"input_format": "opus"}}',
        '{"event": "start", "config": {"format": "pcm_16000"}}',
        '{"event": "start", "config": []}',
        "{",
        "[]",
        b"\0",
    ],
)
def test_anything_but_a_proper_start_ends_the_call(wrong: str | bytes) -> None:
    async def act(service: CartesiaStandIn) -> None:
        async with calling(service) as client:
            await client.socket.send(wrong)
            assert await client.end() == 1008

    run(act)


@pytest.mark.parametrize(
    "wrong",
    [
        {"event": "media_input", "media": {"payload": "%"}},
        {"event": "media_input", "media": "AAAA"},
        {"event": "media_input"},
        {"event": "media_input", "stream_id": "another", "media": {"payload": ""}},
        {"event": "shout"},
        {"event": "start"},
    ],
)
def test_a_wrong_message_ends_the_call(wrong: Message) -> None:
    async def act(service: CartesiaStandIn) -> None:
        async with calling(service) as client:
            await client.start()
            await client.socket.send(json.dumps(wrong))
            assert await client.end() == 1008

    run(act)


# --- talk -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "rate_hz"), [("pcm_16000", 16_000), ("pcm_24000", 24_000), ("pcm_44100", 44_100)]
)
def test_a_spoken_turn_is_answered_in_the_same_format(form: str, rate_hz: int) -> None:
    async def act(service: CartesiaStandIn) -> None:
        async with calling(service) as client:
            await client.start(form)
            await client.say(tone(0.4, rate_hz=rate_hz) + bytes(2 * (rate_hz * 7 // 10)))
            assert abs(len(await client.replied()) - 2 * rate_hz) < 20

    run(act)


def test_the_agent_introduces_itself_and_runs_its_functions_alone() -> None:
    ask = Answer("what time is it", calls=(Call("get_time"),))

    async def act(service: CartesiaStandIn) -> None:
        async with calling(service) as client:
            await client.start()
            assert await client.replied()
            await client.say()
            assert await client.replied()

    run(act, reply("Hello.", seconds=0.1), ask, reply("It is two."), introduction="Hello.")


@pytest.mark.parametrize("late", [0, 2])
def test_who_speaks_over_the_agent_clears_its_audio(late: int) -> None:
    async def act(service: CartesiaStandIn) -> None:
        async with calling(service) as client:
            await client.start()
            await client.say()
            await client.until("media_output")
            await client.say(SPOKEN[: 2 * 16_000 // 3])
            cleared = (await client.until("clear"))[-1]
            assert cleared == {"event": "clear", "stream_id": client.stream_id}
            for _ in range(late):
                assert (await client.receive())["event"] == "media_output"
            assert await client.quiet()

    run(act, LONG, pace=Pace(late_pieces=late))


def test_audio_that_still_plays_is_cleared_too_and_silence_is_not() -> None:
    async def act(service: CartesiaStandIn) -> None:
        async with calling(service) as client:
            await client.start()
            await client.say(SPOKEN)
            assert await client.replied()
            await client.say(SPOKEN)
            assert (await client.receive())["event"] == "clear"
            await client.until("media_output")

    (line,) = run(act, reply("Yes.", heard="a", seconds=3.0)).lines
    assert sum('"clear"' in str(data) for data in line.sent) == 1


def test_keys_and_custom_messages_are_taken_and_the_agents_own_are_sent() -> None:
    transfer = {"event": "transfer_call", "transfer": {"target_phone_number": "+1"}}

    async def act(service: CartesiaStandIn) -> None:
        async with calling(service) as client:
            await client.start()
            await client.send("dtmf", stream_id=client.stream_id, dtmf="1")
            await client.send("custom", stream_id=client.stream_id, metadata={"a": 1})
            await client.say()
            assert (await client.until("transfer_call"))[-1] == transfer

    service = run(act, extras=[transfer])
    assert [one["event"] for one in service.heard] == ["dtmf", "custom"]


# --- ends -------------------------------------------------------------------------------


def test_who_sends_nothing_is_given_up_and_pings_are_something() -> None:
    async def act(service: CartesiaStandIn) -> None:
        async with calling(service, ping_interval=None) as client:
            await client.start()
            for _ in range(5):
                await asyncio.sleep(0.05)
                await client.socket.ping()
            assert await client.quiet(0.02)
            assert await client.end() == 1000

    run(act, idle_s=0.2)


def test_a_call_ends_at_its_longest_and_when_the_client_closes() -> None:
    async def act(service: CartesiaStandIn) -> None:
        async with calling(service) as client:
            await client.start()
            await client.say()
            assert await client.end() == 1000
        service.cap_s = None
        async with calling(service) as client:
            await client.start()
        assert client.socket.close_code == 1000

    run(act, LONG, cap_s=0.2)


def test_an_agent_that_breaks_ends_the_call() -> None:
    class Broken(ScriptedBrain):
        async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
            raise RuntimeError("broken on purpose")

    async def act(service: CartesiaStandIn) -> None:
        service.brain = Broken
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with calling(service) as client:
            await client.start()
            await client.say()
            assert await client.end() == 1011

    run(act)


@pytest.mark.parametrize("kind", ["unknown_at", "twice_at", "swap_at"])
def test_the_line_may_be_troubled(kind: str) -> None:
    events = {
        "unknown_at": ["ack", "parlor.unheard.of", "media_output"],
        "twice_at": ["ack", "media_output", "media_output"],
        "swap_at": ["ack", "media_output", "media_output"],
    }

    async def act(service: CartesiaStandIn) -> None:
        async with calling(service) as client:
            await client.start()
            await client.say()
            got = [await client.receive() for _ in range(2)]
            assert ["ack", *(one["event"] for one in got)] == events[kind]
            same = got[0] == got[1]
            assert same is (kind == "twice_at")

    run(act, trouble=Trouble(**{kind: 2}))
