"""A part is lost, in a turn or outside one: ear, microphone, wake word, speaker."""

from __future__ import annotations

import pytest

from device.commands import CancelReply, Command, Cue, PlayCue, ShowLight, ShowStatus, TruncateReply
from device.core.phases import Phase
from device.events import (
    HEARS_ALL_BUT_WORDS,
    Part,
    PartDegraded,
    PartReady,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ServiceSpeechStarted,
    SpeechStarted,
    StopReason,
    ToolCalled,
    TurnCommitted,
    UplinkStopped,
)
from tests.core.story import Story, kinds, sends_from, wake


def test_the_ear_that_fails_while_listening_is_told_at_once() -> None:
    story = Story().listening()
    broke = PartDegraded(Part.WAKE, "wake word restarting", "listening failed: ValueError")
    commands = story.happens(UplinkStopped(20000), broke)
    assert PlayCue(Cue.ERROR) in commands
    assert story.phase is Phase.IDLE
    assert story.light == "error"


def test_a_lost_microphone_ends_listening_and_is_named() -> None:
    story = Story().listening()
    lost = PartDegraded(Part.MICROPHONE, "no microphone", "unplugged", "plug it in")
    commands = story.happens(lost)
    assert "StopUplink" in kinds(commands)
    assert PlayCue(Cue.ERROR) in commands
    story.passes(4.0)
    assert story.light == "degraded"
    assert [c.text for c in story.said if isinstance(c, ShowStatus)][-1] == "idle; no microphone"
    story.happens(PartReady(Part.MICROPHONE))
    assert story.light == "idle"


def test_a_lost_microphone_does_not_end_a_reply() -> None:
    story = Story().speaking()
    story.happens(PartDegraded(Part.MICROPHONE, "no microphone", "unplugged"))
    assert story.phase is Phase.SPEAKING


@pytest.mark.parametrize(
    "lost",
    [
        PartDegraded(Part.MICROPHONE, "no microphone", "unplugged", "plug it in"),
        PartDegraded(Part.WAKE, "wake word restarting", "the engine broke"),
    ],
)
def test_a_press_without_a_microphone_says_at_once_that_nothing_is_heard(
    lost: PartDegraded,
) -> None:
    story = Story()
    story.happens(lost)
    story.passes(10.0)
    assert story.light == "degraded"
    commands = story.press()
    assert PlayCue(Cue.ERROR) in commands
    assert "StartUplink" not in kinds(commands)
    assert "listening" not in {c.light.value for c in commands if isinstance(c, ShowLight)}
    assert story.light == "error"
    assert story.reports("error")[-1]["state"] == lost.state
    story.passes(4.0)
    assert story.light == "degraded"
    story.happens(PartReady(lost.part))
    assert sends_from(story.press()) is not None


def test_a_press_without_a_microphone_still_ends_a_reply_and_complains_of_nothing() -> None:
    story = Story().speaking()
    story.happens(PartDegraded(Part.MICROPHONE, "no microphone", "unplugged"))
    story.playback_stops(StopReason.BUTTON, 640)
    assert PlayCue(Cue.ERROR) not in story.press()
    assert PlayCue(Cue.ERROR) in story.press()


@pytest.mark.parametrize("state", sorted(HEARS_ALL_BUT_WORDS))
def test_without_the_wake_word_the_button_still_converses(state: str) -> None:
    story = Story()
    missing = PartDegraded(Part.WAKE, state, "there is no model file")
    assert PlayCue(Cue.ERROR) in story.happens(missing)
    story.passes(4.0)
    assert story.light == "degraded"
    assert sends_from(story.press()) is not None
    story.happens(missing)  # told again, of another file
    assert story.phase is Phase.LISTENING
    assert story.light == "listening"


# --- the speaker goes away within a reply ---------------------------------------------------


NO_SPEAKER = PartDegraded(Part.SPEAKER, "no speaker", "unplugged", "plug it in")


def lose_the_speaker(story: Story) -> list[Command]:
    return story.playback_stops(StopReason.ERROR, 640) + story.happens(NO_SPEAKER)


def test_a_reply_that_cannot_be_heard_ends_the_turn_all_the_same() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 500.0))
    story.happens(ReplyDone("r1", "completed"))
    story.playback_stops(StopReason.ERROR, 0)
    assert story.phase is Phase.IDLE


def test_a_speaker_lost_in_a_reply_ends_it_and_the_service_learns_what_was_heard() -> None:
    story = Story().speaking()
    commands = lose_the_speaker(story)
    assert CancelReply("r1") in commands
    assert TruncateReply("i1", 640) in commands
    assert story.phase is Phase.IDLE
    assert story.light == "error"
    story.passes(4.0)
    assert story.light == "degraded"


def test_a_speaker_lost_in_a_reply_that_is_complete_truncates_and_cancels_nothing() -> None:
    story = Story().speaking()
    story.happens(ReplyDone("r1", "completed"))
    commands = lose_the_speaker(story)
    assert TruncateReply("i1", 640) in commands
    assert "CancelReply" not in kinds(commands)
    assert story.phase is Phase.IDLE


def test_after_a_reply_that_was_not_heard_to_its_end_speech_needs_the_wake_word() -> None:
    story = Story().speaking()
    lose_the_speaker(story)
    commands = story.passes(1.0) + story.happens(PartReady(Part.SPEAKER))
    commands += story.happens(
        ReplyAudioReceived("r1", "i1", 4000.0), ReplyDone("r1", "cancelled"), SpeechStarted(90000)
    )
    assert sends_from(commands) is None
    assert story.phase is Phase.IDLE


def test_with_the_speaker_lost_what_would_follow_a_tool_call_is_not_waited_for() -> None:
    story = Story().speaking()
    story.happens(ToolCalled("r1", "c", "get_time", "{}"), ReplyDone("r1", "completed"))
    lose_the_speaker(story)
    assert story.phase is Phase.IDLE
    assert CancelReply("r2") in story.happens(ReplyStarted("r2"))


@pytest.mark.parametrize("chapter", ["listening", "thinking"])
def test_a_late_word_of_the_lost_speaker_does_not_end_the_turn_after(chapter: str) -> None:
    story = Story().speaking()
    story.happens(wake(90000))
    if chapter == "thinking":
        story.happens(ServiceSpeechStarted(), TurnCommitted("u2"))
    commands = story.playback_stops(StopReason.ERROR, 640)
    assert TruncateReply("i1", 640) in commands
    assert story.phase.value == chapter
    assert story.core.wants_reply("r1") is False
    if chapter == "thinking":
        assert "CancelReply" not in kinds(story.happens(ReplyStarted("r2")))
