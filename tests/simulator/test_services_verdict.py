"""The verdict on the conversation that is the same on every service, and the table of them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from device.simulator import same_conversation as conversation
from device.simulator.outcome import Outcome
from device.simulator.scenario import Button, Say, load
from device.simulator.timeline import Timeline
from device.simulator.verdict import service_row, service_table

Summary = dict[str, Any]
CHECKS = 8
TURNS = (
    conversation.QUESTION,
    conversation.FOLLOW_UP,
    conversation.LONG,
    conversation.INTERRUPTION,
    conversation.LONG,
    conversation.QUESTION,
)


def good(*, with_tools: bool = True) -> tuple[Summary, Timeline]:
    words = ("Ten.", "A timer.", "Many things.", "Sunday.", "Many things.", "Eleven.")
    summary: Summary = {
        "service": {
            "name": "hal",
            "stand_in": "Hal",
            "proxied": True,
            "device_tools": with_tools,
            "connections": 1,
            "asked": 12,
            "answers": [
                {"item_id": f"answer{n}", "heard": TURNS[n], "words": said}
                for n, said in enumerate(words)
            ],
        },
        "turns": [
            {
                "t": 10.0 * n,
                "user_end_t": 10.0 * n - 1.0,
                "text": text,
                "latency_ms": 900.0,
                "item_id": f"answer{n}",
            }
            for n, text in enumerate(TURNS)
        ],
        "utterances": [{"t": 10.0 * n - 3.0, "text": text} for n, text in enumerate(TURNS)],
        "playback_stops": [
            {"t": 25.0, "reason": "barge_in", "heard_ms": 4000},
            {"t": 45.0, "reason": "button", "heard_ms": 2000},
        ],
        "cuts": [{"t": 45.0, "cut_ms": 1.25, "quiet_ms": 4000.0, "in_pause": False}],
        "quiet_at_end_s": 6.0,
        "latency_ms": {"median": 900.0, "n": 6},
        "cut_ms": {"median": 1.25, "n": 1},
        "heard_error_ms": {"n": 0},
    }
    timeline = Timeline()
    if with_tools:
        for at, name in ((1.0, "get_time"), (11.0, "set_timer"), (51.0, "get_time")):
            timeline.add("tool_called", at, name=name, arguments="{}")
    timeline.add("uplink_started", 49.0)
    timeline.add("uplink_stopped", 50.0)
    return summary, timeline


def verdict(summary: Summary, timeline: Timeline, failure: str = "") -> list[bool]:
    checks = conversation.judge(Outcome(failure, summary, None, timeline))
    return [check.ok for check in checks]


@pytest.mark.parametrize("with_tools", [True, False])
def test_all_is_well(with_tools: bool) -> None:
    assert verdict(*good(with_tools=with_tools)) == [True] * CHECKS


def without_turn(number: int) -> Callable[[Summary], object]:
    return lambda s: s["turns"].pop(number)


SPOILED: list[tuple[Callable[[Summary], object], set[int]]] = [
    (lambda s: s["service"].update(asked=0), {1}),
    (without_turn(0), {2}),
    (without_turn(2), {4}),
    (without_turn(1), {3}),
    (without_turn(3), {4}),
    (without_turn(4), {5}),
    (without_turn(5), {6}),
    (lambda s: s["turns"][0].update(latency_ms=9e4), {2}),
    (lambda s: s["turns"][1].update(latency_ms=9e4), {3}),
    (lambda s: s["turns"][3].update(latency_ms=9e4), {4}),
    (lambda s: s["playback_stops"].pop(0), {4}),
    (lambda s: s["playback_stops"][0].update(t=35.0), {4}),
    (lambda s: s["service"]["answers"][3].update(words="Many things."), {4}),
    (lambda s: s["playback_stops"].pop(1), {5}),
    (lambda s: s["cuts"].clear(), {5}),
    (lambda s: s["cuts"][0].update(cut_ms=90.0), {5}),
    (lambda s: s["cuts"][0].update(quiet_ms=800.0), {5}),
    (lambda s: s["cuts"][0].update(in_pause=True), {5}),
    (lambda s: s.update(quiet_at_end_s=0.5), {7}),
]


@pytest.mark.parametrize(("spoil", "failed"), SPOILED)
def test_each_thing_that_did_not_happen_fails_its_own_check(
    spoil: Callable[[Summary], object], failed: set[int]
) -> None:
    summary, timeline = good()
    spoil(summary)
    assert verdict(summary, timeline) == [i not in failed for i in range(CHECKS)]


def test_an_appliance_that_died_has_failed() -> None:
    assert verdict(*good(), failure="it died")[0] is False


def test_tools_that_the_device_did_not_run_count_only_where_it_is_asked_to() -> None:
    summary, timeline = good()
    timeline.entries = [e for e in timeline.entries if e.event != "tool_called"]
    assert [i for i, ok in enumerate(verdict(summary, timeline)) if not ok] == [2, 3, 6]
    summary["service"]["device_tools"] = False
    assert all(verdict(summary, timeline))


def test_an_error_or_an_open_uplink_at_the_end_fails_the_rest() -> None:
    summary, timeline = good()
    timeline.add("error", 30.0, kind="protocol", detail="it spoke in tongues")
    check = conversation.judge(Outcome("", summary, None, timeline))[-1]
    assert not check.ok
    assert "tongues" in check.evidence
    summary, timeline = good()
    timeline.add("uplink_started", 60.0)
    assert verdict(summary, timeline)[-1] is False


def test_the_verdict_says_which_service_it_was() -> None:
    check = conversation.judge(Outcome("", *good()[:1], None, good()[1]))[1]
    assert "hal" in check.what
    assert "12 questions over 1 connection(s) to Hal" in check.evidence


def test_the_scenario_says_what_is_judged() -> None:
    cues = load(conversation.SCENARIO).cues
    assert [cue.action.text for cue in cues if isinstance(cue.action, Say)] == list(TURNS)
    assert sum(isinstance(cue.action, Button) for cue in cues) == 1


def test_the_table_has_a_line_a_service_and_columns_that_stand_under_each_other() -> None:
    outcome = Outcome("", good()[0], None, good()[1])
    lines = service_table([service_row("hal", outcome, passed=True), ("long_name", "refused")])
    assert " ".join(lines[1].split()) == "hal passed proxy 6 of 6 900 ms 1.2 ms -"
    assert lines[2] == "long_name  refused"
    assert lines[0].index("way") == lines[1].index("proxy")
    outcome.summary["service"]["proxied"] = False
    assert service_row("hal", outcome, passed=False)[1:3] == ("FAILED", "direct")
