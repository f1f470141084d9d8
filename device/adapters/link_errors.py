"""Why a connection failed, in an owner's words. Pure translation of exceptions."""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass

from websockets.exceptions import (
    InvalidHandshake,
    InvalidProxy,
    InvalidURI,
    ProxyError,
)

from device.adapters.key_fetch import KeyFetchError
from device.adapters.link_portal import LogInFirstError
from device.errors import ConfigError, ParlorError, SecretError, ServiceError
from device.events import Cause, ErrorKind

_NO_ROUTE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
_LOST = {errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED}

# OpenSSL's X509_V_ERR_* numbers.
_NOT_YET_VALID = 9
_EXPIRED = 10
_SELF_SIGNED = {18, 19}
_UNKNOWN_ISSUER = {2, 20, 21}
_WRONG_NAME = {62, 64}


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt or a session ended. ``kind`` is None when we wanted it."""

    reason: str
    kind: ErrorKind | None = None
    cause: Cause = Cause.UNKNOWN


def explain(error: BaseException, where: str, waited_s: float) -> Ending:
    """Tell errors apart. ``where`` is host and port; ``waited_s`` the time allowed."""
    cause = error.__cause__ if isinstance(error, InvalidHandshake) else error
    # asyncio reports an end of file during TLS as a reset without a number.
    cut_short = isinstance(cause, ConnectionResetError) and cause.errno is None
    if cut_short or isinstance(cause, EOFError):
        return Ending(f"{where} hung up during the hand-shake", ErrorKind.NETWORK)
    match error:
        case ssl.SSLCertVerificationError():
            return _certificate(error, where)
        case ssl.SSLError():
            return _tls(error, where)
        case ParlorError():
            return _ours(error)
        case TimeoutError():
            words = f"{where} did not answer within {waited_s:g} s"
            return Ending(words, ErrorKind.NETWORK, Cause.SILENT)
        case socket.gaierror():
            words = f"the name of {where} cannot be resolved (is the network up?)"
            return Ending(words, ErrorKind.NETWORK, Cause.NO_NETWORK)
        case ConnectionRefusedError():
            return Ending(f"{where} refused the connection: nothing listens", ErrorKind.NETWORK)
        case LogInFirstError():
            return Ending(str(error), ErrorKind.NETWORK, Cause.LOG_IN)
        case OSError():
            why = Cause.NO_NETWORK if error.errno in _NO_ROUTE else Cause.UNKNOWN
            return Ending(_os_error(error, where), ErrorKind.NETWORK, why)
        case InvalidURI():
            words = "service.url is not a WebSocket address (wss://host/path)"
            return Ending(words, ErrorKind.PROTOCOL)
        case InvalidProxy() | ProxyError():
            return Ending(f"the proxy on the way to {where} refused", ErrorKind.NETWORK)
        case InvalidHandshake():
            return Ending(f"{where} does not speak WebSocket here", ErrorKind.PROTOCOL)
        case _:
            words = f"unexpected {type(error).__name__} while connecting to {where}"
            return Ending(words, ErrorKind.PROTOCOL)


def _ours(error: ParlorError) -> Ending:
    match error:
        case KeyFetchError():
            return Ending(str(error), error.kind)
        case SecretError():
            return Ending(str(error), ErrorKind.KEY)
        case ServiceError():
            return Ending(str(error), error.kind)
        case ConfigError():
            return Ending(str(error), ErrorKind.PROTOCOL)
        case _:
            return Ending(str(error), ErrorKind.SERVICE)


def _certificate(error: ssl.SSLCertVerificationError, where: str) -> Ending:
    """What a wrong clock and a log-in page look like: the one makes every certificate too old or
    too young, the other answers for everybody with its own."""
    code = error.verify_code
    words = f"the certificate of {where} was not accepted: {error.verify_message}"
    cause = Cause.UNKNOWN
    if code in (_EXPIRED, _NOT_YET_VALID):
        cause = Cause.CLOCK
        words = (
            f"the certificate of {where} has expired, or this device's clock is wrong"
            if code == _EXPIRED
            else f"the certificate of {where} is not valid yet: this device's clock may be wrong"
        )
    elif code in _SELF_SIGNED:
        words = f"the certificate of {where} is self-signed"
    elif code in _UNKNOWN_ISSUER:
        words = f"the certificate of {where} comes from an unknown issuer"
    elif code in _WRONG_NAME:
        cause = Cause.LOG_IN
        words = f"the certificate is not for {where}"
    if code in _SELF_SIGNED | _UNKNOWN_ISSUER | _WRONG_NAME:
        words += " (a network that wants a log-in first answers like that)"
    return Ending(words, ErrorKind.CERTIFICATE, cause)


def _tls(error: ssl.SSLError, where: str) -> Ending:
    reason = error.reason or ""
    if reason in ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"):
        return Ending(f"{where} does not speak TLS (ws:// instead of wss://?)", ErrorKind.PROTOCOL)
    if isinstance(error, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return Ending(f"{where} hung up during TLS", ErrorKind.NETWORK)
    return Ending(f"TLS with {where} failed: {reason or 'no reason given'}", ErrorKind.CERTIFICATE)


def _os_error(error: OSError, where: str) -> str:
    if error.errno in _NO_ROUTE:
        return f"there is no route to {where} (is the network up?)"
    if error.errno in _LOST:
        return f"the connection to {where} was reset"
    return f"{where} cannot be reached: {error.strerror or type(error).__name__}"
