"""Who goes on when the reply comes, in whatever order, and who speaks before a phrase does."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from device.commands import (
    CancelReply,
    Command,
    DuckPlayback,
    SpeakPhrase,
)
from device.core.bargein import PREROLL_MS
from device.core.phases import Phase
from device.events import (
    NearEndHeard,
    PlaybackStarted,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    ToolCalled,
    TurnCommitted,
    UplinkStopped,
)
from tests.core.cut_off import (
    AGAIN_AT,
    CUT,
    RATE_HZ,
    WAKE_AT,
    begins,
    cut_off,
    goes_on,
    says,
    sounds,
)
from tests.core.story import Story, sends_from, wake

# --- who speaks when the reply comes ------------------------------------------------------


def test_a_reply_that_comes_while_somebody_speaks_is_low_from_its_first_sample() -> None:
    story = cut_off()
    begins(story)
    says(story, 224)
    assert DuckPlayback(True) in sounds(story)


def test_a_noise_that_began_before_the_reply_does_not_swallow_its_first_word() -> None:
    story = cut_off()
    begins(story)
    noise = NearEndHeard(AGAIN_AT, 64, 0, 0, 0, 30.0, True)
    story.happens(noise)
    assert DuckPlayback(True) not in sounds(story)
    assert DuckPlayback(True) not in story.happens(replace(noise, lasted_ms=96))
    assert DuckPlayback(True) in story.happens(replace(noise, lasted_ms=128, speech_ms=64))


def test_who_began_before_the_reply_goes_on_with_the_turn() -> None:
    story = cut_off()
    begins(story)
    says(story, 224)
    sounds(story)
    commands = says(story, 900, from_ms=224)
    assert CUT in commands
    assert CancelReply("r1") in commands
    assert sends_from(commands) == WAKE_AT
    assert story.reports("turn_goes_on")
    assert not story.reports("barge_in")


def test_as_soon_as_the_reply_sounds_a_word_may_be_an_acknowledgement_again() -> None:
    story = cut_off()
    begins(story)
    says(story, 224)
    sounds(story)
    assert CUT not in says(story, 576, quiet_ms=512, from_ms=224)
    assert story.phase is Phase.SPEAKING


def test_nobody_answers_within_a_tenth_of_a_second() -> None:
    story = cut_off()
    begins(story)
    sounds(story)
    story.passes(0.1)
    assert sends_from(goes_on(story)) == WAKE_AT
    assert story.reports("turn_goes_on")


def test_who_answers_what_they_hear_interrupts() -> None:
    story = cut_off()
    begins(story)
    sounds(story)
    story.passes(0.5)
    commands = goes_on(story)
    assert sends_from(commands) == AGAIN_AT - PREROLL_MS * RATE_HZ // 1000
    assert story.reports("barge_in")
    assert not story.reports("turn_goes_on")


def test_who_speaks_where_a_tool_was_asked_does_not_go_on_with_the_question() -> None:
    story = cut_off()
    begins(story)
    sounds(story)
    story.happens(ToolCalled("r1", "c", "get_time", "{}"), ReplyDone("r1", "completed"))
    story.playback_stops(StopReason.DONE, 900)
    assert story.phase is Phase.THINKING
    commands = goes_on(story)
    assert sends_from(commands) == AGAIN_AT - PREROLL_MS * RATE_HZ // 1000


def test_what_was_done_for_half_a_question_is_undone() -> None:
    story = cut_off()
    begins(story)
    story.happens(ToolCalled("r1", "c", "set_timer", '{"seconds": 600}'))
    goes_on(story)
    assert not story.core._timers.ringing
    assert story.core._timers.deadline is None


# --- phrases of its own -------------------------------------------------------------------


def asked_whether_somebody_is_there() -> Story:
    """The phrase is being synthesised."""
    story = Story().speaking()
    story.happens(ReplyAudioReceived("r1", "i1", 900.0))
    story.core.conversation._reply_text = "Shall I set a timer?"
    story.heard_to_the_end()
    assert any(isinstance(c, SpeakPhrase) for c in story.passes(10.0))
    assert story.phase is Phase.THINKING
    return story


def test_who_speaks_before_a_phrase_of_the_devices_does_is_listened_to() -> None:
    story = asked_whether_somebody_is_there()
    phrase = story.core.conversation._phrases._awaited
    commands = goes_on(story)
    assert story.phase is Phase.LISTENING
    assert sends_from(commands) == AGAIN_AT - PREROLL_MS * RATE_HZ // 1000
    assert not story.core.wants_phrase(phrase)


def test_a_phrase_that_is_not_said_yet_is_not_said_when_the_wake_word_comes() -> None:
    story = asked_whether_somebody_is_there()
    phrase = story.core.conversation._phrases._awaited
    assert story.core.wants_phrase(phrase)
    story.happens(wake(600_000))
    assert not story.core.wants_phrase(phrase)


def test_a_word_before_a_phrase_is_no_turn_of_its_own() -> None:
    story = asked_whether_somebody_is_there()
    says(story, 576, quiet_ms=512)
    assert story.phase is Phase.THINKING


# --- in whatever order --------------------------------------------------------------------


@given(st.integers(0, 4), st.lists(st.integers(1, 24), min_size=4, max_size=4))
def test_whenever_the_reply_comes_who_goes_on_is_heard_and_answered_once(
    before: int, steps: list[int]
) -> None:
    """``before``: how much of the service's answer comes before the first sound; the rest
    comes after so many steps of 32 ms each."""
    story = cut_off()
    answer = [
        TurnCommitted("u1"),
        ReplyStarted("r1"),
        ReplyAudioReceived("r1", "i1", 900.0),
        PlaybackStarted("r1", story.now),
    ]
    coming = dict(enumerate(sorted(steps[before:]), before))
    story.happens(*answer[:before])
    if before == len(answer):
        story.passes(0.3)  # they hear it
    commands: list[Command] = []
    for step in range(32):
        for event in [answer[place] for place, number in coming.items() if number == step]:
            if isinstance(event, PlaybackStarted):
                if not story.core.wants_reply("r1"):
                    continue
                event = PlaybackStarted("r1", story.now)  # noqa: PLW2901
            commands += story.happens(event)
        commands += says(story, 32 * (step + 1), from_ms=32 * step)
    assert story.phase is Phase.LISTENING
    assert not story.core.wants_reply("r1")
    assert bool(story.reports("turn_goes_on")) != bool(story.reports("barge_in"))
    assert (sends_from(commands) == WAKE_AT) == bool(story.reports("turn_goes_on"))
    assert bool(story.reports("barge_in")) == (before == len(answer))
    story.happens(SpeechStarted(AGAIN_AT), SpeechEnded(AGAIN_AT + 20_000))
    story.passes(3.0)
    story.happens(UplinkStopped(AGAIN_AT + 40_000), TurnCommitted("u2"), ReplyStarted("r2"))
    assert story.core.wants_reply("r2")
    assert CancelReply("r3") in story.happens(ReplyStarted("r3"))
