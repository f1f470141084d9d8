"""Hand-written stand-ins for the link and for the service behind it.

`FakeLink` implements :class:`device.ports.Link` in memory. `ScriptedServer` is a
real WebSocket server on loopback whose behaviour is a coroutine of the test's own;
`ServerSession` gives that coroutine the frames of the OpenAI Realtime protocol.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import ssl
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from device.commands import ChoosePersona, ChooseService, ServiceCommand
from device.events import ErrorKind, Event, LinkClosed, LinkFailed, LinkOpened
from device.ports import Post


class FakeSessions:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[ChoosePersona | ChooseService | str] = []

    def choose(self, persona: ChoosePersona) -> None:
        self.told.append(persona)

    def choose_service(self, choice: ChooseService) -> None:
        self.told.append(choice)

    def resumable(self, handle: str) -> None:
        self.told.append(handle)


class FakeLink:
    """Remembers what it was told; the test plays the service.

    With ``opens`` True (the default) `open` succeeds at once. `sent` holds every
    command in order; `opened`, `lost`, `fail` and `say` post the service's side.
    """

    def __init__(self, post: Post, *, opens: bool = True) -> None:
        self._post = post
        self.opens = opens
        self.wanted = False
        self.sent: list[ServiceCommand] = []
        self.open_calls = 0
        self.close_reasons: list[str] = []
        self.drains: list[int] = []
        self.switches = self.successors = 0
        self._is_open = False
        self._sessions = itertools.count(1)

    @property
    def is_open(self) -> bool:
        return self._is_open

    def open(self) -> None:
        self.open_calls += 1
        self.wanted = True
        if self.opens and not self._is_open:
            self.opened()

    def close(self, reason: str) -> None:
        self.close_reasons.append(reason)
        self.wanted = False
        if self._is_open:
            self._is_open = False
            self._post(LinkClosed(reason))

    def switch(self) -> None:
        self.switches += 1
        self._is_open = False
        self.open()

    def prepare_successor(self) -> None:
        self.successors += 1

    def take_over(self) -> None:
        self.opened()

    def send(self, command: ServiceCommand) -> None:
        if self.wanted:
            self.sent.append(command)

    def drain(self, token: int) -> None:
        """Remembered only: the test posts ``LineDrained`` when it likes."""
        self.drains.append(token)

    # --- the service's side -------------------------------------------------------

    def opened(self) -> None:
        """The session is usable now."""
        self._is_open = True
        self._post(LinkOpened(f"fake_{next(self._sessions)}"))

    def lost(self, kind: ErrorKind = ErrorKind.NETWORK, reason: str = "lost") -> None:
        """The session is gone; it is not reopened until ``open`` is called again."""
        self._is_open = self.wanted = False
        self._post(LinkClosed(reason, kind))

    def fail(self, kind: ErrorKind, detail: str = "failed", retry_at: float | None = None) -> None:
        """An attempt failed."""
        self._post(LinkFailed(kind, detail, 1, retry_at))

    def say(self, *events: Event) -> None:
        """The service said something."""
        for event in events:
            self._post(event)


class ServerSession:
    """One client, seen from the server. Every frame that came is in `received`."""

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection
        self.received: list[dict[str, Any]] = []
        self._ids = itertools.count(1)

    async def next(self, kind: str = "") -> dict[str, Any]:
        """The next frame, or the next of type ``kind``, passing over the others.

        Raises:
            ConnectionClosed: there is none any more.
        """
        while True:
            frame: dict[str, Any] = json.loads(await self.connection.recv())
            self.received.append(frame)
            if kind in ("", frame.get("type")):
                return frame

    async def send(self, kind: str, **fields: object) -> None:
        frame = {"type": kind, "event_id": f"event_{next(self._ids)}", **fields}
        await self.connection.send(json.dumps(frame))

    async def send_raw(self, data: str | bytes) -> None:
        await self.connection.send(data)

    async def greet(self) -> dict[str, Any]:
        """The hand-shake; returns the client's ``session.update``."""
        session = {"id": "sess_1", "type": "realtime", "object": "realtime.session"}
        await self.send("session.created", session=session)
        update = await self.next("session.update")
        await self.send("session.updated", session={**update["session"], **session})
        return update

    async def reply(
        self, pcm: bytes, reply_id: str = "resp_1", item_id: str = "item_1", words: str = "hello"
    ) -> None:
        """A whole spoken reply in one delta."""
        ids = {"response_id": reply_id, "item_id": item_id, "output_index": 0, "content_index": 0}
        await self.send("response.created", response={"id": reply_id, "status": "in_progress"})
        delta = base64.b64encode(pcm).decode("ascii")
        await self.send("response.output_audio.delta", delta=delta, **ids)
        await self.send("response.output_audio.done", **ids)
        await self.send("response.output_audio_transcript.done", transcript=words, **ids)
        await self.send("response.done", response={"id": reply_id, "status": "completed"})

    async def rest(self) -> None:
        """Read until the client goes."""
        try:
            while True:
                await self.next()
        except ConnectionClosed:
            return


Script = Callable[[ServerSession], Awaitable[None]]
Gate = Callable[[ServerConnection, Request], Response | None]


class ScriptedServer:
    """``async with ScriptedServer(script) as server: ... server.url``

    ``script`` runs once per client; when it returns, the server closes the
    connection. ``gate`` may answer the hand-shake with an HTTP refusal.
    """

    def __init__(
        self, script: Script, *, gate: Gate | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._script = script
        self._gate = gate
        self._tls = tls
        self._server: Server | None = None
        self.port = 0
        self.sessions: list[ServerSession] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []
        #: What the script raised; that the client went is none of it.
        self.errors: list[BaseException] = []
        self._running: set[asyncio.Future[None]] = set()

    @property
    def url(self) -> str:
        return f"{'wss' if self._tls else 'ws'}://127.0.0.1:{self.port}/v1/realtime"

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._serve,
            "127.0.0.1",
            self.port,
            ssl=self._tls,
            process_request=self._on_request,
            compression=None,
            max_size=None,
            ping_interval=None,
            close_timeout=1,
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close(close_connections=False)
        # A script may be waiting for ever on a connection that reads nothing.
        for session in self.sessions:
            session.connection.transport.abort()
        for running in self._running:
            running.cancel()
        await self._server.wait_closed()

    def _on_request(self, connection: ServerConnection, request: Request) -> Response | None:
        self.paths.append(request.path)
        self.headers.append({name.lower(): value for name, value in request.headers.raw_items()})
        return self._gate(connection, request) if self._gate else None

    async def _serve(self, connection: ServerConnection) -> None:
        session = ServerSession(connection)
        self.sessions.append(session)
        script = asyncio.ensure_future(self._script(session))
        self._running.add(script)
        try:
            await asyncio.wait({script})
        finally:
            script.cancel()
            self._running.discard(script)
        error = None if script.cancelled() else script.exception()
        if error is not None and not isinstance(error, ConnectionClosed):
            self.errors.append(error)
