"""How a turn goes on with different services, and where it begins."""

from __future__ import annotations

import pytest

from device.audio.hearing import PREROLL_MS as EAR_KEEPS_MS
from device.commands import (
    AbandonTurn,
    CancelReply,
    ClearInput,
    Cue,
    GuardReply,
    PlayCue,
)
from device.core.bargein import PREROLL_MS
from device.core.going_on import (
    EARLIER_S,
    KEPT_S,
    PRESS_S,
    Again,
    again,
    first_frame,
)
from device.core.phases import Phase
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkOpened,
    ReplyStarted,
    ServiceSpeechStarted,
    SpeechEnded,
    SpeechStarted,
    TurnCommitted,
    UplinkStopped,
    UserTranscript,
)
from device.providers import capabilities_of
from tests.core.cut_off import (
    AGAIN_AT,
    PAUSE_AT,
    RATE_HZ,
    SPEECH_AT,
    WAKE_AT,
    begins,
    cut_off,
    goes_on,
    says,
    sounds,
)
from tests.core.story import Story, sends_from

# --- services that end the turns themselves, and long turns -------------------------------


def test_a_service_that_ends_the_turns_gets_the_rest_and_keeps_the_first_part() -> None:
    story = cut_off(provider="openai_realtime", detection="service")
    story.happens(ReplyStarted("r1"))
    commands = goes_on(story)
    assert story.phase is Phase.LISTENING
    assert CancelReply("r1") in commands
    assert AbandonTurn() not in commands
    assert ClearInput() not in commands
    assert sends_from(commands) == AGAIN_AT - PREROLL_MS * RATE_HZ // 1000
    story.happens(ServiceSpeechStarted(), TurnCommitted("u2"), ReplyStarted("r2"))
    assert story.core.wants_reply("r2")


def test_an_answer_that_cannot_be_named_yet_is_called_off_when_it_begins() -> None:
    story = cut_off(provider="openai_realtime", detection="service")
    assert sends_from(goes_on(story)) is None
    assert story.phase is Phase.THINKING
    commands = story.happens(ReplyStarted("r1"))
    assert CancelReply("r1") in commands
    assert sends_from(commands) == AGAIN_AT - PREROLL_MS * RATE_HZ // 1000
    assert story.phase is Phase.LISTENING


def test_a_late_answer_does_not_make_the_pause_longer_that_is_learnt() -> None:
    story = cut_off(provider="openai_realtime", detection="service")
    told: list[float] = []
    story.core.conversation._end_of_turn.speech_started = told.append  # type: ignore[method-assign]
    began = story.now
    goes_on(story)
    story.passes(2.0)
    story.happens(ReplyStarted("r1"))
    assert told[0] == pytest.approx(began, abs=0.05)


def test_a_turn_that_is_longer_than_the_ear_remembers_goes_on_behind_its_first_part() -> None:
    story = cut_off(provider="openai_realtime")
    begins(story)
    late = WAKE_AT + round((KEPT_S + 1) * RATE_HZ)
    commands = says(story, 800, since=late)
    assert AbandonTurn() not in commands
    assert sends_from(commands) == late - PREROLL_MS * RATE_HZ // 1000


def test_a_session_that_is_lost_with_the_first_part_is_not_told_the_second_alone() -> None:
    story = cut_off(provider="openai_realtime", detection="service")
    story.happens(ReplyStarted("r1"))
    goes_on(story)
    assert PlayCue(Cue.ERROR) in story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    assert story.phase is Phase.IDLE


def test_the_offline_service_that_ends_the_turns_is_not_sent_half_a_command() -> None:
    story = cut_off(detection="service")
    assert GuardReply(True) not in story.said
    assert goes_on(story) == []
    begins(story)
    assert GuardReply(True) in sounds(story)


def test_where_the_service_has_yet_to_say_whether_it_was_a_turn_nobody_goes_on() -> None:
    story = Story(phrases={"not_understood": ""}).listening()
    story.happens(SpeechStarted(17000), SpeechEnded(40000))
    story.passes(story.settings.turn.no_speech_s)
    assert story.phase is Phase.THINKING
    assert GuardReply(True) not in story.said
    assert goes_on(story) == []


def test_the_transcript_of_the_first_half_is_no_verdict_on_the_whole() -> None:
    story = cut_off()
    begins(story)
    goes_on(story)
    story.happens(SpeechStarted(AGAIN_AT), SpeechEnded(AGAIN_AT + 20_000))
    story.passes(3.0)
    story.happens(UplinkStopped(AGAIN_AT + 40_000), UserTranscript("", True, "u1"))
    assert story.phase is Phase.THINKING
    assert not story.reports("not_understood")


# --- where it begins ----------------------------------------------------------------------


def test_a_turn_of_the_button_is_said_again_from_its_first_words() -> None:
    story = Story(service={"turn_detection": "device"})
    story.happens(LinkOpened("s"))
    story.press()
    story.passes(1.0)
    story.happens(SpeechStarted(SPEECH_AT))
    story.passes(2.0)
    story.happens(SpeechEnded(PAUSE_AT))
    story.passes(1.2 - 0.256)
    commands = goes_on(story)
    assert sends_from(commands) == SPEECH_AT - round(EARLIER_S * RATE_HZ)


def test_nothing_of_before_the_press_is_sent() -> None:
    assert first_frame(8000, 0.0, RATE_HZ) == 8000
    assert first_frame(8000, PRESS_S + 0.1, RATE_HZ) == 8000 - 1600
    assert first_frame(8000, 5.0, RATE_HZ) == 8000 - round(EARLIER_S * RATE_HZ)
    assert first_frame(100, 5.0, RATE_HZ) == 0


def test_the_ear_keeps_all_that_may_be_said_again() -> None:
    assert KEPT_S * 1000 + 1000 <= EAR_KEEPS_MS


@pytest.mark.parametrize(
    ("provider", "detection", "ago_s", "begun", "how"),
    [
        ("offline", "device", 5.0, True, Again.WHOLE),
        ("offline", "device", 9.0, True, Again.ANEW),
        ("offline", "device", None, True, Again.ANEW),
        ("openai_realtime", "device", 5.0, False, Again.WHOLE),
        ("openai_realtime", "device", 9.0, False, Again.LATER),
        ("openai_realtime", "device", 9.0, True, Again.REST),
        ("openai_realtime", "service", 5.0, True, Again.REST),
        ("openai_realtime", "service", 5.0, False, Again.LATER),
    ],
)
def test_how_a_turn_is_taken_up_again(
    provider: str, detection: str, ago_s: float | None, begun: bool, how: Again
) -> None:
    able = capabilities_of(provider)
    ends = able.device_ends_turns(detection)
    assert again(ends, able, began_ago_s=ago_s, answer_has_begun=begun) is how
