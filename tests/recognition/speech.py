"""Synthetic speakers and a synthetic room, for tests and for the benchmark.

Speech comes from espeak-ng and, where Debian's ``flite`` is
installed, from its recorded voices, which are the more lifelike ones. Voices are
split: nothing may be tuned on those in ``TEST_VOICES``.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tempfile
import wave
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from tests.espeak import espeak

RATE_HZ = 16_000
WORDS_PER_MINUTE = 165
CORPUS = Path(__file__).parent / "corpus"

TUNING_VOICES = (
    "flite:kal16",
    "flite:awb",
    "espeak:en-us",
    "espeak:en+f2",
    "espeak:en-us+m3",
    "espeak:en-us+Andy",
)
TEST_VOICES = (
    "flite:slt",
    "flite:rms",
    "espeak:en-us+f4",
    "espeak:en-us+m7",
    "espeak:en-gb-x-rp",
    "espeak:en-gb-scotland+m1",
    "espeak:en-us+Annie",
    "espeak:en-us+klatt2",
)

Pcm = NDArray[np.int16]


@dataclass(frozen=True)
class Phrase:
    """A sentence and what it means; no intent: off topic."""

    text: str
    intent: str | None
    slots: Mapping[str, int | str]


def corpus(name: str) -> list[Phrase]:
    """Read ``corpus/<name>.txt``: ``intent|slots as JSON|phrase``, or just sentences."""
    return list(read_phrases(CORPUS / f"{name}.txt"))


def read_phrases(path: Path) -> Iterator[Phrase]:
    """The lines of a phrase file; ``#`` begins a comment line."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        if "|" in line:
            intent, slots, text = line.split("|", 2)
            yield Phrase(text.strip(), intent.strip(), json.loads(slots.strip() or "{}"))
        else:
            yield Phrase(line.strip(), None, {})


def available(voices: tuple[str, ...]) -> tuple[str, ...]:
    """Those of ``voices`` that this machine can speak with."""
    flite = shutil.which("flite") is not None
    return tuple(v for v in voices if flite or not v.startswith("flite:"))


def speak(text: str, voice: str, cache_dir: Path | None = None) -> Pcm:
    """``text`` at 16 kHz, peak -6 dBFS, with 300 ms of silence on both sides."""
    key = hashlib.sha1(f"{voice}|{text}".encode()).hexdigest()[:16]
    path = cache_dir / f"{key}.npy" if cache_dir else None
    if path and path.exists():
        cached: Pcm = np.load(path)
        return cached
    engine, name = voice.split(":", 1)
    flite = engine == "flite"
    samples, rate = _flite(text, name) if flite else espeak(text, name, WORDS_PER_MINUTE)
    wanted = soxr.resample(samples.astype(np.float32), rate, RATE_HZ, quality="HQ")
    loud = np.flatnonzero(np.abs(wanted) > 0.01 * np.abs(wanted).max())
    wanted = wanted[loud[0] : loud[-1] + 1] * (16_384 / np.abs(wanted).max())
    pad = np.zeros(RATE_HZ * 3 // 10, np.float32)
    pcm: Pcm = np.concatenate([pad, wanted, pad]).astype(np.int16)
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, pcm)
    return pcm


def in_room(pcm: Pcm, snr_db: float | None, seed: int) -> Pcm:
    """Add a room (RT60 0.35 s) and, unless ``snr_db`` is None, noise to clean speech.

    The response is a direct path and exponentially decaying noise, 6 dB direct
    to reverberant. The noise is half pink (fans, traffic), half babble-shaped
    (pink, with the speech band raised and modulated at syllable rate).
    The SNR is speech power where there is speech to noise power.
    """
    rng = np.random.default_rng(seed)
    speech = pcm.astype(np.float64)
    length = int(0.35 * RATE_HZ)
    tail = rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / length)
    tail[: RATE_HZ // 200] = 0
    response = tail * np.sqrt(10**-0.6 / np.sum(tail**2))
    response[0] = 1.0
    size = len(speech) + length
    wet = np.fft.irfft(np.fft.rfft(speech, size) * np.fft.rfft(response, size), size)[: len(speech)]
    if snr_db is not None:
        active = np.abs(speech) > 0.02 * np.abs(speech).max()
        active = np.convolve(active, np.ones(800), "same") > 0
        noise = _noise(len(wet), rng)
        power = np.mean(wet[active] ** 2) / 10 ** (snr_db / 10)
        wet += noise * np.sqrt(power / np.mean(noise**2))
    wet *= 12_000 / max(1.0, np.abs(wet).max())
    return wet.astype(np.int16)


def _noise(length: int, rng: np.random.Generator) -> NDArray[np.float64]:
    frequency = np.fft.rfftfreq(length, 1 / RATE_HZ)
    pink = 1 / np.sqrt(np.maximum(frequency, 40))

    def shaped(curve: NDArray[np.float64]) -> NDArray[np.float64]:
        signal = np.fft.irfft(np.fft.rfft(rng.standard_normal(length)) * curve, length)
        return signal / signal.std()

    band = np.exp(-(((np.log2(np.maximum(frequency, 1)) - np.log2(500)) / 1.5) ** 2))
    syllables = 1 + 0.7 * np.sin(2 * np.pi * 4 * np.arange(length) / RATE_HZ + rng.uniform(0, 6))
    return shaped(pink) + shaped(pink * (0.2 + band)) * syllables


def _flite(text: str, voice: str) -> tuple[Pcm, int]:
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "x.wav"
        command = ["flite", "-voice", voice, "-t", text, "-o", str(out)]
        subprocess.run(command, check=True, capture_output=True)
        with wave.open(str(out)) as clip:
            return np.frombuffer(clip.readframes(clip.getnframes()), np.int16), clip.getframerate()
