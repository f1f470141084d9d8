"""Who answers in a stand-in's place of a service's models: recogniser, model and voice in one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np

from device.audio.resample import resample

RATE_HZ = 24_000


@dataclass(frozen=True, slots=True)
class Call:
    """A tool of the device's that the model wants to be run before it answers."""

    name: str
    arguments: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answer:
    """To one turn. With ``calls`` nothing is said yet: the answer follows their results."""

    heard: str = ""  #: the user's words; empty where they wrote
    words: str = ""
    pcm: bytes = field(default=b"", repr=False)  #: ``words`` spoken, mono s16le at RATE_HZ
    calls: tuple[Call, ...] = ()


class Brain(Protocol):
    """One conversation's memory; the stand-in asks for one thing at a time."""

    async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
        """To a spoken turn, mono s16le."""
        ...

    async def written(self, text: str) -> Answer:
        """To words that were written: a message, or an instruction what to say."""
        ...

    async def tools_done(self, results: Sequence[str]) -> Answer:
        """After the calls of the last answer, their outputs in the same order."""
        ...


class ScriptedBrain:
    """Gives prepared answers, one after the other; the last one again and again.

    ``turns`` keeps what was asked: (pcm, rate) of spoken turns, text of written ones, a tuple
    of results of calls.
    """

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers) or [reply("Hello, I am here.", heard="hello")]
        self.turns: list[object] = []

    async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
        self.turns.append((pcm, rate_hz))
        return self._next()

    async def written(self, text: str) -> Answer:
        self.turns.append(text)
        return replace(self._next(), heard="")

    async def tools_done(self, results: Sequence[str]) -> Answer:
        self.turns.append(tuple(results))
        return self._next()

    def _next(self) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]


def reply(words: str, *, heard: str = "", seconds: float = 1.0, hz: float = 440.0) -> Answer:
    """Words with a tone in place of a voice."""
    return Answer(heard, words, tone(seconds, hz))


def tone(seconds: float, hz: float = 440.0, rate_hz: int = RATE_HZ) -> bytes:
    """Mono s16le, -12 dBFS."""
    at = np.arange(round(seconds * rate_hz)) / rate_hz
    return (8192 * np.sin(2 * math.pi * hz * at)).astype("<i2").tobytes()


def converted(pcm: bytes, from_hz: int, to_hz: int) -> bytes:
    """Mono s16le at another rate."""
    if from_hz == to_hz:
        return pcm
    samples = np.frombuffer(pcm, "<i2").astype(np.int16)
    return resample(samples, from_hz, to_hz).astype("<i2").tobytes()
