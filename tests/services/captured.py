"""A conversation with a stand-in, kept whole: for judges that validate what a client sends."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from device.simulator.services.line import Data, Line
from device.simulator.services.stand_in import StandIn

Side = Literal["client", "service"]
Kind = Literal["json", "text", "binary"]


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket message. ``data`` is the parsed message of kind ``json``, the message itself
    where it is text of another kind, its base64 where it is binary."""

    connection: int  #: from 0, in the order in which they were opened
    side: Side  #: who sent it
    at_ms: int  #: since the stand-in was started
    kind: Kind
    data: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Capture:
    """Everything that passed, in the order in which the stand-in saw it."""

    frames: tuple[Frame, ...]
    requests: tuple[Mapping[str, Any], ...]  #: ``path`` and ``headers`` of the hand-shakes
    posted: tuple[Mapping[str, Any], ...]  #: ``path`` and ``body`` of plain POSTs

    def of(self, side: Side, kind: Kind = "json") -> list[Any]:
        """The data of one side's messages."""
        return [one.data for one in self.frames if (one.side, one.kind) == (side, kind)]

    def as_json(self) -> dict[str, Any]:
        frames = [
            {name: getattr(one, name) for name in ("connection", "side", "at_ms", "kind", "data")}
            for one in self.frames
        ]
        return {"frames": frames, "requests": list(self.requests), "posted": list(self.posted)}

    def write(self, path: Path) -> Path:
        """For a judge in another interpreter."""
        path.write_text(json.dumps(self.as_json()), encoding="utf-8")
        return path


async def captured(
    stand_in: StandIn,
    conversation: Callable[[StandIn], Awaitable[None]],
    *,
    patience_s: float = 30.0,
) -> Capture:
    """Start ``stand_in``, hold ``conversation`` with it, stop it. The stand-in must be a new one.

    Raises TimeoutError when the conversation does not end in ``patience_s``, and whatever it
    raises itself.
    """
    tape = _Tape(time.monotonic())
    stand_in.lines = _Lines(tape)
    async with stand_in:
        async with asyncio.timeout(patience_s):
            await conversation(stand_in)
    return Capture(
        tuple(tape.frames),
        tuple(
            {"path": request.path, "headers": dict(request.headers.raw_items())}
            for request in stand_in.requests
        ),
        tuple({"path": path, "body": body} for path, body in stand_in.posted),
    )


class _Tape:
    def __init__(self, began: float) -> None:
        self._began = began
        self.frames: list[Frame] = []

    def record(self, connection: int, side: Side, data: Data) -> None:
        at_ms = round(1000 * (time.monotonic() - self._began))
        self.frames.append(Frame(connection, side, at_ms, *_read(data)))


class _Lines(list[Line]):
    """Puts every line that is opened on the tape."""

    def __init__(self, tape: _Tape) -> None:
        super().__init__()
        self._tape = tape

    def append(self, line: Line) -> None:
        number = len(self)
        line.received = _Half(self._tape, number, "client")
        line.sent = _Half(self._tape, number, "service")
        super().append(line)


class _Half(list[Data]):
    """One direction of a line."""

    def __init__(self, tape: _Tape, connection: int, side: Side) -> None:
        super().__init__()
        self._tape, self._connection, self._side = tape, connection, side

    def append(self, data: Data) -> None:
        self._tape.record(self._connection, self._side, data)
        super().append(data)


def _read(data: Data) -> tuple[Kind, Any]:
    if isinstance(data, bytes):
        return "binary", base64.b64encode(data).decode()
    try:
        return "json", json.loads(data)
    except (ValueError, RecursionError):
        return "text", data
