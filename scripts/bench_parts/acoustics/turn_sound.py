"""Recordings taken apart and put together: room tone, word boundaries, where a sound ends."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from device.ports import Samples
from scripts.bench_parts.acoustics.corpus import RATE_HZ


class RoomTone:
    """What a recording sounds like when nobody speaks: noise with the mean spectrum of its
    quietest tenth, at -75 dBFS or above."""

    def __init__(self, sound: Samples) -> None:
        frames = np.asarray(sound[: len(sound) // 512 * 512], np.float64).reshape(-1, 512)
        power = np.mean(frames**2, axis=1)
        quiet = frames[np.argsort(power)[: max(1, len(power) // 10)]]
        spectra = np.abs(np.fft.rfft(quiet * np.hanning(512), axis=1)) ** 2
        self._shape = np.sqrt(spectra.mean(axis=0) / 192 / 512)  # 192: the window's energy
        self._shape = np.maximum(self._shape, 32768 * 10 ** (-75 / 20) / np.sqrt(512))

    def of(self, seconds: float, seed: int) -> Samples:
        count = round(seconds * RATE_HZ)
        noise = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
        bins = np.linspace(0, 1, len(noise))
        shape = np.interp(bins, np.linspace(0, 1, len(self._shape)), self._shape)
        return np.clip(np.fft.irfft(noise * shape * np.sqrt(512), count), -3e4, 3e4).astype(
            np.int16
        )


class Words:
    """Where one word ends and the next begins, by pocketsphinx's open vocabulary."""

    def __init__(self) -> None:
        from pocketsphinx import Decoder  # noqa: PLC0415

        self._decoder = Decoder(loglevel="FATAL")

    def boundaries(self, sound: Samples) -> list[int]:
        """At least 0.4 s from the beginning and 0.3 s from the end."""
        decoder = self._decoder
        decoder.start_utt()
        decoder.process_raw(sound.tobytes(), full_utt=True)
        decoder.end_utt()
        starts = [
            segment.start_frame * RATE_HZ // 100
            for segment in decoder.seg() or ()
            if not segment.word.startswith(("<", "["))
        ]
        level = _levels(sound)
        found = []
        for start in starts[1:]:
            first = max(0, start // 160 - 5)
            at = (first + int(np.argmin(level[first : start // 160 + 6]))) * 160 + 80
            if 0.4 * RATE_HZ <= at <= len(sound) - 0.3 * RATE_HZ:
                found.append(at)
        return found


def _levels(sound: Samples) -> NDArray[np.float64]:
    """dB of each 10 ms."""
    frames = np.asarray(sound[: len(sound) // 160 * 160], np.float64).reshape(-1, 160)
    return 10 * np.log10(np.mean(frames**2, axis=1) + 1e-3)


def last_sound(sound: Samples) -> int:
    """Where the last 10 ms end that are less than 35 dB below the loudest, and 8 dB above
    the recording's quietest tenth."""
    level = _levels(sound)
    least = max(level.max() - 35, np.percentile(level, 10) + 8)
    return int(np.flatnonzero(level >= least)[-1] + 1) * 160


def piece(sound: Samples, begin_s: float, end_s: float) -> Samples:
    return sound[round(begin_s * RATE_HZ) : round(end_s * RATE_HZ)]


def joined(*parts: Samples) -> Samples:
    """One after the other, each edge faded over 5 ms."""
    fade = np.linspace(0, 1, 80)
    shaped = []
    for part in parts:
        sound = np.asarray(part, np.float64).copy()
        sound[:80] *= fade[: len(sound)]
        sound[-80:] *= fade[::-1][-len(sound) :]
        shaped.append(sound)
    return np.concatenate(shaped).astype(np.int16)
