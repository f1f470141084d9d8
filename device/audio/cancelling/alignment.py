"""Which sample of the reference belongs to which sample of the microphone.

Time stamps give the answer at the beginning of a run of playback, good to some
milliseconds. From then on it is *held*, and moved only by what is known better: the
clocks' skew, and delays that were found in the signals. So the learnt echo path keeps
fitting. When the time stamps go on telling something else, the device has jumped, and
they are believed.

Pure; one thread at a time. Positions are samples at 16 kHz.
"""

from __future__ import annotations

from device.audio.cancelling.far_end import RunTime
from device.audio.echo import RATE_HZ
from device.audio.format import frames_in

LEAD_MS = 8
"""The reference is read this much early: so far may the two time stamps disagree
before the filter would have to look into the future."""

SETTLE_MS = 250
"""For so long after it began it follows the time stamps, which get better meanwhile."""

JUMP_MS = 15
"""Time stamps are that far off only when something has happened to the stream; cards tell
their position in steps of some milliseconds."""

JUMP_FOR_MS = 1500
"""For so long they must be off: a late thread makes a late report."""

FOLLOW_S = 60.0
"""Time constant by which the difference between the two is learnt meanwhile."""


class Alignment:
    """From a microphone's sample to the instant at which the reference is read."""

    def __init__(self) -> None:
        self._delay = float(frames_in(LEAD_MS, RATE_HZ))  # what the time stamps do not tell
        self._offset = 0.0  # position in the run, less the microphone's sample
        self._run: tuple[int, int] | None = None
        self._origin = 0
        self._off_for = self._settling = 0
        self.jumps = 0

    def restart(self) -> None:
        """The microphone's stream was interrupted: only time stamps join it to the run."""
        self._run = None

    def update(self, run: RunTime, mic_epoch: float, samples: int) -> bool:
        """Before each ``samples`` of the microphone, whose sample 0 was at ``mic_epoch`` (s).
        True when the held alignment was given up for what the time stamps say."""
        by_clock = (mic_epoch - run.began_at) * RATE_HZ
        self._origin = run.origin
        fresh = self._run != (run.number, run.first)
        if fresh:
            self._run = (run.number, run.first)
            self._settling = frames_in(SETTLE_MS, RATE_HZ)
        if self._settling > 0 or not run.settled:
            self._settling -= samples
            self._offset = by_clock + self._delay
            self._off_for = 0
            return fresh
        off = self._offset - self._delay - by_clock
        if abs(off) < frames_in(JUMP_MS, RATE_HZ):
            self._off_for = 0
            self._delay += off * samples / (FOLLOW_S * RATE_HZ)
            return False
        self._off_for += samples
        if self._off_for < frames_in(JUMP_FOR_MS, RATE_HZ):
            return False
        self._offset = by_clock + self._delay
        self._off_for = 0
        self.jumps += 1
        return True

    def advance(self, samples: int, skew_ppm: float) -> None:
        """``samples`` of the microphone have passed."""
        self._offset += samples * skew_ppm * 1e-6

    def correct(self, samples: int) -> None:
        """The reference is to be read ``samples`` later (earlier where negative)."""
        self._offset += samples
        self._delay += samples

    def trust_time_stamps(self) -> None:
        """What was found beyond them was wrong."""
        found = self._delay - frames_in(LEAD_MS, RATE_HZ)
        self._offset -= found
        self._delay -= found

    @property
    def delay_samples(self) -> float:
        """How far the reference is read ahead of what the time stamps say; negative where
        the sound leaves the speaker later than they say."""
        return self._delay

    def instant(self, sample: float) -> float:
        """Of the reference, for the microphone's ``sample``."""
        return sample + self._offset + self._origin
