"""A service that does not tell the ends of its replies: after a pause its answer may go on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from device.commands import CancelReply, CloseLink, PlayCue
from device.core.phases import Phase
from device.events import (
    PlaybackStarted,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    SpeechStarted,
    StopReason,
)
from device.providers import capabilities_of
from tests.core.story import Story

GUESSES = replace(capabilities_of("openai_realtime"), tells_ends=False)


def answered(**sections: dict[str, object]) -> Story:
    """ "Let me look that up." was heard to its end."""
    story = Story(able=GUESSES, **sections).speaking()
    story.heard_to_the_end()
    return story


def goes_on(story: Story) -> list[object]:
    commands = story.happens(ReplyStarted("r2"))
    commands += story.happens(ReplyAudioReceived("r2", "i2", 900.0))
    commands += story.happens(PlaybackStarted("r2", story.now))
    return list(commands)


@pytest.mark.parametrize("after_s", [0.0, 3.5])
def test_the_rest_of_an_answer_is_heard(after_s: float) -> None:
    story = answered()
    story.passes(after_s)
    assert CancelReply("r2") not in goes_on(story)
    assert story.phase is Phase.SPEAKING
    story.passes(4.0)  # nobody is asked whether they are there while it speaks
    assert story.phase is Phase.SPEAKING
    story.heard_to_the_end("r2", "i2")
    assert story.phase is Phase.FOLLOW_UP


def test_the_rest_of_an_answer_is_heard_when_nobody_is_listened_to_any_more() -> None:
    story = answered(turn={"follow_up_s": 0.0}, service={"idle_close_s": 5.0})
    assert story.phase is Phase.IDLE
    story.passes(3.0)
    assert CancelReply("r2") not in goes_on(story)
    story.passes(10.0)
    assert CloseLink not in {type(c) for c in story.said}  # not in the middle of it
    story.heard_to_the_end("r2", "i2")
    assert story.phase is Phase.IDLE


def test_the_rest_may_come_while_the_first_part_still_sounds() -> None:
    story = Story(able=GUESSES).speaking()
    story.happens(ReplyDone("r1", "completed"))
    assert CancelReply("r2") not in story.happens(ReplyStarted("r2"))
    story.playback_stops(StopReason.DONE, 2000)
    assert story.phase is Phase.THINKING


def test_it_counts_from_when_the_first_part_was_heard() -> None:
    story = Story(able=GUESSES, turn={"follow_up_s": 0.0}).speaking()
    story.happens(ReplyDone("r1", "completed"))
    story.passes(12.0)  # it came faster than it is spoken
    story.playback_stops(StopReason.DONE, 12_000)
    story.passes(3.0)
    assert CancelReply("r2") not in goes_on(story)


def test_what_comes_later_is_nobodys_answer() -> None:
    story = answered(turn={"follow_up_s": 0.0})
    story.passes(9.0)
    assert CancelReply("r2") in story.happens(ReplyStarted("r2"))


def test_who_has_begun_to_speak_is_not_answered_with_the_rest() -> None:
    story = answered()
    story.passes(1.0)
    story.happens(SpeechStarted(90000))
    assert story.phase is Phase.LISTENING
    assert CancelReply("r2") in story.happens(ReplyStarted("r2"))


def test_an_answer_that_was_cut_or_muted_does_not_go_on() -> None:
    cut = Story(able=GUESSES).speaking()
    cut.happens(ReplyDone("r1", "completed"))
    cut.playback_stops(StopReason.BUTTON, 400)
    assert CancelReply("r2") in cut.happens(ReplyStarted("r2"))
    muted = answered()
    muted.press(held_s=2.5)
    assert muted.light == "muted"
    assert CancelReply("r2") in muted.happens(ReplyStarted("r2"))


def test_a_service_that_tells_its_ends_has_told() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    commands = story.happens(ReplyStarted("r2"))
    assert CancelReply("r2") in commands and PlayCue not in {type(c) for c in commands}
