"""Says a tape to a fresh codec, part after part, as often as is wanted, with names of its own.

Within one session a service never gives a name twice, so a part that is repeated must not
either: the service's names get the number of the repetition, and a name that the codec gave
(of a request, an item, a ping's answer) is replaced by the one that it gave this time.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from device.commands import AppendAudio, CancelReply, SendToolResult, ServiceCommand, TruncateReply
from device.events import ReplyDone
from device.providers import create_codec
from device.providers.base import AskFence, Codec, Disconnect, Emit, Output, SendFrame
from scripts.bench_parts.services.tape import Part, Step, Tape

GIVEN_BY = ("id", "_id", "Id", "Handle", "request")
"""How the names of fields end that hold names of things; the last is OpenAI's metadata of ours."""
COUNTED = re.compile(r'("event_id": ?)(\d+)')
"""One service numbers its messages, and looks at the order."""
NUMBERS = 1_000_000  #: more than a part has of them
LONGEST_NAME = 120
ROUND_TRIP_S = 0.05
BETWEEN_S = 3.0  #: of silence, before a part: every service takes that for the end of a reply
GUARD = 10_000  #: calls of ``timeout`` in a row after which time does not pass any more


class StuckError(RuntimeError):
    """The deadline of a codec stays in the past, however often it is told so."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message of the service's: ``pieces`` of text, every other one a name."""

    pieces: tuple[str, ...]
    binary: bool

    def said(self, names: Mapping[str, str], number: int) -> str | bytes:
        pieces = [names.get(p, f"{p}.{number}") if i % 2 else p for i, p in enumerate(self.pieces)]
        text = COUNTED.sub(lambda m: f"{m[1]}{int(m[2]) + number * NUMBERS}", "".join(pieces))
        return text.encode() if self.binary else text


class Replay:
    """One codec, and the tape that it is told. ``odd`` counts calls that were not answered with
    as many outputs as on the tape."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        kept = set(_names(step.what[0] for step in _heard(tape.opening.steps)))
        given = set(_names(step.what[0] for p in tape.parts for step in _heard(p.steps))) - kept
        self._split = _splitter(given)
        self._lines: dict[str | bytes, Line | None] = {}
        self.codec: Codec = create_codec(tape.service, tape.spec)
        self.now = tape.opening.began_at
        self.ended: Disconnect | None = None
        self.odd = self.replies = self.calls = 0
        self._names: dict[str, str] = {}
        self._fences: deque[tuple[float, str]] = deque()
        for step in tape.opening.steps:
            self._say(step, step.what)

    def play(self, part: Part, number: int) -> None:
        """Once, as its repetition ``number``, after a pause."""
        self._names.clear()
        self.advance(self.now + BETWEEN_S)
        begins = self.now
        for step, what in self.steps(part, number):
            self.advance(begins + step.at - part.began_at)
            if self.ended is None:
                self._say(step, what)

    def steps(self, part: Part, number: int) -> Iterator[tuple[Step, tuple[Any, ...]]]:
        """Each with its arguments as they are this time; made only when it is asked for. Timers
        and fences are left out: their time comes in `advance`."""
        for step in part.steps:
            match step.kind, step.what:
                case "timeout" | "fence_passed", _:
                    continue
                case "received", (str() | bytes() as data,):
                    yield step, (self._message(data, number),)
                case "command", (command,):
                    yield step, (self._command(command, number),)
                case _:
                    yield step, step.what

    def advance(self, now: float) -> None:
        """Time passes; deadlines and fences are told as a driver tells them. Raises StuckError."""
        while self._fences and self._fences[0][0] <= now and self.ended is None:
            passes_at, token = self._fences.popleft()
            self.now = max(self.now, passes_at)
            self._take(self.codec.fence_passed(token, self.now))
        for _ in range(GUARD):
            due = self.codec.deadline
            if due is None or due > now or self.ended is not None:
                break
            self.now = max(self.now, due)
            self._take(self.codec.timeout(self.now))
        else:
            raise StuckError(f"{self._tape.service}: the deadline stays at {self.codec.deadline}")
        self.now = max(self.now, now)

    def answered(self, step: Step, outputs: Sequence[Output]) -> None:
        """``outputs`` came of ``step``: what is asked for in them will come in its time."""
        self.calls += 1
        self.odd += len(outputs) != len(step.outputs)
        self._take(outputs)
        if step.kind == "command" and isinstance(step.what[0], AppendAudio):
            return
        for before, after in zip(step.outputs, outputs, strict=False):
            self._learn(before, after)

    # --- inside ---------------------------------------------------------------------

    def _say(self, step: Step, what: tuple[Any, ...]) -> None:
        self.answered(step, getattr(self.codec, step.kind)(*what, self.now))

    def _take(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, Disconnect):
                self.ended = output
            elif isinstance(output, AskFence):
                self._fences.append((self.now + ROUND_TRIP_S, output.token))
            elif isinstance(output, Emit) and isinstance(output.event, ReplyDone):
                self.replies += 1

    def _message(self, data: str | bytes, number: int) -> str | bytes:
        if data not in self._lines:
            self._lines[data] = self._line(data)
        line = self._lines[data]
        return data if line is None else line.said(self._names, number)

    def _line(self, data: str | bytes) -> Line | None:
        """None: it has no names."""
        binary = isinstance(data, bytes)
        if isinstance(data, bytes) and not data.startswith(b"{"):
            return None
        text = data.decode() if isinstance(data, bytes) else data
        pieces = tuple(self._split.split(text))
        return Line(pieces, binary) if len(pieces) > 1 or COUNTED.search(text) else None

    def _command(self, command: ServiceCommand, number: int) -> ServiceCommand:
        def now(name: str) -> str:
            return self._names.get(name, f"{name}.{number}" if self._split.search(name) else name)

        match command:
            case SendToolResult(call_id):
                return replace(command, call_id=now(call_id))
            case CancelReply(reply_id):
                return replace(command, reply_id=now(reply_id))
            case TruncateReply(item_id):
                return replace(command, item_id=now(item_id))
            case _:
                return command

    def _learn(self, before: Output, after: Output) -> None:
        if isinstance(before, Emit) and isinstance(after, Emit):
            if type(before.event) is type(after.event):
                for name in ("reply_id", "item_id", "call_id"):
                    was = getattr(before.event, name, "")
                    if was and was != (made := getattr(after.event, name)):
                        self._names[was] = made
            return
        texts = [one.data for one in (before, after) if isinstance(one, SendFrame)]
        if len(texts) == 2 and isinstance(texts[0], str):
            _pair(json.loads(texts[0]), json.loads(texts[1]), self._names)


def _heard(steps: Iterable[Step]) -> Iterator[Step]:
    return (step for step in steps if step.kind == "received")


def _names(messages: Iterable[str | bytes]) -> Iterator[str]:
    """The names of things that the service gave or repeated."""
    for data in messages:
        if isinstance(data, str) or data.startswith(b"{"):
            try:
                yield from _values(json.loads(data))
            except ValueError:
                continue


def _values(value: object, field: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _values(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, field)
    elif isinstance(value, str) and field.endswith(GIVEN_BY) and 0 < len(value) < LONGEST_NAME:
        yield value


def _splitter(names: Iterable[str]) -> re.Pattern[str]:
    """Finds whole names only."""
    several = sorted(map(re.escape, names), key=len, reverse=True)
    return re.compile(rf"(?<=\")({'|'.join(several)})(?=\")" if several else r"(?!)")


def _pair(before: Any, after: Any, names: dict[str, str]) -> None:
    """Texts that stand at the same place; most are alike."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() & after.keys():
            _pair(before[name], after[name], names)
    elif isinstance(before, list) and isinstance(after, list):
        for one, other in zip(before, after, strict=False):
            _pair(one, other, names)
    elif isinstance(before, str) and isinstance(after, str) and len(before) < LONGEST_NAME:
        names[before] = after
