"""What is wrong with the microphones, as events; and which of them is listened to.

Told every frame before anything is done to it. A fault that begins is told in words, with
what to do; only when all is well again, and the configured channel is listened to, is the
part ready. Where there is more than one microphone, one that gives nothing is left at once
for the next good one, and taken up again when it has been well for a while: hearing degrades,
it does not stop. Pure; ear thread only.

What comes is gathered and looked at in one go, as soon as the judge has a block of it: periods
of 10 ms cost three times as much one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from device.audio.array.speaker_direction import SpeakerDirection
from device.audio.format import frames_in
from device.audio.microphones.faults import ChannelFault, name_of
from device.audio.microphones.health import BLOCK_MS, DEAD_SPREAD, MicHealth
from device.events import Event, Part, PartDegraded, PartReady
from device.ports import Samples

FAULTY = "microphone faulty"
"""The state of ``Part.ARRAY`` while a microphone has a fault."""

GATHER_MS = BLOCK_MS
"""So much is gathered before it is looked at: no fault is noticed sooner."""

WELL_S = 5.0
"""So long a microphone must have been well before it is listened to again."""

STILL_S = 0.5
"""Without anything for so long it is not well."""

NAME_THEM = "; if this channel is no microphone, name those that are in [audio] microphone_channels"


@dataclass(frozen=True, slots=True)
class Listening:
    """What is listened to: ``channel`` of the card, or with ``beam`` all microphones."""

    channel: int
    beam: bool = False


class MicWatch:
    """Frames and times in, events out; ``listening`` says what is to be heard.

    ``channels`` are the card's that are microphones, ``home`` what is configured. With
    ``goes_over`` another channel stands in for one that gives nothing. ``direction`` tells
    where voices come from, where the places of the microphones are known.
    """

    def __init__(
        self,
        health: MicHealth,
        *,
        rate_hz: int,
        channels: Sequence[int],
        home: Listening,
        goes_over: bool = True,
        direction: SpeakerDirection | None = None,
    ) -> None:
        self._health, self._channels, self._home = health, tuple(channels), home
        self._goes_over = goes_over and home.channel in channels
        self._well_frames, self._still_frames = round(WELL_S * rate_hz), round(STILL_S * rate_hz)
        self._direction = direction
        self.listening = home
        self._gather = frames_in(GATHER_MS, rate_hz)
        # What has come and was not looked at yet:
        self._reports: list[tuple[int, float]] = []
        self._waiting: list[Samples] = []
        self._first = self._end = self._due = 0
        # While something stands in for what is configured:
        self._well_since: int | None = None
        self._still_since: int | None = None
        self._swapped: ChannelFault | None = None
        self._degraded = False

    def observe(self, end_frame: int, at: float) -> None:
        """The period up to ``end_frame`` came at ``at`` (s, CLOCK_MONOTONIC); told before it
        is heard."""
        self._reports.append((end_frame, at))

    def hear(self, first_frame: int, samples: Samples) -> list[Event]:
        """The next int16 frames, (n, channels of the card), which nobody changes any more. What
        of them, and of those before, is news; ``listening`` may have changed when any is."""
        events: list[Event] = []
        if first_frame != self._end:  # a gap
            events = self._look()
            self._first, self._due = first_frame, first_frame + self._gather
        self._waiting.append(samples)
        self._end = first_frame + len(samples)
        if self._direction is not None:
            events += self._ask_direction(self._direction, first_frame, samples)
        if self._end >= self._due:
            self._due += (self._end - self._due) // self._gather * self._gather + self._gather
            events += self._look()
        return events

    def _ask_direction(
        self, direction: SpeakerDirection, first_frame: int, samples: Samples
    ) -> list[Event]:
        events = direction.hear(first_frame, samples)
        swapped, self._swapped = self._swapped, direction.swapped
        if swapped is not self._swapped:
            begun = [self._swapped] if swapped is None and self._swapped is not None else []
            events += self._news(begun, moved=False)
        return events

    def _look(self) -> list[Event]:
        """At what was gathered."""
        reports, self._reports = self._reports, []
        for end_frame, at in reports:
            self._health.observe(end_frame, at)
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return []
        samples = np.concatenate(waiting) if len(waiting) > 1 else waiting[0]
        first_frame, self._first = self._first, self._end
        changes = self._health.hear(first_frame, samples)
        was = self.listening
        self._choose(first_frame + len(samples), samples)
        moved = self.listening != was
        if not (moved or changes):
            return []
        return self._news([change.fault for change in changes if change.began], moved)

    def told(self, events: Iterable[Event], *, over_own_sound: bool) -> None:
        """What the ear found in the frames so far: a voice may be looked for. Over the
        device's own sound that sound would be found."""
        if self._direction is not None and not over_own_sound:
            self._direction.told(events)

    def _news(self, begun: list[ChannelFault], moved: bool) -> list[Event]:
        where = self._where() if moved else ""
        faults = [*self._health.faults, *([self._swapped] if self._swapped else [])]
        if not begun and moved and faults:
            begun = faults[:1]
        if begun:
            self._degraded = True
            return [self._fault(fault, where) for fault in begun]
        if self._degraded and not faults and self.listening == self._home:
            self._degraded = False
            return [PartReady(Part.ARRAY, f"the microphone is well again{where}")]
        return []

    def _fault(self, fault: ChannelFault, where: str) -> PartDegraded:
        hint = fault.hint
        if fault.unusable and len(self._channels) > 1:
            hint += NAME_THEM
        return PartDegraded(Part.ARRAY, FAULTY, fault.detail + where, hint)

    def _where(self) -> str:
        if self.listening.beam:
            return "; the beam is on again"
        name = name_of(self.listening.channel, len(self._channels))
        instead = " alone" if self._home.beam else ""
        return f"; {name}{instead} is listened to now"

    def _choose(self, end_frame: int, samples: Samples) -> None:
        bad = self._health.unusable
        if not self._goes_over or (not bad and self.listening == self._home):
            return
        needed = self._channels if self._home.beam else (self._home.channel,)
        if not bad.isdisjoint(needed) or self._is_still(end_frame, samples[:, needed]):
            self._well_since = None
        elif self._well_since is None:
            self._well_since = end_frame
        elif end_frame - self._well_since >= self._well_frames:
            self._well_since, self.listening = None, self._home
        leave = self.listening == self._home and not bad.isdisjoint(needed)
        if leave or self.listening.channel in bad:
            self.listening = Listening(self._good(bad))

    def _is_still(self, end_frame: int, samples: Samples) -> bool:
        """One of them has given nothing for a while. It need not be a fault again already: who
        came back once is given more time (``health.py``)."""
        if len(samples) and int(np.ptp(samples, axis=0).min()) > DEAD_SPREAD:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = end_frame
        since = end_frame if self._still_since is None else self._still_since
        return end_frame - since >= self._still_frames

    def _good(self, bad: frozenset[int]) -> int:
        """The one in use where it is good, or else the next good one. None is: as it was."""
        place = self._channels.index(self.listening.channel)
        in_turn = self._channels[place:] + self._channels[:place]
        return next((channel for channel in in_turn if channel not in bad), in_turn[0])
