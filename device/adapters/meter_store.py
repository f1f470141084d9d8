"""Keeps what the meter counted across restarts, in one small JSON file.

Written anew each time, beside the old one, and put in its place only when it is on the disk: a
power cut leaves the old or the new one, never half of one. Whatever else stands in its place
(nothing, half a file, somebody else's) is put aside, and counting begins anew. A disk that takes
nothing (full, read-only) is told of once; the meter goes on in memory.

``{"schema": 1, "days": {"2026-11-22": {"told": {"daily_usd": 1}, "services":
{"openai_realtime": {"audio_in": 1200, ...}}}}}``; sums that are 0 are left out.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from device.core.meter_totals import FIELDS, Day, Totals

log = logging.getLogger(__name__)

SCHEMA = 1
FILE_NAME = "cost.json"
LARGEST = 1 << 20
#: Where systemd keeps the unit's state, for those that it has not started.
INSTALLED = Path("/var/lib/parlor")
_WHOLE = frozenset(FIELDS) - {"billed_s", "microphone_s", "reply_s", "priced_usd"}
#: No sum grows so far in a day; bigger ones are not ours.
_MOST = 1e15


class UnreadableError(Exception):
    """The file is there and cannot be used; the text says why."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a file held."""

    days: Mapping[date, Day] = field(default_factory=dict)
    written_at: float | None = None  #: seconds since the epoch; None: there is no file


def state_file(directory: str, environ: Mapping[str, str]) -> Path:
    """Where the file is. ``directory``: of the settings, may be empty; ``environ`` has
    systemd's STATE_DIRECTORY in the unit, a list separated by colons."""
    given = directory or environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(given or INSTALLED) / FILE_NAME


def read_days(path: Path) -> Kept:
    """The days in ``path``; none without a file.

    Raises UnreadableError, and PermissionError where this user may not read it. Blocking.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
            written_at = os.fstat(file.fileno()).st_mtime
    except FileNotFoundError:
        return Kept()
    except PermissionError:
        raise
    except OSError as error:
        raise UnreadableError(f"it cannot be read: {error.strerror}") from error
    if len(data) > LARGEST:
        raise UnreadableError("it is too large")
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        raise UnreadableError("it is empty" if not data.strip() else "it is torn") from None
    if not isinstance(tree, dict) or not isinstance(tree.get("schema"), int):
        raise UnreadableError("something else has written it")
    if tree["schema"] != SCHEMA:
        raise UnreadableError(f"it is of another version ({tree['schema']})")
    days = tree.get("days")
    if not isinstance(days, dict):
        raise UnreadableError("something else has written it")
    return Kept({_date(key): _day(entry) for key, entry in days.items()}, written_at)


class MeterStore:
    """One file. Blocking, and a slow card may take a second for it: a thread of its own, one
    call at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._refused = False  # has the disk been told of

    def load(self) -> Mapping[date, Day]:
        """What was kept. Never raises: a file that cannot be used is put aside and told of."""
        try:
            return read_days(self._path).days
        except PermissionError:
            log.warning("%s may not be read by this user: costs are counted anew", self._path)
        except UnreadableError as error:
            aside = self._path.with_name(f"{FILE_NAME}.unreadable")
            log.warning(
                "%s cannot be used (%s): costs are counted anew; it is kept as %s",
                self._path,
                error,
                aside.name,
            )
            try:
                self._path.replace(aside)
            except OSError as refused:
                log.info("it could not be put aside: %s", refused.strerror)
        return {}

    def save(self, days: Mapping[date, Day]) -> bool:
        """Write ``days``; False where the disk does not take them. Never raises OSError."""
        tree = {"schema": SCHEMA, "days": {day.isoformat(): _tree(days[day]) for day in days}}
        try:
            self._write(json.dumps(tree, separators=(",", ":")).encode())
        except OSError as error:
            if not self._refused:
                log.warning(
                    "costs cannot be written to %s (%s): they are forgotten at the next restart",
                    self._path,
                    error.strerror,
                )
            self._refused = True
            return False
        if self._refused:
            log.info("costs are written to %s again", self._path)
        self._refused = False
        return True

    def _write(self, data: bytes) -> None:
        beside = self._path.with_name(f"{FILE_NAME}.new")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(directory)  # else a power cut may bring the old name back
        finally:
            os.close(directory)


def tree_of(totals: Totals) -> dict[str, int | float]:
    """The sums that are not 0, by name."""
    return {name: value for name in FIELDS if (value := getattr(totals, name))}


def _tree(day: Day) -> dict[str, object]:
    services = {name: tree_of(totals) for name, totals in day.services.items()}
    return {"told": day.told, "services": services} if day.told else {"services": services}


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise UnreadableError("it has a day that is none") from None


def _day(entry: object) -> Day:
    """Whatever is not of the kind that it should be makes the file unreadable: a sum that is
    left out would look like money that was not spent."""
    services = _mapping(_mapping(entry).get("services"))
    told = _mapping(_mapping(entry).get("told", {}))
    return Day(
        {name: _totals(_mapping(sums)) for name, sums in services.items()},
        {which: int(_number(level)) for which, level in told.items()},
    )


def _totals(sums: Mapping[str, object]) -> Totals:
    totals = Totals()
    for name in FIELDS:
        value = _number(sums.get(name, 0))
        setattr(totals, name, int(value) if name in _WHOLE else value)
    return totals


def _mapping(value: object) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise UnreadableError("it is damaged")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UnreadableError("it is damaged")
    if not 0 <= value <= _MOST:  # never true of NaN
        raise UnreadableError("it is damaged")
    return float(value)
