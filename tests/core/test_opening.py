"""A service that is slow to open, and says so: no outage, and nobody is left in silence."""

from __future__ import annotations

from device.commands import (
    ChooseService,
    Command,
    Cue,
    PlayCue,
    SpeakPhrase,
    StartUplink,
    SwitchLink,
)
from device.core.linking import NO_SIGN_S
from device.core.phases import Phase
from device.events import (
    LinkOpened,
    PlaybackStopped,
    SessionOpening,
    SpeechEnded,
    SpeechStarted,
    StopReason,
    UplinkStopped,
)
from device.providers import capabilities_of
from tests.core.story import Story, wake

WIRO = capabilities_of("wiro")
WITH_FALLBACK = {"provider": "wiro", "fallback": ("gemini", "offline")}
QUEUE = SessionOpening(WIRO.opens_within_s)


def waits(**service: object) -> Story:
    """Wiro was asked for a session; a question has been said, and is over."""
    story = Story(able=WIRO, service={**WITH_FALLBACK, "turn_detection": "auto", **service})
    story.happens(wake(), SpeechStarted(20_000))
    return story


def asked(story: Story) -> Story:
    story.passes(0.5)
    story.happens(SpeechEnded(36_000))
    return story


def chosen(commands: list[Command]) -> list[str]:
    return [c.name for c in commands if isinstance(c, ChooseService)]


def spoken(commands: list[Command]) -> list[str]:
    return [c.text for c in commands if isinstance(c, SpeakPhrase)]


def test_an_outage_is_over_within_three_seconds_however_long_the_queue_may_be() -> None:
    said = waits().passes(3.0)
    assert NO_SIGN_S < 3.0 < WIRO.opens_within_s
    assert chosen(said) == ["gemini"]
    assert SwitchLink() in said


def test_who_takes_over_is_not_given_the_time_of_the_one_before() -> None:
    assert chosen(waits().passes(2 * NO_SIGN_S + 0.1)) == ["gemini", "offline"]


def test_a_queue_that_moves_is_no_outage() -> None:
    story = waits()
    for _ in range(3):
        story.passes(2.0)
        story.happens(QUEUE)
    assert chosen(story.said) == []
    assert chosen(story.passes(WIRO.opens_within_s - 0.5)) == []
    assert len(story.reports("session_opening")) == 1


def test_one_that_has_stopped_moving_is() -> None:
    story = waits()
    story.happens(QUEUE)
    assert chosen(story.passes(WIRO.opens_within_s + 0.1)) == ["gemini"]


def test_nor_is_a_queue_waited_for_without_end_where_another_could_answer() -> None:
    story = waits(longest_work_s=40.0)
    for _ in range(12):
        story.happens(QUEUE)
        story.passes(2.0)
    assert chosen(story.said) == ["gemini"]


def test_alone_it_is_waited_for_longer_than_one_that_says_nothing() -> None:
    silent = asked(waits(fallback=()))
    assert PlayCue(Cue.ERROR) in silent.passes(16.0)
    queued = asked(waits(fallback=()))
    for _ in range(10):
        queued.happens(QUEUE)
        assert PlayCue(Cue.ERROR) not in queued.passes(4.0)
    queued.happens(LinkOpened("s", "wiro", WIRO))
    assert queued.phase is Phase.THINKING


def test_and_then_given_up() -> None:
    story = asked(waits(fallback=(), longest_work_s=30.0))
    for _ in range(14):
        story.happens(QUEUE)
        story.passes(2.0)
    assert PlayCue(Cue.ERROR) not in story.said
    story.happens(QUEUE)
    assert PlayCue(Cue.ERROR) in story.passes(3.0)
    [forgotten] = story.reports("turn_forgotten")
    assert "30 s" in str(forgotten["detail"])


def test_it_is_said_once_that_it_is_on_it_and_then_the_cue_goes_on() -> None:
    story = asked(waits(fallback=()))
    story.happens(QUEUE)
    said = story.passes(5.0)
    assert story.phase is Phase.THINKING
    assert spoken(said) == ["One moment."]
    story.happens(PlaybackStopped("phrase:1", "", StopReason.DONE, 700, story.now))
    story.happens(QUEUE)
    said = story.passes(8.0)
    assert spoken(said) == []
    assert PlayCue(Cue.WAITING) in said


def test_not_into_what_is_being_said() -> None:
    story = waits(fallback=())
    story.happens(QUEUE)
    assert spoken(story.passes(10.0)) == []
    assert story.phase is Phase.LISTENING


def test_one_that_gives_no_sign_is_waited_for_with_the_cue_alone() -> None:
    story = asked(waits(fallback=()))
    said = story.passes(10.0)
    assert spoken(said) == []
    assert PlayCue(Cue.WAITING) in said


def test_the_words_are_kept_and_answered() -> None:
    story = asked(waits())
    story.happens(QUEUE)
    story.passes(9.0)
    story.happens(QUEUE)
    story.happens(UplinkStopped(60_000), LinkOpened("s", "wiro", WIRO))
    assert [c for c in story.said if isinstance(c, StartUplink)] == [StartUplink(16_000)]
    assert chosen(story.said) == []
    assert story.phase is Phase.THINKING


def test_signs_that_nobody_waits_for_are_nothing() -> None:
    story = Story(able=WIRO)
    assert story.happens(QUEUE) == []
    story.happens(wake(), LinkOpened("s", "wiro", WIRO))
    assert story.happens(QUEUE) == []
