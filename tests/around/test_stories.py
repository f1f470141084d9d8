"""The policies around the turn, in whole conversations."""

from __future__ import annotations

import pytest

from device.commands import AbandonTurn, Command, Cue, PlayCue, RequestReply, SpeakPhrase, StopCue
from device.core.company import UNPAUSED_AT_ONCE_S
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LinkClosed,
    PhraseFailed,
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyStarted,
    ReplyTranscript,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    ToolCalled,
    TurnCommitted,
    UserTranscript,
)
from tests.core.story import UNTOLD, Story, wake

ONLINE: dict[str, object] = {"provider": "openai_realtime"}


def phrases(commands: list[Command]) -> list[str]:
    return [c.text for c in commands if isinstance(c, SpeakPhrase)]


def signs(commands: list[Command]) -> int:
    return commands.count(PlayCue(Cue.WORKING))


def answered(story: Story, text: str, number: int = 1) -> list[Command]:
    """A reply of two seconds with this transcript is heard to its end."""
    reply, item = f"r{number}", f"i{number}"
    commands = story.happens(ReplyStarted(reply), ReplyAudioReceived(reply, item, 2000.0))
    commands += story.happens(PlaybackStarted(reply, story.now))
    commands += story.happens(ReplyTranscript(reply, item, text, final=True))
    commands += story.passes(2.0)
    return commands + story.heard_to_the_end(reply, item)


def phrase_heard(story: Story) -> list[Command]:
    """The device's own phrase is spoken and played to its end."""
    asked = [c for c in story.said if isinstance(c, SpeakPhrase)][-1].phrase_id
    assert story.core.wants_phrase(asked)
    commands = story.happens(PlaybackStarted(asked, story.now))
    commands += story.passes(1.0)
    return commands + story.happens(PlaybackStopped(asked, "", StopReason.DONE, 1000, story.now))


def speaks(story: Story, seconds: float) -> list[Command]:
    """Somebody speaks; the service takes it as a turn."""
    commands = story.happens(SpeechStarted(16000), ServiceSpeechStarted())
    commands += story.passes(seconds)
    commands += story.happens(SpeechEnded(16000 + round(16000 * seconds)))
    return commands + story.happens(TurnCommitted("item-user"))


# --- the reply is slow ---------------------------------------------------------------------


def test_a_slow_reply_is_announced_and_the_sign_fades_when_it_arrives() -> None:
    story = Story().thinking()
    assert signs(story.passes(1.1)) == 0
    assert signs(story.passes(0.2)) == 1
    arrived = story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 100.0))
    assert StopCue(Cue.WORKING) in arrived
    story.happens(PlaybackStarted("r1", story.now))
    assert signs(story.passes(10.0)) == 0


def test_a_reply_in_time_is_not_announced() -> None:
    story = Story().thinking()
    said = story.passes(1.0) + answered(story, "It is noon.") + story.passes(10.0)
    assert signs(said) == 0 and StopCue(Cue.WORKING) not in said


def test_a_reply_that_has_begun_without_sound_is_announced_too() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"))
    assert signs(story.passes(1.3)) == 1


def test_a_very_slow_reply_is_announced_again() -> None:
    story = Story().thinking()
    assert signs(story.passes(8.0)) == 2


def test_behind_a_part_that_was_heard_the_rest_is_not_announced_at_once() -> None:
    story = Story().speaking()
    story.happens(ToolCalled("r1", "c", "get_time", "{}"))
    story.heard_to_the_end()
    assert story.phase is Phase.THINKING
    assert signs(story.passes(3.0)) == 0
    assert signs(story.passes(4.0)) == 1


def test_the_sign_may_be_a_phrase_and_one_that_comes_too_late_is_not_said() -> None:
    story = Story(turn={"slow_reply": "phrase"}).thinking()
    said = story.passes(1.3)
    assert phrases(said) == ["One moment."] and signs(said) == 0
    asked = next(c for c in said if isinstance(c, SpeakPhrase)).phrase_id
    assert story.core.wants_phrase(asked)
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 100.0))
    assert not story.core.wants_phrase(asked)


def test_a_turn_that_is_given_up_is_not_announced_any_more() -> None:
    story = Story().thinking()
    story.press()
    assert story.phase is Phase.IDLE
    assert signs(story.passes(20.0)) == 0


# --- nobody answers ---------------------------------------------------------------------------


def test_after_a_question_it_listens_longer_asks_once_and_takes_its_leave() -> None:
    story = Story().thinking()
    answered(story, "It is noon. Shall I set a timer?")
    assert phrases(story.passes(7.9)) == []
    assert story.phase is Phase.FOLLOW_UP
    assert phrases(story.passes(0.2)) == ["Are you still there?"]
    phrase_heard(story)
    assert story.phase is Phase.FOLLOW_UP
    assert phrases(story.passes(5.1)) == ["I'll be here."]
    phrase_heard(story)
    assert story.phase is Phase.IDLE
    assert phrases(story.passes(30.0)) == []


def test_after_a_plain_answer_it_just_stops_listening() -> None:
    story = Story().thinking()
    answered(story, "It is noon.")
    assert story.phase is Phase.FOLLOW_UP
    assert phrases(story.passes(4.1)) == []
    assert story.phase is Phase.IDLE


def test_an_answer_to_the_question_whether_somebody_is_there_goes_on() -> None:
    story = Story().thinking()
    answered(story, "Shall I set a timer?")
    story.passes(8.1)
    phrase_heard(story)
    speaks(story, 1.0)
    assert story.phase is Phase.THINKING
    answered(story, "Good. It is set.", 2)
    assert phrases(story.passes(10.0)) == []


def test_the_service_asks_in_its_own_voice_where_it_can() -> None:
    story = Story(service=ONLINE)
    story.thinking()
    answered(story, "Shall I set a timer?")
    said = story.passes(8.1)
    asked = [c for c in said if isinstance(c, RequestReply)]
    assert len(asked) == 1 and "Are you still there?" in asked[0].instructions
    answered(story, "Are you still there?", 2)
    assert story.phase is Phase.FOLLOW_UP
    said = story.passes(5.1)
    assert any(isinstance(c, RequestReply) and "I'll be here." in c.instructions for c in said)
    answered(story, "I'll be here.", 3)
    assert story.phase is Phase.IDLE


def test_a_voice_that_fails_ends_it_quietly() -> None:
    story = Story().thinking()
    answered(story, "Shall I set a timer?")
    said = story.passes(8.1)
    asked = next(c for c in said if isinstance(c, SpeakPhrase)).phrase_id
    story.happens(PhraseFailed(asked, "no voice"))
    assert story.phase is Phase.IDLE


def test_the_button_silences_the_question() -> None:
    story = Story().thinking()
    answered(story, "Shall I set a timer?")
    said = story.passes(8.1)
    asked = next(c for c in said if isinstance(c, SpeakPhrase)).phrase_id
    story.happens(PlaybackStarted(asked, story.now))
    story.happens(PlaybackStopped(asked, "", StopReason.BUTTON, 300, story.now))
    story.press()
    assert story.phase is Phase.IDLE
    assert phrases(story.passes(30.0)) == []


# --- nothing was understood ---------------------------------------------------------------------


def test_a_sentence_without_words_is_not_guessed_at() -> None:
    story = Story(service=ONLINE, able=UNTOLD).listening()
    speaks(story, 2.0)
    said = story.happens(UserTranscript("", final=True, item_id="item-user"))
    assert phrases(said) == ["Sorry, I did not understand that."]
    assert AbandonTurn() in said
    phrase_heard(story)
    assert story.phase is Phase.FOLLOW_UP
    assert phrases(story.passes(7.0)) == []
    assert story.phase is Phase.FOLLOW_UP
    assert phrases(story.passes(10.0)) == []
    assert story.phase is Phase.IDLE


def test_a_cough_is_not_apologised_for() -> None:
    story = Story(service=ONLINE, able=UNTOLD).listening()
    speaks(story, 0.3)
    assert phrases(story.happens(UserTranscript("", final=True, item_id="item-user"))) == []
    assert story.phase is Phase.THINKING


def test_a_reply_that_has_begun_is_let_through() -> None:
    story = Story(service=ONLINE, able=UNTOLD).listening()
    speaks(story, 2.0)
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 100.0))
    assert phrases(story.happens(UserTranscript("", final=True, item_id="item-user"))) == []


# --- a television -----------------------------------------------------------------------------


def test_a_television_that_does_not_pause_is_given_up_without_a_word() -> None:
    story = Story().thinking()
    answered(story, "It is noon.")
    story.passes(0.1)
    said = story.happens(SpeechStarted(16000), ServiceSpeechStarted())
    assert story.phase is Phase.LISTENING
    said += story.passes(UNPAUSED_AT_ONCE_S + 0.1)
    assert story.phase is Phase.IDLE
    assert AbandonTurn() in said
    assert not any(isinstance(c, PlayCue | SpeakPhrase) for c in said)


def test_a_television_that_is_answered_gets_two_turns() -> None:
    story = Story().thinking()
    answered(story, "It is noon.")
    for number in (2, 3):
        assert story.phase is Phase.FOLLOW_UP
        story.passes(0.1)
        speaks(story, 2.0)
        answered(story, "How interesting! Tell me more.", number)
    assert story.phase is Phase.IDLE
    assert story.reports("company")
    story.happens(wake())
    assert story.phase is Phase.LISTENING


def test_a_person_who_answers_after_a_beat_is_heard_on() -> None:
    story = Story().thinking()
    answered(story, "It is noon.")
    for number in range(2, 10):
        story.passes(0.6)
        speaks(story, 2.0)
        answered(story, "I see.", number)
        assert story.phase is Phase.FOLLOW_UP


# --- the link ----------------------------------------------------------------------------------


def test_while_the_turn_waits_for_a_link_only_the_waiting_cue_says_so() -> None:
    story = Story(turn={"waiting_cue_s": 1.0}).listening()
    story.happens(SpeechStarted(16000))
    story.passes(1.0)
    story.happens(SpeechEnded(32000))
    story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    said = story.passes(10.0)
    assert signs(said) == 0
    assert said.count(PlayCue(Cue.WAITING)) >= 1


@pytest.mark.parametrize("reply", ["It is noon.", "Shall I?"])
def test_without_follow_up_nothing_is_asked(reply: str) -> None:
    story = Story(turn={"follow_up_s": 0.0}).thinking()
    assert phrases(answered(story, reply) + story.passes(30.0)) == []
    assert story.phase is Phase.IDLE
