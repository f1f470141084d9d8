"""Whose turn it is, told as sentences."""

from __future__ import annotations

import pytest

from device.commands import (
    CancelReply,
    ClearInput,
    CloseLink,
    CommitTurn,
    Cue,
    CutPlayback,
    DrainLine,
    OpenLink,
    PlayCue,
    SendToolResult,
    StartUplink,
    StopUplink,
    TruncateReply,
)
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LineDrained,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ServiceSpeechStarted,
    ServiceTrouble,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    ToolCalled,
    TurnCommitted,
    UplinkStopped,
    WakeDetected,
)
from tests.core.story import Story, kinds, sends_from


def wake(at_frame: int = 16000) -> WakeDetected:
    return WakeDetected("hey_jarvis", 0.9, at_frame)


def test_a_wake_word_opens_uplink_and_link_at_the_words_end() -> None:
    story = Story()
    commands = story.happens(wake(12345))
    assert StartUplink(12345) in commands
    assert OpenLink() in commands
    assert story.phase is Phase.LISTENING
    assert story.light == "listening"


def test_send_wake_word_starts_earlier() -> None:
    story = Story(turn={"send_wake_word": True})
    assert StartUplink(60000 - 24000) in story.happens(wake(60000))


def test_an_open_link_is_asked_for_as_well_since_it_may_be_dead() -> None:
    story = Story()
    story.happens(LinkOpened("s"))
    assert OpenLink() in story.happens(wake())
    assert PlayCue(Cue.WAITING) not in story.passes(4.0)


def test_the_services_commit_closes_the_uplink_and_stray_audio_is_cleared() -> None:
    story = Story().listening()
    commands = story.happens(ServiceSpeechStarted(), TurnCommitted("u"))
    assert "StopUplink" in kinds(commands)
    assert story.phase is Phase.THINKING
    assert story.light == "thinking"
    assert story.happens(UplinkStopped(20000)) == [ClearInput()]


def test_with_device_turn_detection_the_device_commits_after_its_silence() -> None:
    story = Story(service={"turn_detection": "device"}, turn={"silence_ms": 700})
    story.listening().happens(SpeechStarted(17000))
    story.passes(1.0)
    story.happens(SpeechEnded(30000))
    hangover_s = story.settings.vad.hangover_ms / 1000
    assert "StopUplink" not in kinds(story.passes(0.7 - hangover_s - 0.02))
    assert "StopUplink" in kinds(story.passes(0.04))
    assert CommitTurn() in story.happens(UplinkStopped(40000))
    assert story.phase is Phase.THINKING


def test_speech_that_goes_on_after_a_pause_is_not_cut_off_by_the_device() -> None:
    story = Story(service={"turn_detection": "device"}, turn={"silence_ms": 700})
    story.listening().happens(SpeechStarted(17000), SpeechEnded(20000))
    story.passes(0.3)
    story.happens(SpeechStarted(28000))
    story.passes(3.0)
    assert story.phase is Phase.LISTENING


def test_nobody_speaks_and_listening_ends_with_a_cue() -> None:
    story = Story().listening()
    commands = story.passes(5.1)
    assert "StopUplink" in kinds(commands)
    assert ClearInput() in commands
    assert PlayCue(Cue.GAVE_UP) in commands
    assert story.phase is Phase.IDLE


def test_thirty_seconds_of_speech_end_listening_with_a_cue() -> None:
    story = Story().listening()
    story.happens(SpeechStarted(17000))
    assert PlayCue(Cue.GAVE_UP) not in story.passes(29.0)
    assert PlayCue(Cue.GAVE_UP) in story.passes(1.5)


def test_a_slow_link_gives_a_cue_and_then_gives_up_but_keeps_trying() -> None:
    story = Story()
    story.happens(wake(), SpeechStarted(17000), SpeechEnded(20000))
    assert PlayCue(Cue.WAITING) in story.passes(1.6)
    story.happens(SpeechStarted(42000))
    assert "PlayCue" not in kinds(story.passes(13.0))
    commands = story.passes(0.5)
    assert PlayCue(Cue.ERROR) in commands
    assert [c for c in commands if isinstance(c, CloseLink | OpenLink)] == [
        CloseLink("gave_up"),
        OpenLink(),
    ]
    assert story.phase is Phase.IDLE


def spoke_while_the_link_was_down() -> Story:
    """Between 0.5 s and 1.5 s after the wake word; it is 1.5 s."""
    story = Story()
    story.happens(wake())
    story.passes(0.5)
    story.happens(SpeechStarted(24000))
    story.passes(1.0)
    story.happens(SpeechEnded(40000))
    return story


def test_who_spoke_while_the_link_was_down_is_answered_when_it_comes_up() -> None:
    story = spoke_while_the_link_was_down()
    quiet = {PlayCue(Cue.GAVE_UP), PlayCue(Cue.ERROR)}
    assert not quiet & {c for c in story.passes(13.4) if isinstance(c, PlayCue)}
    assert not story.core.conversation.uplink_open
    story.happens(LinkOpened("s"))
    assert story.reports("turn") == []
    assert ClearInput() in story.happens(TurnCommitted("u"))
    assert story.phase is Phase.THINKING
    story.happens(ReplyStarted("r1"))
    assert story.core.wants_reply("r1")


def test_who_waits_for_the_link_is_not_left_in_silence() -> None:
    story = spoke_while_the_link_was_down()
    commands = story.passes(4.9)
    assert story.light == "listening_offline"
    commands += story.passes(8.5)
    assert commands.count(PlayCue(Cue.WAITING)) == 4
    assert story.light == "offline"


def test_a_short_limit_on_speech_does_not_end_the_wait_for_the_link() -> None:
    story = Story(turn={"longest_s": 5.0})
    story.happens(wake(), SpeechStarted(17000))
    assert PlayCue(Cue.GAVE_UP) not in story.passes(14.0)
    story.happens(LinkOpened("s"))
    assert PlayCue(Cue.GAVE_UP) in story.passes(5.1)


def test_who_spoke_while_the_link_was_down_is_told_of_the_link_when_it_stays_down() -> None:
    story = spoke_while_the_link_was_down()
    commands = story.passes(30.0)
    assert PlayCue(Cue.ERROR) in commands
    assert PlayCue(Cue.GAVE_UP) not in commands
    assert story.reports("uplink_stopped")[-1]["reason"] == "long_pause"
    assert CloseLink("gave_up") in commands


def test_a_network_that_says_nothing_at_all_is_told_when_we_give_up() -> None:
    """No attempt has failed yet: it is the silence that is the trouble."""
    story = spoke_while_the_link_was_down()
    story.passes(14.0)
    [error] = story.reports("error")
    assert error["kind"] == "network"
    assert error["detail"] == "no connection within 15 s"
    assert story.light == "error"
    story.passes(4.0)
    assert story.light == "offline"
    assert story.core.named_states == ("the service cannot be reached",)
    story.happens(LinkOpened("s"))
    assert story.light == "idle"


def test_what_the_failed_attempts_have_told_is_not_told_again() -> None:
    story = spoke_while_the_link_was_down()
    story.happens(LinkFailed(ErrorKind.NETWORK, "refused"))
    assert PlayCue(Cue.ERROR) in story.passes(14.0)
    assert [e["detail"] for e in story.reports("error")] == ["refused"]


def test_the_service_has_its_time_to_hear_from_when_the_link_is_up() -> None:
    story = spoke_while_the_link_was_down()
    story.passes(6.0)
    assert DrainLine(1) in story.happens(LinkOpened("s"))
    assert story.passes(2.0) == []
    story.happens(LineDrained(1))
    assert PlayCue(Cue.GAVE_UP) not in story.passes(story.settings.turn.no_speech_s - 0.1)
    assert PlayCue(Cue.GAVE_UP) in story.passes(0.2)


def test_who_is_speaking_when_the_link_comes_up_is_not_given_up() -> None:
    story = spoke_while_the_link_was_down()
    story.passes(1.0)
    story.happens(SpeechStarted(56000), LinkOpened("s"))
    assert PlayCue(Cue.GAVE_UP) not in story.passes(10.0)
    story.happens(SpeechEnded(216000))
    assert DrainLine(1) in story.passes(story.settings.turn.no_speech_s + 0.1)


def test_when_nobody_speaks_the_link_is_not_waited_for() -> None:
    story = Story()
    story.happens(wake())
    assert PlayCue(Cue.GAVE_UP) in story.passes(story.settings.turn.no_speech_s + 0.1)
    assert story.phase is Phase.IDLE


@pytest.mark.parametrize("kind", [ErrorKind.KEY, ErrorKind.QUOTA, ErrorKind.CERTIFICATE])
def test_a_hopeless_failure_is_told_at_once(kind: ErrorKind) -> None:
    story = Story()
    story.happens(wake())
    commands = story.happens(LinkFailed(kind, "refused"))
    assert PlayCue(Cue.ERROR) in commands
    assert story.phase is Phase.IDLE
    assert story.light == "error"
    story.passes(4.0)
    assert story.light == "offline"
    story.happens(LinkOpened("s"))
    assert story.light == "idle"


def test_a_network_failure_waits_for_the_next_attempt() -> None:
    story = Story()
    story.happens(wake(), LinkFailed(ErrorKind.NETWORK, "refused"))
    assert story.phase is Phase.LISTENING


def test_a_session_without_a_name_is_reported_without_one() -> None:
    story = Story()
    story.happens(LinkOpened("sess_1"), LinkClosed("idle"), LinkOpened())
    assert story.reports("link_opened") == [{"session_id": "sess_1"}, {}]


def test_a_whole_turn_ends_in_follow_up_and_then_idle() -> None:
    story = Story().speaking()
    assert story.light == "speaking"
    story.heard_to_the_end()
    assert story.phase is Phase.FOLLOW_UP
    story.passes(5.0)
    assert story.phase is Phase.IDLE
    [turn] = story.reports("turn")
    assert turn["opened_by"] == "wake"
    assert "commit_to_reply_ms" in turn


def test_speech_in_the_follow_up_window_needs_no_wake_word() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    assert StartUplink(90000) in story.happens(SpeechStarted(90000))
    assert story.phase is Phase.LISTENING


def test_speech_after_the_window_is_not_sent() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    story.passes(4.5)
    assert story.happens(SpeechStarted(90000)) == []


def test_the_wake_word_in_the_follow_up_turn_takes_back_what_was_sent() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    story.happens(SpeechStarted(90000))
    commands = story.happens(wake(99000))
    assert kinds(commands)[:3] == ["StopUplink", "RunVad", "ClearInput"]
    assert StopUplink(discard=True) in commands
    assert commands.index(ClearInput()) < commands.index(StartUplink(99000))


def test_the_button_cut_cancels_and_truncates_to_what_was_heard() -> None:
    story = Story().speaking()
    cut = PlaybackStopped("r1", "i1", StopReason.BUTTON, 640, story.now)
    commands = story.happens(cut)
    assert CancelReply("r1") in commands
    assert TruncateReply("i1", 640) in commands
    assert story.phase is Phase.IDLE
    assert StartUplink not in {type(c) for c in story.press()}
    assert story.phase is Phase.IDLE


def test_a_finished_reply_is_truncated_but_not_cancelled() -> None:
    story = Story().speaking()
    story.happens(ReplyDone("r1", "completed"))
    commands = story.happens(PlaybackStopped("r1", "i1", StopReason.BUTTON, 640, story.now))
    assert CancelReply("r1") not in commands
    assert TruncateReply("i1", 640) in commands


def test_a_wake_over_the_reply_cuts_it_and_listens() -> None:
    story = Story().speaking()
    commands = story.happens(wake(50000))
    assert commands.index(CutPlayback(StopReason.WAKE)) < commands.index(StartUplink(50000))
    assert CancelReply("r1") in commands
    after = story.happens(PlaybackStopped("r1", "i1", StopReason.WAKE, 900, story.now))
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


def test_a_press_while_thinking_abandons_the_reply() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"))
    commands = story.press()
    assert CancelReply("r1") in commands
    assert story.phase is Phase.IDLE


def test_a_press_while_listening_forgets_what_was_said() -> None:
    story = Story().listening()
    commands = story.press()
    assert "StopUplink" in kinds(commands)
    assert ClearInput() in commands
    assert story.phase is Phase.IDLE


def test_a_press_when_idle_listens_without_a_wake_word() -> None:
    story = Story()
    assert sends_from(story.press()) is not None
    assert story.phase is Phase.LISTENING


def test_no_reply_in_time_is_an_error_one_can_hear() -> None:
    story = Story().thinking()
    assert PlayCue(Cue.ERROR) in story.passes(15.5)
    assert story.phase is Phase.IDLE


def test_the_link_lost_mid_reply_plays_what_came_and_then_says_so() -> None:
    story = Story().speaking()
    commands = story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    assert "FinishReply" in kinds(commands)
    assert CutPlayback not in {type(c) for c in commands}
    stop = PlaybackStopped("r1", "i1", StopReason.DONE, 2000, story.now)
    assert PlayCue(Cue.ERROR) in story.happens(stop)
    assert story.phase is Phase.IDLE


def test_the_link_lost_after_the_reply_was_complete_disturbs_nobody() -> None:
    story = Story().speaking()
    story.happens(ReplyDone("r1", "completed"), LinkClosed("gone", ErrorKind.NETWORK))
    stop = PlaybackStopped("r1", "i1", StopReason.DONE, 2000, story.now)
    assert PlayCue(Cue.ERROR) not in story.happens(stop)


def test_the_link_lost_after_the_service_took_the_turn_is_told() -> None:
    story = Story().thinking()
    commands = story.happens(LinkClosed("gone", ErrorKind.SERVICE))
    assert PlayCue(Cue.ERROR) in commands
    assert story.phase is Phase.IDLE
    assert commands.index(ClearInput()) < commands.index(OpenLink())
    # The ear had been told to stop; what it sent meanwhile is not kept for the next session.
    assert story.happens(UplinkStopped(50000)) == [ClearInput()]


@pytest.mark.parametrize("kind", [ErrorKind.NETWORK, ErrorKind.SERVICE])
def test_the_link_lost_before_the_service_took_the_turn_costs_no_word(kind: ErrorKind) -> None:
    story = Story().listening()
    story.happens(SpeechStarted(17000), SpeechEnded(40000))
    story.passes(2.5)
    commands = story.happens(LinkClosed("silent", kind))
    assert kinds(commands) == ["OpenLink"]
    assert story.phase is Phase.LISTENING
    assert PlayCue(Cue.WAITING) in story.passes(1.6)
    assert PlayCue(Cue.GAVE_UP) not in story.passes(8.0)
    story.happens(LinkOpened("s2"), TurnCommitted("u"))
    assert story.phase is Phase.THINKING


def test_a_link_lost_in_the_turn_that_does_not_come_back_is_told() -> None:
    story = Story().listening()
    story.happens(SpeechStarted(17000), SpeechEnded(40000))
    story.happens(LinkClosed("silent", ErrorKind.NETWORK))
    assert PlayCue(Cue.ERROR) not in story.passes(14.9)
    assert PlayCue(Cue.ERROR) in story.passes(0.2)
    assert story.phase is Phase.IDLE


def test_a_service_that_dies_of_a_turn_does_not_get_it_a_third_time() -> None:
    story = Story().listening()
    story.happens(LinkClosed("gone", ErrorKind.SERVICE), LinkOpened("s2"))
    commands = story.happens(LinkClosed("gone", ErrorKind.SERVICE))
    assert PlayCue(Cue.ERROR) in commands
    assert ClearInput() in commands
    assert story.phase is Phase.IDLE


def test_a_link_lost_for_a_reason_that_stays_is_told_at_once() -> None:
    story = Story().listening()
    commands = story.happens(LinkClosed("key", ErrorKind.KEY))
    assert PlayCue(Cue.ERROR) in commands
    assert OpenLink() not in commands


def committed_while_the_link_was_down() -> Story:
    """The device ends the turn; the link has never been open."""
    story = Story(service={"turn_detection": "device"})
    story.happens(wake(), SpeechStarted(17000), SpeechEnded(30000))
    assert StopUplink() in story.passes(1.0)
    assert story.happens(UplinkStopped(40000)) == [CommitTurn()]
    return story


def test_a_turn_that_the_device_ended_waits_for_the_link_too() -> None:
    story = committed_while_the_link_was_down()
    commands = story.passes(13.9)
    assert PlayCue(Cue.WAITING) in commands
    assert PlayCue(Cue.ERROR) not in commands
    story.happens(LinkOpened("s"), TurnCommitted("u"))
    assert PlayCue(Cue.ERROR) not in story.passes(14.9)
    assert PlayCue(Cue.ERROR) in story.passes(0.2)  # from now on it is the reply that is late


def test_a_turn_that_the_device_ended_is_given_up_with_the_link() -> None:
    story = committed_while_the_link_was_down()
    assert PlayCue(Cue.ERROR) in story.passes(14.1)
    assert [e["detail"] for e in story.reports("error")] == ["no connection within 15 s"]
    assert story.phase is Phase.IDLE


def test_a_turn_that_the_device_ended_is_told_of_a_hopeless_failure_at_once() -> None:
    story = committed_while_the_link_was_down()
    assert PlayCue(Cue.ERROR) in story.happens(LinkFailed(ErrorKind.KEY, "refused"))
    assert story.phase is Phase.IDLE


def test_a_turn_that_the_device_ended_and_the_button_abandons_is_not_sent_later() -> None:
    story = committed_while_the_link_was_down()
    assert ClearInput() in story.press()
    assert story.phase is Phase.IDLE


def test_a_turn_that_is_abandoned_before_the_ear_has_stopped_is_not_committed() -> None:
    story = Story(service={"turn_detection": "device"}).listening()
    story.happens(SpeechStarted(17000), SpeechEnded(30000))
    story.passes(1.0)
    assert ClearInput() in story.press()
    assert CommitTurn() not in story.happens(UplinkStopped(40000))


def test_a_link_that_we_close_while_a_turn_begins_is_waited_for() -> None:
    story = Story().listening()
    assert OpenLink() in story.happens(LinkClosed("idle"), TurnCommitted("u"))
    assert PlayCue(Cue.ERROR) in story.passes(15.1)
    assert story.phase is Phase.IDLE


def test_a_turn_that_the_device_ended_is_kept_when_its_commit_is_not_answered() -> None:
    story = Story(service={"turn_detection": "device"}).listening()
    story.happens(SpeechStarted(17000), SpeechEnded(30000))
    story.passes(1.0)
    story.happens(UplinkStopped(40000))
    assert kinds(story.happens(LinkClosed("silent", ErrorKind.NETWORK))) == ["OpenLink"]
    assert story.phase is Phase.THINKING
    story.happens(LinkOpened("s2"), TurnCommitted("u"))
    assert PlayCue(Cue.ERROR) in story.happens(LinkClosed("gone", ErrorKind.NETWORK))


def test_a_failed_reply_is_told() -> None:
    story = Story().thinking()
    story.happens(ReplyStarted("r1"))
    assert PlayCue(Cue.ERROR) in story.happens(ReplyDone("r1", "failed", "server_error"))


def test_quota_ends_the_wait() -> None:
    story = Story().thinking()
    assert PlayCue(Cue.ERROR) in story.happens(ServiceTrouble(ErrorKind.QUOTA, "limit"))


def test_a_wake_that_crosses_the_idle_close_opens_the_link_anew() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    story.passes(65.0)
    assert OpenLink() in story.happens(wake())


def test_the_link_is_closed_a_minute_after_the_conversation() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    story.passes(5.0)
    assert CloseLink("idle") not in story.passes(58.0)
    assert CloseLink("idle") in story.passes(3.0)


# --- commits and turns ----------------------------------------------------------------


def test_a_service_that_does_not_tell_of_speech_can_end_the_turn_at_once() -> None:
    """Whose commit it is, codec and runtime have seen to (and have tests of)."""
    story = Story().listening()
    story.happens(TurnCommitted("u"))
    assert story.phase is Phase.THINKING


def test_a_commit_never_ends_a_turn_that_the_device_ends_itself() -> None:
    story = Story(service={"turn_detection": "device"})
    story.listening().happens(SpeechStarted(17000), SpeechEnded(30000))
    story.passes(1.0)
    story.happens(UplinkStopped(40000), wake(50000), SpeechStarted(52000))
    story.passes(2.0)
    story.happens(TurnCommitted("of the first"))
    assert story.phase is Phase.LISTENING


# --- the rule for a press ------------------------------------------------------------


def test_the_press_after_the_one_that_cut_listens_however_soon() -> None:
    story = Story().speaking()
    story.happens(PlaybackStopped("r1", "i1", StopReason.BUTTON, 640, story.now))
    story.press(0.05)
    assert story.phase is Phase.IDLE
    assert sends_from(story.press(0.05)) is not None
    assert story.now < 100.5


def test_a_cut_by_a_bounce_swallows_no_press() -> None:
    story = Story().speaking()
    story.happens(PlaybackStopped("r1", "i1", StopReason.BUTTON, 640, story.now))
    story.passes(0.1)
    assert sends_from(story.press()) is not None
