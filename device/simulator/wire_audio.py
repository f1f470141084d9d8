"""Audio seen on the wire, laid out on a time axis.

A *run* is audio that belongs together without a gap: one turn of the user on
the uplink, one spoken item of the service on the downlink. Inside a run each
chunk stands directly behind the one before it, because lateness on the wire is
not silence in the sound. A run begins where its first chunk passed the proxy,
or behind the run before it when that is still going on.

- Uplink: a new run begins with a new connection, after the turn was committed or
  cleared, or when a chunk comes more than a second after the sound so far has
  ended (time in which the line was down does not count).
- Downlink: every item is a run. A service generates faster than it can be heard,
  so an item may stand behind the one before it; once the appliance has cancelled
  or truncated, the next item begins where it arrived and overwrites the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 24_000  #: mono s16le both ways, as the OpenAI family has it
GAP_S = 1.0

Samples = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Chunk:
    """``count`` samples that passed the proxy at ``at`` (CLOCK_MONOTONIC)."""

    at: float
    count: int


@dataclass(slots=True)
class AudioRun:
    """Audio that belongs together. ``key`` is the item's id on the downlink."""

    key: str
    start: float
    chunks: list[Chunk] = field(default_factory=list)
    data: bytearray = field(default_factory=bytearray)
    response: str = ""
    connection: int = 0

    @property
    def samples(self) -> Samples:
        """All of it, int16 at ``RATE_HZ``."""
        usable = len(self.data) - len(self.data) % 2
        return np.frombuffer(bytes(self.data[:usable]), np.int16)

    @property
    def end(self) -> float:
        return self.start + len(self.data) / 2 / RATE_HZ

    def add(self, pcm: bytes, at: float) -> None:
        self.chunks.append(Chunk(at, len(pcm) // 2))
        self.data += pcm


class UplinkLayout:
    """Sorts appended audio into turns."""

    def __init__(self) -> None:
        self.runs: list[AudioRun] = []
        self._closed = True
        self._down_before = 0.0

    def close_run(self) -> None:
        """The turn was committed or cleared, or the connection ended."""
        self._closed = True

    def add(self, pcm: bytes, at: float, down_s: float, connection: int = 0) -> None:
        """A chunk; ``down_s`` is how long the line has been down so far."""
        if self.runs and not self._closed and self.runs[-1].connection == connection:
            last = self.runs[-1]
            if at - last.end <= GAP_S + (down_s - self._down_before):
                last.add(pcm, at)
                self._down_before = down_s
                return
        start = max(at, self.runs[-1].end) if self.runs else at
        key = f"turn{len(self.runs) + 1}"
        self.runs.append(AudioRun(key, start, connection=connection))
        self.runs[-1].add(pcm, at)
        self._closed = False
        self._down_before = down_s


class DownlinkLayout:
    """Sorts reply audio into items."""

    def __init__(self) -> None:
        self.runs: list[AudioRun] = []
        self._by_key: dict[str, AudioRun] = {}
        self._cancelled = False

    def cancel(self) -> None:
        """What is still to come of the items so far will not be heard."""
        self._cancelled = True

    def add(self, item: str, response: str, pcm: bytes, at: float, connection: int = 0) -> None:
        run = self._by_key.get(item)
        if run is None:
            start = at
            if self.runs and not self._cancelled:
                start = max(at, self.runs[-1].end)
            self._cancelled = False
            run = self._by_key[item] = AudioRun(
                item, start, response=response, connection=connection
            )
            self.runs.append(run)
        run.add(pcm, at)


def lay_out(runs: Sequence[AudioRun], t0: float, end: float) -> Samples:
    """One int16 track at ``RATE_HZ`` from ``t0`` to ``end`` (or to the last sound)."""
    until = max([end, *(run.end for run in runs)])
    track = np.zeros(max(0, round((until - t0) * RATE_HZ)) + 1, np.int16)
    for run in runs:
        samples = run.samples
        first = round((run.start - t0) * RATE_HZ)
        skip = min(max(0, -first), len(samples))  # before the track begins
        begin = max(0, first)
        track[begin : begin + len(samples) - skip] = samples[skip:]
    return track
