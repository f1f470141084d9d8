"""Where in a TOML text a key stands. tomllib tells values, not lines.

The text is known to be valid TOML here, so a light scan is enough: it follows
table headers, strings (single and multi-line) and brackets, and notes the line
of every ``key =`` it meets outside of them.
"""

from __future__ import annotations

import re

KeyPath = tuple[str, ...]

_HEADER = re.compile(r"\s*\[\[?\s*(?P<path>[^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_PART = r"""[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*'"""
_ASSIGN = re.compile(rf"\s*(?P<path>(?:{_PART})(?:\s*\.\s*(?:{_PART}))*)\s*=(?P<value>.*)$")
_QUOTES = ('"""', "'''", '"', "'")


def _path(text: str) -> KeyPath:
    parts: list[str] = re.findall(_PART, text)
    return tuple(part[1:-1] if part[0] in "\"'" else part for part in parts)


class _Value:
    """Follows one value over line ends: is it still open?"""

    def __init__(self) -> None:
        self._quote = ""
        self._depth = 0

    @property
    def open(self) -> bool:
        return bool(self._quote) or self._depth > 0

    def feed(self, line: str) -> None:
        index = 0
        while index < len(line):
            if self._quote:
                if line[index] == "\\" and self._quote[0] == '"':
                    index += 2
                    continue
                if line.startswith(self._quote, index):
                    index += len(self._quote)
                    self._quote = ""
                    continue
            else:
                if line[index] == "#":
                    break
                opened = next((q for q in _QUOTES if line.startswith(q, index)), "")
                if opened:
                    self._quote = opened
                    index += len(opened)
                    continue
                self._depth += (line[index] in "[{") - (line[index] in "]}")
            index += 1
        if len(self._quote) == 1:
            self._quote = ""  # single-line strings end with the line


def key_lines(text: str) -> dict[KeyPath, int]:
    """Line (from 1) of every table header and key of the TOML ``text``.

    Keys inside inline tables are not listed; ask for their parent.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    value = _Value()
    for number, line in enumerate(text.split("\n"), 1):
        if value.open:
            value.feed(line)
            continue
        if header := _HEADER.match(line):
            table = _path(header["path"])
            for depth in range(1, len(table) + 1):
                lines.setdefault(table[:depth], number)
        elif assign := _ASSIGN.match(line):
            path = (*table, *_path(assign["path"]))
            for depth in range(len(table) + 1, len(path) + 1):
                lines.setdefault(path[:depth], number)
            value = _Value()
            value.feed(assign["value"])
    return lines


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """The line of ``path``, or of its nearest parent that stands in the text."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None
