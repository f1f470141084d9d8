"""Where in a TOML text a key stands. tomllib tells values, not lines.

The text is known to be valid TOML here, so a light scan is enough: it follows
table headers, strings (single and multi-line) and brackets, and notes the line
of every ``key =`` it meets outside of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

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
    for number, table, path in _places(text):
        for depth in range(len(table) + 1, len(path) + 1):
            lines.setdefault(path[:depth], number)
    return lines


def repeated_key(text: str, line: int) -> tuple[KeyPath, int, int] | None:
    """The key or table that ends in ``line`` and stands in ``text`` before: its path, its
    line and the earlier one. None when what ends there is no repetition."""
    upto = list(_places("\n".join(text.split("\n")[:line])))
    if not upto:
        return None
    number, _, path = upto[-1]
    before = [n for n, _, earlier in upto[:-1] if earlier == path]
    return (path, number, before[0]) if before else None


def _places(text: str) -> Iterator[tuple[int, KeyPath, KeyPath]]:
    """(line, path of the table around it, path) of every table header and key."""
    table: KeyPath = ()
    value = _Value()
    for number, line in enumerate(text.split("\n"), 1):
        if value.open:
            value.feed(line)
            continue
        if header := _HEADER.match(line):
            table = _path(header["path"])
            yield number, (), table
        elif assign := _ASSIGN.match(line):
            yield number, table, (*table, *_path(assign["path"]))
            value = _Value()
            value.feed(assign["value"])


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int | None:
    """The line of ``path``, or of its nearest parent that stands in the text."""
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None
