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
def test_a_television_does_not_stop_the_reply_nor_keep_it_low(mode: str) -> None:
    policy = BargeIn(mode, RATE_HZ)
    policy.person_spoke(PERSON_DB)
    first_sign = NearEndHeard(16_000, 10, 0, 0, 0, 40.0, True)
    assert policy.hear(first_sign, 0.0).act is Act.DUCK
    acts = goes_on(policy, PERSON_DB - FAR_DB - 1)
    assert acts.count(Act.RESTORE) == 1 and Act.CUT not in acts and Act.DUCK not in acts
    assert policy.pending_from_frame is None


def test_what_a_television_said_before_does_not_count_for_who_says_yeah() -> None:
    policy = BargeIn("normal", RATE_HZ)
    policy.person_spoke(PERSON_DB)
    far_db = PERSON_DB - FAR_DB - 5
    acts = []
    for lasted_ms in range(32, 4400, 32):
        level_db = PERSON_DB if lasted_ms > 4000 else far_db
        one = NearEndHeard(
            16_000, lasted_ms, lasted_ms - 32, lasted_ms - 32, 0, 40.0, True, level_db
        )
        acts.append(policy.hear(one, lasted_ms / 1000).act)
    assert Act.CUT not in acts


def test_a_person_who_goes_on_over_a_television_interrupts_from_where_they_began() -> None:
    policy = BargeIn("normal", RATE_HZ)
    policy.person_spoke(PERSON_DB)
    cut_at = None
    for lasted_ms in range(32, 6000, 32):
        level_db = PERSON_DB if lasted_ms > 4000 else PERSON_DB - FAR_DB - 5
        one = NearEndHeard(
            16_000, lasted_ms, lasted_ms - 32, lasted_ms - 32, 0, 40.0, True, level_db
        )
        verdict = policy.hear(one, lasted_ms / 1000)
        if verdict.act is Act.CUT:
            cut_at = verdict.from_frame
            break
    began = 16_000 + 4 * RATE_HZ
    assert cut_at is not None and abs(cut_at - began) < 0.4 * RATE_HZ


def test_a_room_that_keeps_giving_signs_is_trusted_less() -> None:
    policy = BargeIn("normal", RATE_HZ)
    ducks = 0
    for number in range(10):
        first = 16_000 * (number + 1)
        for lasted_ms in range(10, 200, 32):
            sign = NearEndHeard(first, lasted_ms, 0, 0, lasted_ms, 30.0, True)
            ducks += policy.hear(sign, number + lasted_ms / 1000).act is Act.DUCK
    assert ducks == 3


def test_while_the_canceller_learns_a_sign_without_speech_lowers_nothing() -> None:
    policy = BargeIn("normal", RATE_HZ)
    assert policy.hear(NearEndHeard(1, 20, 0, 0, 0, 30.0, False), 0.0).act is Act.NOTHING
    assert policy.hear(NearEndHeard(1, 120, 96, 96, 0, 30.0, False), 0.1).act is Act.DUCK


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
