"""What a client's JSON must look like, said in small checks; and the service's complaints."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from typing import Any

Json = dict[str, Any]
Check = Callable[[Any, str], None]
"""Takes a value and its path (``session.audio.input``); raises :class:`RefusalError`."""


class RefusalError(Exception):
    """What an ``error`` event says. ``close`` ends the connection with that code after it."""

    def __init__(
        self,
        code: str | None,
        message: str,
        param: str | None = None,
        *,
        kind: str = "invalid_request_error",
        close: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.param = code, message, param
        self.kind, self.close = kind, close


def invalid_type(path: str, expected: str, value: object) -> RefusalError:
    got = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    name = got.get(type(value), "null" if value is None else "a number")
    message = f"Invalid type for '{path}': expected {expected}, but got {name} instead."
    return RefusalError("invalid_type", message, path)


def invalid_value(path: str, message: str) -> RefusalError:
    return RefusalError("invalid_value", message, path)


def missing(path: str) -> RefusalError:
    return RefusalError(
        "missing_required_parameter", f"Missing required parameter: '{path}'.", path
    )


def unknown(path: str) -> RefusalError:
    return RefusalError("unknown_parameter", f"Unknown parameter: '{path}'.", path)


def text(value: Any, path: str) -> None:
    if not isinstance(value, str):
        raise invalid_type(path, "a string", value)


def boolean(value: Any, path: str) -> None:
    if not isinstance(value, bool):
        raise invalid_type(path, "a boolean", value)


def anything(value: Any, path: str) -> None:
    """No check."""


def an_object(value: Any, path: str) -> None:
    if not isinstance(value, dict):
        raise invalid_type(path, "an object", value)


def one_of(*allowed: str) -> Check:
    def check(value: Any, path: str) -> None:
        text(value, path)
        if value not in allowed:
            named = ", ".join(f"'{name}'" for name in allowed)
            raise invalid_value(path, f"Invalid value: '{value}'. Supported values are: {named}.")

    return check


def number(low: float, high: float, *, whole: bool = False) -> Check:
    def check(value: Any, path: str) -> None:
        if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
            raise invalid_type(path, "an integer" if whole else "a number", value)
        if not low <= value <= high:
            raise invalid_value(path, f"Invalid '{path}': {value} is not in [{low}, {high}].")

    return check


def whole(low: float = 0, high: float = 2**31) -> Check:
    return number(low, high, whole=True)


def or_null(check: Check) -> Check:
    return either(check, when=lambda value: value is None, then=anything)


def either(check: Check, *, when: Callable[[Any], bool], then: Check) -> Check:
    """``then`` where ``when`` holds, ``check`` elsewhere."""
    return lambda value, path: (then if when(value) else check)(value, path)


def listed(check: Check, at_most: int = 1000) -> Check:
    def every(value: Any, path: str) -> None:
        if not isinstance(value, list):
            raise invalid_type(path, "an array", value)
        if len(value) > at_most:
            raise invalid_value(path, f"Invalid '{path}': at most {at_most} allowed.")
        for index, item in enumerate(value):
            check(item, f"{path}[{index}]")

    return every


def strings(value: Any, path: str) -> None:
    an_object(value, path)
    for name, item in value.items():
        text(item, f"{path}.{name}")


def shape(fields: Mapping[str, Check], required: Sequence[str] = ()) -> Check:
    """An object of these fields and no others."""

    def check(value: Any, path: str) -> None:
        an_object(value, path)
        dot = f"{path}." if path else ""
        for name in value:
            if name not in fields:
                raise unknown(dot + name)
        for name in required:
            if name not in value:
                raise missing(dot + name)
        for name, item in value.items():
            fields[name](item, dot + name)

    return check


def by(key: str, kinds: Mapping[str, Check]) -> Check:
    """The shape that the field ``key`` names."""

    def check(value: Any, path: str) -> None:
        an_object(value, path)
        dot = f"{path}." if path else ""
        if key not in value:
            raise missing(dot + key)
        one_of(*kinds)(value[key], dot + key)
        kinds[value[key]](value, path)

    return check


def decoded(value: str, path: str) -> bytes:
    """Of base64; raises :class:`RefusalError`."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise invalid_value(
            path, f"Invalid '{path}'. Expected base64-encoded bytes, but got something else."
        ) from None


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def both(*checks: Check) -> Check:
    def check(value: Any, path: str) -> None:
        for one in checks:
            one(value, path)

    return check
