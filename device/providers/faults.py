"""What an error of the service means: which kind it is, and whether the session survives.

Code strings are matched by their words, because compatible servers spell them
in their own ways and few of them are documented.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from device.events import ErrorKind
from device.providers.wire import mapping, text

#: Looked for in order; the first that occurs decides.
_WORDS: tuple[tuple[str, ErrorKind, bool], ...] = (
    # (pattern, kind, is the session over)
    (r"session_expired|session.*(expired|maximum_duration)", ErrorKind.SERVICE, True),
    (r"beta_api_shape|model_not_found|unsupported_model|invalid_model", ErrorKind.PROTOCOL, True),
    (
        r"api_?key|authenticat|unauthori[sz]ed|permission|forbidden"
        r"|token_(expired|invalid|revoked)|(invalid|expired)_token",
        ErrorKind.KEY,
        True,
    ),
    (r"insufficient_quota|credit_balance|billing|quota_exceeded|payment", ErrorKind.QUOTA, True),
    (r"rate_?limit|quota|too_many", ErrorKind.QUOTA, False),
    (r"server_error|internal|overloaded|unavailable|timeout", ErrorKind.SERVICE, False),
    (r"invalid|missing|unknown|unsupported|not_found", ErrorKind.PROTOCOL, False),
)

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


class Explainer:
    """Puts errors into words; the session's key never appears in them."""

    def __init__(self, key: str) -> None:
        self._key = key

    def clean(self, words: str, limit: int = 200) -> str:
        """One line without control characters and without anything like a key."""
        if self._key:
            words = words.replace(self._key, "[key]")
        words = re.sub(r"\b(sk|ek)[-_][\w*-]{6,}", "[key]", words)
        words = " ".join("".join(c if c.isprintable() else " " for c in words).split())
        return words if len(words) <= limit else words[: limit - 1] + "…"

    def error(self, error: Mapping[str, object]) -> Fault:
        """An ``error`` object, of the event or inside a failed response."""
        code = text(error, "code")
        family = text(error, "type")
        message = text(error, "message")
        kind, over = _classify(code, family)
        detail = self.clean(message or code or family or "the service reported an error")
        if code and code not in detail:
            detail += f" [{self.clean(code, 60)}]"
        return Fault(kind, detail, over, code)

    def refusal(self, status: int, body: bytes) -> Fault:
        """The hand-shake was answered with HTTP ``status``."""
        kind, words = _refusal(status)
        error = _error_in(body)
        detail = f"{words} (HTTP {status})"
        if error:
            fault = self.error(error)
            detail += f": {fault.detail}"
            # The body knows better than a general 400.
            if status == 400 and fault.kind in (ErrorKind.KEY, ErrorKind.QUOTA):
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
    lowered = words.lower().replace(" ", "_")
    for pattern, kind, over in _WORDS:
        if re.search(pattern, lowered):
            return kind, over
    return default


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
    """``{"error": {...}}`` of an HTTP answer, or nothing."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return mapping(parsed, "error") if isinstance(parsed, dict) else {}
