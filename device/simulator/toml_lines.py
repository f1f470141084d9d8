"""In which line of a TOML text a key stands.

``tomllib`` gives values without places. This reads the same text once more,
only far enough to know tables, array tables and keys, so that an error can name
its line. It expects a text that ``tomllib`` has accepted.
"""

from __future__ import annotations

import re

Place = tuple[str | int, ...]
"""A path such as ``("room",)``, ``("cue", 0)`` or ``("cue", 0, "at_s")``."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\]]+?)\s*\]\]?")
_NAME = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_KEY = re.compile(rf"^\s*({_NAME}(?:\s*\.\s*{_NAME})*)\s*=")
_SYNTAX_ERROR = re.compile(r"at line (\d+)")


def error_line(message: str, text: str) -> int:
    """The line that a ``TOMLDecodeError``'s message speaks of (the last one if none)."""
    found = _SYNTAX_ERROR.search(message)
    return int(found[1]) if found else text.rstrip("\n").count("\n") + 1


def syntax_words(message: str, text: str) -> str:
    """What a ``TOMLDecodeError`` means, with the key's name where one stands twice."""
    if message.startswith(("Cannot overwrite", "Cannot declare")):
        upto = "\n".join(text.split("\n")[: error_line(message, text)])
        if place := LineFinder(upto).last:
            shown = ".".join(str(part) for part in place if isinstance(part, str))
            return f"'{shown}' stands twice"
    return f"not valid TOML: {message}"


class LineFinder:
    """Maps places of one TOML text to line numbers, from 1. ``last`` is the last place."""

    def __init__(self, text: str) -> None:
        self.last: Place = ()
        self._lines: dict[Place, int] = {}
        self._counts: dict[str, int] = {}
        self._scan(text)

    def line(self, *place: str | int) -> int | None:
        """The line of ``place``, or of the nearest enclosing table that has one."""
        while place:
            if place in self._lines:
                return self._lines[place]
            place = place[:-1]
        return None

    def _scan(self, text: str) -> None:
        table: Place = ()
        carried = _Carry()
        for number, line in enumerate(text.split("\n"), start=1):
            if carried.inside:
                carried.feed(line)
                continue
            if header := _HEADER.match(line):
                table = self._enter(header[1], header[2])
                self._lines.setdefault(table, number)
                self.last = table
            elif key := _KEY.match(line):
                parts = tuple(p.strip().strip("\"'") for p in key[1].split("."))
                for length in range(1, len(parts) + 1):
                    self._lines.setdefault(table + parts[:length], number)
                self.last = table + parts
                carried.feed(line[key.end() :])

    def _enter(self, bracket: str, name: str) -> Place:
        parts: Place = tuple(p.strip().strip("\"'") for p in name.split("."))
        if bracket == "[":
            return parts
        index = self._counts.get(name, 0)
        self._counts[name] = index + 1
        return (*parts, index)


class _Carry:
    """Whether a value goes on in the next line: open brackets or a long string."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = ""

    @property
    def inside(self) -> bool:
        return bool(self._quote) or self._depth > 0

    def feed(self, line: str) -> None:
        i = 0
        while i < len(line):
            if self._quote:
                if self._quote[0] == '"' and line[i] == "\\":
                    i += 2
                elif line.startswith(self._quote, i):
                    i += len(self._quote)
                    self._quote = ""
                else:
                    i += 1
                continue
            character = line[i]
            if character == "#":
                break
            if character in "\"'":
                self._quote = character * 3 if line.startswith(character * 3, i) else character
                i += len(self._quote)
                continue
            self._depth += (character in "[{") - (character in "]}")
            i += 1
        if len(self._quote) == 1:  # a plain string never spans lines
            self._quote = ""
