"""Cut off in mid-sentence: who goes on before the reply sounds is heard, and answered once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.commands import (
    AbandonTurn,
    CancelReply,
    Command,
    CommitTurn,
    Cue,
    CutPlayback,
    DuckPlayback,
    GuardReply,
    OpenLink,
    PlayCue,
    RunVad,
    SpeakPhrase,
    StartUplink,
)
from device.core.going_on import (
    MOST_TIMES,
)
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkOpened,
    NearEndHeard,
    PlaybackStarted,
    ReplyAudioReceived,
    ReplyStarted,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    TurnCommitted,
    UplinkStopped,
)
from tests.core.cut_off import (
    AGAIN_AT,
    CUT,
    PAUSE_AT,
    RATE_HZ,
    SPEECH_AT,
    WAKE_AT,
    begins,
    cut_off,
    goes_on,
    says,
)
from tests.core.story import Story, sends_from, wake

# --- it is heard --------------------------------------------------------------------------


def test_while_a_reply_is_awaited_the_ear_tells_what_it_hears() -> None:
    assert GuardReply(True) in cut_off().said


def test_who_goes_on_is_listened_to_and_the_whole_turn_is_said_again_as_one() -> None:
    story = cut_off()
    commands = goes_on(story)
    assert story.phase is Phase.LISTENING
    assert sends_from(commands) == WAKE_AT  # the ear knows where the wake word ended
    assert commands.index(AbandonTurn()) < commands.index(StartUplink(WAKE_AT))
    assert RunVad(True) in commands


@pytest.mark.parametrize("for_ms", [256, 416, 640])
def test_two_words_are_enough_to_go_on_with(for_ms: int) -> None:
    story = cut_off()
    begins(story)
    commands = says(story, for_ms, quiet_ms=512)
    assert story.phase is Phase.LISTENING
    assert CancelReply("r1") in commands
    assert sends_from(commands) == WAKE_AT


def test_the_reply_to_the_first_half_never_sounds() -> None:
    story = cut_off()
    begins(story)
    commands = goes_on(story)
    assert CancelReply("r1") in commands
    assert CUT in commands
    story.happens(ReplyAudioReceived("r1", "i1", 500.0))
    assert not story.core.wants_reply("r1")
    story.happens(PlaybackStarted("r1", story.now))
    assert story.phase is Phase.LISTENING


def test_a_reply_that_begins_after_all_is_not_wanted() -> None:
    story = cut_off()
    goes_on(story)
    assert CancelReply("r1") in story.happens(ReplyStarted("r1"))
    assert story.phase is Phase.LISTENING


def test_both_halves_are_one_question_which_is_answered_once() -> None:
    story = cut_off()
    commands = goes_on(story)
    commands += story.happens(SpeechStarted(AGAIN_AT))
    commands += story.passes(1.0)
    commands += story.happens(SpeechEnded(AGAIN_AT + 28_000))
    commands += story.passes(3.0)
    commands += story.happens(UplinkStopped(AGAIN_AT + 40_000))
    assert story.phase is Phase.THINKING
    assert commands.count(CommitTurn()) == 1
    story.happens(TurnCommitted("u2"), ReplyStarted("r2"), ReplyAudioReceived("r2", "i2", 900.0))
    story.happens(PlaybackStarted("r2", story.now))
    assert story.phase is Phase.SPEAKING
    (turn,) = story.reports("turn")
    assert 300 < float(str(turn["speech_end_to_commit_ms"])) < 1500  # of the last word of all
    story.heard_to_the_end("r2", "i2")
    assert story.phase is Phase.FOLLOW_UP


def test_a_pause_after_which_somebody_went_on_is_a_lesson() -> None:
    heard, unheard = cut_off(silence_ms=900), cut_off(silence_ms=900)
    goes_on(heard)
    before = unheard.core.conversation._end_of_turn.silence_s(None)
    assert heard.core.conversation._end_of_turn.silence_s(None) > before


def test_the_pause_that_is_learnt_is_the_one_that_was_made() -> None:
    story, reference = cut_off(), cut_off()
    told: list[float] = []
    story.core.conversation._end_of_turn.speech_started = told.append  # type: ignore[method-assign]
    began = story.now
    goes_on(story)
    assert told == [pytest.approx(began, abs=0.05)]
    assert reference.now == began


def test_words_said_in_vain_before_the_first_reply_began_take_no_link_or_turn_down() -> None:
    story = cut_off()
    story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    commands = goes_on(story)
    assert story.phase is Phase.LISTENING
    assert OpenLink() in commands
    assert sends_from(commands) == WAKE_AT
    story.happens(LinkOpened("s2"))
    assert story.phase is Phase.LISTENING


def test_whoever_falls_silent_at_once_is_answered_all_the_same() -> None:
    story = cut_off()
    goes_on(story)
    story.passes(1.1)
    assert story.phase is Phase.THINKING
    assert CommitTurn() in story.happens(UplinkStopped(AGAIN_AT + 40_000))


# --- and nothing else is ------------------------------------------------------------------


@pytest.mark.parametrize("for_ms", [96, 224])
def test_a_cough_changes_nothing(for_ms: int) -> None:
    story = cut_off()
    begins(story)
    assert says(story, for_ms, quiet_ms=512) == []
    assert story.phase is Phase.THINKING
    story.happens(ReplyAudioReceived("r1", "i1", 500.0), PlaybackStarted("r1", story.now))
    assert story.phase is Phase.SPEAKING


def test_a_cough_that_is_taken_for_speech_has_no_voice_and_changes_nothing() -> None:
    story = cut_off()
    for lasted in range(32, 481, 32):
        cough = NearEndHeard(AGAIN_AT, lasted, lasted, min(lasted, 192), 0, 30.0, True)
        assert story.happens(cough) == []
        story.passes(0.032)


def test_an_acknowledgement_changes_nothing_where_the_service_ends_the_turns() -> None:
    story = cut_off(provider="openai_realtime", detection="service")
    story.happens(ReplyStarted("r1"))
    assert says(story, 576, quiet_ms=512) == []
    assert story.core.wants_reply("r1")


def test_a_word_does_not_take_the_place_of_a_question_that_cannot_be_said_again() -> None:
    long_ago = WAKE_AT + 9 * RATE_HZ
    story = cut_off()
    assert says(story, 576, quiet_ms=512, since=long_ago) == []
    assert story.phase is Phase.THINKING


def test_a_word_while_the_canceller_learns_may_be_an_echo_and_changes_nothing() -> None:
    story = cut_off()
    for lasted in range(32, 577, 32):
        assert story.happens(NearEndHeard(AGAIN_AT, lasted, lasted, lasted, 0, 30.0, False)) == []
        story.passes(0.032)


def test_what_has_no_voice_changes_nothing() -> None:
    story = cut_off()
    commands: list[Command] = []
    for lasted in range(32, 2500, 32):
        commands += story.happens(NearEndHeard(AGAIN_AT, lasted, lasted, 0, 0, 30.0, True))
        story.passes(0.032)
    assert commands == []


def test_a_television_far_away_changes_nothing() -> None:
    story = Story(service={"turn_detection": "device"})
    story.happens(wake(WAKE_AT), LinkOpened("s"), SpeechStarted(SPEECH_AT))
    story.passes(2.0)
    story.happens(SpeechEnded(PAUSE_AT, -20.0))
    story.passes(1.2)
    for lasted in range(32, 2500, 32):
        heard = NearEndHeard(AGAIN_AT, lasted, lasted, lasted, 0, 30.0, True)
        assert not [
            c for c in story.happens(replace(heard, level_db=-34.0)) if isinstance(c, CutPlayback)
        ]
        story.passes(0.032)
    assert story.phase is Phase.THINKING


def test_a_word_in_answer_to_the_sign_that_the_reply_is_on_its_way_changes_nothing() -> None:
    story = cut_off(slow_reply="phrase", slow_reply_s=0.8)
    assert any(isinstance(c, SpeakPhrase) for c in story.passes(0.8))
    says(story, 576, quiet_ms=512)
    assert story.phase is Phase.THINKING


def test_nothing_is_lowered_before_anything_sounds() -> None:
    story = cut_off()
    commands = says(story, 224, quiet_ms=512)
    assert not [c for c in commands if isinstance(c, DuckPlayback)]


def test_switched_off_only_word_and_button_are_heard() -> None:
    story = cut_off(barge_in="off")
    assert GuardReply(True) not in story.said
    assert goes_on(story) == []
    assert story.phase is Phase.THINKING


def test_no_sign_is_given_into_what_somebody_says() -> None:
    story = cut_off(slow_reply="sound", slow_reply_s=0.8)
    assert PlayCue(Cue.WORKING) not in says(story, 576)
    quiet = cut_off(slow_reply="sound", slow_reply_s=0.8)
    assert PlayCue(Cue.WORKING) in quiet.passes(0.6)


def test_a_sign_that_somebody_held_back_is_given_when_they_are_silent() -> None:
    story = cut_off(slow_reply="sound", slow_reply_s=0.8)
    assert PlayCue(Cue.WORKING) not in says(story, 224)
    commands = says(story, 224, quiet_ms=512, from_ms=224) + story.passes(1.0)
    assert PlayCue(Cue.WORKING) in commands


def test_a_television_does_not_go_on_with_a_turn_for_ever() -> None:
    story = cut_off(provider="openai_realtime", detection="service")
    for number in range(1, MOST_TIMES + 2):
        story.happens(ReplyStarted(f"r{number}"))
        says(story, 800, since=AGAIN_AT + number * 100_000)
        if number <= MOST_TIMES:
            assert story.phase is Phase.LISTENING
            story.happens(ServiceSpeechStarted(), TurnCommitted(f"u{number + 1}"))
    assert story.phase is Phase.THINKING
    assert story.core.wants_reply(f"r{MOST_TIMES + 1}")


def test_a_new_turn_may_go_on_as_often_as_the_first() -> None:
    story = cut_off()
    for _ in range(2):
        goes_on(story)
        assert story.phase is Phase.LISTENING
        story.happens(wake(WAKE_AT), SpeechStarted(SPEECH_AT))
        story.passes(2.0)
        story.happens(SpeechEnded(PAUSE_AT))
        story.passes(1.2 - 0.256)
        story.happens(UplinkStopped(PAUSE_AT + 10_000))
    assert story.core.conversation._went_on == 0
