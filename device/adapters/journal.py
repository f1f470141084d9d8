"""Where log lines go: the journal when it is ours, else plain lines on stderr.

Every handler masks secrets: those that were registered, and whatever looks like
one. Levels: ``debug`` for developers, ``info`` for what happened, ``warning``
for what was recovered from, ``error`` for what needs somebody.
"""

from __future__ import annotations

import logging
import os
import re
import sys
from collections.abc import Mapping
from typing import TextIO

from device.providers.faults import secrets_in
from device.secrets import Secret

_LIKELY = re.compile(
    r"\b(sk-|ek_)[A-Za-z0-9_\-]{6,}|(?i:(?<=bearer )|(?<=authorization: ))[A-Za-z0-9._\-]{12,}"
)
_SHORTEST = 6  # masking "a" would blacken every line
MOST_KNOWN = 64
MASK = "***"
TIMELINE = "parlor.timeline"
REPEAT_S = 300.0
_MOST_LINES = 256


class MaskSecrets(logging.Filter):
    """Replaces secrets in a record's message, arguments and traceback. Any thread."""

    def __init__(self) -> None:
        super().__init__()
        self._known: tuple[str, ...] = ()
        self._order: tuple[str, ...] = ()  # as they came

    def register(self, secret: Secret) -> None:
        """From now on this value appears in no line, nor what is secret in a signed address."""
        for value in (secret.reveal(), *secrets_in(secret.reveal())):
            self._register(value)

    def _register(self, value: str) -> None:
        if len(value) >= _SHORTEST and value not in self._known:
            # Short-lived keys come for ever; the oldest have expired long since.
            self._order = (*self._order, value)[-MOST_KNOWN:]
            self._known = tuple(sorted(self._order, key=len, reverse=True))

    def mask(self, text: str) -> str:
        for value in self._known:
            text = text.replace(value, MASK)
        return _LIKELY.sub(MASK, text)

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            text = record.getMessage()
        except (TypeError, ValueError) as error:
            text = f"{record.msg} (bad log arguments: {error})"
        record.msg, record.args = self.mask(text), None
        if record.exc_info and record.exc_info[0] is not None:
            # Rendered here: a handler that renders it later would show it unmasked.
            record.exc_text = self.mask(logging.Formatter().formatException(record.exc_info))
            record.exc_info = None
        if record.stack_info:
            record.stack_info = self.mask(record.stack_info)
        return True


class SameAgain(logging.Filter):
    """Lets a warning or error pass once in REPEAT_S: what is tried again every few seconds
    (reading a key, telling systemd) would otherwise say the same each time. Any thread.

    The timeline is left alone: it knows what recovered, and rations its own lines.
    """

    def __init__(self) -> None:
        super().__init__()
        self._passed: dict[tuple[str, str], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or record.exc_info or record.name == TIMELINE:
            return True
        line = (record.name, record.getMessage())
        last = self._passed.get(line)
        if last is not None and 0 <= record.created - last < REPEAT_S:
            return False
        if len(self._passed) >= _MOST_LINES:
            self._passed.clear()
        self._passed[line] = record.created
        return True


def start_logging(
    level: str, environ: Mapping[str, str], stream: TextIO | None = None
) -> MaskSecrets:
    """Set up the root logger once, at start. Returns the mask to register keys with.

    ``level`` is ``log.level`` of the settings. ``stream`` (default: stderr) is
    where plain lines go.
    """
    out = stream or sys.stderr
    mask = MaskSecrets()
    handler = _journal_handler() if is_journal(out, environ) else None
    if handler is None:
        handler = logging.StreamHandler(out)
        handler.setFormatter(logging.Formatter("%(levelname)-7s %(name)s: %(message)s"))
    handler.addFilter(mask)  # first: it also mends records whose arguments do not fit
    handler.addFilter(SameAgain())
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    set_level(level)
    return mask


def set_level(level: str) -> None:
    """Apply ``log.level`` (live). Other people's packages never go below INFO:
    at DEBUG they print every audio message."""
    ours = logging.getLevelNamesMapping()[level.upper()]
    logging.getLogger().setLevel(max(ours, logging.INFO))
    logging.getLogger("device").setLevel(ours)


def is_journal(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Is ``stream`` the journal? JOURNAL_STREAM names its device and inode."""
    device, _, inode = environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        info = os.fstat(stream.fileno())
        return (info.st_dev, info.st_ino) == (int(device), int(inode))
    except (OSError, ValueError):
        return False


def _journal_handler() -> logging.Handler | None:
    try:
        from systemd.journal import JournalHandler  # noqa: PLC0415 -- needed only below systemd
    except ImportError:
        return None
    handler: logging.Handler = JournalHandler(SYSLOG_IDENTIFIER="parlor")
    return handler
