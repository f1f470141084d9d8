"""Capture on ALSA: periods from the microphone to a sink, from one thread.

The thread owns the PCM: it opens it, reads until it is empty, waits in ``poll()``,
and opens it again when it goes away. Muted means that the PCM is closed. It never
waits for anything but the card, and does no logging.

Frames are counted on the card's clock while it runs. Over a gap (an overrun, a
missing card, mute) the count goes on by CLOCK_MONOTONIC, so that a frame number
always tells the time, and a gap shows as a jump of ``first_frame``.
"""

from __future__ import annotations

import logging
import math
import select
import threading
from collections.abc import Callable

import numpy as np

from device.adapters.alsa import (
    MOST_XRUNS,
    XRUN,
    Opener,
    OpenPcm,
    PcmError,
    PcmRequest,
    alsa_opener,
    checked,
    close_pcm,
    explain_loss,
    never_recovers,
    open_pcm,
)
from device.adapters.alsa_reopen import Reopening, reopen_backoff
from device.adapters.bell import Bell
from device.adapters.clock import SystemClock
from device.adapters.losses import Losses
from device.core.reconnect import Backoff
from device.errors import AudioError
from device.events import Event, Part
from device.ports import Clock, Post, Samples
from device.settings import AudioSettings

log = logging.getLogger(__name__)

Sink = Callable[[int, Samples], None]
"""Takes (first_frame, int16 of shape (n, channels), n up to one period) and may keep
the array, which is read-only. Called in the capture thread: must not block."""

_BUFFER_MS = 500
"""For so long the thread may be held up and nothing is lost. It costs no latency, since
the card wakes us every period; a card that has less room gives what it has."""

_IDLE_S = 1.0  # muted: how often progress is shown
_SILENT_S = 2.0  # a running microphone that delivers nothing for so long is reopened
_JOIN_S = 1.0


class AlsaCapture:
    """The microphone. All methods: any thread.

    Posts PartReady and PartDegraded of ``Part.MICROPHONE``, once per change.
    """

    def __init__(
        self,
        settings: AudioSettings,
        *,
        post: Post,
        clock: Clock | None = None,
        opener: Opener = alsa_opener,
        backoff: Backoff | None = None,
    ) -> None:
        """``opener`` opens the PCM (tests give a fake card); ``backoff`` says when to
        try again (default: 0.2 to 2 s, jittered)."""
        self._rate_hz = settings.capture_rate_hz
        self._channels = settings.capture_channels
        self._request = PcmRequest(
            settings.capture,
            capture=True,
            rate_hz=settings.capture_rate_hz,
            channels=settings.capture_channels,
            period_frames=settings.capture_rate_hz * settings.period_ms // 1000,
            periods=math.ceil(_BUFFER_MS / settings.period_ms),
        )
        self._post, self._opener = post, opener
        self._clock = clock if clock is not None else SystemClock()
        self._reopening = Reopening(
            Part.MICROPHONE, "no microphone", backoff if backoff is not None else reopen_backoff()
        )
        self._sink: Sink | None = None
        self._thread: threading.Thread | None = None
        self._bell = Bell()
        self._poll = select.poll()
        self._poll.register(self._bell.fd, select.POLLIN)
        self._card: OpenPcm | None = None
        self._card_fds: set[int] = set()
        self._muted = False
        self._stopping = False
        self._frame = 0  # the next one
        self._frame_at: float | None = None  # when it was, or will be, captured
        self._gap = True  # where it stands must be asked of the clock
        self._heard_at = 0.0
        self._fruitless = 0  # overruns since the last frame
        self._overran = False  # that is why there is a gap
        self._overruns = Losses(self._tell_of_overruns)
        # Written by the thread, read by others.
        self.progress = 0
        self.xruns = 0
        self.lost_frames = 0  #: in gaps of every kind

    # -- from other threads -----------------------------------------------------------

    def start(self, sink: Sink) -> None:
        """Open the microphone, retrying until it works, and feed ``sink``."""
        if self._thread is not None:
            raise RuntimeError("capture is already running")
        self.feed(sink)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="capture", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the PCM and join the thread (at most 1 s)."""
        self._stopping = True
        self._wake()
        if self._thread is None:
            return
        self._thread.join(_JOIN_S)
        if not self._thread.is_alive():
            self._thread = None

    def open_capture(self) -> None:
        """Unmute."""
        self._muted = False
        self._wake()

    def close_capture(self) -> None:
        """Mute: the thread closes the PCM at once. At most the period that is being
        handed over at this moment still reaches the sink."""
        self._muted = True
        self._wake()

    @property
    def is_open(self) -> bool:
        """The PCM is open and not muted."""
        return self._card is not None and not self._muted

    @property
    def frame(self) -> int:
        """Frames until now."""
        return self._frame

    def _wake(self) -> None:
        self._bell.ring()

    # -- the thread ---------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            self._wait(self.step())
        self._close()

    def feed(self, sink: Sink) -> None:
        """Say where the periods go; ``start`` does it."""
        self._sink = sink

    def step(self) -> float:
        """One turn; returns how long to wait at most, in seconds. Public for tests that
        bring their own time (after ``feed``); never beside ``start``."""
        now = self._clock.monotonic()
        if self._muted:
            self.progress += 1
            self._close()
            self._reopening.at_once()
            return _IDLE_S
        if self._card is None:
            self.progress += 1
            retry_at = self._reopening.retry_at
            if now < retry_at:
                return retry_at - now
        try:
            if self._card is None and not self._open():
                return max(0.0, self._reopening.retry_at - self._clock.monotonic())
            self._drain()
        except PcmError as error:
            self._lose(error)
            return 0.0
        return _SILENT_S

    def _wait(self, seconds: float) -> None:
        events = self._poll.poll(math.ceil(seconds * 1000.0) if seconds > 0 else 0)
        card = [(fd, what) for fd, what in events if fd != self._bell.fd]
        if len(card) < len(events):
            self._bell.answer()
        if card and self._card is not None:
            # A plug-in's descriptor means what the plug-in says it means, and some
            # are only made quiet by asking.
            try:
                self._card.pcm.polldescriptors_revents(card)
            except PcmError as error:
                self._lose(error)

    def _drain(self) -> None:
        """Hand over everything that is there; notice when nothing comes any more."""
        card = self._card
        if card is None:
            return
        while not self._muted and not self._stopping:
            frames, data = card.pcm.read()  # the first read also starts the card
            now = self._clock.monotonic()
            if checked(frames) == XRUN:
                self.xruns += 1
                self._fruitless += 1
                self._gap = self._overran = True
                if self._fruitless >= MOST_XRUNS:
                    raise never_recovers()
                continue
            if frames == 0:
                if self._gap:
                    self._bridge(now)
                if now - self._heard_at > _SILENT_S:
                    raise PcmError("the microphone delivers nothing")
                return
            if self._muted:
                return
            if self._gap:
                self._bridge(now - frames / self._rate_hz)
            self._heard_at, self._fruitless = now, 0
            self.progress += 1
            self._tell(self._reopening.works(now))
            first = self._frame
            self._frame += frames
            self._frame_at = max(self._frame_at or 0.0, now)
            if self._sink is not None:
                self._sink(first, np.frombuffer(data, "<i2").reshape(-1, self._channels))

    def _bridge(self, restarted_at: float) -> None:
        """The stream begins (again) at ``restarted_at``: count what nobody heard."""
        if self._frame_at is not None:
            lost = max(0, round((restarted_at - self._frame_at) * self._rate_hz))
            self._frame += lost
            self.lost_frames += lost
            if self._overran:
                self._overruns.add(lost)
        self._frame_at = restarted_at
        self._gap = self._overran = False

    # -- the card -------------------------------------------------------------------------

    def _open(self) -> bool:
        """Raises ``PcmError`` when the card goes away meanwhile."""
        try:
            card = open_pcm(self._request, self._opener)
        except AudioError as error:
            self._tell(self._reopening.refused(self._clock.monotonic(), error))
            return False
        self._card, self._gap, self._fruitless = card, True, 0
        self._heard_at = self._clock.monotonic()
        # Told as ready when it delivers: that it could be opened proves little.
        self._reopening.opened(self._heard_at, card.describe())
        for fd, events in card.pcm.polldescriptors():
            self._poll.register(fd, events)
            self._card_fds.add(fd)
        return True

    def _lose(self, error: Exception) -> None:
        self._close()
        loss = explain_loss(error, self._request)
        self._tell(self._reopening.lost(self._clock.monotonic(), loss))

    def _tell(self, events: list[Event]) -> None:
        for event in events:
            self._post(event)

    def _close(self) -> None:
        card, self._card = self._card, None
        if card is None:
            return
        for fd in self._card_fds:
            self._poll.unregister(fd)
        self._card_fds.clear()
        self._gap, self._overran = True, False
        close_pcm(card.pcm)

    def _tell_of_overruns(self, frames: int) -> None:
        """In a thread of its own."""
        log.warning(
            "microphone: %.2f s of sound were lost, because nothing read them in time: "
            "see with `top` what keeps the processor busy",
            frames / self._rate_hz,
        )
