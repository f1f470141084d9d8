"""The ear as the appliance builds and runs it, faster than real time, on samples.

Periods of 10 ms, each with the time at which it came, are handed to the shipped
:class:`device.audio.hearing.Hearing` as the ear's thread does: all that have come since the
last time at once, as soon as something can come of them (80 ms while idle, each period over
a reply). What is played is reported 40 ms before it sounds, as the playback thread does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from device.audio.cancelling.far_end import FarEndReports, Played
from device.audio.format import frames_in
from device.events import Event
from device.hearing_factory import make_hearing
from device.ports import Samples
from device.settings import Settings

PERIOD_MS = 10
AHEAD_MS = 40
UPLINK_HZ = 24_000
BOOT_S = 100.0


class BenchEar:
    """Microphones, a speaker, one clock. Loads the models that ``settings`` ask for."""

    def __init__(self, settings: Settings) -> None:
        self._reports = FarEndReports()
        self.hearing = make_hearing(settings, UPLINK_HZ, self._reports)
        self._mic = frames_in(PERIOD_MS, settings.audio.capture_rate_hz)
        self._speaker = frames_in(PERIOD_MS, settings.audio.playback_rate_hz)
        self._rate_hz = settings.audio.capture_rate_hz
        self._playback_hz = settings.audio.playback_rate_hz
        self._at = 0
        self._run, self._told, self._began_s = 0, 0, 0.0  # of what is played

    def hear(self, near: Samples, played: Samples | None = None) -> Iterator[Event]:
        """The next frames, int16 (n,) or (n, channels), with all that becomes of them. ``played``
        at the playback rate sounds meanwhile; None: nothing is played. Frames that do not
        fill a period are left out."""
        waiting: list[Samples] = []
        near = near.reshape(len(near), -1)
        begins, stream = self._at, 0 if played is None else self._stream()
        for start in range(0, len(near) - self._mic + 1, self._mic):
            end = begins + start + self._mic
            if played is not None:
                due = (start + self._mic) * self._playback_hz // self._rate_hz
                self._report(played, stream, due)
            self.hearing.observe(end, BOOT_S + end / self._rate_hz)
            waiting.append(near[start : start + self._mic])
            self._at = end
            if end >= self.hearing.wanted_frame:
                first = end - self._mic * len(waiting)
                yield from self.hearing.process(first, np.concatenate(waiting))
                waiting.clear()
        if waiting:
            first = self._at - self._mic * len(waiting)
            yield from self.hearing.process(first, np.concatenate(waiting))
        if played is None:
            self._told = 0

    def _stream(self) -> int:
        """The stream frame with which the next sound begins: playback runs on from call to
        call, until one of them plays nothing."""
        if not self._told:
            self._run += 1
            self._began_s = BOOT_S + self._at / self._rate_hz
        return self._told

    def _report(self, played: Samples, first: int, due: int) -> None:
        """``played`` begins with stream frame ``first``; it is told up to ``AHEAD_MS`` beyond
        ``due`` of its frames."""
        until = first + min(len(played), due + frames_in(AHEAD_MS, self._playback_hz))
        while self._told < until:
            at = self._told - first
            block = played[at : at + self._speaker]
            self._told += len(block)
            leaves_at = self._began_s + self._told / self._playback_hz
            self._reports.put(Played(self._run, self._told, leaves_at, block.tobytes()))
