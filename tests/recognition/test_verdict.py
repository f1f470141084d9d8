"""Hearings in, verdict out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.local.recognition.port import Refusal
from device.local.recognition.verdict import (
    AGREED_RATIO,
    ALONE_RATIO,
    SURE_RATIO,
    UNSURE_RATIO,
    Hearing,
    judge,
    settled,
)

NONSENSE = Hearing("jarvis volume tea", 0.0)


def timer(ratio: float, seconds: int = 60) -> Hearing:
    return Hearing("set a timer", ratio, "set_timer", {"seconds": seconds})


def stop(ratio: float) -> Hearing:
    return Hearing("stop", ratio, "stop")


def test_nothing_said_is_empty() -> None:
    assert judge([]).reason is Refusal.EMPTY


def test_a_sure_hearing_is_enough() -> None:
    assert settled([timer(SURE_RATIO)])
    answer = judge([timer(SURE_RATIO)])
    assert answer.accepted
    assert (answer.intent, answer.slots) == ("set_timer", {"seconds": 60})


def test_an_unsure_hearing_asks_for_another_until_two_agree() -> None:
    unsure = timer(0.5)
    assert not settled([unsure])
    assert not settled([unsure, stop(0.5)])
    assert not settled([NONSENSE, NONSENSE])
    assert settled([unsure, stop(0.5), timer(0.47)])


def test_agreement_outvotes_a_better_ratio() -> None:
    answer = judge([stop(0.61), timer(0.5), timer(0.47)])
    assert answer.accepted
    assert answer.intent == "set_timer"


def test_the_same_words_with_other_numbers_do_not_agree() -> None:
    answer = judge([timer(0.5, 50), timer(0.5, 15)])
    assert not answer.accepted
    assert answer.reason is Refusal.UNSURE


def test_a_lone_hearing_must_be_better_than_one_of_two() -> None:
    lone = (AGREED_RATIO + ALONE_RATIO) / 2
    assert not judge([stop(lone), NONSENSE, NONSENSE]).accepted
    assert judge([stop(lone), NONSENSE, stop(AGREED_RATIO)]).accepted
    assert judge([NONSENSE, NONSENSE, stop(ALONE_RATIO)]).accepted


def test_far_from_every_command_is_off_topic_not_unsure() -> None:
    assert judge([stop(UNSURE_RATIO - 0.01)]).reason is Refusal.OFF_TOPIC
    assert judge([NONSENSE, NONSENSE, NONSENSE]).reason is Refusal.OFF_TOPIC


hearings = st.lists(
    st.builds(
        lambda ratio, meaning: Hearing("words", ratio, *meaning),
        st.floats(0, 1.2),
        st.sampled_from(
            [(None, {}), ("stop", {}), ("set_timer", {"seconds": 1}), ("set_timer", {"seconds": 2})]
        ),
    ),
    max_size=3,
)


@given(hearings)
def test_what_is_accepted_was_heard_and_well_enough(heard: list[Hearing]) -> None:
    answer = judge(heard)
    assert 0 <= answer.confidence <= 1
    if answer.accepted:
        same = [h for h in heard if (h.intent, h.slots) == (answer.intent, answer.slots)]
        assert max(h.ratio for h in same) >= (AGREED_RATIO if len(same) > 1 else ALONE_RATIO)
        assert answer.reason is Refusal.NONE
    else:
        assert answer.intent is None
        assert answer.reason is not Refusal.NONE


@given(hearings, st.floats(0, 1.2))
def test_one_more_hearing_that_agrees_never_revokes(heard: list[Hearing], ratio: float) -> None:
    answer = judge(heard)
    if answer.accepted:
        again = Hearing("words", ratio, answer.intent, answer.slots)
        assert judge([*heard, again]).accepted
