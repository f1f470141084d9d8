"""What an error of the service means: which kind it is, and whether the session survives.

Code strings are matched by their words, because compatible servers spell them
in their own ways and few of them are documented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlsplit

from device.events import ErrorKind
from device.providers.wire import text

_SHORTEST_SECRET = 12
_PLAIN = re.compile(
    r"(?i)model|.*version|.*deployment.*|agent.?(id|name)|assistant.?id|project.*|language|voice"
    r"|call.?id|user.?id|session.?id|.*format|encoding|region|profile"
)
"""Parameters of an address that are no secret, and that an error may have to name."""

#: Looked for in order; the first that occurs decides.
_WORDS: tuple[tuple[str, ErrorKind, bool], ...] = (
    # (pattern, kind, is the session over)
    (r"session_expired|session.*(expired|maximum_duration)", ErrorKind.SERVICE, True),
    (r"beta_api_shape|model_not_found|unsupported_model|invalid_model", ErrorKind.PROTOCOL, True),
    (
        r"api_?key|authenticat|unauthori[sz]ed|permission|forbidden"
        r"|token_(expired|invalid|revoked)|(invalid|expired)_token"
        r"|invalid_auth|auth_(error|fail|invalid|required)",
        ErrorKind.KEY,
        True,
    ),
    (
        r"insufficient_(quota|credit|fund|balance)|credit_balance|billing|quota_exceeded|payment",
        ErrorKind.QUOTA,
        True,
    ),
    (r"rate_?limit|quota|too_many", ErrorKind.QUOTA, False),
    (r"server_error|internal|overloaded|unavailable|timeout", ErrorKind.SERVICE, False),
    (r"invalid|missing|unknown|unsupported|not_found", ErrorKind.PROTOCOL, False),
)

_OF_A_PART = re.compile(r"mcp|tool|function|transcri")
"""A fault with these words is of something that the session asks or does without."""
_CERTAIN = re.compile(
    r"api_?key|token_(expired|invalid|revoked)|(invalid|expired)_token|beta_api_shape|model"
    r"|invalid_auth|auth_(error|fail|invalid|required)|quota|credit|billing|payment|session"
)
"""With these an open session is over. Other words that a hand-shake is refused with are, once it
is open, about something in it; and who means the session closes it."""

_CLOSE_CODES = {
    1000: (ErrorKind.SERVICE, "the service ended the session"),
    1001: (ErrorKind.SERVICE, "the service is going away"),
    1002: (ErrorKind.PROTOCOL, "WebSocket protocol error"),
    1003: (ErrorKind.PROTOCOL, "the service refused a kind of message"),
    1006: (ErrorKind.NETWORK, "the connection was lost"),
    1007: (ErrorKind.PROTOCOL, "a message was not valid text"),
    1008: (ErrorKind.PROTOCOL, "the service refused the session"),
    1009: (ErrorKind.PROTOCOL, "a message was too big"),
    1010: (ErrorKind.PROTOCOL, "the service lacks a WebSocket extension"),
    1011: (ErrorKind.SERVICE, "the service failed"),
    1012: (ErrorKind.SERVICE, "the service restarts"),
    1013: (ErrorKind.SERVICE, "the service is overloaded"),
    1014: (ErrorKind.SERVICE, "a gateway of the service failed"),
    1015: (ErrorKind.CERTIFICATE, "TLS failed"),
    3000: (ErrorKind.KEY, "the service did not accept the key"),
    3003: (ErrorKind.KEY, "the key may not do this"),
    3008: (ErrorKind.SERVICE, "the service timed out"),
    4000: (ErrorKind.PROTOCOL, "the service refused the session"),
}
#: Codes that say little: private ones (RFC 6455, 7.4.2) from 4001 on, which every server
#: uses in its own way, and "policy violation". Their number or their reason may tell more.
_VAGUE = frozenset({1008, *range(4001, 5000)})


@dataclass(frozen=True, slots=True)
class Fault:
    """``over`` tells whether the session ends with it."""

    kind: ErrorKind
    detail: str
    over: bool
    code: str = ""


def secrets_in(address: str) -> tuple[str, ...]:
    """What must not be shown of a signed address beside the whole of it: the user's password and
    whatever its query says that is long enough, as it is sent and as it is meant."""
    try:
        parts = urlsplit(address)
        query = parse_qsl(parts.query, keep_blank_values=True)
        password = parts.password or ""
    except ValueError:
        return ()
    if not parts.scheme or not parts.netloc:
        return ()
    meant = [value for name, value in query if not _PLAIN.fullmatch(name)]
    pairs = [pair.partition("=") for pair in parts.query.split("&")]
    sent = [value for name, _, value in pairs if not _PLAIN.fullmatch(name)]
    found = {password, *meant, *sent, *(quote(value, safe="") for value in meant)}
    return tuple(secret for secret in found if len(secret) >= _SHORTEST_SECRET)


class Explainer:
    """Puts errors into words; no secret of the session ever appears in them: neither ``key`` nor
    what else was to be kept."""

    def __init__(self, key: str, *more: str) -> None:
        self._key = key
        self.opened = False  #: the session was accepted, and the key with it
        self._kept: list[str] = []  # the longest first: a part of another would leave its rest
        self.keep(*more)

    def keep(self, *secrets: str) -> None:
        """These are not shown, either; an address neither as a whole nor what is secret in it."""
        found = {
            one for s in secrets for one in (s, *secrets_in(s)) if len(one) >= _SHORTEST_SECRET
        }
        self._kept = sorted({*self._kept, *found}, key=len, reverse=True)

    def clean(self, words: str, limit: int = 200) -> str:
        """One line without control characters and without anything like a key."""
        for secret in (self._key, *self._kept):
            if secret:
                words = words.replace(secret, "[key]")
        words = re.sub(r"\b(sk|ek)[-_][\w*-]{6,}", "[key]", words)
        words = " ".join("".join(c if c.isprintable() else " " for c in words).split())
        return words if len(words) <= limit else words[: limit - 1] + "…"

    def error(self, error: Mapping[str, object]) -> Fault:
        """An ``error`` object, of the event or inside a failed response."""
        code = text(error, "code")
        family = text(error, "type")
        message = text(error, "message")
        kind, over = self._weigh(code, family)
        detail = self.clean(message or code or family or "the service reported an error")
        if code and code not in detail:
            detail += f" [{self.clean(code, 60)}]"
        return Fault(kind, detail, over, code)

    def _weigh(self, code: str, family: str) -> tuple[ErrorKind, bool]:
        """What kind of fault it is, and whether it is the session's end."""
        kind, over = _classify(code, family)
        words = _as_words(code or family)
        about_a_part = _OF_A_PART.search(words) is not None
        if over and about_a_part:
            return (ErrorKind.SERVICE if kind is ErrorKind.KEY else kind), False
        return kind, over and not (self.opened and not _CERTAIN.search(words))

    def refusal(self, status: int, body: bytes) -> Fault:
        """The hand-shake was answered with HTTP ``status``."""
        kind, words = _refusal(status)
        error = _error_in(body)
        detail = f"{words} (HTTP {status})"
        if error:
            fault = self.error(error)
            detail += f": {fault.detail}"
            # The body knows better than a general 400, and some tell a limit with 401.
            limit = status in (400, 401, 403) and fault.kind is ErrorKind.QUOTA
            if limit or (status == 400 and fault.kind is ErrorKind.KEY):
                kind = fault.kind
        return Fault(kind, detail, over=True)

    def closing(self, code: int, reason: str) -> Fault:
        """The WebSocket was closed with ``code``."""
        kind, words = _CLOSE_CODES.get(code, (ErrorKind.SERVICE, "the service ended the session"))
        if code in _VAGUE:
            kind = _of_private_code(code, kind)
            kind = _first_match(reason, default=(kind, True))[0]
        detail = f"{words} ({code})"
        said = self.clean(reason, 120)
        return Fault(kind, f"{detail}: {said}" if said else detail, over=True)


def _classify(code: str, family: str) -> tuple[ErrorKind, bool]:
    """The code decides; the error's family is asked when the code means nothing."""
    by_family = _first_match(family, default=(ErrorKind.SERVICE, False))
    return _first_match(code, default=by_family) if code else by_family


def _first_match(words: str, default: tuple[ErrorKind, bool]) -> tuple[ErrorKind, bool]:
    lowered = _as_words(words)
    for pattern, kind, over in _WORDS:
        if re.search(pattern, lowered):
            return kind, over
    return default


def _as_words(code: str) -> str:
    return code.lower().replace(" ", "_")


def _of_private_code(code: int, default: ErrorKind) -> ErrorKind:
    """Many servers reuse HTTP's numbers: 4401, 4403, 4429; some 4001, 4003, 4029."""
    if code in (4401, 4403, 4001, 4003):
        return ErrorKind.KEY
    return ErrorKind.QUOTA if code in (4429, 4029, 4402) else default


def _refusal(status: int) -> tuple[ErrorKind, str]:
    if status in (401, 403):
        return ErrorKind.KEY, "the service did not accept the key"
    if status in (402, 429):
        return ErrorKind.QUOTA, "the service's limit is reached"
    if status == 404:
        return ErrorKind.PROTOCOL, "no such address or model"
    if status == 408 or status >= 500:
        return ErrorKind.SERVICE, "the service is not available"
    if 300 <= status < 400:
        return ErrorKind.PROTOCOL, "the address leads elsewhere"
    return ErrorKind.PROTOCOL, "the service refused the connection"


def _error_in(body: bytes) -> Mapping[str, object]:
    """What an HTTP answer says of an error, as an ``error`` object, or nothing. It stands in
    ``error``, in ``detail`` or at the top, and services have as many names for its parts."""
    try:
        parsed = _first(json.loads(body))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(parsed, dict):
        return {}
    found = [_as_error(_first(parsed.get("error"))), _as_error(_first(parsed.get("detail")))]
    found += [_as_error(parsed), {"message": _said(parsed, "detail", "error")}]
    worded = [error for error in found if error.get("message")]
    return next(iter(worded or [error for error in found if error.get("code")]), {})


def _first(value: object) -> object:
    """Of a list; anything else is what it is."""
    return (value[0] if value else None) if isinstance(value, list) else value


def _as_error(said: object) -> dict[str, str]:
    return {
        "code": _said(said, "code", "err_code", "status"),
        "type": _said(said, "type"),
        "message": _said(said, "message", "err_msg", "msg"),
    }


def _said(fields: object, *names: str) -> str:
    """The first of these that is text, or texts."""
    if not isinstance(fields, dict):
        return ""
    for name in names:
        value = fields.get(name)
        if isinstance(value, list):
            value = " ".join(one for one in value if isinstance(one, str))
        if isinstance(value, str) and value.strip():
            return value
    return ""
