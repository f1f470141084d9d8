"""What the meter sums up: a turn, a session, a day; what has a price and what has none."""

from __future__ import annotations

import pytest

from device.core.meter import (
    NOBODY,
)
from device.core.meter_totals import Totals
from device.events_service import UsageReported
from tests.cost.meter_rig import DOLLAR, OPENAI, Rig, utc_day

# --- sums ---------------------------------------------------------------------------------


def test_a_report_counts_to_the_turn_the_session_and_the_day() -> None:
    rig = Rig()
    rig.began()
    rig.turn()
    rig.used(UsageReported(text_in=1000, text_out=500, audio_in=2000, cached_audio_in=800))
    turn = rig.turn_over()
    assert (turn.text_in, turn.text_out, turn.audio_in, turn.cached_audio_in) == (
        1000,
        500,
        2000,
        800,
    )
    cost = (1000 * 4 + 500 * 24 + 1200 * 32 + 800 * 0.4) / 1e6
    assert turn.cost_usd == pytest.approx(cost)
    assert turn == Totals(**{f: getattr(turn, f) for f in Totals.__dataclass_fields__})
    assert rig.meter.session.cost_usd == pytest.approx(cost)
    assert rig.today.cost_usd == pytest.approx(cost)
    assert (turn.turns, rig.meter.session.turns, rig.today.turns) == (1, 1, 1)


def test_each_turn_begins_with_nothing_and_the_session_goes_on() -> None:
    rig = Rig()
    rig.began()
    for _ in range(3):
        rig.turn()
        rig.used(DOLLAR)
        assert rig.turn_over().cost_usd == pytest.approx(1)
    assert rig.meter.session.cost_usd == pytest.approx(3)
    assert rig.meter.session.turns == 3


def test_what_a_service_reports_after_the_turn_is_still_the_turns() -> None:
    rig = Rig()
    rig.began()
    rig.turn()
    rig.turn_over()
    rig.used(DOLLAR)
    assert rig.meter.turn.cost_usd == pytest.approx(1)


def test_a_turn_that_reached_nobody_is_none() -> None:
    rig = Rig()
    rig.turn()
    assert rig.turn_over().turns == 0
    assert rig.today.turns == 0


def test_what_the_service_says_it_cost_comes_before_the_list() -> None:
    rig = Rig()
    rig.began()
    rig.used(UsageReported(text_in=250_000, cost_usd=0.7))
    assert rig.meter.session.cost_usd == pytest.approx(0.7)


def test_microphone_and_reply_are_counted_in_seconds() -> None:
    rig = Rig()
    rig.began()
    rig.turn()
    for _ in range(50):
        rig.sent(0.02)
    rig.heard(2.5)
    assert rig.turn_over().microphone_s == pytest.approx(1.0)
    assert rig.today.reply_s == pytest.approx(2.5)


def test_each_service_has_its_own_sums() -> None:
    rig = Rig()
    rig.began()
    rig.used(DOLLAR)
    rig.over()
    rig.began("openai_live", "gpt-live-1")
    rig.used(UsageReported(seconds=60), "openai_live", "gpt-live-1")
    services = rig.meter.today(rig.wall).services
    assert services[OPENAI].cost_usd == pytest.approx(1)
    assert services["openai_live"].cost_usd == pytest.approx(0.05)
    assert services["openai_live"].billed_s == 60


def test_a_transcript_is_charged_by_the_model_that_wrote_it() -> None:
    rig = Rig()
    rig.began()
    rig.used(UsageReported(seconds=60), model="gpt-transcribe")
    assert rig.meter.session.cost_usd == pytest.approx(0.0045)


def test_sound_before_any_service_is_somebodys_all_the_same() -> None:
    rig = Rig()
    rig.sent(1.0)
    assert rig.meter.today(rig.wall).services[NOBODY].microphone_s == 1.0


def test_what_is_given_out_is_a_copy() -> None:
    rig = Rig()
    rig.began()
    rig.meter.today(rig.wall).of(OPENAI).turns = 99
    rig.meter.days()[utc_day(rig.wall)].of(OPENAI).turns = 99
    rig.meter.session.turns = rig.meter.turn.turns = 99
    assert rig.today.turns == rig.meter.session.turns == rig.meter.turn.turns == 0


# --- prices that are not known ------------------------------------------------------------


def test_without_a_price_nothing_is_made_up() -> None:
    rig = Rig()
    rig.began("gemini", "gemini-3.8-live")
    rig.turn()
    rig.used(UsageReported(audio_in=1000), "gemini", "gemini-3.8-live")
    for sums in (rig.turn_over(), rig.meter.session, rig.today):
        assert sums.cost_usd is None
        assert sums.cost_in_words == "no price known"


def test_a_service_that_tells_nothing_at_all_is_not_free() -> None:
    rig = Rig()
    rig.began("vapi", "", tells=False)
    rig.turn()
    for sums in (rig.turn_over(), rig.meter.session, rig.today):
        assert sums.cost_usd is None


def test_nor_is_one_whose_price_needs_what_it_does_not_tell() -> None:
    rig = Rig(None, "vapi *: audio_in 3")
    rig.began("vapi", "", tells=False)
    assert rig.meter.session.cost_usd is None


def test_a_service_that_tells_its_price_needs_no_list() -> None:
    rig = Rig()
    rig.began("wiro", "openai/gpt-realtime")
    rig.turn()
    assert rig.meter.session.cost_usd is None
    rig.used(UsageReported(cost_usd=0.02), "wiro", "openai/gpt-realtime")
    for sums in (rig.turn_over(), rig.meter.session, rig.today):
        assert sums.cost_usd == pytest.approx(0.02)


def test_beside_something_without_a_price_the_cost_is_at_least_the_rest() -> None:
    rig = Rig()
    rig.began()
    rig.used(DOLLAR)
    rig.used(UsageReported(seconds=5))
    assert rig.meter.session.cost_in_words == "at least $1.00"


# --- services that bill by time -----------------------------------------------------------


def test_a_service_that_bills_by_time_and_does_not_tell_it_is_timed() -> None:
    rig = Rig()
    rig.began("cartesia", "", tells=False)
    rig.passes(30)
    rig.turn()
    rig.passes(60)
    assert rig.turn_over().cost_usd == pytest.approx(0.06)
    rig.passes(30)
    rig.over("cartesia")
    rig.passes(600)
    assert rig.meter.turn.billed_s == pytest.approx(60)  # what came after was no turn
    assert rig.meter.session.billed_s == pytest.approx(120)
    assert rig.meter.session.cost_usd == pytest.approx(0.12)
    assert rig.today.cost_usd == pytest.approx(0.12)


def test_one_that_tells_its_seconds_is_not_timed_as_well() -> None:
    rig = Rig()
    rig.began("openai_live", "gpt-live-1")
    rig.passes(60)
    rig.used(UsageReported(seconds=60), "openai_live", "gpt-live-1")
    assert rig.meter.session.cost_usd == pytest.approx(0.05)


def test_one_that_bills_by_sound_is_charged_for_both_ways() -> None:
    rig = Rig(None, "xai *: audio_minute 0.05")
    rig.began("xai", "grok-voice-latest")
    rig.sent(30)
    rig.heard(90)
    rig.used(UsageReported(audio_in=900), "xai", "grok-voice-latest")
    assert rig.meter.session.cost_usd == pytest.approx(0.10)


def test_a_monotonic_clock_that_stood_still_costs_nothing() -> None:
    rig = Rig()
    rig.began("cartesia", "", tells=False)
    rig.now -= 5
    rig.sent(1)
    assert rig.meter.session.billed_s == 0
