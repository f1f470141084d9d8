"""Plays the link and a service that only speaks and listens, with a clock that is told."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from device.commands import AppendAudio, ServiceCommand
from device.events import ReplyAudio, ReplyDone, ReplyStarted, TurnCommitted
from device.providers.base import Codec, Output
from tests.providers.driver import events


@cache
def tone(ms: int, rate_hz: int, level: int = 8000) -> bytes:
    count = ms * rate_hz // 1000
    wave = (round(level * math.sin(0.3 * n)) for n in range(count))
    return struct.pack(f"<{count}h", *wave)


def silence(ms: int, rate_hz: int) -> bytes:
    return bytes(2 * (ms * rate_hz // 1000))


class Player:
    """``wrap`` puts sound of the service into one of its messages."""

    def __init__(self, codec: Codec, wrap: Callable[[bytes], str | bytes]) -> None:
        self.codec = codec
        self.wrap = wrap
        self.now = 100.0
        self.outputs: list[Output] = []

    def take(self, outputs: Sequence[Output]) -> list[Output]:
        self.outputs += outputs
        return list(outputs)

    def receive(self, data: str | bytes) -> list[Output]:
        return self.take(self.codec.received(data, self.now))

    def command(self, command: ServiceCommand) -> list[Output]:
        return self.take(self.codec.command(command, self.now))

    def wait(self, seconds: float) -> list[Output]:
        """The clock goes on, and the codec is called whenever it wants to be."""
        until, found = self.now + seconds, list[Output]()
        for _ in range(10_000):
            due = self.codec.deadline
            if due is None or due > until:
                self.now = until
                return found
            self.now = max(self.now, due)
            found += self.take(self.codec.timeout(self.now))
        raise AssertionError("it is never content")

    # --- the device ------------------------------------------------------------------------

    def says(self, loud_ms: int = 600, pause_ms: int = 400) -> list[Output]:
        """A person, in real time: a murmur, speech, a pause."""
        rate_hz = self.codec.capabilities.uplink_rate_hz
        found = self.send(silence(40, rate_hz))
        for level, ms in ((8000, loud_ms), (20, pause_ms)):
            for _ in range(ms // 100):
                found += self.send(tone(100, rate_hz, level))
        return found

    def send(self, pcm: bytes) -> list[Output]:
        self.now += len(pcm) / 2 / self.codec.capabilities.uplink_rate_hz
        return self.command(AppendAudio(pcm))

    # --- the service --------------------------------------------------------------------------

    def sounds(self, ms: int = 300, level: int = 8000) -> list[Output]:
        """In pieces of 100 ms, in real time."""
        rate_hz = self.codec.capabilities.downlink_rate_hz
        found: list[Output] = []
        for _ in range(ms // 100):
            found += self.receive(self.wrap(tone(100, rate_hz, level)))
            found += self.wait(0.1)
        return found

    def both(self, ms: int) -> list[Output]:
        """Person and service at once."""
        able = self.codec.capabilities
        found: list[Output] = []
        for _ in range(ms // 100):
            found += self.receive(self.wrap(tone(100, able.downlink_rate_hz)))
            found += self.send(tone(100, able.uplink_rate_hz))
        return found

    def hushes(self, ms: int) -> list[Output]:
        return self.sounds(ms, level=0)


def names(outputs: Sequence[Output]) -> list[str]:
    """Turns and replies, in short; sound of one reply in a row counts once."""
    found: list[str] = []
    for event in events(outputs):
        match event:
            case TurnCommitted():
                found.append("turn")
            case ReplyStarted(reply_id):
                found.append(f"{reply_id} begins")
            case ReplyAudio(reply_id):
                if found[-1:] != [f"{reply_id} sounds"]:
                    found.append(f"{reply_id} sounds")
            case ReplyDone(reply_id, status):
                found.append(f"{reply_id} {status}")
            case _:
                pass
    return found


def sound_ms(outputs: Sequence[Output], rate_hz: int) -> float:
    """How much of replies was emitted."""
    size = sum(len(e.pcm) for e in events(outputs) if isinstance(e, ReplyAudio))
    return size / 2 / rate_hz * 1000


def only(outputs: Sequence[Output], kind: type[Any]) -> list[Any]:
    return [e for e in events(outputs) if isinstance(e, kind)]
