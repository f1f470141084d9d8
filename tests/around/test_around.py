"""A sign while the reply is slow, and a question into the silence after an invitation."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.around import ASKED_S, Next, Sign, SlowReply, StillThere
from device.settings import TurnSettings

TURN = TurnSettings()

# --- the reply is slow -------------------------------------------------------------------


def test_a_reply_in_time_needs_no_sign() -> None:
    slow = SlowReply(TURN)
    slow.begin(10.0)
    assert slow.due(11.1) is None
    assert not slow.stop()
    assert slow.deadline is None and slow.due(99.0) is None


def test_a_slow_reply_is_announced_once_and_then_every_so_often() -> None:
    slow = SlowReply(TURN)
    slow.begin(10.0)
    assert slow.deadline == pytest.approx(11.2)
    assert slow.due(11.2) is Sign.FIRST
    assert slow.due(11.3) is None
    assert slow.deadline == pytest.approx(17.2)
    assert slow.due(17.3) is Sign.AGAIN
    assert slow.due(23.4) is Sign.AGAIN


def test_a_sign_that_may_still_sound_is_stopped_when_the_reply_arrives() -> None:
    slow = SlowReply(TURN)
    slow.begin(10.0)
    slow.due(11.2)
    assert slow.stop()
    assert not slow.stop()
    assert slow.due(99.0) is None


def test_each_turn_begins_anew() -> None:
    slow = SlowReply(TURN)
    slow.begin(10.0)
    slow.due(11.2)
    slow.begin(20.0)
    assert slow.deadline == pytest.approx(21.2)
    assert not slow.stop()
    slow.begin(30.0)
    assert slow.due(31.2) is Sign.FIRST


def test_behind_a_first_part_that_was_heard_the_sign_comes_late_and_as_a_repetition() -> None:
    slow = SlowReply(TURN)
    slow.begin(10.0)
    slow.stop()
    slow.resume(12.0)
    assert slow.due(13.5) is None
    assert slow.due(18.0) is Sign.AGAIN


@pytest.mark.parametrize("again_s", [0.0, 3.0])
def test_zero_means_never(again_s: float) -> None:
    slow = SlowReply(replace(TURN, slow_reply_s=0.0, slow_again_s=again_s))
    slow.begin(10.0)
    assert slow.deadline is None
    slow.resume(10.0)
    assert slow.deadline is None


def test_zero_for_the_repetition_means_only_once() -> None:
    slow = SlowReply(replace(TURN, slow_again_s=0.0))
    slow.begin(10.0)
    assert slow.due(12.0) is Sign.FIRST
    assert slow.deadline is None


def test_new_settings_count_from_the_next_sign_on() -> None:
    slow = SlowReply(TURN)
    slow.begin(10.0)
    slow.apply(replace(TURN, slow_reply_s=5.0, slow_again_s=1.0))
    assert slow.due(11.2) is Sign.FIRST
    assert slow.deadline == pytest.approx(12.2)
    slow.begin(20.0)
    assert slow.deadline == pytest.approx(25.0)


@given(st.lists(st.tuples(st.sampled_from(["begin", "resume", "stop", "due"]), st.floats(0, 3))))
def test_whatever_happens_signs_come_only_while_a_reply_is_awaited(
    story: list[tuple[str, float]],
) -> None:
    slow, now = SlowReply(TURN), 0.0
    since: float | None = None  # the reply is awaited
    firsts, last = 0, float("-inf")
    for what, passed in story:
        now += passed
        if what == "begin":
            slow.begin(now)
            since, firsts, last = now, 0, float("-inf")
        elif what == "resume":
            slow.resume(now)
            since, last = now, float("-inf")
        elif what == "stop":
            slow.stop()
            since = None
        elif (sign := slow.due(now)) is not None:
            assert since is not None
            assert now - since >= TURN.slow_reply_s - 1e-9
            assert now - last >= TURN.slow_again_s - 1e-9
            firsts, last = firsts + (sign is Sign.FIRST), now
            assert firsts <= 1
        assert (slow.deadline is not None) == (since is not None)


# --- nobody answers ------------------------------------------------------------------------


def still(turn: TurnSettings = TURN, *, ask: bool = True, goodbye: bool = True) -> StillThere:
    return StillThere(turn, ask=ask, goodbye=goodbye)


def test_after_a_plain_reply_silence_is_the_end_without_a_word() -> None:
    there = still()
    assert there.heard("It is noon.") == TURN.follow_up_s
    assert there.silence() is Next.CLOSE


def test_after_an_invitation_it_listens_longer_asks_once_and_takes_its_leave() -> None:
    there = still()
    assert there.heard("It is noon. Do you want me to set a timer?") == TURN.invited_s
    assert there.silence() is Next.ASK
    assert there.heard("Are you still there?") == max(TURN.follow_up_s, ASKED_S)
    assert there.silence() is Next.GOODBYE
    assert there.heard("I'll be here.") == 0
    assert there.heard("It is noon.") == TURN.follow_up_s


def test_an_answer_ends_it() -> None:
    there = still()
    there.heard("Shall I?")
    there.silence()
    there.heard("Are you still there?")
    there.forget()
    assert there.heard("Good.") == TURN.follow_up_s
    assert there.silence() is Next.CLOSE


def test_its_own_question_does_not_count_as_the_invitation_to_ask_again() -> None:
    there = still(goodbye=False)
    there.heard("Shall I?")
    assert there.silence() is Next.ASK
    there.heard("Are you still there?")
    assert there.silence() is Next.CLOSE
    assert there.silence() is Next.CLOSE


def test_without_words_for_it_nothing_is_asked_and_no_leave_taken() -> None:
    there = still(ask=False)
    assert there.heard("Shall I?") == TURN.invited_s
    assert there.silence() is Next.CLOSE


def test_a_question_that_could_not_be_said_is_not_waited_for() -> None:
    there = still()
    there.heard("Shall I?")
    there.silence()
    there.forget()
    assert there.heard("It is noon.") == TURN.follow_up_s


def test_behind_an_apology_there_is_time_to_say_it_again_and_nothing_is_asked() -> None:
    there = still()
    there.apologise()
    assert there.heard("Sorry, I did not understand that.") == TURN.invited_s
    assert there.silence() is Next.CLOSE


@pytest.mark.parametrize("reply", ["It is noon.", "Shall I?"])
def test_who_wants_no_follow_up_gets_none(reply: str) -> None:
    assert still(replace(TURN, follow_up_s=0.0)).heard(reply) == 0


def test_an_invitation_never_shortens_the_window() -> None:
    turn = replace(TURN, follow_up_s=20.0, invited_s=8.0)
    assert still(turn).heard("Shall I?") == 20.0


@given(
    st.lists(st.sampled_from(["plain", "question", "silence", "apologise", "forget"]), max_size=40)
)
def test_whatever_happens_it_asks_once_for_each_invitation(story: list[str]) -> None:
    there = still()
    invitations = asked = leaves = 0
    for what in story:
        match what:
            case "plain" | "question":
                invitations += what == "question"
                assert there.heard("Shall I?" if what == "question" else "Yes.") >= 0
            case "silence":
                follows = there.silence()
                asked += follows is Next.ASK
                leaves += follows is Next.GOODBYE
            case "apologise":
                there.apologise()
            case _:
                there.forget()
        assert leaves <= asked <= invitations
