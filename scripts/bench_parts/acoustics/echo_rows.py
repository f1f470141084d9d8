"""Rows 1 to 4 of the acoustic table: what the echo stage leaves of the device's own voice, and
of people who speak over it.

    .venv/bin/python scripts/bench_parts/acoustics/echo_rows.py [--quick] [--only ROW ...]
        [--minutes M] [--half tune|report]

Prints one JSON object. ``--quick`` takes 3 minutes of replies in place of 30 and a third of
the recordings.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.audio.cancelling.facts import LEVEL_SAMPLES  # noqa: E402
from device.audio.cancelling.far_end import FarEnd, FarEndReports, Played  # noqa: E402
from device.audio.cancelling.stage import START_BLOCKS, EchoStage  # noqa: E402
from device.audio.echo import BLOCK_SAMPLES  # noqa: E402
from device.audio.wake import CHUNK_SAMPLES, WakeGate  # noqa: E402
from device.audio.wakewords.litert import LitertWake  # noqa: E402
from device.audio.wakewords.models import find_wake_models  # noqa: E402
from device.core.bargein import Act  # noqa: E402
from device.ports import Samples  # noqa: E402
from scripts.bench_parts.acoustics import scenes  # noqa: E402
from scripts.bench_parts.acoustics.corpus import (  # noqa: E402
    RATE_HZ,
    VOICES,
    Corpus,
    Half,
    by_name,
    load,
    spoken,
)
from scripts.bench_parts.acoustics.overlap_run import heard as near_end_of  # noqa: E402
from scripts.bench_parts.acoustics.overlap_run import verdicts  # noqa: E402
from scripts.bench_parts.acoustics.staged import Staged, staged  # noqa: E402
from scripts.bench_parts.acoustics.stats import (  # noqa: E402
    Proportion,
    active_level_db,
    level_db,
    poisson_upper,
    speech_frames,
    vad_events,
    vad_probabilities,
)

GRACE_S = 5.0
LEAD_S = 8.0
PAUSE_S = 1.0
SOUNDS_DB = -60.0
VAD_SAMPLES = 512
ROWS = ("replies", "wake", "self_wake", "double_talk", "real", "cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", choices=ROWS, default=ROWS)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--half", choices=("tune", "report"), default="report")
    asked = parser.parse_args()
    corpus = load(["speech", "wake_alexa", "aec_real"])
    engine = LitertWake(find_wake_models(["alexa"]))
    minutes = asked.minutes or (3.0 if asked.quick else 30.0)
    clips = 20 if asked.quick else None
    rows: dict[str, Any] = {"synthetic_voices_only": corpus.generated}
    if "replies" in asked.only:
        rows["replies"] = own_replies(corpus, engine, minutes)
    if "wake" in asked.only:
        rows["wake"] = wake_over_replies(corpus, engine, asked.half, clips)
    if "self_wake" in asked.only:
        rows["self_wake"] = says_the_word(engine)
    if "double_talk" in asked.only:
        rows["double_talk"] = double_talk(corpus, asked.half)
    if "real" in asked.only and not corpus.generated:
        rows["real"] = real_device(corpus)
    if "cpu" in asked.only:
        rows["cpu_percent"] = {str(n): cpu(corpus, n) for n in (1, 2, 4, 8)}
    print(json.dumps(rows, indent=2))


def own_replies(corpus: Corpus, engine: LitertWake, minutes: float) -> dict[str, Any]:
    """Self-interruptions (what the shipped policy would cut), VAD events and self-wakes while only
    the device speaks: within the first 5 s (and the 5 s after the path has moved), and after."""
    played = scenes.replies(minutes * 60, corpus)
    found = {}
    for name, room in scenes.rooms().items():
        result = staged(played, scenes.microphone(room.echo(played)), mic_ppb=room.mic_ppb)
        begins = [0.0, *([minutes * 30] if room.moved is not None else [])]
        events = [at for at, _ in vad_events(vad_probabilities(result.out))]
        woken = wakes(engine, result.wake)
        early, woken_early = (
            sum(any(begin <= at < begin + GRACE_S for begin in begins) for at in those)
            for those in (events, woken)
        )
        late = len(events) - early
        acts = verdicts(near_end_of(result.stream), "normal")
        cuts = [at for at, act in acts if act is Act.CUT]
        found[name] = {
            "minutes": minutes,
            "cuts_early": sum(any(b <= at < b + GRACE_S for b in begins) for at in cuts),
            "cuts": len(cuts),
            "ducks_a_minute": round([act for _, act in acts].count(Act.DUCK) / minutes, 2),
            "vad_events_early": early,
            "vad_events_after": late,
            "after_upper_95": poisson_upper(late),
            "at_s": [round(at, 1) for at in events][:20],
            "self_wakes_early": woken_early,
            "self_wakes_after": len(woken) - woken_early,
            "linear_erle_db": erle_db(result),
            "skew_ppm": result.facts[-1].skew_ppm,
            "converged_part": round(float(np.mean([f.converged for f in result.facts])), 3),
        }
    return found


def wake_over_replies(
    corpus: Corpus, engine: LitertWake, half: Half, most: int | None
) -> dict[str, Any]:
    """ "alexa", said over one long reply by person after person, a second between them."""
    clips = [clip.samples for clip in corpus.half("wake_alexa", half)][:most]
    spans, at = [], LEAD_S
    for clip in clips:
        spans.append((at, at + len(clip) / RATE_HZ + 0.5))
        at += len(clip) / RATE_HZ + PAUSE_S
    played = scenes.replies(at + 1, corpus, seed=11)
    quiet = np.zeros(len(played))
    found: dict[str, Any] = {}
    for name, ser_db in (("linear", 0), ("linear", -5), ("linear", -10), ("clipping", 0)):
        echo = scenes.rooms()[name].echo(played)
        loud_db = active_level_db(echo)
        both, alone = echo, quiet
        for (begin, _), clip in zip(spans, clips, strict=True):
            both = scenes.with_person(both, clip, begin, ser_db, loud_db)
            alone = scenes.with_person(alone, clip, begin, ser_db, loud_db)
        result = staged(played, scenes.microphone(both))
        counts = {
            "found": hits(engine, result.wake, spans),
            "on_vad_stream": hits(engine, result.out, spans),
            "untreated": hits(engine, scenes.microphone(both), spans),
            "in_quiet": hits(engine, scenes.microphone(alone), spans),
        }
        found[f"{name} {ser_db} dB"] = {
            key: Proportion.of(count, len(spans)).as_dict() for key, count in counts.items()
        }
    return found


def says_the_word(engine: LitertWake) -> dict[str, Any]:
    """The device itself says "alexa", 28 times in 14 synthetic ways, alone and in a sentence."""
    said = [
        spoken(text, voice, speed)
        for voice in VOICES
        for speed in (150, 185)
        for text in ("alexa", "you can say alexa to wake me")
    ]
    said = [np.rint(s * (scenes.PEAK / max(1, np.abs(s).max()))).astype(np.int16) for s in said]
    lead = scenes.replies(LEAD_S, seed=3)
    played = np.concatenate([lead, scenes.joined(said, PAUSE_S)])
    found = {}
    for name, room in scenes.rooms().items():
        heard = scenes.microphone(room.echo(played))
        result = staged(played, heard, mic_ppb=room.mic_ppb)
        found[name] = {
            "said": len(said),
            "self_wakes": len(wakes(engine, result.wake)),
            "untreated": len(wakes(engine, heard)),
        }
    return found


def double_talk(corpus: Corpus, half: Half) -> dict[str, Any]:
    """People speak at −10 dB over a reply: of the 32 ms that are speech without the device,
    how many still are with it."""
    clips = [clip.samples for clip in corpus.half("speech", half)]
    seconds = LEAD_S + sum(len(clip) / RATE_HZ + PAUSE_S for clip in clips)
    played = scenes.replies(seconds, corpus, seed=12)
    found = {}
    for name in ("linear", "clipping"):
        echo = scenes.rooms()[name].echo(played)
        loud_db, near, at = active_level_db(echo), np.zeros(len(played)), LEAD_S
        for clip in clips:
            near = scenes.with_person(near, clip, at, -10.0, loud_db)
            at += len(clip) / RATE_HZ + PAUSE_S
        alone = scenes.microphone(near)
        result = staged(played, scenes.microphone(near + echo))
        count = len(result.out)
        quiet = speech_frames(vad_probabilities(alone[:count]))
        heard = speech_frames(vad_probabilities(result.out))
        speech = np.repeat(quiet, 512)
        level = level_db(result.out[: len(speech)][speech]) - level_db(alone[: len(speech)][speech])
        both, total = int((quiet & heard).sum()), int(quiet.sum())
        found[name] = {
            "kept": Proportion.of(both, total).as_dict(),
            "flagged_of_quiet": round(float(heard.sum() / total), 3),
            "level_change_db": round(level, 2),
        }
    return found


def real_device(corpus: Corpus) -> dict[str, Any]:
    """A recording of a device's loudspeaker signal and of its own microphone. With the first
    1.5 s of sound after the start, in which the output is turned down, and without them."""
    played = by_name(corpus, "aec_real", "farend_singletalk_lpb").samples
    heard = by_name(corpus, "aec_real", "farend_singletalk_mic").samples
    count = min(len(played), len(heard))
    result = staged(played[:count], heard[:count])
    far = slice(RATE_HZ, len(result.out))
    before, after = vad_probabilities(heard[:count]), vad_probabilities(result.out)
    sounding = np.flatnonzero(result.levels[:, 0] > SOUNDS_DB)
    first = int(sounding[START_BLOCKS * BLOCK_SAMPLES // LEVEL_SAMPLES]) + 1
    started = first * LEVEL_SAMPLES
    rest = slice(started, len(result.out))
    left = after[started // VAD_SAMPLES + 1 :]
    return {
        "seconds": round(count / RATE_HZ, 1),
        "level_drop_db": round(level_db(heard[far]) - level_db(result.out[far]), 1),
        "level_drop_whole_db": round(level_db(heard[:count]) - level_db(result.out), 1),
        "vad_frames_before": Proportion.of(int((before >= 0.5).sum()), len(before)).as_dict(),
        "vad_frames_after": Proportion.of(int((after >= 0.5).sum()), len(after)).as_dict(),
        "started_at_s": round(started / RATE_HZ, 2),
        "level_drop_started_db": round(level_db(heard[rest]) - level_db(result.out[rest]), 1),
        "vad_frames_started": Proportion.of(int((left >= 0.5).sum()), len(left)).as_dict(),
        "facts": [(f.converged, f.delay_ms, f.skew_ppm, f.erle_db) for f in result.facts],
    }


def cpu(corpus: Corpus, channels: int) -> dict[str, float]:
    """Percent of one core, while a reply plays and while nothing does; the best of three."""
    seconds = 6
    played = scenes.replies(seconds + 1, corpus)[: seconds * RATE_HZ]
    heard = scenes.microphone(scenes.rooms()["linear"].echo(played))
    near = np.repeat(heard[:, None], channels, axis=1)
    best = {"active": np.inf, "idle": np.inf}
    for kind, sound in (("active", played), ("idle", None)):
        for _ in range(3):
            reports = FarEndReports()
            stage = EchoStage(FarEnd(RATE_HZ, 1), reports, rate_hz=RATE_HZ, channels=channels)
            spent = 0.0
            for at in range(0, len(near), 320):
                if sound is not None:
                    block = sound[at : at + 320]
                    reports.put(Played(1, at + 320, at / RATE_HZ + 0.04, block.tobytes()))
                stage.observe(at + 320, (at + 320) / RATE_HZ)
                before = time.process_time()
                stage.process(near[at : at + 320], at)
                spent += time.process_time() - before
            best[kind] = min(best[kind], 100 * spent / seconds)
    return {kind: round(value, 2) for kind, value in best.items()}


def wakes(engine: LitertWake, heard: Samples) -> list[float]:
    """When the shipped engine and gate wake, in seconds."""
    engine.reset()
    gate = WakeGate(RATE_HZ)
    return [
        wake.at_frame / RATE_HZ
        for start in range(0, len(heard) - CHUNK_SAMPLES + 1, CHUNK_SAMPLES)
        for wake in gate.update(
            engine.score(heard[start : start + CHUNK_SAMPLES]), start + CHUNK_SAMPLES
        )
    ]


def hits(engine: LitertWake, heard: Samples, spans: list[tuple[float, float]]) -> int:
    found = wakes(engine, heard)
    return sum(any(begin <= at <= end for at in found) for begin, end in spans)


def erle_db(result: Staged) -> float:
    """How much of the echo the linear canceller alone removes, after the first 10 s."""
    power = 10 ** (result.levels[1000:, 1:3].astype(np.float64) / 10)
    return round(float(10 * np.log10(power[:, 0].mean() / power[:, 1].mean())), 1)


if __name__ == "__main__":
    main()
