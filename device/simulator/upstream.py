"""Where the proxy leads: the service's address, the way there, and why it may fail."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

from device.errors import SimulatorError

#: Longer than any appliance waits; then the attempt is given up.
DIAL_LIMIT_S = 60.0

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class UnreachableError(Exception):
    """The service was not reached. ``str()`` says why; ``refused``: its machine refused
    the TCP connection; ``tls``: the TLS hand-shake failed, mostly for its certificate."""

    def __init__(self, reason: str, *, refused: bool = False, tls: bool = False) -> None:
        super().__init__(reason)
        self.refused, self.tls = refused, tls


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where the service is. ``tls`` None: plain TCP."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None

    @classmethod
    def of_any(cls, url: str) -> Upstream:
        """As :meth:`of_url`, also for where the way begins with HTTP."""
        scheme, colon, rest = url.partition("://")
        plain = {"http": "ws", "https": "wss"}.get(scheme, scheme)
        return cls.of_url(f"{plain}{colon}{rest}")

    @classmethod
    def of_url(cls, url: str) -> Upstream:
        """From a ``ws://`` or ``wss://`` address; raises SimulatorError."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise SimulatorError(f"service.url '{url}' is no address: {error}") from error
        if parts.scheme not in ("ws", "wss") or not host:
            raise SimulatorError(f"service.url '{url}' is no ws:// or wss:// address")
        tls = ssl.create_default_context() if parts.scheme == "wss" else None
        return cls(host, port or (443 if tls else 80), tls)

    @property
    def host_header(self) -> str:
        default = self.port == (443 if self.tls else 80)
        return self._bracketed if default else self.name

    @property
    def name(self) -> str:
        """``host:port``, as the appliance's messages would name the configured service."""
        return f"{self._bracketed}:{self.port}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    async def dial(self) -> Streams:
        """TCP, and TLS with a verified certificate. Raises UnreachableError."""
        try:
            async with asyncio.timeout(DIAL_LIMIT_S):
                return await asyncio.open_connection(
                    self.host,
                    self.port,
                    ssl=self.tls,
                    server_hostname=self.host if self.tls else None,
                )
        except ssl.SSLCertVerificationError as error:
            words = f"the certificate of {self.name} was not accepted: {error.verify_message}"
            raise UnreachableError(words, tls=True) from error
        except ssl.SSLError as error:
            words = f"TLS with {self.name} failed: {error.reason or 'no reason given'}"
            raise UnreachableError(words, tls=True) from error
        except ConnectionRefusedError as error:
            words = f"{self.name} refused the connection: nothing listens"
            raise UnreachableError(words, refused=True) from error
        except TimeoutError as error:
            raise UnreachableError(f"{self.name} did not answer") from error
        except socket.gaierror as error:
            raise UnreachableError(f"the name of {self.name} cannot be resolved") from error
        except OSError as error:
            words = f"{self.name} cannot be reached: {error.strerror or type(error).__name__}"
            raise UnreachableError(words) from error

    async def refuses(self) -> bool:
        """Does its machine refuse TCP now? What cannot be told counts as no."""
        try:
            _, writer = await asyncio.open_connection(self.host, self.port)
        except OSError as error:
            return isinstance(error, ConnectionRefusedError)
        writer.close()
        return False


def tls_answer(reason: str) -> bytes:
    """What a gateway answers whose own TLS with the service failed: HTTP 526.

    Cloudflare's number, in wide use; the registry of HTTP has none. The body has the
    shape of the service's own errors.
    """
    body = json.dumps({"error": {"type": "invalid_certificate", "message": reason}}).encode()
    return (
        b"HTTP/1.1 526 Invalid SSL Certificate\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )
