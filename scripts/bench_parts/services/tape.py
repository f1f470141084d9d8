"""What was said to a codec and what it answered, in order, so that it can be said again.

A codec does no input or output and reads no clock: a conversation that was held once with a
service's stand-in can be repeated to a fresh codec at any speed, and altered at any point.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device.capabilities import Capabilities
from device.commands import ServiceCommand
from device.events import ReplyDone
from device.providers.base import Codec, Emit, Output, SessionSpec


@dataclass(frozen=True, slots=True)
class Step:
    """One call of a codec. ``kind``: the name of the method; ``what``: its arguments but the
    time. ``at`` is in seconds of the recording's clock."""

    at: float
    kind: str
    what: tuple[Any, ...]
    outputs: tuple[Output, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the conversation that begins and ends in silence."""

    name: str
    steps: tuple[Step, ...] = field(repr=False)

    @property
    def began_at(self) -> float:
        return self.steps[0].at

    @property
    def seconds(self) -> float:
        return self.steps[-1].at - self.steps[0].at

    @property
    def replies(self) -> int:
        """That came to an end, in whatever way."""
        outputs = (output for step in self.steps for output in step.outputs)
        return sum(isinstance(one, Emit) and isinstance(one.event, ReplyDone) for one in outputs)


@dataclass(frozen=True, slots=True)
class Tape:
    """``opening``: up to the usable session. ``parts`` follow, as they were named."""

    service: str
    spec: SessionSpec = field(repr=False)
    able: Capabilities = field(repr=False)
    opening: Part
    parts: tuple[Part, ...]

    def part(self, name: str) -> Part:
        return next(part for part in self.parts if part.name == name)

    def save(self, path: Path) -> None:
        path.write_bytes(pickle.dumps(self))

    @staticmethod
    def load(path: Path) -> Tape:
        """Raises TypeError where ``path`` holds something else; only files of our own are read."""
        found = pickle.loads(path.read_bytes())
        if not isinstance(found, Tape):
            raise TypeError(f"{path} holds no tape")
        return found


class Taped:
    """A codec that keeps a record of itself. Loop thread only, except `decode`."""

    def __init__(self, inner: Codec, steps: list[Step]) -> None:
        self._inner, self._steps = inner, steps

    def _kept(self, kind: str, now: float, *what: Any) -> list[Output]:
        outputs: list[Output] = getattr(self._inner, kind)(*what, now)
        self._steps.append(Step(now, kind, what, tuple(outputs)))
        return outputs

    @property
    def capabilities(self) -> Capabilities:
        return self._inner.capabilities

    @property
    def deadline(self) -> float | None:
        return self._inner.deadline

    def start(self, now: float) -> list[Output]:
        return self._kept("start", now)

    def opened(self, now: float) -> list[Output]:
        return self._kept("opened", now)

    def http_answered(self, token: str, status: int, body: bytes, now: float) -> list[Output]:
        return self._kept("http_answered", now, token, status, body)

    def decode(self, data: str | bytes) -> object:
        return data, self._inner.decode(data)

    def decoded(self, message: object, now: float) -> list[Output]:
        assert isinstance(message, tuple)
        data, parsed = message
        outputs = self._inner.decoded(parsed, now)
        self._steps.append(Step(now, "received", (data,), tuple(outputs)))
        return outputs

    def received(self, data: str | bytes, now: float) -> list[Output]:
        return self._kept("received", now, data)

    def command(self, command: ServiceCommand, now: float) -> list[Output]:
        return self._kept("command", now, command)

    def timeout(self, now: float) -> list[Output]:
        return self._kept("timeout", now)

    def fence_passed(self, token: str, now: float) -> list[Output]:
        return self._kept("fence_passed", now, token)

    def finish(self, reason: str, now: float) -> list[Output]:
        return self._kept("finish", now, reason)

    def refused(self, status: int, body: bytes, now: float) -> list[Output]:
        return self._kept("refused", now, status, body)

    def closed(self, code: int, reason: str, now: float) -> list[Output]:
        return self._kept("closed", now, code, reason)
