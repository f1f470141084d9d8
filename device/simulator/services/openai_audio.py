"""The audio formats of the wire: PCM of some rate, and G.711 (ITU-T G.711, 8 kHz)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from device.simulator.services.brain import RATE_HZ, converted
from device.simulator.services.openai_shapes import invalid_value

BIAS = 132  # of mu-law, on the scale of 16 bits
CLIP = 32635


@dataclass(frozen=True, slots=True)
class Format:
    """``codec`` is pcm (mono s16le), pcmu or pcma."""

    codec: str
    rate_hz: int

    @property
    def bytes_per_s(self) -> int:
        return self.rate_hz * (2 if self.codec == "pcm" else 1)

    def to_pcm(self, data: bytes, path: str) -> bytes:
        """Mono s16le of the same rate; raises ``RefusalError``."""
        if self.codec == "pcm":
            if len(data) % 2:
                raise invalid_value(path, f"Invalid '{path}': half a sample of 16-bit PCM.")
            return data
        table = MU_LAW if self.codec == "pcmu" else A_LAW
        return table[np.frombuffer(data, np.uint8)].astype("<i2").tobytes()

    def from_voice(self, pcm: bytes, speed: float = 1.0) -> bytes:
        """Of a voice at the brain's rate; ``speed`` makes it shorter (and higher)."""
        out = converted(pcm, round(RATE_HZ * speed), self.rate_hz)
        if self.codec == "pcm":
            return out
        samples = np.frombuffer(out, "<i2").astype(np.int32)
        table = MU_LAW if self.codec == "pcmu" else A_LAW
        order = np.argsort(table, kind="stable")
        levels = table[order].astype(np.int32)
        above = np.clip(np.searchsorted(levels, samples), 1, len(levels) - 1)
        nearer = samples - levels[above - 1] < levels[above] - samples
        return order[above - nearer].astype(np.uint8).tobytes()


def _mu_law() -> np.ndarray:
    code = ~np.arange(256, dtype=np.uint8)
    step, mantissa = (code >> 4) & 7, code & 15
    size = ((mantissa.astype(np.int32) << 3) + BIAS << step.astype(np.int32)) - BIAS
    return np.where(code & 128, -size, size)


def _a_law() -> np.ndarray:
    code = np.arange(256, dtype=np.uint8) ^ 0x55
    step, mantissa = ((code >> 4) & 7).astype(np.int32), (code & 15).astype(np.int32)
    size = np.where(
        step == 0, (mantissa << 4) + 8, ((mantissa << 4) + 264) << np.maximum(step - 1, 0)
    )
    return np.where(code & 128, size, -size)


MU_LAW, A_LAW = _mu_law(), _a_law()
