"""One attempt and the session that may come of it: a codec's outputs made real.

Loop thread only. Every task that is started here is awaited before `run` returns.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from websockets.exceptions import ConnectionClosed

from device.adapters.link_dial import Connection, SslContext, dial, target_of
from device.adapters.link_errors import Ending, explain
from device.adapters.link_line import Line
from device.adapters.link_outcomes import of_closed, of_failed_dial
from device.adapters.link_queue import LinkQueue
from device.adapters.link_rates import Rates
from device.adapters.link_requests import ask
from device.adapters.link_tuning import LinkCounters, LinkTuning
from device.commands import AppendAudio, ServiceCommand
from device.events import (
    Cause,
    ErrorKind,
    Event,
    LineDrained,
    LinkOpened,
    TurnCommitted,
    UsageReported,
)
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
        service: str = "",
        rates: tuple[int, int] | None = None,
        standby: Callable[[], None] | None = None,
    ) -> None:
        """``rates``: uplink's and downlink's of the appliance; None: the codec's. ``standby`` is
        called when the session is usable, which then waits for `take_over`."""
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
        self._service = service
        self._wanted_rates = rates
        self._rates: Rates | None = None
        self._standby = standby
        self._opening: LinkOpened | None = None  # held back while standing by
        self.opened_at: float | None = None  #: when LinkOpened was posted
        self._ready = False
        self._silenced = False  # we have said LinkClosed: nothing more is posted but its cost
        self._connection: Connection | None = None
        self._line: Line | None = None
        self._where = "the service"
        self._outbox: deque[str | bytes | AskFence] = deque()
        self._drains: deque[int] = deque()  # asked for, and not begun
        self._work = asyncio.Event()  # something to write, or a reason to stop writing
        self._ending: Ending | None = None
        self._ended = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._parting: set[asyncio.Task[None]] = set()  # asked when leaving, and to be done first
        self._writer: asyncio.Task[None] | None = None
        self._probe: asyncio.Task[None] | None = None
        self._pings = True
        self._timer: asyncio.TimerHandle | None = None

    @property
    def ready(self) -> bool:
        """Configured and acknowledged, and not ending."""
        taking_part = self._standby is None and not self._silenced
        return self._ready and self._ending is None and taking_part

    @property
    def stands_by(self) -> bool:
        return self._opening is not None and self._ending is None

    def take_over(self) -> None:
        """From now on this is the session: told, and given what waits."""
        assert self._opening is not None
        opening, self._opening, self._standby = self._opening, None, None
        self.opened_at = self._now()
        self._post(opening)
        self._work.set()

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
        """Make sure, soon, that the other side still lives: somebody begins to speak."""
        if self.ready and self._pings and (self._probe is None or self._probe.done()):
            assert self._line is not None
            self._probe = self._start(self._make_sure(self._line), "probe")

    def take_backlog(self) -> None:
        """Tell the codec all that waits, before it reads another message."""
        while self.ready and self._backlog:
            self._give(self._backlog.pop())

    def _give(self, command: ServiceCommand) -> None:
        assert self._rates is not None
        if isinstance(command, AppendAudio):
            self._counters.microphone_bytes += len(command.pcm)
        for one in self._rates.up(command):
            self._perform(self._codec.command(one, self._now()))

    def finish(self, reason: str) -> None:
        """End in an orderly way, for a bounded time; posts nothing more but what it costs."""
        self._silenced = True
        self._perform(self._codec.finish(reason, self._now()))
        if self._ending is None:  # a farewell is to be answered, or what began it
            tuning, waits = self._tuning, self._connection is not None
            patience_s = tuning.close_timeout_s if waits else tuning.parting_s
            self._start(self._give_up_after(patience_s, reason), "farewell")

    # --- performing what the codec says --------------------------------------------

    def _perform(self, outputs: list[Output]) -> None:
        asked: set[asyncio.Task[None]] = set()
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
                    asked.add(self._start(self._ask_http(output), "http"))
                case Note(text):
                    log.warning("service: %s", text)
                case Disconnect(reason, kind):
                    self._parting |= asked
                    self._end(Ending(reason, kind))
        self._arm_timer()

    def _emit(self, event: Event) -> None:
        waits = self._standby is not None and not isinstance(event, LinkOpened)
        if self._silenced or waits:  # nobody has said anything to it yet, or does any more
            if isinstance(event, UsageReported):
                self._post(replace(event, service=self._service))
            return
        if isinstance(event, LinkOpened):
            event = self._open(event)
            if self._standby is not None:
                self._opening = event
                self._standby()
                return
        elif isinstance(event, TurnCommitted):
            self._backlog.turn_taken()
        for one in self._rates.down(event) if self._rates else [event]:
            self._post(one)

    def _open(self, event: LinkOpened) -> LinkOpened:
        able = self._codec.capabilities
        up_hz, down_hz = self._wanted_rates or (able.uplink_rate_hz, able.downlink_rate_hz)
        self._rates = Rates(up_hz, down_hz, able)
        self.opened_at = self._now()
        self._ready = True
        self._counters.sessions += 1
        self._work.set()
        return replace(event, service=self._service, able=able)

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
        self._perform([] if self._ending else self._codec.timeout(self._now()))

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
            self._on_connect_error(error, wanted.url)
            return
        if self._ending is not None:
            connection.transport.abort()
            return
        self._connection = connection
        self._pings = wanted.pings
        line = self._line = Line(connection, self._tuning, wanted)
        self._perform(self._codec.opened(self._now()))
        self._writer = self._start(self._write(connection, line), "write")
        self._start(self._read(line), "read")
        if self._pings:
            self._start(self._watch(line), "watch")

    def _on_connect_error(self, error: Exception, url: str) -> None:
        outcome = of_failed_dial(error, self._codec, self._now(), url)
        if outcome is None:
            outcome = explain(error, self._where, self._connect_timeout_s)
        self._conclude(outcome)
        self._perform(self._codec.finish("no connection", self._now()))  # what was begun over HTTP

    async def _ask_http(self, request: HttpRequest) -> None:
        answer = await ask(request, self._ssl_context, self._connect_timeout_s)
        if isinstance(answer, Ending):
            self._end(answer)
            return
        status, body = answer
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
            self._conclude(of_closed(closed, self._codec, self._max_message_bytes, self._now()))

    def _conclude(self, outcome: list[Output] | Ending) -> None:
        if isinstance(outcome, Ending):
            self._end(outcome)
        else:
            self._perform(outcome)

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
                        await connection.send(output)
                        self._counters.sent(len(output))
                elif self.ready and self._backlog:
                    self._give(self._backlog.pop())
                elif self._drains:
                    self._start(self._tell_drained(line, self._drains.popleft()), "drain")
                elif self._ending is not None:
                    return
                else:
                    self._work.clear()
                    await self._work.wait()
        except ConnectionClosed:
            return  # the reader says why

    async def _mark(self, line: Line, token: str) -> None:
        if await line.fence() and self._ending is None:
            self._perform(self._codec.fence_passed(token, self._now()))

    async def _tell_drained(self, line: Line, token: int) -> None:
        if await line.fence():
            self._emit(LineDrained(token))

    async def _watch(self, line: Line) -> None:
        """Pings, and the end of a connection on which nothing is heard any more."""
        silence_s = await line.until_silent(lambda: self._start(line.ping(), "ping"))
        words = f"{self._where} has been silent for {silence_s:.0f} s: connection lost"
        self._end(Ending(words, ErrorKind.NETWORK, Cause.SILENT))

    async def _make_sure(self, line: Line) -> None:
        """A silent loss of the network shows itself only to who asks."""
        self._start(line.ping(), "ping")
        if not await line.lives():
            words = f"{self._where} did not answer within {self._tuning.probe_s:g} s"
            self._end(Ending(f"{words}: connection lost", ErrorKind.NETWORK, Cause.SILENT))

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
            if self._line is not None and self._ending.kind is not ErrorKind.NETWORK:
                self._work.set()  # the writer ends by itself when the outbox is empty
                await self._line.close(self._writer, self._where)
            if self._parting:
                await asyncio.wait(self._parting, timeout=self._tuning.parting_s)
        finally:
            if self._connection is not None:
                self._connection.transport.abort()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

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
