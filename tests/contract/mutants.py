"""Codecs with one mistake each: the contract is worth what it finds of them.

A mutant is made by wrapping a codec, so every codec has the same ones:

- an event that is never emitted;
- two kinds of events that follow each other, in the wrong order;
- a kind of frame that is never sent;
- a field of a kind of frame under another name.

Pairs, frames and fields are counted in the order in which a codec first makes them, so that nobody
keeps a list of them. One that a codec never makes is no mutant of it (`Mutation.happened`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from device.events import Event
from device.providers.base import Codec, Emit, HttpRequest, Output, SendFrame
from tests.contract.wrapped import Wrapped

COMMON = (
    "LinkOpened",
    "ReplyAudio",
    "ReplyDone",
    "ReplyStarted",
    "ReplyTranscript",
    "TurnCommitted",
    "UserTranscript",
)
EVENTS = (
    *COMMON,
    "ReplyInterrupted",
    "ServiceSpeechStarted",
    "ServiceSpeechStopped",
    "ServiceWorking",
    "SessionOpening",
    "SessionResumable",
    "ToolCalled",
    "UsageReported",
)
#: More than any codec makes.
MOST_PAIRS, MOST_FRAMES, MOST_FIELDS = 40, 16, 120
#: Fields that say only which message it is; without them it is another mutant, a dropped frame.
_NAMES = frozenset({"type", "event"})


@dataclass(frozen=True, slots=True)
class Mutant:
    """``what``: drop, swap, unsent or renamed. ``which``: the event's name, or a number."""

    what: str
    which: str

    def __str__(self) -> str:
        return f"{self.what}-{self.which}"


def all_mutants() -> list[Mutant]:
    return [
        *(Mutant("drop", name) for name in EVENTS),
        *(Mutant("swap", str(number)) for number in range(MOST_PAIRS)),
        *(Mutant("unsent", str(number)) for number in range(MOST_FRAMES)),
        *(Mutant("renamed", str(number)) for number in range(MOST_FIELDS)),
    ]


class Mutation:
    """Wraps codecs; what it has seen is kept from one session to the next."""

    def __init__(self, mutant: Mutant) -> None:
        self.mutant = mutant
        self.about = ""  #: what it turned out to be
        self._seen: list[str] = []

    @property
    def happened(self) -> bool:
        return bool(self.about)

    def wrap(self, codec: Codec) -> Codec:
        makers: Mapping[str, Callable[[], Callable[[list[Output]], list[Output]]]] = {
            "drop": lambda: self._without_event,
            "swap": lambda: _Swap(self).outputs,
            "unsent": lambda: self._without_frame,
            "renamed": lambda: self._with_other_field,
        }
        return _Changed(codec, makers[self.mutant.what]())

    def is_it(self, kind: str) -> bool:
        """Whether ``kind`` is the one that goes wrong, by the order of first sight."""
        if kind not in self._seen:
            self._seen.append(kind)
        found = self._seen.index(kind) == int(self.mutant.which)
        if found:
            self.about = kind
        return found

    def _without_event(self, outputs: list[Output]) -> list[Output]:
        kept = []
        for output in outputs:
            if isinstance(output, Emit) and _name(output.event) == self.mutant.which:
                self.about = self.mutant.which
            else:
                kept.append(output)
        return kept

    def _without_frame(self, outputs: list[Output]) -> list[Output]:
        return [
            output
            for output in outputs
            if not (isinstance(output, SendFrame) and self.is_it(kind_of(output.data)))
        ]

    def _with_other_field(self, outputs: list[Output]) -> list[Output]:
        return [self._renamed(output) for output in outputs]

    def _renamed(self, output: Output) -> Output:
        if isinstance(output, SendFrame) and isinstance(output.data, str):
            fields, kind = _json(output.data), kind_of(output.data)
        elif isinstance(output, HttpRequest) and output.body:
            fields, kind = _json(output.body), f"http {urlsplit(output.url).path}"
        else:
            return output
        named = {f"{kind}: {'.'.join(map(str, path))}": path for path in _paths(fields)}
        path = next((path for name, path in named.items() if self.is_it(name)), None)
        if path is None:
            return output
        body = json.dumps(_rename(fields, path))
        if isinstance(output, HttpRequest):
            return replace(output, body=body.encode())
        return SendFrame(body)


class _Swap:
    """Holds the first of a pair back until the next event."""

    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation
        self._held: Output | None = None
        self._last = ""

    def outputs(self, outputs: list[Output]) -> list[Output]:
        made: list[Output] = []
        for output in outputs:
            if not isinstance(output, Emit):
                made.append(output)
                continue
            name = _name(output.event)
            pair = f"{self._last} {name}"
            if self._last and self._last != name and self._mutation.mutant.which.isdigit():
                self._mutation.is_it(pair)
            self._last = name
            about = self._mutation.about.split(" ")
            if self._held is not None:
                held, self._held = self._held, None
                if name == about[1]:
                    made += [output, held]
                elif name == about[0]:
                    made, self._held = [*made, held], output
                else:
                    made += [held, output]
            elif name == about[0]:
                self._held = output
            else:
                made.append(output)
        return made


class _Changed(Wrapped):
    """A codec whose outputs are changed."""

    def __init__(self, codec: Codec, change: Callable[[list[Output]], list[Output]]) -> None:
        super().__init__(codec)
        self._changed = change

    def _change(self, outputs: list[Output]) -> list[Output]:
        return self._changed(outputs)


def kind_of(data: str | bytes) -> str:
    """Of a frame: what says which message it is."""
    if isinstance(data, bytes):
        return "binary"
    fields = _json(data)
    if not isinstance(fields, dict):
        return "text"
    for name in ("type", "event"):
        if isinstance(fields.get(name), str):
            return str(fields[name])
    for name, value in fields.items():  # the one field names it, and the one within
        inner = [*value] if isinstance(value, dict) else []
        return f"{name}.{inner[0]}" if len(inner) == 1 else name
    return "{}"


def _name(event: Event) -> str:
    return type(event).__name__


def _json(data: str | bytes) -> Any:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _paths(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Of every field, at any depth, but for those that name the message, and its own name."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in _NAMES and name != "event_id":
                yield (*at, name)
            if name != "parameters":  # of a tool: what stands in it is the tool's
                yield from _paths(inner, (*at, name))
    elif isinstance(value, list):
        for number, inner in enumerate(value[:1]):
            yield from _paths(inner, (*at, number))


def _rename(value: Any, path: tuple[str | int, ...]) -> Any:
    first, *rest = path
    if isinstance(value, list):
        return [_rename(v, tuple(rest)) if i == first else v for i, v in enumerate(value)]
    if rest:
        return {k: _rename(v, tuple(rest)) if k == first else v for k, v in value.items()}
    return {(f"{k}_" if k == first else k): v for k, v in value.items()}
