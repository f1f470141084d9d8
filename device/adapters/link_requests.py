"""HTTP beside a session: what its codec asks before there is a socket, and when it leaves."""

from __future__ import annotations

import asyncio
import http.client

from device.adapters import link_http
from device.adapters.link_dial import SslContext, target_of
from device.adapters.link_errors import Ending, explain
from device.adapters.link_threads import in_daemon_thread
from device.providers.base import HttpRequest


async def ask(
    request: HttpRequest, ssl_context: SslContext, timeout_s: float
) -> tuple[int, bytes] | Ending:
    """Status and body, within ``timeout_s``, or why there is no answer. Loop thread."""
    where = "the service"
    try:
        target = target_of(request.url)
        where = str(target)
        async with asyncio.timeout(timeout_s):
            context = await ssl_context() if target.secure else None
            return await in_daemon_thread(
                "link-http", lambda: link_http.ask(request, timeout_s, context)
            )
    except (OSError, http.client.HTTPException, ValueError) as error:
        return explain(error, where, timeout_s)
