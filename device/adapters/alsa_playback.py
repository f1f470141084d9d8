"""Playback on ALSA: :class:`device.ports.Playback`.

::

    loop thread   enqueue -> resample -> jitter buffer
    playback thread          jitter buffer + cues + volume -> PCM
    any thread    cut        raise the epoch, avail(), drop()

Three files: this one is the face, ``alsa_playback_thread.py`` the thread that owns
the PCM, ``alsa_playback_output.py`` the little that the cut shares with it.

A cut silences *everything* that sounds: replies, cues and a ring. Whoever wants a
ring to go on after a cut asks for it again. A one-shot cue that was cut off is
reported as finished; a ring never is.

Without a speaker the conversation goes on: replies end at once with
``StopReason.ERROR``, one-shot cues as finished, and a ring sounds when the speaker
is back.
"""

from __future__ import annotations

import logging
import threading

import numpy as np

from device.adapters.alsa import Opener, alsa_opener, close_pcm
from device.adapters.alsa_playback_output import CutResult, SharedOutput
from device.adapters.alsa_playback_thread import PlaybackThread
from device.adapters.alsa_reopen import reopen_backoff
from device.adapters.losses import Losses
from device.audio.cancelling.far_end import FarEndReports
from device.audio.jitter import JitterBuffer
from device.audio.ledger import Heard
from device.audio.prebuffer import Prebuffer, PrebufferBounds
from device.audio.reply_stream import ReplyStream
from device.commands import Cue
from device.core.reconnect import Backoff
from device.events import CueFinished, PlaybackStopped, StopReason
from device.ports import Clock, Post, Samples
from device.settings import AudioSettings

log = logging.getLogger(__name__)

_JOIN_S = 1.0


class AlsaPlayback:
    """Implements :class:`device.ports.Playback`; every method says its thread there."""

    def __init__(
        self,
        settings: AudioSettings,
        *,
        output_latency_ms: float,
        downlink_rate_hz: int,
        post: Post,
        clock: Clock,
        opener: Opener = alsa_opener,
        backoff: Backoff | None = None,
        far_end: FarEndReports | None = None,
    ) -> None:
        """``opener`` opens the PCM (tests give a fake card); ``backoff`` says when to
        try again (default: 0.2 to 2 s, jittered); ``far_end`` is told what was played."""
        rate_hz = settings.playback_rate_hz
        self._rate_hz = rate_hz
        self._downlink_rate_hz = downlink_rate_hz
        self._post = post
        self._clock = clock
        self._output = SharedOutput(round(output_latency_ms * rate_hz / 1000), self._clock)
        bounds = PrebufferBounds(settings.prebuffer_min_ms, settings.prebuffer_max_ms)
        self._jitter = JitterBuffer(rate_hz, Prebuffer(bounds))
        self._jitter_lock = threading.Lock()
        self._thread = PlaybackThread(
            settings,
            output=self._output,
            jitter=self._jitter,
            jitter_lock=self._jitter_lock,
            post=post,
            clock=clock,
            opener=opener,
            backoff=backoff if backoff is not None else reopen_backoff(),
            far_end=far_end,
            latency_s=output_latency_ms / 1000,
        )
        self._refused = Losses(self._tell_of_refused)
        self._slow_told: str | None = None  # the reply; loop thread only, as what follows
        self._streams: dict[str, ReplyStream] = {}
        self._streams_epoch = 0

    # -- life -----------------------------------------------------------------------

    def start(self) -> None:
        """Open the speaker and keep trying; PartReady or PartDegraded tells."""
        self._thread.start()

    def step(self) -> float:
        """One turn of the playback thread, in the caller's, for tests that bring their own
        time; returns the seconds until the next. Never beside ``start``."""
        return self._thread.step()

    def stop(self) -> None:
        """Silence (drop), close, join (at most 1 s). It may be started again."""
        self._thread.ask_to_stop()
        opened = self._output.close(self._clock.monotonic())
        self._thread.join(_JOIN_S)
        # A card that was being opened when the thread was asked to stop came late.
        for card in (opened, self._output.close(self._clock.monotonic())):
            if card is not None:
                close_pcm(card.pcm)

    @property
    def epoch(self) -> int:
        return self._output.epoch

    @property
    def progress(self) -> int:
        return self._thread.progress

    @property
    def xruns(self) -> int:
        """Times that the card ran dry because the thread came too late."""
        return self._thread.xruns

    @property
    def underruns(self) -> int:
        """Times that a reply ran dry because the network came too late."""
        return self._thread.underruns

    @property
    def prebuffer_ms(self) -> float:
        """The adaptive prebuffer's level."""
        with self._jitter_lock:
            return self._jitter.prebuffer_ms

    def warm(self, on: bool) -> None:
        self._thread.warm(on)

    # -- replies ----------------------------------------------------------------------

    def enqueue(self, epoch: int, reply_id: str, item_id: str, pcm: bytes) -> None:
        """Loop thread. An odd last byte is ignored."""
        samples = np.frombuffer(pcm, "<i2", len(pcm) // 2)
        if not samples.size:
            return
        generation = self._admit(epoch, reply_id, item_id)
        if generation is None:
            return
        stream = self._stream(epoch, reply_id)
        for item, ready in stream.feed(item_id, samples):
            self._push(generation, reply_id, item, ready)
        self._thread.wake()

    def finish(self, epoch: int, reply_id: str) -> None:
        """Loop thread."""
        stream = self._streams.pop(reply_id, None)
        if stream is None or epoch != self._output.epoch or epoch != self._streams_epoch:
            return
        generation = self._admit(epoch, reply_id, stream.item_id)
        if generation is None:
            return
        for item, ready in stream.flush():
            self._push(generation, reply_id, item, ready)
        with self._jitter_lock:
            self._jitter.finish(generation, reply_id)
        self._thread.wake()

    def _admit(self, epoch: int, reply_id: str, item_id: str) -> int | None:
        generation, given_up = self._output.open_reply(epoch, reply_id, item_id)
        if given_up:
            self._report(CutResult((Heard(reply_id, item_id, 0),)), StopReason.ERROR)
        return generation

    def _stream(self, epoch: int, reply_id: str) -> ReplyStream:
        if epoch != self._streams_epoch:
            self._streams.clear()
            self._streams_epoch = epoch
        if reply_id not in self._streams:
            self._streams[reply_id] = ReplyStream(self._downlink_rate_hz, self._rate_hz)
        return self._streams[reply_id]

    # -- the cut ------------------------------------------------------------------------

    def cut(self, reason: StopReason) -> PlaybackStopped | None:
        """Any thread. Silence first, everything else after it."""
        result = self._output.cut(self._clock.monotonic())
        events = self._report(result, reason)
        self._thread.wake()
        return events[0] if events else None

    def _report(self, result: CutResult, reason: StopReason) -> list[PlaybackStopped]:
        at = self._clock.monotonic()
        events = [
            PlaybackStopped(
                heard.reply_id,
                heard.item_id,
                reason,
                round(heard.frames * 1000 / self._rate_hz),
                at,
            )
            for heard in result.heard
        ]
        for event in events:
            self._post(event)
        for cue in result.cues:
            self._post(CueFinished(cue))
        return events

    # -- cues and volume ------------------------------------------------------------------

    def cue(self, cue: Cue) -> None:
        self._thread.cue(cue)

    def stop_cue(self, cue: Cue) -> None:
        self._thread.stop_cue(cue)

    def duck(self, on: bool) -> None:
        self._thread.duck(on)

    def set_volume(self, percent: int) -> None:
        self._thread.set_volume(percent)

    def _push(self, generation: int, reply_id: str, item_id: str, samples: Samples) -> None:
        """Loop thread."""
        with self._jitter_lock:
            taken = self._jitter.push(
                generation,
                reply_id,
                item_id,
                samples,
                now=self._clock.monotonic(),
                ahead=self._thread.queued_frames,
            )
            slow = self._jitter.slow_reply
        if not taken:
            self._refused.add(samples.size)
        if slow is not None and slow != self._slow_told:
            self._slow_told = slow
            log.warning(
                "playback: the reply arrives more slowly than it is spoken, so it is heard in "
                "phrases with pauses between them: move the device nearer to the access point, "
                "or use a cable; if the network is fast, the service is slow"
            )

    def _tell_of_refused(self, frames: int) -> None:
        """In a thread of its own."""
        log.warning(
            "playback: %.1f s of reply audio were dropped, because %.0f s wait to be played "
            "already: the service says far too much; press the button to end the reply",
            frames / self._rate_hz,
            self._jitter.capacity_s,
        )
