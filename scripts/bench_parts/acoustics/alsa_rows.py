"""The whole appliance in the simulated room, talked over: does it agree with the other rows?

    .venv/bin/python -m scripts.bench_parts.acoustics.alsa_rows [--out FOLDER]

Three minutes over ALSA, echo 10 dB below the speaker: long replies, people who interrupt them,
people who only agree, and stretches in which nobody says anything. Judged from the recordings
of loudspeaker and service, which the appliance does not write. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import wave
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.audio.resample import resample  # noqa: E402
from device.ports import Samples  # noqa: E402
from device.simulator.measure import locate  # noqa: E402
from scripts.bench_parts.acoustics import corpus, overlap  # noqa: E402

ROOM_HZ = 48_000
DOWNLINK_HZ = 24_000
ECHO_DB = -10.0
ASK = "hey jarvis, what can you do"
EACH_S = 22.0
"""From one question to the next: the answer takes longer, if it is not cut."""
FIRST_S = 1.0
LEAD_S = 8.0
"""After the question, of which the answer has then sounded for some seconds."""
TAKEN_BACK_S = 1.4
"""So long after an interruption began the button takes back what was said: decided by then is
whether it cuts, and the service, which takes any words for one of its commands, must not act
on it. "Set the volume to zero" would leave nothing to measure."""

LATEST_S = 4.0
PRESS = 'button = "action"\n'
DUCKED_DB = 15.0
STEP_S = 0.005
FOUND_BY_S = 2.0
"""More than any pause in the answer."""

CAME_S = 3.0
"""So long before it sounds a reply may have come."""

LIKE = 0.8
"""How like each other what was sent and what sounded must be."""

Signal = NDArray[np.float64]


@dataclass(frozen=True)
class Said:
    """Something that is said over the reply."""

    kind: str  #: "interruption" or "acknowledgement"
    at_s: float
    onset_s: float  #: of the first sound in the recording
    name: str


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="keep the run here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="parlor-alsa-") as folder:
        home = options.out or Path(folder)
        home.mkdir(parents=True, exist_ok=True)
        print(json.dumps(run(home), indent=2))


def run(home: Path) -> dict[str, Any]:
    """One run of three minutes, judged."""
    speech = corpus.load()
    sentences = overlap.sentences(speech, "report")
    agreeing = overlap.acknowledgements("report")
    cues, said, at = [], [], FIRST_S
    for number in range(8):
        cues.append(f'[[cue]]\nat_s = {at}\nsay = "{ASK}"\n')
        if number == 0:  # a whole answer to an empty room
            at += 42.0
            continue
        for kind, sound, later in (
            ("acknowledgement", agreeing[5 * number % len(agreeing)], 0.0),
            ("interruption", sentences[3 * number % len(sentences)], 5.0),
        ):
            path = home / f"{kind}-{number}.wav"
            loud = 20 * np.log10(4000 / max(1.0, _rms(sound.samples)))
            _write(path, resample(sound.samples, corpus.RATE_HZ, ROOM_HZ))
            begins = at + LEAD_S + later
            cues.append(f'[[cue]]\nat_s = {begins}\nplay = "{path.name}"\ngain_db = {loud:.1f}\n')
            said.append(Said(kind, begins, sound.onset / corpus.RATE_HZ, sound.name))
            if kind == "interruption":
                cues.append(f"[[cue]]\nat_s = {begins + said[-1].onset_s + TAKEN_BACK_S}\n{PRESS}")
        at += EACH_S
    scenario = f"duration_s = {at}\n[room]\necho_gain_db = {ECHO_DB}\n" + "".join(cues)
    (home / "scenario.toml").write_text(scenario)
    command = [sys.executable, "-m", "device.cli.main", "simulate", str(home / "scenario.toml")]
    done = subprocess.run(
        [*command, "--out", str(home / "out"), "--quiet"],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the scenario failed:\n{done.stdout}{done.stderr}")
    lines = (home / "out" / "timeline.jsonl").read_text().splitlines()
    return judged([json.loads(line) for line in lines], said, home / "out")


def judged(timeline: list[dict[str, Any]], said: list[Said], out: Path) -> dict[str, Any]:
    """What the recordings show of everything that was said over a reply."""
    speaker, reply = _read(out / "speaker.wav"), _read(out / "downlink.wav")
    reply = resample(reply, DOWNLINK_HZ, ROOM_HZ)
    played = [line["t"] for line in timeline if line["event"] == "play"]
    found, ducked_ms, cut_ms, agreed_cut, over_reply = 0, [], [], 0, 0
    for what, began in zip(sorted(said, key=lambda s: s.at_s), played, strict=True):
        onset = began + what.onset_s
        if not _sounds(timeline, speaker, onset):
            continue
        over_reply += 1
        stop = next((t for t in _stops(timeline) if onset < t < onset + LATEST_S), None)
        if what.kind == "acknowledgement":
            agreed_cut += stop is not None
            continue
        found += stop is not None
        gains = gain_db(speaker, reply, onset, _began(timeline, onset))
        low = np.flatnonzero(gains <= -DUCKED_DB)
        if len(low):
            ducked_ms.append(1000 * STEP_S * float(low[0]))
        if stop is not None:
            cut_ms.append(1000 * (stop - onset))
    disturbed = [(s + p.onset_s - 0.5, s + 6.0) for s, p in zip(played, said, strict=True)]
    own = [
        t
        for t in _stops(timeline)
        if not any(a < t < b for a, b in disturbed) and not _asked(timeline, t)
    ]
    interruptions = sum(s.kind == "interruption" for s in said)
    return {
        "seconds": round(len(speaker) / ROOM_HZ, 1),
        "over_a_reply": over_reply,
        "interruptions": interruptions,
        "found": found,
        "acknowledgements": len(said) - interruptions,
        "acknowledgements_that_cut": agreed_cut,
        "self_interruptions": len(own),
        "onset_to_ducked_ms": _spread(ducked_ms),
        "onset_to_cut_ms": _spread(cut_ms),
    }


def _stops(timeline: list[dict[str, Any]]) -> list[float]:
    return [line["t"] for line in timeline if line["event"] == "barge_in"]


def _asked(timeline: list[dict[str, Any]], at: float) -> bool:
    """The question that follows interrupts as well."""
    return any(line["event"] == "say" and line["t"] < at < line["t"] + 3.0 for line in timeline)


def _sounds(timeline: list[dict[str, Any]], speaker: Signal, at: float) -> bool:
    """Whether a reply is being played, and can be heard."""
    before_at = speaker[max(0, round((at - FOUND_BY_S) * ROOM_HZ)) : round(at * ROOM_HZ)]
    if _rms(before_at) < 1.0:
        return False
    changes = [
        line for line in timeline if line["event"] in ("playback_started", "playback_stopped")
    ]
    before = [line["event"] for line in changes if line["t"] <= at]
    return bool(before) and before[-1] == "playback_started"


def _began(timeline: list[dict[str, Any]], at: float) -> float:
    """When the reply that sounds began to."""
    return max(
        line["t"] for line in timeline if line["event"] == "playback_started" and line["t"] <= at
    )


def gain_db(speaker: Signal, reply: Signal, onset: float, began: float) -> Signal:
    """How much louder or softer than sent the reply sounds, every 5 ms from ``onset`` on; not a
    number in its pauses, nothing where it is not found.

    ``reply`` is what was sent: every item whole, from the time at which it came, or later where
    those before it take that long. The place in it is found by what sounded since ``began`` or
    in the last two seconds.
    """
    at = round(onset * ROOM_HZ)
    before = speaker[max(at - round(FOUND_BY_S * ROOM_HZ), round(began * ROOM_HZ), 0) : at]
    first = max(0, round((began - CAME_S) * ROOM_HZ))
    found = locate(before.astype(np.float64), reply[first:].astype(np.float64), earliest=True)
    if found is None or found[1] < LIKE:
        return np.zeros(0)
    start = first + found[0] + len(before)
    loud = _rms(reply[start - len(before) : start])
    usual = _rms(before) / max(1e-9, loud)
    step = round(STEP_S * ROOM_HZ)
    gains = []
    for number in range(round(1.5 / STEP_S)):
        sent = reply[start + number * step : start + (number + 1) * step]
        heard = speaker[at + number * step : at + (number + 1) * step]
        if min(len(sent), len(heard)) < step or _rms(sent) < 0.1 * loud:
            gains.append(np.nan)
        else:
            gains.append(20 * np.log10(max(1e-6, _rms(heard) / (_rms(sent) * usual))))
    return np.array(gains)


def _rms(sound: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(sound.astype(np.float64))))) if len(sound) else 0.0


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {"n": 0}
    return {
        "n": len(values),
        "median": round(statistics.median(values), 1),
        "most": round(max(values), 1),
    }


def _read(path: Path) -> Samples:
    with wave.open(str(path)) as recording:
        raw = recording.readframes(recording.getnframes())
        return np.frombuffer(raw, "<i2").reshape(-1, recording.getnchannels())[:, 0]


def _write(path: Path, samples: Samples) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(ROOM_HZ)
        out.writeframes(samples.astype("<i2").tobytes())


if __name__ == "__main__":
    main()
