"""WebRTC's echo canceller (AEC3), through ``livekit.rtc.AudioProcessingModule``.

Here it stands behind the linear canceller and takes what that leaves: it knows better than
any level what of a residue is echo, but takes the person with it who speaks meanwhile.
The gate (``gate.py``) decides how much of which is heard.

Loading it costs 0.2 s and 22 MB and starts a few native threads that sleep.
"""

from __future__ import annotations

import numpy as np

from device.audio.echo import BLOCK_SAMPLES, RATE_HZ
from device.errors import ModelError
from device.ports import Samples

LATENCY_SAMPLES = 121
"""Of its output against its input, measured: it works in blocks of 64 with overlap."""

WARM_BLOCKS = 5
"""So many blocks after a pause its output still holds what came before the pause."""


class Aec3:
    """One microphone. One thread at a time; raises :class:`ModelError` when the library
    cannot be loaded."""

    def __init__(self) -> None:
        # Imported here: a device without a speaker's echo should not pay for it.
        try:
            from livekit.rtc.apm import AudioProcessingModule  # noqa: PLC0415
            from livekit.rtc.audio_frame import AudioFrame  # noqa: PLC0415
        except (ImportError, OSError) as error:
            raise ModelError(
                f"WebRTC's echo canceller cannot be loaded: {error}",
                hint="run scripts/run again to reinstall livekit, "
                'or set [audio] echo_cancellation = "off"',
            ) from error
        self._module = AudioProcessingModule(echo_cancellation=True, high_pass_filter=True)
        # Two frames that are used again and again, in place: making one costs more CPU
        # than writing it.
        self._near_bytes, self._far_bytes = bytearray(320), bytearray(320)
        self._near = np.frombuffer(self._near_bytes, np.int16)
        self._far = np.frombuffer(self._far_bytes, np.int16)
        self._near_frame = AudioFrame(self._near_bytes, RATE_HZ, 1, BLOCK_SAMPLES)
        self._far_frame = AudioFrame(self._far_bytes, RATE_HZ, 1, BLOCK_SAMPLES)

    def block(self, near: Samples, far: Samples) -> Samples:
        """10 ms of the microphone and of what was played meanwhile, int16; the output is
        :data:`LATENCY_SAMPLES` behind."""
        self._far[:] = far
        self._module.process_reverse_stream(self._far_frame)
        self._near[:] = near
        self._module.process_stream(self._near_frame)
        return self._near.copy()
