"""A slow gain for microphones that are too quiet. For wake word and VAD only.

Mostly for the VAD, which loses faint speech although it stands out well from the noise: of
recordings 20, 30 and 40 dB quieter than people make them Silero finds 90, 74 and 43 % of the
speech frames, and 97, 98 and 93 % through this gain; the wake word is found as often either
way (``scripts/bench_parts/acoustics/array_rows.py``, 24 recordings, 507 frames). So what is
heard is raised, never lowered, until speech has the level of those recordings. Speech is what
rises well above the noise floor and falls back to it within seconds (a fan that starts does
not); so noise alone raises nothing. The gain stands still while somebody speaks and moves
1 dB in 80 ms between the words, so it never bends one. Pure; ear thread only.
"""

from __future__ import annotations

import math
from math import log10

import numpy as np

from device.ports import Samples

TARGET_DB = -30.0
"""Mean level of speech while somebody speaks, in dB of full scale."""

HIGHEST_DB = 30.0
STANDS_OUT_DB = 12.0
"""What is so far above the floor is speech, or at least worth hearing."""

FAINTEST_DB = -84.0
"""2 LSB: what is below is the converter's own."""

STEP_DB = 1.0
STEP_MS = 80
RISE_DB_PER_S = 1.0
"""How fast the floor follows noise that grows, in pauses."""

LONGEST_S = 8.0
"""What stays loud for longer without a pause of one piece is no speech but a new floor."""

LEARN_S = 4.0
"""Of speech: the time constant of its level."""


class SlowGain:
    """mono int16 in pieces (20 to 100 ms) in, as many out; no delay."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._floor_db: float | None = None
        self._speech_db: float | None = None
        self._loud_s = self._loud_energy = 0.0  # since the last pause
        self._loud_least_db = 0.0
        self.gain_db = 0.0

    def apply(self, samples: Samples) -> Samples:
        """The next samples, raised by :attr:`gain_db` and limited to int16."""
        if not len(samples):
            return samples
        fine = samples.astype(np.float32)
        self._learn(float(fine.var()), len(samples) / self._rate_hz)
        if self.gain_db == 0.0:
            return samples
        raised = fine * np.float32(10 ** (self.gain_db / 20))
        limited: Samples = np.clip(np.rint(raised), -32768, 32767).astype(np.int16)
        return limited

    def _learn(self, power: float, seconds: float) -> None:
        level_db = _db(power)
        if self._floor_db is None:
            self._floor_db = level_db
        if level_db >= max(self._floor_db + STANDS_OUT_DB, FAINTEST_DB):
            self._loud_least_db = min(self._loud_least_db, level_db)
            self._loud_s += seconds
            self._loud_energy += power * seconds
            if self._loud_s > LONGEST_S:
                self._floor_db = self._loud_least_db
                self._loud_s = self._loud_energy = self._loud_least_db = 0.0
            return
        self._floor_db = min(level_db, self._floor_db + RISE_DB_PER_S * seconds)
        if self._loud_s:
            self._learn_speech(_db(self._loud_energy / self._loud_s), self._loud_s)
            self._loud_s = self._loud_energy = self._loud_least_db = 0.0
        if self._speech_db is not None:
            wanted = min(max(TARGET_DB - self._speech_db, 0.0), HIGHEST_DB)
            step = STEP_DB * seconds * 1000 / STEP_MS
            self.gain_db += min(max(wanted - self.gain_db, -step), step)

    def _learn_speech(self, level_db: float, seconds: float) -> None:
        known = self._speech_db if self._speech_db is not None else level_db
        self._speech_db = known + (level_db - known) * min(1.0, seconds / LEARN_S)


def _db(power: float) -> float:
    return 10 * log10(max(power, 0.1) / 32768.0**2)


SILENT_DB = -120.0


def level_db(sound: Samples) -> float:
    """dBFS of ``sound``, int16; :data:`SILENT_DB` for digital silence."""
    fine = sound.astype(np.float32).ravel()
    power = float(np.dot(fine, fine)) / (len(fine) * 32768.0**2)
    return 10 * math.log10(power + 1e-12)
