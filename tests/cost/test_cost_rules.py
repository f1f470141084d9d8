"""The rules of the [cost] section."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.config import read
from device.config_cost import cost_rules, cost_senseless, own_prices
from device.settings import ServiceSettings, Settings
from device.settings_cost import CostSettings


def priced(*entries: str) -> Settings:
    return Settings(cost=CostSettings(prices=entries))


def test_the_example_of_the_settings_finds_no_fault() -> None:
    settings = priced(
        "openai_realtime gpt-realtime-2.1: audio_in 32, audio_out 64, cached_audio_in 0.4, "
        "text_in 4, text_out 24",
        "openai_live *: minute 0.06",
        "xai *: audio_minute 0.05",
    )
    assert list(cost_rules(settings)) == []
    assert len(own_prices(settings.cost)) == 3


@pytest.mark.parametrize(
    ("entry", "says", "hint"),
    [
        ("openai_live *: minuet 0.06", "no kind of use", 'did you mean "minute"?'),
        ("openai_realtme *: minute 0.06", "unknown service", 'did you mean "openai_realtime"?'),
        ("offline *: minute 0.06", "costs nothing", ""),
        ("openai_live *", "service model", ""),
    ],
)
def test_a_fault_is_named_at_its_setting(entry: str, says: str, hint: str) -> None:
    [(key, mistake)] = cost_rules(priced(entry))
    assert key == "cost.prices"
    assert says in mistake.says
    assert mistake.hint == hint


def test_two_prices_of_one_model_are_one_too_many() -> None:
    [(_, mistake)] = cost_rules(priced("vapi *: minute 0.1", "vapi *: minute 0.2"))
    assert "listed twice" in mistake.says


def test_an_entry_that_cannot_be_read_does_not_cost_the_others() -> None:
    [price] = own_prices(CostSettings(prices=("nonsense", "vapi *: minute 0.1")))
    assert price.service == "vapi"


def limited(provider: str, *fallback: str, prices: tuple[str, ...] = ()) -> list[str]:
    settings = Settings(
        service=ServiceSettings(provider=provider, fallback=fallback),
        cost=CostSettings(daily_usd=5, session_usd=1, prices=prices),
    )
    return [f"{key}: {mistake.says}" for key, mistake in cost_senseless(settings)]


def test_a_limit_in_dollars_needs_a_price() -> None:
    found = limited("openai_realtime", "gemini", "offline")
    assert [line.partition(":")[0] for line in found] == ["cost.daily_usd", "cost.session_usd"]
    assert all("no price is known of gemini," in line for line in found)


@pytest.mark.parametrize("provider", ["offline", "openai_realtime", "openai_live", "wiro"])
def test_it_can_be_kept_to_where_the_price_is_listed_or_told(provider: str) -> None:
    assert limited(provider) == []


def test_it_can_be_kept_to_where_the_owner_says_the_price() -> None:
    assert limited("gemini", prices=("gemini *: audio_in 3, audio_out 12",)) == []


def test_a_model_that_is_not_listed_has_no_price() -> None:
    settings = Settings(
        service=ServiceSettings(provider="openai_realtime", model="gpt-unheard-of"),
        cost=CostSettings(daily_usd=5),
    )
    assert [key for key, _ in cost_senseless(settings)] == ["cost.daily_usd"]


def test_a_file_with_limits_is_read(tmp_path: Path) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text('[cost]\ndaily_usd = 5\nprices = ["openai_live *: minute 0.06"]\n')
    outcome = read(path)
    assert not outcome.errors
    assert outcome.settings.cost.daily_usd == 5.0
    assert outcome.settings.cost.prices == ("openai_live *: minute 0.06",)


@pytest.mark.parametrize("line", ["daily_usd = -1", "warn_part = 2", 'daily_usd = "5"'])
def test_what_is_out_of_bounds_is_refused(tmp_path: Path, line: str) -> None:
    path = tmp_path / "parlor.toml"
    path.write_text(f"[cost]\n{line}\n")
    [error] = read(path).errors
    assert error.key.startswith("cost.")
