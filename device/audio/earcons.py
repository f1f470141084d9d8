"""The device's own short sounds, made of sine tones with soft edges.

Each cue is a sequence of tones. They differ in direction and rhythm, which stay
recognisable on a small loudspeaker and without perfect pitch: up means open, down
means closed, a repeated low pair means trouble. Levels are about -20 dBFS RMS: an
earcon is heard beside speech, not above it; the ring is 6 dB louder. The one that says
"I am on it" is 6 dB softer, and its tones swell instead of beginning: it comes often,
and nobody has to do anything about it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.commands import Cue
from device.ports import Samples

EDGE_S = 0.008
"""Raised-cosine rise and fall of every tone; shorter ones are heard as clicks."""

_SWELL_S = 0.04  # rise and fall of a tone that is to be noticed only by who waits for it

_RMS_DBFS = -20.0


@dataclass(frozen=True, slots=True)
class Tone:
    """A pitch (0 is silence) for a time, with its octave added softly."""

    pitch_hz: float
    duration_s: float
    edge_s: float = EDGE_S


_REST = Tone(0.0, 0.05)
_TONES: dict[Cue, tuple[Tone, ...]] = {
    Cue.WAITING: (Tone(587.0, 0.07), Tone(0.0, 0.07), Tone(587.0, 0.07)),
    Cue.GAVE_UP: (Tone(523.0, 0.10), Tone(392.0, 0.16)),
    Cue.MUTED: (Tone(659.0, 0.08), _REST, Tone(330.0, 0.16)),
    Cue.UNMUTED: (Tone(330.0, 0.08), _REST, Tone(659.0, 0.16)),
    Cue.ERROR: (Tone(220.0, 0.14), _REST, Tone(220.0, 0.14), _REST, Tone(185.0, 0.22)),
    Cue.WORKING: (
        Tone(392.0, 0.10, _SWELL_S),
        Tone(494.0, 0.10, _SWELL_S),
        Tone(392.0, 0.12, _SWELL_S),
    ),
    Cue.RING: (
        Tone(880.0, 0.12),
        Tone(1175.0, 0.12),
        Tone(880.0, 0.12),
        Tone(1175.0, 0.12),
        Tone(0.0, 1.02),
    ),
}

_LOUDER_DB = {Cue.RING: 6.0, Cue.WORKING: -6.0}

LOOPING = frozenset({Cue.RING})
"""Cues that begin again when they end, until they are stopped."""


def earcon(cue: Cue, rate_hz: int) -> Samples:
    """Mono int16 samples of ``cue`` at ``rate_hz``; a looping one is one round of it."""
    level_db = _RMS_DBFS + _LOUDER_DB.get(cue, 0.0)
    return np.concatenate([_tone(tone, rate_hz, level_db) for tone in _TONES[cue]])


def _tone(tone: Tone, rate_hz: int, level_db: float) -> Samples:
    frames = round(tone.duration_s * rate_hz)
    if tone.pitch_hz == 0.0:
        return np.zeros(frames, np.int16)
    phase = 2.0 * np.pi * tone.pitch_hz * np.arange(frames) / rate_hz
    octave = 0.25  # a little of it: small loudspeakers give little below 300 Hz
    wave = (np.sin(phase) + octave * np.sin(2.0 * phase)) / np.sqrt(1.0 + octave**2)
    amplitude = 32768.0 * np.sqrt(2.0) * 10.0 ** (level_db / 20.0)
    samples: Samples = np.rint(wave * amplitude * _edges(frames, tone.edge_s, rate_hz)).astype(
        np.int16
    )
    return samples


def _edges(frames: int, edge_s: float, rate_hz: int) -> NDArray[np.float64]:
    """1 in the middle, raised-cosine to 0 at both ends."""
    edge = min(round(edge_s * rate_hz), frames // 2)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.arange(edge) / edge)
    return np.concatenate([rise, np.ones(frames - 2 * edge), rise[::-1]])
