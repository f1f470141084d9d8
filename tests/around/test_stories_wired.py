"""The policies around the turn, in whole conversations: what depends on a little more wiring."""

from __future__ import annotations

from device.commands import Command, Cue, PlayCue
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LineDrained,
    LinkClosed,
    PlaybackStarted,
    ReplyDone,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
)
from tests.around.test_stories import answered, phrase_heard, phrases, signs, speaks
from tests.core.story import Story, wake


def not_taken(story: Story) -> list[Command]:
    """Two seconds of speech behind the wake word, of which the service takes no turn."""
    story.happens(wake(), SpeechStarted(16000))
    said = story.passes(2.0)
    said += story.happens(SpeechEnded(48000))
    said += story.passes(story.settings.turn.no_speech_s + 0.1)
    said += story.happens(LineDrained(story.core.conversation._drain))
    return said + story.passes(2.0)


def test_speech_of_which_the_service_took_no_turn_is_apologised_for_and_heard_again() -> None:
    story = Story().listening()
    assert phrases(not_taken(story)) == ["Sorry, I did not understand that."]
    phrase_heard(story)
    assert story.phase is Phase.FOLLOW_UP


def test_what_the_service_answers_with_nothing_twice_is_not_meant_for_it() -> None:
    story = Story().thinking()
    answered(story, "It is noon.")
    for number in (2, 3):
        assert story.phase is Phase.FOLLOW_UP
        story.passes(0.6)
        speaks(story, 2.0)
        story.happens(ReplyStarted(f"r{number}"), ReplyDone(f"r{number}", "completed"))
    assert story.phase is Phase.IDLE


def test_a_link_that_is_lost_while_the_reply_is_awaited_stops_the_sign() -> None:
    story = Story(service={"turn_detection": "device"}).listening()
    story.happens(SpeechStarted(16000))
    story.passes(1.0)
    story.happens(SpeechEnded(32000))
    story.passes(2.0)
    assert story.phase is Phase.THINKING
    said = story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    said += story.passes(10.0)
    assert said.count(PlayCue(Cue.WAITING)) >= 1
    assert signs(said) == 0


def test_the_wake_word_in_its_own_phrase_does_not_wake_it() -> None:
    story = Story(phrases={"still_there": "Say hey Jarvis when you need me."}).thinking()
    answered(story, "Shall I set a timer?")
    story.passes(8.1)
    phrase_id = story.core.conversation._phrases._awaited
    story.happens(PlaybackStarted(phrase_id, story.now))
    story.passes(0.6)
    story.happens(wake())
    assert story.phase is Phase.SPEAKING
    assert story.reports("wake_suppressed")
