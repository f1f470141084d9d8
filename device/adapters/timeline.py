"""Where reports go: the log for people, JSON lines for tools."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import TextIO

from device.adapters.journal import TIMELINE
from device.events import ErrorKind, Part
from device.ports import Timeline

#: Reports that carry what was said; withheld from the log unless asked for.
SPOKEN = frozenset({"user_transcript", "reply_transcript", "tool_called", "not_understood"})
_SECRET_FIELDS = frozenset({"text", "arguments"})
#: Told at debug level: they come many times a turn.
_CHATTY = frozenset(
    {
        "light",
        "speech_started",
        "speech_ended",
        "turn_judged",
        "reply_audio_received",
        "ducked",
        "restored",
    }
)
_WARNINGS = frozenset({"error", "fault"})


#: The same trouble is told again after this long, or when it had gone in between.
SAME_CAUSE_S = 300.0
_MOST_CAUSES = 256
#: Troubles of the link are over when it opens.
_LINK_KINDS = frozenset(kind.value for kind in ErrorKind)
#: What the link tells when the service on the other side has died.
_NOBODY_THERE = frozenset({ErrorKind.NETWORK.value, ErrorKind.SERVICE.value})
#: The link may notice the death of our own service this long before its keeper does.
SAME_DEATH_S = 2.0

Cause = tuple[str, str]  #: kind or part, and its words


class LogTimeline:
    """One readable line of the log per report, and one per trouble however often it is tried
    again: repeats go to debug level until it recovers or SAME_CAUSE_S have passed. So does
    what the link tells while the offline service is down: that is the cause."""

    def __init__(self, show_spoken: Callable[[], bool]) -> None:
        self._log = logging.getLogger(TIMELINE)
        self._show_spoken = show_spoken
        self._told: dict[Cause, tuple[float, int]] = {}  # when, and how often since
        self._service_is_down = False  # the offline service, our own child process
        self._nobody_there_at = float("-inf")  # when the link last warned of that

    @property
    def remembered(self) -> int:
        """How many causes count as told."""
        return len(self._told)

    def report(self, event: str, at: float, fields: dict[str, object]) -> None:
        level, note = self._weigh(event, at, fields)
        if not self._log.isEnabledFor(level):
            return
        hidden = event in SPOKEN and not self._show_spoken()
        words = [
            f"{name}={value}"
            for name, value in fields.items()
            if value not in ("", None) and not (hidden and name in _SECRET_FIELDS)
        ]
        self._log.log(level, "%s", " ".join([event.replace("_", " "), *words, *note]))

    def _weigh(self, event: str, at: float, fields: dict[str, object]) -> tuple[int, list[str]]:
        """The level of a report, and what to add to its line."""
        kind = str(fields.get("kind", ""))
        if event == "part_ready":
            part = str(fields.get("part", ""))
            self._recovered({part})
            self._service_is_down &= part != Part.OFFLINE_SERVICE.value
        elif event == "link_opened":
            self._recovered(_LINK_KINDS)
        elif event == "link_closed" and kind:
            # An error with the same words may follow: one cause.
            return self._trouble((kind, str(fields.get("reason", ""))), at)
        elif event == "error" and kind == Part.CONFIGURATION.value:
            return logging.DEBUG, []  # each mistake has been logged, with its line
        elif event in _WARNINGS:
            detail = str(fields.get("detail", ""))
            return self._trouble((kind, detail), at) if detail else (logging.WARNING, [])
        return (logging.DEBUG if event in _CHATTY else logging.INFO), []

    def _trouble(self, cause: Cause, at: float) -> tuple[int, list[str]]:
        if cause[0] == Part.OFFLINE_SERVICE.value and not self._service_is_down:
            self._service_is_down = True
            if at - self._nobody_there_at < SAME_DEATH_S:
                self._told[cause] = (at, 0)
                return logging.INFO, []  # why the link broke, which has been warned of
        elif cause[0] in _NOBODY_THERE and self._service_is_down:
            return logging.DEBUG, []  # follows from what has been told
        level, note = self._weigh_again(cause, at)
        if cause[0] in _NOBODY_THERE and level == logging.WARNING:
            self._nobody_there_at = at
        return level, note

    def _weigh_again(self, cause: Cause, at: float) -> tuple[int, list[str]]:
        told_at, repeats = self._told.get(cause, (at, 0))
        if cause in self._told and at - told_at < SAME_CAUSE_S:
            self._told[cause] = (told_at, repeats + 1)
            return logging.DEBUG, []
        if len(self._told) >= _MOST_CAUSES:
            self._told.clear()
        self._told[cause] = (at, 0)
        return logging.WARNING, [f"({repeats} more times before)"] if repeats else []

    def _recovered(self, kinds: Set[str]) -> None:
        self._told = {c: told for c, told in self._told.items() if c[0] not in kinds}


class JsonLinesTimeline:
    """One JSON object a line, flushed: ``{"t_monotonic": …, "event": …, …}``."""

    def __init__(self, path: Path) -> None:
        self._file: TextIO = path.open("a", encoding="utf-8", buffering=1)

    def report(self, event: str, at: float, fields: dict[str, object]) -> None:
        self._file.write(json.dumps({"t_monotonic": at, "event": event, **fields}) + "\n")


class TimelineFan:
    """Several timelines as one. None of them is told a secret: ``mask`` takes them out of every
    text (:meth:`device.adapters.journal.MaskSecrets.mask`)."""

    def __init__(self, timelines: Sequence[Timeline], mask: Callable[[str], str]) -> None:
        self._timelines = tuple(timelines)
        self._mask = mask

    def report(self, event: str, at: float, fields: dict[str, object]) -> None:
        masked = {name: self._masked(value) for name, value in fields.items()}
        for timeline in self._timelines:
            timeline.report(event, at, masked)

    def _masked(self, value: object) -> object:
        match value:
            case str():
                return self._mask(value)
            case Mapping():
                return {name: self._masked(one) for name, one in value.items()}
            case list() | tuple():
                return [self._masked(one) for one in value]
            case _:
                return value
