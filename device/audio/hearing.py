"""The ear without its thread: capture periods in, events out.

Microphone frames -> front end (``front_end.py``) -> preroll rings, raw and cancelled -> wake
word (always), voice activity (on request), uplink (on request). Nothing but the wake word runs
while the appliance is idle, once per 80 ms.

In here everything counts in the *positions* of the front end, at 16 kHz; capture frames are
what comes in and what is told outside. Without a front end the two are the same.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from device.audio.cancelling.facts import SILENT_DB, EchoFacts
from device.audio.format import frames_in, pick_channel
from device.audio.frame_scale import in_frames
from device.audio.front_end import Front, FrontEnd
from device.audio.lanes import UplinkLane, VadLane, WakeLane
from device.audio.microphones.watch import MicWatch
from device.audio.near_end import BLOCK_SAMPLES, NearEnd
from device.audio.onset import EchoLevels
from device.audio.own_sound import OwnSoundMask
from device.audio.preroll import PrerollRing
from device.audio.vad import VoiceActivity
from device.audio.wake import WakeGate
from device.audio.wakewords.word_end import FAR_REACH_MS
from device.errors import ModelError
from device.events import Event, NearEndHeard, UplinkStopped
from device.ports import Samples, VadEngine, WakeEngine
from device.settings import VadSettings, WakeSettings

PREROLL_MS = 9000
"""How far into the past ``start_uplink`` may reach: the VAD alone needs 500, who judges whether a
turn is over 8000."""

SHORT_GAP_MS = 200
"""A gap up to this long is an overrun in the middle of things: it is spliced, and the
engines keep what they heard before it. After a longer one they start afresh."""

SLICE_MS = 500
"""Longer calls (after a stall) are taken in slices, so that the ring never
overwrites what nobody has read yet."""

VAD_LOOKBACK_MS = 1000
"""How far back the VAD starts, when it is switched on during an uplink."""


class Sent(StrEnum):
    """What the uplink is made of."""

    RAW = "raw"  #: the microphone as it is
    CLEAN = "echo_cancelled"  #: what wake word and VAD hear
    POLISHED = "cleaned"  #: less noise, and evenly loud


class Hearing:
    """Turns capture frames into events. Pure; one thread at a time (the ear's).

    ``rate_hz`` and ``channel`` are the microphone's, ``uplink_rate_hz`` the
    provider's. Frames are capture frames throughout.
    """

    def __init__(
        self,
        wake: WakeEngine,
        vad: VadEngine,
        *,
        rate_hz: int,
        uplink_rate_hz: int,
        channel: int = 0,
        wake_settings: WakeSettings | None = None,
        vad_settings: VadSettings | None = None,
        preroll_ms: float = PREROLL_MS,
        front: FrontEnd | None = None,
        send: Sent = Sent.CLEAN,
        near_end: NearEnd | None = None,
        watch: MicWatch | None = None,
        echo_trouble: ModelError | None = None,
    ) -> None:
        """Without ``front`` all listen to ``channel`` as it is. ``send`` chooses which of the
        front end's streams the uplink is made of. ``near_end`` listens while a reply sounds; it
        counts in samples at 16 kHz, and needs a ``front``. ``watch`` judges the microphones, and
        says which is heard. ``echo_trouble``: why no echo is cancelled, though it was asked for."""
        self.echo_trouble = echo_trouble
        wake_settings, vad_settings = wake_settings or WakeSettings(), vad_settings or VadSettings()
        self._front, self._channel, self._mics = front, channel, watch
        self._scale = 1 if front is None else front.scale
        rate_hz //= self._scale
        self._rate_hz, self._uplink_rate_hz = rate_hz, uplink_rate_hz
        self._next_frame = 0  # capture frame after the newest
        if preroll_ms < 2 * SLICE_MS:
            raise ValueError(f"a preroll of {preroll_ms} ms is shorter than {2 * SLICE_MS} ms")
        self._ring = PrerollRing(frames_in(preroll_ms, rate_hz))
        # What the uplink is made of, and where the others listen: mostly the same.
        self._send = Sent.CLEAN if front is None else send
        own = self._send is not Sent.CLEAN
        self._sent = PrerollRing(frames_in(preroll_ms, rate_hz)) if own else self._ring
        # A canceller leaves the wake word more of a voice, and of the echo.
        self._words = self._ring if front is None else PrerollRing(frames_in(preroll_ms, rate_hz))
        self._near_end = near_end
        self._mask = OwnSoundMask()
        self._gate = WakeGate(rate_hz)
        self._activity = VoiceActivity(0.5, 0, 0)
        self._wake = WakeLane(self._words, rate_hz, wake, self._gate)
        self._vad = VadLane(self._ring, rate_hz, vad, self._activity, self._mask)
        self._uplink: UplinkLane | None = None
        self._uplink_from: int | None = None  # asked for; where it starts is not known yet
        self._kept: list[PrerollRing] = []  # of that uplink: what lay before gaps
        self._vad_on = self._guarding = False
        self._vad_from: int | None = None  # where it starts, until it has
        self._started = False
        self.tune(wake_settings, vad_settings)

    def tune(self, wake: WakeSettings, vad: VadSettings) -> None:
        """Apply the live settings."""
        self._gate.tune(wake.threshold, wake.patience, wake.refractory_s)
        self._activity.tune(vad.threshold, vad.onset_ms, vad.hangover_ms)

    @property
    def frame(self) -> int:
        """One past the newest capture frame."""
        return self._next_frame

    @property
    def inferences(self) -> int:
        """Wake inferences so far."""
        return self._wake.inferences

    @property
    def wanted_frame(self) -> int:
        """Nothing can come of ``process`` before the capture reaches this frame.

        The next wake chunk while idle; the front end's next block (without a front end any
        period) while anything else listens.
        """
        if self._vad_on or self.uplink_on or self._guarding:
            return 0 if self._front is None else self._front.next_block_frame
        wait = 0 if self._front is None else self._front.lookahead
        return self._wake.wanted_frame * self._scale + wait

    @property
    def wake_engine(self) -> WakeEngine:
        """The engine in use."""
        return self._wake.engine

    def use_wake_engine(self, engine: WakeEngine) -> None:
        """From the next chunk on ``engine`` scores; nothing else is disturbed."""
        self._gate.reset()
        self._wake.engine = engine

    @property
    def uplink_on(self) -> bool:
        return self._uplink is not None or self._uplink_from is not None

    def process(self, first_frame: int, samples: Samples) -> list[Event]:
        """The next (n, channels) int16 frames, the first of them ``first_frame``.

        A jump of ``first_frame`` is a gap (overrun, or the card was away).
        """
        told = self._judge_microphones(first_frame, samples)
        events: list[Event] = []
        if first_frame != self._next_frame or not self._started:
            events += self._jump(first_frame)
        slice_frames = frames_in(SLICE_MS, self._rate_hz) * self._scale
        for start in range(0, len(samples), slice_frames):
            part = samples[start : start + slice_frames]
            self._next_frame += len(part)
            events += self._append(part)
            events += self._advance()
        return [*told, *self._located(in_frames(events, self._scale))]

    def observe(self, end_frame: int, at: float) -> None:
        """The period up to ``end_frame`` came at ``at`` (s, CLOCK_MONOTONIC). To be told
        before the period is processed; the echo canceller sets its reference by it."""
        if self._mics is not None:
            self._mics.observe(end_frame, at)
        if self._front is not None:
            self._front.observe(end_frame, at)

    def start_uplink(self, from_frame: int) -> None:
        """From the next ``process`` on, yield ``UplinkAudio`` from ``from_frame`` on.

        It may lie in the past (older than the preroll: begins with the oldest
        frame there is, and ``first_frame`` says so) or in the future. Nothing
        from before it bears on what is sent. Ignored while the uplink is on:
        no frame is sent twice.

        ``at_frame`` of a wake word means that word's end, which may not be known before
        ``AHEAD_MS`` more was heard (``wakewords/word_end.py``): until then uplink and VAD wait.
        """
        if not self.uplink_on:
            self._mask.forget_past()
            self._uplink_from = from_frame // self._scale
            self._begin_uplink()

    def stop_uplink(self) -> list[Event]:
        """The rest of the audio, then ``UplinkStopped``, also when it was not on."""
        self._uplink_from = None
        self._kept.clear()
        if self._uplink is None:
            return [UplinkStopped(self._sent.end * self._scale)]
        rest, end = self._uplink.finish()
        self._uplink = None
        return in_frames([*rest, UplinkStopped(end)], self._scale)

    def run_vad(self, on: bool) -> None:
        """Switch the VAD. It starts with the uplink's first frame when that is
        on (at most 1 s back), so that it misses nothing that is sent; else now."""
        if on and not self._vad_on:
            self._vad_from = self._ring.end
        self._vad_on = on

    def guard(self, on: bool) -> None:
        """A reply sounds (or no longer does): tell of whatever else is heard meanwhile."""
        if on and not self._guarding and self._near_end is not None:
            self._near_end.restart()
        self._guarding = on

    def mask(self, on: bool) -> None:
        """From the newest frame on, the device's own sound is heard (or no longer is).

        The uplink sends zeros for masked frames, one for one, and no speech starts in
        them. ``start_uplink`` forgets a mask that is over: who started it, spoke then.
        """
        newest = self._next_frame // self._scale
        if on:
            self._mask.begin(newest)
        else:
            self._mask.end(newest)

    def turn_so_far(self, longest_ms: float) -> Samples:
        """A copy of what was heard since the uplink's first frame, or of the newest
        ``longest_ms`` of it; mono, at 16 kHz with a front end. Empty without an uplink."""
        if self._uplink is None:
            return np.zeros(0, np.int16)
        first = self._ring.end - frames_in(longest_ms, self._rate_hz)
        first = max(first, self._ring.oldest, min(self._uplink.from_frame, self._ring.end))
        return self._ring.read(first, self._ring.end)

    def advance(self) -> list[Event]:
        """What can be said without new frames: after ``start_uplink`` or
        ``run_vad``, that which lies in the preroll."""
        return self._located(in_frames(self._advance(), self._scale))

    def _judge_microphones(self, first_frame: int, frames: Samples) -> list[Event]:
        """Before anything is done to them. What is wrong; another may be heard from now on."""
        if self._mics is None:
            return []
        was = self._mics.listening
        events = self._mics.hear(first_frame, frames)
        now = self._mics.listening
        if now != was:
            self._channel = now.channel
            if self._front is not None:
                self._front.use(now.channel, now.beam)
        return events

    def _located(self, events: list[Event]) -> list[Event]:
        """Pass ``events``, in capture frames; whoever spoke is looked for soon."""
        if self._mics is not None and events:
            sounds = self._front is not None and self._front.canceller.facts.active
            self._mics.told(events, over_own_sound=sounds)
        return events

    def _advance(self) -> list[Event]:
        events: list[Event] = [*self._wake.advance()]
        events += self._begin_uplink()
        if self._vad_on and self._uplink_from is None:
            if self._vad_from is not None:
                self._vad.restart(self._vad_start(self._vad_from))
                self._vad_from = None
            events += self._vad.advance()
        if self._uplink:
            events += self._uplink.advance()
        return events

    def forget(self) -> list[Event]:
        """Forget all that was heard (the microphone is being closed). An uplink
        that is on sends what it has and goes on with whatever comes next."""
        return in_frames(self._jump(self._next_frame), self._scale)

    def _begin_uplink(self) -> list[Event]:
        """Once it is known where the uplink starts. What it sends of before a gap."""
        if self._uplink_from is None:
            return []
        start = self._wake.word_ends.start_for(self._uplink_from)
        if start is None:
            return []
        events: list[Event] = []
        for kept in self._kept:
            if start < kept.end:
                events += self._uplink_lane(kept, start).finish()[0]
        self._kept.clear()
        self._uplink = self._uplink_lane(self._sent, start)
        if self._vad_on and self._wake.word_ends.is_detection(self._uplink_from):
            self._vad_from = start  # it must not take the rest of the wake word for speech
        self._uplink_from = None
        return events

    def _uplink_lane(self, ring: PrerollRing, start: int) -> UplinkLane:
        return UplinkLane(ring, self._rate_hz, self._uplink_rate_hz, start, self._mask)

    def _append(self, frames: Samples) -> list[NearEndHeard]:
        if self._front is None:
            self._ring.append(pick_channel(frames, self._channel))
            return []
        front = self._front.process(frames)
        self._take(front)
        return self._watch(front, self._front.canceller.facts)

    def _take(self, front: Front) -> None:
        self._ring.append(front.clean)
        self._words.append(front.words)
        if self._send is Sent.RAW:
            self._sent.append(front.raw)
        elif self._send is Sent.POLISHED:
            self._sent.append(front.polished)

    def _watch(self, front: Front, echo: EchoFacts) -> list[NearEndHeard]:
        """Over a reply: what else is heard in these blocks?"""
        if self._near_end is None or not self._guarding or not len(front.blocks):
            return []
        found = []
        for number, (far_db, microphone_db, filtered_db, _) in enumerate(echo.parts):
            start = number * BLOCK_SAMPLES
            # Where nothing was played the filter has left nothing.
            linear_db = filtered_db if far_db > SILENT_DB else None
            known = EchoLevels(microphone_db, linear_db, echo.residual_db, echo.converged)
            block = front.blocks[start : start + BLOCK_SAMPLES]
            found += self._near_end.hear(block, front.blocks_at + start, known)
        return found

    def _vad_start(self, from_frame: int) -> int:
        if self._uplink is not None:
            lookback = self._ring.end - frames_in(VAD_LOOKBACK_MS, self._rate_hz)
            from_frame = max(self._uplink.from_frame, lookback)
        return max(from_frame, self._ring.oldest)

    def _jump(self, first_frame: int) -> list[Event]:
        if self._front is not None:
            self._take(self._front.flush())
            self._front.begin(first_frame)
        gap = first_frame - self._next_frame
        limit = frames_in(SHORT_GAP_MS, self._rate_hz) * self._scale
        forget = not (self._started and 0 < gap <= limit)
        position = -(-first_frame // self._scale)
        if not forget:
            position = max(position, self._ring.end)
        events = self._cross(position, forget)
        self._next_frame = first_frame
        return events

    def _cross(self, first_frame: int, forget: bool) -> list[Event]:
        """Go on at position ``first_frame``."""
        events: list[Event] = []
        # All of them may still read what came before the gap: the ring forgets it last.
        if self._uplink:
            events += self._uplink.resume(first_frame)
        listening = self._vad_on and self._vad_from is None
        if listening and not forget:
            self._vad.resume(first_frame)
        else:
            if listening:
                events += self._vad.break_off(self._ring.end)
            self._vad_from = first_frame
        if forget:
            self._kept.clear()
            self._wake.restart(first_frame)
        else:
            self._keep_for_uplink()
            self._wake.resume(first_frame)
        if self._near_end is not None:
            self._near_end.restart()
        for ring in {id(r): r for r in (self._ring, self._words, self._sent)}.values():
            ring.restart(first_frame)
        self._started = True
        return events

    def _keep_for_uplink(self) -> None:
        """An uplink whose start is not decided yet may start before the gap."""
        if self._uplink_from is None:
            return
        reach = frames_in(FAR_REACH_MS, self._rate_hz)
        ring = self._sent
        first = max(ring.oldest, min(self._uplink_from - reach, ring.end))
        kept = PrerollRing(ring.end - first + 1)
        kept.restart(first)
        kept.append(ring.read(first, ring.end))
        self._kept.append(kept)
