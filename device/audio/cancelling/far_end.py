"""What the speaker played and when: the echo canceller's reference.

The playback thread reports every block it has written, with the position in the
output stream and the time at which that position leaves the converter. From this
:class:`FarEnd` answers the ear: which sound was in the air at this moment?

A *run* is playback without interruption: within it, position and time differ by a
constant, which is estimated at its beginning and then held, so that the reference lies
on the microphone's samples without jitter. A cut, an underrun or a new card ends the run.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from device.audio.first_frame import FirstFrame
from device.audio.format import frames_in
from device.audio.polyphase import LowDelayResampler
from device.ports import Samples

RATE_HZ = 16_000

KEPT_MS = 4000
"""How far back the reference reaches: more than the ear's queue holds."""

SETTLE_MS = 250
"""Of a run: so long its time is improved, then it stays."""

QUIET_MS = 2000
"""After so much silence (more than a pause between sentences) it may be set anew."""

RELOCK_S = 0.010
"""It is then set anew when it is off by more than this (the clocks drift apart); else it
stays, and with it the learnt echo path fits. Cards tell their position in steps of some
milliseconds, so a smaller difference means nothing."""

WAITING = 1000
"""Reports that may wait for the ear: 10 s. When it does not come, the oldest go."""


@dataclass(frozen=True, slots=True)
class Played:
    """A block was written. ``position`` counts stream frames and is that of its end;
    it leaves the converter at ``leaves_at`` (s, CLOCK_MONOTONIC)."""

    run: int
    position: int
    leaves_at: float
    pcm: bytes  #: interleaved s16le, as written


@dataclass(frozen=True, slots=True)
class Halted:
    """The stream ended at ``position``: what was reported beyond it was not played."""

    position: int


@dataclass(frozen=True, slots=True)
class RunTime:
    """When a run began: ``origin`` as :class:`FarEnd` holds it (an instant), ``began_at`` as
    the newest reports have it (s). ``settled``: its beginning is over."""

    number: int
    first: int  #: stream position of its first frame
    origin: int
    began_at: float
    settled: bool


class FarEndReports:
    """From the playback thread to the ear. Neither ever waits for the other.

    Appending to a deque and taking from it are atomic; there is no lock.
    """

    def __init__(self, waiting: int = WAITING) -> None:
        self._reports: deque[Played | Halted] = deque(maxlen=waiting)

    def put(self, report: Played | Halted) -> None:
        """Playback thread."""
        self._reports.append(report)

    def take(self) -> list[Played | Halted]:
        """Ear thread: what came since the last time, in order."""
        taken: list[Played | Halted] = []
        while self._reports:
            taken.append(self._reports.popleft())
        return taken


class _Run:
    """One run: its audio at 16 kHz, and the time of its first sample."""

    def __init__(self, report: Played, frames: int, rate_hz: int) -> None:
        self.number = report.run
        self.first = report.position - frames
        self.end = self.first  # stream position after the newest frame
        self.began_at = float("-inf")  # until the first report
        self._clock = FirstFrame(rate_hz)
        self._rate_hz = rate_hz
        self._resampler = LowDelayResampler(rate_hz, RATE_HZ)
        self._audio: list[Samples] = []
        self._dropped = 0  # samples that are too old to be kept
        self._made = 0
        self._limit: int | None = None  # samples, where it was halted
        self._settle_until = self.first + frames_in(SETTLE_MS, rate_hz)
        # The first sample that is not silence, and the end of the last block that is not.
        self.sounds_from = self.sounds_until = 0

    def observe(self, frames: int, leaves_at: float) -> None:
        """So many more were written, the last of which leaves then; they are added later."""
        self.end += frames
        self._clock.observe(self.end - self.first, leaves_at)
        self._settle()

    def add(self, mono: Samples) -> None:
        """What was observed since the last time."""
        made = self._resampler.process(mono)
        self._audio.append(made)
        self._made += len(made)
        if mono.any():
            if not self.sounds_until:
                self.sounds_from = self._samples(self.end - len(mono) + int((mono != 0).argmax()))
            self.sounds_until = self._samples(self.end)
        while self._audio and self._made - self._dropped - len(self._audio[0]) > _KEPT:
            self._dropped += len(self._audio.pop(0))

    def _settle(self) -> None:
        began_at = self._clock.at
        if began_at is None:
            return
        quiet = self._made - self.sounds_until > frames_in(QUIET_MS, RATE_HZ)
        settling = self.end <= self._settle_until or math.isinf(self.began_at)
        if settling or (quiet and abs(began_at - self.began_at) > RELOCK_S):
            self.began_at = began_at

    def halt(self, position: int) -> None:
        """Nothing from ``position`` on was played."""
        self._limit = max(0, self._samples(position))
        self.sounds_until = min(self.sounds_until, self._limit)

    @property
    def began_by_reports(self) -> float | None:
        """As the reports of the last seconds have it, not held."""
        return self._clock.at

    @property
    def settled(self) -> bool:
        return self.end > self._settle_until

    @property
    def origin(self) -> int:
        """Of its first sample, in samples of CLOCK_MONOTONIC."""
        return round(self.began_at * RATE_HZ)

    def paste(self, into: Samples, at: int) -> None:
        """Add what was played from sample ``at`` of CLOCK_MONOTONIC on."""
        end = self._made + self.origin
        limit = end if self._limit is None else self.origin + self._limit
        for part in reversed(self._audio):  # what is asked for is among the newest
            start = end - len(part)
            first, last = max(start, at), min(end, at + len(into), limit)
            if first < last:
                into[first - at : last - at] = part[first - start : last - start]
            if start <= at:
                return
            end = start

    def _samples(self, position: int) -> int:
        return (position - self.first) * RATE_HZ // self._rate_hz


_KEPT = frames_in(KEPT_MS, RATE_HZ)


class FarEnd:
    """The reference by time. Pure; ear thread only.

    Times are *instants*: samples at 16 kHz since the zero of CLOCK_MONOTONIC.
    """

    def __init__(self, rate_hz: int, channels: int) -> None:
        """``rate_hz`` and ``channels`` of the playback stream; all channels are alike."""
        self._rate_hz, self._channels = rate_hz, channels
        self._runs: deque[_Run] = deque()

    def learn(self, reports: Iterable[Played | Halted]) -> None:
        """The next reports, in order. Audio that joins is resampled in one go."""
        joined: list[Samples] = []
        for report in reports:
            if isinstance(report, Halted):
                self._add(joined)
                if self._runs:
                    self._runs[-1].halt(report.position)
                continue
            mono = np.frombuffer(report.pcm, "<i2")[:: self._channels]
            first = report.position - len(mono)
            run = self._runs[-1] if self._runs else None
            if run is None or run.number != report.run or run.end != first:
                self._add(joined)
                if run is not None and first < run.end:
                    run.halt(first)
                run = _Run(report, len(mono), self._rate_hz)
                self._runs.append(run)
            run.observe(len(mono), report.leaves_at)
            joined.append(mono)
        self._add(joined)

    def _add(self, joined: list[Samples]) -> None:
        """To the newest run; empties ``joined``."""
        if joined:
            self._runs[-1].add(np.concatenate(joined).astype(np.int16))
            joined.clear()

    @property
    def latest(self) -> RunTime | None:
        """Of the newest run; None before the first."""
        run = self._runs[-1] if self._runs else None
        began_at = run.began_by_reports if run is not None else None
        if run is None or began_at is None:
            return None
        return RunTime(run.number, run.first, run.origin, began_at, run.settled)

    def sounds(self, from_instant: int, to_instant: int) -> bool:
        """Whether anything but silence was played in this time. Silence between two sounds of a
        run counts as sound; a run of silence alone (an open stream that waits) never does."""
        while len(self._runs) > 1 and self._over(self._runs[0], from_instant):
            self._runs.popleft()
        return any(
            run.origin + run.sounds_from < to_instant
            and run.origin + run.sounds_until > from_instant
            for run in self._runs
            if run.sounds_until > run.sounds_from
        )

    def read(self, from_instant: int, to_instant: int) -> Samples:
        """What left the converter in this time; silence where nothing did."""
        reference = np.zeros(to_instant - from_instant, np.int16)
        for run in self._runs:
            run.paste(reference, from_instant)
        return reference

    def _over(self, run: _Run, instant: int) -> bool:
        return run.origin + run._samples(run.end) < instant - _KEPT
