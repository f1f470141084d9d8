"""Measures what stands between the microphones and the models: gain, cleaning, channel, beam.

    .venv/bin/python scripts/bench_parts/acoustics/array_rows.py [--tune] [--clips N] [PART ...]

Parts: level cleaned array direction health (all). Prints one JSON object; every share comes
with n and its 95 % interval. Reports on the second half of the recordings; ``--tune`` uses
the first. The array is simulated (4 microphones on a circle of 45 mm, 2 m, RT60 0.35 s,
diffuse noise): no recordings of arrays are there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.audio.array.beam import FixedBeam  # noqa: E402
from device.audio.array.direction import DirectionFinder  # noqa: E402
from device.audio.array.geometry import parse_geometry  # noqa: E402
from device.audio.cleaner import Cleaner, Cleaning  # noqa: E402
from device.audio.levels import SlowGain  # noqa: E402
from device.audio.microphones.health import MicHealth  # noqa: E402
from device.audio.vad import SileroVad  # noqa: E402
from device.audio.wake import CHUNK_SAMPLES  # noqa: E402
from device.audio.wakewords.litert import LitertWake  # noqa: E402
from device.audio.wakewords.models import find_wake_models  # noqa: E402
from device.ports import Samples  # noqa: E402
from scripts.bench_parts.acoustics import stats  # noqa: E402
from scripts.bench_parts.acoustics.corpus import RATE_HZ, Corpus, load  # noqa: E402
from tests.array import rooms  # noqa: E402

WORD, THRESHOLD = "alexa", 0.5
LEAD_S, REST_S = 2.0, 0.6
LEARNING_S = 25.0  #: of the same person, before a slow gain is judged
CIRCLE = parse_geometry("circle 4 x 45 mm")
RT60_S = 0.35
AZIMUTHS_DEG = (0, 40, 100, 160, 220, 280, 330)

Treatment = Callable[[Samples], Samples]


class Ears:
    """Wake word and VAD, as they ship."""

    def __init__(self) -> None:
        self._wake, self._vad = LitertWake(find_wake_models([WORD])), SileroVad()

    def wakes(self, sound: Samples) -> bool:
        self._wake.reset()
        return any(
            self._wake.score(sound[at : at + CHUNK_SAMPLES])[WORD] >= THRESHOLD
            for at in range(0, len(sound) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
        )

    def speech(self, sound: Samples) -> np.ndarray:
        return stats.speech_frames(stats.vad_probabilities(sound, self._vad))


class Tally:
    """Words found, and VAD frames against those of the clean recording."""

    def __init__(self, ears: Ears) -> None:
        self._ears = ears
        self.found = self.count = self.kept = self.spoken = self.false = self.silent = 0

    def hear(self, sound: Samples, clean: Samples) -> None:
        self.count += 1
        self.found += self._ears.wakes(sound)
        is_speech, said = self._ears.speech(clean), self._ears.speech(sound)
        self.kept += int((said & is_speech).sum())
        self.spoken += int(is_speech.sum())
        self.false += int((said & ~is_speech).sum())
        self.silent += int((~is_speech).sum())

    def as_dict(self) -> dict[str, Any]:
        return {
            "wake": stats.Proportion.of(self.found, self.count).as_dict(),
            "vad_kept": round(self.kept / max(self.spoken, 1), 4),
            "vad_false": round(self.false / max(self.silent, 1), 4),
            "vad_frames": self.spoken,
        }


def int16(sound: np.ndarray) -> Samples:
    return np.clip(np.rint(sound), -32768, 32767).astype(np.int16)


def placed(clip: Samples) -> np.ndarray:
    """The clip after ``LEAD_S`` of silence; whole wake chunks."""
    length = round((LEAD_S + REST_S) * RATE_HZ) + len(clip)
    length += -length % CHUNK_SAMPLES
    sound = np.zeros(length)
    start = round(LEAD_S * RATE_HZ)
    sound[start : start + len(clip)] = clip
    return sound


def level(ears: Ears, clips: Sequence[Samples]) -> dict[str, Any]:
    """Quiet microphones: recordings 0 to 40 dB quieter, with 1.2 LSB of the converter's noise."""
    rows = {}
    for lower_db in (0, 20, 30, 40):
        tallies = {"as it is": Tally(ears), "slow gain": Tally(ears)}
        for number, clip in enumerate(clips):
            random = np.random.default_rng(number)
            quiet = 10 ** (-lower_db / 20)
            clean = placed(clip)
            sound = int16(clean * quiet + random.normal(0, 1.2, len(clean)))
            tallies["as it is"].hear(sound, int16(clean))
            gain = SlowGain(RATE_HZ)
            before = np.tile(clean, int(LEARNING_S * RATE_HZ / len(clean)) + 1) * quiet
            in_pieces(gain.apply, int16(before + random.normal(0, 1.2, len(before))))
            tallies["slow gain"].hear(in_pieces(gain.apply, sound), int16(clean))
        rows[f"-{lower_db} dB"] = {name: tally.as_dict() for name, tally in tallies.items()}
    return rows


def in_pieces(treat: Treatment, sound: Samples) -> Samples:
    return np.concatenate(
        [treat(sound[at : at + CHUNK_SAMPLES]) for at in range(0, len(sound), CHUNK_SAMPLES)]
    )


def cleaned(ears: Ears, clips: Sequence[Samples], corpus: Corpus) -> dict[str, Any]:
    """Recordings in the corpus's noise, through the cleaner and without it."""
    noises = [clip.samples.astype(np.float64) for clip in corpus.half("noise", "both")]
    noises = noises or [rooms.diffuse_noise(CIRCLE, 10.0, 1)[:, 0] * 1000]
    ways: dict[str, Cleaning | None] = {
        "nothing": None,
        "noise suppression": Cleaning(gain_control=False),
        "gain control": Cleaning(noise_suppression=False),
        "both": Cleaning(),
    }
    rows = {}
    for snr_db in (5, 0):
        tallies = {name: Tally(ears) for name in ways}
        for number, clip in enumerate(clips):
            clean = placed(clip)
            noise = np.resize(noises[number % len(noises)], len(clean))
            ratio_db = stats.active_level_db(clip) - snr_db - stats.active_level_db(noise)
            sound = int16(clean + noise * 10 ** (ratio_db / 20))
            for name, way in ways.items():
                heard = Cleaner(way).clean(sound) if way is not None else sound
                tallies[name].hear(heard, int16(clean))
        rows[f"{snr_db} dB"] = {name: tally.as_dict() for name, tally in tallies.items()}
    return rows


def array(ears: Ears, clips: Sequence[Samples]) -> dict[str, Any]:
    """One channel, the best channel by oracle, and a beam that knows the direction."""
    responses = {way: rooms.responses(CIRCLE, way, rt60_s=RT60_S) for way in AZIMUTHS_DEG}
    beams = {way: FixedBeam(CIRCLE, way, RATE_HZ) for way in AZIMUTHS_DEG}
    wrong = {way: FixedBeam(CIRCLE, way + 90, RATE_HZ) for way in AZIMUTHS_DEG}
    noise = rooms.diffuse_noise(CIRCLE, 12.0, 1)
    rows = {}
    for snr_db in (5, 0, -5):
        names = ("one channel", "any of the four", "beam", "beam 90 degrees off")
        found = dict.fromkeys(names, 0)
        gains: list[float] = []
        for number, clip in enumerate(clips):
            way = AZIMUTHS_DEG[number % len(AZIMUTHS_DEG)]
            voice = rooms.heard(placed(clip), responses[way])
            rest = np.resize(noise, voice.shape)
            ratio_db = stats.active_level_db(voice[:, 0]) - snr_db - stats.level_db(rest[:, 0])
            rest = rest * 10 ** (ratio_db / 20)
            scale = 3000 / np.sqrt((rest**2).mean()) if snr_db < 0 else 1e3 / voice.std()
            frames = int16((voice + rest) * scale)
            each = [ears.wakes(np.ascontiguousarray(frames[:, n])) for n in range(4)]
            found["one channel"] += each[0]
            found["any of the four"] += any(each)
            for name, set_ in (("beam", beams), ("beam 90 degrees off", wrong)):
                set_[way].reset()
                found[name] += ears.wakes(set_[way].steer(frames))
            gains.append(_snr_gain_db(beams[way], voice * scale, rest * scale))
        rows[f"{snr_db} dB"] = {
            **{name: stats.Proportion.of(found[name], len(clips)).as_dict() for name in names},
            "beam_gain_db": stats.percentiles(gains, 10, 50, 90),
        }
    return rows


def _snr_gain_db(beam: FixedBeam, voice: np.ndarray, noise: np.ndarray) -> float:
    parts = []
    for sound in (voice, noise):
        beam.reset()
        through, single = beam.steer(int16(sound)), int16(sound[:, 0])
        parts.append(stats.level_db(through) - stats.level_db(single))
    return parts[0] - parts[1]


def direction(clips: Sequence[Samples]) -> dict[str, Any]:
    """Errors in degrees, and how often nothing was said, for one word each."""
    finder, rows = DirectionFinder(CIRCLE, RATE_HZ), {}
    noise = rooms.diffuse_noise(CIRCLE, 8.0, 2)
    for rt60_s in (0.0, 0.2, RT60_S):
        responses = {way: rooms.responses(CIRCLE, way, rt60_s=rt60_s) for way in AZIMUTHS_DEG}
        for snr_db in (20, 5):
            errors, unknown = [], 0
            for number, clip in enumerate(clips):
                way = AZIMUTHS_DEG[number % len(AZIMUTHS_DEG)]
                voice = rooms.heard(clip.astype(np.float64), responses[way])
                rest = np.resize(noise, voice.shape)
                ratio_db = stats.active_level_db(voice[:, 0]) - snr_db - stats.level_db(rest[:, 0])
                sound = voice + rest * 10 ** (ratio_db / 20)
                found = finder.find(int16(sound * 1e3 / sound.std()))
                if found is None:
                    unknown += 1
                else:
                    errors.append(abs((found.azimuth_deg - way + 180) % 360 - 180))
            rows[f"RT60 {rt60_s} s, {snr_db} dB"] = {
                "error_deg": stats.percentiles(errors, 50, 90),
                "within_10_deg": stats.Proportion.of(
                    sum(error <= 10 for error in errors), len(errors)
                ).as_dict(),
                "unknown": stats.Proportion.of(unknown, len(clips)).as_dict(),
            }
    return rows


def health(corpus: Corpus) -> dict[str, Any]:
    """False alarms over every recording, each by itself; CPU for 1 and 4 channels."""
    seconds = alarms = count = 0.0
    for clips in corpus.clips.values():
        for clip in clips:
            watch = MicHealth(RATE_HZ, [0])
            alarms += len(watch.hear(0, clip.samples[:, None]))
            seconds += len(clip.samples) / RATE_HZ
            count += 1
    sound = np.concatenate([c.samples for clips in corpus.clips.values() for c in clips])
    cpu = {}
    for channels in (1, 2, 4, 8):
        frames = np.repeat(sound[: 120 * RATE_HZ, None], channels, axis=1)
        watch = MicHealth(RATE_HZ, range(channels))
        began = time.process_time()
        for at in range(0, len(frames), CHUNK_SAMPLES):
            watch.hear(at, frames[at : at + CHUNK_SAMPLES])
        cpu[str(channels)] = round(100 * (time.process_time() - began) * RATE_HZ / len(frames), 3)
    return {
        "recordings": count,
        "seconds": round(seconds, 1),
        "false_alarms": alarms,
        "upper_95_per_hour": round(3600 * stats.poisson_upper(int(alarms)) / seconds, 2),
        "cpu_percent_by_channels": cpu,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--tune", action="store_true", help="the half for choosing settings")
    parser.add_argument("--clips", type=int, default=60, help="recordings of the wake word")
    options = parser.parse_args()
    corpus, ears = load(), Ears()
    half = corpus.half("wake_alexa", "tune" if options.tune else "report")[: options.clips]
    words = [clip.samples for clip in half]
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "level": partial(level, ears, words),
        "cleaned": partial(cleaned, ears, words, corpus),
        "array": partial(array, ears, words),
        "direction": partial(direction, words),
        "health": partial(health, corpus),
    }
    chosen = options.parts or list(parts)
    result: dict[str, Any] = {"generated_voices": corpus.generated, "word": WORD}
    for name in chosen:
        result[name] = parts[name]()
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
