"""Prices: what is listed, what the owner says, and what a report costs by them."""

from __future__ import annotations

from datetime import date

import pytest

from device.events_service import UsageReported
from device.prices import (
    KINDS,
    LISTED,
    Price,
    PriceList,
    PriceMistakeError,
    cost_of,
    parse_price,
)
from device.settings import PROVIDERS

REALTIME = PriceList().find("openai_realtime", "gpt-realtime-2.1")


@pytest.mark.parametrize("price", LISTED, ids=lambda p: f"{p.service} {p.model}")
def test_every_listed_price_says_where_and_when_it_was_read(price: Price) -> None:
    assert price.service in PROVIDERS
    assert price.source.startswith("https://")
    assert date.fromisoformat(price.read_on)
    assert price.usd
    assert set(price.usd) <= set(KINDS)
    assert all(usd > 0 for usd in price.usd.values())


def test_no_model_is_listed_twice() -> None:
    names = [(price.service, price.model) for price in LISTED]
    assert len(names) == len(set(names))


def test_a_million_tokens_cost_their_price() -> None:
    million = 1_000_000
    assert cost_of(REALTIME, UsageReported(audio_out=million)) == pytest.approx(64)
    assert cost_of(REALTIME, UsageReported(text_in=million)) == pytest.approx(4)


def test_what_came_from_the_cache_is_counted_once_at_its_own_price() -> None:
    usage = UsageReported(audio_in=1_000_000, cached_audio_in=900_000)
    assert cost_of(REALTIME, usage) == pytest.approx(0.1 * 32 + 0.9 * 0.4)


def test_a_cache_that_claims_more_than_there_was_earns_nothing() -> None:
    usage = UsageReported(text_in=1000, cached_text_in=5000)
    assert cost_of(REALTIME, usage) == pytest.approx(1000 * 0.4 / 1e6)


def test_without_a_price_for_the_cache_it_costs_what_other_input_does() -> None:
    price = Price("gemini", "*", {"audio_in": 3.0})
    usage = UsageReported(audio_in=1_000_000, cached_audio_in=1_000_000)
    assert cost_of(price, usage) == pytest.approx(3.0)


def test_a_kind_without_a_price_leaves_the_cost_unknown() -> None:
    assert cost_of(Price("gemini", "*", {"audio_in": 3.0}), UsageReported(text_in=1)) is None
    assert cost_of(REALTIME, UsageReported(seconds=3.0)) is None
    assert cost_of(None, UsageReported(text_in=1)) is None


def test_a_report_of_nothing_costs_nothing() -> None:
    assert cost_of(None, UsageReported()) == 0


def test_who_bills_by_time_charges_no_tokens() -> None:
    live = PriceList().find("openai_live", "gpt-live-1")
    assert cost_of(live, UsageReported(seconds=90, audio_in=5000)) == pytest.approx(0.075)
    by_sound = parse_price("xai *: audio_minute 0.05")
    assert cost_of(by_sound, UsageReported(audio_in=5000, seconds=9)) == 0


def test_tokens_that_come_without_a_time_are_not_taken_for_free() -> None:
    by_minute = PriceList().find("openai_realtime", "gpt-transcribe")
    assert cost_of(by_minute, UsageReported(audio_in=900_000)) is None
    own = parse_price("openai_live *: minute 0.06")
    assert cost_of(own, UsageReported(text_in=2_000_000, text_out=500_000)) is None


def test_the_backend_of_live_has_a_price_only_where_the_owner_says_one() -> None:
    usage = UsageReported(text_in=2_000_000, text_out=500_000)
    assert cost_of(PriceList().find("openai_live", "gpt-5.5"), usage) is None
    own = PriceList([parse_price("openai_live gpt-5.5: text_in 2, text_out 8")])
    assert cost_of(own.find("openai_live", "gpt-5.5"), usage) == pytest.approx(8.0)


def test_the_offline_service_is_free() -> None:
    usage = UsageReported(text_in=10**9, seconds=10**6)
    assert cost_of(PriceList().find("offline", "any"), usage) == 0


def test_a_service_that_is_not_listed_has_no_price() -> None:
    prices = PriceList()
    assert prices.find("azure_openai", "gpt-realtime-2.1") is None
    assert prices.find("openai_realtime", "gpt-unheard-of") is None
    assert not prices.knows("gemini")
    assert prices.knows("openai_realtime")
    assert prices.knows("offline")


def test_a_dated_snapshot_costs_what_its_model_does_and_a_mini_does_not() -> None:
    prices = PriceList()
    assert prices.find("openai_realtime", "gpt-realtime-2.1-2026-05-01") == REALTIME
    mini = prices.find("openai_realtime", "gpt-realtime-2.1-mini-2026-05-01")
    assert mini is not None
    assert mini.usd["audio_out"] == 20


def test_the_owners_price_comes_first_kind_by_kind() -> None:
    prices = PriceList([parse_price("openai_realtime gpt-realtime-2.1: audio_in 30")])
    found = prices.find("openai_realtime", "gpt-realtime-2.1")
    assert found is not None
    assert (found.usd["audio_in"], found.usd["audio_out"]) == (30, 64)


def test_the_closest_of_the_owners_patterns_counts() -> None:
    prices = PriceList(
        [
            parse_price("gemini gemini-3*: audio_in 2"),
            parse_price("gemini *: audio_in 1"),
            parse_price("gemini gemini-3.8-live: audio_in 3"),
        ]
    )
    told = {
        model: prices.find("gemini", model) for model in ("gemini-3.8-live", "gemini-3.1", "other")
    }
    assert {m: p.usd["audio_in"] for m, p in told.items() if p} == {
        "gemini-3.8-live": 3,
        "gemini-3.1": 2,
        "other": 1,
    }


def test_an_entry_is_read_as_the_settings_show_it() -> None:
    price = parse_price(
        "openai_realtime gpt-realtime-2.1: audio_in 32, audio_out 64, cached_audio_in 0.4, "
        "text_in 4, text_out $24"
    )
    assert (price.service, price.model) == ("openai_realtime", "gpt-realtime-2.1")
    assert price.usd == {
        "audio_in": 32,
        "audio_out": 64,
        "cached_audio_in": 0.4,
        "text_in": 4,
        "text_out": 24,
    }


def test_a_model_may_have_a_colon_in_its_name() -> None:
    assert parse_price("openai_compatible ft:mine:7: minute 0.01").model == "ft:mine:7"


@pytest.mark.parametrize(
    ("entry", "says", "kind"),
    [
        ("", "service model", ""),
        ("openai_live minute 0.06", "service model", ""),
        ("openai_live: minute 0.06", "service model", ""),
        ("openai_live *: minute", "kind of use and its price", ""),
        ("openai_live *: minute 0,06", "kind of use and its price", ""),
        ("openai_live *:", "kind of use and its price", ""),
        ("openai_live *: minutes 0.06", "is no kind of use", "minutes"),
        ("openai_live *: minute cheap", "expected a price", ""),
        ("openai_live *: minute nan", "expected a price", ""),
        ("openai_live *: minute -1", "expected a price", ""),
        ("openai_live *: minute 1e9", "expected a price", ""),
        ("openai_live *: minute 1, minute 2", "two prices", ""),
    ],
)
def test_a_mistake_in_an_entry_is_told(entry: str, says: str, kind: str) -> None:
    with pytest.raises(PriceMistakeError, match=says) as caught:
        parse_price(entry)
    assert caught.value.kind == kind
