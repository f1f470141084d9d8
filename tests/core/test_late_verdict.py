"""The device heard speech, and the service has said nothing of it: silence, or a slow line?"""

from __future__ import annotations

from device.commands import (
    AbandonTurn,
    ClearInput,
    CommitTurn,
    Cue,
    DrainLine,
    PlayCue,
    StartUplink,
    StopUplink,
)
from device.core.linking import VERDICT_GRACE_S
from device.core.listening import OFFLINE_PAUSE_S
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LineDrained,
    LinkClosed,
    LinkOpened,
    PlaybackStarted,
    ReplyAudioReceived,
    ReplyStarted,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    TurnCommitted,
    UplinkStopped,
)
from tests.core.story import Story, kinds, wake

HELD = StopUplink(undecided=True)


GAVE_UP = PlayCue(Cue.GAVE_UP)


def unanswered() -> Story:
    """Somebody spoke, ``no_speech_s`` ago; the link is open, the service silent."""
    story = Story(phrases={"not_understood": ""}).listening()
    story.happens(SpeechStarted(17000), SpeechEnded(40000))
    commands = story.passes(story.settings.turn.no_speech_s)
    assert kinds(commands) == ["StopUplink", "RunVad", "DrainLine"]
    assert HELD in commands
    assert story.happens(UplinkStopped(120000)) == []
    return story


def test_a_long_pause_ends_the_uplink_and_asks_the_line() -> None:
    story = unanswered()
    assert story.phase is Phase.THINKING
    assert story.light == "thinking"
    assert not story.core.conversation.uplink_open


def test_a_verdict_that_was_on_its_way_is_believed() -> None:
    story = unanswered()
    assert GAVE_UP not in story.passes(10.0)
    story.happens(ServiceSpeechStarted())
    assert ClearInput() in story.happens(TurnCommitted("u"))
    assert [*story.happens(LineDrained(1)), *story.passes(VERDICT_GRACE_S)] == []
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 100.0))
    story.happens(PlaybackStarted("r1", story.now))
    assert story.phase is Phase.SPEAKING
    assert story.reports("error") == []


def test_a_verdict_in_the_moment_before_the_ear_stopped_is_believed() -> None:
    story = Story(phrases={"not_understood": ""}).listening()
    story.happens(SpeechStarted(17000), SpeechEnded(40000))
    story.passes(5.0)
    story.happens(TurnCommitted("u"))
    assert story.happens(UplinkStopped(120000)) == [ClearInput()]
    assert PlayCue(Cue.ERROR) not in story.passes(14.9)
    assert PlayCue(Cue.ERROR) in story.passes(0.2)


def test_a_cough_that_the_service_takes_for_no_turn_is_no_error() -> None:
    story = unanswered()
    story.happens(LineDrained(1))
    assert story.passes(VERDICT_GRACE_S - 0.01) == []
    commands = story.passes(0.02)
    assert kinds(commands)[:2] == ["AbandonTurn", "PlayCue"]
    assert GAVE_UP in commands
    [told] = story.reports("not_taken")
    assert "took no turn" in str(told["detail"])
    assert story.reports("error") == []
    assert story.light == "idle"


def test_a_service_that_takes_no_turn_again_and_again_is_told_of() -> None:
    story = unanswered()
    story.happens(LineDrained(1))
    story.passes(VERDICT_GRACE_S)
    story.happens(wake(200000))
    story.happens(SpeechStarted(210000), SpeechEnded(230000))
    story.passes(5.0)
    story.happens(LineDrained(2))
    assert GAVE_UP in story.passes(VERDICT_GRACE_S)
    [error] = story.reports("error")
    assert error["kind"] == "service"
    assert "took no turn" in str(error["detail"])
    assert error["hint"]
    assert story.light == "error"
    assert story.phase is Phase.IDLE


def test_on_an_idle_line_nobody_waits_longer_than_a_moment() -> None:
    story = unanswered()
    story.happens(LineDrained(1))
    assert GAVE_UP in story.passes(VERDICT_GRACE_S)


def test_silence_without_speech_is_no_error() -> None:
    story = Story(phrases={"not_understood": ""}).listening()
    assert GAVE_UP in story.passes(5.1)
    assert story.reports("error") == []
    assert DrainLine(1) not in story.said


def test_a_service_that_begins_to_speak_of_it_gets_another_moment_but_not_for_ever() -> None:
    story = unanswered()
    story.happens(LineDrained(1))
    for _ in range(17):
        assert GAVE_UP not in story.passes(0.8)
        story.happens(ServiceSpeechStarted())
    assert GAVE_UP in story.passes(2.0)


def test_a_line_that_never_drains_is_given_up_and_told() -> None:
    story = unanswered()
    assert GAVE_UP not in story.passes(story.settings.service.reply_timeout_s - 0.1)
    assert GAVE_UP in story.passes(0.2)
    [error] = story.reports("error")
    assert error["kind"] == "network"
    assert "within 15 s" in str(error["detail"])


def test_the_answer_to_an_earlier_question_means_nothing() -> None:
    story = unanswered()
    commands = story.happens(wake(200000))
    assert commands.index(AbandonTurn()) < commands.index(StartUplink(200000))
    story.happens(SpeechStarted(210000), SpeechEnded(230000))
    assert DrainLine(2) in story.passes(5.0)
    story.happens(LineDrained(1))
    assert GAVE_UP not in story.passes(VERDICT_GRACE_S + 1)
    story.happens(LineDrained(2))
    assert GAVE_UP in story.passes(VERDICT_GRACE_S)


def test_the_button_ends_the_wait() -> None:
    story = unanswered()
    assert AbandonTurn() in story.press()
    assert story.phase is Phase.IDLE
    assert story.happens(LineDrained(1)) == []
    assert GAVE_UP not in story.passes(20.0)


def test_speech_whose_beginning_was_hidden_is_speech() -> None:
    story = Story(phrases={"not_understood": ""}).listening()
    story.happens(SpeechEnded(40000))
    assert DrainLine(1) in story.passes(5.0)


def test_a_device_that_ends_its_turns_itself_does_not_ask() -> None:
    story = Story(
        service={"turn_detection": "device"}, turn={"silence_ms": 5000, "no_speech_s": 1.0}
    ).listening()
    story.happens(SpeechStarted(17000), SpeechEnded(40000))
    story.passes(5.0)
    assert CommitTurn() in story.happens(UplinkStopped(120000))
    assert "DrainLine" not in kinds(story.said)


# --- the link is down ------------------------------------------------------------------------


def test_with_the_link_down_nothing_more_of_the_room_is_kept_after_a_pause() -> None:
    story = Story()
    story.happens(wake(), SpeechStarted(17000))
    story.passes(1.0)
    story.happens(SpeechEnded(33000))
    assert "StopUplink" not in kinds(story.passes(OFFLINE_PAUSE_S - 0.1))
    assert HELD in story.passes(0.2)
    assert story.happens(UplinkStopped(120000)) == []  # and what was kept stays kept
    story.passes(5.0)
    assert DrainLine(1) in story.happens(LinkOpened("s"))
    story.happens(LineDrained(1))
    assert GAVE_UP not in story.passes(4.9)  # it hears all of it only now
    story.happens(TurnCommitted("u"), ReplyStarted("r1"))
    assert story.core.wants_reply("r1")


def test_a_link_lost_while_the_verdict_is_awaited_is_asked_again() -> None:
    story = unanswered()
    assert kinds(story.happens(LinkClosed("gone", ErrorKind.NETWORK))) == ["OpenLink"]
    assert not {GAVE_UP, PlayCue(Cue.ERROR)} & {
        c for c in story.passes(14.5) if isinstance(c, PlayCue)
    }
    assert DrainLine(2) in story.happens(LinkOpened("s2"))
    assert story.happens(LineDrained(1)) == []
    story.happens(TurnCommitted("u"))
    assert story.phase is Phase.THINKING
