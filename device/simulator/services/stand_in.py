"""What all stand-ins share: the WebSocket server, plain HTTP beside it, the record of it all."""

from __future__ import annotations

import asyncio
import http.server
import json
import ssl
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from device.simulator.services.brain import Brain
from device.simulator.services.line import Data, Line, Trouble

MAX_MESSAGE_BYTES = 16 * 1024 * 1024
POLL_S = 0.02  #: how soon the plain HTTP server notices that it is to stop


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    status: int
    body: Mapping[str, Any] = field(default_factory=dict)


class StandIn(ABC):
    """One service on loopback. Event loop only, but for :meth:`answer_post`.

    ``brain`` makes who answers, a new one for each connection. ``cap_s`` is the longest a
    session may last (None: the service's own cap). ``key`` is what clients must show.
    """

    unknown: Data = '{"type": "parlor.unheard.of"}'
    """A message of a kind that the protocol does not know."""

    def __init__(
        self,
        brain: Callable[[], Brain],
        *,
        key: str = "stand-in-key",
        trouble: Trouble | None = None,
        cap_s: float | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.brain, self.key, self.cap_s = brain, key, cap_s
        self.trouble = trouble or Trouble()
        self._tls = tls
        self.lines: list[Line] = []  #: of every connection there was, in order
        self.requests: list[Request] = []  #: the WebSocket hand-shakes
        self.posted: list[tuple[str, Mapping[str, Any]]] = []  #: path and JSON body
        self._server: Server | None = None
        self._desk: http.server.ThreadingHTTPServer | None = None
        self.port = 0
        self.http_port = 0

    # --- what a service is ------------------------------------------------------------

    @property
    @abstractmethod
    def url(self) -> str:
        """What the owner configures as ``service.url``."""

    @abstractmethod
    async def converse(self, line: Line, request: Request) -> None:
        """One connection, from its first message to its last; it is closed afterwards."""

    def refuse(self, request: Request) -> HttpAnswer | None:
        """A WebSocket hand-shake that is not accepted: the HTTP answer to it."""
        return None

    def answer_get(self, path: str, headers: Headers) -> HttpAnswer | None:
        """To a plain GET on the WebSocket's port."""
        return None

    def answer_post(
        self, path: str, headers: Mapping[str, str], body: Mapping[str, Any]
    ) -> HttpAnswer:
        """To a POST on ``http_port``; called in a thread of its own."""
        return HttpAnswer(404, {"error": "not found"})

    def subprotocol(self, offered: list[Subprotocol]) -> Subprotocol | None:
        return None

    # --- running ----------------------------------------------------------------------

    @property
    def origin(self) -> str:
        return f"{'wss' if self._tls else 'ws'}://127.0.0.1:{self.port}"

    @property
    def http_origin(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    async def __aenter__(self) -> StandIn:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self, port: int = 0) -> None:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            port,
            ssl=self._tls,
            process_request=self._check,
            select_subprotocol=lambda _socket, offered: self.subprotocol(list(offered)),
            compression=None,
            max_size=MAX_MESSAGE_BYTES,
            close_timeout=1,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        self._desk = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _desk_of(self))
        self.http_port = self._desk.server_address[1]
        threading.Thread(target=self._desk.serve_forever, args=(POLL_S,), daemon=True).start()

    async def stop(self) -> None:
        """Close every connection and both ports."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        if self._desk is not None:
            await asyncio.to_thread(self._desk.shutdown)
            self._desk.server_close()

    def received(self) -> list[Data]:
        """Every message of every connection, in order of the connections."""
        return [data for line in self.lines for data in line.received]

    async def _serve(self, socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None
        few = len(self.lines) < self.trouble.connections
        line = Line(socket, self.trouble if few else Trouble(), self.unknown)
        self.lines.append(line)
        await self.converse(line, request)

    def _check(self, socket: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Upgrade", "").lower() != "websocket":
            got = self.answer_get(request.path, request.headers)
            return _response(got or HttpAnswer(404, {"error": "not found"}))
        self.requests.append(request)
        refused = self.refuse(request)
        return None if refused is None else _response(refused)


def _response(answer: HttpAnswer) -> Response:
    body = json.dumps(answer.body).encode()
    headers = Headers(
        [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ]
    )
    return Response(answer.status, http.HTTPStatus(answer.status).phrase, headers, body)


def _desk_of(stand_in: StandIn) -> type[http.server.BaseHTTPRequestHandler]:
    class Desk(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            raw = self.rfile.read(length) or b"{}"
            try:
                body = json.loads(raw)
            except ValueError:
                self._give(HttpAnswer(400, {"error": "the body is not JSON"}))
                return
            stand_in.posted.append((self.path, body))
            self._give(stand_in.answer_post(self.path, dict(self.headers.items()), body))

        def do_GET(self) -> None:
            got = stand_in.answer_get(self.path, Headers(self.headers.items()))
            self._give(got or HttpAnswer(404, {"error": "not found"}))

        def _give(self, answer: HttpAnswer) -> None:
            body = json.dumps(answer.body).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the stand-in keeps its own record."""

    return Desk
