"""Sound for `parlor wake tune`: from the configured microphone, or from WAV files."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import numpy as np

from device.audio.format import pick_channel
from device.audio.polyphase import LowDelayResampler
from device.audio.resample import resample
from device.audio.wake import CHUNK_SAMPLES, RATE_HZ
from device.cli.microphone_frames import Capture, MicrophoneFrames
from device.errors import AudioError
from device.ports import Post, Samples
from device.settings import AudioSettings

_LONGEST_S = 600
SHORTEST_S = 0.4
_RECORD_AGAIN = "record it again, some 2 s: arecord -f S16_LE -r 16000 -c 1 -d 2 word.wav"


class Microphone:
    """The microphone as a stream of 80 ms at 16 kHz, while it is entered.

    One thread reads. Raises :class:`AudioError`, with what to do, when the microphone is
    missing, busy or silent.
    """

    def __init__(self, audio: AudioSettings, make: Callable[[Post], Capture]) -> None:
        """``make`` builds the capture; what it posts goes to the given function."""
        self._channel = audio.capture_channel
        self._resampler = LowDelayResampler(audio.capture_rate_hz, RATE_HZ)
        self._frames = MicrophoneFrames(make)
        self._ready = np.zeros(0, np.int16)

    def __enter__(self) -> Microphone:
        self._frames.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._frames.__exit__(kind, error, trace)

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
        return self._resampler.process(pick_channel(self._frames.read(), self._channel))

    def _drop_old(self) -> None:
        while self._frames.waiting:
            self._heard()
        self._ready = self._ready[:0]


def read_wav(path: Path) -> Samples:
    """A WAV file as 16 kHz mono: its first channel. Raises :class:`AudioError`, one sentence
    and what to do, for what is no recording that a wake word could be judged from."""
    try:
        with wave.open(str(path), "rb") as file:
            rate_hz, channels, width = file.getframerate(), file.getnchannels(), file.getsampwidth()
            # Not all that its head promises: a recording that was piped promises 2 GB.
            data = file.readframes(_LONGEST_S * rate_hz + 1)
    except (OSError, wave.Error, EOFError) as error:
        raise _unreadable(path, error) from error
    if width != 2:
        raise AudioError(
            f"{path} holds {8 * width}-bit samples, expected 16-bit ones",
            hint=f"convert it: sox {path} -b 16 new.wav",
        )
    if rate_hz < RATE_HZ:
        raise AudioError(
            f"{path} was recorded at {rate_hz} Hz, which lacks what tells wake words apart",
            hint=f"record it at {RATE_HZ} Hz or more; converting it does not bring that back",
        )
    count = len(data) // (2 * channels)
    if count > _LONGEST_S * rate_hz:
        raise AudioError(
            f"{path} is longer than {_LONGEST_S} s", hint="cut it into several recordings"
        )
    if not count:
        raise AudioError(f"{path} is empty: it holds no sound", hint=_RECORD_AGAIN)
    if count < SHORTEST_S * rate_hz:
        raise AudioError(
            f"{path} lasts {count / rate_hz:.2f} s, shorter than any wake word",
            hint=_RECORD_AGAIN,
        )
    frames = np.frombuffer(data[: count * 2 * channels], "<i2").reshape(-1, channels)
    return resample(pick_channel(frames, 0), rate_hz, RATE_HZ)


def channels_of(path: Path) -> int:
    """Of a file that :func:`read_wav` could read."""
    with wave.open(str(path), "rb") as file:
        return file.getnchannels()


def _unreadable(path: Path, error: Exception) -> AudioError:
    if isinstance(error, OSError):
        return AudioError(
            f"{path} cannot be read: {error.strerror or error}",
            hint="name a WAV file that this user may read",
        )
    text = str(error)
    if text.startswith("unknown format"):
        return AudioError(
            f"{path} is a WAV file, but not of 16-bit samples without compression",
            hint=f"convert it: sox {path} -b 16 -e signed-integer -t wavpcm new.wav",
        )
    if isinstance(error, EOFError) or "id" not in text:
        why = "it is empty" if not path.stat().st_size else "it ends too early"
        return AudioError(f"{path} is no recording: {why}", hint=_RECORD_AGAIN)
    return AudioError(
        f"{path} is no WAV file, whatever its name says",
        hint=f"convert it if it is a recording: sox {path} -r 16000 -b 16 new.wav",
    )
