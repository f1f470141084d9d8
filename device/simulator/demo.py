"""The main job, judged: did all of it happen, as far as the evidence shows?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from device.simulator.outcome import Outcome
from device.simulator.verdict import Check
from device.simulator.verdict import latency as _latency
from device.simulator.verdict import turn_of as _turn

SCENARIO = Path(__file__).parent / "scenarios" / "demo.toml"

ANSWER_MS = 3000.0  #: a reply that comes later is no conversation
CUT_MS = 50.0
QUIET_MS = 500.0

QUESTION = "hey jarvis, what time is it"
TIMER = "hey jarvis, set a timer for two minutes"
AGREEMENT = "yeah"
INTERRUPTION = "what is the date today"


def judge(outcome: Outcome) -> list[Check]:
    """The demo's checks, in the order in which they happen."""
    return [
        Check("the appliance ran to the end", not outcome.failure, outcome.failure or "exit 0"),
        _question(outcome),
        _timer(outcome),
        _agreed(outcome),
        _talked_over(outcome),
        _button(outcome),
    ]


def _question(outcome: Outcome) -> Check:
    what = "a question in one breath with the wake word is answered"
    turn = _turn(outcome, QUESTION)
    if turn is None:
        return Check(what, False, _unanswered(outcome))
    called = _called(outcome, "get_time")
    ok = bool(called) and turn.get("latency_ms", 1e9) <= ANSWER_MS
    shown = f"get_time {'was' if called else 'was not'} called; {_latency(turn)}"
    return Check(what, ok, shown)


def _timer(outcome: Outcome) -> Check:
    what = "a timer is set"
    turn = _turn(outcome, TIMER)
    if turn is None:
        return Check(what, False, _unanswered(outcome))
    calls = [_arguments(fields) for fields in _called(outcome, "set_timer")]
    ok = any(a.get("seconds") == 120 for a in calls) and turn.get("latency_ms", 1e9) <= ANSWER_MS
    return Check(what, ok, f"set_timer called with {calls or 'nothing'}; {_latency(turn)}")


def _agreed(outcome: Outcome) -> Check:
    what = 'a "yeah" over a long reply lowers it, and it comes up again'
    said = next((e for e in outcome.timeline.of("say") if e.fields["text"] == AGREEMENT), None)
    if said is None:
        return Check(what, False, "it was never said")
    ducked = _first_after(outcome, "ducked", said.at)
    restored = _first_after(outcome, "restored", said.at)
    cut = _first_after(outcome, "playback_stopped", said.at)
    if ducked is None:
        return Check(what, False, "the reply was not lowered")
    if restored is None or (cut is not None and cut < restored):
        return Check(what, False, "it stopped the reply")
    return Check(what, True, f"lowered for {restored - ducked:.1f} s")


def _first_after(outcome: Outcome, event: str, at: float) -> float | None:
    return min((e.at for e in outcome.timeline.of(event) if e.at > at), default=None)


def _talked_over(outcome: Outcome) -> Check:
    what = "who talks over a long reply, without the wake word, silences it and is answered"
    stops = [s for s in outcome.summary["playback_stops"] if s["reason"] == "barge_in"]
    if not stops:
        return Check(what, False, "no reply was stopped by a voice")
    turn = _turn(outcome, INTERRUPTION)
    if turn is None or "latency_ms" not in turn:
        return Check(what, False, f"it fell silent, but what was said was not answered: {stops[0]}")
    shown = f"silent after {stops[0]['heard_ms'] / 1000:.1f} s of it; then {_latency(turn)}"
    return Check(what, True, shown)


def _button(outcome: Outcome) -> Check:
    what = "the button silences another reply at once"
    stopped = any(s["reason"] == "button" for s in outcome.summary["playback_stops"])
    cuts = outcome.summary["cuts"]
    if not cuts:
        return Check(what, False, "nothing was sounding when the button was pressed")
    cut = cuts[-1]
    if cut["in_pause"]:
        shown = (
            "the press fell into a pause of the reply: it was silent already, which shows nothing"
        )
        return Check(what, False, shown)
    ok = stopped and cut["cut_ms"] <= CUT_MS and cut["quiet_ms"] >= QUIET_MS
    shown = (
        f"last sample {cut['cut_ms']:.1f} ms after the edge, then {cut['quiet_ms']:.0f} ms quiet"
    )
    return Check(what, ok, shown)


def _unanswered(outcome: Outcome) -> str:
    heard = [e.fields.get("text") for e in outcome.timeline.of("user_transcript")]
    return f"no reply; transcripts: {heard or 'none'}"


def _called(outcome: Outcome, name: str) -> list[dict[str, Any]]:
    calls = outcome.timeline.of("tool_called")
    return [entry.fields for entry in calls if entry.fields.get("name") == name]


def _arguments(fields: dict[str, Any]) -> dict[str, Any]:
    raw = fields.get("arguments", {})
    if isinstance(raw, str):
        try:
            raw = json.loads(raw)
        except ValueError:
            raw = {}
    return raw if isinstance(raw, dict) else {}
