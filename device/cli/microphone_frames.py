"""The configured microphone as frames, for commands that listen on their own."""

from __future__ import annotations

import queue
from collections.abc import Callable
from types import TracebackType
from typing import Protocol

from device.errors import AudioError
from device.events import Event, PartDegraded
from device.ports import Post, Samples

_WAIT_S = 4.0  # the adapter itself says after 2 s that nothing comes

Sink = Callable[[int, Samples], None]


class Capture(Protocol):
    """The part of :class:`device.adapters.alsa_capture.AlsaCapture` that is used here."""

    def start(self, sink: Sink) -> None: ...

    def stop(self) -> None: ...


class MicrophoneFrames:
    """Listens while it is entered. One thread reads; the capture's own thread fills the queue.

    Raises :class:`AudioError`, with what to do, when the microphone is missing, busy or silent.
    """

    def __init__(self, make: Callable[[Post], Capture]) -> None:
        """``make`` builds the capture; what it posts goes to the given function."""
        self._queue: queue.SimpleQueue[Samples | AudioError] = queue.SimpleQueue()
        self._capture = make(self._post)

    def __enter__(self) -> MicrophoneFrames:
        self._capture.start(lambda _frame, samples: self._queue.put(samples))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._capture.stop()

    @property
    def waiting(self) -> bool:
        """Something has come that was not read."""
        return not self._queue.empty()

    def read(self) -> Samples:
        """The next period, int16 (n, channels of the card); waits for it."""
        try:
            got = self._queue.get(timeout=_WAIT_S)
        except queue.Empty:
            raise AudioError(
                "the microphone delivers nothing",
                hint="plug it out and in again; `parlor devices` shows what there is",
            ) from None
        if isinstance(got, AudioError):
            raise got
        return got

    def _post(self, event: Event) -> None:
        if isinstance(event, PartDegraded):
            hint = event.hint or "`parlor devices` shows what there is"
            if event.state == "busy":
                hint += "; is it parlor itself? sudo systemctl stop parlor, and start it afterwards"
            self._queue.put(AudioError(event.detail or event.state, hint=hint))
