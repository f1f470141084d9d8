"""One attempt and the session that may come of it: a codec's outputs made real.

Loop thread only. Every task that is started here is awaited before `run` returns.
"""

from __future__ import annotations

import asyncio
import http.client
import logging
from collections import deque
from collections.abc import Coroutine
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus

from device.adapters import link_http
from device.adapters.link_dial import Connection, SslContext, dial, target_of
from device.adapters.link_errors import Ending, explain
from device.adapters.link_line import Line
from device.adapters.link_queue import LinkQueue
from device.adapters.link_threads import in_daemon_thread
from device.adapters.link_tuning import LinkCounters, LinkTuning
from device.events import ErrorKind, Event, LineDrained, LinkOpened, TurnCommitted
from device.ports import Clock, Post
from device.providers.base import (
    AskFence,
    Codec,
    Connect,
    Disconnect,
    Emit,
    HttpRequest,
    Note,
    Output,
    SendFrame,
)

log = logging.getLogger(__name__)

#: HTTP 525 and 526: a gateway (Cloudflare's numbers) reached the service, but their
#: TLS failed, or the service's certificate is not valid.
TLS_BEHIND_GATEWAY = frozenset({525, 526})


class Session:
    """Drives one codec. ``backlog`` outlives it: it holds what no session has taken yet."""

    def __init__(
        self,
        *,
        codec: Codec,
        backlog: LinkQueue,
        post: Post,
        clock: Clock,
        ssl_context: SslContext,
        decoder: Executor,
        counters: LinkCounters,
        tuning: LinkTuning,
        connect_timeout_s: float,
        max_message_bytes: int,
    ) -> None:
        self._codec = codec
        self._backlog = backlog
        self._post = post
        self._clock = clock
        self._ssl_context = ssl_context
        self._decoder = decoder
        self._counters = counters
        self._tuning = tuning
        self._connect_timeout_s = connect_timeout_s
        self._max_message_bytes = max_message_bytes
        self.opened_at: float | None = None  #: when LinkOpened was posted
        self._ready = False
        self._silenced = False  # we have said LinkClosed: nothing more is posted
        self._connection: Connection | None = None
        self._line: Line | None = None
        self._where = "the service"
        self._outbox: deque[str | bytes | AskFence] = deque()
        self._drains: deque[int] = deque()  # asked for, and not begun
        self._work = asyncio.Event()  # something to write, or a reason to stop writing
        self._ending: Ending | None = None
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writer: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._pings = True
        self._timer: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> bool:
        """Configured and acknowledged, and not ending."""
        return self._ready and self._ending is None and not self._silenced

    async def run(self) -> Ending:
        """From first byte to last; returns why it ended. Cancel it to end abruptly."""
        try:
            self._perform(self._codec.start(self._now()))
            await self._ended.wait()
        finally:
            await self._tear_down()
        assert self._ending is not None
        return self._ending

    def wake(self) -> None:
        """The backlog has something."""
        self._work.set()

    def drain(self, token: int) -> None:
        """Post ``LineDrained(token)`` when all that waits was sent and is received, and all
        that had been said before has been told."""
        if self.ready:
            self._drains.append(token)
            self._work.set()

    def probe(self) -> None:
        """Somebody begins to speak: make sure, soon, that the other side still lives."""
        if self.ready and self._pings and (self._probe is None or self._probe.done()):
            assert self._line is not None
            self._probe = self._start(self._make_sure(self._line), "probe")

    def take_backlog(self) -> None:
        """Tell the codec all that waits, before it reads another message. What is
        written waits its turn in the outbox."""
        while self.ready and self._backlog:
            self._perform(self._codec.command(self._backlog.pop(), self._now()))

    def finish(self, reason: str) -> None:
        """End in an orderly way, within the close time-out; posts nothing more."""
        self._silenced = True
        self._perform(self._codec.finish(reason, self._now()))
        self._start(self._give_up_after(self._tuning.close_timeout_s, reason), "farewell")

    # --- performing what the codec says --------------------------------------------

    def _perform(self, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Emit(event):
                    self._emit(event)
                case SendFrame(data):
                    self._outbox.append(data)
                    self._work.set()
                case AskFence():
                    self._outbox.append(output)
                    self._work.set()
                case Connect():
                    self._start(self._connect(output), "connect")
                case HttpRequest():
                    self._start(self._ask_http(output), "http")
                case Note(text):
                    log.warning("service: %s", text)
                case Disconnect(reason, kind):
                    self._end(Ending(reason, kind))
        self._arm_timer()

    def _emit(self, event: Event) -> None:
        if self._silenced:
            return
        if isinstance(event, LinkOpened):
            self.opened_at = self._now()
            self._ready = True
            self._counters.sessions += 1
            self._work.set()
        elif isinstance(event, TurnCommitted):
            self._backlog.turn_taken()
        self._post(event)

    def _end(self, ending: Ending) -> None:
        """The first reason counts; later ones are its consequences."""
        if self._ending is None:
            self._ending = ending
            self._ended.set()

    def _arm_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._codec.deadline
        if deadline is not None and self._ending is None:
            delay = max(0.0, deadline - self._now())
            self._timer = asyncio.get_running_loop().call_later(delay, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        self._start(self._time_out(), "timer")

    async def _time_out(self) -> None:
        if self._ending is None:
            self._perform(self._codec.timeout(self._now()))

    # --- opening ------------------------------------------------------------------------

    async def _connect(self, wanted: Connect) -> None:
        try:
            self._where = str(target_of(wanted.url))
            async with asyncio.timeout(self._connect_timeout_s):
                connection = await dial(
                    wanted,
                    self._ssl_context,
                    max_message_bytes=self._max_message_bytes,
                    close_timeout_s=self._tuning.close_timeout_s,
                )
        except Exception as error:  # noqa: BLE001 - every one of them is told apart
            self._on_connect_error(error)
            return
        if self._ending is not None:
            connection.transport.abort()
            return
        self._connection = connection
        self._pings = wanted.pings
        line = self._line = Line(connection, self._tuning, pings=wanted.pings)
        self._perform(self._codec.opened(self._now()))
        self._writer = self._start(self._write(connection, line), "write")
        self._start(self._read(line), "read")
        if self._pings:
            self._start(self._watch(line), "watch")

    def _on_connect_error(self, error: Exception) -> None:
        # A redirect, which is not followed, arrives as the cause of a ValueError.
        status = error if isinstance(error, InvalidStatus) else error.__cause__
        if isinstance(status, InvalidStatus):
            answer = status.response
            outputs = self._codec.refused(
                answer.status_code, bytes(answer.body or b""), self._now()
            )
            if answer.status_code in TLS_BEHIND_GATEWAY:
                outputs = [
                    replace(output, kind=ErrorKind.CERTIFICATE)
                    if isinstance(output, Disconnect)
                    else output
                    for output in outputs
                ]
            self._perform(outputs)
        elif isinstance(error, ValueError) and not isinstance(error, OSError):
            self._end(Ending("service.url is not a WebSocket address", ErrorKind.PROTOCOL))
        else:
            self._end(explain(error, self._where, self._connect_timeout_s))

    async def _ask_http(self, request: HttpRequest) -> None:
        timeout_s = self._connect_timeout_s
        try:
            target = target_of(request.url)
            self._where = str(target)
            async with asyncio.timeout(timeout_s):
                context = await self._ssl_context() if target.secure else None
                status, body = await in_daemon_thread(
                    "link-http", lambda: link_http.perform(request, timeout_s, context)
                )
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._end(explain(error, self._where, timeout_s))
            return
        self._perform(self._codec.http_answered(request.token, status, body, self._now()))

    # --- the open connection --------------------------------------------------------------

    async def _read(self, line: Line) -> None:
        """One message after the other; a big one is parsed beside the loop, in its turn."""
        loop = asyncio.get_running_loop()
        try:
            while self._ending is None:
                data = await line.recv()
                self._counters.messages_received += 1
                self._counters.bytes_received += len(data)
                if len(data) < self._tuning.decode_threshold_bytes:
                    outputs = self._codec.received(data, self._now())
                else:
                    self._counters.decoded_off_loop += 1
                    message = await loop.run_in_executor(self._decoder, self._codec.decode, data)
                    outputs = self._codec.decoded(message, self._now())
                self._perform(outputs)
        except ConnectionClosed as closed:
            self._on_closed(closed)

    def _on_closed(self, closed: ConnectionClosed) -> None:
        sent, received = closed.sent, closed.rcvd
        if sent is not None and sent.code == 1009 and not closed.rcvd_then_sent:
            limit = self._max_message_bytes
            words = f"a message of more than {limit} bytes came and was refused"
            self._end(Ending(words, ErrorKind.PROTOCOL))
        elif received is not None:
            self._perform(self._codec.closed(received.code, received.reason, self._now()))
        elif sent is not None:  # the library gave up: bad frames, bad UTF-8
            self._perform(self._codec.closed(sent.code, sent.reason, self._now()))
        else:
            self._perform(self._codec.closed(1006, "", self._now()))

    async def _write(self, connection: Connection, line: Line) -> None:
        """Frames first, then what waits in the backlog. Stalls when the peer reads nothing:
        then the backlog sheds its oldest audio, and the watch ends the session."""
        try:
            while True:
                if self._outbox:
                    output = self._outbox.popleft()
                    if isinstance(output, AskFence):
                        self._start(self._mark(line, output.token), "fence")
                    else:
                        await self._send(connection, output)
                elif self.ready and self._backlog:
                    command = self._backlog.pop()
                    self._perform(self._codec.command(command, self._now()))
                elif self._drains:
                    self._start(self._tell_drained(line, self._drains.popleft()), "drain")
                elif self._ending is not None:
                    return
                else:
                    self._work.clear()
                    await self._work.wait()
        except ConnectionClosed:
            return  # the reader says why

    async def _send(self, connection: Connection, data: str | bytes) -> None:
        await connection.send(data)
        self._counters.messages_sent += 1
        self._counters.bytes_sent += len(data)

    async def _mark(self, line: Line, token: str) -> None:
        if await line.fence() and self._ending is None:
            self._perform(self._codec.fence_passed(token, self._now()))

    async def _tell_drained(self, line: Line, token: int) -> None:
        if await line.fence():
            self._emit(LineDrained(token))

    async def _watch(self, line: Line) -> None:
        """Pings, and the end of a connection on which nothing is heard any more."""
        ping: asyncio.Task[None] | None = None
        while True:
            await asyncio.sleep(self._tuning.ping_interval_s)
            silence_s = line.silent_for_s
            if silence_s > self._tuning.silence_limit_s:
                words = f"{self._where} has been silent for {silence_s:.0f} s: connection lost"
                self._end(Ending(words, ErrorKind.NETWORK))
                return
            if ping is None or ping.done():  # one that cannot be written is left waiting
                ping = self._start(line.ping(), "ping")

    async def _make_sure(self, line: Line) -> None:
        """A silent loss of the network shows itself only to who asks."""
        self._start(line.ping(), "ping")
        if not await line.lives():
            words = f"{self._where} did not answer within {self._tuning.probe_s:g} s"
            self._end(Ending(f"{words}: connection lost", ErrorKind.NETWORK))

    # --- ending ---------------------------------------------------------------------------------

    async def _give_up_after(self, seconds: float, reason: str) -> None:
        await asyncio.sleep(seconds)
        self._end(Ending(reason))

    async def _tear_down(self) -> None:
        """Flush, close, cancel, await: bounded, whatever the peer does."""
        if self._ending is None:  # cancelled from outside
            self._ending = Ending("cancelled")
        if self._timer is not None:
            self._timer.cancel()
        try:
            if self._connection is not None and self._ending.kind is not ErrorKind.NETWORK:
                await self._close(self._connection)
        finally:
            if self._connection is not None:
                self._connection.transport.abort()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _close(self, connection: Connection) -> None:
        """What is in the outbox, then the closing hand-shake."""
        self._work.set()  # the writer ends by itself when the outbox is empty
        try:
            async with asyncio.timeout(self._tuning.close_timeout_s):
                if self._writer is not None:
                    await asyncio.wait({self._writer})
                await connection.close()
        except TimeoutError:
            log.debug("%s did not close in time", self._where)

    def _start(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work, name=f"link-{name}")
        self._tasks.add(task)
        task.add_done_callback(self._on_task_done)
        return task

    def _on_task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        log.error("link: internal error in %s", task.get_name(), exc_info=error)
        self._end(Ending(f"internal error: {type(error).__name__}", ErrorKind.SERVICE))

    def _now(self) -> float:
        return self._clock.monotonic()
