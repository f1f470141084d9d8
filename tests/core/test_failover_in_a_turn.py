"""Another service takes a turn over from one that is slow, or dies of it again."""

from __future__ import annotations

from device.commands import AbandonTurn, ChooseService, OpenLink, StartUplink, SwitchLink
from device.core.phases import Phase
from device.core.session_life import SLOW_S
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkOpened,
    ReplyAudioReceived,
    ReplyStarted,
    SpeechStarted,
    ToolCalled,
)
from tests.core.story import Story
from tests.core.test_failover import ONLINE, asked, begun

PATIENCE_S = 15.0


def thinking(**service: object) -> Story:
    story = begun(**service)
    asked(story)
    return story


def gives_up(story: Story, seconds: float) -> bool:
    return ChooseService("offline") in story.passes(seconds)


def test_one_that_has_begun_and_says_nothing_is_too_slow() -> None:
    story = thinking()
    story.passes(0.5)
    story.happens(ReplyStarted("r1"))
    said = story.passes(SLOW_S)
    assert ChooseService("offline") in said
    assert StartUplink(16000) in said, "the turn is said again from its start"


def test_its_first_sound_is_the_sign() -> None:
    story = thinking()
    story.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 200.0))
    assert not gives_up(story, SLOW_S + 1.0)


def test_a_call_of_a_tool_is_one_too_and_what_follows_it_has_its_time() -> None:
    story = thinking()
    story.happens(ReplyStarted("r1"), ToolCalled("r1", "c1", "get_time", "{}"))
    story.happens(ReplyStarted("r2"))
    assert not gives_up(story, SLOW_S + 1.0)
    assert gives_up(story, PATIENCE_S)


def test_who_has_nobody_to_take_over_has_its_time() -> None:
    story = thinking(fallback=())
    story.happens(ReplyStarted("r1"))
    before = len(story.said)
    story.passes(SLOW_S + 1.0)
    assert not [c for c in story.said[before:] if isinstance(c, ChooseService)]
    assert story.phase.value == "thinking"


def lost_twice(**service: object) -> Story:
    """In the middle of what somebody says."""
    story = begun(**service)
    story.happens(LinkOpened("s", "openai_realtime", ONLINE), SpeechStarted(20_000))
    assert OpenLink() in story.happens(LinkClosed("reset", ErrorKind.NETWORK))
    story.happens(LinkOpened("s2", "openai_realtime", ONLINE))
    story.said.clear()
    story.happens(LinkClosed("reset", ErrorKind.NETWORK))
    return story


def test_a_session_that_is_lost_a_second_time_in_a_turn_gives_it_to_another_service() -> None:
    story = lost_twice()
    assert ChooseService("offline") in story.said and SwitchLink() in story.said
    assert AbandonTurn() not in story.said, "what was said is kept for it"
    assert story.phase is Phase.LISTENING


def test_without_another_service_the_turn_is_given_up_then() -> None:
    story = lost_twice(fallback=())
    assert AbandonTurn() in story.said and SwitchLink() not in story.said
    assert story.phase is Phase.IDLE
