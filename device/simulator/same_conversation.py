"""The same conversation on every service, judged: from the timeline, the recording of the speaker
and what the stand-in's brain was asked, never from the wire, which speaks each service's own
language."""

from __future__ import annotations

from pathlib import Path

from device.simulator.outcome import Outcome
from device.simulator.report import Json
from device.simulator.verdict import Check, latency

SCENARIO = Path(__file__).parent / "scenarios" / "services.toml"

ANSWER_MS = 10_000.0
"""Most of it is the stand-in's: its brain begins to recognise when the turn is over, on a machine
that has everything else to do too. It says whether there was a reply, and nothing of a service."""
CUT_MS = 50.0
QUIET_MS = 3000.0  #: behind the button's cut; what was on its way would have sounded in it
REST_S = 3.0  #: of silence at the end

QUESTION = "hey jarvis, what time is it"
FOLLOW_UP = "set a timer for two minutes"
LONG = "what can you do"
INTERRUPTION = "what is the date today"


def judge(outcome: Outcome) -> list[Check]:
    """The conversation's checks, in the order in which things happen."""
    service: Json = outcome.summary["service"]
    with_tools = service["device_tools"]
    return [
        Check("the appliance ran to the end", not outcome.failure, outcome.failure or "exit 0"),
        _spoke_to(service),
        _question(
            outcome, "a question in one breath with the wake word is answered", 0, with_tools
        ),
        _follow_up(outcome, with_tools),
        _talked_over(outcome, service),
        _button(outcome),
        _question(outcome, "a question behind that is answered", 1, with_tools),
        _rest(outcome),
    ]


def _spoke_to(service: Json) -> Check:
    way = "through the recording proxy" if service["proxied"] else "without the proxy"
    shown = (
        f"{service['asked']} questions over {service['connections']} connection(s) to "
        f"{service['stand_in']}, {way}"
    )
    return Check(f"it spoke to the stand-in of {service['name']}", service["asked"] > 0, shown)


def _question(outcome: Outcome, what: str, number: int, with_tools: bool) -> Check:
    turn = _turn(outcome, QUESTION, number)
    if turn is None:
        return Check(what, False, unanswered(outcome))
    ok, shown = _tool(outcome, "get_time", with_tools, after=number)
    return Check(what, ok and turn["latency_ms"] <= ANSWER_MS, f"{latency(turn)}{shown}")


def _follow_up(outcome: Outcome, with_tools: bool) -> Check:
    what = "a follow-up without the wake word is answered"
    turn = _turn(outcome, FOLLOW_UP)
    if turn is None:
        return Check(what, False, unanswered(outcome))
    ok, shown = _tool(outcome, "set_timer", with_tools)
    return Check(what, ok and turn["latency_ms"] <= ANSWER_MS, f"{latency(turn)}{shown}")


def _tool(outcome: Outcome, name: str, with_tools: bool, after: int = 0) -> tuple[bool, str]:
    """Did the device run it, more than ``after`` times? Nobody asks it to where ``with_tools``
    is False."""
    if not with_tools:
        return True, "; the service has no tools of the device's"
    called = sum(e.fields.get("name") == name for e in outcome.timeline.of("tool_called"))
    return called > after, f"; the device ran {name} {called} time(s)"


def _talked_over(outcome: Outcome, service: Json) -> Check:
    what = "who talks over a long reply silences it, and is answered with something else"
    stops = [s for s in outcome.summary["playback_stops"] if s["reason"] == "barge_in"]
    if not stops:
        return Check(what, False, "no reply was stopped by a voice")
    turn, long = _turn(outcome, INTERRUPTION), _turn(outcome, LONG)
    if turn is None or long is None:
        return Check(what, False, unanswered(outcome))
    said = {answer["item_id"]: answer["words"] for answer in service["answers"]}
    first, then = said[long["item_id"]], said[turn["item_id"]]
    ok = first != then and stops[0]["t"] < turn["t"] and turn["latency_ms"] <= ANSWER_MS
    heard_s = stops[0]["heard_ms"] / 1000
    return Check(what, ok, f"silent after {heard_s:.1f} s of it; then “{then}”, {latency(turn)}")


def _button(outcome: Outcome) -> Check:
    what = "the button silences another long reply at once, and nothing of it is heard later"
    cuts = outcome.summary["cuts"]
    if _turn(outcome, LONG, 1) is None or not cuts:
        return Check(what, False, "nothing was sounding when the button was pressed")
    cut = cuts[-1]
    if cut["in_pause"]:
        return Check(what, False, "the press fell into a pause of the reply, which shows nothing")
    stopped = any(s["reason"] == "button" for s in outcome.summary["playback_stops"])
    ok = stopped and cut["cut_ms"] <= CUT_MS and cut["quiet_ms"] >= QUIET_MS
    shown = (
        f"last sample {cut['cut_ms']:.1f} ms after the edge, then {cut['quiet_ms']:.0f} ms quiet"
    )
    return Check(what, ok, shown)


def _rest(outcome: Outcome) -> Check:
    what = "then it is silent, and sends nothing any more"
    timeline, summary = outcome.timeline, outcome.summary
    errors = [str(e.fields.get("detail") or e.fields) for e in timeline.of("error")]
    if errors:
        return Check(what, False, f"errors: {errors}")
    quiet_s = summary["quiet_at_end_s"]
    opened = [e.at for e in timeline.of("uplink_started")]
    closed = [e.at for e in timeline.of("uplink_stopped")]
    shut = bool(opened) and bool(closed) and max(closed) > max(opened)
    sends = "the uplink is closed" if shut else "the uplink is open"
    return Check(what, shut and quiet_s >= REST_S, f"{quiet_s:.1f} s of silence; {sends}")


def unanswered(outcome: Outcome) -> str:
    """What the stand-in understood, where an answer is missing."""
    heard = [answer["heard"] for answer in outcome.summary["service"]["answers"] if answer["heard"]]
    return f"no reply to it was heard; the stand-in understood: {heard or 'nothing'}"


def _turn(outcome: Outcome, text: str, number: int = 0) -> Json | None:
    """The turn in which ``text`` was answered when it was said for the ``number``-th time, from
    0; None: it was not."""
    said: list[float] = [u["t"] for u in outcome.summary["utterances"] if u["text"] == text]
    if number >= len(said):
        return None
    until = said[number + 1] if number + 1 < len(said) else float("inf")
    turns: list[Json] = outcome.summary["turns"]
    return next(
        (t for t in turns if t["text"] == text and said[number] < t["user_end_t"] < until), None
    )
