"""Strict checks of JSON, with the Live service's errors for what does not fit.

A check takes a value and where it stands and returns it, or raises :class:`LiveError`. Nothing is
coerced, and a field that a shape does not name is an error at any depth.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

Check = Callable[[object, str], None]


class LiveError(Exception):
    """What the ``error`` event says. ``kind`` is its ``type``."""

    def __init__(
        self, code: str, message: str, param: str = "", kind: str = "invalid_request_error"
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.param, self.kind = code, message, param, kind


@dataclass(frozen=True, slots=True)
class Field:
    check: Check
    required: bool = False


def needed(check: Check) -> Field:
    return Field(check, required=True)


def anything(_value: object, _where: str) -> None:
    """What the stand-in takes without looking."""


def text(value: object, where: str) -> None:
    if not isinstance(value, str):
        raise wrong_type(where, "a string", value)


def flag(value: object, where: str) -> None:
    if not isinstance(value, bool):
        raise wrong_type(where, "a boolean", value)


def mapping(value: object, where: str) -> None:
    if not isinstance(value, dict):
        raise wrong_type(where, "an object", value)


def whole(value: object, where: str) -> None:
    """A whole number from 0."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(where, "an integer", value)
    if value < 0:
        raise LiveError("invalid_value", f"Invalid '{where}': below the minimum of 0.", where)


def bounded(shortest: int, longest: int, check: Check = text) -> Check:
    def verify(value: object, where: str) -> None:
        check(value, where)
        if not shortest <= len(str(value)) <= longest:
            message = f"Invalid '{where}': its length must be {shortest} to {longest}."
            raise LiveError("invalid_value", message, where)

    return verify


def tokens(most: int) -> Check:
    """Text of 1 to ``most`` tokens; four letters are about one."""

    def verify(value: object, where: str) -> None:
        text(value, where)
        if not 0 < len(str(value)) <= 4 * most:
            message = f"Invalid '{where}': it must have 1 to {most} tokens."
            raise LiveError("invalid_value", message, where)

    return verify


def choice(*allowed: object) -> Check:
    def verify(value: object, where: str) -> None:
        if isinstance(value, bool) or value not in allowed:
            raise unsupported(value, where, allowed)

    return verify


def nullable(check: Check) -> Check:
    def verify(value: object, where: str) -> None:
        if value is not None:
            check(value, where)

    return verify


def either(first: Check, second: Check) -> Check:
    """``first`` for strings, ``second`` for everything else."""

    def verify(value: object, where: str) -> None:
        (first if isinstance(value, str) else second)(value, where)

    return verify


def listed(check: Check, *, most: int = 128, exactly: int | None = None) -> Check:
    def verify(value: object, where: str) -> None:
        if not isinstance(value, list):
            raise wrong_type(where, "an array", value)
        if len(value) > most or (exactly is not None and len(value) != exactly):
            message = f"Invalid '{where}': it has {len(value)} items, not {exactly or most}."
            raise LiveError("invalid_value", message, where)
        for index, item in enumerate(value):
            check(item, f"{where}[{index}]")

    return verify


def shape(**fields: Field | Check) -> Check:
    """An object of these fields and no others."""
    known = {name: one if isinstance(one, Field) else Field(one) for name, one in fields.items()}

    def verify(value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(where, "an object", value)
        for name in value:
            if name not in known:
                path = _path(where, name)
                raise LiveError("unknown_parameter", f"Unknown parameter: '{path}'.", path)
        for name, one in known.items():
            path = _path(where, name)
            if name in value:
                one.check(value[name], path)
            elif one.required:
                message = f"Missing required parameter: '{path}'."
                raise LiveError("missing_required_parameter", message, path)

    return verify


def tagged(tag: str, shapes: Mapping[str, Check]) -> Check:
    """One of several shapes, by the value of the field ``tag``."""

    def verify(value: object, where: str) -> None:
        if not isinstance(value, dict):
            raise wrong_type(where, "an object", value)
        path = _path(where, tag)
        if tag not in value:
            message = f"Missing required parameter: '{path}'."
            raise LiveError("missing_required_parameter", message, path)
        name = value[tag]
        if not isinstance(name, str) or name not in shapes:
            raise unsupported(name, path, shapes)
        shapes[name](value, where)

    return verify


def decoded(value: str, where: str) -> bytes:
    """Base64, strictly."""
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        message = f"Invalid '{where}': not valid base64 ({error})."
        raise LiveError("invalid_value", message, where) from error


def wrong_type(where: str, wanted: str, value: object) -> LiveError:
    message = f"Invalid type for '{where}': expected {wanted}, got {type(value).__name__}."
    return LiveError("invalid_type", message, where)


def unsupported(value: object, where: str, allowed: Iterable[object]) -> LiveError:
    values = ", ".join(f"'{one}'" for one in allowed)
    message = f"Invalid value: '{value}'. Supported values are: {values}."
    return LiveError("invalid_value", message, where)


def _path(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name
