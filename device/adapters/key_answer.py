"""What a program or an address of the owner's answers when it is asked for a short-lived key.

Understood: the key as plain text, or a JSON object with ``value``, ``signed_url``, ``token``,
``access_token`` or ``key``, itself or under ``client_secret`` (OpenAI's form), and beside it
``expires_at`` (seconds since the epoch) or ``expires_in`` (seconds). No message quotes any of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from device.secrets import Secret

#: No key is good for so long; bigger numbers are none of seconds.
_MOST_SECONDS = 1e15
#: A signed address is longer than any key.
LONGEST = 8192
_NAMES = ("value", "signed_url", "token", "access_token", "key", "client_secret")
#: Parts of an address that are shorter are no secrets, but words that a log needs.
_SHORTEST_PART = 16


class AnswerError(Exception):
    """The answer holds no key. The text says what is wrong, and nothing of the answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """``expires_at``: seconds since the epoch; ``expires_in_s``: from when it was given. Both
    None: it says nothing of it."""

    secret: Secret
    expires_at: float | None = None
    expires_in_s: float | None = None


def parse_answer(data: bytes) -> Answer:
    """Raises AnswerError. Pure."""
    words = data.decode("utf-8", errors="replace").strip()
    if "\ufffd" in words:
        raise AnswerError("something that is no text")
    if not words:
        raise AnswerError("nothing")
    if words[0] not in '{["':
        return Answer(_secret(words))
    tree = _tree(words)
    if isinstance(tree, str):
        return Answer(_secret(tree))
    if not isinstance(tree, dict):
        raise AnswerError("JSON that is no object")
    inner = tree.get("client_secret")
    holder: Mapping[str, Any] = inner if isinstance(inner, dict) else tree
    found = [holder[name] for name in _NAMES if isinstance(holder.get(name), str)]
    if not found:
        raise AnswerError('JSON without "value", "signed_url", "token" or "key"')
    return Answer(_secret(found[0]), _seconds(holder, "expires_at"), _seconds(holder, "expires_in"))


def parts_of(secret: Secret) -> list[Secret]:
    """The secret itself, and what of a signed address would give it away by itself."""
    value = secret.reveal()
    try:
        parts = urlsplit(value)
    except ValueError:
        return [secret]
    if not parts.scheme or not parts.netloc:
        return [secret]
    inside = [parts.query, *(part for _, part in parse_qsl(parts.query))]
    return [secret, *(Secret(part) for part in inside if len(part) >= _SHORTEST_PART)]


def _tree(words: str) -> object:
    """The error of the parser holds the whole text, so nothing is raised while it is about."""
    try:
        return json.loads(words)
    except (ValueError, RecursionError):
        pass
    raise AnswerError("JSON that is not valid")


def _secret(value: str) -> Secret:
    if not value:
        raise AnswerError("an empty key")
    if len(value) > LONGEST:
        raise AnswerError("something too long for a key")
    if any(c.isspace() or not c.isprintable() or not c.isascii() for c in value):
        raise AnswerError("more than one word")
    return Secret(value)


def _seconds(holder: Mapping[str, Any], name: str) -> float | None:
    value = holder.get(name)
    if value is None:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not abs(value) <= _MOST_SECONDS:  # never true of NaN
        raise AnswerError(f'"{name}" that is no number of seconds')
    return float(value)
