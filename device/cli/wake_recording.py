"""Sound for `parlor wake tune`: from the configured microphone, or from WAV files."""

from __future__ import annotations

import queue
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Protocol

import numpy as np

from device.audio.format import pick_channel
from device.audio.polyphase import LowDelayResampler
from device.audio.resample import resample
from device.audio.wake import CHUNK_SAMPLES, RATE_HZ
from device.errors import AudioError
from device.events import Event, PartDegraded
from device.ports import Post, Samples
from device.settings import AudioSettings

_WAIT_S = 4.0  # the adapter itself says after 2 s that nothing comes
_LONGEST_S = 600

Sink = Callable[[int, Samples], None]


class Capture(Protocol):
    """The part of :class:`device.adapters.alsa_capture.AlsaCapture` that is used here."""

    def start(self, sink: Sink) -> None: ...

    def stop(self) -> None: ...


class Microphone:
    """The microphone as a stream of 80 ms at 16 kHz, while it is entered.

    One thread reads; the capture's own thread fills the queue. Raises
    :class:`AudioError`, with what to do, when the microphone is missing, busy or silent.
    """

    def __init__(self, audio: AudioSettings, make: Callable[[Post], Capture]) -> None:
        """``make`` builds the capture; what it posts goes to the given function."""
        self._channel = audio.capture_channel
        self._resampler = LowDelayResampler(audio.capture_rate_hz, RATE_HZ)
        self._queue: queue.SimpleQueue[Samples | AudioError] = queue.SimpleQueue()
        self._capture = make(self._post)
        self._ready = np.zeros(0, np.int16)

    def __enter__(self) -> Microphone:
        self._capture.start(lambda _frame, samples: self._queue.put(samples))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._capture.stop()

    def chunks(self, seconds: float) -> Iterator[Samples]:
        """The next ``seconds``, counted from this call: what waited unread is dropped."""
        self._drop_old()
        return self._take(round(seconds * RATE_HZ / CHUNK_SAMPLES))

    def _take(self, count: int) -> Iterator[Samples]:
        for _ in range(count):
            while len(self._ready) < CHUNK_SAMPLES:
                self._ready = np.concatenate([self._ready, self._heard()])
            chunk, self._ready = self._ready[:CHUNK_SAMPLES], self._ready[CHUNK_SAMPLES:]
            yield chunk

    def _heard(self) -> Samples:
        try:
            got = self._queue.get(timeout=_WAIT_S)
        except queue.Empty:
            raise AudioError(
                "the microphone delivers nothing",
                hint="plug it out and in again; `parlor devices` shows what there is",
            ) from None
        if isinstance(got, AudioError):
            raise got
        return self._resampler.process(pick_channel(got, self._channel))

    def _drop_old(self) -> None:
        self._ready = self._ready[:0]
        while not self._queue.empty():
            self._heard()
        self._ready = self._ready[:0]

    def _post(self, event: Event) -> None:
        if isinstance(event, PartDegraded):
            hint = event.hint or "`parlor devices` shows what there is"
            if event.state == "busy":
                hint += "; is it parlor itself? sudo systemctl stop parlor, and start it afterwards"
            self._queue.put(AudioError(event.detail or event.state, hint=hint))


def read_wav(path: Path) -> Samples:
    """A WAV file as 16 kHz mono (the first channel). Raises :class:`AudioError`."""
    try:
        with wave.open(str(path), "rb") as file:
            rate_hz, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            if file.getnframes() > _LONGEST_S * rate_hz:
                raise AudioError(f"{path} is longer than {_LONGEST_S} s", hint="cut it")
            data = file.readframes(file.getnframes())
    except (OSError, wave.Error, EOFError) as error:
        why = getattr(error, "strerror", None) or str(error) or "it ends too early"
        raise AudioError(
            f"{path} cannot be read: {why}", hint="expected a WAV file of 16-bit samples"
        ) from error
    if width != 2 or rate_hz < 8000:
        raise AudioError(
            f"{path} holds {8 * width}-bit samples at {rate_hz} Hz",
            hint="expected 16-bit samples at 8000 Hz or more; sox or ffmpeg converts it",
        )
    whole = len(data) // (2 * channels) * 2 * channels
    frames = np.frombuffer(data[:whole], "<i2").reshape(-1, channels)
    return resample(pick_channel(frames, 0), rate_hz, RATE_HZ)
