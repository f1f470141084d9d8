"""What a session's life costs the person: after an outage, in a failover, at a rollover.

    .venv/bin/python -m scripts.bench_parts.services.life_part [--quick]

The whole appliance in the simulated room talks to stand-ins over loopback; somebody speaks, and
the network or a service fails. Times are taken where the services are: from a proxy's record of
what arrived when, and from the recording of the speaker. Nothing else should run.

*Hearing again*: from the network's return until the person's sound arrives, of somebody who
spoke without it, after outages of 2.5 to 6.5 s. "no way": as without Wi-Fi, whoever connects is
told so at once, and what is under way on open connections arrives when TCP sends again; with no
session when the outage begins ("on_wake") and with one ("keep"). "black hole": nothing is told;
what waits arrives at once afterwards.

*Failover*: from the first attempt of a service that takes connections and says nothing, or has
no quota left, until the kept sound of the question arrives at the next.

*Rollover*: the same questions with sessions of 45 s and of an hour.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import json
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

REPO = Path(__file__).resolve().parents[3]
if str(REPO) not in sys.path:
    sys.path.insert(0, str(REPO))

from device.cli.simulate_services import spec_of  # noqa: E402
from device.errors import SimulatorError  # noqa: E402
from device.simulator.console import Console  # noqa: E402
from device.simulator.director import Director  # noqa: E402
from device.simulator.scenario import parse  # noqa: E402
from device.simulator.wavfile import read_wav, to_int16  # noqa: E402
from scripts.bench_parts.readme_table import Row  # noqa: E402

FIRST, SECOND = "openai_realtime", "azure_openai"
QUESTION = "hey jarvis, what is the date today"
SHORT_QUESTION = "hey jarvis, what time is it"
SOUND = "input_audio_buffer.append"
HEARING_LIMIT_S, FAILOVER_LIMIT_S, GAP_LIMIT_MS = 1.0, 3.0, 60.0
#: In its last part there is a quiet moment between two questions, as in life there is in the last
#: minutes of an hour.
SHORT_CAP_S = 45.0
CYCLE_S, CYCLES, QUICK_CYCLES = 18.0, 4, 1
FAILOVER_RUNS, QUICK_FAILOVER_RUNS = 5, 1
QUESTIONS, QUICK_QUESTIONS = 10, 5
SPACING_S = 10.5
SILENT = 33  #: -60 dBFS
NEVER = float("inf")
FIRST_S = 4.0  #: the busiest machine listens by then

Json = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """``rows``: of the wire; ``events``: of the timeline; both in seconds from READY."""

    rows: list[Json]
    events: list[Json]
    summary: Json
    folder: Path

    def at(self, event: str, after: float = float("-inf"), **fields: object) -> float:
        """The first such event after then; infinite where there is none."""
        for line in self.events:
            same = line["event"] == event and all(line.get(k) == v for k, v in fields.items())
            if same and line["t"] > after:
                return float(line["t"])
        return NEVER

    def sound_after(self, t: float) -> float:
        """When the person's sound first arrived after ``t``; infinite if it did not."""
        for row in self.rows:
            if row["t"] > t and row["type"] == SOUND and row["direction"] == "up":
                return float(row["t"])
        return NEVER


def held(
    folder: Path,
    scenario: str,
    services: Sequence[str],
    connect: str = "keep",
    cap_s: float | None = None,
) -> Run:
    """One run. Raises SimulatorError where the appliance does not run to its end."""
    first, *others = [spec_of(name) for name in services]
    spec = replace(first, cap_s=cap_s, fallback=tuple(others))
    director = Director(
        parse(scenario, folder / "scenario.toml"),
        {"service": {"connect": connect}},
        folder,
        Console(io.StringIO(), quiet=True),
        service=spec,
    )
    outcome = asyncio.run(director.run())
    if outcome.failure:
        raise SimulatorError(f"{outcome.failure}: {outcome.log[-3:]}")

    def lines(name: str) -> list[Json]:
        return [json.loads(line) for line in (folder / name).read_text().splitlines()]

    return Run(lines("wire.jsonl"), lines("timeline.jsonl"), outcome.summary, folder)


def say(at_s: float, text: str = QUESTION) -> str:
    return f'[[cue]]\nat_s = {at_s:.3f}\nsay = "{text}"\n'


def fault(at_s: float, name: str, service: int = 0) -> str:
    number = f"service = {service}\n" if service else ""
    return f'[[cue]]\nat_s = {at_s:.3f}\nfault = "{name}"\n{number}'


# --- hearing again ------------------------------------------------------------------------


def hearing_again(home: Path, cycles: int) -> Json:
    """Seconds, by kind of outage."""
    kinds = {
        "no way, no session": ("wifi", "on_wake"),
        "no way, session open": ("wifi", "keep"),
        "black hole": ("network", "keep"),
    }
    found: Json = {}
    for number, (name, (what, connect)) in enumerate(kinds.items()):
        outages = list(_outages(Random(number), cycles))
        scenario = f"duration_s = {FIRST_S + cycles * CYCLE_S + 7:g}\n" + say(FIRST_S)
        for gone, said, back in outages:
            scenario += fault(gone, f"{what}_down") + say(said) + fault(back, f"{what}_up")
        run = held(home / what / connect, scenario, (FIRST,), connect)
        times = []
        for _, _, back in outages:
            returned = run.at("fault", back - 0.5, fault=f"{what}_up")
            times.append(run.sound_after(returned) - returned)
        found[name] = times
    return found


def _outages(rng: Random, cycles: int) -> Iterator[tuple[float, float, float]]:
    """When each begins, when somebody speaks, and when it is over. Somebody who speaks is heard
    for 2 s, and the wake word is known 1 s after it has begun."""
    for number in range(cycles):
        gone = FIRST_S + 9.0 + number * CYCLE_S
        yield gone, gone + 0.5, gone + rng.uniform(2.5, 6.5)


# --- failover -------------------------------------------------------------------------------


def failovers(home: Path, runs: int) -> Json:
    """Seconds from the first attempt, by kind of failure; ``runs`` of each."""
    kinds = {"does not open": "service_hangs", "quota": "service_refuses"}
    found: Json = {kind: [] for kind in kinds}
    for kind, what in kinds.items():
        scenario = f"duration_s = {FIRST_S + 5.5:g}\n" + fault(0.2, what, 1) + say(FIRST_S)
        for number in range(runs):
            run = held(home / what / str(number), scenario, (FIRST, SECOND))
            began = run.at("uplink_started")
            over = run.at("failover", began)
            found[kind].append(run.sound_after(over) - began if over < NEVER else NEVER)
    return found


# --- rollover -------------------------------------------------------------------------------


def rollovers(home: Path, questions: int) -> Json:
    """Lost samples, and the longest gap in any reply, with and without."""
    scenario = f"duration_s = {FIRST_S + questions * SPACING_S:g}\n"
    scenario += "".join(
        say(FIRST_S + number * SPACING_S, SHORT_QUESTION) for number in range(questions)
    )
    found: Json = {}
    for name, cap_s in (("with", SHORT_CAP_S), ("without", None)):
        run = held(home / name, scenario, (FIRST,), cap_s=cap_s)
        sessions = sum(line["event"] == "link_opened" for line in run.events)
        found[name] = {
            "sessions": sessions,
            "answered": len(run.summary["turns"]),
            "lost_samples": run.summary["uplink_lost_samples"],
            "doubled_samples": run.summary["uplink_doubled_samples"],
            "errors": sum(line["event"] == "error" for line in run.events),
            "gap_ms": max(_gaps(run)),
            "overruns": run.summary["room"]["mic_xruns"] + run.summary["room"]["speaker_xruns"],
        }
    return found | {"questions": questions}


def _gaps(run: Run) -> Iterator[float]:
    """Of each reply that was heard: the longest stretch of silence in it, in milliseconds."""
    samples, rate_hz = read_wav(run.folder / "speaker.wav")
    sound = to_int16(samples[:, 0])
    for turn in run.summary["turns"]:
        until = run.at("playback_stopped", turn["t"])
        part = sound[round(turn["first_speech_t"] * rate_hz) : round(until * rate_hz)]
        loud = np.flatnonzero(np.abs(part.astype(np.int32)) > SILENT)
        yield round(float(np.diff(loud).max()) / rate_hz * 1000, 1)


# --- the table ------------------------------------------------------------------------------


def measured(quick: bool) -> Json:
    with tempfile.TemporaryDirectory(prefix="parlor-bench-") as folder:
        home = Path(folder)
        runs = QUICK_FAILOVER_RUNS if quick else FAILOVER_RUNS
        return {
            "hearing_s": hearing_again(home / "hearing", QUICK_CYCLES if quick else CYCLES),
            "failover_s": failovers(home / "failover", runs),
            "rollover": rollovers(home / "rollover", QUICK_QUESTIONS if quick else QUESTIONS),
        }


def judged(result: Json) -> list[Row]:
    """The rows of what was measured."""
    hearing, failover, rollover = (result[n] for n in ("hearing_s", "failover_s", "rollover"))
    each_h = [t for times in hearing.values() for t in times]
    each_f = [t for times in failover.values() for t in times]
    over, whole = rollover["with"], rollover["without"]
    lost = over["lost_samples"] + over["doubled_samples"]
    longer_ms = over["gap_ms"] - whole["gap_ms"]
    unheard = lost == 0 and longer_ms <= GAP_LIMIT_MS and over["errors"] == 0
    rolled = over["sessions"] > 1 and over["answered"] == rollover["questions"]
    return [
        Row(
            "life: network back to the service hearing the person again, median",
            f"{HEARING_LIMIT_S:g} s",
            _spread(each_h) + _kinds(hearing),
            statistics.median(each_h) <= HEARING_LIMIT_S,
        ),
        Row(
            "life: failover, first attempt to the next service having the question, median",
            f"{FAILOVER_LIMIT_S:g} s",
            _spread(each_f) + _kinds(failover),
            statistics.median(each_f) <= FAILOVER_LIMIT_S,
        ),
        Row(
            "life: rollover, microphone samples lost; longest gap in a reply, against none",
            f"0; {GAP_LIMIT_MS:g} ms longer",
            f"{lost} in {over['sessions'] - 1} rollovers; {over['gap_ms']:.0f} ms against "
            f"{whole['gap_ms']:.0f} ms ({over['answered']} of {rollover['questions']} answered, "
            f"{over['errors']} errors)",
            unheard and rolled,
        ),
    ]


def _spread(times: Sequence[float]) -> str:
    middle = statistics.median(times)
    never = times.count(NEVER)
    said = f"; {never} of them never" if never else ""
    return f"{middle:.2f} s ({min(times):.2f} to {max(times):.2f}, n = {len(times)}{said})"


def _kinds(by_kind: Json) -> str:
    said = [f"{kind} {statistics.median(times):.2f} s" for kind, times in by_kind.items()]
    return "; " + ", ".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few outages and failovers")
    print(json.dumps(measured(parser.parse_args().quick), indent=2))


if __name__ == "__main__":
    main()
