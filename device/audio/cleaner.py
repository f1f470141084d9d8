"""The near-end made pleasant: noise suppression, gain control, high-pass. For the uplink
where ``cleaned`` is asked for; neither the wake word nor the VAD hears it.

WebRTC's audio processing module does the work (through ``livekit``, which needs no server
for it). Measured (``scripts/bench_parts/acoustics/array_rows.py``), the wake word is found as
often without it, within the intervals. The VAD takes about a third less noise for speech with
it and keeps one in a hundred frames of speech less: not worth what it costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from device.errors import ModelError
from device.ports import Samples

RATE_HZ = 16_000

FRAME = 160
"""10 ms: what the module takes at a time."""

LATENCY_SAMPLES = 96
"""6 ms, of the noise suppression (blocks of 256 samples every 160); the rest takes no time."""


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What is done to the sound."""

    noise_suppression: bool = True
    gain_control: bool = True
    high_pass: bool = True


class Cleaner:
    """Cleans a stream of mono int16 at 16 kHz. One thread at a time; 0.9 % of a core.

    What comes out is as long as what went in and, with noise suppression,
    :data:`LATENCY_SAMPLES` later, always. Raises
    :class:`ModelError` when livekit cannot be loaded.
    """

    latency_samples = LATENCY_SAMPLES

    def __init__(self, cleaning: Cleaning | None = None) -> None:
        self._cleaning = cleaning or Cleaning()
        self.reset()

    def reset(self) -> None:
        """Forget the noise and the gain that were learnt."""
        self._frame_type, module = _load()
        self._module = module(
            noise_suppression=self._cleaning.noise_suppression,
            high_pass_filter=self._cleaning.high_pass,
            auto_gain_control=self._cleaning.gain_control,
        )

    def clean(self, samples: Samples) -> Samples:
        """The next samples, cleaned. Raises ``ValueError`` unless they are a multiple of 10 ms."""
        if len(samples) % FRAME:
            raise ValueError(f"{len(samples)} samples are not a multiple of {FRAME}")
        cleaned = np.empty(len(samples), np.int16)
        for start in range(0, len(samples), FRAME):
            part = samples[start : start + FRAME].astype(np.int16, copy=False)
            frame = self._frame_type(bytearray(part.tobytes()), RATE_HZ, 1, FRAME)
            self._module.process_stream(frame)
            cleaned[start : start + FRAME] = np.frombuffer(frame.data, np.int16)
        return cleaned


def _load() -> tuple[Any, Any]:
    # Imported here: 40 MB that only those pay who ask for it.
    try:
        from livekit.rtc import AudioFrame, AudioProcessingModule  # noqa: PLC0415
    except (ImportError, OSError) as error:
        raise ModelError(
            f"WebRTC's audio processing cannot be loaded: {error}",
            hint="run scripts/run again to reinstall livekit",
        ) from error
    return AudioFrame, AudioProcessingModule
