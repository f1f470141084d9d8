"""A television that keeps talking does not keep the appliance listening; a person does."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.company import (
    AT_ONCE_S,
    FAR_DB,
    UNPAUSED_AT_ONCE_S,
    UNPAUSED_S,
    Outcome,
    Television,
)
from device.settings import TurnSettings

TURN = TurnSettings()
A_BEAT_S = 0.6


class Room:
    """A conversation, told turn by turn; ``now`` is its clock."""

    def __init__(self, turn: TurnSettings = TURN, level_db: float | None = None) -> None:
        self.tv = Television(turn)
        self.now = 100.0
        self.tv.addressed(level_db)
        self.tv.speech_started(self.now)
        self.pass_s(2.0)
        self.tv.speech_ended()
        self.tv.turn_over(Outcome.ANSWERED)

    def pass_s(self, seconds: float) -> None:
        self.now += seconds

    def speak(
        self,
        outcome: Outcome = Outcome.ANSWERED,
        *,
        after_s: float = A_BEAT_S,
        level_db: float | None = None,
    ) -> bool:
        """The reply ends; somebody speaks for 2 s, and it is decided. Whether they may again."""
        self.tv.window_opened(self.now)
        self.pass_s(after_s)
        self.tv.speech_opened(self.now)
        self.pass_s(2.0)
        assert not self.tv.due(self.now)
        self.tv.speech_ended()
        self.tv.turn_over(outcome, level_db)
        return self.tv.may_listen


def test_a_person_who_answers_goes_on_answering() -> None:
    room = Room()
    assert all(room.speak() for _ in range(TURN.follow_ups - 1))
    assert room.tv.why == ""


def test_after_so_many_turns_the_wake_word_is_needed_again() -> None:
    room = Room(replace(TURN, follow_ups=3))
    assert [room.speak() for _ in range(3)] == [True, True, False]
    assert "3 turns" in room.tv.why


def test_the_wake_word_makes_good_again() -> None:
    room = Room(replace(TURN, follow_ups=1))
    assert not room.speak()
    room.tv.addressed()
    assert room.tv.may_listen


def test_one_turn_that_began_with_the_window_may_be_chance_two_are_not() -> None:
    room = Room()
    assert room.speak(after_s=0.1)
    assert not room.speak(after_s=0.1)
    assert "before" in room.tv.why


def test_a_person_between_them_clears_it_of_suspicion() -> None:
    room = Room()
    assert all(room.speak(after_s=at) for at in (0.1, A_BEAT_S, 0.1, A_BEAT_S, 0.1))


def test_speech_that_was_there_before_the_window_and_does_not_pause_is_given_up() -> None:
    room = Room()
    room.tv.window_opened(room.now)
    room.pass_s(AT_ONCE_S / 2)
    room.tv.speech_opened(room.now)
    assert room.tv.deadline == room.now + UNPAUSED_AT_ONCE_S
    room.pass_s(UNPAUSED_AT_ONCE_S - 0.1)
    assert not room.tv.due(room.now)
    room.pass_s(0.1)
    assert room.tv.due(room.now)
    assert not room.tv.may_listen and room.tv.deadline is None
    assert not room.tv.due(room.now)


def test_an_answer_that_is_long_but_pauses_is_heard_to_its_end() -> None:
    room = Room()
    room.tv.window_opened(room.now)
    room.pass_s(A_BEAT_S)
    room.tv.speech_opened(room.now)
    for _ in range(10):
        room.pass_s(UNPAUSED_S - 1)
        assert not room.tv.due(room.now)
        room.tv.speech_ended()
        assert room.tv.deadline is None
        room.pass_s(0.4)
        room.tv.speech_started(room.now)
    room.pass_s(UNPAUSED_S)
    assert room.tv.due(room.now)


def test_a_pause_proves_speech_that_began_at_once_to_be_no_stream() -> None:
    room = Room()
    room.tv.window_opened(room.now)
    room.tv.speech_opened(room.now + 0.1)
    room.tv.speech_ended()
    room.tv.speech_started(room.now + 2)
    assert room.tv.deadline == room.now + 2 + UNPAUSED_S


def test_being_told_twice_that_somebody_speaks_does_not_put_it_off() -> None:
    room = Room()
    room.tv.window_opened(room.now)
    room.pass_s(A_BEAT_S)
    room.tv.speech_opened(room.now)
    before = room.tv.deadline
    room.tv.speech_started(room.now + 3)
    assert room.tv.deadline == before


def test_two_turns_in_vain_are_the_end_and_one_is_not() -> None:
    room = Room()
    assert room.speak(Outcome.NOTHING)
    assert room.speak()
    assert room.speak(Outcome.NOTHING)
    assert not room.speak(Outcome.NOTHING)


def test_a_turn_that_goes_on_and_on_is_the_end() -> None:
    assert not Room().speak(Outcome.TOO_LONG)


def test_a_voice_from_the_next_room_is_answered_once() -> None:
    room = Room(level_db=-20.0)
    far_db = -20.0 - FAR_DB - 1
    assert room.speak(level_db=far_db)
    assert room.speak(level_db=-22.0)
    assert room.speak(level_db=far_db)
    assert not room.speak(level_db=far_db)


@pytest.mark.parametrize(("word_db", "turn_db"), [(None, -60.0), (-20.0, None), (None, None)])
def test_levels_that_are_not_known_are_not_judged(
    word_db: float | None, turn_db: float | None
) -> None:
    room = Room(level_db=word_db)
    assert all(room.speak(level_db=turn_db) for _ in range(5))


@pytest.mark.parametrize("outcome", Outcome)
def test_a_turn_that_the_wake_word_opened_is_never_judged(outcome: Outcome) -> None:
    tv = Television(TURN)
    for _ in range(5):
        tv.addressed()
        tv.speech_started(0.0)
        assert tv.deadline is None and not tv.due(1e9)
        tv.turn_over(outcome)
        assert tv.may_listen


def test_a_television_without_pauses_gets_one_turn_of_five_seconds() -> None:
    """The story of the requirement: it talks on through everything."""
    room, listened_s = Room(), 0.0
    while room.tv.may_listen:
        room.tv.window_opened(room.now)
        room.pass_s(0.1)
        room.tv.speech_opened(room.now)
        while room.tv.may_listen:
            room.pass_s(0.032)
            listened_s += 0.032
            room.tv.due(room.now)
    assert listened_s <= UNPAUSED_AT_ONCE_S + 0.1


def test_a_television_with_pauses_that_the_service_always_answers_gets_two_turns() -> None:
    room, turns = Room(), 0
    while room.tv.may_listen:
        room.speak(after_s=0.1)
        turns += 1
    assert turns == 2


ACTIONS = st.tuples(
    st.sampled_from(
        ["addressed", "window", "opened", "started", "ended", "due"] + [o.name for o in Outcome]
    ),
    st.floats(0, 8),
    st.one_of(st.none(), st.floats(-80, 0)),
)


@given(st.lists(ACTIONS, max_size=80), st.integers(1, 6))
def test_whatever_happens_its_patience_is_bounded(
    story: list[tuple[str, float, float | None]], most: int
) -> None:
    tv, now = Television(replace(TURN, follow_ups=most)), 0.0
    turns, under_way = 0, False
    for what, passed, level_db in story:
        now += passed
        could = tv.may_listen
        match what:
            case "addressed":
                tv.addressed(level_db)
                turns, under_way, could = 0, False, True
            case "window":
                tv.window_opened(now)
            case "opened" if could and not under_way:
                tv.speech_opened(now)
                turns, under_way = turns + 1, True
            case "opened":
                pass  # the conversation asks `may_listen` first
            case "started":
                tv.speech_started(now)
            case "ended":
                tv.speech_ended()
            case "due":
                under_way &= not tv.due(now)
            case name:
                tv.turn_over(Outcome[name], level_db)
                under_way = False
        assert turns <= most
        assert could or not tv.may_listen  # only the wake word makes good
        assert tv.may_listen == (tv.why == "")
        if tv.deadline is not None:
            assert under_way and tv.deadline <= now + UNPAUSED_S
