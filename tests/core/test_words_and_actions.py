"""Wake words that do something else than wake: stop, or call somebody of their own."""

from __future__ import annotations

from device.commands import ChoosePersona, CloseLink, Cue, CutPlayback, OpenLink, StopCue
from device.core.phases import Phase
from device.events import (
    LinkClosed,
    LinkOpened,
    ReplyTranscript,
    StopReason,
    WakeDetected,
)
from tests.core.story import Story, set_timer, wake

WORDS = {
    "words": ("hey_jarvis", "okay_nabu", "hey_mycroft"),
    "stop_words": ("okay_nabu",),
    "personas": ("hey_mycroft: You are Mycroft.",),
    "persona_voices": ("hey_mycroft: cedar",),
}
STOP = WakeDetected("okay_nabu", 0.8, 90_000)
MYCROFT = WakeDetected("hey_mycroft", 0.8, 90_000)


def test_a_stop_word_cuts_a_reply_and_listens_to_nothing() -> None:
    story = Story(wake=WORDS).speaking()
    commands = story.happens(STOP)
    assert CutPlayback(StopReason.WAKE) in commands
    assert story.phase is Phase.IDLE
    assert story.reports("stop_word") == [{"word": "okay_nabu", "score": 0.8}]


def test_it_ends_a_turn_that_is_being_listened_to() -> None:
    story = Story(wake=WORDS).listening()
    story.happens(STOP)
    assert story.phase is Phase.IDLE


def test_it_stops_a_ring() -> None:
    story = Story(wake=WORDS)
    set_timer(story, 5)
    story.passes(30)
    commands = story.happens(STOP)
    assert StopCue(Cue.RING) in commands
    assert story.reports("timer_stopped")[0]["reason"] == "stop word"


def test_while_nothing_is_under_way_it_does_nothing() -> None:
    story = Story(wake=WORDS)
    story.happens(STOP)
    assert story.phase is Phase.IDLE


def test_a_reply_that_says_the_stop_word_does_not_stop_itself() -> None:
    story = Story(wake=WORDS).speaking()
    story.happens(ReplyTranscript("r1", "i1", "Say okay nabu to stop me.", True))
    story.passes(1.0)
    story.happens(STOP)
    assert story.phase is Phase.SPEAKING
    assert story.reports("wake_suppressed")


def test_a_word_of_somebody_else_opens_a_session_of_somebody_else() -> None:
    story = Story(wake=WORDS)
    commands = story.happens(MYCROFT)
    assert ChoosePersona("You are Mycroft.", "cedar") in commands
    chosen, opened = (
        next(i for i, c in enumerate(commands) if isinstance(c, kind))
        for kind in (ChoosePersona, OpenLink)
    )
    assert chosen < opened


def test_an_open_session_of_another_is_closed_first_and_no_word_is_lost() -> None:
    story = Story(wake=WORDS).speaking()
    story.heard_to_the_end()
    story.passes(10)
    commands = story.happens(MYCROFT)
    assert CloseLink("persona") in commands
    story.happens(LinkClosed("persona"))
    assert story.phase is Phase.LISTENING
    story.happens(LinkOpened("s2"))
    assert story.phase is Phase.LISTENING
    commands = story.happens(wake(200_000))
    assert ChoosePersona() in commands and CloseLink("persona") in commands


def test_the_same_word_again_keeps_the_session() -> None:
    story = Story(wake=WORDS)
    story.happens(MYCROFT, LinkOpened("s"))
    commands = story.happens(WakeDetected("hey_mycroft", 0.8, 200_000))
    assert not [c for c in commands if isinstance(c, ChoosePersona | CloseLink)]


def test_a_session_that_opens_for_another_is_given_up_first() -> None:
    story = Story(wake=WORDS)
    story.happens(wake())
    commands = story.happens(MYCROFT)
    closed = next(i for i, c in enumerate(commands) if isinstance(c, CloseLink))
    assert closed < commands.index(OpenLink())
