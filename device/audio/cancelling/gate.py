"""How much of what the linear canceller leaves may be heard, and how much AEC3 makes of it.

The linear canceller keeps the person as they are, with some echo left; AEC3 removes the
rest of the echo and a part of the person. So: AEC3's output while only the device speaks,
the linear one while somebody speaks over it. Somebody speaks when what is left is louder
than this room usually leaves of such an echo (a running median of the leak, which half a
minute of talking does not lift) *and* AEC3, which knows echo by its shape, agrees that
something of it is not echo. Where the two disagree for long, the path has changed.

Pure; one thread at a time. Powers are mean squares, full scale is 1. Plain floats: for the
one to four channels of a device, numpy's calls would cost ten times what they compute.
"""

from __future__ import annotations

import math

MARGIN_DB = 6.0
"""A person is so much louder than the usual leak, or more."""

LOUD_MARGIN_DB = 9.0
LOUD_FAR = 0.03
"""So much more where the device is so loud (−15 dBFS): there a speaker distorts, in bursts that
no median knows."""

AGREE_DB = -12.0
"""AEC3 leaves at least that much of a person, and less of echo."""

RAMP_DB = 3.0
ECHO_DECAY_DB = 3.0
"""A block: the echo's reverberation, 60 dB in 0.4 s."""

LEAST_ECHO_DB = -62.0
"""An echo below that is none."""

LEAST_FAR = 1e-6
"""The far end's power, −60 dBFS, below which it is silent."""

INAUDIBLE_DB = -70.0
"""What is left below that may be heard half: a voice detector does not."""

LEAST_PERSON_DB = -57.0
"""What is quieter may be heard while it lasts, but nothing is kept open behind it: just
before a loud word of the reply it is the filter's own fault."""

RELEASE = 0.88
"""A block: what was open for a person closes within 0.3 s, so that a pause in a word does
not, and a word may end softly."""

FAST_RELEASE = 0.25
"""While the path is not known, and of what was open because nothing echoed."""

SHUT = 0.01
"""What is open no further is shut: AEC3's output can then be handed on as it is."""

FAST_BLOCKS = 150
"""So long after the beginning, or after a change, the leak is learnt fast."""

FAST_DB, SLOW_DB = 0.4, 0.04
PERSON = 0.1
"""A block in which somebody speaks says so much less of the leak."""

FIRST_LEAK_DB = -6.0
LEAST_LEAK_DB = -36.0

CONVERGED_DB = -14.0
CONVERGED_BLOCKS = 75
DISPUTED = 0.35
"""Part of the last second in which the two disagreed: the path has changed."""

DOUBTED = 0.1
"""Part of the last second in which they disagreed, from which on the path does not count
as known, to those who ask."""

_SMOOTH = 0.25
_AGREE_MEMORY = 0.81
_BEHIND = 0.38  # of a block: how late AEC3 is
_DISPUTE_MEMORY = 0.97
_DECAY: float = 10 ** (-ECHO_DECAY_DB / 10)


def decibels(power: float) -> float:
    """Of a mean square."""
    return 10 * math.log10(power + 1e-12)


class EchoGate:
    """Decides block by block, for one channel."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Know nothing of what this room leaves."""
        self.leak_db = FIRST_LEAK_DB
        self._learnt = 0
        self.interrupt()

    def interrupt(self) -> None:
        """The next block does not join the last one."""
        self.open = 1.0
        self.echo_db = -120.0
        self._echo = self._far = 0.0
        self._left = self._left_before = 0.0
        self._linear_sum = self._aec3_sum = 1e-9
        self._dispute = 0.0
        self._wanted = 0.0  # by the last block alone
        self._person = 0.0  # what is open because somebody spoke

    @property
    def converged(self) -> bool:
        """Whether the canceller has learnt its echo path, and nothing speaks against it."""
        return self.known and self._dispute < DOUBTED

    @property
    def known(self) -> bool:
        """Whether it has learnt it, until the two have disagreed for long: without short doubts."""
        return self.leak_db < CONVERGED_DB and self._learnt >= CONVERGED_BLOCKS

    def update(self, far: float, heard: float, echo: float, linear: float, aec3: float) -> bool:
        """After each block: power of the far end, of the microphone, the estimated echo, the
        linear output and AEC3's. Afterwards :attr:`open` is the part of the linear output
        that may be heard, 0 to 1. True when the path has turned out to be another one."""
        known = self.known
        self._far = max(far, self._far * _DECAY)
        if self._far > LEAST_FAR and not known:
            # A path that is not known yet foretells too little: all may be echo.
            echo = max(echo, heard)
        self._echo = max(echo, self._echo * _DECAY)
        self._left = _SMOOTH * self._left + (1 - _SMOOTH) * linear
        in_step = linear + _BEHIND * (self._left_before - linear)
        self._linear_sum = _AGREE_MEMORY * self._linear_sum + in_step
        self._aec3_sum = _AGREE_MEMORY * self._aec3_sum + aec3
        self._left_before = linear
        self.echo_db, left_db = decibels(self._echo), decibels(self._left)
        sounds = self.echo_db > LEAST_ECHO_DB
        over_db = left_db - self.echo_db - self.leak_db
        margin_db = MARGIN_DB + (LOUD_MARGIN_DB if self._far > LOUD_FAR else 0.0)
        spoken = _part((over_db - margin_db) / RAMP_DB)
        kept_db = decibels(self._aec3_sum) - decibels(self._linear_sum)
        agreed = _part((kept_db - AGREE_DB) / RAMP_DB + 1)
        wanted = spoken * agreed
        changed = sounds and self._learn(over_db, wanted, spoken * (1 - agreed))
        release = RELEASE if self.known else FAST_RELEASE
        self._person *= release
        if left_db > LEAST_PERSON_DB:
            # Once is chance: AEC3 lets a little of a word's first sound through.
            self._person = max(min(wanted, self._wanted), self._person)
        self._wanted = wanted
        if not sounds:
            wanted = 1.0
        elif left_db < INAUDIBLE_DB:
            wanted = max(wanted, 0.5)
        # What was open for want of an echo closes with the echo's first blocks, which are
        # the loudest; only behind a person it closes slowly.
        self.open = max(wanted, self._person, self.open * FAST_RELEASE)
        if self.open < SHUT:
            self.open = 0.0
        return changed

    def _learn(self, over_db: float, person: float, dispute: float) -> bool:
        step = FAST_DB if self._learnt < FAST_BLOCKS else SLOW_DB
        if person > 0.5:
            step *= PERSON
        self.leak_db = max(self.leak_db + math.copysign(step, over_db), LEAST_LEAK_DB)
        self._learnt += 1
        self._dispute = _DISPUTE_MEMORY * self._dispute + (1 - _DISPUTE_MEMORY) * dispute
        if self._dispute <= DISPUTED:
            return False
        self.leak_db = FIRST_LEAK_DB
        self._learnt = 0
        self._dispute = 0.0
        return True


def _part(value: float) -> float:
    return min(max(value, 0.0), 1.0)
