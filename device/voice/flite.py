"""Debian's flite as a second voice: friendlier than espeak-ng, some 60 ms later.

One process per sentence: ``flite -voice NAME -t TEXT -o /dev/stdout``. Its WAV
comes when the sentence is done; killing the process stops it.
"""

from __future__ import annotations

import shutil
import struct
import subprocess

import numpy as np

from device.audio.resample import StreamResampler
from device.errors import ModelError
from device.voice.synthesis import RATE_HZ, LeadTrimmer, Sink

VOICES = ("slt", "rms", "awb", "kal16")
_HEADER_BYTES = 44
_BLOCK_SAMPLES = 1600
_TIMEOUT_S = 20.0


class Flite:
    """A :class:`device.voice.synthesis.Synthesiser`.

    Raises ModelError at once when flite is not installed.
    """

    def __init__(self, program: str = "flite") -> None:
        found = shutil.which(program)
        if found is None:
            raise ModelError("flite is not installed", hint="apt install flite, or voice = espeak")
        self._program = found

    @property
    def voices(self) -> tuple[str, ...]:
        return VOICES

    def speak(self, text: str, sink: Sink, *, voice: str = "", speed: float = 1.0) -> None:
        chosen = voice if voice in VOICES else VOICES[0]
        stretch = f"duration_stretch={1 / speed:.3f}"
        command = [self._program, "-voice", chosen, "--setf", stretch]
        try:
            made = subprocess.run(
                [*command, "-t", text, "-o", "/dev/stdout"],
                capture_output=True,
                check=True,
                timeout=_TIMEOUT_S,
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            raise ModelError(f"flite failed: {error}") from error
        rate_hz, samples = _read_wav(made)
        resampler, trimmer = StreamResampler(rate_hz, RATE_HZ), LeadTrimmer(rate_hz)
        for at in range(0, len(samples), _BLOCK_SAMPLES):
            last = at + _BLOCK_SAMPLES >= len(samples)
            out = resampler.process(trimmer.push(samples[at : at + _BLOCK_SAMPLES]), last=last)
            if out.size and not sink(out):
                return

    def close(self) -> None:
        """Nothing stays open between sentences."""


def _read_wav(data: bytes) -> tuple[int, np.ndarray[tuple[int, ...], np.dtype[np.int16]]]:
    """flite's own header: 44 bytes, mono, 16 bit."""
    if len(data) < _HEADER_BYTES or data[:4] != b"RIFF" or data[8:16] != b"WAVEfmt ":
        raise ModelError("flite did not return a WAV file")
    channels, rate_hz = struct.unpack_from("<HI", data, 22)
    (bits,) = struct.unpack_from("<H", data, 34)
    if channels != 1 or bits != 16 or rate_hz <= 0:
        raise ModelError(f"flite returned {channels} channels of {bits} bits at {rate_hz} Hz")
    body = data[_HEADER_BYTES:]
    return rate_hz, np.frombuffer(body[: len(body) & ~1], np.int16)
