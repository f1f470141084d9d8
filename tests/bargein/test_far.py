"""Who is much quieter than the person whose turn is answered does not stop the reply."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.core.bargein import FAR_DB, Act, BargeIn
from device.events import NearEndHeard

RATE_HZ = 16_000
PERSON_DB = -20.0


def goes_on(policy: BargeIn, level_db: float | None, until_ms: int = 2400) -> list[Act]:
    """Somebody speaks on over the reply, so loud."""
    heard = NearEndHeard(16_000, 0, 0, 0, 0, 40.0, True, level_db)
    acts = []
    for lasted_ms in range(32, until_ms, 32):
        spoken = max(0, lasted_ms - 32)
        one = replace(heard, lasted_ms=lasted_ms, speech_ms=spoken, voiced_ms=spoken)
        acts.append(policy.hear(one, lasted_ms / 1000).act)
    return acts


@pytest.mark.parametrize("mode", ["eager", "normal", "patient"])
def test_a_television_lowers_the_reply_and_does_not_stop_it(mode: str) -> None:
    policy = BargeIn(mode, RATE_HZ)
    policy.person_spoke(PERSON_DB)
    acts = goes_on(policy, PERSON_DB - FAR_DB - 1)
    assert Act.DUCK in acts and Act.CUT not in acts
    assert policy.pending_from_frame is None


@pytest.mark.parametrize("level_db", [PERSON_DB + 10, PERSON_DB, PERSON_DB - FAR_DB + 1, None])
def test_the_person_and_whoever_is_as_near_does(level_db: float | None) -> None:
    policy = BargeIn("normal", RATE_HZ)
    policy.person_spoke(PERSON_DB)
    assert Act.CUT in goes_on(policy, level_db)


def test_without_knowing_how_loud_the_person_is_everybody_counts() -> None:
    policy = BargeIn("normal", RATE_HZ)
    policy.person_spoke(PERSON_DB)
    policy.person_spoke(None)
    assert Act.CUT in goes_on(policy, -60.0)
