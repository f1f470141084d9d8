"""The timeline, its file and its console."""

from __future__ import annotations

import io
import json
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from device.simulator.console import INDENT, WIDTH, Console
from device.simulator.timeline import Entry, Timeline


def written(timeline: Timeline, tmp_path: Path) -> list[dict[str, object]]:
    path = tmp_path / "t.jsonl"
    timeline.write(path, tmp_path / "leds.jsonl")
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_times_count_from_the_first_ready(tmp_path: Path) -> None:
    timeline = Timeline()
    timeline.add_reported("service_started", 99.5, {"pid": 3})
    timeline.add_reported("ready", 100.0, {})
    timeline.add_reported("ready", 105.0, {})
    timeline.add("say", 100.25, text="hallo")
    assert written(timeline, tmp_path) == [
        {"t": -0.5, "event": "service_started", "pid": 3},
        {"t": 0.0, "event": "ready"},
        {"t": 0.25, "event": "say", "text": "hallo"},
        {"t": 5.0, "event": "ready"},
    ]


@given(times=st.lists(st.floats(0, 100), min_size=1, max_size=30))
def test_the_order_is_that_of_time(times: list[float]) -> None:
    timeline = Timeline()
    for number, at in enumerate(times):
        timeline.add("e", at, number=number)
    entries = timeline.sorted()
    assert [e.at for e in entries] == sorted(times)
    for first, second in pairwise(entries):
        if first.at == second.at:  # what is simultaneous stays as it came
            assert first.fields["number"] < second.fields["number"]


def test_the_appliances_word_does_not_stand_for_the_simulators(tmp_path: Path) -> None:
    timeline = Timeline()
    timeline.add("ready", 0.0)
    timeline.add("button_pressed", 1.0)
    timeline.add_reported("button_pressed", 1.01, {})
    timeline.add_reported("turn", 2.0, {"latency_ms": 1})
    timeline.add("turn", 2.0, latency_ms=700, preliminary=True)
    timeline.replace("turn", [Entry(2.1, "turn", {"latency_ms": 812})])
    assert [(r["event"], r.get("latency_ms")) for r in written(timeline, tmp_path)] == [
        ("ready", None),
        ("button_pressed", None),
        ("button_noticed", None),
        ("turn_reported", 1),
        ("turn", 812),
    ]


def test_fields_cannot_overwrite_time_and_event_and_lamps_have_their_own_file(
    tmp_path: Path,
) -> None:
    timeline = Timeline()
    timeline.add_reported("ready", 5.0, {"t": 9, "event": "x", "ok": True})
    timeline.add_reported("led", 6.0, {"pin": 22, "lit": True})
    assert written(timeline, tmp_path) == [{"t": 0.0, "event": "ready", "ok": True}]
    lamps = (tmp_path / "leds.jsonl").read_text()
    assert json.loads(lamps) == {"t": 1.0, "event": "led", "pin": 22, "lit": True}


def test_listeners_and_counts() -> None:
    timeline = Timeline()
    seen: list[str] = []
    timeline.listen(lambda entry: seen.append(f"{entry.event}{timeline.counts[entry.event]}"))
    for event in ("a", "b", "a"):
        timeline.add(event, 0.0)
    assert seen == ["a1", "b1", "a2"]


def shown(*entries: Entry, colour: bool = False, quiet: bool = False) -> list[str]:
    out = io.StringIO()
    console = Console(out, colour=colour, quiet=quiet)
    for entry in entries:
        console.entry(entry)
    return out.getvalue().splitlines()


def test_the_console_is_plain_without_a_terminal() -> None:
    lines = shown(
        Entry(99.0, "link_opened", {"session_id": ""}),
        Entry(100.0, "ready"),
        Entry(101.5, "user_transcript", {"text": "half", "final": False}),
        Entry(101.6, "user_transcript", {"text": "what time is it", "final": True}),
        Entry(101.7, "led", {"pin": 1}),
        Entry(102.0, "turn", {"latency_ms": 712.4, "device_ms": None}),
        Entry(103.0, "something_new", {"x": 1.5}),
    )
    assert lines == [
        "  start  = link opened",
        "  0.000  * ready",
        '  1.600  " user transcript      “what time is it”',
        "  2.000  ~ turn                 user's last sample to reply 712 ms",
        "  3.000  - something new        x=1.5",
    ]


def test_a_long_explanation_is_folded_and_nothing_is_lost() -> None:
    detail = " ".join(f"word{number}" for number in range(60)) + " /a/" + "long" * 40
    lines = shown(Entry(1.0, "error", {"detail": detail, "hint": "look there"}))
    assert len(lines) > 4
    assert all(len(line) <= WIDTH or "longlong" in line for line in lines)
    assert all(line.startswith(INDENT) for line in lines[1:])
    told = " ".join(line.strip() for line in lines)
    assert f"detail={detail}" in told
    assert told.endswith("hint=look there")


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "Zs"]), max_size=600))
def test_no_character_of_a_value_is_lost(text: str) -> None:
    lines = shown(Entry(1.0, "error", {"detail": f"<{text}>"}))
    assert "".join(text.split()) in "".join("".join(lines).split())


def test_colour_and_quiet() -> None:
    assert shown(Entry(1.0, "ready"), colour=True)[0].startswith("\x1b[1;32m")
    assert shown(Entry(1.0, "ready"), quiet=True) == []


def test_an_entry_cannot_forge_the_terminal() -> None:
    (line,) = shown(Entry(1.0, "user_transcript", {"text": "a\x1b[31m\nb", "final": True}))
    assert "\x1b" not in line
