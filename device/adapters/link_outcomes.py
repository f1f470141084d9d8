"""How a connection that was refused, or has been closed, is told to the codec."""

from __future__ import annotations

from dataclasses import replace

from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed, InvalidStatus

from device.adapters.link_errors import Ending
from device.adapters.link_portal import asks_for_log_in
from device.events import Cause, ErrorKind
from device.providers.base import Codec, Disconnect, Output

#: HTTP 525 and 526: a gateway (Cloudflare's numbers) reached the service, but their
#: TLS failed, or the service's certificate is not valid.
TLS_BEHIND_GATEWAY = frozenset({525, 526})


def of_failed_dial(
    error: Exception, codec: Codec, now: float, url: str = ""
) -> list[Output] | Ending | None:
    """What the codec makes of an HTTP answer in place of a WebSocket; None: it was none.
    ``url``: what was dialled."""
    # A redirect, which is not followed, arrives as the cause of a ValueError; one that leads to
    # no WebSocket is what was under way when its address was refused.
    status = error if isinstance(error, InvalidStatus) else error.__cause__ or error.__context__
    if isinstance(status, InvalidStatus):
        answer = status.response
        headers = dict((answer.headers or Headers()).raw_items())
        if words := asks_for_log_in(url, answer.status_code, headers):
            return Ending(words, ErrorKind.NETWORK, Cause.LOG_IN)
        outputs = codec.refused(answer.status_code, bytes(answer.body or b""), now)
        if answer.status_code not in TLS_BEHIND_GATEWAY:
            return outputs
        return [
            replace(output, kind=ErrorKind.CERTIFICATE)
            if isinstance(output, Disconnect)
            else output
            for output in outputs
        ]
    if isinstance(error, ValueError) and not isinstance(error, OSError):
        return Ending("service.url is not a WebSocket address", ErrorKind.PROTOCOL)
    return None


def of_closed(
    closed: ConnectionClosed, codec: Codec, limit: int, now: float
) -> list[Output] | Ending:
    """What the codec makes of the end. ``limit``: bytes of the longest message."""
    sent, received = closed.sent, closed.rcvd
    if sent is not None and sent.code == 1009 and not closed.rcvd_then_sent:
        words = f"a message of more than {limit} bytes came and was refused"
        return Ending(words, ErrorKind.PROTOCOL)
    if received is not None:
        return codec.closed(received.code, received.reason, now)
    if sent is not None:  # the library gave up: bad frames, bad UTF-8
        return codec.closed(sent.code, sent.reason, now)
    return codec.closed(1006, "", now)
