"""JSON as it comes over a wire: getters that never raise, and base64 both ways.

Stateless, so that big messages can be parsed in any thread.
"""

from __future__ import annotations

import binascii
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

#: Base64 is decoded in slices of this many characters (a multiple of four), so that
#: a worker thread lets go of the interpreter lock in between.
SLICE = 65536


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message that cannot be used, and why."""

    why: str


def parse_object(data: str | bytes) -> dict[str, object] | Malformed:
    """One message, text or binary, that must be a JSON object."""
    try:
        # RecursionError: nested too deeply. ValueError: bad JSON, bad UTF-8, a number
        # with thousands of digits.
        parsed = json.loads(data)
    except (ValueError, RecursionError) as error:
        return Malformed(f"not JSON ({type(error).__name__})")
    return parsed if isinstance(parsed, dict) else Malformed("not a JSON object")


def frame(fields: Mapping[str, object]) -> str:
    """A message of ours; escaped to ASCII, so any text can be sent."""
    return json.dumps(fields, separators=(",", ":"))


def encode_base64(pcm: bytes) -> str:
    return binascii.b2a_base64(pcm, newline=False).decode("ascii")


def text(fields: Mapping[str, object], name: str, default: str = "") -> str:
    """A string that any encoder accepts (JSON may smuggle in half surrogate pairs)."""
    value = fields.get(name)
    if not isinstance(value, str):
        return default
    return value if value.isascii() else value.encode("utf-8", "replace").decode()


def whole(fields: Mapping[str, object], name: str, default: int = 0) -> int:
    value = fields.get(name)
    number = _number(value)
    return default if number is None else int(number)


def mapping(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def objects(fields: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """The objects of a list; anything else in it is passed over."""
    value = fields.get(name)
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def decode_base64(value: object) -> bytes | None:
    """Strict base64 (no line breaks, correct padding), or None."""
    if not isinstance(value, str) or "=" in value[:-2]:
        return None
    try:
        if len(value) <= SLICE:
            return binascii.a2b_base64(value, strict_mode=True)
        return b"".join(
            binascii.a2b_base64(value[start : start + SLICE], strict_mode=True)
            for start in range(0, len(value), SLICE)
        )
    except ValueError:  # binascii.Error is one; text outside ASCII is another
        return None


def flatten_numbers(
    fields: Mapping[str, object], prefix: str = "", depth: int = 4
) -> dict[str, float]:
    """Nested accounting as ``{"input_token_details.audio_tokens": 12.0}``."""
    flat: dict[str, float] = {}
    for name, value in fields.items():
        number = _number(value)
        if number is not None:
            flat[prefix + name] = number
        elif isinstance(value, dict) and depth > 1:
            flat |= flatten_numbers(value, f"{prefix}{name}.", depth - 1)
    return flat


def _number(value: object) -> float | None:
    """JSON knows true, NaN and whole numbers beyond any float; none of them counts."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
