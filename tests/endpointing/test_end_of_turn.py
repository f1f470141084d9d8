"""The silence that ends a turn, as sentences."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.endpointing import SAME_TURN_S, EndOfTurn
from device.settings import TurnSettings

SETTINGS = TurnSettings(silence_ms=800)


def policy(**changes: object) -> EndOfTurn:
    return EndOfTurn(replace(SETTINGS, **changes))


def pauses(policy: EndOfTurn, *seconds: float) -> None:
    """Somebody speaks on and on, with these pauses."""
    now = 100.0
    for pause_s in seconds:
        policy.speech_ended(now)
        now += pause_s
        policy.speech_started(now)
        now += 1.0


def test_a_turn_of_a_stranger_ends_after_the_silence_that_is_set() -> None:
    assert policy().speech_ended(10.0).end_at == pytest.approx(10.8)


def test_it_asks_whether_the_turn_sounds_finished() -> None:
    assert policy().speech_ended(10.0).judge


def test_a_finished_sentence_ends_the_turn_sooner_and_an_unfinished_one_later() -> None:
    end = policy()
    neutral = end.speech_ended(10.0).end_at
    finished, unfinished = end.judged(0.98), end.judged(0.02)
    assert finished is not None
    assert unfinished is not None
    assert finished.end_at < neutral < unfinished.end_at


def test_a_verdict_is_asked_for_once_a_pause() -> None:
    end = policy()
    end.speech_ended(10.0)
    judged = end.judged(0.5)
    assert judged is not None
    assert not judged.judge


def test_a_doubtful_verdict_changes_nothing() -> None:
    end = policy()
    neutral = end.speech_ended(10.0)
    judged = end.judged(0.5)
    assert judged is not None
    assert judged.end_at == pytest.approx(neutral.end_at)


def test_the_chance_of_a_pause_is_what_a_verdict_must_outweigh() -> None:
    """Three times as likely at an end: it is ended when three times as many pauses go on."""
    pauses_s = NormalDist(math.log(0.55), 0.5)
    neutral, judged = (math.log(policy().silence_s(finished)) for finished in (None, 0.75))
    assert 1 - pauses_s.cdf(judged) == pytest.approx(3 * (1 - pauses_s.cdf(neutral)), rel=1e-3)


def test_however_sure_a_verdict_is_there_is_silence_first() -> None:
    assert policy().silence_s(1.0) == SETTINGS.shortest_silence_ms / 1000


def test_however_unfinished_it_sounds_the_turn_ends() -> None:
    assert policy().silence_s(0.0) == SETTINGS.longest_silence_ms / 1000


def test_a_verdict_that_comes_late_ends_the_turn_at_a_time_that_has_passed() -> None:
    end = policy()
    end.speech_ended(10.0)
    judged = end.judged(1.0)
    assert judged is not None
    assert judged.end_at < 10.7  # the caller ends it at once when that is over


def test_a_verdict_on_a_pause_that_is_over_is_ignored() -> None:
    end = policy()
    end.speech_ended(10.0)
    end.speech_started(10.4)
    assert end.judged(0.99) is None


def test_a_verdict_on_a_turn_that_is_over_is_ignored() -> None:
    end = policy()
    end.speech_ended(10.0)
    end.new_turn()
    assert end.judged(0.99) is None


def test_who_pauses_long_is_given_longer() -> None:
    end = policy()
    pauses(end, 1.1, 0.9, 1.2)
    assert end.speech_ended(200.0).end_at > 200.8


def test_who_hardly_pauses_is_answered_sooner() -> None:
    end = policy()
    pauses(end, 0.32, 0.35, 0.3)
    assert end.speech_ended(200.0).end_at < 200.8


def test_one_long_pause_counts_for_less_than_three() -> None:
    once, thrice = policy(), policy()
    pauses(once, 1.2)
    pauses(thrice, 1.2, 1.2, 1.2)
    assert once.silence_s(None) < thrice.silence_s(None)


def test_who_pauses_as_most_people_is_answered_sooner_once_that_is_known() -> None:
    end = policy()
    pauses(end, *[0.55] * 6)
    assert end.silence_s(None) < 0.8


def test_stops_within_a_phrase_teach_nothing() -> None:
    end = policy()
    pauses(end, 0.1, 0.2, 0.25)
    assert end.silence_s(None) == pytest.approx(0.8)


def test_what_is_said_much_later_is_no_end_of_a_pause() -> None:
    end = policy()
    pauses(end, SAME_TURN_S + 0.1)
    assert end.silence_s(None) == pytest.approx(0.8)


def test_being_cut_off_teaches_when_speech_goes_on_after_the_turn_was_ended() -> None:
    end = policy()
    wait = end.speech_ended(10.0)
    end.speech_started(wait.end_at + 0.5)  # the turn was ended at end_at
    assert end.silence_s(None) > 0.8


def test_the_pause_between_two_turns_teaches_nothing() -> None:
    end = policy()
    end.speech_ended(10.0)
    end.new_turn()
    end.speech_started(11.5)
    assert end.silence_s(None) == pytest.approx(0.8)


def test_the_next_conversation_begins_with_a_stranger() -> None:
    end = policy()
    pauses(end, 1.2, 1.2)
    end.new_conversation()
    assert end.silence_s(None) == pytest.approx(0.8)


def test_another_setting_keeps_what_was_learned() -> None:
    end = policy()
    pauses(end, 1.2, 1.2)
    end.apply(replace(SETTINGS, silence_ms=600))
    assert end.silence_s(None) > 0.7


def test_eagerness_is_the_order_in_which_answers_come() -> None:
    waits = [policy(eagerness=eagerness).silence_s(None) for eagerness in ("high", "medium", "low")]
    assert waits[0] < waits[1] < waits[2]


def test_fixed_is_the_same_silence_for_all_and_nobody_is_asked() -> None:
    end = policy(eagerness="fixed")
    pauses(end, 1.2, 1.2)
    wait = end.speech_ended(10.0)
    judged = end.judged(0.01)
    assert wait.end_at == pytest.approx(10.8)
    assert not wait.judge
    assert judged is not None
    assert judged.end_at == pytest.approx(10.8)


def test_a_silence_set_beyond_the_bounds_is_meant() -> None:
    assert policy(silence_ms=4000).silence_s(None) == pytest.approx(4.0)
    assert policy(silence_ms=250).silence_s(None) == pytest.approx(0.25)


MOVES = st.one_of(
    st.tuples(st.just("ended"), st.floats(0, 5)),
    st.tuples(st.just("started"), st.floats(0, 5)),
    st.tuples(st.just("judged"), st.floats(-1, 2)),
    st.tuples(st.just("new_turn"), st.just(0.0)),
)


@given(
    st.lists(MOVES, max_size=40),
    st.sampled_from(["low", "medium", "high", "fixed"]),
    st.integers(200, 5000),
)
def test_in_whatever_order_it_is_told_the_silence_stays_within_its_bounds(
    moves: list[tuple[str, float]], eagerness: str, silence_ms: int
) -> None:
    settings = TurnSettings(silence_ms=silence_ms, eagerness=eagerness)
    end, now, ended_at = EndOfTurn(settings), 10.0, None
    for move, value in moves:
        wait = None
        if move == "ended":
            now += value
            wait, ended_at = end.speech_ended(now), now
        elif move == "started":
            now += value
            end.speech_started(now)
            ended_at = None
        elif move == "judged":
            wait = end.judged(value)
            assert (wait is None) == (ended_at is None)
        else:
            end.new_turn()
            ended_at = None
        if wait is not None and ended_at is not None:
            silence = 1000 * (wait.end_at - ended_at)
            assert min(settings.shortest_silence_ms, silence_ms) <= silence + 1e-6
            assert silence <= max(settings.longest_silence_ms, silence_ms) + 1e-6
        assert end.silence_s(1.0) <= end.silence_s(None) <= end.silence_s(0.0)
