"""The reply: cut and truncated, woken over, with tools, never come, broken off."""

from __future__ import annotations

from device.commands import (
    CancelReply,
    Cue,
    CutPlayback,
    PlayCue,
    SendToolResult,
    StartUplink,
    TruncateReply,
)
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LinkOpened,
    PlaybackStarted,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceTrouble,
    StopReason,
    ToolCalled,
)
from tests.core.story import Story, wake


def test_the_button_cut_cancels_and_truncates_to_what_was_heard() -> None:
    story = Story().speaking()
    commands = story.playback_stops(StopReason.BUTTON, 640)
    assert CancelReply("r1") in commands
    assert TruncateReply("i1", 640) in commands
    assert story.phase is Phase.IDLE
    assert StartUplink not in {type(c) for c in story.press()}
    assert story.phase is Phase.IDLE


def test_a_finished_reply_is_truncated_but_not_cancelled() -> None:
    story = Story().speaking()
    story.happens(ReplyDone("r1", "completed"))
    commands = story.playback_stops(StopReason.BUTTON, 640)
    assert CancelReply("r1") not in commands
    assert TruncateReply("i1", 640) in commands


def test_a_wake_over_the_reply_cuts_it_and_listens() -> None:
    story = Story().speaking()
    commands = story.happens(wake(50000))
    assert commands.index(CutPlayback(StopReason.WAKE)) < commands.index(StartUplink(50000))
    assert CancelReply("r1") in commands
    after = story.playback_stops(StopReason.WAKE, 900)
    assert TruncateReply("i1", 900) in after
    assert story.phase is Phase.LISTENING


def test_the_replys_own_wake_word_does_not_wake() -> None:
    story = Story().speaking()
    text = "You can call me with the words hey Jarvis at any time you like."
    story.happens(
        ReplyTranscript("r1", "i1", text, True),
        ReplyAudioReceived("r1", "i1", 4000.0),
        ReplyDone("r1", "completed"),
    )
    story.passes(2.2)
    assert story.happens(wake(50000))
    assert story.phase is Phase.SPEAKING
    assert story.reports("wake_suppressed")


def test_a_wake_elsewhere_in_such_a_reply_still_wakes() -> None:
    story = Story().speaking()
    text = "Jarvis it is. " + "And then there is a good deal more to tell about this. " * 12
    story.happens(
        ReplyTranscript("r1", "i1", text, True),
        ReplyAudioReceived("r1", "i1", 40000.0),
        ReplyDone("r1", "completed"),
    )
    story.passes(20.0)
    story.happens(wake(50000))
    assert story.phase is Phase.LISTENING


def test_tools_run_on_the_device_and_the_exchange_goes_on() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"))
    commands = story.happens(ToolCalled("r1", "c1", "set_timer", '{"seconds": 300}'))
    [result] = [c for c in commands if isinstance(c, SendToolResult)]
    assert '"ok": true' in result.output
    story.happens(ReplyDone("r1", "completed"))
    assert story.phase is Phase.THINKING
    story.happens(ReplyStarted("r2"), ReplyAudioReceived("r2", "i2", 10.0))
    story.happens(PlaybackStarted("r2", story.now))
    story.heard_to_the_end("r2", "i2")
    assert story.phase is Phase.FOLLOW_UP


def test_speech_before_a_tool_call_keeps_the_turn() -> None:
    story = Story().speaking()
    story.happens(ToolCalled("r1", "c1", "get_time", "{}"))
    story.heard_to_the_end()
    assert story.phase is Phase.THINKING


def test_stop_ends_the_conversation_without_a_follow_up() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"), ToolCalled("r1", "c1", "stop", "{}"))
    story.happens(ReplyDone("r1", "completed"), ReplyStarted("r2"), ReplyDone("r2", "completed"))
    assert story.phase is Phase.IDLE


def test_a_reply_nobody_waits_for_is_cancelled_and_not_played() -> None:
    story = Story()
    story.happens(LinkOpened("s"))
    assert CancelReply("r9") in story.happens(ReplyStarted("r9"))
    assert not story.core.wants_reply("r9")


def test_no_reply_in_time_is_an_error_one_can_hear() -> None:
    story = Story().thinking()
    assert PlayCue(Cue.ERROR) in story.passes(15.5)
    assert story.phase is Phase.IDLE


def test_a_failed_reply_is_told() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"))
    assert PlayCue(Cue.ERROR) in story.happens(ReplyDone("r1", "failed", "server_error"))


def test_quota_ends_the_wait() -> None:
    story = Story().thinking()
    assert PlayCue(Cue.ERROR) in story.happens(ServiceTrouble(ErrorKind.QUOTA, "limit"))
    assert story.phase is Phase.IDLE


def test_a_reply_that_the_service_breaks_off_before_a_word_is_told() -> None:
    story = Story().thinking()
    commands = story.happens(ReplyStarted("r1"), ReplyDone("r1", "cancelled"))
    assert PlayCue(Cue.ERROR) in commands
    [error] = story.reports("error")
    assert "broke off" in str(error["detail"])
    assert story.phase is Phase.IDLE


def test_a_reply_that_we_called_off_is_not() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"))
    story.press()
    assert PlayCue(Cue.ERROR) not in story.happens(ReplyDone("r1", "cancelled"))
    assert story.reports("error") == []
