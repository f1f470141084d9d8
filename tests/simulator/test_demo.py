"""The demonstration's verdict, and the command's exit status."""

from __future__ import annotations

import asyncio
import io
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from device.cli.main import main
from device.cli.simulate import _until_terminated
from device.simulator import demo
from device.simulator.console import Console
from device.simulator.outcome import Outcome, tell
from device.simulator.scenario import Button, Say, load
from device.simulator.timeline import Timeline


def good() -> tuple[dict[str, Any], Timeline]:
    texts = (demo.QUESTION, demo.TIMER, demo.INTERRUPTION)
    summary = {
        "turns": [{"text": text, "latency_ms": 700.0} for text in texts],
        "playback_stops": [
            {"reason": "barge_in", "heard_ms": 3000},
            {"reason": "button", "heard_ms": 2000},
        ],
        "cuts": [{"t": 30.0, "cut_ms": 1.2, "quiet_ms": 4000.0, "in_pause": False}],
    }
    timeline = Timeline()
    timeline.add("tool_called", 1.0, name="get_time", arguments="{}")
    timeline.add("tool_called", 2.0, name="set_timer", arguments='{"seconds": 120}')
    timeline.add("say", 3.0, text=demo.AGREEMENT)
    timeline.add("ducked", 3.2)
    timeline.add("restored", 4.0)
    timeline.add("playback_stopped", 5.0, reason="barge_in")
    return summary, timeline


def verdict(summary: dict[str, Any], timeline: Timeline, failure: str = "") -> list[bool]:
    checks = demo.judge(Outcome(failure, summary, None, timeline))
    return [check.ok for check in checks]


def test_all_is_well() -> None:
    assert verdict(*good()) == [True] * 6


def test_each_thing_that_did_not_happen_fails_its_own_check() -> None:
    for spoil, failed in (
        (lambda s: s["turns"].pop(0), 1),
        (lambda s: s["turns"][0].update(latency_ms=9000), 1),
        (lambda s: s["turns"].pop(1), 2),
        (lambda s: s["turns"].pop(2), 4),
        (lambda s: s["playback_stops"].pop(0), 4),
        (lambda s: s["playback_stops"].pop(1), 5),
        (lambda s: s["cuts"].clear(), 5),
        (lambda s: s["cuts"][0].update(cut_ms=90), 5),
        (lambda s: s["cuts"][0].update(quiet_ms=80), 5),
        (lambda s: s["cuts"][0].update(cut_ms=0.0, in_pause=True), 5),
    ):
        summary, timeline = good()
        spoil(summary)
        assert verdict(summary, timeline) == [i != failed for i in range(6)]
    summary, _ = good()
    assert verdict(summary, Timeline()) == [True, False, False, False, True, True]
    assert verdict(*good(), failure="it died")[0] is False


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([("restored", 4.0)], "not lowered"),
        ([("ducked", 3.2), ("playback_stopped", 3.9), ("restored", 4.0)], "stopped"),
        ([("ducked", 3.2)], "stopped"),
    ],
)
def test_an_agreement_that_stops_the_reply_or_does_nothing_fails(
    events: list[tuple[str, float]], why: str
) -> None:
    summary, _ = good()
    timeline = Timeline()
    timeline.add("say", 3.0, text=demo.AGREEMENT)
    for event, at in events:
        timeline.add(event, at)
    check = demo.judge(Outcome("", summary, None, timeline))[3]
    assert not check.ok
    assert why in check.evidence


def test_a_press_in_a_pause_says_why_it_shows_nothing() -> None:
    summary, timeline = good()
    summary["cuts"][0].update(cut_ms=0.0, in_pause=True)
    check = demo.judge(Outcome("", summary, None, timeline))[5]
    assert not check.ok
    assert "pause" in check.evidence


@pytest.mark.parametrize("arguments", ['{"seconds": 30}', "[", "[1]", 7])
def test_another_timer_is_not_the_timer(arguments: object) -> None:
    summary, _ = good()
    timeline = Timeline()
    timeline.add("tool_called", 1.0, name="get_time", arguments="{}")
    timeline.add("tool_called", 2.0, name="set_timer", arguments=arguments)
    assert verdict(summary, timeline)[2] is False


def test_the_scenario_says_what_is_judged() -> None:
    cues = load(demo.SCENARIO).cues
    said = [cue.action.text for cue in cues if isinstance(cue.action, Say)]
    assert {demo.QUESTION, demo.TIMER, demo.AGREEMENT, demo.INTERRUPTION} <= set(said)
    assert sum(isinstance(cue.action, Button) for cue in cues) == 1


def test_a_bad_scenario_ends_with_2_and_its_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = tmp_path / "s.toml"
    scenario.write_text("duration_s = 3\n[[cue]]\nat_s = 1\nsya = 'x'\n")
    assert main(["simulate", str(scenario), "--out", str(tmp_path / "o")]) == 2
    assert "line 4" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_no_scenario_is_a_mistake_too() -> None:
    assert main(["simulate"]) == 2


def test_sigterm_ends_a_run_in_order() -> None:
    ended: list[str] = []

    async def run() -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("in order")

    with pytest.raises(KeyboardInterrupt):
        asyncio.run(_until_terminated(run()))
    assert ended == ["in order"]


def test_a_bad_configuration_is_named_by_its_own_file_and_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario, bad = tmp_path / "s.toml", tmp_path / "bad.toml"
    scenario.write_text("duration_s = 1\n")
    bad.write_text("# mine\n\n[wake]\nthreshhold = 0.4\nthreshold = 7\n")
    words = ["simulate", str(scenario), "--config", str(bad), "--out", str(tmp_path / "o")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert f"{bad}, line 4: wake.threshhold" in said
    assert f"{bad}, line 5: wake.threshold" in said
    assert not (tmp_path / "o").exists()


def test_the_count_of_unanswered_utterances_is_printed() -> None:
    summary, timeline = good()
    summary |= {
        "utterances": [
            {"text": t, "muted": False, "question_lost_ms": None, "word_leak_ms": None}
            for t in ("one", "two", "three")
        ],
        "obeyed": [],
        "acknowledgements": [],
        "unanswered": [{"t": 1.0, "text": "one"}, {"t": 9.0, "text": "three"}],
        "warnings": [],
    }
    shown = io.StringIO()
    tell(Outcome("", summary, None, timeline), Console(shown, quiet=True), Path("o"))
    assert "2 of 3 utterances not answered: “one”, “three”" in shown.getvalue()
    shown = io.StringIO()
    summary["unanswered"] = []
    tell(Outcome("", summary, None, timeline), Console(shown, quiet=True), Path("o"))
    assert shown.getvalue() == ""
