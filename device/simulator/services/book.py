"""What the brains of a stand-in were asked and answered: the simulator's own record of it.

The wire's decoder knows one protocol, the brain knows what was said on every service: what came
of the person's voice at the other end, and what was to be heard of the answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from device.simulator.measure import SILENT
from device.simulator.services.brain import RATE_HZ, Answer, converted
from device.simulator.wire_audio import AudioRun

_SAMPLE_BYTES = 2


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing that a brain was asked, and its answer. ``asked_at``, ``answered_at``:
    CLOCK_MONOTONIC; ``connection`` counts the brains from 1; ``pcm``: the spoken turn, mono
    s16le at RATE_HZ, empty where it was none."""

    connection: int
    asked_at: float
    answered_at: float
    answer: Answer
    pcm: bytes = field(default=b"", repr=False)


class Book:
    """Of all connections of a run. Loop thread only."""

    def __init__(self) -> None:
        self.entries: list[Asked] = []
        self.connections = 0

    def opened(self) -> int:
        """The number of a new connection."""
        self.connections += 1
        return self.connections

    def note(
        self,
        connection: int,
        times: tuple[float, float],
        answer: Answer,
        heard: tuple[bytes, int] = (b"", RATE_HZ),
    ) -> None:
        """``times``: asked and answered; ``heard``: a spoken turn and its rate."""
        pcm = converted(*heard, RATE_HZ) if heard[0] else b""
        self.entries.append(Asked(connection, *times, answer, pcm))

    def answers(self) -> list[tuple[str, Asked]]:
        """Those that were to be heard, each with its name."""
        spoken = [asked for asked in self.entries if asked.answer.pcm]
        return [(f"answer{number}", asked) for number, asked in enumerate(spoken, 1)]

    def heard_before(self, asked: Asked) -> str:
        """What was understood of the turn that ``asked`` answers: after a call of a tool, of
        the one that led to it. Empty where it was none."""
        place = next(at for at, one in enumerate(self.entries) if one is asked)
        for other in reversed(self.entries[: place + 1]):
            if other.connection == asked.connection:
                if other is not asked and not other.answer.calls:
                    return ""
                if other.answer.heard:
                    return other.answer.heard
        return ""

    def downlink(self) -> list[AudioRun]:
        """What was to be heard, a run an answer, as the wire's decoder tells it of the one
        protocol that it knows."""
        runs = []
        for key, asked in self.answers():
            run = AudioRun(key, asked.answered_at, connection=asked.connection)
            run.add(asked.answer.pcm, asked.answered_at)
            runs.append(run)
        return runs

    def uplink(self) -> list[AudioRun]:
        """The turns as they reached the model, a run each; what a service's own ears left out
        of them before the speech and behind it is not in them, nor is the silence in front that
        no microphone records: the appliance made it, to keep the stream going."""
        runs = []
        for number, asked in enumerate((one for one in self.entries if one.pcm), 1):
            pcm = _from_first_sound(asked.pcm)
            seconds = len(pcm) / _SAMPLE_BYTES / RATE_HZ
            start = asked.asked_at - seconds
            run = AudioRun(f"turn{number}", start, connection=asked.connection)
            run.add(pcm, asked.asked_at)
            runs.append(run)
        return runs


def _from_first_sound(pcm: bytes) -> bytes:
    """Without digital silence in front; all of it where there is nothing else."""
    loud = np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(np.int32)) > SILENT)
    return pcm[_SAMPLE_BYTES * int(loud[0]) :] if loud.size else pcm
