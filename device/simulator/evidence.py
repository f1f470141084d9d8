"""What a run left behind, on one clock, for :mod:`device.simulator.report` to judge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.simulator.timeline import Entry
from device.simulator.wire_audio import AudioRun
from device.simulator.wire_log import Row

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Track:
    """A recording: int16 mono; sample 0 sounded at ``starts_at`` (CLOCK_MONOTONIC),
    ``rate_hz`` samples a second of that clock (a skewed clock makes it uneven)."""

    samples: Samples
    rate_hz: float
    starts_at: float

    def time_of(self, index: float) -> float:
        return self.starts_at + index / self.rate_hz

    def index_of(self, at: float) -> float:
        return (at - self.starts_at) * self.rate_hz

    def clamp(self, at: float) -> int:
        """The index at ``at``, inside the track."""
        return int(min(max(0.0, self.index_of(at)), len(self.samples)))


@dataclass(frozen=True, slots=True)
class Spoken:
    """An utterance as the microphone heard it: where its first and last loud samples are.

    ``word_end_at``: the last of the wake word that it begins with, ``question_at``: the
    first of what follows; None where there is none, or it is not known (a recording).
    """

    text: str
    first_loud_at: float
    last_loud_at: float
    word_end_at: float | None = None
    question_at: float | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything a report is made from. Times are CLOCK_MONOTONIC seconds.

    ``entries`` hold the appliance's own words and the simulator's; the rest was
    recorded by others than the appliance. ``wire_tells_turns``: ``rows`` show in the words of
    the OpenAI family which turn was answered by what.
    """

    t0: float
    end: float
    nominal_rate_hz: int
    speaker: Track
    mic: Track
    spoken: Sequence[Spoken] = ()
    presses: Sequence[float] = ()
    uplink: Sequence[AudioRun] = ()
    downlink: Sequence[AudioRun] = ()
    rows: Sequence[Row] = ()
    entries: Sequence[Entry] = ()
    room: dict[str, Any] = field(default_factory=dict)
    wire_tells_turns: bool = True
