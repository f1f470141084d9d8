"""What the figures of a session's life are judged by."""

from __future__ import annotations

from typing import Any

import pytest

from scripts.bench_parts.services.life_part import NEVER, judged
from tests.bench.services_results import LIFE as GOOD


def test_what_is_within_its_limits_is_met() -> None:
    assert [row.met for row in judged(GOOD)] == [True, True, True]


@pytest.mark.parametrize(
    ("row", "bad"),
    [
        (0, {"hearing_s": {"no way": [1.4, NEVER], "black hole": [0.1]}}),
        (1, {"failover_s": {"does not open": [3.2, 3.3], "quota": [0.1]}}),
        (2, {"with": {"lost_samples": 1}}),
        (2, {"with": {"doubled_samples": 1}}),
        (2, {"with": {"gap_ms": 400.0}}),
        (2, {"with": {"errors": 1}}),
        (2, {"with": {"answered": 4}}),
        (2, {"with": {"sessions": 1}}),  # nothing was rolled over
    ],
)
def test_what_is_not_is_missed(row: int, bad: dict[str, Any]) -> None:
    rollover = {**GOOD["rollover"], "with": {**GOOD["rollover"]["with"], **bad.pop("with", {})}}
    found = [one.met for one in judged({**GOOD, "rollover": rollover, **bad})]
    assert found == [number != row for number in range(3)]


def test_what_was_never_heard_is_said() -> None:
    one = judged({**GOOD, "hearing_s": {"no way": [0.2, 0.3, NEVER]}})[0]
    assert "1 of them never" in one.value
