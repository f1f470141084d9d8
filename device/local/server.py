"""The WebSocket server: hand-shake, credentials, and one :class:`Connection` per client."""

from __future__ import annotations

import hmac
import http
import json
import logging
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.frames import CloseCode
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from device.local.chat import ChatEndpoint
from device.local.connection import Connection
from device.local.listener import Listener
from device.local.respondent import Respondent, Understand
from device.local.session import Limits, Session
from device.ports import VadEngine
from device.voice.speaker import Speaker

PATH = "/v1/realtime"
DEFAULT_MODEL = "parlor-offline"
MAX_MESSAGE_BYTES = 16 * 1024 * 1024  #: one event may be 15 MiB; larger ones end the session
BETA_CLOSE_CODE = 4000
_KEY_SUBPROTOCOL = "openai-insecure-api-key."  # how browsers, which send no headers, give the key

log = logging.getLogger("parlor.local")


@dataclass(frozen=True, slots=True)
class ServerOptions:
    """``key``: clients must present it when it is not empty. ``pace``: how many times
    faster than real time replies are sent; 0: as fast as they are made."""

    host: str = "127.0.0.1"
    port: int = 0
    key: str = ""
    clients: int = 16
    pace: float = 4.0
    limits: Limits = field(default_factory=Limits)
    verbatim: bool = False  #: the recogniser is open-vocabulary


class RealtimeServer:
    """Accepts clients on ``ws://host:port/v1/realtime``. Event loop only.

    The workers are shared by all clients, started and stopped by whoever owns them.
    """

    def __init__(
        self,
        options: ServerOptions,
        *,
        listener: Listener,
        speaker: Speaker,
        new_vad: Callable[[], VadEngine],
        understand: Understand,
        chat: ChatEndpoint | None = None,
    ) -> None:
        self._options = options
        self._listener = listener
        self._speaker = speaker
        self._new_vad = new_vad
        self._understand = understand
        self._chat = chat
        self._server: Server | None = None
        self._clients = 0

    async def start(self) -> int:
        """Listen; returns the port. OSError when it is taken."""
        self._server = await serve(
            self._serve_client,
            self._options.host,
            self._options.port,
            process_request=self._check_request,
            select_subprotocol=_select_subprotocol,
            compression=None,  # base64 audio does not compress enough to be worth the CPU
            max_size=MAX_MESSAGE_BYTES,
            max_queue=4,
            close_timeout=2,
            server_header="parlor",
            logger=_socket_log(),
        )
        port: int = next(iter(self._server.sockets)).getsockname()[1]
        return port

    async def stop(self) -> None:
        """Close every connection (1001) and the port."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _check_request(self, websocket: ServerConnection, request: Request) -> Response | None:
        del websocket
        path = urllib.parse.urlsplit(request.path).path
        if path.rstrip("/") != PATH:
            return _refuse(http.HTTPStatus.NOT_FOUND, "not_found", f"This is {PATH}, not {path}.")
        if not self._authorised(request.headers):
            return _refuse(
                http.HTTPStatus.UNAUTHORIZED, "invalid_api_key", "Incorrect API key provided."
            )
        if self._clients >= self._options.clients:
            return _refuse(
                http.HTTPStatus.SERVICE_UNAVAILABLE, "too_many_sessions", "Too many sessions."
            )
        return None

    def _authorised(self, headers: Headers) -> bool:
        if not self._options.key:
            return True
        offered = [
            value.partition(" ")[2].strip()
            for value in headers.get_all("Authorization")
            if value.lower().startswith("bearer ")
        ]
        for value in headers.get_all("Sec-WebSocket-Protocol"):
            offered += [
                protocol.strip().removeprefix(_KEY_SUBPROTOCOL)
                for protocol in value.split(",")
                if protocol.strip().startswith(_KEY_SUBPROTOCOL)
            ]
        wanted = self._options.key.encode()
        return any(hmac.compare_digest(key.encode(), wanted) for key in offered)

    async def _serve_client(self, websocket: ServerConnection) -> None:
        self._clients += 1
        try:
            await self._converse(websocket)
        except Exception:
            # One client's trouble must not end the service, nor pass unseen.
            log.exception("a session ended by an error of ours")
            await websocket.close(1011, "internal error")
        finally:
            self._clients -= 1

    async def _converse(self, websocket: ServerConnection) -> None:
        request = websocket.request
        if request is None:
            raise RuntimeError("a connection without its request")
        if "realtime=v1" in request.headers.get("OpenAI-Beta", ""):
            await _refuse_beta(websocket)
            return
        query = urllib.parse.parse_qs(urllib.parse.urlsplit(request.path).query)
        respondent = Respondent(
            self._understand,
            chat=self._chat is not None,
            verbatim=self._options.verbatim,
        )
        session = Session(
            query.get("model", [DEFAULT_MODEL])[0][:200],
            self._new_vad(),
            respondent,
            voice=self._speaker.default_voice,
            limits=self._options.limits,
        )
        connection = Connection(
            websocket,
            session,
            self._listener,
            self._speaker,
            self._chat,
            pace=self._options.pace,
        )
        log.info("client connected (%d)", self._clients)
        await connection.run()
        log.info("client gone: %s", _why_gone(websocket))


def _why_gone(websocket: ServerConnection) -> str:
    """A client that was told 1009 often hangs up without an answer: that alone says nothing."""
    sent = websocket.protocol.close_sent
    echoed = websocket.protocol.close_rcvd_then_sent  # the client said it first
    if sent is not None and sent.code == CloseCode.MESSAGE_TOO_BIG and not echoed:
        return f"a message of more than {MAX_MESSAGE_BYTES} bytes was refused ({sent.code:d})"
    return f"{websocket.close_code} {websocket.close_reason or 'without a reason'}"


def _socket_log() -> logging.Logger:
    """websockets' own log: trouble only, and in one line instead of a traceback."""
    logger = logging.getLogger("parlor.local.socket")
    logger.setLevel(logging.WARNING)
    logger.addFilter(_to_one_line)
    return logger


def _to_one_line(record: logging.LogRecord) -> bool:
    if record.exc_info is not None and record.exc_info[1] is not None:
        cause: BaseException = record.exc_info[1]
        while cause.__cause__ is not None:
            cause = cause.__cause__
        record.msg = f"{record.getMessage()}: {cause or type(cause).__name__}"
        record.args, record.exc_info = (), None
    return True


async def _refuse_beta(websocket: ServerConnection) -> None:
    """As the real service does since the beta protocol was switched off."""
    message = "The Realtime Beta API is no longer supported. Please use the GA API."
    code = "beta_api_shape_disabled"
    failure = {"type": "invalid_request_error", "code": code, "message": message, "param": None}
    await websocket.send(json.dumps({"type": "error", "event_id": "event_0", "error": failure}))
    await websocket.close(BETA_CLOSE_CODE, code)


def _select_subprotocol(
    _websocket: ServerConnection, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    return Subprotocol("realtime") if "realtime" in offered else None


def _refuse(status: http.HTTPStatus, code: str, message: str) -> Response:
    body = json.dumps(
        {"error": {"type": "invalid_request_error", "code": code, "message": message}}
    ).encode()
    headers = Headers(
        {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
    )
    if status is http.HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"  # RFC 9110, 11.6.1: which key is wanted
    return Response(status.value, status.phrase, headers, body)
