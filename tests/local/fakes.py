"""Hand-written stand-ins for the engines, and a server that runs on them."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from websockets.sync.client import ClientConnection, connect

from device.local.chat import ChatEndpoint
from device.local.listener import Listener
from device.local.recognition.intents import understand
from device.local.recognition.port import Recognition, Refusal
from device.local.server import RealtimeServer, ServerOptions
from device.ports import Samples
from device.voice.speaker import Speaker
from device.voice.synthesis import RATE_HZ, Sink

Json = dict[str, Any]


def heard(text: str) -> Recognition:
    """A recognition of ``text``, as a sure recogniser would give it."""
    understood = understand(text)
    if understood is None:
        return Recognition(text, confidence=0.2, reason=Refusal.OFF_TOPIC)
    intent, slots = understood
    return Recognition(text, intent, slots, 0.95, accepted=True, reason=Refusal.NONE)


def tone(ms: int) -> bytes:
    """24 kHz audio that :class:`LoudnessVad` takes for speech."""
    t = np.arange(RATE_HZ * ms // 1000) / RATE_HZ
    return (8000 * np.sin(2 * np.pi * 300 * t)).astype(np.int16).tobytes()


def silence(ms: int) -> bytes:
    return bytes(2 * RATE_HZ * ms // 1000)


class LoudnessVad:
    """Speech is what is loud."""

    def probability(self, chunk: Samples) -> float:
        return 0.9 if np.abs(chunk.astype(np.int32)).mean() > 500 else 0.02

    def reset(self) -> None:
        pass


class FakeRecogniser:
    """Hears the next of ``script``; the last one again and again."""

    def __init__(self, *script: str | Exception) -> None:
        self.script: list[str | Exception] = list(script)
        self.heard: list[int] = []  #: milliseconds of each utterance
        self._ms = 0.0
        self._begun = False

    def begin(self) -> None:
        self._ms, self._begun = 0.0, True

    def feed(self, pcm16k: bytes) -> None:
        assert self._begun
        self._ms += len(pcm16k) / 32

    def partial(self) -> str:
        return ""

    def finish(self) -> Recognition:
        assert self._begun
        self._begun = False
        self.heard.append(round(self._ms))
        said = self.script[0]
        if len(self.script) > 1:
            self.script.pop(0)
        if isinstance(said, Exception):
            raise said
        return heard(said) if said else Recognition("")


class FakeSynthesiser:
    """100 ms of a tone for every word."""

    voices = ("fake",)
    said_ms = 0  #: by all of them

    def speak(self, text: str, sink: Sink, *, voice: str = "", speed: float = 1.0) -> None:
        del voice, speed
        block = np.frombuffer(tone(50), np.int16)
        for _ in range(2 * len(text.split())):
            FakeSynthesiser.said_ms += 50
            if not sink(block):
                return

    def close(self) -> None:
        pass


@contextmanager
def running_server(
    *script: str | Exception,
    options: ServerOptions | None = None,
    chat: ChatEndpoint | None = None,
    recogniser: FakeRecogniser | None = None,
    new_vad: Callable[[], Any] = LoudnessVad,
) -> Iterator[str]:
    """The real server on a free port, over fake engines; yields its address."""
    engine = recogniser or FakeRecogniser(*(script or ("what time is it",)))
    listener, speaker = Listener(lambda: engine), Speaker(FakeSynthesiser)
    listener.start()
    speaker.start()
    ready, ended = threading.Event(), asyncio.Event()
    place: list[Any] = []

    async def serve() -> None:
        server = RealtimeServer(
            options or ServerOptions(pace=0),
            listener=listener,
            speaker=speaker,
            new_vad=new_vad,
            understand=understand,
            chat=chat,
        )
        place.extend([await server.start(), asyncio.get_running_loop()])
        ready.set()
        await ended.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    try:
        yield f"ws://127.0.0.1:{place[0]}/v1/realtime?model=m"
    finally:
        place[1].call_soon_threadsafe(ended.set)
        thread.join(10)
        assert not thread.is_alive()
        speaker.stop()
        listener.stop()


class Client:
    """A plain client, as a context. ``expect`` skips to the next event of a type."""

    def __init__(self, url: str, **options: Any) -> None:
        self._connecting = connect(url, proxy=None, max_size=None, **options)
        self.socket: ClientConnection
        self.seen: list[Json] = []

    def __enter__(self) -> Client:
        self.socket = self._connecting.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._connecting.__exit__(*error)

    def drop(self) -> None:
        """Go away without a word."""
        self.socket.socket.shutdown(socket.SHUT_RDWR)

    def send(self, kind: str, **fields: object) -> None:
        self.socket.send(json.dumps({"type": kind, **fields}))

    def append(self, pcm: bytes) -> None:
        self.send("input_audio_buffer.append", audio=base64.b64encode(pcm).decode())

    def receive(self, timeout: float = 10) -> Json:
        event: Json = json.loads(self.socket.recv(timeout))
        self.seen.append(event)
        return event

    def expect(self, kind: str, timeout: float = 10) -> Json:
        while (event := self.receive(timeout))["type"] != kind:
            pass
        return event

    def update(self, **session: object) -> Json:
        self.send("session.update", session={"type": "realtime", **session})
        return self.expect("session.updated")


def tools(*names: str) -> list[Json]:
    return [{"type": "function", "name": n, "parameters": {"type": "object"}} for n in names]
