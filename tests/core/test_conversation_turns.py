"""Whose turn it is: how one begins, how it ends, and what may follow it."""

from __future__ import annotations

from device.commands import (
    AbandonTurn,
    ClearInput,
    CloseLink,
    CommitTurn,
    Cue,
    OpenLink,
    PlayCue,
    StartUplink,
    StopUplink,
)
from device.core.phases import Phase
from device.events import (
    LinkClosed,
    LinkOpened,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    TurnCommitted,
    UplinkStopped,
)
from tests.core.story import Story, kinds, wake


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


def test_nobody_speaks_and_listening_ends_with_a_cue() -> None:
    story = Story().listening()
    commands = story.passes(5.1)
    assert "StopUplink" in kinds(commands)
    assert AbandonTurn() in commands
    assert PlayCue(Cue.GAVE_UP) in commands
    assert story.phase is Phase.IDLE


def test_thirty_seconds_of_speech_end_listening_with_a_cue() -> None:
    story = Story().listening()
    story.happens(SpeechStarted(17000))
    assert PlayCue(Cue.GAVE_UP) not in story.passes(29.0)
    assert PlayCue(Cue.GAVE_UP) in story.passes(1.5)


# --- who ends it -----------------------------------------------------------------------------


def test_the_services_commit_closes_the_uplink_and_stray_audio_is_cleared() -> None:
    story = Story().listening()
    commands = story.happens(ServiceSpeechStarted(), TurnCommitted("u"))
    assert "StopUplink" in kinds(commands)
    assert story.phase is Phase.THINKING
    assert story.light == "thinking"
    assert story.happens(UplinkStopped(20000)) == [ClearInput()]


def test_a_service_that_does_not_tell_of_speech_can_end_the_turn_at_once() -> None:
    """Whose commit it is, codec and runtime have seen to (and have tests of)."""
    story = Story().listening()
    story.happens(TurnCommitted("u"))
    assert story.phase is Phase.THINKING


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


def test_a_commit_never_ends_a_turn_that_the_device_ends_itself() -> None:
    story = Story(service={"turn_detection": "device"})
    story.listening().happens(SpeechStarted(17000), SpeechEnded(30000))
    story.passes(1.0)
    story.happens(UplinkStopped(40000), wake(50000), SpeechStarted(52000))
    story.passes(2.0)
    story.happens(TurnCommitted("of the first"))
    assert story.phase is Phase.LISTENING


def test_a_turn_that_is_abandoned_before_the_ear_has_stopped_is_not_committed() -> None:
    story = Story(service={"turn_detection": "device"}).listening()
    story.happens(SpeechStarted(17000), SpeechEnded(30000))
    story.passes(1.0)
    assert AbandonTurn() in story.press()
    assert CommitTurn() not in story.happens(UplinkStopped(40000))


# --- after it --------------------------------------------------------------------------------


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
    assert kinds(commands)[:3] == ["StopUplink", "RunVad", "AbandonTurn"]
    assert StopUplink(discard=True) in commands
    assert commands.index(AbandonTurn()) < commands.index(StartUplink(99000))


def test_the_link_is_closed_a_minute_after_the_conversation() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    story.passes(5.0)
    assert CloseLink("idle") not in story.passes(58.0)
    assert CloseLink("idle") in story.passes(3.0)


def test_a_wake_that_crosses_the_idle_close_opens_the_link_anew() -> None:
    story = Story().speaking()
    story.heard_to_the_end()
    story.passes(65.0)
    assert OpenLink() in story.happens(wake())


def test_a_session_without_a_name_is_reported_without_one() -> None:
    story = Story()
    story.happens(LinkOpened("sess_1"), LinkClosed("idle"), LinkOpened())
    assert story.reports("link_opened") == [{"session_id": "sess_1"}, {}]
