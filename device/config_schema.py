"""The settings tree seen as a list of options, and a check of one value.

Everything is read from the metadata in :mod:`device.settings`; nothing about a
single option is written here.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import math
import re
import types
import typing
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from device.settings import Settings

_YES, _NO = frozenset({"yes", "on", "true", "1"}), frozenset({"no", "off", "false", "0"})
_NUMBER = re.compile(r"[+-]?\d{1,15}([.,]\d{1,15})?")
_HUGE = 10**30
SHOWN = 100  #: characters that a message repeats of an address, or advises


@dataclass(frozen=True, slots=True)
class Option:
    """One setting: where it lives, what it may hold, what it is for."""

    section: str
    name: str
    kind: type  #: str, int, float, bool, or tuple (of str)
    default: Any
    doc: str
    low: float | None
    high: float | None
    choices: tuple[Any, ...] | None
    live: bool

    @property
    def key(self) -> str:
        return f"{self.section}.{self.name}"

    @property
    def expected(self) -> str:
        """What a value must be, in words."""
        if self.choices is not None:
            return "one of " + ", ".join(show(choice) for choice in self.choices)
        words = {
            str: "text in quotes",
            int: "a whole number",
            float: "a number",
            bool: "true or false",
            tuple: 'a list of texts, e.g. ["hey_jarvis"]',
        }[self.kind]
        return f"{words} {self.bounds}".rstrip()

    @property
    def bounds(self) -> str:
        """``from 1 to 8``, or an empty text."""
        if self.low is not None and self.high is not None:
            return f"from {self.low:g} to {self.high:g}"
        if self.low is not None:
            return f"of at least {self.low:g}"
        return f"of at most {self.high:g}" if self.high is not None else ""


def show(value: object) -> str:
    """A value as TOML writes it (the five kinds that settings use)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = value.replace("\\", "\\\\").replace('"', '\\"')
        return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text) + '"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(show(item) for item in value) + "]"
    if isinstance(value, dict):
        return "a section"
    return "a huge number" if isinstance(value, int) and abs(value) > _HUGE else f"{value}"


def _kind(hint: Any) -> type:
    origin = typing.get_origin(hint)
    if origin is tuple:
        return tuple
    if isinstance(hint, types.UnionType) or hint not in (str, int, float, bool):
        raise TypeError(f"settings of type {hint} are not supported")
    return typing.cast(type, hint)


@functools.cache
def options(settings: type = Settings) -> dict[str, dict[str, Option]]:
    """section -> name -> option, in the order of declaration."""
    tree: dict[str, dict[str, Option]] = {}
    sections = typing.get_type_hints(settings)
    for section in dataclasses.fields(settings):
        kind = sections[section.name]
        hints = typing.get_type_hints(kind)
        tree[section.name] = {
            entry.name: Option(
                section=section.name,
                name=entry.name,
                kind=_kind(hints[entry.name]),
                default=entry.default,
                doc=entry.metadata["doc"],
                low=entry.metadata["low"],
                high=entry.metadata["high"],
                choices=entry.metadata["choices"],
                live=entry.metadata["live"],
            )
            for entry in dataclasses.fields(kind)
        }
    return tree


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """The one of ``known`` that ``word`` nearly is, or none."""
    tidy = word[:100].strip().lower().replace("-", "_").replace(" ", "_")
    listed = list(known)
    words = sorted(listed)
    # "microWakeWord" is "micro" written out, however much of it is like another one.
    written_out = [one for one in words if len(one) >= 4 and tidy.startswith(one)]
    if written_out:
        return [max(written_out, key=len)]
    begun = [word for word in listed if len(tidy) >= 4 and word.startswith(tidy)]
    return begun[:1] or difflib.get_close_matches(tidy, words, n=1, cutoff=0.6)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean "threshold"?`` for a near miss, else an empty text."""
    near = nearest(word, known)
    return f'did you mean "{near[0]}"?' if near else ""


@dataclass(frozen=True, slots=True)
class Mistake:
    """Why a value was refused; ``hint`` may be empty."""

    says: str
    hint: str = ""


def accept(option: Option, value: object) -> Any:
    """The value as the settings hold it, or a :class:`Mistake`."""
    accepted = _converted(option, value)
    if not isinstance(accepted, Mistake):
        return accepted
    for meant in _meant(option, value):
        # An advice that is cut short would be wrong, and an uncut one may be a novel.
        if len(show(meant)) <= SHOWN and not isinstance(_converted(option, meant), Mistake):
            return Mistake(accepted.says, f"did you mean {show(meant)}?")
    return accepted


def _converted(option: Option, value: object) -> Any:
    wrong = Mistake(f"expected {option.expected}, found {describe(value)}")
    if option.kind is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            return wrong
        return _controlled(value) or tuple(value)
    # bool is a subclass of int in Python; in a settings file it is not.
    if isinstance(value, bool) is not (option.kind is bool):
        return wrong
    if not isinstance(value, option.kind) and not (option.kind is float and type(value) is int):
        return wrong
    if isinstance(value, float) and not math.isfinite(value):
        return wrong
    if option.choices is not None and value not in option.choices:
        return wrong
    if isinstance(value, int | float) and not isinstance(value, bool):
        # Before any conversion: a whole number may be too large for a float.
        if option.low is not None and value < option.low:
            return wrong
        if option.high is not None and value > option.high:
            return wrong
        return option.kind(value)
    return (isinstance(value, str) and _controlled([value])) or value


def _controlled(texts: Iterable[str]) -> Mistake | None:
    """No name, path or address has control characters; NUL even breaks the calls."""
    for text in texts:
        if any((ord(c) < 32 and c not in "\n\t") or ord(c) == 127 for c in text):
            return Mistake(f"expected text without control characters, found {describe(text)}")
    return None


def _meant(option: Option, value: object) -> Iterator[object]:
    """What may have been meant by a refused value, if anything; to be judged in turn."""
    if isinstance(value, str):
        if option.choices is not None:
            yield from nearest(value, [c for c in option.choices if isinstance(c, str)])
        if option.kind is tuple:
            yield [value]
        word = value.strip().lower()
        if option.kind is bool and word in _YES | _NO:
            yield word in _YES
        if option.kind in (int, float) and _NUMBER.fullmatch(word):
            number = float(word.replace(",", "."))
            yield int(number) if number.is_integer() else number
    elif isinstance(value, float) and value.is_integer():
        yield int(value)
    elif option.kind is bool and type(value) is int and value in (0, 1):
        yield bool(value)


def describe(value: object, longest: int = 40) -> str:
    """A found value in words, shortened: an error line is no place for a novel."""
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        return "a list of sections"
    if isinstance(value, str | bool | int | float | list):
        # Digits of a huge number, and the end of a huge text, are not even looked at.
        cut = value[: longest + 1] if isinstance(value, str | list) else value
        if isinstance(cut, int) and abs(cut) > _HUGE:
            return "a huge number"
        text = show(cut)
        return text if len(text) <= longest else text[: longest - 3] + "..."
    return f"a {type(value).__name__}"
