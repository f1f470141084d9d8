"""G.711 companding (ITU-T G.711, 1988): mu-law and A-law to and from 16-bit samples.

Written from the standard's segment tables; Python 3.13 no longer ships ``audioop``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.audio.resample import StreamResampler
from device.local.shape import RequestError
from device.ports import Samples
from device.voice.synthesis import RATE_HZ as PCM_RATE_HZ

RATE_HZ = 8000

_MU_BIAS = 33 << 2


def _decode_mu() -> NDArray[np.int16]:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + _MU_BIAS) << (code >> 4 & 7)
    value = magnitude - _MU_BIAS
    return np.where(code & 0x80, -value, value).astype(np.int16)


def _decode_a() -> NDArray[np.int16]:
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment = code >> 4 & 7
    value = ((code & 0x0F) << 4) + 8
    value = np.where(segment > 0, (value + 0x100) << np.maximum(segment - 1, 0), value)
    return np.where(code & 0x80, value, -value).astype(np.int16)


_TABLES = {"audio/pcmu": _decode_mu(), "audio/pcma": _decode_a()}


def _nearest(table: NDArray[np.int16]) -> NDArray[np.uint8]:
    """For each 16-bit value (from -32768) the code whose value is nearest."""
    order = np.argsort(table, kind="stable")
    values = table[order].astype(np.int32)
    edges = (values[:-1] + values[1:] + 1) // 2
    samples = np.arange(-32768, 32768)
    return order[np.searchsorted(edges, samples, side="right")].astype(np.uint8)


_CODES = {law: _nearest(table) for law, table in _TABLES.items()}


def expand(law: str, data: bytes) -> Samples:
    """Bytes of ``law`` ("audio/pcmu" or "audio/pcma") to samples."""
    return _TABLES[law][np.frombuffer(data, np.uint8)]


def compress(law: str, samples: Samples) -> bytes:
    """Samples to bytes of ``law``."""
    return _CODES[law][samples.astype(np.int32) + 32768].tobytes()


class Decoder:
    """The wire's input audio -> 24 kHz s16le. One stream."""

    def __init__(self, audio_format: str) -> None:
        self.format = audio_format
        self._resampler = StreamResampler(RATE_HZ, PCM_RATE_HZ)

    def decode(self, data: bytes, *, last: bool = False) -> bytes:
        """Raises RequestError for half a sample."""
        if self.format == "audio/pcm":
            if len(data) % 2:
                raise RequestError(
                    f"Invalid 'audio': {len(data)} bytes are not a whole number of 16-bit samples.",
                    code="invalid_audio",
                    param="audio",
                )
            return data
        samples = self._resampler.process(expand(self.format, data), last=last)
        if last:
            self._resampler.reset()
        return samples.tobytes()


class Encoder:
    """24 kHz s16le -> the wire's output audio. One stream."""

    def __init__(self, audio_format: str) -> None:
        self.format = audio_format
        self._resampler = StreamResampler(PCM_RATE_HZ, RATE_HZ)

    def encode(self, pcm24k: bytes, *, last: bool = False) -> bytes:
        if self.format == "audio/pcm":
            return pcm24k
        samples = self._resampler.process(np.frombuffer(pcm24k, np.int16), last=last)
        if last:
            self._resampler.reset()
        return compress(self.format, samples)
