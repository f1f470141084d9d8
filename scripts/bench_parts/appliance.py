"""Measures the whole appliance in the simulated room, from evidence it does not write.

    .venv/bin/python scripts/bench_parts/appliance.py

Prints one JSON object; takes about eight minutes. Nothing else should run.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

REPO = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPO))

from device.audio.echo import EchoCanceller  # noqa: E402
from device.audio.format import frames_in  # noqa: E402
from device.audio.wake import CHUNK_SAMPLES, WakeGate, warm_up_noise  # noqa: E402
from device.audio.wakewords.litert import LitertWake  # noqa: E402
from device.audio.wakewords.models import find_wake_models  # noqa: E402
from device.ports import Samples  # noqa: E402
from device.simulator.room import Room  # noqa: E402
from device.simulator.room.acoustics import room_response  # noqa: E402
from device.simulator.scenario import Say  # noqa: E402
from device.simulator.speech import synthesise  # noqa: E402

RATE_HZ = 48_000
VOICES = ("en-us", "en", "en-us+m3", "en+m2", "en-us+m7", "en-gb-scotland", "en-us+m1")
#: A turn each; the third has a pause of 500 ms inside its sentence.
QUESTIONS = (
    "what time is it",
    "what is the date today",
    None,
    "turn the volume down",
    "how long is left on my timer",
    "cancel the timer",
    "are you there",
    "what day is it",
)
#: From one long reply that is talked over to the next.
SPACING_S = 17.0
PAUSED = ("hey jarvis, set a timer for", 0.5, "two minutes")


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="parlor-bench-") as folder:
        home = Path(folder)
        result = {
            "idle": idle(home),
            "conversation": conversation(home / "conversation"),
            "jitter": jitter(home / "jitter"),
            "wake_over_reply": wake_over_reply(home / "wake"),
            "self_wakes": self_wakes(),
        }
    print(json.dumps(result, indent=2))


# --- start, memory, idle CPU --------------------------------------------------------


def idle(home: Path, starts: int = 5, seconds: float = 30.0) -> dict[str, Any]:
    """Start to READY (told on a notify socket), resident memory, CPU while listening."""
    with Room(rate_hz=RATE_HZ, directory=home / "room") as room:
        config = home / "idle.toml"
        config.write_text(
            '[audio]\ncapture = "room_mic"\nplayback = "room_speaker"\n'
            f"capture_rate_hz = {RATE_HZ}\nplayback_rate_hz = {RATE_HZ}\n"
        )
        ready_s = []
        for number in range(starts):
            process, took = _start(config, room, home / f"notify-{number}")
            ready_s.append(took)
            if number == starts - 1:
                time.sleep(3.0)
                before, at = _cpu_s(process.pid), time.monotonic()
                time.sleep(seconds)
                cpu = (_cpu_s(process.pid) - before) / (time.monotonic() - at)
                memory = _resident_mb(process.pid)
                children = [_resident_mb(pid) for pid in _children(process.pid)]
            process.send_signal(signal.SIGTERM)
            process.wait(10)
    bare = _bare_wake_cpu()
    return {
        "ready_s": statistics.median(ready_s),
        "resident_mb": memory,
        "service_resident_mb": sum(children),
        "cpu_percent": 100 * cpu,
        "bare_wake_cpu_percent": 100 * bare,
        "ratio": cpu / bare,
    }


def _start(config: Path, room: Room, notify: Path) -> tuple[subprocess.Popen[bytes], float]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(notify))
    listener.settimeout(30)
    environment = {**os.environ, **room.environment(), "NOTIFY_SOCKET": str(notify)}
    command = [sys.executable, "-m", "device.cli.main", "run", "--config", str(config)]
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment, cwd=REPO, stderr=subprocess.DEVNULL)
    while b"READY=1" not in listener.recv(4096):
        pass
    took = time.monotonic() - began
    listener.close()
    return process, took


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _children(pid: int) -> list[int]:
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _bare_wake_cpu(seconds: float = 20.0) -> float:
    """CPU of the wake-word runner alone, a chunk every 80 ms as in life, in this process."""
    engine = LitertWake(find_wake_models(["hey_jarvis"]))
    noise = warm_up_noise()[:CHUNK_SAMPLES]
    chunks = int(seconds / 0.08)
    before = time.process_time()
    due = time.monotonic()
    for _ in range(chunks):
        engine.score(noise)
        due += 0.08
        time.sleep(max(0.0, due - time.monotonic()))
    return (time.process_time() - before) / seconds


# --- scenarios -------------------------------------------------------------------------


def simulate(folder: Path, scenario: str, config: str = "") -> tuple[list[dict[str, Any]], Any]:
    """(timeline, summary) of a run; raises when the appliance failed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scenario.toml").write_text(scenario)
    (folder / "config.toml").write_text(config)
    command = [sys.executable, "-m", "device.cli.main", "simulate", str(folder / "scenario.toml")]
    command += ["--config", str(folder / "config.toml"), "--out", str(folder / "out"), "--quiet"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the scenario failed:\n{done.stdout}{done.stderr}")
    lines = (folder / "out" / "timeline.jsonl").read_text().splitlines()
    summary = json.loads((folder / "out" / "summary.json").read_text())
    return [json.loads(line) for line in lines], summary


def conversation(folder: Path, rounds: int = 1) -> dict[str, Any]:
    """Ordinary turns, one of them with a pause of half a second inside."""
    folder.mkdir(parents=True)
    _write_wav(folder / "paused.wav", *_joined())
    cues, at = [], 1.0
    for question in QUESTIONS * rounds:
        said = f'say = "hey jarvis, {question}"' if question else 'play = "paused.wav"'
        cues.append(f"[[cue]]\nat_s = {at}\n{said}\n")
        at += 11.0
    scenario = f"duration_s = {at}\n[room]\necho_gain_db = -20\n" + "".join(cues)
    timeline, summary = simulate(folder, scenario)
    paused = [t for t in summary["turns"] if t["text"] == "paused.wav"]
    cut_off = sum(
        1
        for line in timeline
        if line["event"] == "tool_called"
        and line["name"] == "set_timer"
        and json.loads(line["arguments"]).get("seconds") != 120
    )
    asked = len(QUESTIONS) * rounds
    return {
        "asked": asked,
        "answered": len(summary["turns"]),
        "cut_off_in_pause": cut_off + (rounds - len(paused)),
        "latency_ms": summary["latency_ms"],
        "device_ms": summary["device_ms"],
        "capture_to_wire_ms": summary["capture_to_wire_ms"],
        "lost_samples": summary["uplink_lost_samples"],
        "doubled_samples": summary["uplink_doubled_samples"],
        "room": summary["room"],
    }


def _joined() -> tuple[Samples, int]:
    first, pause_s, second = PAUSED
    parts = [spoken(text) for text in (first, second)]
    loud = [np.flatnonzero(np.abs(p) > 200) for p in parts]
    silence = np.zeros(frames_in(pause_s * 1000, RATE_HZ), np.int16)
    return np.concatenate([parts[0][: loud[0][-1]], silence, parts[1][loud[1][0] :]]), RATE_HZ


def spoken(text: str, voice: str = "en-us", rate_hz: int = RATE_HZ) -> Samples:
    """What espeak-ng says, mono int16."""
    [samples] = synthesise([Say(text, voice=voice)], rate_hz)
    if isinstance(samples, str):
        raise RuntimeError(samples)
    return samples


def _write_wav(path: Path, samples: Samples, rate_hz: int) -> None:
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(samples.astype("<i2").tobytes())


def jitter(folder: Path) -> dict[str, Any]:
    """Long replies over a network that adds up to 100 ms of jitter."""
    scenario = "duration_s = 60\n[room]\necho_gain_db = -30\n" + "".join(
        f'[[cue]]\nat_s = {at}\nsay = "hey jarvis, what can you do"\n' for at in (2.0, 31.0)
    )
    scenario += '[[cue]]\nat_s = 0.5\nfault = "network_jitter"\n'
    scenario += "delay_ms = 50\njitter_ms = 100\nrate_kbps = 700\n"
    timeline, _ = simulate(folder, scenario)
    starts = [line["t"] for line in timeline if line["event"] == "playback_started"]
    late = [
        line["t"]
        for line in timeline
        if line["event"] == "playback_underrun"
        and not any(start <= line["t"] < start + 1.0 for start in starts)
    ]
    spoken = sum(line["heard_ms"] for line in timeline if line["event"] == "playback_stopped")
    return {"replies": len(starts), "spoken_s": spoken / 1000, "late_underruns": len(late)}


# --- the wake word against the device's own voice -----------------------------------------


def wake_over_reply(folder: Path, tries: int = 10) -> dict[str, Any]:
    """A person says the wake word over a long reply, 10 dB above its echo."""
    reply_db, voice_db = _levels(folder / "levels")
    echo_gain_db = -12.0
    gain_db = reply_db + echo_gain_db + 10.0 - voice_db
    cues, at = [], 1.0
    for number in range(tries):
        voice = VOICES[number % len(VOICES)]
        cues.append(f'[[cue]]\nat_s = {at}\nsay = "hey jarvis, what can you do"\n')
        cues.append(f"[[cue]]\nat_s = {at + 8.0}\n")
        cues.append(f'say = "hey jarvis"\nvoice = "{voice}"\ngain_db = {gain_db:.1f}\n')
        at += SPACING_S
    scenario = f"duration_s = {at}\n[room]\necho_gain_db = {echo_gain_db}\n" + "".join(cues)
    # A voice alone would cut it first, and nobody would know whether the word was heard.
    timeline, _ = simulate(folder / "run", scenario, '[turn]\nbarge_in = "off"\n')
    over = [
        number
        for number in range(tries)
        if any(
            line["event"] == "playback_stopped"
            and line["reason"] == "wake"
            and 8.0 < line["t"] - (1.0 + SPACING_S * number) < 12.0
            for line in timeline
        )
    ]
    return {"tries": tries, "heard": len(over), "voice_gain_db": round(gain_db, 1)}


def _levels(folder: Path) -> tuple[float, float]:
    """Level of a reply at the speaker, and of the person's wake word, in dBFS while loud."""
    scenario = 'duration_s = 12\n[[cue]]\nat_s = 1.0\nsay = "hey jarvis, what can you do"\n'
    simulate(folder, scenario)
    with wave.open(str(folder / "out" / "speaker.wav")) as recording:
        channels = recording.getnchannels()
        raw = recording.readframes(recording.getnframes())
    speaker = np.frombuffer(raw, "<i2").reshape(-1, channels)[:, 0]
    person = spoken("hey jarvis")
    return _loud_db(speaker), _loud_db(person)


def _loud_db(samples: Samples) -> float:
    blocks = samples[: len(samples) // 960 * 960].reshape(-1, 960).astype(np.float64)
    power = (blocks**2).mean(axis=1)
    loud = power[power > power.max() / 100]
    return float(10 * np.log10(loud.mean() / 32768**2))


def self_wakes(minutes: float = 10.0) -> dict[str, Any]:
    """The wake word's runner on the echo of ten minutes of the device's own speech.

    Behind the echo canceller, as the appliance runs it, and without.
    """
    texts = (
        "It is twenty five minutes past four in the afternoon. ",
        "I can tell the time and the date, set, list and cancel timers, change the volume, "
        "repeat what was said, tell how the device is doing, and stop when told to. ",
        "Your timer for five minutes is set. There are four minutes and ten seconds left. ",
        "Sorry, I did not catch that. You can ask for the time, a timer or the volume. ",
        "Today is Saturday, the twenty first of November. The volume is now at fifty percent. ",
    )
    rng = np.random.default_rng(7)
    response = room_response(16_000, 1, -20.0, reverb_ms=120, seed=3)[0]
    canceller = EchoCanceller()
    models = find_wake_models(["hey_jarvis", "alexa"])
    engines = [(LitertWake(models), WakeGate(16_000)) for _ in range(2)]
    replies = {(v, t): spoken(t, v, 16_000) for v in VOICES for t in texts}
    order = list(replies)
    wakes, done = [0, 0], 0
    while done < minutes * 60 * 16_000:
        far = replies[order[int(rng.integers(len(order)))]]
        far = far[: len(far) // CHUNK_SAMPLES * CHUNK_SAMPLES]
        dry = far.astype(np.float64)
        echo = np.convolve(dry, response)[: len(dry)] + rng.standard_normal(len(dry)) * 10
        heard = np.clip(np.rint(echo), -32768, 32767).astype(np.int16)
        for start in range(0, len(heard), CHUNK_SAMPLES):
            chunk = slice(start, start + CHUNK_SAMPLES)
            both = canceller.process(heard[chunk], far[chunk]), heard[chunk]
            for number, ((engine, gate), sound) in enumerate(zip(engines, both, strict=True)):
                found = gate.update(engine.score(sound), done + chunk.stop)
                wakes[number] += len(found)
        done += len(heard)
    minutes_done = round(done / 16_000 / 60, 1)
    return {"minutes": minutes_done, "wakes": wakes[0], "without_cancelling": wakes[1]}


if __name__ == "__main__":
    main()
