"""What the ear needs of others: a microphone, and who judges whether a turn is over."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from device.ports import Samples

Sink = Callable[[int, Samples], None]
"""Takes (first_frame, int16 frames of shape (n, channels)); keeps the array.
Called by the capture thread; never blocks, never raises."""


class Judge(Protocol):
    """Tells whether what was said sounds finished (``turn_judge.py``)."""

    def ask(self, samples: Samples, to_frame: int) -> None:
        """Post TurnJudged, soon or never. Ear thread; does not block."""
        ...


class CaptureSource(Protocol):
    """What the ear needs of a microphone. All methods: any thread.

    It posts PartReady and PartDegraded of ``Part.MICROPHONE`` itself.
    """

    def start(self, sink: Sink) -> None:
        """Open the PCM (retrying until it works) and feed ``sink`` every period.

        ``first_frame`` counts on since the process started; frames that were
        lost, to an overrun or while the card was away, show as a jump.
        """
        ...

    def stop(self) -> None:
        """Close the PCM and join the thread (at most 1 s)."""
        ...

    def open_capture(self) -> None: ...

    def close_capture(self) -> None: ...

    @property
    def is_open(self) -> bool:
        """Frames are coming."""
        ...

    @property
    def progress(self) -> int:
        """Grows with every period, or every step of the retry timer, also while closed."""
        ...
