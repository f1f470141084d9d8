"""The person's turn with an ElevenLabs agent: taken, behind it, given up."""

from __future__ import annotations

import pytest

from device.commands import AbandonTurn, AppendAudio, ClearInput
from device.events import TurnCommitted, UserTranscript
from device.providers.base import AskFence
from tests.providers.driver import events
from tests.providers.elevenlabs_driver import RATE_HZ, SECOND, Agent, kinds, sent, spec, told

PIECE = AppendAudio(bytes(2 * RATE_HZ // 10))


def test_the_users_transcript_takes_the_turn() -> None:
    agent = Agent().ready()
    agent.says()
    assert events(agent.heard("hello")) == [
        TurnCommitted("turn_1"),
        UserTranscript("hello", True, "turn_1"),
    ]
    assert told(agent.words()) == ["start reply_1", "words reply_1 It is five."]


@pytest.mark.parametrize("sign", ["words", "audio", "calls"])
def test_without_a_transcript_the_answer_takes_the_turn(sign: str) -> None:
    agent = Agent().ready()
    agent.says()
    assert told(getattr(agent, sign)())[:2] == ["TurnCommitted", "start reply_1"]


def test_a_transcript_that_comes_behind_the_answer_takes_no_second_turn() -> None:
    agent = Agent().ready()
    agent.says()
    agent.audio()
    assert events(agent.heard("hello")) == [UserTranscript("hello", True, "turn_1")]
    assert told(agent.audio()) == ["audio reply_1 32000"]


def test_the_tail_of_a_turn_is_not_passed_on() -> None:
    agent = Agent().ready().asked()
    assert agent.command(PIECE) == []
    agent.command(ClearInput())
    assert sent(agent.command(PIECE)) == PIECE.pcm


def test_behind_a_turn_that_was_taken_silence_is_sent_and_ends() -> None:
    agent = Agent().ready().asked()
    agent.command(PIECE)
    agent.command(ClearInput())
    silence = sent(agent.wait(20))
    assert set(silence) == {0}
    assert 2.0 <= len(silence) / len(SECOND) <= 3.5


def test_in_a_pause_of_the_turn_silence_is_sent_at_real_time_for_a_bounded_time() -> None:
    agent = Agent().ready()
    agent.says(1)
    assert 9.5 <= len(sent(agent.wait(10))) / len(SECOND) <= 10.5
    assert len(sent(agent.wait(100))) / len(SECOND) <= 5.5


def test_a_transcript_of_a_turn_given_up_is_swallowed_and_so_is_its_answer() -> None:
    agent = Agent().ready()
    agent.says()
    agent.command(AbandonTurn())
    agent.wait(1)
    late = [*agent.heard(), *agent.words(), *agent.audio(), *agent.calls(), *agent.audio()]
    assert told(late) == []
    agent.wait(1)
    agent.says()
    assert told(agent.heard("and now")) == ["TurnCommitted", "UserTranscript and now"]
    assert told(agent.audio()) == ["start reply_1", "audio reply_1 32000"]


def test_a_transcript_of_a_turn_given_up_is_not_that_of_the_next() -> None:
    agent = Agent().ready()
    agent.says()
    agent.command(AbandonTurn())
    agent.says(0.5)  # the next one has begun
    assert told([*agent.heard(), *agent.words(), *agent.audio()]) == []
    agent.says(1)
    assert told(agent.heard("and now")) == ["TurnCommitted", "UserTranscript and now"]


def test_a_short_word_after_a_turn_given_up_is_a_turn_with_the_silence_behind_it() -> None:
    agent = Agent().ready()
    agent.says()
    agent.command(AbandonTurn())
    agent.says(0.4)
    agent.wait(0.8)
    assert told(agent.heard("stop")) == ["TurnCommitted", "UserTranscript stop"]


def test_on_a_slow_line_a_fence_tells_what_was_on_its_way() -> None:
    agent = Agent().ready()
    agent.says()
    agent.command(AbandonTurn())
    agent.slow = True
    (fence,) = [o for o in agent.says(2) if isinstance(o, AskFence)]
    assert told([*agent.heard("old"), *agent.audio()]) == []
    agent.take(agent.codec.fence_passed(fence.token, agent.now))
    assert told(agent.heard("new")) == ["TurnCommitted", "UserTranscript new"]


def test_a_fence_that_never_passes_is_not_waited_for_for_ever() -> None:
    agent = Agent().ready()
    agent.says()
    agent.command(AbandonTurn())
    agent.slow = True
    agent.says(6)
    assert told(agent.heard("new")) == ["TurnCommitted", "UserTranscript new"]


def test_a_turn_that_was_taken_and_is_given_up_gets_no_answer() -> None:
    agent = Agent().ready().asked()
    assert kinds(agent.command(AbandonTurn())) == ["user_activity"]
    assert told([*agent.words(), *agent.audio(), *agent.audio()]) == []
    agent.says()
    assert told(agent.audio()) == []  # still of the old one
    agent.asked()
    assert told(agent.audio()) == ["start reply_1", "audio reply_1 32000"]


def test_without_transcripts_an_answer_to_a_turn_given_up_is_swallowed_too() -> None:
    agent = Agent().ready()
    agent.says()
    agent.command(AbandonTurn())
    assert told([*agent.words(), *agent.audio()]) == []
    agent.says()
    assert told(agent.audio()) == []
    assert told(agent.words())[:2] == ["TurnCommitted", "start reply_1"]


def test_what_the_agent_hears_in_what_is_in_no_turn_is_swallowed() -> None:
    agent = Agent().ready().answering()
    agent.wait(3)
    assert told([*agent.heard("the television"), *agent.words(), *agent.audio()]) == []
    agent.asked()
    assert told(agent.audio()) == ["start reply_2", "audio reply_2 32000"]


def test_more_of_a_turn_that_is_not_answered_yet_is_told_and_takes_no_second_turn() -> None:
    agent = Agent().ready().asked()
    assert told(agent.heard("in Berlin")) == ["UserTranscript in Berlin"]
    assert told(agent.audio()) == ["start reply_1", "audio reply_1 32000"]


def test_a_transcript_told_twice_changes_nothing() -> None:
    agent = Agent().ready().answering()
    again = agent.event("user_transcript", user_transcript="what time is it", event_id=1)
    assert told(again) == []
    assert told(agent.audio()) == ["audio reply_1 32000"]


def test_a_greeting_is_no_answer_to_what_is_being_said() -> None:
    agent = Agent().ready(later_s=0)
    agent.says(1)
    assert told([*agent.words("Hi!"), *agent.audio()]) == [
        "start reply_1",
        "words reply_1 Hi!",
        "audio reply_1 32000",
    ]
    agent.says(1)
    assert told(agent.heard("hello")) == [
        "done reply_1 completed",
        "TurnCommitted",
        "UserTranscript hello",
    ]


def test_where_the_greeting_is_overridden_what_comes_first_is_an_answer() -> None:
    agent = Agent(spec(override_first_message=True)).ready(later_s=0)
    agent.says(1)
    assert told(agent.audio())[:2] == ["TurnCommitted", "start reply_1"]


def test_what_the_agent_says_unasked_takes_no_turn() -> None:
    agent = Agent().ready()
    assert told(agent.audio()) == ["start reply_1", "audio reply_1 32000"]


def test_while_it_is_nobodys_turn_the_agent_is_kept_from_talking() -> None:
    agent = Agent().ready(later_s=0)
    assert kinds(agent.wait(9)) == ["user_activity"] * 2
    agent.says(2)
    assert "user_activity" not in kinds(agent.wait(8))  # it would keep it from answering
    agent.heard()
    assert "user_activity" not in kinds(agent.wait(8))
    agent.audio()
    assert kinds(agent.wait(10)) == ["user_activity"] * 2


def test_sound_is_sent_in_the_agents_own_format() -> None:
    agent = Agent().ready("ulaw_8000", "ulaw_8000")
    assert sent(agent.command(AppendAudio(bytes(160)))) == b"\xff" * 80
    agent.heard()
    assert told(agent.audio(b"\xff" * 80)) == ["start reply_1", "audio reply_1 160"]
