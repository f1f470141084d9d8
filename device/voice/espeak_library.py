"""libespeak-ng by ctypes: the few functions of speak_lib.h (espeak-ng 1.52) that we need.

The library keeps its state in globals: one instance in a process, one thread. ctypes
releases the GIL while it works and takes it back for each block of samples.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from device.errors import ModelError

Block = NDArray[np.int16]
OnBlock = Callable[[Block, bool], bool]
"""(samples, whether they are the last) -> whether to go on."""
OnWord = Callable[[int, int], None]
"""(place in the text, the sample at which the word there begins), both counted from 0."""

_SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: espeak_Synth returns when all is said
_CHARS_UTF8 = 1
_DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: report missing data, do not exit()
_RATE_PARAMETER = 1  # espeakRATE
_POS_CHARACTER = 1
_EVENT_END, _EVENT_WORD = 0, 1  # espeakEVENT_LIST_TERMINATED, espeakEVENT_WORD


class _Event(ctypes.Structure):
    """``espeak_EVENT``; the last field is a union of an int, a pointer and 8 characters."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_int64),
    )


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Voice(ctypes.Structure):
    """``espeak_VOICE``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


class EspeakLibrary:
    """``rate_hz`` is what it speaks at. ModelError when library or data cannot be used."""

    def __init__(
        self, block_ms: int, library: Path | None = None, data: Path | None = None
    ) -> None:
        path = str(library or espeakng_loader.get_library_path())
        data_path = str(data or espeakng_loader.get_data_path())
        try:
            self._lib = ctypes.CDLL(path)
        except OSError as error:
            raise ModelError(
                f"libespeak-ng cannot be loaded: {error}", hint="reinstall espeakng-loader"
            ) from error
        self._declare()
        self._on_block: OnBlock | None = None
        self._on_word: OnWord | None = None
        self._failure: BaseException | None = None
        self._callback = _CALLBACK(self._take)  # kept: the library holds only a pointer
        rate = self._lib.espeak_Initialize(_SYNCHRONOUS, block_ms, data_path.encode(), _DONT_EXIT)
        if rate <= 0:
            raise ModelError(
                f"libespeak-ng found no usable data in {data_path}",
                hint="reinstall espeakng-loader",
            )
        self.rate_hz = int(rate)
        self._lib.espeak_SetSynthCallback(self._callback)
        self._voice = ""

    def _declare(self) -> None:
        lib = self._lib
        number, text = ctypes.c_int, ctypes.c_char_p
        lib.espeak_Initialize.argtypes = [number, number, text, number]
        lib.espeak_SetSynthCallback.argtypes = [_CALLBACK]
        lib.espeak_SetSynthCallback.restype = None
        lib.espeak_SetVoiceByName.argtypes = [text]
        lib.espeak_SetVoiceByProperties.argtypes = [ctypes.POINTER(_Voice)]
        lib.espeak_SetParameter.argtypes = [number, number, number]
        lib.espeak_Synth.argtypes = [
            text,
            ctypes.c_size_t,
            ctypes.c_uint,
            number,
            ctypes.c_uint,
            ctypes.c_uint,
            ctypes.c_void_p,
            ctypes.c_void_p,
        ]

    def choose(self, voice: str) -> None:
        """By name ("en-us+m3"), else by language ("en-gb"), as the espeak-ng command does.
        Raises ModelError when there is neither."""
        if voice == self._voice:
            return
        if self._lib.espeak_SetVoiceByName(voice.encode()) != 0:
            wanted = _Voice(languages=voice.encode())
            if not voice or self._lib.espeak_SetVoiceByProperties(ctypes.byref(wanted)) != 0:
                raise ModelError(f"espeak-ng has no voice '{voice}'")
        self._voice = voice

    def set_speed(self, words_per_minute: int) -> None:
        self._lib.espeak_SetParameter(_RATE_PARAMETER, words_per_minute, 0)

    def speak(self, text: str, on_block: OnBlock, on_word: OnWord | None = None) -> None:
        """Blocks until all is said or ``on_block`` said stop; raises what they raised.

        ``on_word`` is told of a word about when its block comes, before or after it.
        """
        self._on_block, self._on_word, self._failure = on_block, on_word, None
        data = text.encode() + b"\0"
        try:
            status = self._lib.espeak_Synth(
                data, len(data), 0, _POS_CHARACTER, 0, _CHARS_UTF8, None, None
            )
        finally:
            self._on_block = self._on_word = None
        if self._failure is not None:
            raise self._failure
        if status != 0:
            raise ModelError(f"libespeak-ng failed with status {status}")

    def close(self) -> None:
        self._lib.espeak_Terminate()

    def _take(
        self,
        samples: ctypes._Pointer[ctypes.c_short],
        count: int,
        events: ctypes._Pointer[_Event],
    ) -> int:
        """Runs in the middle of ``espeak_Synth``: nothing may be raised through C."""
        if self._on_block is None:
            return 1
        try:
            self._tell_words(events)
            last = not samples  # a null pointer marks the end of the text
            block: Block = (
                np.zeros(0, np.int16)
                if last or count <= 0
                else np.ctypeslib.as_array(samples, (count,)).astype(np.int16)
            )
            return 0 if self._on_block(block, last) else 1
        except BaseException as error:  # noqa: BLE001 - carried over the C frame, raised in speak
            self._failure = error
            return 1

    def _tell_words(self, events: ctypes._Pointer[_Event]) -> None:
        if self._on_word is None or not events:
            return
        number = 0
        while events[number].type != _EVENT_END:
            event = events[number]
            if event.type == _EVENT_WORD:
                self._on_word(event.text_position - 1, event.sample)
            number += 1
