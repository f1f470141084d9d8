"""The thread that owns the playback PCM.

It wakes when the card's queue has run down to its level, when audio, a request or
a cut comes (eventfd), or once a second while the card rests. Each turn: see where
the stream is, tell what became audible, fill the queue up again. In the loop there
is no logging, no JSON, no disk, and no lock is held while it mixes.
"""

from __future__ import annotations

import math
import select
import threading
from collections import deque
from collections.abc import Callable

from device.adapters.alsa import Opener, PcmError, PcmRequest, close_pcm, explain_loss, open_pcm
from device.adapters.alsa_playback_feed import Feed
from device.adapters.alsa_playback_output import CutResult, Look, SharedOutput
from device.adapters.alsa_reopen import Reopening
from device.adapters.bell import Bell
from device.audio.cancelling.far_end import FarEndReports, Halted, Played
from device.audio.earcons import LOOPING
from device.audio.headroom import Headroom
from device.audio.jitter import JitterBuffer
from device.audio.ledger import CueEnded, Passed, Started
from device.audio.mixer import Mixer
from device.commands import Cue
from device.core.reconnect import Backoff
from device.errors import AudioError
from device.events import (
    CueFinished,
    Event,
    Part,
    PlaybackStarted,
    PlaybackStopped,
    PlaybackUnderrun,
    StopReason,
)
from device.ports import Clock, Post
from device.settings import AudioSettings

_BUFFER_MS = 200
_IDLE_S = 1.0  # how often a resting card is looked at, and progress shown


class PlaybackThread:
    """Fills the card. Public methods: any thread."""

    def __init__(
        self,
        settings: AudioSettings,
        *,
        output: SharedOutput,
        jitter: JitterBuffer,
        jitter_lock: threading.Lock,
        post: Post,
        clock: Clock,
        opener: Opener,
        backoff: Backoff,
        far_end: FarEndReports | None,
        latency_s: float,
    ) -> None:
        """``far_end`` is told what was played, ``latency_s`` later than the card has it."""
        self._far_end, self._latency_s = far_end, latency_s
        rate_hz = settings.playback_rate_hz
        self._rate_hz = rate_hz
        self._period = rate_hz * settings.period_ms // 1000
        self._request = PcmRequest(
            settings.playback,
            capture=False,
            rate_hz=rate_hz,
            channels=settings.playback_channels,
            period_frames=self._period,
            periods=max(4, _BUFFER_MS // settings.period_ms),
        )
        self._output, self._jitter, self._jitter_lock = output, jitter, jitter_lock
        self._post, self._clock, self._opener = post, clock, opener
        self._mixer = Mixer(rate_hz, settings.playback_channels, settings.volume_percent)
        self._reopening = Reopening(Part.SPEAKER, "no speaker", backoff)
        self._feed = Feed(
            rate_hz,
            self._period,
            output=output,
            jitter=jitter,
            jitter_lock=jitter_lock,
            mixer=self._mixer,
            post=post,
        )
        self._generation = 0
        self._requests: deque[Callable[[], None]] = deque()
        self._warm = False
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._bell = Bell()
        self._poll = select.poll()
        self._poll.register(self._bell.fd, select.POLLIN)
        self._card_fds: list[int] = []
        self._is_open = False
        self._is_resting = False
        # Written here, read by others.
        self.progress = 0
        self.xruns = 0
        self.queued_frames = 0
        self._known_xruns = 0

    @property
    def underruns(self) -> int:
        """Times that a reply ran dry because its audio came too late."""
        return self._feed.underruns

    # -- from other threads ---------------------------------------------------------

    def start(self) -> None:
        if self._thread is not None:
            raise RuntimeError("playback is already running")
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="playback", daemon=True)
        self._thread.start()

    def ask_to_stop(self) -> None:
        self._stopping = True
        self.wake()

    def join(self, timeout_s: float) -> None:
        """Wait for the end of the thread."""
        if self._thread is None:
            return
        self._thread.join(timeout_s)
        if not self._thread.is_alive():
            self._thread = None

    def wake(self) -> None:
        """Let the thread look at once."""
        self._bell.ring()

    def warm(self, on: bool) -> None:
        self._warm = on
        self.wake()

    def cue(self, cue: Cue) -> None:
        epoch = self._output.epoch
        self._ask(lambda: self._begin_cue(cue, epoch))

    def stop_cue(self, cue: Cue) -> None:
        self._ask(lambda: self._mixer.stop(cue))

    def duck(self, on: bool) -> None:
        epoch = self._output.epoch
        # One that was meant for a reply that has been cut must not lower the next.
        self._ask(lambda: self._mixer.duck(on and epoch == self._output.epoch))

    def set_volume(self, percent: int) -> None:
        self._ask(lambda: self._mixer.set_volume(percent))

    def _ask(self, request: Callable[[], None]) -> None:
        self._requests.append(request)
        self.wake()

    # -- the thread -----------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping:
            self._wait(self.step())
        self._forget_card()

    def step(self) -> float:
        """One turn; returns the seconds until the next one is due. (Tests call it.)"""
        self.progress += 1
        now = self._clock.monotonic()
        self._forget_what_was_cut()
        while self._requests:
            self._requests.popleft()()
        retry_at = self._reopening.retry_at
        if not self._is_open and now < retry_at:
            return retry_at - now
        try:
            if not self._is_open and not self._open():
                return max(0.0, self._reopening.retry_at - self._clock.monotonic())
            wait_s = self._turn(now)
            self._tell_part(self._reopening.works(now))
            return wait_s
        except PcmError as error:
            if self._stopping:
                return 0.0
            self._lose(error)
            return 0.0

    def _wait(self, seconds: float) -> None:
        timeout_ms = math.ceil(seconds * 1000.0) if seconds > 0 else 0
        for fd, events in self._poll.poll(timeout_ms):
            if fd == self._bell.fd:
                self._bell.answer()
            elif events:
                # The card calls for attention (gone, or an xrun): step() will see. If
                # it goes on calling although all is well, it is not to be trusted.
                self._unwatch()

    def _forget_what_was_cut(self) -> None:
        generation = self._output.generation
        self._feed.begin_turn(generation, self._clock.monotonic())
        if generation != self._generation:
            self._generation = generation
            self._mixer.silence()
            self._tell_far_end_of_halt()

    def _begin_cue(self, cue: Cue, epoch: int) -> None:
        """``epoch``: of the request; a cut since then silences the cue as well."""
        one_shot = cue not in LOOPING
        wanted = epoch == self._output.epoch
        if one_shot:
            wanted = (
                wanted
                and not self._output.is_lost
                and self._output.open_cue(cue.value, self._generation)
            )
        if wanted:
            self._mixer.play(cue)
        elif one_shot:
            self._post(CueFinished(cue.value))

    # -- filling the card -------------------------------------------------------------

    def _turn(self, now: float) -> float:
        look = self._note(self._output.look(now), now)
        if not self._is_wanted(look):
            return self._rest(now, look)
        self._is_resting = False
        wait_frames = 0
        while not wait_frames:
            block = None
            if not look.has_pending:
                block, wait_frames = self._feed.next_block(look.queued, now)
                if block is None:
                    break
            written = self._output.write(block, self._generation, now)
            if written is None:  # cut: begin again
                return 0.0
            look = self._note(written, now)
            self._tell_far_end(look)
            if look.has_pending:  # the card is full; it has more than it needs
                wait_frames = self._period
        if look.next_in is not None:
            wait_frames = min(wait_frames, look.next_in)
        return max(wait_frames, 1) / self._rate_hz

    def _note(self, look: Look, now: float) -> Look:
        self.queued_frames = look.queued
        self._tell(look.passed, now)
        if look.xruns != self._known_xruns:
            self.xruns += look.xruns - self._known_xruns
            self._known_xruns = look.xruns
            self._feed.headroom.ran_dry(now)
            if look.sounding is not None:
                self._post(PlaybackUnderrun(look.sounding, now))
        return look

    def _is_wanted(self, look: Look) -> bool:
        return self._warm or not look.is_idle or self._feed.has_something

    def _rest(self, now: float, look: Look) -> float:
        """Nothing to play, and not warm: silence, then hardly any work."""
        if not self._is_resting or look.is_running:
            self._output.rest(now)
            self._is_resting = True
            self._tell_far_end_of_halt()
        self._output.check()
        return _IDLE_S

    def _tell_far_end(self, look: Look) -> None:
        if self._far_end is not None and look.taken:
            # The time is read after the card was asked: so it is late, never early.
            leaves_at = self._clock.monotonic() + look.queued / self._rate_hz + self._latency_s
            self._far_end.put(Played(look.run, look.position, leaves_at, look.taken))

    def _tell_far_end_of_halt(self) -> None:
        if self._far_end is not None:
            self._far_end.put(Halted(self._output.position))

    def _tell(self, passed: tuple[Passed, ...], now: float) -> None:
        for item in passed:
            if isinstance(item, CueEnded):
                self._post(CueFinished(item.name))
                continue
            at = now - item.frames_ago / self._rate_hz
            if isinstance(item, Started):
                self._post(PlaybackStarted(item.reply_id, at))
            else:
                heard = item.heard
                heard_ms = round(heard.frames * 1000 / self._rate_hz)
                self._post(
                    PlaybackStopped(heard.reply_id, heard.item_id, StopReason.DONE, heard_ms, at)
                )

    # -- the card -----------------------------------------------------------------------

    def _open(self) -> bool:
        """Raises ``PcmError`` when the card goes away meanwhile."""
        try:
            opened = open_pcm(self._request, self._opener)
        except AudioError as error:
            self._give_up()
            self._tell_part(self._reopening.refused(self._clock.monotonic(), error))
            return False
        buffer_ms = opened.buffer_frames * 1000 / self._rate_hz
        self._feed.headroom = Headroom(buffer_ms)
        self._known_xruns = 0
        self._is_open, self._is_resting = True, False
        self._output.attach(opened)
        self._reopening.opened(self._clock.monotonic(), opened.describe())
        self._watch([fd for fd, _ in opened.pcm.polldescriptors()])
        return True

    def _lose(self, error: Exception) -> None:
        """The card has gone: end what sounded, say so, and try again soon."""
        self._give_up()
        loss = explain_loss(error, self._request)
        self._tell_part(self._reopening.lost(self._clock.monotonic(), loss))

    def _tell_part(self, events: list[Event]) -> None:
        for event in events:
            self._post(event)

    def _give_up(self) -> None:
        """There is no speaker: nothing that was to be played will be."""
        now = self._clock.monotonic()
        opened, result, self._generation = self._output.detach(now)
        self._forget_card()
        if opened is not None:
            close_pcm(opened.pcm)
        self._mixer.silence(keep_looping=True)  # a ring sounds when the speaker is back
        self._feed.begin_turn(self._generation, now)
        self._tell_far_end_of_halt()
        self._report(result, now)

    def _report(self, result: CutResult, now: float) -> None:
        for heard in result.heard:
            heard_ms = round(heard.frames * 1000 / self._rate_hz)
            self._post(
                PlaybackStopped(heard.reply_id, heard.item_id, StopReason.ERROR, heard_ms, now)
            )
        for cue in result.cues:
            self._post(CueFinished(cue))

    def _forget_card(self) -> None:
        self._unwatch()
        self._is_open = False
        self.queued_frames = 0

    def _watch(self, fds: list[int]) -> None:
        # For errors only: the queue is kept by the clock at a level far below the
        # buffer's size, where POLLOUT would be true all the time.
        for fd in fds:
            self._poll.register(fd, 0)
        self._card_fds = fds

    def _unwatch(self) -> None:
        for fd in self._card_fds:
            self._poll.unregister(fd)
        self._card_fds = []
