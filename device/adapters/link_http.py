"""HTTP for services whose hand-shake needs it: one request, one bounded answer.

Standard library, blocking, meant for a worker thread. Follows no redirect, so a
credential goes to no other host than the one it is meant for.
"""

from __future__ import annotations

import http.client
import ssl
from urllib.parse import urlsplit

from device.adapters.link_dial import target_of
from device.adapters.link_portal import LogInFirstError, asks_for_log_in
from device.providers.base import HttpRequest

#: A hand-shake's answer is a token and an address; more is not read.
ANSWER_LIMIT = 1024 * 1024


def ask(
    request: HttpRequest, timeout_s: float, context: ssl.SSLContext | None
) -> tuple[int, bytes]:
    """As `perform`, of a service somewhere on the network.

    Raises:
        LogInFirstError: the network itself has answered.
    """
    status, body, headers = _perform(request, timeout_s, context)
    if words := asks_for_log_in(request.url, status, headers):
        raise LogInFirstError(words)
    return status, body


def perform(
    request: HttpRequest, timeout_s: float, context: ssl.SSLContext | None
) -> tuple[int, bytes]:
    """Status and body. ``timeout_s`` bounds every single wait, not their sum.

    Raises:
        OSError, http.client.HTTPException: no answer.
        ValueError: the address is none.
    """
    return _perform(request, timeout_s, context)[:2]


def _perform(
    request: HttpRequest, timeout_s: float, context: ssl.SSLContext | None
) -> tuple[int, bytes, dict[str, str]]:
    target = target_of(request.url)
    connection: http.client.HTTPConnection
    if target.secure:
        connection = http.client.HTTPSConnection(
            target.host, target.port, timeout=timeout_s, context=context
        )
    else:
        connection = http.client.HTTPConnection(target.host, target.port, timeout=timeout_s)
    parts = urlsplit(request.url)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        # None, not b"": some servers refuse a GET with a length.
        body, headers = request.body or None, dict(request.headers)
        connection.request(request.method, path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(ANSWER_LIMIT), dict(answer.getheaders())
    finally:
        connection.close()
