"""Is a text an address of a service? If not: why, and what was probably meant."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from device.config_schema import SHOWN, Mistake, describe, show

_PLAIN = {"wss": "ws", "https": "http"}
_TWINS = {"http": "ws", "https": "wss", "ws": "http", "wss": "https"}
_HOST = re.compile(r"[\w.-]+|[0-9a-f:.]+(%\w+)?")  # a name, or a number of IPv6


def judge_url(url: str, schemes: tuple[str, ...]) -> Mistake | None:
    """None when ``url`` can be used. ``schemes``: the allowed ones, the secure one first."""
    says = _fault(url, schemes)
    if says is None:
        return None
    meant = next((one for one in _guesses(url, schemes) if _fault(one, schemes) is None), "")
    return Mistake(says, f"did you mean {show(meant)}?" if meant and len(meant) <= SHOWN else "")


def _fault(url: str, schemes: tuple[str, ...]) -> str | None:
    found = describe(url, SHOWN)
    if any(c.isspace() or not c.isprintable() for c in url):
        return f"expected an address without spaces and control characters, found {found}"
    expected = " or ".join(f"{scheme}://" for scheme in schemes)
    wrong = f"expected an address that starts with {expected}, found {found}"
    try:
        parts = urlsplit(url)
    except ValueError:
        return wrong
    if parts.scheme not in schemes or not url.startswith(parts.scheme):
        return wrong
    if not parts.hostname:
        return f"the address {found} names no host; expected {schemes[0]}://host/path"
    if not _HOST.fullmatch(parts.hostname):
        return f"expected the name of a host after {parts.scheme}://, found {found}"
    try:
        usable = parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        return f"expected a port from 1 to 65535 in the address, found {found}"
    if "#" in url:
        return f"expected an address without '#', found {found}"
    return None


def _guesses(url: str, schemes: tuple[str, ...]) -> list[str]:
    """What may have been meant; not all of them are usable."""
    stripped = url.strip()
    scheme, found, rest = stripped.partition("://")
    if not found:
        return [f"{_scheme_for(stripped, schemes)}://{stripped}"] if _is_host(stripped) else []
    low = scheme.lower()
    return [f"{one}://{rest}".partition("#")[0] for one in (low, _TWINS.get(low, low))]


def _is_host(text: str) -> bool:
    """``api.example.com/v1`` and ``localhost:9000`` lack only their scheme; words do not."""
    host, colon, port = text.partition("/")[0].partition(":")
    if colon and not port.isdecimal():
        return False
    return all(host.split(".")) and ("." in host or bool(colon) or host == "localhost")


def _scheme_for(text: str, schemes: tuple[str, ...]) -> str:
    """Plain for machines at home, which have no certificate: names without a dot, numbers."""
    host = text.partition("/")[0].partition(":")[0]
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return schemes[0] if "." in host else _PLAIN[schemes[0]]
    return _PLAIN[schemes[0]]
