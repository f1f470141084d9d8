"""What Wiro's two realtime products have in common on the wire. Stateless, but for `Discreet`.

**Whose sound is it?** A binary message is ``<token>|<PCM>``, and PCM holds any byte. So:

- What begins with our token and ``|`` is ours, whatever follows: the first ``|`` behind the
  token counts, and none of those within the PCM.
- What begins with 4 or more characters of which tokens are made, and ``|``, is somebody else's
  and dropped. PCM looks like that only where it begins with two full-scale samples (each byte of
  ``+`` to ``z``: beyond 11000 of 32767) and a fifth byte that happens to be ``|``: less than
  once in 200 000 loud messages, which then costs this one message.
- What is left is PCM without a prefix if it is of even length and no text, and dropped if not.
  Text, as a gateway may send it, would be a bang; PCM that looks like it would have to be above
  8000 in every sample.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from device.events import ErrorKind
from device.providers.base import Said, SessionSpec
from device.providers.faults import Explainer, Fault
from device.providers.wire import Malformed, mapping, objects, parse_object, text

RATE_HZ = 24000

_OTHER_TOKEN = re.compile(rb"[\w.:=+/@~-]{4,1024}\|")
_TEXT = re.compile(rb"[\t\n\r -~]*")
#: Shorter ones would be found everywhere; no service makes them.
_SHORTEST_SECRET = 4
_HTTP = {"http": "http", "https": "https", "ws": "http", "wss": "https"}

_CODES: Mapping[int, tuple[ErrorKind, str]] = {
    0: (ErrorKind.SERVICE, "Wiro reported an error"),
    1: (ErrorKind.PROTOCOL, "Wiro does not know this model or agent"),
    # Sessions that were lost are still counted for a moment: trying again soon helps.
    96: (ErrorKind.SERVICE, "as many sessions are running as the account may have"),
    97: (ErrorKind.QUOTA, "the balance of the account is too low"),
    98: (ErrorKind.KEY, "Wiro did not accept the key"),
    99: (ErrorKind.KEY, "Wiro did not accept the token"),
}
#: They say more than the others beside them, and more than an HTTP status.
_TELLING = (97, 98, 99, 96)


def framed(token: str, pcm: bytes) -> bytes:
    """A binary message of ours."""
    return token.encode() + b"|" + pcm


def unframed(data: bytes, token: str) -> bytes | None:
    """The PCM of a binary message; None when it is not for us, see the module."""
    ours = token.encode()
    if data.startswith(ours):
        return data[len(ours) + 1 :] if data[len(ours) :].startswith(b"|") else None
    if len(data) % 2 or _OTHER_TOKEN.match(data) or _TEXT.fullmatch(data):
        return None
    return data


def parse(data: str | bytes) -> dict[str, object] | bytes | Malformed:
    """A message, or the binary message as it is. JSON in a binary message is read as JSON: as
    sound it would be a bang."""
    if isinstance(data, str):
        return parse_object(data)
    if data[:1] == b"{":
        parsed = parse_object(data)
        if not isinstance(parsed, Malformed):
            return parsed
    return bytes(data)


def address(base: str, path: str) -> str:
    """Of the HTTP interface at ``base``. Raises ValueError: that is no address."""
    parts = urlsplit(base)
    scheme = _HTTP.get(parts.scheme)
    if scheme is None or not parts.hostname:
        raise ValueError("not an address")
    whole = f"{parts.path.rstrip('/')}/{quote(path.strip('/'), safe='/-_.~')}"
    return urlunsplit((scheme, parts.netloc, whole, parts.query, ""))


def headers(spec: SessionSpec, unix_time_s: float) -> dict[str, str]:
    """Of a request made at that time. With a secret the project wants signatures, in which the
    key is the key of the HMAC, and the secret a part of the message (not the other way round)."""
    plain = {"Content-Type": "application/json", "x-api-key": spec.key}
    if not spec.secret:
        return plain
    nonce = str(int(unix_time_s))
    signed = hmac.new(spec.key.encode(), f"{spec.secret}{nonce}".encode(), hashlib.sha256)
    return {**plain, "x-nonce": nonce, "x-signature": signed.hexdigest()}


def instructions(spec: SessionSpec) -> str:
    """What the model is told about its role, and what was said before."""
    if not spec.history:
        return spec.instructions
    lines = "\n".join(_line(said) for said in spec.history)
    return f"{spec.instructions}\n\nThe conversation so far:\n{lines}".lstrip()


def field(answer: Mapping[str, object], name: str) -> str:
    """A text of an HTTP answer, at its top level or within ``data``; numbers count as text."""
    for fields in (answer, mapping(answer, "data")):
        value = fields.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)[:40]
        if found := text(fields, name):
            return found
    return ""


class Discreet(Explainer):
    """Puts errors into words, without any of several secrets; more may become known."""

    def __init__(self, *secrets: str) -> None:
        super().__init__(secrets[0])
        self._secrets: list[str] = []
        self.hide(*secrets)

    def hide(self, *secrets: str) -> None:
        found = {*self._secrets, *(s for s in secrets if len(s) >= _SHORTEST_SECRET)}
        self._secrets = sorted(found, key=len, reverse=True)

    def hide_address(self, url: str) -> None:
        """An address that was given to us alone, and what its query says, as it stands there
        and as it is meant."""
        query = urlsplit(url).query
        written = [part.partition("=")[2] for part in query.split("&")]
        self.hide(url, query, *written, *(value for _, value in parse_qsl(query)))

    def clean(self, words: str, limit: int = 200) -> str:
        for secret in self._secrets:
            words = words.replace(secret, "[key]")
        return super().clean(words, limit)

    def errors(self, fields: Mapping[str, object]) -> Fault | None:
        """What an ``errors`` list says, if there is one."""
        found = [(_code(entry), text(entry, "message")) for entry in objects(fields, "errors")]
        if not found:
            return None
        code, message = min(found, key=lambda one: _rank(one[0]))
        kind, words = _CODES.get(code, _CODES[0])
        said = self.clean(message, 120)
        detail = f"{words}: {said}" if said else words
        return Fault(kind, f"{detail} [{code}]" if code >= 0 else detail, over=True, code=str(code))

    def answer(self, status: int, body: bytes) -> Mapping[str, object] | Fault:
        """The answer to a request, or why there is none. Errors come with HTTP 200, too."""
        parsed = parse_object(body)
        fields: Mapping[str, object] = {} if isinstance(parsed, Malformed) else parsed
        fault = self.errors(fields)
        if not 200 <= status < 300:
            refused = self.refusal(status, body)
            if fault is None:
                return refused
            if fault.code in map(str, _TELLING):
                return fault
            return Fault(refused.kind, f"{refused.detail}: {fault.detail}", over=True)
        if isinstance(parsed, Malformed):
            return Fault(ErrorKind.PROTOCOL, f"Wiro's answer is {parsed.why}", over=True)
        if fault is not None:
            return fault
        if fields.get("result") in (False, "false"):
            return Fault(ErrorKind.SERVICE, "Wiro refused, and does not say why", over=True)
        return fields


def _code(entry: Mapping[str, object]) -> int:
    """Codes come as numbers and as text; -1: none."""
    value = entry.get("code")
    if isinstance(value, bool):
        return -1
    if isinstance(value, int):
        return value if 0 <= value < 10_000 else -1
    words = text(entry, "code").strip()
    return int(words) if words.isascii() and words.isdigit() and len(words) < 5 else -1


def _rank(code: int) -> int:
    return _TELLING.index(code) if code in _TELLING else len(_TELLING)


def _line(said: Said) -> str:
    return f"{'User' if said.by == 'user' else 'You'}: {said.text}"
