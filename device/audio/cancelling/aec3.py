"""WebRTC's echo canceller (AEC3), through the module of ``livekit.rtc``.

Here it stands behind the linear canceller and takes what that leaves: it knows better than
any level what of a residue is echo, but takes the person with it who speaks meanwhile.
The gate (``gate.py``) decides how much of which is heard.

livekit's library takes requests as protocol buffers, which ``AudioProcessingModule`` builds and
parses anew for each frame. That costs as much as the canceller; here each request is built
once, for buffers that stay where they are, and its answer compared with the usual one.

Loading it costs 0.2 s and 22 MB and starts a few native threads that sleep.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from device.audio.echo import RATE_HZ
from device.errors import ModelError
from device.ports import Samples

FRAME_SAMPLES = 160
"""10 ms: what the library takes at a time."""

LATENCY_SAMPLES = 121
"""Of its output against its input, measured: it works in blocks of 64 with overlap."""

WARM_FRAMES = 5
"""So many frames after a pause its output still holds what came before the pause."""


class Aec3:
    """One microphone. One thread at a time; raises :class:`ModelError` when the library
    cannot be loaded."""

    def __init__(self) -> None:
        # Imported here: a device without a speaker's echo should not pay for it.
        try:
            from livekit.rtc._ffi_client import FfiClient  # noqa: PLC0415
            from livekit.rtc._proto.ffi_pb2 import FfiRequest, FfiResponse  # noqa: PLC0415
            from livekit.rtc.apm import AudioProcessingModule  # noqa: PLC0415

            self._module = AudioProcessingModule(echo_cancellation=True, high_pass_filter=True)
            library, handle = FfiClient.instance._ffi_lib, self._module._ffi_handle.handle
        except (ImportError, OSError, AttributeError) as error:
            raise ModelError(
                f"WebRTC's echo canceller cannot be loaded: {error}",
                hint="run scripts/run again to reinstall livekit, "
                'or set [audio] echo_cancellation = "off"',
            ) from error
        played, heard = FfiRequest(), FfiRequest()
        self._played = _Call(
            library, played, played.apm_process_reverse_stream, handle, FfiResponse()
        )
        self._heard = _Call(library, heard, heard.apm_process_stream, handle, FfiResponse())

    def block(self, near: Samples, far: Samples) -> Samples:
        """Whole frames of the microphone and of what was played meanwhile, int16; the output
        is :data:`LATENCY_SAMPLES` behind."""
        out = np.empty_like(near)
        for start in range(0, len(near), FRAME_SAMPLES):
            frame = slice(start, start + FRAME_SAMPLES)
            self._played.frame[:] = far[frame]
            self._played()
            self._heard.frame[:] = near[frame]
            self._heard()
            out[frame] = self._heard.frame
        return out


class _Call:
    """One request to the library, made again and again on the samples in ``frame``."""

    def __init__(
        self, library: Any, request: Any, arguments: Any, handle: int, answer: Any
    ) -> None:
        """``arguments``: the part of ``request`` that says what is to be done."""
        self.frame: Samples = np.zeros(FRAME_SAMPLES, np.int16)
        arguments.apm_handle, arguments.data_ptr = handle, self.frame.ctypes.data
        arguments.size, arguments.sample_rate = self.frame.nbytes, RATE_HZ
        arguments.num_channels = 1
        self._answer = answer
        self._request, self._drop = library.livekit_ffi_request, library.livekit_ffi_drop_handle
        self._bytes = ctypes.create_string_buffer(request.SerializeToString())
        self._at, self._length = ctypes.POINTER(ctypes.c_ubyte)(), ctypes.c_size_t()
        self._arguments = (
            ctypes.cast(self._bytes, ctypes.POINTER(ctypes.c_ubyte)),
            ctypes.c_size_t(len(self._bytes) - 1),
            ctypes.byref(self._at),
            ctypes.byref(self._length),
        )
        self._fine: bytes | None = None

    def __call__(self) -> None:
        """Raises ``RuntimeError`` with the library's words when it refuses."""
        handle = self._request(*self._arguments)
        if not handle:
            raise RuntimeError("WebRTC's echo canceller: the library took no request")
        answer = ctypes.string_at(self._at, self._length.value)
        self._drop(ctypes.c_uint64(handle))
        if answer == self._fine:
            return
        self._answer.ParseFromString(answer)
        done = getattr(self._answer, self._answer.WhichOneof("message"))
        if done.error:
            raise RuntimeError(f"WebRTC's echo canceller: {done.error}")
        self._fine = answer
