"""The one mailbox: events from every thread, taken by the loop in order."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from device.adapters.losses import Losses
from device.events import Event, UplinkAudio

log = logging.getLogger(__name__)

#: Uplink pieces (one per capture period) that may wait while the loop is busy.
MOST_UPLINK_WAITING = 2000
#: Events handled before the loop gets a turn for its sockets.
BATCH = 64


class _AudioToken:
    """Stands in the queue for one piece of uplink audio."""


_TOKEN = _AudioToken()


class Mailbox:
    """``post`` is for any thread: two appends and, at most once per batch, a wake-up
    of the loop. Events are never dropped, but for ``UplinkAudio``: beyond
    ``most_uplink`` the oldest goes, is counted in ``dropped_uplink`` and told in the log."""

    def __init__(self, most_uplink: int = MOST_UPLINK_WAITING) -> None:
        self._queue: deque[Event | _AudioToken] = deque()
        self._audio: deque[UplinkAudio] = deque()
        self._most_uplink = most_uplink
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: Callable[[Event], None] | None = None
        self._woken = False
        self._losses = Losses(_tell_of_losses)

    @property
    def dropped_uplink(self) -> int:
        """Pieces of uplink audio that were dropped."""
        return self._losses.total

    def bind(self, loop: asyncio.AbstractEventLoop, handle: Callable[[Event], None]) -> None:
        """From now on ``handle`` is called on ``loop`` for every event, also for those
        posted before."""
        self._loop, self._handle = loop, handle
        self._wake()

    def unbind(self) -> None:
        """The loop is about to end: later events stay unread."""
        self._loop = None

    def post(self, event: Event) -> None:
        if isinstance(event, UplinkAudio):
            self._audio.append(event)
            if len(self._audio) > self._most_uplink:
                self._audio.popleft()
                self._losses.add(1)
            self._queue.append(_TOKEN)
        else:
            self._queue.append(event)
        self._wake()

    def _wake(self) -> None:
        loop = self._loop
        # A lost race on the flag costs one spurious wake-up, never a missed one: it is
        # cleared before the queue is read.
        if loop is not None and not self._woken:
            self._woken = True
            loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        self._woken = False
        handle = self._handle
        if handle is None:
            return
        for _ in range(BATCH):
            if not self._queue:
                return
            event = self._queue.popleft()
            if isinstance(event, _AudioToken):
                if self._audio:
                    handle(self._audio.popleft())
            else:
                handle(event)
        self._wake()


def _tell_of_losses(pieces: int) -> None:
    """In a thread of its own."""
    log.warning(
        "uplink: %d pieces of microphone sound (one per capture period) were dropped, because "
        "the appliance's event loop was held up: see with `top` what keeps the processor busy",
        pieces,
    )
