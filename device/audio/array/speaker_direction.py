"""Where the voices come from, and whether two microphones are swapped: for an ear that knows
where its microphones stand.

The last moments of all microphones are kept as they came. After a wake word, and somewhat
after speech began, they are looked at (:mod:`device.audio.array.direction`,
:mod:`device.audio.array.channel_order`): never in the call that brings the verdict itself, which
must not wait for it. Whether microphones are swapped is asked after wake words only: for
eight of them it takes 0.15 s. Pure; ear thread only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from device.audio.array.channel_order import UTTERANCES, ChannelOrder
from device.audio.array.direction import DirectionFinder
from device.audio.array.geometry import Positions
from device.audio.format import frames_in
from device.audio.microphones.faults import ChannelFault, swapped_fault
from device.events import Event, SpeakerLocated, SpeechStarted, WakeDetected
from device.ports import Samples

CLIP_MS = 1000
"""How much is looked at: the word, and something of the room before it."""

SPEECH_MS = 600
"""So much of what was said is waited for after it began."""

KEPT_MS = 1500
"""A verdict comes up to some 200 ms after the sound that it is about."""


class SpeakerDirection:
    """``channels`` of the card stand at ``positions``, in that order."""

    def __init__(self, positions: Positions, channels: Sequence[int], rate_hz: int) -> None:
        self._channels = tuple(channels)
        self._apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
        self._finder = DirectionFinder(positions, rate_hz)
        self._order = ChannelOrder(positions, rate_hz)
        self._clip = frames_in(CLIP_MS, rate_hz)
        self._speech = frames_in(SPEECH_MS, rate_hz)
        self._most = frames_in(KEPT_MS, rate_hz)
        self._pieces: deque[tuple[int, Samples]] = deque()
        self._end: int | None = None
        self._due: list[
            tuple[WakeDetected | SpeechStarted, int]
        ] = []  # the verdict, and the frame to wait for
        self._right = 0  # utterances in a row that fit the configured order
        self.swapped: ChannelFault | None = None  #: two channels, once it is plain

    def told(self, events: Iterable[Event]) -> None:
        """What the ear found; only wake words and beginnings of speech matter."""
        for event in events:
            if isinstance(event, WakeDetected):
                self._due.append((event, event.at_frame))
            elif isinstance(event, SpeechStarted):
                self._due.append((event, event.at_frame + self._speech))

    def hear(self, first_frame: int, samples: Samples) -> list[Event]:
        """The next int16 frames (n, channels of the card), whose first is ``first_frame``.
        What they, or the ones before, tell of where somebody is."""
        found: list[Event] = []
        if first_frame != self._end:
            self._pieces.clear()
            self._due.clear()
        self._end = first_frame + len(samples)
        self._pieces.append((first_frame, samples))
        due, self._due = self._due, []
        for verdict, until in due:
            if self._end < until:
                self._due.append((verdict, until))
            else:
                found += self._look(verdict, until)
        while self._pieces and self._pieces[0][0] + len(self._pieces[0][1]) < (
            self._end - self._most
        ):
            self._pieces.popleft()
        return found

    def _look(self, verdict: WakeDetected | SpeechStarted, until: int) -> list[Event]:
        clip = self._read(until - self._clip, until)
        if isinstance(verdict, WakeDetected):
            self._ask_for_order(clip, verdict.at_frame)
        found = self._finder.find(clip)
        if found is None:
            return []
        azimuth_deg = round(found.azimuth_deg) % 360
        return [SpeakerLocated(azimuth_deg, round(found.confidence, 2), verdict.at_frame)]

    def _ask_for_order(self, clip: Samples, at_frame: int) -> None:
        pair = self._order.hear(clip)
        self._right = self._right + 1 if pair is None else 0
        if self._right >= UTTERANCES:  # one at a place that misleads does not end it
            self.swapped = None
        elif pair is not None and self.swapped is None:
            self.swapped = self._fault(pair, at_frame)

    def _fault(self, pair: tuple[int, int], at_frame: int) -> ChannelFault:
        one, other = (self._channels[place] for place in pair)
        fault = swapped_fault(one, other, at_frame)
        alike = [
            f"{self._channels[a]} and {self._channels[b]}"
            for a, b in combinations(range(len(self._channels)), 2)
            if (a, b) != pair and self._looks_alike((a, b), pair)
        ]
        if not alike:
            return fault
        return replace(fault, detail=f"{fault.detail}; it may as well be channels {alike[0]}")

    def _looks_alike(self, one: tuple[int, int], other: tuple[int, int]) -> bool:
        """Both swaps together only turn or mirror the array: nothing tells them apart."""
        order = list(range(len(self._channels)))
        for a, b in (one, other):
            order[a], order[b] = order[b], order[a]
        return np.allclose(self._apart[np.ix_(order, order)], self._apart, atol=0.002)

    def _read(self, first: int, end: int) -> Samples:
        """Those of the frames from ``first`` to ``end`` that are still there."""
        parts = [
            samples[max(0, first - start) : max(0, end - start)]
            for start, samples in self._pieces
            if start < end and start + len(samples) > first
        ]
        if not parts:
            return np.zeros((0, len(self._channels)), np.int16)
        return np.concatenate(parts)[:, self._channels]
