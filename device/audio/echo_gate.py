"""How much of what the linear canceller leaves may be heard, and how much AEC3 makes of it.

The linear canceller keeps the person as they are, with some echo left; AEC3 removes the
rest of the echo and a part of the person. So: AEC3's output while only the device speaks,
the linear one while somebody speaks over it. Somebody speaks when what is left is louder
than this room usually leaves of such an echo (a running median of the leak, which half a
minute of talking does not lift) *and* AEC3, which knows echo by its shape, agrees that
something of it is not echo. Where the two disagree for long, the path has changed.

Pure; one thread at a time. Powers are mean squares, full scale is 1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Powers = NDArray[np.float64]

MARGIN_DB = 7.0
"""A person is so much louder than the usual leak, or more."""

LOUD_MARGIN_DB = 4.0
LOUD_FAR = 0.06
"""So much more where the device is so loud (−12 dBFS): there a speaker distorts."""

AGREE_DB = -12.0
"""AEC3 leaves at least that much of a person, and less of echo."""

RAMP_DB = 3.0
ECHO_DECAY_DB = 1.5
"""A block: the echo's reverberation, 60 dB in 0.4 s."""

LEAST_ECHO_DB = -62.0
"""An echo below that is none."""

LEAST_FAR = 1e-6
"""The far end's power, −60 dBFS, below which it is silent."""

INAUDIBLE_DB = -70.0
"""What is left below that may be heard half: a voice detector does not."""

RELEASE = 0.88
"""A block: what is open closes within 0.2 s, so that a pause in a word does not."""

FAST_RELEASE = 0.5
"""While the path is not known."""

START_BLOCKS = 150
START_VOLUME = 0.02
"""In the first 1.5 s of sound that it ever hears AEC3 lets half words through: of them
almost nothing may be heard."""

FAST_BLOCKS = 300
"""So long after the beginning, or after a change, the leak is learnt fast."""

FAST_DB, SLOW_DB = 0.2, 0.02
PERSON = 0.1
"""A block in which somebody speaks says so much less of the leak."""

FIRST_LEAK_DB = -6.0
LEAST_LEAK_DB = -36.0

CONVERGED_DB = -14.0
CONVERGED_BLOCKS = 150
DISPUTED = 0.35
"""Part of the last second in which the two disagreed: the path has changed."""

_SMOOTH = 0.5
_AGREE_MEMORY = 0.9
_DISPUTE_MEMORY = 0.985


def decibels(power: Powers) -> Powers:
    """Of mean squares."""
    found: Powers = 10 * np.log10(power + 1e-12)
    return found


class EchoGate:
    """Decides block by block, for each channel by itself."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self.forget()

    def forget(self) -> None:
        """Know nothing of what this room leaves."""
        self.leak_db = np.full(self._channels, FIRST_LEAK_DB)
        self._learnt = np.zeros(self._channels, np.int64)
        self._heard_blocks = 0
        self.volume = 1.0
        self.interrupt()

    def interrupt(self) -> None:
        """The next block does not join the last one."""
        self.open = np.ones(self._channels)
        self.echo_db = np.full(self._channels, -120.0)
        self._echo = np.zeros(self._channels)
        self._far = 0.0
        self._left = np.zeros(self._channels)
        self._left_before = np.zeros(self._channels)
        self._linear_sum = np.full(self._channels, 1e-9)
        self._aec3_sum = np.full(self._channels, 1e-9)
        self._dispute = np.zeros(self._channels)

    @property
    def converged(self) -> bool:
        """Whether every channel's canceller knows its echo path."""
        return bool(self._known.all())

    def update(
        self, far: float, heard: Powers, echo: Powers, linear: Powers, aec3: Powers
    ) -> NDArray[np.bool_]:
        """After each block: power of the far end, and (channels,) each of the microphone, the
        estimated echo, the linear output and AEC3's. Afterwards :attr:`open` is the part of
        the linear output that may be heard, 0 to 1, and :attr:`volume` how loud the mixture
        may be. Returns where the path has turned out to
        be another one."""
        decay = 10 ** (-ECHO_DECAY_DB / 10)
        self._far = max(far, self._far * decay)
        if self._far > LEAST_FAR:
            # A path that is not known yet foretells too little: all may be echo.
            echo = np.where(self._known, echo, np.maximum(echo, heard))
        self._echo = np.maximum(echo, self._echo * decay)
        self._left = _SMOOTH * self._left + (1 - _SMOOTH) * linear
        self._linear_sum = _AGREE_MEMORY * self._linear_sum + self._left_before
        self._aec3_sum = _AGREE_MEMORY * self._aec3_sum + aec3
        self._left_before = linear  # AEC3 is most of a block behind
        self.echo_db, left_db = decibels(self._echo), decibels(self._left)
        sounds = self.echo_db > LEAST_ECHO_DB
        over = left_db - self.echo_db - self.leak_db
        margin_db = MARGIN_DB + (LOUD_MARGIN_DB if self._far > LOUD_FAR else 0.0)
        spoken = np.clip((over - margin_db) / RAMP_DB, 0, 1)
        kept_db = decibels(self._aec3_sum) - decibels(self._linear_sum)
        agreed = np.clip((kept_db - AGREE_DB) / RAMP_DB + 1, 0, 1)
        wanted = spoken * agreed
        changed = self._learn(sounds, over, wanted, spoken * (1 - agreed))
        wanted = np.where(left_db < INAUDIBLE_DB, np.maximum(wanted, 0.5), wanted)
        wanted = np.where(sounds, wanted, 1.0)
        release = np.where(self._known, RELEASE, FAST_RELEASE)
        self.open = np.maximum(wanted, self.open * release)
        if self._far > LEAST_FAR and self._heard_blocks < START_BLOCKS:
            self._heard_blocks += 1
            self.volume = START_VOLUME
        elif self._heard_blocks >= START_BLOCKS:
            self.volume = 1.0
        return changed

    @property
    def _known(self) -> NDArray[np.bool_]:
        known: NDArray[np.bool_] = self.leak_db < CONVERGED_DB
        return known & (self._learnt >= CONVERGED_BLOCKS)

    def _learn(
        self, sounds: NDArray[np.bool_], over: Powers, person: Powers, dispute: Powers
    ) -> NDArray[np.bool_]:
        step = np.where(self._learnt < FAST_BLOCKS, FAST_DB, SLOW_DB) * np.sign(over)
        step = np.where(person > 0.5, PERSON * step, step)
        self.leak_db = np.maximum(self.leak_db + np.where(sounds, step, 0), LEAST_LEAK_DB)
        self._learnt = self._learnt + sounds
        memory = np.where(sounds, _DISPUTE_MEMORY, 1.0)
        self._dispute = memory * self._dispute + (1 - memory) * dispute
        changed: NDArray[np.bool_] = self._dispute > DISPUTED
        self.leak_db[changed] = FIRST_LEAK_DB
        self._learnt[changed] = 0
        self._dispute[changed] = 0
        return changed
