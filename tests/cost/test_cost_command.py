"""``parlor cost``: readable at a glance, and the same for tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from pathlib import Path

import pytest

from device.adapters.meter_store import FILE_NAME, Kept, MeterStore
from device.cli import cost
from device.cli.main import main
from device.core.meter_totals import Day, Totals, dollars
from device.settings_cost import CostSettings

TODAY = date(2026, 11, 22)
OPENAI = Totals(
    audio_in=40_000,
    cached_audio_in=30_000,
    audio_out=9_000,
    text_in=1_000,
    microphone_s=192.0,
    priced_usd=0.84,
    turns=12,
)
LIVE = Totals(billed_s=90.0, microphone_s=8.0, priced_usd=0.075, turns=1)
UNKNOWN = Totals(microphone_s=30.0, unpriced=2, turns=2)


def kept(days: Mapping[date, Day]) -> Kept:
    return Kept(days, written_at=0.0)


def lines(
    days: Mapping[date, Day], count: int | None = None, settings: CostSettings | None = None
) -> list[str]:
    shown = cost.chosen(days, TODAY, count)
    return cost.report(shown, kept(days), TODAY, settings or CostSettings())


def test_today_is_shown_first_by_service() -> None:
    found = lines({TODAY: Day({"openai_realtime": OPENAI, "openai_live": LIVE})})
    assert found[:4] == [
        "Today, Sunday 22 November 2026",
        "  openai_live      $0.0750  1 turn, 8 s of microphone sent, 90 s billed",
        "  openai_realtime  $0.8400  12 turns, 3.2 min of microphone sent, "
        "41.0 k tokens in (30.0 k cached), 9.0 k out",
        "  together         $0.9150  13 turns, 3.3 min of microphone sent, "
        "41.0 k tokens in (30.0 k cached), 9.0 k out, 90 s billed",
    ]


def test_what_has_no_price_is_said_to_have_none() -> None:
    found = lines({TODAY: Day({"gemini": UNKNOWN, "openai_realtime": OPENAI})})
    assert "  gemini           no price known    2 turns, 30 s of microphone sent" in found
    assert any(line.startswith("  together         at least $0.8400") for line in found)


def test_limits_are_shown_with_what_is_left_of_them() -> None:
    settings = CostSettings(daily_usd=5, session_usd=1, daily_minutes=3)
    found = lines({TODAY: Day({"openai_realtime": OPENAI})}, settings=settings)
    at = found.index("Limits")
    assert found[at + 1 : at + 4] == [
        "  daily_usd      $0.8400 of $5.00 (16 %)",
        "  daily_minutes  3.2 of 3 min sent (reached)",
        "  session_usd    $1.00 a session",
    ]


def test_a_limit_in_dollars_says_what_it_does_not_count() -> None:
    found = lines({TODAY: Day({"gemini": UNKNOWN})}, settings=CostSettings(daily_usd=5))
    assert any("no known price is not in it" in line for line in found)


def test_without_limits_it_says_how_to_set_them() -> None:
    assert "  none ([cost] daily_usd, session_usd, daily_minutes)" in lines({})


def test_a_day_without_use_says_so() -> None:
    assert lines({})[1] == "  nothing was used"


def test_this_months_days_follow() -> None:
    days = {
        date(2026, 10, 31): Day({"openai_realtime": OPENAI}),
        date(2026, 11, 2): Day({"openai_realtime": OPENAI}),
        TODAY: Day({"openai_realtime": OPENAI}),
    }
    found = lines(days)
    at = found.index("November 2026, by day")
    assert [line[:21] for line in found[at + 1 : at + 3]] == [
        "  Mon  2 Nov  $0.8400",
        "  Sun 22 Nov  $0.8400",
    ]
    at = found.index("November 2026, by service")
    assert found[at + 1].startswith("  openai_realtime  $1.68  24 turns")


def test_the_last_days_may_be_of_two_months() -> None:
    days = {TODAY - timedelta(days=n): Day({"openai_live": LIVE}) for n in range(31)}
    assert len(cost.chosen(days, TODAY, 7)) == 7
    assert len(cost.chosen(days, TODAY, 31)) == 31
    assert "23 October to 22 November 2026, by day" in lines(days, 31)


@pytest.mark.parametrize(
    ("usd", "shown"), [(0, "$0.00"), (0.0042, "$0.0042"), (0.84, "$0.8400"), (12.345, "$12.35")]
)
def test_small_sums_are_not_rounded_away(usd: float, shown: str) -> None:
    assert dollars(usd) == shown


# --- the command --------------------------------------------------------------------------


@pytest.fixture
def parlor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Runs ``parlor cost`` with a state directory of its own, today being TODAY."""
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    monkeypatch.setattr(cost, "local_day", lambda _: TODAY)

    def run(*words: str) -> tuple[int, str, str]:
        code = main(["cost", *words])
        return code, *capsys.readouterr()

    return run


Parlor = Callable[..., tuple[int, str, str]]


def test_nothing_yet_is_no_error(parlor: Parlor, tmp_path: Path) -> None:
    code, out, _ = parlor()
    assert code == 0
    assert out.startswith(f"Nothing was metered yet: there is no {tmp_path / FILE_NAME}.\n\n")
    assert "* keep     $0 a conversation (60 s)" in out, "the offline one is free"


def test_it_reads_what_the_device_keeps(parlor: Parlor, tmp_path: Path) -> None:
    MeterStore(tmp_path / FILE_NAME).save({TODAY: Day({"openai_realtime": OPENAI})})
    code, out, err = parlor()
    assert (code, err) == (0, "")
    assert "openai_realtime  $0.8400  12 turns, 3.2 min of microphone sent" in out


def test_json_holds_everything(parlor: Parlor, tmp_path: Path) -> None:
    MeterStore(tmp_path / FILE_NAME).save({TODAY: Day({"openai_live": LIVE, "gemini": UNKNOWN})})
    code, out, _ = parlor("--json", "--days", "2")
    assert code == 0
    tree = json.loads(out)
    day = tree["days"]["2026-11-22"]
    assert day["services"]["openai_live"] == {
        "cost_usd": 0.075,
        "billed_s": 90.0,
        "microphone_s": 8.0,
        "priced_usd": 0.075,
        "turns": 1,
    }
    assert day["services"]["gemini"]["cost_usd"] is None
    assert day["total"]["microphone_s"] == 38.0
    assert tree["limits"] == {"daily_usd": 0.0, "session_usd": 0.0, "daily_minutes": 0.0}
    assert tree["today"] == "2026-11-22"
    assert [way["connect"] for way in tree["connecting"]["offline"]] == [
        "on_wake",
        "keep",
        "always",
    ]


def test_the_settings_say_where_it_is_kept_and_what_the_limits_are(
    parlor: Parlor, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    MeterStore(elsewhere / FILE_NAME).save({TODAY: Day({"openai_live": LIVE})})
    file = tmp_path / "parlor.toml"
    file.write_text(f'[cost]\nstate = "{elsewhere}"\ndaily_usd = 1\n')
    code, out, err = parlor("-c", str(file))
    assert (code, err) == (0, "")
    assert "$0.0750 of $1.00 (7 %)" in out


def test_a_mistake_in_its_own_section_is_told_and_stops_nothing(
    parlor: Parlor, tmp_path: Path
) -> None:
    file = tmp_path / "parlor.toml"
    file.write_text("[cost]\ndaily_usd = -1\n[wake]\nthreshold = 7\n")
    code, _, err = parlor("-c", str(file))
    assert code == 0
    assert "cost.daily_usd" in err
    assert "wake" not in err


def test_a_damaged_file_is_an_error_in_one_line(parlor: Parlor, tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text("{")
    code, out, err = parlor()
    assert (code, out) == (1, "")
    assert err == f"parlor: {tmp_path / FILE_NAME} cannot be used: it is torn\n"


@pytest.mark.parametrize("count", ["0", "32", "some"])
def test_days_are_from_one_to_a_month(parlor: Parlor, count: str) -> None:
    with pytest.raises(SystemExit) as caught:
        parlor("--days", count)
    assert caught.value.code == 2
