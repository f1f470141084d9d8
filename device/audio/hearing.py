"""The ear without its thread: capture periods in, events out.

Microphone frames -> the channel that is used -> preroll ring -> wake word
(always), voice activity (on request), uplink (on request). Nothing but the wake
word runs while the appliance is idle, once per 80 ms.
"""

from __future__ import annotations

from device.audio.format import frames_in, pick_channel
from device.audio.lanes import UplinkLane, VadLane, WakeLane
from device.audio.own_sound import OwnSoundMask
from device.audio.preroll import PrerollRing
from device.audio.vad import VoiceActivity
from device.audio.wake import WakeGate
from device.audio.wake_echo import WakeEcho
from device.audio.word_end import FAR_REACH_MS
from device.events import Event, UplinkStopped
from device.ports import Samples, VadEngine, WakeEngine
from device.settings import VadSettings, WakeSettings

PREROLL_MS = 5000
"""How far into the past ``start_uplink`` may reach. The VAD alone needs 500."""

SHORT_GAP_MS = 200
"""A gap up to this long is an overrun in the middle of things: it is spliced, and the
engines keep what they heard before it. After a longer one they start afresh."""

SLICE_MS = 500
"""Longer calls (after a stall) are taken in slices, so that the ring never
overwrites what nobody has read yet."""

VAD_LOOKBACK_MS = 1000
"""How far back the VAD starts, when it is switched on during an uplink."""


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
        echo: WakeEcho | None = None,
    ) -> None:
        """``echo`` stands before the wake word only; what is sent stays as it was heard."""
        wake_settings, vad_settings = wake_settings or WakeSettings(), vad_settings or VadSettings()
        self._rate_hz, self._uplink_rate_hz, self._channel = rate_hz, uplink_rate_hz, channel
        if preroll_ms < 2 * SLICE_MS:
            raise ValueError(f"a preroll of {preroll_ms} ms is shorter than {2 * SLICE_MS} ms")
        self._ring = PrerollRing(frames_in(preroll_ms, rate_hz))
        self._mask = OwnSoundMask()
        self._gate = WakeGate(rate_hz)
        self._activity = VoiceActivity(0.5, 0, 0)
        self._echo = echo
        self._wake = WakeLane(self._ring, rate_hz, wake, self._gate, echo)
        self._vad = VadLane(self._ring, rate_hz, vad, self._activity, self._mask)
        self._uplink: UplinkLane | None = None
        self._uplink_from: int | None = None  # asked for; where it starts is not known yet
        self._kept: list[PrerollRing] = []  # of that uplink: what lay before gaps
        self._vad_on = False
        self._vad_from: int | None = None  # where it starts, until it has
        self._started = False
        self.tune(wake_settings, vad_settings)

    def tune(self, wake: WakeSettings, vad: VadSettings) -> None:
        """Apply the live settings."""
        self._gate.tune(wake.threshold, wake.patience, wake.refractory_s)
        self._activity.tune(vad.threshold, vad.onset_ms, vad.hangover_ms)

    @property
    def frame(self) -> int:
        """One past the newest frame."""
        return self._ring.end

    @property
    def inferences(self) -> int:
        """Wake inferences so far."""
        return self._wake.inferences

    @property
    def wanted_frame(self) -> int:
        """Nothing can come of ``process`` before the capture reaches this frame.

        The next wake chunk while idle; 0 while VAD or uplink want every period.
        """
        return 0 if self._vad_on or self.uplink_on else self._wake.wanted_frame

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
        events: list[Event] = []
        if first_frame != self._ring.end or not self._started:
            events += self._jump(first_frame)
        self._append(pick_channel(samples, self._channel), events)
        return events

    def observe(self, end_frame: int, at: float) -> None:
        """The period up to ``end_frame`` came at ``at`` (s, CLOCK_MONOTONIC). To be told
        before the period is processed; the echo canceller sets its reference by it."""
        if self._echo is not None:
            self._echo.observe(end_frame, at)

    def start_uplink(self, from_frame: int) -> None:
        """From the next ``process`` on, yield ``UplinkAudio`` from ``from_frame`` on.

        It may lie in the past (older than the preroll: begins with the oldest
        frame there is, and ``first_frame`` says so) or in the future. Nothing
        from before it bears on what is sent. Ignored while the uplink is on:
        no frame is sent twice.

        ``at_frame`` of a wake word means that word's end, which may not be known before
        ``AHEAD_MS`` more was heard (``audio/word_end.py``): until then uplink and VAD wait.
        """
        if not self.uplink_on:
            self._mask.forget_past()
            self._uplink_from = from_frame
            self._begin_uplink()

    def stop_uplink(self) -> list[Event]:
        """The rest of the audio, then ``UplinkStopped``, also when it was not on."""
        self._uplink_from = None
        self._kept.clear()
        if self._uplink is None:
            return [UplinkStopped(self._ring.end)]
        rest, end_frame = self._uplink.finish()
        self._uplink = None
        return [*rest, UplinkStopped(end_frame)]

    def run_vad(self, on: bool) -> None:
        """Switch the VAD. It starts with the uplink's first frame when that is
        on (at most 1 s back), so that it misses nothing that is sent; else now."""
        if on and not self._vad_on:
            self._vad_from = self._ring.end
        self._vad_on = on

    def mask(self, on: bool) -> None:
        """From the newest frame on, the device's own sound is heard (or no longer is).

        The uplink sends zeros for masked frames, one for one, and no speech starts in
        them. ``start_uplink`` forgets a mask that is over: who started it, spoke then.
        """
        if on:
            self._mask.begin(self._ring.end)
        else:
            self._mask.end(self._ring.end)

    def advance(self) -> list[Event]:
        """What can be said without new frames: after ``start_uplink`` or
        ``run_vad``, that which lies in the preroll."""
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
        return self._jump(self._ring.end)

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
        self._uplink = self._uplink_lane(self._ring, start)
        if self._vad_on and self._wake.word_ends.is_detection(self._uplink_from):
            self._vad_from = start  # it must not take the rest of the wake word for speech
        self._uplink_from = None
        return events

    def _uplink_lane(self, ring: PrerollRing, start: int) -> UplinkLane:
        return UplinkLane(ring, self._rate_hz, self._uplink_rate_hz, start, self._mask)

    def _append(self, mono: Samples, events: list[Event]) -> None:
        slice_frames = frames_in(SLICE_MS, self._rate_hz)
        for start in range(0, len(mono), slice_frames):
            self._ring.append(mono[start : start + slice_frames])
            events += self.advance()

    def _vad_start(self, from_frame: int) -> int:
        if self._uplink is not None:
            lookback = self._ring.end - frames_in(VAD_LOOKBACK_MS, self._rate_hz)
            from_frame = max(self._uplink.from_frame, lookback)
        return max(from_frame, self._ring.oldest)

    def _jump(self, first_frame: int) -> list[Event]:
        gap = first_frame - self._ring.end
        forget = not (self._started and 0 < gap <= frames_in(SHORT_GAP_MS, self._rate_hz))
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
        self._ring.restart(first_frame)
        self._started = True
        return events

    def _keep_for_uplink(self) -> None:
        """An uplink whose start is not decided yet may start before the gap."""
        if self._uplink_from is None:
            return
        reach = frames_in(FAR_REACH_MS, self._rate_hz)
        first = max(self._ring.oldest, min(self._uplink_from - reach, self._ring.end))
        kept = PrerollRing(self._ring.end - first + 1)
        kept.restart(first)
        kept.append(self._ring.read(first, self._ring.end))
        self._kept.append(kept)
