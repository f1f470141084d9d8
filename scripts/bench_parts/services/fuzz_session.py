"""One session of a codec with a service that has lost its mind, and with a restless core."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    RequestReply,
    SendToolResult,
    ServiceCommand,
    ShowImage,
    TruncateReply,
)
from device.providers import create_codec
from device.providers.base import AskFence, HttpRequest, Output, SessionSpec
from scripts.bench_parts.services.laws import Laws
from scripts.bench_parts.services.mutate import Data, Mutator
from scripts.bench_parts.services.replay import GUARD, StuckError
from scripts.bench_parts.services.tape import Tape

STALL_MS = 50.0
AFTER_THE_END = 3  #: calls of a finished codec, which must answer nothing
CHUNKS = (0, 1, 2, 320, 960, 961, 9600)
IMAGES = ("", "data:image/png;base64,AAAA", "data:,", "http://x", "data:image/jpeg;base64,\ud800")
CODES = (1000, 1001, 1006, 1008, 1011, 4000, 0, 99999)

Call = tuple[str, tuple[Any, ...], float]
"""Of a codec: the method, its arguments, the time."""


@dataclass(frozen=True, slots=True)
class Failure:
    """``calls``: all from the start to the one that went wrong."""

    service: str
    spec: SessionSpec = field(repr=False)
    words: str
    calls: tuple[Call, ...] = field(repr=False)


class FailedError(Exception):
    """A codec broke what it must keep."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(f"{failure.service}: {failure.words}")
        self.failure = failure


class Patient:
    """A codec under observation: each call is timed, remembered, and its answer judged."""

    def __init__(self, service: str, spec: SessionSpec, *, stall_ms: float = STALL_MS) -> None:
        self.codec = create_codec(service, spec)
        self.laws = Laws()
        self.now = 1000.0
        self.messages = 0
        self.slowest_ms = 0.0
        self.fences: list[str] = []
        self.asked: list[str] = []  #: tokens of requests over HTTP
        self._service, self._spec, self._stall_ms = service, spec, stall_ms
        self._calls: list[Call] = []

    def call(self, kind: str, *what: Any) -> list[Output]:
        """Raises FailedError."""
        self._calls.append((kind, what, self.now))
        self.messages += kind == "received" and not self.laws.ended
        before = time.thread_time()
        try:
            outputs: list[Output] = getattr(self.codec, kind)(*what, self.now)
            took_ms = 1000 * (time.thread_time() - before)
            self.laws.take(self.codec, outputs)
        except Exception as error:
            raise self.failed(f"{type(error).__name__}: {error}") from error
        self.slowest_ms = max(self.slowest_ms, took_ms)
        if took_ms > self._stall_ms:
            raise self.failed(f"{kind} took {took_ms:.0f} ms")
        for output in outputs:
            if isinstance(output, AskFence):
                self.fences.append(output.token)
            elif isinstance(output, HttpRequest):
                self.asked.append(output.token)
        return outputs

    def failed(self, words: str) -> FailedError:
        return FailedError(Failure(self._service, self._spec, words, tuple(self._calls)))

    def passes(self, seconds: float) -> None:
        """Time, with its deadlines. Raises FailedError where one does not go away."""
        until = self.now + seconds
        for _ in range(GUARD):
            due = self.codec.deadline
            if due is None or due > until or self.laws.ended:
                break
            self.now = max(self.now, due)
            self.call("timeout")
        else:
            raise self.failed(f"{StuckError.__name__}: the deadline stays in the past")
        self.now = until


class Session:
    """``tape``: what a sane service says; ``length``: how many messages are given at most."""

    def __init__(self, tape: Tape, mutator: Mutator, rng: Random, length: int) -> None:
        self._tape, self._mutator, self._rng, self._length = tape, mutator, rng, length
        self.patient = Patient(tape.service, tape.spec)
        self._sane = _messages(tape)

    def run(self) -> Patient:
        """Raises FailedError."""
        patient, rng = self.patient, self._rng
        self._open()
        while patient.messages < self._length and not patient.laws.ended:
            self._act(rng.random())
        for _ in range(AFTER_THE_END):
            patient.call("received", self._mutator.any())
            patient.call("command", self._command())
            patient.passes(1.0)
        return patient

    def _open(self) -> None:
        """As it was, or almost."""
        rng, patient = self._rng, self.patient
        upset = rng.random() < 0.15
        for step in self._tape.opening.steps:
            if patient.laws.ended:
                return
            what = step.what
            if upset and rng.random() < 0.4:
                if step.kind == "received":
                    what = (self._mutator.mutated(what[0]),)
                elif step.kind == "http_answered":
                    body = self._mutator.mutated(what[2])
                    what = (what[0], rng.choice((what[1], 200, 401, 429, 500, 0)), _bytes(body))
            patient.call(step.kind, *what)

    def _act(self, dice: float) -> None:
        patient, rng, mutator = self.patient, self._rng, self._mutator
        if dice < 0.30:
            patient.call("received", next(self._sane))
        elif dice < 0.55:
            patient.call("received", mutator.mutated(next(self._sane)))
        elif dice < 0.65:
            patient.call("received", mutator.mutated(mutator.any()))
        elif dice < 0.72:
            patient.call("received", mutator.any())
        elif dice < 0.80:
            patient.call("received", mutator.invented())
        elif dice < 0.92:
            patient.call("command", self._command())
        elif dice < 0.98:
            patient.passes(rng.choice((0.0, 0.01, 0.1, 1.0, rng.expovariate(0.2))))
        elif dice < 0.9985:
            tokens = patient.fences or ["fence"]
            patient.call("fence_passed", tokens.pop(rng.randrange(len(tokens))))
        elif dice < 0.9992:
            patient.call("closed", rng.choice(CODES), rng.choice(("", "bye", "\ud800")))
        elif dice < 0.9995:
            patient.call("finish", "the bench is over")
        else:
            token = rng.choice(patient.asked or ["token"])
            patient.call("http_answered", token, 200, _bytes(mutator.any()))

    def _command(self) -> ServiceCommand:
        rng, laws = self._rng, self.patient.laws
        reply = rng.choice([*laws.replies[-3:], "nobody"])
        match rng.randrange(12):
            case 0 | 1 | 2 | 3:
                return AppendAudio(rng.randbytes(rng.choice(CHUNKS)))
            case 4:
                return CommitTurn()
            case 5:
                return ClearInput()
            case 6:
                return AbandonTurn()
            case 7:
                return CancelReply(reply)
            case 8:
                item = rng.choice([*laws.items[-2:], reply])
                return TruncateReply(item, rng.choice((0, 1, 500, -5, 10**9)))
            case 9:
                call = rng.choice([*laws.tools[-3:], "nobody"])
                return SendToolResult(call, rng.choice(('{"a":1}', "", "not JSON", "\ud800")))
            case 10:
                return RequestReply(rng.choice(("", 'Say: "good bye"', "\ud800")))
            case _:
                return ShowImage(rng.choice(IMAGES))


def repeat(failure: Failure) -> str:
    """Say it all again; what goes wrong now, empty if nothing does."""
    patient = Patient(failure.service, failure.spec)
    try:
        for kind, what, now in failure.calls:
            patient.now = now
            patient.call(kind, *what)
    except FailedError as error:
        return str(error)
    return ""


def _messages(tape: Tape) -> Iterator[Data]:
    """What the service said, in order, over and over."""
    said = [s.what[0] for part in tape.parts for s in part.steps if s.kind == "received"]
    while True:
        yield from said


def _bytes(data: Data) -> bytes:
    return data.encode("utf-8", "replace") if isinstance(data, str) else data
