"""Did the service answer, or a network that wants somebody to log in first (a captive portal)?

Such a network answers every plain HTTP request itself: with 511 (RFC 6585), with a redirect to
its own page, or with the page. Where TLS was spoken the certificate has proved who answers, so
all but 511 is the service's own word then; what a portal does to TLS shows in the certificate
(``link_errors``). Pure.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urljoin, urlsplit

from device.adapters.link_dial import Target, target_of

#: RFC 6585: network authentication required.
LOG_IN_FIRST = 511
_REDIRECTS = frozenset({300, 301, 302, 303, 307, 308})
#: Names that only the local network knows (RFC 6762, RFC 8375).
_LOCAL_NAMES = (".local", ".home.arpa", ".lan")


class LogInFirstError(OSError):
    """Something on the way has answered in the service's place."""


def asks_for_log_in(url: str, status: int, headers: Mapping[str, str]) -> str:
    """In words, how something other than the service at ``url`` answered; empty: it did not, or
    nobody can tell. ``headers`` of the answer, whose names may be in any case."""
    if status == LOG_IN_FIRST:
        return f"this network wants somebody to log in first (HTTP {status})"
    try:
        target = target_of(url)
    except ValueError:
        return ""
    if target.secure:
        return ""
    known = {name.lower(): value for name, value in headers.items()}
    host = _led_to(url, known.get("location", "")) if status in _REDIRECTS else ""
    elsewhere = host != target.host and not (target.loopback and _is_loopback(host))
    if host and elsewhere:
        return f"{target} leads to {host} (HTTP {status}): this network may want a log-in"
    page = known.get("content-type", "").lower().startswith("text/html")
    if status == 200 and page and not _is_near(target):
        return f"a web page came in place of {target}: this network may want a log-in"
    return ""


def _led_to(url: str, location: str) -> str:
    """The host that a redirect names; empty: none, or the same one."""
    try:
        return (urlsplit(urljoin(url, location)).hostname or "") if location else ""
    except ValueError:
        return ""


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def _is_near(target: Target) -> bool:
    """On this machine or its own network, where no portal answers for it: a web page there is
    that of a server which the owner has named by mistake."""
    if target.loopback or "." not in target.host or target.host.endswith(_LOCAL_NAMES):
        return True
    try:
        address = ipaddress.ip_address(target.host)
    except ValueError:
        return False
    return address.is_private or address.is_link_local
