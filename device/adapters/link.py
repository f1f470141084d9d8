"""The link: one session at a time with the realtime service, kept up while it is wanted.

Implements :class:`device.ports.Link`. Loop thread only; nothing here blocks it.

An attempt that fails is repeated with jittered back-off until `close`. A session
that was open and is lost is *not* reopened by itself: its history is gone, so the
core decides (it calls `open` again). Only the audio of a turn that the service had not
taken is kept for the next session (``link_queue.py``), until `close` or it is taken back.
If the lost session was short-lived, that `open` waits its back-off first; a further
`open` while waiting tries at once, and so does a network that comes back. While audio
waits to be sent the back-off stays short.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

from device.adapters.link_errors import Ending, explain
from device.adapters.link_network import Stop, Watch, watch_network
from device.adapters.link_queue import LinkQueue
from device.adapters.link_session import Session
from device.adapters.link_threads import in_daemon_thread
from device.adapters.link_tuning import LinkCounters, LinkTuning
from device.commands import AbandonTurn, ClearInput, ServiceCommand
from device.core.reconnect import Backoff
from device.errors import ParlorError
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    SessionLeft,
    SuccessorFailed,
    SuccessorReady,
)
from device.ports import Clock, Post
from device.providers.base import Codec
from device.settings import ServiceSettings

log = logging.getLogger(__name__)

#: Waiting heals these rarely.
_SLOW = frozenset({ErrorKind.KEY, ErrorKind.QUOTA, ErrorKind.CERTIFICATE})


class WebSocketLink:
    """``codec_factory`` makes a fresh codec per attempt (and reads the key then, so that
    a corrected key works without a restart); ``ssl_context`` is called once, in a thread.
    """

    def __init__(
        self,
        *,
        codec_factory: Callable[[], Codec],
        post: Post,
        clock: Clock,
        rng: Random,
        settings: ServiceSettings,
        ssl_context: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        uplink_rate_hz: int = 24000,
        downlink_rate_hz: int = 24000,
        tuning: LinkTuning | None = None,
        service: Callable[[], str] = str,
        prepare: Callable[[], Awaitable[None]] | None = None,
        network: Watch = watch_network,
    ) -> None:
        """``service`` names the one whose codecs are made now. ``prepare`` is awaited before
        each is made; what it raises ends the attempt as what the factory raises does.
        ``network`` is told whom to call when it came back."""
        self._codec_factory = codec_factory
        self._post = post
        self._clock = clock
        self._settings = settings
        self._ssl_factory = ssl_context
        self._ssl_context: ssl.SSLContext | None = None
        self._tuning = tuning or LinkTuning()
        self._backoff = Backoff(self._tuning.backoff_base_s, self._tuning.backoff_cap_s, rng)
        self._rates = uplink_rate_hz, downlink_rate_hz
        self._service, self._prepare = service, prepare
        self._network = network
        self._unwatch: Stop | None = None
        self._bytes_per_s = 2 * uplink_rate_hz
        self._backlog = LinkQueue(round(self._tuning.uplink_queue_s * self._bytes_per_s))
        self._shedding = False
        self._decoder = ThreadPoolExecutor(1, "link-decode")
        self._wanted = False
        self._stopped = False
        self._cooldown_s = 0.0
        self._retry_now = asyncio.Event()
        self._session: Session | None = None
        self._successor: Session | None = None
        self._successor_runner: asyncio.Task[None] | None = None
        self._runner: asyncio.Task[None] | None = None
        self._runners: set[asyncio.Task[None]] = set()  # the current one and those that close
        self.counters = LinkCounters()

    @property
    def is_open(self) -> bool:
        return self._session is not None and self._session.ready

    @property
    def queued_audio_s(self) -> float:
        """Uplink audio that no session has taken yet."""
        return self._backlog.audio_bytes / self._bytes_per_s

    def open(self) -> None:
        """Connect if not connected; while waiting to retry: try at once. A session that
        is open is probed: when nothing comes back, it counts as lost."""
        if self._stopped:
            return
        self._wanted = True
        if self._unwatch is None:
            self._unwatch = self._network(self._on_network)
        if self._runner is not None:
            self._retry_now.set()
            if self._session is not None:
                self._session.probe()
            return
        if self._adopt():
            return
        self._retry_now.clear()
        self._runner = self._start(self._run())

    def _on_network(self) -> None:
        """An attempt that waits need not wait longer; a session may be dead, or live again."""
        self._backoff.reset()
        self._retry_now.set()
        if self._session is not None:
            self._session.probe()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        runner = asyncio.get_running_loop().create_task(work, name="link")
        self._runners.add(runner)
        runner.add_done_callback(self._on_runner_done)
        return runner

    def switch(self) -> None:
        """Give up the attempt or session under way and open one anew, with whatever codec is
        made now. Nothing is posted of the old one but that it is left; what was kept of a turn
        goes to the new."""
        if self._stopped:
            return
        self._drop_successor()
        runner, session = self._runner, self._session
        self._runner = self._session = None
        if session is not None and session.ready:
            self._post(SessionLeft())
            self.counters.audio_dropped_bytes += self._backlog.rewind()
        if session is not None:
            session.finish("another service takes over")
        elif runner is not None:
            runner.cancel()
        self._backoff.reset()
        self._cooldown_s = 0.0
        self.open()

    def prepare_successor(self) -> None:
        """Open the next session beside the one that is open; in place of one that stands by,
        which was told less than is to be told now."""
        if self._successor is not None:
            self._drop_successor()
        if self.is_open and self._successor_runner is None:
            self._successor_runner = self._start(self._succeed())

    def take_over(self) -> None:
        """The successor takes the place of the session that is open."""
        if self._successor is None or not self._successor.stands_by:
            return
        session = self._session
        self._runner = self._session = None
        self._adopt()
        if session is not None:
            session.finish("its successor takes over")

    def _adopt(self) -> bool:
        """The successor becomes the session, if there is one that stands by."""
        if self._successor is None or not self._successor.stands_by:
            return False
        self._session, self._successor = self._successor, None
        self._runner, self._successor_runner = self._successor_runner, None
        self._session.take_over()
        return True

    def _drop_successor(self) -> None:
        runner, session = self._successor_runner, self._successor
        self._successor_runner = self._successor = None
        if session is not None:
            session.finish("not needed")
        elif runner is not None:
            runner.cancel()

    def close(self, reason: str) -> None:
        """Give up what is under way. LinkClosed is posted at once when a session was
        open; the farewell goes on in the background, for a bounded time."""
        was_open = self.is_open
        self._drop_successor()
        runner, session = self._runner, self._session
        self._rest()
        self._backoff.reset()
        self._cooldown_s = 0.0
        if session is not None:
            session.finish(reason)
        elif runner is not None:
            runner.cancel()
        if was_open:
            self._post(LinkClosed(reason))

    def send(self, command: ServiceCommand) -> None:
        """Queue ``command``. Before `open` and after `close` there is nobody to send it to,
        so it is forgotten."""
        if not self._wanted:
            return
        takes_back = isinstance(command, ClearInput | AbandonTurn)
        if takes_back and not self.is_open:
            self._backlog.clear()  # there is no session that heard any of it
            return
        dropped = self._backlog.push(command)
        self.counters.audio_dropped_bytes += dropped
        if dropped and not self._shedding:
            seconds = self._tuning.uplink_queue_s
            log.warning("link: more than %g s of audio wait; the oldest is dropped", seconds)
        # One line per congestion, not one per chunk.
        self._shedding = bool(dropped) or (self._shedding and self.queued_audio_s > 1.0)
        if self._session is not None:
            if takes_back:
                # What the service says from now on may be about the audio taken back. The
                # backlog holds none of it any more, so nothing big moves to the outbox.
                self._session.take_backlog()
            self._session.wake()

    def drain(self, token: int) -> None:
        """Post ``LineDrained(token)`` when all that waits was sent, is received, and all that
        had been said before was posted. Forgotten with the session, or when none is open."""
        if self._session is not None:
            self._session.drain(token)

    async def stop(self) -> None:
        """Close, and wait until every task is gone (at most about two close time-outs)."""
        self._stopped = True
        self.close("shutting down")
        if self._unwatch is not None:
            self._unwatch()
            self._unwatch = None
        runners = list(self._runners)
        if runners:
            _, late = await asyncio.wait(runners, timeout=2 * self._tuning.close_timeout_s)
            for runner in late:
                runner.cancel()
            await asyncio.gather(*runners, return_exceptions=True)
        self._decoder.shutdown(wait=False, cancel_futures=True)

    # --- the runner -----------------------------------------------------------------

    def _rest(self) -> None:
        """No session, none wanted; whoever still runs is no longer heard."""
        self._wanted = False
        self._runner = self._session = None
        self._backlog.clear()

    async def _run(self) -> None:
        """Attempt after attempt, until one session has come and gone, or `close`."""
        cooldown_s, self._cooldown_s = self._cooldown_s, 0.0
        await self._pause(cooldown_s)
        attempt = 0
        while True:
            attempt += 1
            self.counters.attempts += 1
            ending, opened_at = await self._attempt()
            if self._runner is not asyncio.current_task():
                return  # closed meanwhile; that was said already
            if opened_at is not None:
                self._on_lost(ending, self._clock.monotonic() - opened_at)
                return
            kind = ending.kind or ErrorKind.SERVICE
            delay_s = self._tuning.slow_retry_s if kind in _SLOW else self._next_delay()
            retry_at = self._clock.monotonic() + delay_s
            # Cleared before the post, whose receiver may ask for an attempt at once.
            self._retry_now.clear()
            self._post(LinkFailed(kind, ending.reason, attempt, retry_at, ending.cause))
            await self._pause(delay_s)

    async def _attempt(self) -> tuple[Ending, float | None]:
        """One session from codec to ending, and when it was open, if it was."""
        made = await self._make_session()
        if isinstance(made, Ending):
            return made, None
        if self._runner is not asyncio.current_task():
            return Ending("given up"), None
        session = self._session = made
        try:
            ending = await session.run()
        finally:
            if self._session is session:
                self._session = None
        return ending, session.opened_at

    async def _succeed(self) -> None:
        """The next session, from codec to ending: beside the other, then in its place."""
        made = await self._make_session(standby=lambda: self._post(SuccessorReady()))
        if isinstance(made, Ending):
            self._successor_runner = None
            self._post(SuccessorFailed(made.kind or ErrorKind.SERVICE, made.reason))
            return
        self._successor = made
        try:
            ending = await made.run()
        finally:
            if self._session is made:
                self._session = None
        if self._runner is asyncio.current_task():  # it had taken over
            opened_at = made.opened_at or self._clock.monotonic()
            self._on_lost(ending, self._clock.monotonic() - opened_at)
        elif self._successor is made:
            self._successor = self._successor_runner = None
            self._post(SuccessorFailed(ending.kind or ErrorKind.SERVICE, ending.reason))

    async def _make_session(self, standby: Callable[[], None] | None = None) -> Session | Ending:
        """With a fresh codec, or why there is none."""
        try:
            if self._prepare is not None:
                await self._prepare()
            codec = self._codec_factory()
        except ParlorError as error:
            return explain(error, "the service", 0)
        return Session(
            codec=codec,
            backlog=self._backlog,
            post=self._post,
            clock=self._clock,
            ssl_context=self._tls,
            decoder=self._decoder,
            counters=self.counters,
            tuning=self._tuning,
            connect_timeout_s=self._settings.connect_timeout_s,
            max_message_bytes=self._settings.max_message_bytes,
            service=self._service(),
            rates=self._rates,
            standby=standby,
        )

    def _on_lost(self, ending: Ending, lasted_s: float) -> None:
        self._runner = self._session = None
        lost = self._backlog.rewind()
        self.counters.audio_dropped_bytes += lost
        if lost:
            words = "link: %.1f s of a turn went with its session; the rest is not sent either"
            log.warning(words, lost / self._bytes_per_s)
            self._shedding = True  # what is still said of that turn is not news
        if lasted_s >= self._tuning.stable_s:
            self._backoff.reset()
        else:
            self._cooldown_s = self._next_delay()
        # Even an orderly end was not asked for by us.
        self._post(LinkClosed(ending.reason, ending.kind or ErrorKind.SERVICE, ending.cause))

    def _next_delay(self) -> float:
        if self._backlog.audio_bytes:
            return self._backoff.next_delay(self._tuning.hurried_backoff_s)
        return self._backoff.next_delay()

    async def _pause(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._retry_now.wait()
        except TimeoutError:
            return

    async def _tls(self) -> ssl.SSLContext:
        """Reading the certificate store takes tens of milliseconds: not on the loop."""
        if self._ssl_context is None:
            self._ssl_context = await in_daemon_thread("link-tls", self._ssl_factory)
        return self._ssl_context

    def _on_runner_done(self, runner: asyncio.Task[None]) -> None:
        self._runners.discard(runner)
        if runner.cancelled() or (error := runner.exception()) is None:
            return
        log.error("link: internal error", exc_info=error)
        if self._runner is runner:
            self._on_lost(Ending("internal error in the link", ErrorKind.SERVICE), 0.0)
