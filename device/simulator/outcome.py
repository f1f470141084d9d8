"""What a run came to, and the files that say so."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from device.simulator.appliance import STOP_S
from device.simulator.console import Console, turn_words
from device.simulator.evidence import Evidence, Track
from device.simulator.report import Json, Report
from device.simulator.room import FrameClock
from device.simulator.scenario import After, Cue
from device.simulator.seam import words_of
from device.simulator.timeline import Timeline
from device.simulator.unanswered import performed
from device.simulator.wavfile import read_wav, to_int16, write_wav
from device.simulator.wire_audio import RATE_HZ, lay_out

_SPAN = 1_000_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to. ``failure`` is empty when the appliance ran to the end."""

    failure: str
    summary: Json
    report: Report | None
    timeline: Timeline
    log: list[str] = field(default_factory=list)


def recorded(path: Path, clock: FrameClock, t0: float | None, channel: int = 0) -> Track:
    """One channel of a recording of the room, which begins at ``t0`` (None: at frame 0)."""
    samples, _ = read_wav(path)
    first = 0 if t0 is None else round(clock.frame_at(t0))
    rate_hz = _SPAN / (clock.time_of(first + _SPAN) - clock.time_of(first))
    mono = samples[:, min(channel, samples.shape[1] - 1)]
    return Track(to_int16(mono), rate_hz, clock.time_of(first))


def write_results(out: Path, report: Report, timeline: Timeline, summary: Json) -> None:
    """timeline.jsonl, leds.jsonl, wire.jsonl, uplink.wav, downlink.wav and summary.json.

    The measured turns take the place of the preliminary ones in ``timeline``, and
    ``summary`` is warned of lost sound (:func:`lost_sound`)."""
    evidence = report.evidence
    summary["warnings"] += lost_sound(evidence, report.uplink)
    timeline.replace("turn", report.turn_entries())
    timeline.write(out / "timeline.jsonl", out / "leds.jsonl")
    with (out / "wire.jsonl").open("w", encoding="utf-8") as lines:
        for row in evidence.rows:
            fields = {key: value for key, value in row.items() if key != "at"}
            lines.write(json.dumps({"t": round(row["at"] - evidence.t0, 6), **fields}) + "\n")
    for name, runs in (("uplink", evidence.uplink), ("downlink", evidence.downlink)):
        write_wav(out / f"{name}.wav", lay_out(runs, evidence.t0, evidence.end), RATE_HZ)
    text = json.dumps(summary, indent=2, ensure_ascii=False, default=str)
    (out / "summary.json").write_text(text + "\n", encoding="utf-8")


def tell(outcome: Outcome, console: Console, out: Path) -> None:
    """The result, for people."""
    if service := outcome.summary.get("service"):
        way = "through the recording proxy" if service["proxied"] else "without the proxy"
        console.say(f"it talked to the stand-in of {service['name']}, {way}")
    for turn in outcome.summary["turns"]:
        console.note(f"turn “{turn['text']}”: {turn_words(turn)}", "1;37")
    for one in outcome.summary["obeyed"]:
        console.note(f"“{one['text']}”: obeyed without a reply")
    for one in outcome.summary["acknowledgements"]:
        console.note(f"“{one['text']}”: an acknowledgement, over which the reply went on")
    if silent := outcome.summary["unanswered"]:
        of = len(outcome.summary["utterances"])
        texts = ", ".join(f"“{one['text']}”" for one in silent)
        console.say(f"{len(silent)} of {of} utterances not answered: {texts}", "33")
        for one in silent:
            if reason := one.get("reason"):
                console.say(f"“{one['text']}”: {reason}", "33")
    for utterance in outcome.summary["utterances"]:
        if words := words_of(utterance):
            console.say(words, "33")
    for warning in outcome.summary["warnings"]:
        console.say(f"warning: {warning}", "33")
    if outcome.failure:
        console.say(f"FAILED: {outcome.failure}; its last words:", "1;31")
        for line in outcome.log:
            console.say(f"    {line}")
    console.note(f"recordings, timeline.jsonl and summary.json are in {out}")


def warnings(room: Json, never: Sequence[Cue], timing: Json) -> list[str]:
    """What a reader of the numbers must know: cues that never came, a busy machine."""
    said = [
        f"the cue in line {cue.line} never came: {cue.trigger.event} (number "
        f"{cue.trigger.count}) did not happen"
        for cue in never
        if isinstance(cue.trigger, After)
    ]
    if room.get("engine_stalls"):
        said.append(
            f"the room's engine stalled {_times(room['engine_stalls'])} (at most "
            f"{room['engine_lag_ms']:.0f} ms late): this machine was too busy to measure"
        )
    if room.get("late_cuts"):
        said.append(f"a cut came late {_times(room['late_cuts'])} because the machine was busy")
    if timing.get("shutdown_ms", 0) > STOP_S * 1000:
        said.append(f"ending took {timing['shutdown_ms'] / 1000:.1f} s instead of {STOP_S:g}")
    return said


LEAST_LOST = RATE_HZ // 1000
"""Samples: 1 ms. Who loses sound loses a period or more; a place in a recording is found to a
sample or two."""


def lost_sound(evidence: Evidence, uplink: Sequence[Json]) -> list[str]:
    """Microphone sound that the appliance lost though the scenario did not ask for it.

    ``uplink``: the report's rows. The room's card counts overruns, and what was sent is
    compared with what the card delivered; what the appliance drops behind the card while it
    sends nothing, nobody else can see.
    """
    faults = Counter(fault for _, fault in performed(evidence))
    said = []
    overruns = evidence.room.get("mic_xruns", 0) - faults["xrun_mic"]
    if overruns > 0:
        said.append(
            f"the appliance read its microphone too late {_times(overruns)} and lost sound, which "
            "the scenario did not ask for: a wake word with a hole in it is not found"
        )
    lost = sum(row.get("lost_samples", 0) for row in uplink)
    if lost >= LEAST_LOST and not (faults["xrun_mic"] or faults["unplug_mic"]):
        said.append(
            f"{lost / RATE_HZ * 1000:.0f} ms of the microphone's sound are missing in what was "
            "sent to the service"
        )
    return said


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
