"""What holds whatever is heard, set and waited for, in whatever order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.core.bargein import DEMANDS, LONGEST_S, LOST_S, Act, BargeIn
from device.events import NearEndHeard
from tests.bargein.sounds import RATE_HZ

SOUNDS = st.builds(
    NearEndHeard,
    since_frame=st.integers(0, 5).map(lambda n: n * 8000),
    lasted_ms=st.integers(0, 80).map(lambda n: n * 32),
    speech_ms=st.integers(0, 2500),
    voiced_ms=st.integers(0, 2500),
    quiet_ms=st.sampled_from([0, 0, 0, 16, 64, 160, 400, 1000]),
    above_echo_db=st.floats(-20, 60),
    certain=st.booleans(),
)
MODES = st.sampled_from(["eager", "normal", "patient", "off"])
STEPS = st.lists(
    st.tuples(
        st.floats(0.0, 1.0),
        st.one_of(SOUNDS, MODES.map(lambda mode: ("tune", mode)), st.none()),
    ),
    max_size=30,
)


@given(MODES, STEPS)
def test_every_cut_follows_a_duck_and_nothing_follows_a_cut(mode: str, steps: object) -> None:
    policy, now, ducked, cut = BargeIn(mode, RATE_HZ), 0.0, False, False
    for wait, what in steps:  # type: ignore[attr-defined]
        now += wait
        act = _do(policy, what, now)
        assert not (cut and act is not Act.NOTHING)
        if act is Act.DUCK:
            assert not ducked
            ducked = True
        elif act is Act.RESTORE:
            assert ducked
            ducked = False
        elif act is Act.CUT:
            assert ducked
            ducked, cut = False, True
        assert policy.ducked is ducked


@given(STEPS)
def test_switched_off_nothing_is_ever_done(steps: object) -> None:
    policy, now = BargeIn("off", RATE_HZ), 0.0
    for wait, what in steps:  # type: ignore[attr-defined]
        now += wait
        if isinstance(what, tuple):
            continue
        assert _do(policy, what, now) is Act.NOTHING


@given(MODES, STEPS)
def test_it_is_never_ducked_for_longer_than_it_may(mode: str, steps: object) -> None:
    policy, now, since, heard_at = BargeIn(mode, RATE_HZ), 0.0, 0.0, 0.0
    for wait, what in steps:  # type: ignore[attr-defined]
        now += wait
        if policy.due is not None and policy.due <= now:
            assert policy.tick(policy.due).act is Act.RESTORE
        before = policy.ducked
        if isinstance(what, NearEndHeard):
            heard_at = now
        _do(policy, what, now)
        if policy.ducked and not before:
            since = now
        if policy.ducked:
            assert now < since + LONGEST_S
            assert now < heard_at + LOST_S


@given(st.sampled_from(sorted(DEMANDS)), STEPS)
def test_a_cut_takes_speech_that_is_loud_enough(mode: str, steps: object) -> None:
    policy, now, last = BargeIn(mode, RATE_HZ), 0.0, None
    for wait, what in steps:  # type: ignore[attr-defined]
        now += wait
        if isinstance(what, tuple):
            continue
        if isinstance(what, NearEndHeard):
            last = what
        if _do(policy, what, now) is Act.CUT:
            assert last is not None
            assert last.speech_ms >= 0.6 * DEMANDS[mode].span_ms
            assert last.above_echo_db >= DEMANDS[mode].least_db


def _do(policy: BargeIn, what: object, now: float) -> Act:
    if isinstance(what, NearEndHeard):
        return policy.hear(what, now).act
    if isinstance(what, tuple):
        policy.tune(what[1])
        return policy.tick(now).act
    return policy.tick(now).act
