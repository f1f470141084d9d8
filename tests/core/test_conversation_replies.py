"""The reply: cut and truncated, woken over, with tools, never come, broken off."""

from __future__ import annotations

from dataclasses import replace

from device.commands import (
    CancelReply,
    Cue,
    CutPlayback,
    PlayCue,
    SendToolResult,
    StartUplink,
    StopCue,
    TruncateReply,
)
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LinkOpened,
    PlaybackStarted,
    PlaybackUnderrun,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceTrouble,
    ServiceWorking,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    ToolCalled,
)
from device.providers import capabilities_of
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


def test_a_service_that_is_still_at_work_is_waited_for_longer() -> None:
    story = Story().thinking()
    for _ in range(5):
        assert PlayCue(Cue.ERROR) not in story.passes(10.0)
        story.happens(ServiceWorking())
    assert len(story.reports("service_works")) == 1
    assert PlayCue(Cue.WORKING) in story.said, "it is still on its way"
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 2000.0))
    assert story.phase is Phase.THINKING
    assert PlayCue(Cue.ERROR) not in story.passes(14.0)


def test_but_not_for_ever() -> None:
    story = Story(service={"longest_work_s": 40.0}).thinking()
    story.passes(10.0)
    for _ in range(4):
        story.happens(ServiceWorking())
        story.passes(9.9)
    assert story.phase is Phase.THINKING
    story.happens(ServiceWorking())
    assert PlayCue(Cue.ERROR) in story.passes(0.5)
    assert story.phase is Phase.IDLE


def test_work_that_is_told_of_never_shortens_the_wait() -> None:
    story = Story(service={"longest_work_s": 5.0}).thinking()
    story.happens(ServiceWorking())
    assert PlayCue(Cue.ERROR) not in story.passes(14.9)
    assert PlayCue(Cue.ERROR) in story.passes(0.2)


def test_each_sign_of_a_reply_gives_the_work_that_follows_its_time_anew() -> None:
    story = Story(service={"longest_work_s": 30.0}).thinking()
    for number in range(3):
        for _ in range(3):
            story.happens(ServiceWorking())
            story.passes(9.0)
        story.happens(ReplyStarted("r1") if not number else ToolCalled("r1", "c", "get_time", "{}"))
    assert story.phase is Phase.THINKING


def test_work_in_the_middle_of_a_reply_is_not_left_in_silence() -> None:
    story = Story().speaking()
    assert PlayCue(Cue.WORKING) not in story.happens(ServiceWorking()), "it still sounds"
    story.happens(PlaybackUnderrun("r1", story.now))
    assert story.happens(ServiceWorking()).count(PlayCue(Cue.WORKING)) == 1
    story.passes(3.0)
    assert PlayCue(Cue.WORKING) not in story.happens(ServiceWorking())
    story.passes(4.0)
    assert PlayCue(Cue.WORKING) in story.happens(ServiceWorking())
    said = story.happens(ReplyAudioReceived("r1", "i1", 2500.0))
    assert StopCue(Cue.WORKING) in said
    assert PlayCue(Cue.WORKING) not in story.happens(ServiceWorking())


def test_nor_is_it_told_of_where_no_sign_is_wanted() -> None:
    story = Story(turn={"slow_reply_s": 0.0}).speaking()
    story.happens(PlaybackUnderrun("r1", story.now))
    assert PlayCue(Cue.WORKING) not in story.happens(ServiceWorking())


def test_work_that_nobody_waits_for_is_nothing() -> None:
    story = Story()
    story.happens(LinkOpened("s"))
    assert story.happens(ServiceWorking()) == []
    assert story.phase is Phase.IDLE


def test_a_service_that_has_yet_to_say_whether_it_took_the_turn_is_waited_for_too() -> None:
    able = replace(capabilities_of("openai_realtime"), tells_turns=False, commits=False)
    story = Story(able=able).listening()
    story.happens(SpeechStarted(20_000))
    story.passes(1.0)
    story.happens(SpeechEnded(36_000))
    story.passes(8.0)
    assert story.phase is Phase.THINKING
    for _ in range(4):
        story.happens(ServiceWorking())
        story.passes(10.0)
    assert story.phase is Phase.THINKING


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
