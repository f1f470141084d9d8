"""Who speaks in the contract's conversations: questions by their pitch, answers by their words.

A stand-in's brain is asked with whatever it was sent. What is asked is told by the pitch of the
newest sound in it, so that the answer shows which turn the service heard, and sound that belongs
to another turn shows itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from device.simulator.services.brain import RATE_HZ, Answer, Call, tone

Samples = NDArray[np.float64]

TOOL = "get_time"
RESULT = '{"time":"two o\'clock"}'
LOUD = 1500.0  #: root mean square of int16
WINDOW_S = 0.06


def sweep(seconds: float, from_hz: float, to_hz: float) -> bytes:
    """Mono s16le at RATE_HZ, -12 dBFS: no part of it is like another."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * math.pi * (from_hz * at + (to_hz - from_hz) * at * at / (2 * seconds))
    return (8192 * np.sin(phase)).astype("<i2").tobytes()


@dataclass(frozen=True, slots=True)
class Question:
    """``hz``: of the tone that asks it."""

    hz: float
    answer: Answer = field(repr=False)

    def spoken(self, seconds: float = 0.3) -> bytes:
        return tone(seconds, self.hz)


AFTER_TOOL = Answer("", "It is two o'clock.", sweep(0.3, 500, 900))
ON_REQUEST = Answer("", "Good bye.", sweep(0.3, 900, 500))
TIME = Question(400, Answer("what time is it", "It is noon.", sweep(0.4, 300, 700)))
RAIN = Question(700, Answer("does it rain", "It rains a little.", sweep(0.5, 900, 400)))
CLOCK = Question(1000, Answer("ask the clock", calls=(Call(TOOL, {"zone": "here"}),)))
STORY = Question(1400, Answer("tell a story", "Once upon a time.", sweep(8.0, 200, 1000)))
QUESTIONS = (TIME, RAIN, CLOCK, STORY)


class Brain:
    """``asked``: the questions in their order; ``results``: of the tools."""

    def __init__(self) -> None:
        self.asked: list[Question] = []
        self.written_to: list[str] = []
        self.results: list[tuple[str, ...]] = []

    async def spoken(self, pcm: bytes, rate_hz: int) -> Answer:
        hz = pitch(pcm, rate_hz)
        question = min(QUESTIONS, key=lambda one: abs(one.hz - hz))
        self.asked.append(question)
        return question.answer

    async def written(self, text: str) -> Answer:
        self.written_to.append(text)
        return ON_REQUEST

    async def tools_done(self, results: Sequence[str]) -> Answer:
        self.results.append(tuple(results))
        return AFTER_TOOL


def pitch(pcm: bytes, rate_hz: int) -> float:
    """Of the newest loud part."""
    samples = np.frombuffer(pcm[: len(pcm) // 2 * 2], "<i2").astype(float)
    size = round(WINDOW_S * rate_hz)
    for end in range(len(samples), size - 1, -(size // 2)):
        part = samples[end - size : end]
        if math.sqrt(float(np.mean(part * part))) >= LOUD:
            spectrum = np.abs(np.fft.rfft(part * np.hanning(size), 8 * size))
            return float(np.argmax(spectrum)) * rate_hz / (8 * size)
    return 0.0


def is_whole(heard: bytes, said: bytes, rate_hz: int) -> bool:
    """Whether ``heard`` is all of ``said`` in its order, and no more: as far as another rate, or
    a coding with losses, leaves it alike."""
    if heard == said:
        return True
    one, other = (np.frombuffer(pcm, "<i2").astype(float) for pcm in (heard, said))
    if abs(len(one) - len(other)) > rate_hz * 0.06 or not len(one):
        return False
    most = round(0.02 * rate_hz)
    return max(_likeness(one, other, lag) for lag in range(-most, most + 1)) > 0.95


def without_silence(pcm: bytes) -> bytes:
    """At both ends."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > 8)
    return pcm[2 * loud[0] : 2 * loud[-1] + 2] if len(loud) else b""


def _likeness(one: Samples, other: Samples, lag: int) -> float:
    first, second = (one[lag:], other) if lag >= 0 else (one, other[-lag:])
    size = min(len(first), len(second))
    first, second = first[:size], second[:size]
    power = math.sqrt(float(first @ first) * float(second @ second))
    return float(first @ second) / power if power else 0.0
