"""A plain client of Wiro's two voice products, written from their documents, and what it takes
for granted: how a request is signed and how a frame of audio is cut."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from device.simulator.services.brain import Answer, ScriptedBrain, reply, tone
from device.simulator.services.stand_in import StandIn
from device.simulator.services.wiro import Wiro
from device.simulator.services.wiro_account import signature
from device.simulator.services.wiro_manners import Manners
from device.simulator.services.wiro_talk import with_bar

WAIT_S = 5.0
CHUNK = 9_600  # bytes: 200 ms
KEY = {"x-api-key": "stand-in-key"}
GPT = "openai/gpt-realtime"
PARAMETERS: dict[str, dict[str, object]] = {
    GPT: {
        "voice": "marin",
        "system_instructions": "Be brief.",
        "input_audio_format": "audio/pcm",
        "output_audio_format": "audio/pcm",
        "input_audio_rate": "24000",
        "output_audio_rate": "24000",
    },
    "elevenlabs/realtime-conversational-ai": {
        "voice_id": "v1",
        "system_instructions": "Be brief.",
        "input_audio_format": "pcm_24000",
        "output_audio_format": "pcm_24000",
    },
    "nvidia/PersonaPlex-Realtime": {"prompt": "Be brief.", "voice": "NATF0"},
}
PARAMETERS["openai/gpt-realtime-mini"] = PARAMETERS[GPT]
PARAMETERS["elevenlabs/Realtime%20Conversational%20AI"] = PARAMETERS[
    "elevenlabs/realtime-conversational-ai"
]
ELEVEN = "elevenlabs/realtime-conversational-ai"
Check = Callable[[], Awaitable[None]]
HELLO = reply("Hello there, I am here.", heard="hello you", seconds=1.0)
PLAIN = Manners(pace=0, chatter=False)

AnyStandIn = TypeVar("AnyStandIn", bound=StandIn)
Message = dict[str, Any] | bytes


class BrokenError(Exception):
    """The stand-in sent what is no message."""


async def post(
    origin: str,
    path: str,
    body: object,
    headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, Any]]:
    """The status and the answer."""

    def ask() -> tuple[int, dict[str, Any]]:
        shown = {"Content-Type": "application/json"} | (KEY if headers is None else headers)
        data = json.dumps(body).encode()
        request = urllib.request.Request(origin + path, data, shown, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=WAIT_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    return await asyncio.to_thread(ask)


class Client:
    """One socket. ``name``: the token or session id that goes before the bar."""

    def __init__(self, socket: ClientConnection, name: str) -> None:
        self.socket, self.name = socket, name
        self.got: list[Message] = []

    async def say(self, kind: str, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def speak(self, pcm: bytes) -> None:
        for at in range(0, len(pcm), CHUNK):
            await self.socket.send(self.name.encode() + b"|" + pcm[at : at + CHUNK])

    async def turn(self, seconds: float = 0.4) -> None:
        """Speech and the silence after it, faster than real time."""
        await self.speak(tone(seconds) + bytes(48_000))

    async def next(self) -> Message:
        data = await asyncio.wait_for(self.socket.recv(), WAIT_S)
        if isinstance(data, bytes):
            self.got.append(data)
            return data
        try:
            message = json.loads(data)
        except ValueError as error:
            raise BrokenError(data) from error
        assert isinstance(message, dict)
        self.got.append(message)
        return message

    async def until(self, *kinds: str) -> dict[str, Any]:
        """The first message of one of the kinds."""
        while True:
            message = await self.next()
            if isinstance(message, dict) and message["type"] in kinds:
                return message

    async def sound(self) -> bytes:
        """The next frame of audio, as it came."""
        while True:
            message = await self.next()
            if isinstance(message, bytes):
                return message

    async def rest(self) -> list[Message]:
        """Everything up to the close."""
        before = len(self.got)
        with contextlib.suppress(ConnectionClosed):
            while True:
                await self.next()
        return self.got[before:]

    async def quiet(self) -> bool:
        """Nothing more comes, for as long as can be told by a ping that goes there and back."""
        for _ in range(3):
            await asyncio.wait_for(await self.socket.ping(), WAIT_S)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.socket.recv(), 0.02)
            return False
        return True

    def kinds(self) -> list[str]:
        return [m["type"] if isinstance(m, dict) else "audio" for m in self.got]

    def audio(self) -> bytes:
        """All the samples with our name before them."""
        head = self.name.encode() + b"|"
        frames = [m for m in self.got if isinstance(m, bytes) and m.startswith(head)]
        return b"".join(frame.split(b"|", 1)[1] for frame in frames)

    def transcripts(self) -> list[str]:
        """Of product A: those with their marks, nothing else that the model writes."""
        told = [m["message"] for m in self.got if isinstance(m, dict) and "output" in m["type"]]
        return [text for text in told if text.startswith("TRANSCRIPT_")]


@contextlib.asynccontextmanager
async def running(stand_in: AnyStandIn) -> AsyncIterator[AnyStandIn]:
    await stand_in.start()
    try:
        yield stand_in
    finally:
        # The HTTP server looks up only now and then whether to stop, and after each request.
        stopping = asyncio.create_task(stand_in.stop())
        while not stopping.done():
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", stand_in.http_port)
                writer.close()
            await asyncio.wait({stopping}, timeout=0.01)
        await stopping


async def run(wiro: Wiro, model: str = GPT, **parameters: object) -> dict[str, Any]:
    """A run that is accepted."""
    body = PARAMETERS[model] | parameters
    status, answer = await post(wiro.http_origin, f"/v1/Run/{model}", body)
    assert (status, answer["result"]) == (200, True), answer
    return answer


@contextlib.asynccontextmanager
async def session(
    wiro: Wiro, model: str = GPT, *, ready: bool = True, **parameters: object
) -> AsyncIterator[Client]:
    """A registered socket of a new run."""
    token = (await run(wiro, model, **parameters))["socketaccesstoken"]
    async with connect(wiro.url, proxy=None) as socket:
        client = Client(socket, token)
        await client.say("task_info", tasktoken=token)
        if ready:
            await client.until("task_stream_ready")
        yield client


def wiro(*answers: Answer, manners: Manners = PLAIN, **settings: Any) -> Wiro:
    brain = ScriptedBrain(*answers)
    return Wiro(lambda: brain, manners=replace(manners, linger_s=0.05), **settings)


def going(work: Callable[[], Awaitable[None]]) -> None:
    async def bounded() -> None:
        await asyncio.wait_for(work(), 2 * WAIT_S)

    asyncio.run(bounded())


def keeper_of(claims: dict[str, Check]) -> Callable[[str], Callable[[Check], Check]]:
    """A decorator that keeps checks under the claims that they check."""

    def claim(text: str) -> Callable[[Check], Check]:
        def keep(check: Check) -> Check:
            assert text not in claims
            claims[text] = check
            return check

        return keep

    return claim


async def one_turn(client: Client) -> list[Message]:
    """The messages of it, up to the end of the turn."""
    before = len(client.got)
    await client.turn()
    await client.until("task_stream_end")
    return client.got[before:]


def codes(answer: dict[str, Any]) -> list[int]:
    return [int(error["code"]) for error in answer["errors"]]


def kinds_of(messages: Iterable[Message]) -> list[str]:
    return [m["type"] if isinstance(m, dict) else "audio" for m in messages]


def test_the_signature_has_the_key_as_key_and_the_secret_before_the_nonce() -> None:
    by_hand = hmac.new(b"the key", b"the secret1700000000", hashlib.sha256).hexdigest()
    assert signature("the key", "the secret", "1700000000") == by_hand
    assert signature("the secret", "the key", "1700000000") != by_hand


def test_the_client_keeps_every_bar_that_is_in_the_samples() -> None:
    async def work() -> None:
        answer = Answer("hello", "hi", b"||" * 4_800)
        async with running(wiro(answer)) as service, session(service) as client:
            await client.turn()
            await client.until("task_stream_end")
            assert client.audio() == b"||" * 4_800

    going(work)


def test_a_reply_without_any_bar_gets_one() -> None:
    async def work() -> None:
        answer = Answer("hello", "hi", bytes(20_000))
        async with running(wiro(answer)) as service, session(service) as client:
            await client.turn()
            await client.until("task_stream_end")
            frames = [m.split(b"|", 1)[1] for m in client.got if isinstance(m, bytes)]
            assert len(frames) == 3
            assert all(b"|" in pcm for pcm in frames)

    going(work)


def test_a_frame_gets_its_bar_by_changing_one_sample_as_little_as_can_be() -> None:
    ramp = np.arange(-3_000, 3_000, 7, dtype="<i2")
    ramp = ramp[(ramp & 0xFF != 0x7C) & (ramp >> 8 != 0x7C)]
    changed = np.frombuffer(with_bar(ramp.tobytes()), "<i2")
    differences = np.abs(changed.astype(int) - ramp)
    assert b"|" in changed.tobytes()
    assert np.count_nonzero(differences) == 1
    assert differences.max() <= 4
    assert with_bar(changed.tobytes()) == changed.tobytes()
