"""What a run's results say to people, and what they warn of."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.simulator.console import Console
from device.simulator.evidence import Evidence, Track
from device.simulator.outcome import Outcome, lost_sound, tell, write_results
from device.simulator.report import Report
from device.simulator.timeline import Timeline

T0 = 1000.0
SILENCE = Track(np.zeros(48_000, np.int16), 48_000, T0)


def evidence(mic_xruns: int = 0, faults: tuple[str, ...] = ()) -> Evidence:
    timeline = Timeline()
    timeline.add("ready", T0)
    for number, fault in enumerate(faults):
        timeline.add("fault", T0 + number, fault=fault)
    return Evidence(
        t0=T0,
        end=T0 + 1,
        nominal_rate_hz=48_000,
        speaker=SILENCE,
        mic=SILENCE,
        entries=timeline.sorted(),
        room={"mic_xruns": mic_xruns},
    )


def test_overruns_that_nobody_asked_for_are_warned_of() -> None:
    [warning] = lost_sound(evidence(mic_xruns=3, faults=("xrun_mic", "xrun_speaker")), [])
    assert "too late 2 times" in warning
    assert "wake word" in warning


@pytest.mark.parametrize("faults", [(), ("xrun_mic",), ("xrun_mic", "xrun_mic")])
def test_overruns_that_the_scenario_asked_for_are_not(faults: tuple[str, ...]) -> None:
    assert lost_sound(evidence(mic_xruns=len(faults), faults=faults), []) == []
    assert lost_sound(evidence(mic_xruns=0, faults=faults), []) == []  # nobody had it open


def test_a_fault_that_failed_is_no_excuse() -> None:
    timeline = Timeline()
    timeline.add("fault", T0, fault="xrun_mic", failed="the acoustic engine has ended")
    seen = replace(evidence(mic_xruns=1), entries=timeline.sorted())
    assert len(lost_sound(seen, [])) == 1


def test_sound_that_is_missing_in_what_was_sent_is_warned_of() -> None:
    sent: list[dict[str, Any]] = [
        {"matched": True, "lost_samples": 2400},
        {"matched": True, "lost_samples": 240},
        {"matched": False},
    ]
    [warning] = lost_sound(evidence(), sent)
    assert warning.startswith("110 ms of the microphone's sound are missing")
    assert lost_sound(evidence(), [{"matched": True, "lost_samples": 2}]) == []
    for fault in ("xrun_mic", "unplug_mic"):
        assert lost_sound(evidence(mic_xruns=fault == "xrun_mic", faults=(fault,)), sent) == []


def test_the_warning_stands_in_the_summary_and_is_shown(tmp_path: Path) -> None:
    report = Report(evidence(mic_xruns=1))
    summary = {"warnings": ["the cue in line 3 never came"], **report.summary()}
    timeline = Timeline()
    write_results(tmp_path, report, timeline, summary)
    written = json.loads((tmp_path / "summary.json").read_text())["warnings"]
    assert written[0] == "the cue in line 3 never came"
    assert "too late once" in written[1]
    shown = io.StringIO()
    tell(Outcome("", summary, report, timeline), Console(shown, quiet=True), tmp_path)
    assert f"warning: {written[1]}" in shown.getvalue()


def test_each_unanswered_utterance_is_told_with_its_reason() -> None:
    asked = {"muted": False, "question_lost_ms": None, "word_leak_ms": None}
    summary = {
        "turns": [],
        "obeyed": [],
        "acknowledgements": [],
        "unanswered": [
            {"t": 1.0, "text": "one", "reason": "nothing of it was sent"},
            {"t": 5.0, "text": "two", "reason": ""},
        ],
        "utterances": [{"text": text, **asked} for text in ("one", "two")],
        "warnings": [],
    }
    shown = io.StringIO()
    tell(Outcome("", summary, None, Timeline()), Console(shown, quiet=True), Path("o"))
    assert shown.getvalue().splitlines() == [
        "2 of 2 utterances not answered: “one”, “two”",
        "“one”: nothing of it was sent",
    ]


def test_a_command_that_was_obeyed_without_a_reply_is_told() -> None:
    summary: dict[str, Any] = {"turns": [], "unanswered": [], "utterances": [], "warnings": []}
    summary["obeyed"] = [{"t": 1.0, "text": "hey jarvis, stop"}]
    summary["acknowledgements"] = [{"t": 9.0, "text": "yeah"}]
    shown = io.StringIO()
    tell(Outcome("", summary, None, Timeline()), Console(shown), Path("o"))
    assert "“hey jarvis, stop”: obeyed without a reply" in shown.getvalue()
    assert "“yeah”: an acknowledgement, over which the reply went on" in shown.getvalue()
    assert "not answered" not in shown.getvalue()
