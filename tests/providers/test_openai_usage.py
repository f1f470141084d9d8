"""What replies and transcripts took, told once each."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.commands import AbandonTurn
from device.events import UsageReported, UserTranscript
from device.providers import openai_usage
from device.providers.base import Output
from device.providers.openai_dialects import OFFLINE
from tests.providers.driver import Driver, events
from tests.providers.turns import device_ends_turns, says_a_turn

USAGE = {
    "total_tokens": 253,
    "input_tokens": 132,
    "output_tokens": 121,
    "input_token_details": {
        "text_tokens": 119,
        "audio_tokens": 13,
        "image_tokens": 5,
        "cached_tokens": 70,
        "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 6, "image_tokens": 0},
    },
    "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
}
ALL_KINDS = UsageReported(
    text_in=119,
    text_out=30,
    audio_in=13,
    audio_out=91,
    image_in=5,
    cached_text_in=64,
    cached_audio_in=6,
)
TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


def reports(outputs: list[Output]) -> list[UsageReported]:
    return [event for event in events(outputs) if isinstance(event, UsageReported)]


def test_a_reply_tells_all_kinds_before_it_is_done() -> None:
    driver = Driver().ready()
    driver.created()
    told = events(driver.done(usage=USAGE))
    assert told[0] == ALL_KINDS
    assert len(told) == 2


def test_a_reply_counts_once_however_often_its_end_is_told() -> None:
    driver = Driver().ready()
    driver.created()
    driver.done(usage=USAGE)
    assert driver.done(usage=USAGE) == []


def test_a_cancelled_reply_costs_too() -> None:
    driver = Driver().ready()
    driver.created()
    assert reports(driver.done(status="cancelled", usage=USAGE)) == [ALL_KINDS]


def test_so_does_one_that_nobody_wants() -> None:
    driver = device_ends_turns()
    name = says_a_turn(driver)
    driver.command(AbandonTurn())
    assert events(driver.created(request=name)) == []
    assert events(driver.done(status="cancelled", usage=USAGE)) == [ALL_KINDS]


def test_one_whose_end_comes_after_it_was_given_up_is_counted_then() -> None:
    driver = Driver().ready()
    driver.created()
    driver.wait(15)
    assert events(driver.done(usage=USAGE)) == [ALL_KINDS]


def test_the_offline_service_costs_nothing_and_tells_nothing() -> None:
    driver = Driver(dialect=OFFLINE).ready()
    driver.created()
    assert reports(driver.done(usage=USAGE)) == []
    usage = {"type": "duration", "seconds": 3.0}
    assert reports(driver.event(TRANSCRIBED, item_id="u1", transcript="x", usage=usage)) == []


def test_usage_may_stand_beside_the_response() -> None:
    driver = Driver().ready()
    driver.created()
    response = {"id": "r1", "status": "completed"}
    assert reports(driver.event("response.done", response=response, usage=USAGE)) == [ALL_KINDS]


@pytest.mark.parametrize(
    ("usage", "report"),
    [
        ({"type": "duration", "seconds": 2.5}, UsageReported(seconds=2.5)),
        (
            {
                "type": "tokens",
                "input_tokens": 12,
                "output_tokens": 4,
                "input_token_details": {"text_tokens": 2, "audio_tokens": 10},
            },
            UsageReported(text_in=2, audio_in=10, text_out=4),
        ),
        (
            {"type": "tokens", "input_tokens": 12, "output_tokens": 4},
            UsageReported(audio_in=12, text_out=4),
        ),
    ],
)
def test_a_transcript_is_billed_by_itself(usage: dict[str, Any], report: UsageReported) -> None:
    driver = Driver().ready()
    told = events(driver.event(TRANSCRIBED, item_id="u1", transcript="hello", usage=usage))
    assert told == [UserTranscript("hello", final=True, item_id="u1"), report]


def test_kinds_that_are_not_told_count_as_the_dearest() -> None:
    assert openai_usage.of_response({"input_tokens": 10, "output_tokens": 20}) == UsageReported(
        audio_in=10, audio_out=20
    )


def test_cached_tokens_of_unknown_kind_are_the_beginning_which_is_text() -> None:
    details = {"text_tokens": 100, "audio_tokens": 50, "cached_tokens": 120}
    assert openai_usage.of_response({"input_token_details": details}) == UsageReported(
        text_in=100, audio_in=50, cached_text_in=100, cached_audio_in=20
    )


def test_plural_names_are_understood() -> None:
    usage = {
        "input_tokens_details": {"audio_tokens": 3},
        "output_tokens_details": {"text_tokens": 2},
    }
    assert openai_usage.of_response(usage) == UsageReported(audio_in=3, text_out=2)


@pytest.mark.parametrize("usage", [{}, {"total_tokens": 9}, {"input_token_details": "?"}])
def test_nothing_is_no_report(usage: dict[str, Any]) -> None:
    assert openai_usage.of_response(usage) is None
    assert openai_usage.of_transcription(usage) is None


leaf = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
odd = st.recursive(
    leaf,
    lambda inner: st.dictionaries(
        st.sampled_from(
            [
                "type", "seconds", "input_tokens", "output_tokens", "input_token_details",
                "output_token_details", "cached_tokens_details", "cached_tokens", "text_tokens",
                "audio_tokens", "image_tokens",
            ]
        ),
        inner,
        max_size=6,
    ),
    max_leaves=20,
)  # fmt: skip


@given(odd)
def test_whatever_is_told_no_report_is_negative_or_out_of_range(usage: object) -> None:
    driver = Driver().ready()
    driver.created()
    driver.raw(json.dumps({"type": "response.done", "response": {"id": "r1", "usage": usage}}))
    driver.raw(json.dumps({"type": TRANSCRIBED, "item_id": "u", "transcript": "", "usage": usage}))
    for report in reports(driver.outputs):
        told = [getattr(report, name) for name in UsageReported.__dataclass_fields__]
        numbers = [value for value in told if not isinstance(value, str)]
        assert all(number is None or 0 <= number <= 10**9 for number in numbers)
        assert report.cached_text_in <= report.text_in
        assert report.cached_audio_in <= report.audio_in
