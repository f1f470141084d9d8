"""What an ElevenLabs agent says: heard to its end, cut, interrupted, corrected."""

from __future__ import annotations

import pytest

from device.commands import AbandonTurn, CancelReply, RequestReply, TruncateReply
from device.events import ReplyAudio, ReplyDone
from tests.providers.driver import events
from tests.providers.elevenlabs_driver import SECOND, Agent, kinds, spec, told

CUT = CancelReply("reply_1")


# --- when it is over -----------------------------------------------------------------


def test_a_reply_is_over_when_its_sound_must_have_been_played() -> None:
    agent = Agent().ready().asked()
    agent.words()
    for _ in range(4):
        agent.audio()
    assert told(agent.wait(3.9)) == []
    assert told(agent.wait(0.2)) == ["done reply_1 completed"]


def test_sound_that_is_late_but_in_time_to_be_played_belongs_to_the_reply() -> None:
    agent = Agent().ready().asked()
    agent.audio(5 * SECOND)
    agent.wait(4.9)
    assert told(agent.audio()) == ["audio reply_1 32000"]


def test_at_real_time_a_silence_must_last_a_moment() -> None:
    agent = Agent().ready().asked()
    for _ in range(20):
        agent.audio(SECOND[: len(SECOND) // 10])
        assert "done" not in "".join(told(agent.wait(0.1)))
    assert told(agent.wait(0.8)) == []
    assert told(agent.wait(0.2)) == ["done reply_1 completed"]


def test_when_every_letter_was_voiced_a_short_silence_is_enough() -> None:
    agent = Agent().ready().asked()
    agent.words("It is five.")
    agent.audio(SECOND[:3200], chars="It is ")
    agent.wait(0.1)
    agent.audio(SECOND[:3200], chars="five.")
    assert told(agent.wait(0.45)) == []
    assert told(agent.wait(0.1)) == ["done reply_1 completed"]


@pytest.mark.parametrize("words", ["Hmm.", "Hhmmmm...yeah give me a second..."])
def test_what_fills_a_pause_is_not_the_answer(words: str) -> None:
    agent = Agent().ready().asked()
    agent.words(words)
    agent.audio(SECOND[:16000], chars=words)
    assert told(agent.wait(3.0)) == []
    assert told([*agent.words("It will rain."), *agent.audio(chars="It will rain.")]) == [
        "words reply_1 It will rain.",
        "audio reply_1 32000",
    ]
    assert told(agent.wait(1.1)) == ["done reply_1 completed"]


def test_what_only_looked_like_a_filler_is_over_soon() -> None:
    agent = Agent().ready().asked()
    agent.words("Yes.")
    agent.audio(SECOND[:16000], chars="Yes.")
    assert told(agent.wait(3.6)) == ["done reply_1 completed"]


def test_while_much_is_unvoiced_more_is_waited_for() -> None:
    agent = Agent().ready().asked()
    agent.words("It is five. And tomorrow it will be five again.")
    agent.audio(SECOND[:3200], chars="It is five.")
    assert told(agent.wait(2.9)) == []
    assert told(agent.wait(0.2)) == ["done reply_1 completed"]


def test_words_told_later_are_waited_for_and_belong_to_the_reply() -> None:
    agent = Agent().ready().answering()
    agent.wait(0.9)
    assert told(agent.words("And it rains.")) == ["words reply_1 And it rains."]
    assert told(agent.wait(2.8)) == []
    assert told(agent.audio()) == ["audio reply_1 32000"]


def test_the_longest_silence_stays_below_what_the_core_waits() -> None:
    agent = Agent(spec(reply_timeout_s=5.0)).ready().asked()
    agent.audio(60 * SECOND)
    assert told(agent.wait(3.1)) == ["done reply_1 completed"]


def test_words_without_sound_are_a_failure_that_says_where_to_look() -> None:
    agent = Agent().ready().asked()
    agent.words()
    (done,) = [e for e in events(agent.wait(10)) if isinstance(e, ReplyDone)]
    assert done.status == "failed"
    assert '"audio"' in done.detail


def test_samples_may_be_split_between_messages() -> None:
    agent = Agent().ready().asked()
    outputs = agent.audio(b"\1\2\3") + agent.audio(b"\4")
    assert b"".join(e.pcm for e in events(outputs) if isinstance(e, ReplyAudio)) == b"\1\2\3\4"


# --- cut -----------------------------------------------------------------------------


def test_a_reply_that_is_cut_ends_at_once_and_the_agent_is_told_of_activity() -> None:
    agent = Agent().ready().answering()
    outputs = agent.command(CUT)
    assert told(outputs) == ["done reply_1 cancelled"]
    assert kinds(outputs) == ["user_activity"]
    assert agent.command(CUT) == []


def test_late_sound_words_and_calls_of_a_cut_reply_are_dropped() -> None:
    agent = Agent().ready().answering()
    agent.command(CUT)
    late = [*agent.audio(), *agent.audio(number=1), *agent.words(), *agent.calls(), *agent.audio()]
    assert told(late) == []
    assert kinds(late) == ["client_tool_result"]  # or the agent would wait for it


def test_late_sound_does_not_count_as_an_answer_to_who_barged_in() -> None:
    agent = Agent().ready().answering()
    agent.command(CUT)
    for _ in range(10):
        agent.says(0.3)
        assert told(agent.audio()) == []


def test_the_first_sound_of_the_next_reply_is_not_lost_after_the_transcript() -> None:
    agent = Agent().ready().answering()
    agent.command(CUT)
    agent.audio()
    agent.asked()
    assert told(agent.audio()) == ["start reply_2", "audio reply_2 32000"]


def test_the_first_sound_of_the_next_reply_is_not_lost_after_an_interruption() -> None:
    agent = Agent().ready().answering()
    agent.command(CUT)
    agent.says(0.5)
    last = agent.number
    assert agent.breaks_off() == []
    assert told(agent.audio(number=last)) == []
    agent.says(1)
    assert told(agent.audio())[0] == "TurnCommitted"


def test_words_and_sound_that_come_before_the_transcript_of_their_turn_are_not_lost() -> None:
    """The cut reply had been sent whole, so that the agent says nothing of an interruption."""
    agent = Agent().ready().answering()
    agent.command(CUT)
    agent.says()
    transcript = agent.next()
    agent.words("It rains.")
    assert told(agent.audio()) == []
    outputs = agent.event("user_transcript", user_transcript="and now", event_id=transcript)
    assert told([*outputs, *agent.audio()]) == [
        "TurnCommitted",
        "UserTranscript and now",
        "start reply_2",
        "words reply_2 It rains.",
        "audio reply_2 32000",
        "audio reply_2 32000",
    ]


def test_late_sound_of_the_cut_reply_does_not_come_with_the_transcript() -> None:
    agent = Agent().ready().answering()
    agent.command(CUT)
    agent.says()
    agent.words("More of it.")
    agent.audio()
    assert told(agent.heard("and now")) == ["TurnCommitted", "UserTranscript and now"]
    assert told(agent.audio()) == ["start reply_2", "audio reply_2 32000"]


def test_without_numbers_nothing_is_kept_for_the_transcript() -> None:
    agent = Agent().ready().answering()
    agent.command(CUT)
    agent.says()
    agent.audio()
    outputs = agent.event("user_transcript", user_transcript="and now")
    assert told(outputs) == ["TurnCommitted", "UserTranscript and now"]


def test_of_endless_late_sound_only_the_last_seconds_are_kept() -> None:
    agent = Agent().ready().answering()
    agent.command(CUT)
    agent.says()
    transcript = agent.next()
    for _ in range(100):
        agent.audio(2 * SECOND)
    outputs = agent.event("user_transcript", user_transcript="and now", event_id=transcript)
    sounds = [e for e in events(outputs) if isinstance(e, ReplyAudio)]
    assert 1_800_000 < sum(len(e.pcm) for e in sounds) < 2_000_000


def test_sound_up_to_the_cut_stays_dropped_for_ever() -> None:
    agent = Agent().ready().answering()
    agent.command(CUT)
    last = agent.number
    agent.asked()
    assert told(agent.audio(number=last)) == []
    assert told(agent.audio()) == ["start reply_2", "audio reply_2 32000"]


def test_without_transcripts_the_next_words_after_those_that_were_cut_are_new() -> None:
    agent = Agent().ready()
    agent.says()
    agent.words()
    agent.audio()
    agent.command(CUT)
    agent.says()
    assert told(agent.audio()) == []
    assert told(agent.words("Next."))[:2] == ["TurnCommitted", "start reply_2"]


def test_without_transcripts_and_words_a_silence_that_no_line_has_makes_it_new() -> None:
    agent = Agent().ready()
    agent.says()
    agent.audio()
    agent.command(CUT)
    agent.audio()
    agent.wait(9)
    agent.says(0.9)
    assert told(agent.audio()) == []
    agent.says(10.5)
    assert told(agent.audio())[:2] == ["TurnCommitted", "start reply_2"]


def test_a_cut_of_a_greeting_sends_nothing_into_the_turn_and_loses_no_answer() -> None:
    agent = Agent().ready(later_s=0)
    agent.says(1)
    agent.words("Hi!")
    assert kinds(agent.command(CUT)) == []
    assert told(agent.audio()) == []
    agent.says(1)
    assert told(agent.heard("hello")) == ["TurnCommitted", "UserTranscript hello"]
    assert told(agent.audio()) == ["start reply_2", "audio reply_2 32000"]


def test_a_transcript_of_the_turn_before_the_cut_that_comes_late_is_swallowed() -> None:
    agent = Agent().ready()
    agent.says()
    agent.audio()  # the answer came first
    agent.command(CUT)
    agent.says(0.5)
    assert told([*agent.heard("old"), *agent.audio()]) == []
    agent.says(1)
    assert told(agent.heard("new")) == ["TurnCommitted", "UserTranscript new"]


def test_a_cut_of_another_reply_changes_nothing() -> None:
    agent = Agent().ready().answering()
    assert agent.command(CancelReply("reply_7")) == []
    assert told(agent.audio()) == ["audio reply_1 32000"]


def test_a_reply_that_has_begun_goes_on_when_only_the_turn_is_given_up() -> None:
    agent = Agent().ready().answering()
    agent.command(AbandonTurn())
    assert told(agent.audio()) == ["audio reply_1 32000"]


def test_what_was_heard_cannot_be_told() -> None:
    agent = Agent().ready().answering()
    assert agent.command(TruncateReply("reply_1", 300)) == []
    assert kinds(agent.command(RequestReply("say it"))) == []


# --- interrupted by the service -------------------------------------------------------


def test_an_interruption_ends_the_reply_at_once() -> None:
    agent = Agent().ready().answering()
    assert told(agent.breaks_off()) == ["ReplyInterrupted", "done reply_1 cancelled"]


def test_sound_up_to_an_interruption_is_dropped_and_what_follows_is_another_reply() -> None:
    agent = Agent().ready().answering()
    agent.number = 20
    agent.breaks_off(20)
    assert told(agent.audio(number=19)) == []
    assert told(agent.audio(number=20)) == []
    assert told(agent.audio(number=21)) == [
        "TurnCommitted",
        "start reply_2",
        "audio reply_2 32000",
    ]


def test_who_interrupted_is_heard_and_answered() -> None:
    agent = Agent().ready().answering()
    agent.breaks_off()
    agent.says(1)
    assert told(agent.heard("stop")) == ["TurnCommitted", "UserTranscript stop"]
    assert told(agent.audio()) == ["start reply_2", "audio reply_2 32000"]


def test_a_cut_of_an_interrupted_reply_does_not_mute_the_next() -> None:
    agent = Agent().ready().answering()
    agent.breaks_off()
    assert agent.command(CUT) == []
    agent.says(1)
    assert told(agent.audio())[:2] == ["TurnCommitted", "start reply_2"]


@pytest.mark.parametrize("number", [2**60, 10**300, -5, True, None, "7"])
def test_an_interruption_with_a_senseless_number_makes_nobody_deaf(number: object) -> None:
    agent = Agent().ready().answering()
    agent.event("interruption", event_id=number)
    agent.asked()
    assert told(agent.audio()) == ["start reply_2", "audio reply_2 32000"]


def test_an_interruption_of_nothing_says_nothing() -> None:
    agent = Agent().ready()
    assert agent.breaks_off() == []
