"""One point of the cost rows, in a process of its own, so that its memory is its own.

    .venv/bin/python -m scripts.bench_parts.acoustics.cost_point KIND COUNT [--quick]

Kinds: ``idle`` and ``reply`` are the whole hearing with the default settings, ``confirmed`` is
idle with ``[wake] confirm``; ``channels`` is a reply heard by COUNT microphones, ``words`` the
wake engine alone with COUNT words. Prints one JSON object: per cent of a core (median, and each
round), resident megabytes.

A shared machine runs slower for seconds at a time, whoever is to blame, and CPU time counts that
too. So before and after each round a fixed piece of arithmetic is timed, and rounds in which it
took more than :data:`SLOWED` times its shortest time of this run are left out, and counted.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.audio.resample import resample  # noqa: E402
from device.audio.wake import CHUNK_SAMPLES  # noqa: E402
from device.audio.wakewords.litert import LitertWake  # noqa: E402
from device.audio.wakewords.models import PRETRAINED, find_wake_models  # noqa: E402
from device.ports import Samples  # noqa: E402
from device.settings import AudioSettings, Settings, WakeSettings  # noqa: E402
from scripts.bench_parts.acoustics import scenes  # noqa: E402
from scripts.bench_parts.acoustics.corpus import RATE_HZ  # noqa: E402
from scripts.bench_parts.acoustics.cost_rows import resident_megabytes  # noqa: E402
from scripts.bench_parts.acoustics.ear import BenchEar  # noqa: E402

PLAYBACK_HZ = 48_000
SPACING_MM = 20
SECONDS, ROUNDS = 6, 24
QUICK_SECONDS, QUICK_ROUNDS = 6, 3
SLOWED = 1.2
LEAST_ROUNDS = 3

Round = Callable[[], None]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("count", type=int)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    seconds, rounds = (QUICK_SECONDS, QUICK_ROUNDS) if asked.quick else (SECONDS, ROUNDS)
    one = KINDS[asked.kind](asked.count, seconds)
    one()  # converged, caches filled, allocations made
    percent, paces = [], [_pace_ms()]
    for _ in range(rounds):
        before = time.process_time()
        one()
        percent.append(100 * (time.process_time() - before) / seconds)
        paces.append(_pace_ms())
    # What making the sounds has left in the heap is none of the hearing's.
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    usual = SLOWED * min(paces)
    kept = [p for p, *around in zip(percent, paces, paces[1:], strict=False) if max(around) < usual]
    kept = kept if len(kept) >= LEAST_ROUNDS else percent
    found = {
        "percent": round(statistics.median(kept), 3),
        "rounds": [round(value, 3) for value in kept],
        "left_out": len(percent) - len(kept),
        "pace_ms": round(min(paces), 2),
        "seconds": seconds,
        "resident_mb": round(resident_megabytes(os.getpid()), 1),
    }
    print(json.dumps(found))


def _pace_ms() -> float:
    """The fixed piece of arithmetic: as small arrays and as many calls as the canceller's."""
    signal = np.random.default_rng(0).standard_normal((1, 640)).astype(np.float32)
    before = time.process_time()
    for _ in range(600):
        np.fft.irfft(np.fft.rfft(signal))
    return 1000 * (time.process_time() - before)


def _reply(seconds: int) -> tuple[Samples, Samples]:
    """What is played, and what one microphone hears of it; both at 16 kHz."""
    played = scenes.replies(seconds, seed=21)
    return played, scenes.microphone(scenes.rooms()["linear"].echo(played))


def _idle(wake: WakeSettings, seconds: int) -> Round:
    ear = BenchEar(Settings(wake=wake))
    near = scenes.microphone(np.zeros(seconds * RATE_HZ))
    return lambda: _exhaust(ear, near, None)


def _replying(audio: AudioSettings, seconds: int) -> Round:
    """All microphones hear the same, a little later each."""
    ear = BenchEar(Settings(audio=replace(audio, playback_rate_hz=PLAYBACK_HZ)))
    ear.hearing.guard(True)
    played, near = _reply(seconds)
    frames = np.stack([np.roll(near, 3 * n) for n in range(audio.capture_channels)], axis=1)
    loud = resample(played, RATE_HZ, PLAYBACK_HZ)
    return lambda: _exhaust(ear, frames, loud)


def _exhaust(ear: BenchEar, near: Samples, played: Samples | None) -> None:
    deque(ear.hear(near, played), maxlen=0)


def _array(count: int) -> AudioSettings:
    """With a beam every microphone is cancelled, which is the most that an array can cost."""
    if count == 1:
        return AudioSettings()
    line = f"line {count} x {SPACING_MM} mm"
    return AudioSettings(capture_channels=count, microphone_geometry=line, beam_azimuth_deg=90)


def _words(count: int, seconds: int) -> Round:
    """A model loaded under another name costs as any other."""
    models = find_wake_models(PRETRAINED)
    again = [replace(model, word=f"{model.word}_again") for model in models]
    engine = LitertWake([*models, *again][:count])
    sound = np.random.default_rng(3).standard_normal(seconds * RATE_HZ) * 500
    samples = sound.astype(np.int16)

    def run() -> None:
        for start in range(0, len(samples) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES):
            engine.score(samples[start : start + CHUNK_SAMPLES])

    return run


KINDS: dict[str, Callable[[int, int], Round]] = {
    "idle": lambda _count, seconds: _idle(WakeSettings(), seconds),
    "confirmed": lambda _count, seconds: _idle(WakeSettings(confirm=True), seconds),
    "reply": lambda _count, seconds: _replying(AudioSettings(), seconds),
    "channels": lambda count, seconds: _replying(_array(count), seconds),
    "words": _words,
}

if __name__ == "__main__":
    main()
