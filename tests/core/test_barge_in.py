"""Talking over a reply: ducked at the first sign, cut when it is meant, up again when it is not."""

from __future__ import annotations

from dataclasses import replace

from device.commands import (
    CancelReply,
    CutPlayback,
    DuckPlayback,
    GuardReply,
    StartUplink,
    TruncateReply,
)
from device.core.phases import Phase
from device.events import (
    NearEndHeard,
    Part,
    PartDegraded,
    PlaybackStarted,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    ToolCalled,
    TurnCommitted,
    UserTranscript,
    WakeDetected,
)
from tests.core.story import Story, sends_from

SINCE = 400_000


def heard(lasted_ms: int, *, quiet_ms: int = 0, above_db: float = 25.0) -> NearEndHeard:
    """Speech since ``SINCE``, but for what was quiet at its end."""
    speech_ms = max(0, lasted_ms - quiet_ms - 32)
    return NearEndHeard(SINCE, lasted_ms, speech_ms, speech_ms, quiet_ms, above_db, True)


def goes_on(story: Story, until_ms: int, *, from_ms: int = 32) -> list[object]:
    """Somebody speaks on; what follows."""
    commands: list[object] = []
    for lasted_ms in range(from_ms, until_ms + 1, 32):
        commands += story.happens(heard(lasted_ms))
        story.passes(0.032)
    return commands


def falls_silent(story: Story, after_ms: int) -> list[object]:
    commands: list[object] = []
    for quiet_ms in range(32, 513, 32):
        commands += story.happens(heard(after_ms + quiet_ms, quiet_ms=quiet_ms))
        story.passes(0.032)
    return commands


def test_a_reply_that_sounds_is_guarded_and_no_longer_when_it_is_over() -> None:
    story = Story().speaking()
    assert GuardReply(True) in story.said
    commands = story.heard_to_the_end()
    assert GuardReply(False) in commands


def test_the_first_sign_ducks() -> None:
    story = Story().speaking()
    assert DuckPlayback(True) in story.happens(heard(32))
    assert story.phase is Phase.SPEAKING


def test_a_sentence_cuts_and_is_listened_to_from_before_its_first_sound() -> None:
    story = Story().speaking()
    commands = goes_on(story, 800)
    assert CutPlayback(StopReason.BARGE_IN) in commands
    assert CancelReply("r1") in commands
    assert story.phase is Phase.LISTENING
    start = sends_from(commands)
    assert start is not None and SINCE - 8000 <= start < SINCE
    commands = story.playback_stops(StopReason.BARGE_IN, 740)
    assert TruncateReply("i1", 740) in commands
    assert story.reports("barge_in")[0]["lasted_ms"] >= 600


def test_an_acknowledgement_does_not_cut_and_the_reply_comes_up_again() -> None:
    story = Story().speaking()
    commands = goes_on(story, 320) + falls_silent(story, 320)
    assert not [c for c in commands if isinstance(c, CutPlayback | StartUplink)]
    ducks = [c.on for c in commands if isinstance(c, DuckPlayback)]
    assert ducks == [True, False]
    assert story.phase is Phase.SPEAKING


def test_an_ear_that_falls_silent_does_not_leave_the_reply_ducked() -> None:
    story = Story().speaking()
    story.happens(heard(32))
    assert DuckPlayback(False) in story.passes(1.0)


def test_off_means_that_only_word_and_button_interrupt() -> None:
    story = Story(turn={"barge_in": "off"}).speaking()
    assert GuardReply(True) not in story.said
    commands = goes_on(story, 2000)
    assert commands == []
    story.happens(WakeDetected("hey_jarvis", 0.9, 500_000))
    assert story.phase is Phase.LISTENING


def test_what_is_said_when_the_reply_ends_by_itself_is_the_next_turn() -> None:
    story = Story().speaking()
    goes_on(story, 320)
    commands = story.heard_to_the_end()
    assert story.phase is Phase.LISTENING
    start = sends_from(commands)
    assert start is not None and start < SINCE


def test_what_was_heard_over_a_reply_that_is_over_cuts_nothing() -> None:
    story = Story().speaking()
    story.press()
    assert goes_on(story, 2000) == []
    assert story.phase is Phase.IDLE


def test_the_next_reply_is_not_ducked_for_what_was_said_over_the_last() -> None:
    story = Story().speaking()
    story.happens(heard(64))
    commands = story.press()
    assert DuckPlayback(False) in commands
    story.speaking("r2", "i2")
    story.happens(PlaybackStarted("r2", story.now))
    assert not [c for c in story.passes(1.0) if isinstance(c, DuckPlayback)]


def test_a_television_that_was_found_out_may_stop_a_reply_but_opens_no_turn() -> None:
    story = Story(turn={"follow_ups": 1}).speaking()
    goes_on(story, 800)
    story.playback_stops(StopReason.BARGE_IN, 700)
    assert story.phase is Phase.LISTENING
    story.thinking_again("r2", "i2")
    commands = goes_on(story, 800)
    assert CutPlayback(StopReason.BARGE_IN) in commands
    assert story.phase is Phase.IDLE


def test_a_television_that_is_far_quieter_than_the_person_does_not_stop_a_reply() -> None:
    story = Story().listening()
    story.happens(SpeechStarted(20_000), SpeechEnded(40_000, -20.0))
    story.happens(ServiceSpeechStarted(), TurnCommitted("u"), ReplyStarted("r1"))
    story.happens(ReplyAudioReceived("r1", "i1", 2000.0), PlaybackStarted("r1", story.now))
    commands: list[object] = []
    for lasted_ms in range(32, 2500, 32):
        commands += story.happens(replace(heard(lasted_ms), level_db=-34.0))
        story.passes(0.032)
    assert not [c for c in commands if isinstance(c, CutPlayback)]
    assert story.phase is Phase.SPEAKING


def test_a_reply_that_ends_while_it_is_lowered_leaves_the_next_one_as_loud_as_ever() -> None:
    story = Story().speaking()
    goes_on(story, 96)
    commands = falls_silent(story, 96)[:2] + story.heard_to_the_end()
    assert [c.on for c in story.said if isinstance(c, DuckPlayback)][-1] is False, commands
    story = Story().speaking()
    story.happens(heard(32))
    assert DuckPlayback(False) in story.heard_to_the_end()


def test_the_transcript_of_the_question_is_no_interruption_of_its_answer() -> None:
    story = Story().speaking()
    goes_on(story, 224)
    commands = story.happens(UserTranscript("what is the weather tomorrow", True, "item-user"))
    assert not [c for c in commands if isinstance(c, CutPlayback)]


def test_an_ear_that_fell_silent_opens_no_turn_when_the_reply_ends() -> None:
    story = Story().speaking()
    goes_on(story, 320)
    story.passes(3.0)
    story.heard_to_the_end()
    assert story.phase is Phase.FOLLOW_UP


def test_without_a_microphone_nobody_is_listened_to_after_the_reply() -> None:
    story = Story().speaking()
    story.happens(PartDegraded(Part.MICROPHONE, "no microphone", "unplugged"))
    story.heard_to_the_end()
    assert story.phase is Phase.IDLE


def test_who_interrupts_where_a_tool_is_asked_is_heard_on() -> None:
    story = Story().speaking()
    goes_on(story, 320)
    story.happens(ToolCalled("r1", "c", "get_time", "{}"), ReplyDone("r1", "completed"))
    story.playback_stops(StopReason.DONE, 2000)
    assert story.phase is Phase.THINKING
    commands = goes_on(story, 800, from_ms=352)
    assert story.phase is Phase.LISTENING, commands
    start = sends_from(commands)
    assert start is not None and start < SINCE


def test_who_speaks_over_the_end_of_a_reply_may_go_on_for_longer_than_a_television() -> None:
    story = Story().speaking()
    goes_on(story, 320)
    story.heard_to_the_end()
    assert story.phase is Phase.LISTENING
    story.happens(SpeechStarted(SINCE))
    story.passes(8.0)
    assert story.phase is Phase.LISTENING
