"""The ear as the appliance builds and runs it, faster than real time, on samples.

Periods of 10 ms, each with the time at which it came, are handed to the shipped
:class:`device.audio.hearing.Hearing` as the ear's thread does: all that have come since the
last time at once, as soon as something can come of them (80 ms while idle, each period over
a reply). What is played is reported 40 ms before it sounds, as the playback thread does.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from device.audio.far_end import FarEndReports, Played
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
    """One microphone, one speaker, one clock. Loads the models that ``settings`` ask for."""

    def __init__(self, settings: Settings) -> None:
        self._reports = FarEndReports()
        self.hearing = make_hearing(settings, UPLINK_HZ, self._reports)
        self._mic = frames_in(PERIOD_MS, settings.audio.capture_rate_hz)
        self._speaker = frames_in(PERIOD_MS, settings.audio.playback_rate_hz)
        self._rate_hz = settings.audio.capture_rate_hz
        self._playback_hz = settings.audio.playback_rate_hz
        self._at = 0

    def hear(self, near: Samples, played: Samples | None = None) -> Iterator[Event]:
        """The microphone's next frames, mono int16, with all that becomes of them. ``played``
        at the playback rate sounds meanwhile; None: nothing is played. Frames that do not
        fill a period are left out."""
        told = 0
        waiting: list[Samples] = []
        begins = self._at
        for start in range(0, len(near) - self._mic + 1, self._mic):
            end = begins + start + self._mic
            if played is not None:
                due = (start + self._mic) * self._playback_hz // self._rate_hz
                told = self._report(played, told, due, begins)
            self.hearing.observe(end, BOOT_S + end / self._rate_hz)
            waiting.append(near[start : start + self._mic, None])
            self._at = end
            if end >= self.hearing.wanted_frame:
                first = end - self._mic * len(waiting)
                yield from self.hearing.process(first, np.concatenate(waiting))
                waiting.clear()
        if waiting:
            first = self._at - self._mic * len(waiting)
            yield from self.hearing.process(first, np.concatenate(waiting))

    def _report(self, played: Samples, told: int, due: int, begins: int) -> int:
        """Up to ``AHEAD_MS`` beyond the stream frame ``due``; the frame told of by then."""
        until = min(len(played), due + frames_in(AHEAD_MS, self._playback_hz))
        began_s = BOOT_S + begins / self._rate_hz
        run = 1 + begins  # each call is a stream of its own
        while told < until:
            block = played[told : told + self._speaker]
            told += len(block)
            leaves_at = began_s + told / self._playback_hz
            self._reports.put(Played(run, told, leaves_at, block.tobytes()))
        return told
