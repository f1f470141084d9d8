"""What Wiro's sessions cost is counted once, whatever its events repeat or leave out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.events import UsageReported
from device.providers.wiro_costs import Costs
from tests.providers.wiro_driver import Task, emitted

OPENAI_USAGE = {
    "total_tokens": 40,
    "input_tokens": 30,
    "output_tokens": 10,
    "input_token_details": {
        "text_tokens": 12,
        "audio_tokens": 18,
        "cached_tokens": 6,
        "cached_tokens_details": {"text_tokens": 4, "audio_tokens": 2},
    },
    "output_token_details": {"text_tokens": 3, "audio_tokens": 7},
}


def usd(reports: list[UsageReported | None]) -> float:
    return sum(r.cost_usd or 0.0 for r in reports if r is not None)


def test_a_turn_is_told_with_its_price_and_its_tokens() -> None:
    message = {"turnCost": 0.02, "cumulativeCost": 0.02, "usage": OPENAI_USAGE}
    assert Costs().report(message) == UsageReported(
        text_in=12,
        audio_in=18,
        text_out=3,
        audio_out=7,
        cached_text_in=4,
        cached_audio_in=2,
        cost_usd=0.02,
    )


def test_increments_are_told_and_the_sum_is_the_check() -> None:
    costs = Costs()
    first = costs.report({"turnCost": 0.02, "cumulativeCost": 0.02})
    lost_between = costs.report({"turnCost": 0.01, "cumulativeCost": 0.05})
    assert usd([first]) == pytest.approx(0.02)
    assert usd([lost_between]) == pytest.approx(0.03)


@pytest.mark.parametrize("replied", [False, True])
def test_the_last_cost_of_an_empty_account_is_counted_once_however_often_it_comes(
    replied: bool,
) -> None:
    costs = Costs()
    last = {"turnCost": 0.02, "cumulativeCost": 0.12, "usage": OPENAI_USAGE}
    reports = [costs.report({"turnCost": 0.1, "cumulativeCost": 0.1}), costs.report(last)]
    for _ in range(3):
        if replied:
            costs.replied()
        assert costs.report(last) is None
    assert usd(reports) == pytest.approx(0.12)


def test_without_a_sum_turns_are_added_and_repetitions_are_not() -> None:
    costs = Costs()
    turn = {"turnCost": 0.02, "usage": {"input_tokens": 5, "output_tokens": 3}}
    first = costs.report(turn)
    assert first == UsageReported(text_in=5, text_out=3, cost_usd=0.02)
    assert costs.report(turn) is None
    costs.replied()  # another turn, which cost the same
    assert costs.report(turn) == first


def test_a_sum_that_is_told_late_holds_what_was_counted_before() -> None:
    costs = Costs()
    costs.report({"turnCost": 0.02})
    report = costs.report({"turnCost": 0.03, "cumulativeCost": 0.05})
    assert usd([report]) == pytest.approx(0.03)


def test_turns_that_cost_nothing_are_told_with_their_tokens() -> None:
    costs = Costs()
    for count in (1, 2):
        message = {"turnCost": 0, "cumulativeCost": 0, "usage": {"input_tokens": count}}
        assert costs.report(message) == UsageReported(text_in=count, cost_usd=0.0)


def test_tokens_without_a_price_have_none() -> None:
    assert Costs().report({"usage": {"output_tokens": 3}}) == UsageReported(text_out=3)


def test_numbers_may_be_text_and_stand_within_the_message() -> None:
    message = {"message": {"turnCost": "0.02", "cumulativeCost": "0.02"}}
    assert Costs().report(message) == UsageReported(cost_usd=0.02)


rubbish = st.sampled_from(
    [None, True, -1, "-1", "nan", "1e999", 10**400, float("inf"), [], {}, "x", 1e9, [1]]
)


@given(st.lists(st.fixed_dictionaries({}, optional={
    "turnCost": rubbish | st.floats(0, 2), "cumulativeCost": rubbish | st.floats(0, 20),
    "usage": rubbish | st.just({"input_token_details": {"text_tokens": -5}}),
    "message": rubbish,
}), max_size=8))  # fmt: skip
def test_what_is_told_is_never_negative_and_never_more_than_the_largest_sum(
    messages: list[dict[str, Any]],
) -> None:
    costs = Costs()
    reports = [costs.report(message) for message in messages]
    assert all(r is None or (r.cost_usd or 0.0) >= 0.0 for r in reports)
    sums = [m["cumulativeCost"] for m in messages if type(m.get("cumulativeCost")) is float]
    turns = [m["turnCost"] for m in messages if type(m.get("turnCost")) is float]
    limit = max([0.0, *(v for v in sums if 0 <= v < 1e6)]) + sum(v for v in turns if 0 <= v < 1e6)
    assert usd(reports) <= limit + 1e-6


def test_the_session_tells_it() -> None:
    task = Task().ready()
    message = {"turnCost": 0.02, "cumulativeCost": 0.02}
    assert emitted(task.says("task_cost", **message)) == [UsageReported(cost_usd=0.02)]
    assert task.says("task_cost", **message) == []
