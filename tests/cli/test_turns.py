"""``parlor turns``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from device.cli.main import main
from device.cli.turns import first_turns, of_entry, of_file, table

TURN = {
    "event": "turn",
    "t_monotonic": 12.0,
    "opened_by": "wake",
    "service": "gemini",
    "wake_to_link_ms": 812.0,
    "speech_end_to_commit_ms": 350.4,
    "commit_to_reply_ms": 210.0,
    "reply_to_playback_ms": 20.0,
    "speech_end_to_playback_ms": 580.4,
}


def timeline(folder: Path, *entries: object) -> Path:
    path = folder / "timeline.jsonl"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries) + '{"event": "tu')
    return path


def test_the_last_turns_of_a_file(tmp_path: Path) -> None:
    path = timeline(tmp_path, {"event": "ready"}, TURN, {**TURN, "service": "offline"})
    assert [turn["service"] for turn in of_file(path, 20)] == ["gemini", "offline"]
    assert [turn["service"] for turn in of_file(path, 1)] == ["offline"]
    assert list(of_file(tmp_path / "none", 3)) == []


def test_an_entry_of_the_journal() -> None:
    line = json.dumps(
        {
            "MESSAGE": "turn opened_by=wake service=gemini speech_end_to_playback_ms=580.4",
            "__REALTIME_TIMESTAMP": "1795000000000000",
        }
    ).encode()
    turn = of_entry(line)
    assert turn == {
        "opened_by": "wake",
        "service": "gemini",
        "speech_end_to_playback_ms": 580.4,
        "at": 1795000000.0,
    }
    for other in (b"{", b"[]", b'{"MESSAGE": [1, 2]}', b'{"MESSAGE": "turned off"}'):
        assert of_entry(other) is None


def test_the_table_shows_where_the_time_went_and_the_median() -> None:
    lines = table([TURN, {**TURN, "speech_end_to_playback_ms": 780.4}, {"opened_by": "button"}])
    assert lines[0].split() == [
        "when",
        "by",
        "service",
        "link",
        "end",
        "of",
        "turn",
        "service",
        "device",
        "felt",
    ]
    assert lines[1].endswith("580 ms") and "gemini" in lines[1]
    assert lines[3].split() == ["-", "button", "-", "-", "-", "-", "-", "-"]
    assert lines[4].endswith("680 ms")


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = timeline(tmp_path, TURN)
    settings = tmp_path / "parlor.toml"
    settings.write_text(f'[log]\ntimeline = "{path}"\n')
    assert main(["turns", "--config", str(settings), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["service"] == "gemini"
    assert main(["turns", "--config", str(settings)]) == 0
    out = capsys.readouterr().out
    assert "580 ms" in out
    assert "To an open session: median 812 ms (n = 1); 0 turns found it open." in out


def test_what_a_first_turn_waits_for_is_a_figure_of_its_own() -> None:
    waited = [{**TURN, "wake_to_link_ms": ms} for ms in (400.0, 500.0, 900.0)]
    open_already = [{**TURN, "wake_to_link_ms": 0.0}] * 5
    told = first_turns([*waited, *open_already, {"opened_by": "wake"}])
    assert told == "To an open session: median 500 ms (n = 3); 5 turns found it open."
    assert first_turns(open_already) == "No turn waited for its session; 5 found it open."
