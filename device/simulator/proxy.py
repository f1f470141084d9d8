"""The recording proxy between the appliance and its service.

Relays TCP bytes as they are (bit-exact, but for the request head, see below),
injects :mod:`trouble <device.simulator.trouble>`, and listens in on the WebSocket.
The appliance speaks plain ``ws`` to it on loopback; towards the real service it
uses TLS, verified, when the address is ``wss``.

The one thing that is changed: in the appliance's HTTP request, ``Host`` becomes
the service's, and ``Sec-WebSocket-Extensions`` is left out, so that no
compression hides the stream.

A service that cannot be reached is mirrored, as far as plain TCP allows:

- it refuses: so does the proxy, see :mod:`door <device.simulator.door>`;
- TLS fails, for its certificate or otherwise: HTTP 526, as gateways answer;
- it does not answer: neither does the proxy;
- its name is unknown, or there is no way to it: the connection is reset.

``on_unreachable`` is told the true reason each time.

Wire times: uplink when the bytes arrived from the appliance, downlink when they
left towards it. Everything runs in one asyncio loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

from device.simulator.conduct import Conduct, refusal
from device.simulator.door import Door
from device.simulator.trouble import Lane, Trouble
from device.simulator.upstream import Streams, UnreachableError, Upstream, tls_answer
from device.simulator.websocket_tap import WebSocketTap
from device.simulator.wire_log import DOWN, UP, WireLog

_READ_BYTES = 64 * 1024
_QUEUED_BURSTS = 4096
#: How often a service that refuses is looked after, and how long `start` waits for the first look.
_LOOK_EVERY_S = 0.05
_FIRST_LOOK_S = 1.0
_ESTABLISHED = 1  #: TCP_ESTABLISHED of <netinet/tcp.h>; after a FIN it is TCP_CLOSE_WAIT


@dataclass(frozen=True, slots=True)
class _Tap:
    """Listens in on one direction of one connection."""

    stream: WebSocketTap
    direction: str
    connection: int


class RecordingProxy:
    """Listens on a free loopback port (``port``) between ``start`` and ``stop``."""

    def __init__(
        self,
        upstream: Upstream,
        log: WireLog,
        trouble: Trouble,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_unreachable: Callable[[str, float], object] | None = None,
        conduct: Conduct | None = None,
        number: Callable[[], int] | None = None,
    ) -> None:
        """``conduct``: of a service that refuses, as a scenario asks. ``number`` numbers
        connections, where several proxies share ``log``."""
        self._upstream = upstream
        self._log = log
        self._trouble = trouble
        self._clock = clock
        self._on_unreachable = on_unreachable
        self._conduct = conduct
        self._number = number or itertools.count(1).__next__
        self._door: Door | None = None
        self._look_again = asyncio.Event()
        self._looked = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._open: set[asyncio.StreamWriter] = set()
        self.port = 0

    async def start(self) -> None:
        """Begin to accept, or to refuse when the service does."""
        self._door = Door(self._accepted)
        self.port = self._door.port
        self._keeper = asyncio.create_task(self._keep_door(self._door), name="proxy door")
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._looked.wait(), _FIRST_LOOK_S)
        if not self._looked.is_set():
            await self._door.open()  # far away or silent: not one that refuses

    async def stop(self) -> None:
        """Abort every connection."""
        if self._door is None or self._keeper is None:
            return
        self._keeper.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._keeper
        self._door.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._door = None

    def look_again(self) -> None:
        """The line has changed: is the service reached, and does it refuse?"""
        if self._trouble.no_way and self._door is not None:
            self._door.shut()
        self._look_again.set()

    def reset(self) -> None:
        """Every connection is broken off; new ones may be made."""
        for writer in self._open:
            _reset(writer)
            writer.transport.abort()

    async def _keep_door(self, door: Door) -> None:
        """Shut exactly while the service refuses, or there is no way; a network that is down
        hides what the service does."""
        while True:
            if self._trouble.no_way:
                door.shut()
                self._looked.set()
                self._look_again.clear()
                await self._look_again.wait()
                continue
            if self._trouble.is_up and await self._upstream.refuses():
                door.shut()
                self._looked.set()
                await asyncio.sleep(_LOOK_EVERY_S)
                continue
            self._look_again.clear()
            await door.open()
            self._looked.set()
            await self._look_again.wait()

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        number = self._number()
        self._open.add(writer)
        _no_delay(writer)
        self._log.connected(self._clock(), number)
        try:
            by = await self._serve(reader, writer, number)
        except asyncio.CancelledError:
            by = "simulator"
        finally:
            writer.transport.abort()
            self._open.discard(writer)
            self._tasks.discard(task)
        if by == "service":
            self._look_again.set()  # it may have died: then the next one is refused
        self._log.closed(self._clock(), number, by)

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> str:
        """Relay one connection to its end; returns who ended it."""
        await self._trouble.wait_up()
        if self._conduct is not None and self._conduct.refuses:
            await _answer_and_leave(refusal(), reader, writer)
            return "service"
        try:
            far_reader, far_writer = await self._upstream.dial()
        except UnreachableError as error:
            await self._mirror(error, reader, writer)
            return "unreachable"
        try:
            return await self._relay_both((reader, writer), (far_reader, far_writer), number)
        finally:
            far_writer.transport.abort()

    async def _relay_both(self, near: Streams, far: Streams, number: int) -> str:
        taps = {
            UP: _Tap(WebSocketTap(masked=True), UP, number),
            DOWN: _Tap(WebSocketTap(masked=False), DOWN, number),
        }
        (reader, writer), far_writer = near, far[1]
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            return "appliance"
        if not await self._up_for(writer):
            return "appliance"
        self._listen(taps[UP], head, self._clock())
        _no_delay(far_writer)
        far_writer.write(rewrite_head(head, self._upstream.host_header))
        up = asyncio.create_task(self._relay(near, far_writer, taps[UP]))
        down = asyncio.create_task(self._relay(far, writer, taps[DOWN]))
        try:
            done, _ = await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
            first = "appliance" if up in done else "service"
            # A half-closed connection may still carry the answer to a close frame.
            await asyncio.wait({up, down}, timeout=2.0)
            return first
        finally:
            for task in (up, down):
                task.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _mirror(
        self,
        error: UnreachableError,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Do to the appliance what the service did to us, and say what that was."""
        if self._on_unreachable is not None:
            self._on_unreachable(str(error), self._clock())
        if error.refused:
            self._look_again.set()
            if self._door is not None:
                self._door.shut()
        if error.tls:
            await _answer_and_leave(tls_answer(str(error)), reader, writer)
            return
        _reset(writer)

    async def _relay(self, source: Streams, writer: asyncio.StreamWriter, tap: _Tap) -> None:
        """One direction, until its sender ends or either side breaks."""
        reader, sender = source
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(_QUEUED_BURSTS)
        lane = self._trouble.new_lane()
        delivery = asyncio.create_task(self._deliver(queue, lane, sender, writer, tap))
        try:
            while True:
                await self._carry(sender, tap)
                data = await reader.read(_READ_BYTES)
                await self._carry(sender, tap)
                now = self._clock()
                if tap.direction == UP and data:
                    self._listen(tap, data, now)
                for piece in lane.pieces(data):
                    await queue.put((now, piece))
                if not data:
                    await delivery
                    return
        except ConnectionError:
            writer.transport.abort()
        finally:
            delivery.cancel()
            with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                await delivery

    async def _deliver(
        self,
        queue: asyncio.Queue[tuple[float, bytes]],
        lane: Lane,
        sender: asyncio.StreamWriter,
        writer: asyncio.StreamWriter,
        tap: _Tap,
    ) -> None:
        while True:
            arrived, data = await queue.get()
            wait = lane.release(arrived, len(data)) - self._clock()
            if wait > 0:
                await asyncio.sleep(wait)
            await self._carry(sender, tap)
            if not data:
                if writer.can_write_eof():
                    writer.write_eof()
                else:
                    writer.close()
                return
            writer.write(data)
            if tap.direction == DOWN:
                self._listen(tap, data, self._clock())
            await writer.drain()

    async def _up_for(self, appliance: asyncio.StreamWriter) -> bool:
        """Wait for the line; False when the appliance left while it was down."""
        if self._trouble.is_up:
            return True
        await self._wait_up()
        return not _has_left(appliance)

    async def _wait_up(self) -> None:
        """Until what waits here is sent again, and arrives."""
        since = self._clock()
        while not self._trouble.is_up:
            await self._trouble.wait_up()
            await asyncio.sleep(self._trouble.resend_in_s(since, self._clock()))

    async def _carry(self, sender: asyncio.StreamWriter, tap: _Tap) -> None:
        """Wait for the line. What an appliance sent that left meanwhile is forgotten: nobody
        is there to send it again. Raises ConnectionAbortedError then."""
        if tap.direction == DOWN:
            await self._wait_up()
        elif not await self._up_for(sender):
            raise ConnectionAbortedError("the appliance left during the outage")

    def _listen(self, tap: _Tap, data: bytes, at: float) -> None:
        was_deaf = tap.stream.deaf
        for found in tap.stream.feed(data):
            down_s = self._trouble.down_s(at)
            self._log.message(found, tap.direction, at, down_s, tap.connection)
        if tap.stream.deaf and not was_deaf:
            self._log.deaf(at, tap.direction, tap.stream.deaf)


async def _answer_and_leave(
    answer: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """To the hand-shake, in place of a WebSocket."""
    try:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        await writer.drain()
        writer.write_eof()
        await reader.read()  # until the appliance has taken it and hangs up
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
        _reset(writer)


def rewrite_head(head: bytes, host: str) -> bytes:
    """The request head with the service's ``Host`` and without extensions."""
    lines = head.split(b"\r\n")
    kept = [lines[0], f"Host: {host}".encode("latin-1")]
    for line in lines[1:]:
        name = line.split(b":", 1)[0].strip().lower()
        if name not in (b"host", b"sec-websocket-extensions"):
            kept.append(line)
    return b"\r\n".join(kept)


def _no_delay(writer: asyncio.StreamWriter) -> None:
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _has_left(writer: asyncio.StreamWriter) -> bool:
    """Has the other side closed or reset its end? Asked of the kernel, as the answer may
    stand behind data that was not read yet."""
    raw = writer.get_extra_info("socket")
    if raw is None or writer.transport.is_closing():
        return True
    state: int = raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state != _ESTABLISHED


def _reset(writer: asyncio.StreamWriter) -> None:
    """Closing will send RST: whoever waits on the other side learns of it at once."""
    raw = writer.get_extra_info("socket")
    if raw is not None:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
