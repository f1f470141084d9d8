"""Measures the wake word over the device's own reply, with and without the echo canceller.

    .venv/bin/python scripts/bench_parts/echo.py

The shipped classes on audio, faster than real time: a long reply from the speaker, its
echo through a simulated room, and a person who says the wake word into it, 10 dB louder
than the echo (level while speaking against level while speaking, at the microphone).
Prints one JSON object; takes about three minutes. Real recordings are used where
``../shared/speech`` is there.
"""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from device.audio.echo import RATE_HZ, EchoCanceller  # noqa: E402
from device.audio.wake import CHUNK_SAMPLES, WakeGate  # noqa: E402
from device.audio.wakewords.litert import LitertWake  # noqa: E402
from device.audio.wakewords.models import find_wake_models  # noqa: E402
from device.ports import Samples  # noqa: E402
from device.simulator.room.acoustics import room_response  # noqa: E402
from device.simulator.scenario import Say  # noqa: E402
from device.simulator.speech import synthesise  # noqa: E402
from tests.hearing.clips import real_clips  # noqa: E402

SPEECH = REPO.parent / "shared" / "speech"
REPLY = (
    "I can tell the time and the date, set, list and cancel timers, change the volume, "
    "repeat what was said, tell how the device is doing, and stop when told to. "
    "Just say the word and go on talking."
)
PEOPLE = (
    *("en-us", "en", "en-us+m3", "en+m2", "en-us+m7", "en-gb-scotland", "en-us+m1"),
    *("en-gb-x-rp", "en-us+f2", "en-us+m4", "en+m5", "en-us+f3", "en-us+m6", "en+f2", "en-us+f4"),
)
REAL_CLIPS = 60
LEAD_S = 4.0  # of the reply, before the person speaks
ECHO_GAIN_DB = -12.0
ECHO_DELAY_MS = 33
LOUDER_DB = 10.0

Signal = NDArray[np.float64]


def main() -> None:
    reply = np.concatenate([spoken(REPLY, voice) for voice in ("en", "en-us")])
    words = {"hey_jarvis espeak": [spoken("hey jarvis", voice) for voice in PEOPLE]}
    if (SPEECH / "manifest.json").exists():
        manifest = json.loads((SPEECH / "manifest.json").read_text())
        chosen = [entry for entry in manifest if entry["cat"] == "wake_alexa"][:REAL_CLIPS]
        words["alexa real"] = [clip.samples for clip in real_clips(SPEECH, chosen)]
    engine = LitertWake(find_wake_models(["hey_jarvis", "alexa"]))
    result: dict[str, Any] = {
        name: {
            "off": recall(engine, name.split()[0], clips, reply, False),
            "wake": recall(engine, name.split()[0], clips, reply, True),
        }
        for name, clips in words.items()
    }
    result["echo_removed_db"] = removed(reply)
    result["cpu_percent_in_reply"] = cpu_percent(reply)
    print(json.dumps(result, indent=2))


def recall(
    engine: LitertWake, word: str, clips: list[Samples], reply: Samples, cancel: bool
) -> dict[str, Any]:
    """How many of ``clips`` are found, with its 95 % interval. A canceller that is new
    for each, so that all it knows of the room it has learnt in the four seconds before."""
    random = np.random.default_rng(1)
    way = response()
    echo_db = loud_db(np.convolve(reply.astype(np.float64), way))
    lead = round(LEAD_S * RATE_HZ)
    found = 0
    for clip in clips:
        count = (lead + len(clip) + RATE_HZ) // CHUNK_SAMPLES * CHUNK_SAMPLES
        start = int(random.integers(0, len(reply) - count))
        far = reply[start : start + count]
        heard = np.convolve(far.astype(np.float64), way)[:count]
        gain = 10 ** ((echo_db + LOUDER_DB - loud_db(clip.astype(np.float64))) / 20)
        said = (clip * gain)[: count - lead]
        heard[lead : lead + len(said)] += said
        near = to_int16(heard + random.standard_normal(count) * 5)
        if cancel:
            near = EchoCanceller().process(near, far)
        found += word in wakes(engine, near, lead)
    low, high = wilson(found, len(clips))
    rate = round(found / len(clips), 3)
    return {"found": found, "n": len(clips), "rate": rate, "low": low, "high": high}


def wakes(engine: LitertWake, heard: Samples, after: int) -> set[str]:
    """The words that were detected after sample ``after``."""
    engine.reset()
    gate = WakeGate(RATE_HZ)
    found = set()
    for start in range(0, len(heard), CHUNK_SAMPLES):
        scores = engine.score(heard[start : start + CHUNK_SAMPLES])
        for wake in gate.update(scores, start + CHUNK_SAMPLES):
            if wake.at_frame > after:
                found.add(wake.word)
    return found


def removed(reply: Samples) -> dict[str, float]:
    """How much of the echo is gone in each second of a reply, in dB."""
    count = 6 * RATE_HZ // CHUNK_SAMPLES * CHUNK_SAMPLES
    far = reply[:count]
    echo = np.convolve(far.astype(np.float64), response())[:count]
    noise = np.random.default_rng(2).standard_normal(count) * 5
    left = EchoCanceller().process(to_int16(echo + noise), far) - noise
    seconds = [slice(at, at + RATE_HZ) for at in range(0, 5 * RATE_HZ, RATE_HZ)]
    return {
        f"second {number + 1}": round(
            float(10 * np.log10(np.mean(echo[part] ** 2) / np.mean(left[part] ** 2))), 1
        )
        for number, part in enumerate(seconds)
    }


def cpu_percent(reply: Samples) -> float:
    """Of one core, while a reply plays; the best of five."""
    canceller = EchoCanceller()
    count = 8 * RATE_HZ
    best = math.inf
    for _ in range(5):
        before = time.process_time()
        for start in range(0, count, CHUNK_SAMPLES):
            part = reply[start : start + CHUNK_SAMPLES]
            canceller.process(part, part)
        best = min(best, time.process_time() - before)
    return round(100 * best / 8, 2)


def response() -> Signal:
    """From the speaker to the microphone."""
    way = room_response(RATE_HZ, 1, ECHO_GAIN_DB, reverb_ms=120, seed=3)[0]
    return np.concatenate([np.zeros(ECHO_DELAY_MS * RATE_HZ // 1000), way])


def loud_db(sound: Signal) -> float:
    """Level while there is speech: of the 20 ms less than 20 dB below the loudest."""
    step = RATE_HZ // 50
    power = (sound[: len(sound) // step * step].reshape(-1, step) ** 2).mean(axis=1)
    return float(10 * np.log10(power[power > power.max() / 100].mean()))


def wilson(found: int, count: int, z: float = 1.96) -> tuple[float, float]:
    """The score interval of a proportion."""
    rate, spread = found / count, z * z / count
    middle = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(rate * (1 - rate) / count + spread / (4 * count))
    return round(middle - half, 3), round(middle + half, 3)


def to_int16(sound: Signal) -> Samples:
    whole: Samples = np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
    return whole


def spoken(text: str, voice: str) -> Samples:
    """What espeak-ng says, mono int16."""
    [samples] = synthesise([Say(text, voice=voice)], RATE_HZ)
    if isinstance(samples, str):
        raise RuntimeError(samples)
    return samples


if __name__ == "__main__":
    main()
