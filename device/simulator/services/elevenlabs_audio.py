"""The audio formats of an ElevenLabs agent: mono s16le at six rates, and 8 kHz mu-law (G.711)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from device.simulator.services.brain import RATE_HZ, converted

FORMATS = (
    "pcm_8000",
    "pcm_16000",
    "pcm_22050",
    "pcm_24000",
    "pcm_44100",
    "pcm_48000",
    "ulaw_8000",
)
_BIAS = 132
_CLIP = 32_635


@dataclass(frozen=True, slots=True)
class Format:
    """One of :data:`FORMATS`."""

    name: str

    def __post_init__(self) -> None:
        if self.name not in FORMATS:
            raise ValueError(f"no audio format of an agent's: {self.name!r}")

    @property
    def rate_hz(self) -> int:
        return int(self.name.partition("_")[2])

    @property
    def sample_bytes(self) -> int:
        return 1 if self.name.startswith("ulaw") else 2

    def decode(self, data: bytes) -> bytes:
        """Mono s16le at this format's rate. ValueError: not a whole number of samples."""
        if len(data) % self.sample_bytes:
            raise ValueError(f"{len(data)} bytes are no whole number of samples")
        return _TABLE[np.frombuffer(data, np.uint8)].tobytes() if self.sample_bytes == 1 else data

    def encode(self, pcm: bytes) -> bytes:
        """From the voice's s16le at 24 kHz."""
        mine = converted(pcm, RATE_HZ, self.rate_hz)
        return _to_ulaw(mine) if self.sample_bytes == 1 else mine

    def seconds(self, data: bytes) -> float:
        return len(data) / self.sample_bytes / self.rate_hz


def _to_ulaw(pcm: bytes) -> bytes:
    samples = np.frombuffer(pcm, "<i2").astype(np.int32)
    sign = np.where(samples < 0, 0x80, 0)
    level = np.minimum(np.abs(samples), _CLIP) + _BIAS
    exponent = np.floor(np.log2(level)).astype(np.int32) - 7
    mantissa = (level >> (exponent + 3)) & 0x0F
    code: NDArray[np.uint8] = (~(sign | (exponent << 4) | mantissa) & 0xFF).astype(np.uint8)
    return code.tobytes()


def _table() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    level = ((((code & 0x0F) << 3) + _BIAS) << ((code >> 4) & 7)) - _BIAS
    return np.where(code & 0x80, -level, level).astype("<i2")


_TABLE = _table()
