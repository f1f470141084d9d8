"""Opening an ALSA PCM, and saying in plain words why it did not work.

pyalsaaudio's defaults are wrong for us (44.1 kHz, 32 frames a period), it ignores
parameters that the card refuses, and its errors carry no number. So everything is
set, what was obtained is read back from ``info()`` and compared, and messages are
told apart by their text, which is the C library's own.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import alsaaudio

from device.adapters.alsa_cards import PROC_ASOUND, Card, cards, holders
from device.adapters.alsa_names import fault_of_name
from device.errors import AudioError, DeviceBusyError, DeviceMissingError, FormatRefusedError

PcmError: type[Exception] = alsaaudio.ALSAAudioError
"""What every call on a PCM may raise: the card has gone, or refuses."""

XRUN = -errno.EPIPE
"""``read``, ``write`` and ``avail`` say so when the stream over- or underran."""

DISCONNECTED: int = alsaaudio.PCM_STATE_DISCONNECTED


class Pcm(Protocol):
    """What is used of ``alsaaudio.PCM``, opened with ``PCM_NONBLOCK``."""

    def info(self) -> dict[str, Any]: ...

    def avail(self) -> int:
        """Frames that can be written or read now; negative errno. Keeps the GIL."""
        ...

    def write(self, data: bytes) -> int:
        """Frames taken (0: no room), or ``XRUN``: the data is gone, the next call works."""
        ...

    def read(self) -> tuple[int, bytes]:
        """Up to one period: (frames, data); 0 when there is nothing yet; ``XRUN``."""
        ...

    def drop(self) -> int:
        """Silence, at once. Keeps the GIL. The next ``write`` starts the stream again."""
        ...

    def state(self) -> int: ...

    def polldescriptors(self) -> list[tuple[int, int]]: ...

    def polldescriptors_revents(self, descriptors: list[tuple[int, int]]) -> int: ...

    def close(self) -> None:
        """Plays out what is queued; ``drop`` first."""
        ...


def checked(result: int) -> int:
    """``result`` of a PCM call, which is a count of frames or ``XRUN``.

    pyalsaaudio raises most errors, but returns some as a negative errno (0.11: every one
    of ``avail``, an xrun of ``read`` and ``write``; other versions: more). Any but ``XRUN``
    is raised as ``PcmError`` here, with the C library's words.
    """
    if result >= 0 or result == XRUN:
        return result
    raise PcmError(os.strerror(-result))


MOST_XRUNS = 5
"""So many xruns with nothing played or recorded in between: the card does not recover."""


def never_recovers() -> Exception:
    """The ``PcmError`` for a card that answers every attempt with ``XRUN``."""
    return PcmError("it over- or underruns without end")


Opener = Callable[["PcmRequest"], Pcm]
"""Opens a PCM without blocking; raises ``PcmError``. Tests give a fake one."""


@dataclass(frozen=True, slots=True)
class PcmRequest:
    """What is wanted of a PCM: signed 16-bit little-endian, interleaved."""

    device: str
    capture: bool
    rate_hz: int
    channels: int
    period_frames: int
    periods: int

    @property
    def noun(self) -> str:
        return "microphone" if self.capture else "speaker"


@dataclass(frozen=True, slots=True)
class OpenPcm:
    """A PCM that is what was asked for; period and buffer as the card gave them."""

    pcm: Pcm
    request: PcmRequest
    period_frames: int
    buffer_frames: int

    def describe(self) -> str:
        """For people: name, rate, channels, period and buffer."""
        request = self.request
        per_ms = request.rate_hz / 1000
        plural = "" if request.channels == 1 else "s"
        return (
            f"{request.device}: {request.rate_hz} Hz, {request.channels} channel{plural}, "
            f"period {self.period_frames / per_ms:g} ms, buffer {self.buffer_frames / per_ms:g} ms"
        )


def alsa_opener(request: PcmRequest) -> Pcm:
    """The real one. Holds the GIL while it opens: some ms with USB, so never mid-reply."""
    pcm: Pcm = alsaaudio.PCM(
        type=alsaaudio.PCM_CAPTURE if request.capture else alsaaudio.PCM_PLAYBACK,
        mode=alsaaudio.PCM_NONBLOCK,
        device=request.device,
        rate=request.rate_hz,
        channels=request.channels,
        format=alsaaudio.PCM_FORMAT_S16_LE,
        periodsize=request.period_frames,
        periods=request.periods,
    )
    return pcm


def open_pcm(
    request: PcmRequest, opener: Opener = alsa_opener, proc_asound: Path = PROC_ASOUND
) -> OpenPcm:
    """Open and verify. Raises DeviceMissingError, DeviceBusyError, FormatRefusedError
    or, for anything else that ALSA says, AudioError. Never blocks."""
    try:
        pcm = opener(request)
    except PcmError as error:
        raise explain(error, request, proc_asound) from error
    try:
        info = pcm.info()
        _verify(info, request)
    except PcmError as error:  # it went away between the two
        close_pcm(pcm)
        raise explain(error, request, proc_asound) from error
    except BaseException:
        close_pcm(pcm)
        raise
    return OpenPcm(pcm, request, int(info["period_size"]), int(info["buffer_size"]))


def close_pcm(pcm: Pcm) -> None:
    """Close without playing out what is queued. Works on a card that has gone."""
    with contextlib.suppress(PcmError):  # gone, or already closed: there is nothing to silence
        pcm.drop()
    with contextlib.suppress(PcmError):  # the descriptor is released all the same
        pcm.close()


def explain(
    error: Exception,
    request: PcmRequest,
    proc_asound: Path = PROC_ASOUND,
    present: Callable[[Path], Sequence[Card]] = cards,
) -> AudioError:
    """The error of the tree that says what ``error`` means for this PCM. ``present`` lists
    the cards of this machine."""
    text = str(error)
    reason = text.removesuffix(f" [{request.device}]")
    key = f"audio.{'capture' if request.capture else 'playback'}"
    if _says(text, errno.EBUSY):
        who = holders(request.capture, proc_asound)
        program = f"another program holds the {request.noun}"
        named = f"{program}: {', '.join(who)}" if who else program
        return DeviceBusyError(
            f"{named} ({request.device})", hint=f"stop that program, or choose another {key}"
        )
    if any(_says(text, code) for code in (errno.ENODEV, errno.ENXIO, errno.ENOENT)):
        return DeviceMissingError(
            f"there is no {request.noun} called {request.device}: {reason}",
            hint=f"plug it in, or set {key} to a name that `parlor devices` shows",
        )
    if _says(text, errno.EACCES) or _says(text, errno.EPERM):
        return AudioError(
            f"no permission to use the {request.noun} {request.device}",
            hint="add the user that runs parlor to the group audio",
        )
    if _says(text, errno.EINVAL):
        if fault := fault_of_name(request.device, present(proc_asound)):
            return DeviceMissingError(
                f"the {request.noun} {request.device} cannot be opened: {fault}",
                hint=f"set {key} to a name that `parlor devices` shows",
            )
        return FormatRefusedError(
            f"the {request.noun} {request.device} refused {request.rate_hz} Hz with "
            f"{request.channels} channel(s) of 16 bit",
            hint=_another_name(request),
        )
    return AudioError(f"the {request.noun} {request.device} cannot be used: {reason}")


def explain_loss(error: Exception, request: PcmRequest) -> AudioError:
    """A card that worked until now failed. DeviceMissingError: it was unplugged; AudioError:
    it is there, as far as is known, and does not work."""
    reason = str(error).removesuffix(f" [{request.device}]")
    if any(_says(reason, code) for code in (errno.ENODEV, errno.ENXIO, errno.ENOENT)):
        return DeviceMissingError(
            f"the {request.noun} {request.device} went away: {reason}",
            hint="plug it in again; it is taken up by itself",
        )
    return AudioError(
        f"the {request.noun} {request.device} stopped working: {reason}",
        hint="it is tried again by itself; if it does not come back, plug it out and in again",
    )


def _verify(info: dict[str, Any], request: PcmRequest) -> None:
    """Compare what the card gave with what was asked for. Raises FormatRefusedError."""
    side = "capture" if request.capture else "playback"
    plug = f"or {_another_name(request)}"
    verb = "delivers" if request.capture else "wants"
    if info["format"] != alsaaudio.PCM_FORMAT_S16_LE:
        raise FormatRefusedError(
            f"the {request.noun} {request.device} {verb} {info['format_name']} samples, not S16_LE",
            hint=plug.removeprefix("or "),
        )
    if info["channels"] != request.channels:
        raise FormatRefusedError(
            f"the {request.noun} {request.device} {verb} {info['channels']} channel(s), "
            f"not {request.channels}",
            hint=f"set audio.{side}_channels = {info['channels']}, {plug}",
        )
    if info["rate"] != request.rate_hz:
        raise FormatRefusedError(
            f"the {request.noun} {request.device} runs at {info['rate']} Hz, "
            f"not {request.rate_hz} Hz",
            hint=f"change audio.{side}_rate_hz, {plug}",
        )


def _another_name(request: PcmRequest) -> str:
    """What helps against a refused format, whatever it is."""
    key = f"audio.{'capture' if request.capture else 'playback'}"
    if request.device.startswith("hw:"):
        return f"name it with plughw: instead of hw: in {key}, which converts"
    return f"set {key} to another name that `parlor devices` shows"


def _says(text: str, code: int) -> bool:
    return text.startswith(os.strerror(code))


def quiet_alsa() -> None:
    """Stop alsa-lib from writing its own lines to stderr, for the whole process.

    While a card is away it would write some at every attempt to open it; we say it
    once, in our words. The handler that is installed must take any arguments and do
    nothing: a function of the library's own that returns its version serves.
    """
    library = ctypes.CDLL("libasound.so.2")
    nothing = ctypes.cast(library.snd_asoundlib_version, ctypes.c_void_p)
    library.snd_lib_error_set_handler.argtypes = [ctypes.c_void_p]
    library.snd_lib_error_set_handler.restype = ctypes.c_int
    library.snd_lib_error_set_handler(nothing)
