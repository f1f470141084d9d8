"""What the device says of its own accord: a sign, a question, a goodbye, an apology."""

from __future__ import annotations

from device.commands import (
    AbandonTurn,
    CancelReply,
    Command,
    Cue,
    CutPlayback,
    PlayCue,
    RequestReply,
    RunVad,
    SpeakPhrase,
    StopCue,
)
from device.core.phases import Phase
from device.core.phrasebook import PATIENCE_S
from device.events import (
    LinkOpened,
    PhraseFailed,
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    TurnCommitted,
    UserTranscript,
)
from tests.core.story import UNTOLD, Story, wake

REMOTE = {"provider": "openai_realtime"}


def cues(commands: list[Command]) -> list[Cue]:
    return [c.cue for c in commands if isinstance(c, PlayCue)]


def phrases(commands: list[Command]) -> list[str]:
    return [c.text for c in commands if isinstance(c, SpeakPhrase)]


def phrase_id(story: Story) -> str:
    return next(c.phrase_id for c in reversed(story.said) if isinstance(c, SpeakPhrase))


def is_said(story: Story) -> list[Command]:
    """The last phrase comes, sounds, and is heard to its end."""
    name = phrase_id(story)
    assert story.core.wants_phrase(name)
    commands = story.happens(PlaybackStarted(name, story.now))
    story.passes(1.0)
    return commands + story.happens(PlaybackStopped(name, "", StopReason.DONE, 1000, story.now))


def asked(story: Story, question: str = "Shall I set it for ten minutes?") -> None:
    """A reply that asks something was heard to its end."""
    story.speaking()
    story.happens(ReplyTranscript("r1", "i1", question, True))
    story.heard_to_the_end()


# --- a slow reply ------------------------------------------------------------------------------


def test_a_slow_reply_is_announced_once_and_again_much_later() -> None:
    story = Story().thinking()
    assert cues(story.passes(1.1)) == []
    assert cues(story.passes(0.2)) == [Cue.WORKING]
    assert cues(story.passes(5.8)) == []
    assert cues(story.passes(0.3)) == [Cue.WORKING]


def test_the_sign_fades_when_the_reply_arrives_and_is_never_over_it() -> None:
    story = Story().thinking()
    story.passes(1.3)
    story.happens(ReplyStarted("r1"))
    commands = story.happens(ReplyAudioReceived("r1", "i1", 100.0))
    assert StopCue(Cue.WORKING) in commands
    story.happens(PlaybackStarted("r1", story.now))
    assert cues(story.passes(10)) == []


def test_a_quick_reply_is_not_announced() -> None:
    story = Story().thinking()
    story.passes(0.8)
    story.happens(ReplyStarted("r1"))
    commands = story.happens(ReplyAudioReceived("r1", "i1", 100.0))
    assert StopCue(Cue.WORKING) not in commands
    story.happens(PlaybackStarted("r1", story.now))
    assert cues(story.passes(5)) == []


def test_no_sign_is_given_for_a_turn_that_still_waits_for_the_link() -> None:
    story = Story()
    story.happens(wake(), SpeechStarted(20000), SpeechEnded(30000))
    story.passes(4.0)
    assert Cue.WORKING not in cues(story.said)
    story.happens(LinkOpened("s"), ServiceSpeechStarted(), TurnCommitted("u"))
    assert cues(story.passes(1.3)) == [Cue.WORKING]


def test_the_sign_may_be_a_phrase_and_one_that_comes_too_late_is_not_said() -> None:
    story = Story(turn={"slow_reply": "phrase"}).thinking()
    assert phrases(story.passes(1.3)) == ["One moment."]
    name = phrase_id(story)
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 100.0))
    assert not story.core.wants_phrase(name)


def test_a_phrase_that_is_a_sign_leaves_the_turn_as_it_is() -> None:
    story = Story(turn={"slow_reply": "phrase"}).thinking()
    story.passes(1.3)
    is_said(story)
    assert story.phase is Phase.THINKING
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 900.0))
    story.happens(PlaybackStarted("r1", story.now))
    assert story.phase is Phase.SPEAKING


def test_signs_that_are_phrases_do_not_pile_up_before_the_reply() -> None:
    story = Story(turn={"slow_reply": "phrase", "slow_again_s": 2.0}).thinking()
    story.passes(1.3)
    name = phrase_id(story)
    story.happens(PlaybackStarted(name, story.now))
    assert phrases(story.passes(3.5)) == []  # it is a long one
    story.happens(PlaybackStopped(name, "", StopReason.DONE, 3500, story.now))
    assert phrases(story.passes(0.6)) == ["I am still working on it."]


def test_a_sign_that_cannot_be_said_holds_back_no_other() -> None:
    story = Story(turn={"slow_reply": "phrase", "slow_again_s": 2.0}).thinking()
    story.passes(1.3)
    story.happens(PhraseFailed(phrase_id(story), "no voice"))
    assert phrases(story.passes(2.5)) == ["I am still working on it."]


def test_a_press_ends_the_sign_as_well() -> None:
    story = Story().thinking()
    story.passes(1.3)
    assert StopCue(Cue.WORKING) in story.press()
    assert cues(story.passes(10)) == []


# --- nobody answers -------------------------------------------------------------------------------


def test_after_a_question_it_listens_longer_asks_once_and_leaves_with_a_word() -> None:
    story = Story()
    asked(story)
    assert story.phase is Phase.FOLLOW_UP
    assert phrases(story.passes(7.9)) == []
    assert phrases(story.passes(0.2)) == ["Are you still there?"]
    is_said(story)
    assert story.phase is Phase.FOLLOW_UP
    assert phrases(story.passes(6)) == ["I'll be here."]
    is_said(story)
    assert story.phase is Phase.IDLE


def test_after_a_plain_reply_it_just_stops_listening() -> None:
    story = Story().speaking()
    story.happens(ReplyTranscript("r1", "i1", "It is ten past four.", True))
    story.heard_to_the_end()
    assert phrases(story.passes(5)) == []
    assert story.phase is Phase.IDLE


def test_while_it_asks_it_does_not_listen_to_itself() -> None:
    story = Story()
    asked(story)
    commands = story.passes(8.1)
    assert RunVad(False) in commands
    assert RunVad(True) in is_said(story)


def test_whoever_answers_is_heard_and_the_question_forgotten() -> None:
    story = Story()
    asked(story)
    story.passes(8.1)
    is_said(story)
    story.happens(SpeechStarted(50_000))
    assert story.phase is Phase.LISTENING
    story.happens(ServiceSpeechStarted(), TurnCommitted("u2"), ReplyStarted("r2"))
    story.happens(ReplyAudioReceived("r2", "i2", 500.0), PlaybackStarted("r2", story.now))
    story.happens(ReplyDone("r2", "completed"))
    story.playback_stops(StopReason.DONE, 500, "r2", "i2")
    assert phrases(story.passes(10)) == []


def test_the_wake_word_cuts_the_question() -> None:
    story = Story()
    asked(story)
    story.passes(8.1)
    story.happens(PlaybackStarted(phrase_id(story), story.now))
    commands = story.happens(wake(90_000))
    assert CutPlayback(StopReason.WAKE) in commands
    assert story.phase is Phase.LISTENING


def test_a_voice_that_is_not_there_is_no_reason_to_hang() -> None:
    story = Story()
    asked(story)
    story.passes(8.1)
    story.happens(PhraseFailed(phrase_id(story), "no voice"))
    assert story.phase is Phase.IDLE
    assert story.reports("phrase_failed") == [{"detail": "no voice"}]


def test_nor_is_one_that_never_answers() -> None:
    story = Story()
    asked(story)
    story.passes(8.1 + PATIENCE_S)
    assert story.phase is Phase.IDLE


def test_a_service_that_can_says_it_in_its_own_voice() -> None:
    story = Story(service=REMOTE)
    asked(story)
    commands = story.passes(8.1)
    (request,) = [c for c in commands if isinstance(c, RequestReply)]
    assert "Are you still there?" in request.instructions
    story.happens(ReplyStarted("r2"), ReplyAudioReceived("r2", "i2", 500.0))
    story.happens(PlaybackStarted("r2", story.now), ReplyDone("r2", "completed"))
    story.playback_stops(StopReason.DONE, 500, "r2", "i2")
    assert story.phase is Phase.FOLLOW_UP


def test_empty_texts_are_not_said() -> None:
    story = Story(phrases={"still_there": ""})
    asked(story)
    assert phrases(story.passes(9)) == []
    assert story.phase is Phase.IDLE


# --- nothing could be understood ---------------------------------------------------------


def spoke_at_length(story: Story) -> None:
    """Two seconds of speech behind the wake word; the service took the turn."""
    story.happens(wake(), LinkOpened("s"), SpeechStarted(20_000))
    story.passes(2.0)
    story.happens(SpeechEnded(52_000), ServiceSpeechStarted(), TurnCommitted("u"))


def test_an_answer_to_nothing_is_given_up_and_it_says_so() -> None:
    story = Story(service=REMOTE, able=UNTOLD)
    spoke_at_length(story)
    story.happens(ReplyStarted("r1"))
    commands = story.happens(UserTranscript("[inaudible]", True, "u"))
    assert CancelReply("r1") in commands
    assert phrases(commands) == ["Sorry, I did not understand that."]
    is_said(story)
    assert story.phase is Phase.FOLLOW_UP


def test_an_answer_that_was_asked_for_and_has_not_begun_is_given_up_too() -> None:
    story = Story(service=REMOTE, able=UNTOLD)
    spoke_at_length(story)
    assert AbandonTurn() in story.happens(UserTranscript("", True, "u"))


def test_a_reply_that_is_on_its_way_is_not_taken_away() -> None:
    story = Story(service=REMOTE, able=UNTOLD)
    spoke_at_length(story)
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 200.0))
    assert phrases(story.happens(UserTranscript("", True, "u"))) == []


def test_words_are_answered() -> None:
    story = Story(service=REMOTE, able=UNTOLD)
    spoke_at_length(story)
    assert phrases(story.happens(UserTranscript("What time is it?", True, "u"))) == []
    assert story.phase is Phase.THINKING


def test_the_transcript_of_an_earlier_turn_does_not_give_up_this_one() -> None:
    story = Story(service=REMOTE, able=UNTOLD)
    spoke_at_length(story)
    story.happens(wake(90_000), SpeechStarted(95_000))
    story.passes(2.0)
    story.happens(SpeechEnded(130_000), ServiceSpeechStarted(), TurnCommitted("u2"))
    assert phrases(story.happens(UserTranscript("", True, "u"))) == []
    assert story.phase is Phase.THINKING


# --- company -----------------------------------------------------------------------------


def test_a_television_that_talks_without_a_pause_is_not_listened_to_for_long() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    story.passes(0.1)
    story.happens(SpeechStarted(100_000))
    assert story.phase is Phase.LISTENING
    story.passes(6)
    assert story.phase is Phase.IDLE
    assert "without a pause" in str(story.reports("company")[0]["detail"])


def test_it_may_be_called_by_its_name_all_the_same() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    story.passes(0.1)
    story.happens(SpeechStarted(100_000))
    story.passes(6)
    story.happens(wake(300_000))
    assert story.phase is Phase.LISTENING


def test_two_answers_from_far_away_are_a_television() -> None:
    story = Story()
    story.happens(wake(), LinkOpened("s"), SpeechStarted(20_000), SpeechEnded(40_000, -20.0))
    for number in range(3):
        story.happens(ServiceSpeechStarted(), TurnCommitted(f"u{number}"))
        story.happens(ReplyStarted(f"r{number}"), ReplyAudioReceived(f"r{number}", "i", 900.0))
        story.happens(PlaybackStarted(f"r{number}", story.now))
        story.heard_to_the_end(f"r{number}", "i")
        if number == 2:
            break
        assert story.phase is Phase.FOLLOW_UP
        story.passes(1.0)
        story.happens(SpeechStarted(100_000 * (number + 1)))
        story.passes(1.0)
        story.happens(SpeechEnded(100_000 * (number + 1) + 16_000, -36.0))
    assert story.phase is Phase.IDLE
    assert "quieter" in str(story.reports("company")[0]["detail"])
