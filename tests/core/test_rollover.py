"""Sessions that their service ends: the next one takes over, and nobody hears it."""

from __future__ import annotations

from dataclasses import replace

from device.commands import CloseLink, OpenLink, PrepareSuccessor, TakeOver
from device.core.history import MOST_CHARACTERS, REMEMBERED_S, History
from device.core.phases import Phase
from device.core.rollover import AGAIN_S, Rollover
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkOpened,
    ReplyTranscript,
    SessionExpiring,
    StopReason,
    SuccessorFailed,
    SuccessorReady,
    UserTranscript,
)
from device.providers import capabilities_of
from tests.core.story import Story, wake

ABLE = replace(capabilities_of("openai_realtime"), session_cap_s=100.0)
KEPT = {"provider": "openai_realtime", "connect": "always", "turn_detection": "service"}


def opened(able: object = ABLE, **service: object) -> Story:
    story = Story(service={**KEPT, **service}, able=ABLE)
    story.happens(LinkOpened("s", "openai_realtime", able))  # type: ignore[arg-type]
    return story


def test_a_session_that_is_to_be_there_always_is_opened_at_once() -> None:
    assert OpenLink() in Story(service=KEPT).said
    assert OpenLink() not in Story(service={"provider": "openai_realtime"}).said


def test_before_its_time_is_up_the_next_session_is_opened_beside_it_and_takes_over() -> None:
    story = opened()
    assert PrepareSuccessor() not in story.passes(84.0)
    assert PrepareSuccessor() in story.passes(2.0)
    assert TakeOver() in story.happens(SuccessorReady())
    story.happens(LinkOpened("s2", "openai_realtime", ABLE))
    assert PrepareSuccessor() in story.passes(86.0)


def test_it_waits_until_nobody_speaks() -> None:
    story = opened()
    story.passes(80.0)
    story.happens(wake())
    story.thinking_again("r1", "i1")
    story.passes(6.0)
    assert PrepareSuccessor() in story.said
    assert TakeOver() not in story.happens(SuccessorReady())
    assert TakeOver() not in story.passes(2.0)
    assert TakeOver() in [*story.heard_to_the_end(), *story.passes(0.6)]


def test_a_service_that_warns_is_believed() -> None:
    story = opened()
    story.passes(10.0)
    said = story.happens(SessionExpiring(30.0)) + story.passes(0.1)
    assert PrepareSuccessor() in said


def test_a_successor_that_cannot_be_opened_is_tried_again() -> None:
    story = opened(replace(ABLE, session_cap_s=1000.0))
    story.passes(881.0)
    assert story.said.count(PrepareSuccessor()) == 1
    story.happens(SuccessorFailed(ErrorKind.NETWORK, "no route"))
    story.passes(AGAIN_S + 0.1)
    assert story.said.count(PrepareSuccessor()) == 2


def test_a_service_that_gives_one_session_is_closed_and_opened_in_a_quiet_moment() -> None:
    story = opened(replace(ABLE, parallel_sessions=False))
    said = story.passes(86.0)
    assert PrepareSuccessor() not in said
    closing = [c for c in said if isinstance(c, CloseLink)]
    assert closing and said.index(OpenLink()) > said.index(closing[0])


def test_a_session_that_is_lost_is_not_rolled_over() -> None:
    story = opened()
    story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    assert PrepareSuccessor() not in story.passes(200.0)


def test_long_sessions_are_replaced_two_minutes_before_the_end() -> None:
    rollover = Rollover()
    rollover.opened(3600.0, 0.0)
    assert rollover.due == 3480.0
    rollover.opened(None, 0.0)
    assert rollover.due is None


def test_on_wake_the_session_is_closed_with_the_conversation() -> None:
    story = Story(service={"provider": "openai_realtime", "connect": "on_wake"}).listening()
    story.press()
    assert story.phase is Phase.IDLE
    assert any(isinstance(c, CloseLink) for c in [*story.said, *story.passes(0.1)])


# --- what the next session is told ----------------------------------------------------------


def test_what_was_said_is_carried_over_as_far_as_it_was_heard() -> None:
    story = Story(service={"provider": "openai_realtime", "turn_detection": "service"}).thinking()
    story.happens(UserTranscript("count to eight", True, "item-user"))
    story.speaking()
    story.happens(ReplyTranscript("r1", "i1", "one two three four five six seven eight", True))
    story.playback_stops(StopReason.BUTTON, 1000)
    assert story.core.conversation.said(story.now) == [
        ("user", "count to eight"),
        ("assistant", "one two three four"),
    ]


def test_a_conversation_that_is_over_is_forgotten() -> None:
    story = Story(service={"provider": "openai_realtime"}).listening()
    story.happens(UserTranscript("hello", True))
    story.press()
    story.passes(61.0)
    assert story.core.conversation.said(story.now) == []


def test_memory_has_bounds() -> None:
    history = History()
    history.user("old", 0.0)
    history.turn_begins()
    history.user("x" * (MOST_CHARACTERS - 1), 500.0)
    history.assistant("new", REMEMBERED_S + 1)
    assert [text[:3] for _, text in history.said(REMEMBERED_S + 1)] == ["new"]
    history.heard(0.0)
    assert [text[:3] for _, text in history.said(REMEMBERED_S + 1)] == ["xxx"]


def test_a_wake_word_finds_the_successor_in_place() -> None:
    story = opened()
    story.passes(86.0)
    story.happens(wake(), SuccessorReady())
    assert TakeOver() not in story.said, "not in the middle of a turn"


def test_one_that_was_prepared_in_the_middle_of_a_turn_is_prepared_anew_behind_it() -> None:
    story = opened()
    story.passes(80.0)
    story.happens(wake())
    story.thinking_again("r1", "i1")
    story.passes(6.0)
    story.happens(SuccessorReady(), UserTranscript("what time is it", True, "u"))
    behind = [*story.heard_to_the_end(), *story.passes(0.6)]
    assert PrepareSuccessor() in behind and TakeOver() not in behind
    assert TakeOver() in story.happens(SuccessorReady())


def test_one_that_was_told_too_little_takes_over_where_there_is_no_time_for_another() -> None:
    story = opened()
    story.happens(wake())
    story.thinking_again("r1", "i1")
    story.happens(SessionExpiring(2.0))
    story.passes(0.1)
    story.happens(SuccessorReady(), UserTranscript("what time is it", True, "u"))
    assert TakeOver() in [*story.heard_to_the_end(), *story.passes(0.6)]
    story.happens(LinkOpened("s2", "openai_realtime", ABLE))
    assert PrepareSuccessor() in story.passes(0.1), "and is replaced by one that knows"


def test_one_that_took_the_place_of_a_session_that_died_is_replaced_if_it_knows_too_little() -> (
    None
):
    story = opened()
    story.passes(86.0)
    story.happens(UserTranscript("what time is it", True, "u"))
    story.happens(LinkClosed("gone", ErrorKind.NETWORK))
    story.happens(LinkOpened("s2", "openai_realtime", ABLE))
    assert PrepareSuccessor() in story.passes(0.1)
    story.happens(SuccessorReady(), LinkOpened("s3", "openai_realtime", ABLE))
    assert PrepareSuccessor() not in story.passes(80.0)
