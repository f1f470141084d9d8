"""The echo canceller as the ear sees it: microphones in, microphones without the device out.

Per channel: a high-pass; the linear Kalman canceller (``audio/echo.py``), whose reference is bent
as the speaker bends it (``saturation.py``), aligned (``alignment.py``, ``delay.py``) and
resampled to the microphone's clock (``skew.py``); then WebRTC's AEC3 and the gate that
decides how much of which is heard (``gate.py``).

While nothing is played, and its echo has died away, only the high-pass remains. The output
is late by a constant, whatever is done, so that no stream is ever spliced out of line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from device.audio.cancelling.aec3 import FRAME_SAMPLES, LATENCY_SAMPLES, WARM_FRAMES, Aec3
from device.audio.cancelling.alignment import Alignment
from device.audio.cancelling.delay import DelayFinder
from device.audio.cancelling.facts import SILENT_DB, EchoFacts, Levels
from device.audio.cancelling.far_end import FarEnd, FarEndReports
from device.audio.cancelling.gate import LEAST_FAR, EchoGate, decibels
from device.audio.cancelling.high_pass import HighPass
from device.audio.cancelling.reference import Reference
from device.audio.cancelling.saturation import Saturation
from device.audio.cancelling.signals import RAMP, direct_sound, mean, mix, powers, to_int16
from device.audio.cancelling.skew import SkewTracker
from device.audio.echo import BLOCK_SAMPLES, RATE_HZ, EchoCanceller, Signal, Spectra
from device.audio.first_frame import FirstFrame
from device.audio.format import frames_in
from device.ports import Samples

HANGOVER_MS = 300
"""How long the echo outlives the playback: the filter's tail and a little."""

PREPARE_MS = 80
"""So long before a sound AEC3 is fed, so that it has nothing old left in it."""

COMFORTABLE_SAMPLES = (16, 1200)
"""Where the direct sound may lie in the learnt path before the reference is moved."""

HOME_SAMPLES = 128
"""Where it is moved to."""

SLID_SAMPLES = 64
"""The direct sound may slide so far in the path before it is another path."""

SAME_SAMPLES = 2
"""A delay that is off by no more is the same."""

REPORTED_MS = 500
"""Something that plays is reported at least so often."""

WRONG_BLOCKS = 50
"""For a second after the linear canceller made it louder, the path does not count as known."""

LOST_S = 3.0
LOST_ERLE_DB = 3.0
"""After so long a search without a result, and so little cancelled, nothing is known."""

START_BLOCKS = 75
START_VOLUME = 0.02
"""The first 1.5 s of sound it ever hears played, its output is 34 dB down: nothing knows
the echo yet, and AEC3 lets half words through. So for that long, once after the start,
nobody can interrupt by voice. The wake word's stream (``for_wake``) is not turned down."""

_WARM_BLOCKS = math.ceil(WARM_FRAMES * FRAME_SAMPLES / BLOCK_SAMPLES)
_FULL_SCALE = 32768.0
_ECHOES = 1e-6


class Suppressor(Protocol):
    """What takes the rest of the echo from one channel (:class:`Aec3`)."""

    def block(self, near: Samples, far: Samples) -> Samples: ...


class EchoStage:
    """Cancels the echo of what ``far_end`` has played. Pure; ear thread only.

    ``rate_hz`` is the microphone's capture rate, in which frames are counted; samples are at
    16 kHz. Raises :class:`device.errors.ModelError` when AEC3 cannot be loaded.
    """

    latency_samples = LATENCY_SAMPLES
    """Output sample i belongs to input sample i - latency_samples, always."""

    def __init__(
        self,
        far_end: FarEnd,
        reports: FarEndReports,
        *,
        rate_hz: int,
        channels: int = 1,
        suppressors: Sequence[Suppressor] | None = None,
    ) -> None:
        self._far_end, self._reports, self._rate_hz = far_end, reports, rate_hz
        self.channels = channels
        self._suppressors: Sequence[Suppressor] = (
            suppressors if suppressors is not None else [Aec3() for _ in range(channels)]
        )
        self._clock = FirstFrame(rate_hz)
        self._observed: tuple[int, float] | None = None
        self._unreported = 0  # samples since anything was reported to be played
        self._alignment = Alignment()
        self._reference = Reference(far_end)
        # The far end goes through it beside the microphones: one call costs half of two.
        self._high_pass = HighPass(channels + 1)
        self._with_far: Signal = np.zeros((channels + 1, BLOCK_SAMPLES), np.float32)
        self._canceller = EchoCanceller(channels=channels)
        self._saturation = Saturation(self._canceller.partitions)
        self._skew, self._finder = SkewTracker(), DelayFinder()
        self._gates = [EchoGate() for _ in range(channels)]
        self._late: Signal = np.zeros((channels, LATENCY_SAMPLES), np.float32)
        self._home: int | None = None  # samples, where the direct sound lies in the path
        self._searching = True
        self._path_before: Spectra | None = None
        self._active = False
        self._active_blocks = 0
        self._far_blocks = 0  # with sound, ever
        self._silent_blocks = 0  # since the last with sound
        self._wrong_blocks = 0  # for which the path is doubted yet
        self._volume = 1.0
        self._erle_db = 0.0
        self._wake: Samples = np.zeros((0, channels), np.int16)
        self._facts = self._told([])

    @property
    def facts(self) -> EchoFacts:
        """Of the last call."""
        return self._facts

    @property
    def for_wake(self) -> Samples:
        """The last call's output for the wake word, same shape: not turned down at the start."""
        return self._wake

    def observe(self, end_frame: int, at: float) -> None:
        """The capture period up to ``end_frame`` came at ``at`` (s, CLOCK_MONOTONIC)."""
        self._clock.observe(end_frame, at)
        self._observed = end_frame, at

    def restart(self) -> None:
        """The capture was interrupted: its next block does not join the last one. What was
        learnt of the room stays."""
        self._clock.restart()
        if self._observed is not None:  # of the period behind the interruption, which comes now
            self._clock.observe(*self._observed)
        self._alignment.restart()
        self._unreported = 0  # what is held no longer joins them
        self._high_pass.reset()
        self._late[:] = 0
        self._rest()

    def process(self, near: Samples, first_frame: int) -> Samples:
        """``near`` (n, channels) int16 at 16 kHz, n a multiple of 320, begins with capture
        frame ``first_frame``. Returns the same shape, ``latency_samples`` late."""
        if near.ndim != 2 or near.shape[1] != self.channels or len(near) % BLOCK_SAMPLES:
            raise ValueError(f"{near.shape} is not whole blocks of {self.channels} channels")
        reports = self._reports.take()
        self._far_end.learn(reports)
        self._unreported = 0 if reports else self._unreported + len(near)
        made = np.empty((self.channels, len(near)), np.float32)
        scaled = np.ascontiguousarray(near.T) * np.float32(1 / _FULL_SCALE)
        levels: list[Levels] = []
        lowered: list[tuple[slice, Signal]] = []
        sample = first_frame * RATE_HZ / self._rate_hz
        aligned = self._align(len(near))
        for start in range(0, len(near), BLOCK_SAMPLES):
            block = slice(start, start + BLOCK_SAMPLES)
            instant = self._alignment.instant(sample + start)
            sounds = aligned and self._sounds(instant)
            self._with_far[:-1] = scaled[:, block]
            self._with_far[-1] = self._reference.read(instant, self._skew.ppm) if sounds else 0
            filtered = self._high_pass.block(self._with_far)
            heard = filtered[:-1]
            if sounds:
                made[:, block], volume = self._cancel(heard, filtered[-1], levels)
                if volume is not None:
                    lowered.append((block, volume))
            else:
                self._rest()
                made[:, block] = self._pass(heard, levels)
            self._alignment.advance(BLOCK_SAMPLES, self._skew.ppm)
        self._wake = out = to_int16(made).T
        if lowered:
            for block, volume in lowered:
                made[:, block] *= volume
            out = to_int16(made).T
        self._facts = self._told(levels)
        return out

    def _align(self, samples: int) -> bool:
        """Whether it is known what was played when."""
        run, epoch = self._far_end.latest, self._clock.at
        if run is None or epoch is None:
            return False
        # A run that is over says nothing of the clocks any more.
        running = self._unreported < frames_in(REPORTED_MS, RATE_HZ)
        if running and self._alignment.update(run, epoch, samples):
            self._search()
        return True

    def _search(self) -> None:
        """The alignment may be a few milliseconds off: look for the delay in the signals."""
        self._searching = True
        self._path_before = self._canceller.path.copy() if self._home is not None else None
        self._finder.restart()
        self._skew.restart()

    def _sounds(self, instant: float) -> bool:
        first = round(instant) - frames_in(HANGOVER_MS, RATE_HZ)
        last = round(instant) + BLOCK_SAMPLES + frames_in(PREPARE_MS, RATE_HZ)
        return self._far_end.sounds(first, last)

    def _cancel(
        self, heard: Signal, far: Signal, levels: list[Levels]
    ) -> tuple[Signal, Signal | None]:
        """The block without echo, and how far it is to be turned down; None: not at all."""
        self._active = True
        self._active_blocks += 1
        bent = self._saturation.bend(far)
        linear, echo, error = self._canceller.block(heard, bent)
        passed = max(0, self._wrong_blocks - 1)
        self._wrong_blocks = WRONG_BLOCKS if self._canceller.wrong else passed
        self._saturation.learn(self._canceller.path[0], echo[0], error[0])
        cleaner = self._suppress(linear, far)
        before = [gate.open for gate in self._gates]
        far_powers = powers(far)
        far_power = mean(far_powers)
        measured = [[powers(one) for one in of] for of in (heard, echo, linear, cleaner)]
        changed = False
        for gate, *parts in zip(self._gates, *measured, strict=True):
            changed |= gate.update(far_power, *map(mean, parts))
            if self._active_blocks <= _WARM_BLOCKS:
                gate.open = 1.0
        (heard_powers, *_), (echo_powers, *_), (linear_powers, *_), _ = measured
        volume = self._volume
        self._silent_blocks += 1
        if far_power > LEAST_FAR:
            self._follow(heard, far, changed)
            self._far_blocks += 1
            self._silent_blocks = 0
        starting = 0 < self._far_blocks <= START_BLOCKS
        echoes = self._silent_blocks * BLOCK_SAMPLES <= frames_in(HANGOVER_MS, RATE_HZ)
        self._volume = START_VOLUME if starting and echoes else 1.0
        after = [gate.open for gate in self._gates]
        late = self._delayed(linear)
        out = mix(late, cleaner, before, after)
        heard_out, ramp = out[:1], None
        if min(volume, self._volume) < 1.0:
            ramp = volume + (self._volume - volume) * RAMP
            heard_out = heard_out * ramp
        if mean(echo_powers) > _ECHOES:
            removed_db = decibels(mean(heard_powers)) - decibels(mean(linear_powers))
            self._erle_db += 0.04 * (removed_db - self._erle_db)
        out_powers = powers(heard_out[0])
        for told in zip(far_powers, heard_powers, linear_powers, out_powers, strict=True):
            far_db, heard_db, linear_db, out_db = map(decibels, told)
            levels.append((far_db, heard_db, linear_db, out_db))
        return out, ramp

    def _follow(self, heard: Signal, far: Signal, changed: bool) -> None:
        """While something sounds: its delay, and the clocks."""
        if changed:
            self._canceller.doubt()
            self._search()
        if self._searching:
            lag = self._finder.take(heard[0], far)
            if lag is not None:
                self._settle(lag)
            elif self._finder.looked_s > LOST_S:
                if self._erle_db < LOST_ERLE_DB:
                    self._begin_anew()
                elif self._home is not None:  # what is held serves
                    self._searching, self._path_before = False, None
        else:
            self._skew.watch(self._canceller.path[0])

    def _begin_anew(self) -> None:
        """The delay that was found once was wrong, or is so no more, by more than is looked
        for: as at the beginning."""
        self._home = self._path_before = None
        self._alignment.trust_time_stamps()
        self._canceller.forget()
        self._saturation.forget()
        self._finder.restart()

    def _settle(self, lag: int) -> None:
        """The sound is ``lag`` samples behind the reference."""
        self._searching = False
        home = self._home
        if home is None:
            low, high = COMFORTABLE_SAMPLES
            self._home = lag if low <= lag <= high else HOME_SAMPLES
            if self._home != lag:
                self._move(lag - self._home)
            return
        before = self._path_before
        if before is not None:
            # It may have slid a little since, while the clocks' skew was being learnt.
            found = direct_sound(before[0])
            self._home = home = found if abs(found - home) <= SLID_SAMPLES else home
        if abs(lag - home) > SAME_SAMPLES:
            if before is not None:
                self._canceller.path = before
            self._alignment.correct(home - lag)
            self._canceller.doubt()
            self._canceller.interrupt()
        self._path_before = None

    def _move(self, samples: int) -> None:
        """Read the reference so much earlier in what was played; the path moves with it."""
        self._alignment.correct(-samples)
        self._canceller.shift(-samples)
        self._skew.restart()

    def _suppress(self, linear: Signal, far: Signal) -> Signal:
        whole = to_int16(np.concatenate([linear, far[None, :]]))
        cleaner: Signal = np.empty_like(linear)
        for channel, suppressor in enumerate(self._suppressors):
            cleaner[channel] = suppressor.block(whole[channel], whole[-1])
        cleaner *= np.float32(1 / _FULL_SCALE)
        return cleaner

    def _pass(self, heard: Signal, levels: list[Levels]) -> Signal:
        late = self._delayed(heard)
        for told in zip(powers(heard[0]), powers(late[0]), strict=True):
            heard_db, late_db = map(decibels, told)
            levels.append((SILENT_DB, heard_db, heard_db, late_db))
        return late

    def _delayed(self, block: Signal) -> Signal:
        both = np.concatenate([self._late, block], axis=1)
        self._late = both[:, BLOCK_SAMPLES:]
        return both[:, :BLOCK_SAMPLES]

    def _rest(self) -> None:
        if not self._active:
            return
        self._active, self._active_blocks = False, 0
        self._canceller.interrupt()
        self._saturation.interrupt()
        for gate in self._gates:
            gate.interrupt()

    @property
    def _converged(self) -> bool:
        # A new run of playback may lie some samples beside the path until its delay was found.
        joined = self._home is None or not self._searching
        right = self._wrong_blocks == 0
        return joined and right and all(gate.converged for gate in self._gates)

    def _told(self, levels: list[Levels]) -> EchoFacts:
        residual = SILENT_DB
        if self._active:
            gate = self._gates[0]
            residual = gate.echo_db + gate.leak_db + 20 * math.log10(max(gate.open, 0.1))
        delay = 0.0 if self._home is None else self._home - self._alignment.delay_samples
        return EchoFacts(
            active=self._active,
            converged=self._converged,
            delay_ms=round(1000 * delay / RATE_HZ, 1),
            skew_ppm=round(self._skew.ppm, 1),
            erle_db=round(self._erle_db, 1),
            residual_db=round(residual, 1),
            parts=tuple(levels),
        )
