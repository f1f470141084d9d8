"""The acoustic bench: what was measured is judged by the limits that were set, and shown."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from scripts.bench_parts import machine
from scripts.bench_parts.acoustics import figures, judge, judge_talk, run
from scripts.bench_parts.readme_table import ACOUSTIC_MARKS, Row, name_of, standing
from tests.bench.acoustic_results import proportion, results

REPO = Path(__file__).resolve().parents[2]
MACHINE = "AMD EPYC, x86_64, Python 3.11.2, Linux"
SECTION = "# The device\n\n<!-- acoustics -->\nNot measured yet.\n<!-- /acoustics -->\n\n## More\n"
LARGEST_PICTURE = 60_000


def rows(found: dict[str, Any]) -> list[Row]:
    return [row for part in judge.ROWS if part in found for row in run.judged(part, found)]


def the_row(found: dict[str, Any], name: str) -> Row:
    [row] = [row for row in rows(found) if name in row.what]
    return row


def changed(path: str, value: Any) -> dict[str, Any]:
    """The results with one number changed; ``path`` is its way in, with slashes."""
    found = results()
    *way, last = path.split("/")
    inner = found
    for step in way:
        inner = inner[step]
    assert last in inner
    inner[last] = value
    return found


def test_what_is_at_its_limit_is_met() -> None:
    assert [row.what for row in rows(results()) if not row.met] == []


@pytest.mark.parametrize(
    ("name", "limit"),
    [
        ("own replies, echo -10 dB, linear", "0 after the first 5 s, 2 within them"),
        ("own replies, echo -10 dB, clipping speaker", "0 after the first 5 s, 2 within them"),
        ("own replies, echo -10 dB, 50 ppm skew", "1 after the first 5 s, 2 within them"),
        ("own replies, echo -10 dB, moved echo path", "0 after the first 5 s, 2 within them"),
        ("over its own speech, linear 0 dB", "90 %"),
        ("over its own speech, linear -5 dB", "90 %"),
        ("over its own speech, linear -10 dB", "85 %"),
        ("over its own speech, clipping 0 dB", "75 %"),
        ("of that kept in quiet, linear", "93 %; level within 3 dB"),
        ("echo of a real device", "15 dB; 1 %"),
        ("true interruptions found", "97 %"),
        ("barge-in: onset to ducked", "median 100 ms"),
        ("barge-in: onset to cut", "median 700 ms"),
        ("(synthetic) and noises that cut", "at most 5 %"),
        ("last word to turn committed, at 5", "25 % sooner than the best fixed silence"),
        ("confirm: clean recall", "93 %"),
        ('confirm: "jarvis" alone', "at most 5 %"),
        ("confirm: false accepts", "0"),
        ("CPU of one core, idle", "4 %"),
        ("CPU of one core, in a reply", "8 %"),
        ("resident memory", "220 MB with Smart Turn loaded"),
        ("microphones in a reply: MB", "at most linear"),
        ("wake words: % of a core", "at most linear"),
        ("missed wakes, silence", "at most 5 % (pass mark 10 %)"),
        ("missed wakes, stationary noise", "at most 10 % (pass mark 20 %)"),
        ("missed wakes, external music", "at most 10 % (pass mark 20 %)"),
        ("missed wakes, own playback", "at most 16.5 % (pass mark 33 %)"),
        ("false alarms in", "0 (pass mark 3 in 24 h)"),
    ],
)
def test_the_limits_are_those_that_were_set(name: str, limit: str) -> None:
    assert the_row(results(), name).limit == limit


@pytest.mark.parametrize(
    ("path", "value", "name"),
    [
        ("echo/replies/linear/cuts", 3, "-10 dB, linear"),
        ("echo/replies/moved/cuts_early", 3, "moved echo path"),
        ("echo/replies/skew_50ppm/self_wakes_after", 1, "50 ppm skew"),
        ("echo/wake/linear -10 dB/found", proportion(0.84, 60), "speech, linear -10 dB"),
        ("echo/wake/clipping 0 dB/found", proportion(1.0, 59), "speech, clipping 0 dB"),
        ("echo/double_talk/linear/kept", proportion(0.92), "kept in quiet, linear"),
        ("echo/double_talk/linear/level_change_db", 3.1, "kept in quiet, linear"),
        ("echo/real/level_drop_db", 14.9, "echo of a real device"),
        ("echo/real/vad_frames_after", proportion(0.02), "echo of a real device"),
        ("bargein/modes/normal/interruptions_found", proportion(0.96), "interruptions found, -10"),
        ("bargein/modes/normal/onset_to_ducked_ms/p50", 101.0, "barge-in: onset to ducked"),
        (
            "bargein/modes/normal/onset_to_cut_ms",
            {"n": 9, "p50": 701.0, "p90": 800.0},
            "barge-in: onset to cut",
        ),
        (
            "bargein/modes/normal/acknowledgements_and_noises_cut",
            proportion(0.06),
            "noises that cut",
        ),
        ("turn/speakers differ/sooner_median", 0.24, "last word to turn"),
        ("wake/wake/confirm/near_jarvis", proportion(0.0, 0), '"jarvis" alone'),
        ("wake/wake/confirm/near_jarvis", proportion(0.1, 20), '"jarvis" alone'),
        ("wake/wake/confirm/false_accepts", 1, "confirm: false accepts"),
        ("cost/front_end/reply/percent", 8.1, "in a reply"),
        ("cost/memory/smart_turn", False, "resident memory"),
        ("cost/memory/resident_mb", 221.0, "resident memory"),
        ("cost/growth/channels/8/percent", 24.0, "microphones in a reply: %"),
        ("cost/growth/words/8/resident_mb", 130.0, "wake words: MB"),
        ("alsa/found", 4, "interruptions found"),
        ("alsa/self_interruptions", 1, "self-interruptions"),
        ("alsa/onset_to_ducked_ms", {"n": 0}, "s): onset to ducked"),
        ("amazon/missed/silence", proportion(0.06, 60), "missed wakes, silence"),
        ("amazon/delay/pause_ms", None, "wake-word delay"),
    ],
)
def test_what_is_beyond_its_limit_is_missed_and_nothing_else(
    path: str, value: Any, name: str
) -> None:
    missed = [row.what for row in rows(changed(path, value)) if not row.met]
    assert len(missed) == 1
    assert name in missed[0]


def test_a_third_of_the_recordings_is_enough_for_a_quick_run_which_says_so() -> None:
    found = changed("echo/wake/linear 0 dB/found", proportion(0.9, 20))
    assert not the_row(found, "speech, linear 0 dB").met
    found["echo"]["quick"] = True
    row = the_row(found, "speech, linear 0 dB")
    assert row.met
    assert row.value.endswith("; quick: a few recordings only")


@pytest.mark.parametrize(
    ("part", "key"), [("echo", "synthetic_voices_only"), ("amazon", "generated")]
)
def test_rows_say_where_synthetic_voices_stood_in(part: str, key: str) -> None:
    for row in run.judged(part, changed(f"{part}/{key}", True)):
        assert row.value.endswith("; synthetic voices stand in for recordings")


def test_the_run_over_alsa_is_judged_by_the_classes_only_where_they_were_measured() -> None:
    found = changed("alsa/found", 4)
    del found["bargein"]
    row = the_row(found, "interruptions found")
    assert (row.limit, row.met) == ("reported", True)


def test_growth_may_be_linear_or_less_but_no_more() -> None:
    assert judge.at_most_linear([(1, 2.0), (2, 4.0), (4, 8.0), (8, 16.0)], 0.0)
    assert judge.at_most_linear([(1, 2.0), (2, 3.0), (4, 3.5), (8, 3.6)], 0.0)
    assert judge.at_most_linear([(1, 2.0), (2, 1.9), (4, 1.8), (8, 1.9)], 0.1)
    assert not judge.at_most_linear([(1, 1.0), (2, 4.0), (4, 16.0), (8, 64.0)], 0.1)


def test_the_medians_interval_follows_from_the_histogram() -> None:
    edges = [0.0, 25.0, 50.0, 75.0, 100.0]
    assert judge_talk.median_interval(edges, [0, 100, 0, 0]) == (25.0, 50.0)
    assert judge_talk.median_interval(edges, [50, 50, 0, 0]) == (0.0, 50.0)
    assert judge_talk.median_interval(edges, [10, 1000, 10, 10]) == (25.0, 50.0)
    assert judge_talk.median_interval(edges, [1, 0, 0, 1]) == (0.0, 100.0)
    assert judge_talk.median_interval(edges, [0, 0, 0, 0]) == (0.0, 100.0)


@pytest.mark.parametrize("part", run.PARTS)
def test_a_parts_rows_are_known_by_their_names_as_its_own(part: str) -> None:
    for row in run.judged(part, results()):
        owners = [name for name, names in run.NAMES.items() if names.match(row.what)]
        assert owners == [part], row.what


# --- the whole run, with nothing that takes half an hour ---------------------------------------


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A README of its own; the parts print what is recorded. Where the README is."""
    readme = tmp_path / "README.md"
    readme.write_text(SECTION, encoding="utf-8")
    monkeypatch.setattr(run, "README", readme)
    monkeypatch.setattr(machine, "described", lambda: MACHINE)
    monkeypatch.setattr(run, "measure", lambda part, quick: results()[part])
    monkeypatch.setattr(figures, "draw", lambda results, folder: [])
    return readme


def start(monkeypatch: pytest.MonkeyPatch, bench: Path, *arguments: str) -> int:
    out = str(bench.parent / "acoustics.json")
    monkeypatch.setattr("sys.argv", ["bench", *arguments, "--out", out])
    return run.main()


def test_a_whole_run_writes_every_row_into_the_readme(
    bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert start(monkeypatch, bench, "--readme") == 0
    text = bench.read_text(encoding="utf-8")
    assert text.startswith(f"# The device\n\n<!-- acoustics -->\nOn {MACHINE};")
    assert text.endswith("<!-- /acoustics -->\n\n## More\n")
    shown = [name_of(line) for line in standing(text, ACOUSTIC_MARKS).lines]
    assert sorted(shown) == sorted(row.what for row in rows(results()))


def test_other_parts_rows_stay_as_they_are(bench: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start(monkeypatch, bench, "--readme") == 0
    before = standing(bench.read_text(encoding="utf-8"), ACOUSTIC_MARKS).lines
    later = changed("wake/wake/confirm/false_accepts", 1)
    monkeypatch.setattr(run, "measure", lambda part, quick: later[part])
    assert start(monkeypatch, bench, "--readme", "--only", "wake") == 1
    after = standing(bench.read_text(encoding="utf-8"), ACOUSTIC_MARKS).lines
    different = [new for old, new in zip(before, after, strict=True) if old != new]
    assert [name_of(line) for line in different] == [the_row(later, "false accepts").what]
    assert different[0].endswith("| **MISSED** |")


@pytest.mark.parametrize("arguments", [("--quick", "--readme"), ("--readme", "--quick")])
def test_what_a_quick_run_finds_is_not_for_the_readme(
    bench: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.setattr(run, "measure", lambda part, quick: pytest.fail(f"{part} was measured"))
    with pytest.raises(SystemExit):
        start(monkeypatch, bench, *arguments)
    assert "leave --quick out" in capsys.readouterr().err
    assert bench.read_text(encoding="utf-8") == SECTION


def test_rows_of_two_machines_do_not_stand_in_one_table(
    bench: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(monkeypatch, bench, "--readme") == 0
    before = bench.read_text(encoding="utf-8")
    monkeypatch.setattr(machine, "described", lambda: "Cortex-A76, aarch64")
    with pytest.raises(SystemExit):
        start(monkeypatch, bench, "--readme", "--only", "wake")
    assert f"another machine ({MACHINE}; this is Cortex-A76" in capsys.readouterr().err
    assert bench.read_text(encoding="utf-8") == before


def test_a_part_that_fails_costs_the_others_nothing_but_the_run_its_status(
    bench: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def measure(part: str, quick: bool) -> dict[str, Any]:
        if part == "turn":
            raise subprocess.CalledProcessError(1, "turn_rows")
        found: dict[str, Any] = results()[part]
        return found

    monkeypatch.setattr(run, "measure", measure)
    assert start(monkeypatch, bench) == 1
    shown = capsys.readouterr()
    assert "FAILED  turn: measured nothing" in shown.out
    record = json.loads((bench.parent / "acoustics.json").read_text())
    assert set(record["parts"]) == set(run.PARTS) - {"turn"}
    assert not any("last word to turn" in row["what"] for row in record["rows"])


def test_a_quick_run_leaves_out_what_cannot_be_quick(
    bench: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(monkeypatch, bench, "--quick") == 0
    assert "alsa: takes too long for --quick" in capsys.readouterr().err
    record = json.loads((bench.parent / "acoustics.json").read_text())
    assert set(record["parts"]) == set(run.PARTS) - {"alsa"}
    assert all("quick: a few recordings only" in row["value"] for row in record["rows"])


def test_nothing_measured_draws_no_picture(tmp_path: Path) -> None:
    assert figures.draw({"wake": results()["wake"]}, tmp_path) == []


# --- the project's own README ---------------------------------------------------------------


def test_every_row_of_the_projects_readme_belongs_to_a_part() -> None:
    old = standing((REPO / "README.md").read_text(encoding="utf-8"), ACOUSTIC_MARKS)
    for line in old.lines:
        name = name_of(line)
        assert sum(bool(names.match(name)) for names in run.NAMES.values()) == 1, name


def test_the_readme_shows_all_three_pictures_and_they_are_small() -> None:
    text = (REPO / "README.md").read_text(encoding="utf-8")
    shown = re.findall(r"!\[[^\]]+\]\((scripts/bench_parts/acoustics/figures/[^)]+)\)", text)
    assert sorted(Path(path).name for path in shown) == ["bargein.png", "echo.png", "turn.png"]
    for path in shown:
        assert 1000 < (REPO / path).stat().st_size < LARGEST_PICTURE
