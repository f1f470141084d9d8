"""What a canceller tells of itself and of the levels around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEVEL_SAMPLES = 160
"""Levels are told of each 10 ms: a block is too long for who wants to duck at once."""

SILENT_DB = -120.0

Levels = tuple[float, float, float, float]
"""Of 10 ms, dBFS: far end, microphone, linear output, output."""


@dataclass(frozen=True, slots=True)
class EchoFacts:
    """After a call. ``parts``: of the first channel, each 10 ms of that call."""

    active: bool  #: something is played, or echoes
    converged: bool  #: the echo path is known; False: ask for more evidence of a voice
    delay_ms: float  #: of the sound against what the time stamps say; 0 until it is found
    skew_ppm: float  #: speaker's clock against the microphone's
    erle_db: float  #: how much of the echo the linear canceller removes
    residual_db: float  #: dBFS: echo that is to be expected in the output now
    parts: tuple[Levels, ...]

    @property
    def levels(self) -> NDArray[np.float32]:
        """``parts`` as an array (n, 4)."""
        return np.array(self.parts, np.float32).reshape(-1, 4)
