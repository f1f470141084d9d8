"""Several services: who serves, who takes over, and when a better one is tried again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from device.commands import (
    AbandonTurn,
    ChooseService,
    CloseLink,
    OpenLink,
    StartUplink,
    SwitchLink,
)
from device.core.failover import FIRST_REST_S, LONGEST_REST_S, Failover
from device.core.phases import Phase
from device.core.session_life import SLOW_S
from device.events import (
    ErrorKind,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ReplyDone,
    ReplyStarted,
    ServiceTrouble,
    ServiceWorking,
    SpeechEnded,
    SpeechStarted,
    UplinkStopped,
    UserTranscript,
)
from device.providers import capabilities_of
from tests.core.story import Story, wake

SERVICES = {"provider": "openai_realtime", "fallback": ("offline",), "turn_detection": "device"}
ONLINE = capabilities_of("openai_realtime")


def begun(**service: object) -> Story:
    story = Story(service={**SERVICES, **service})
    story.happens(wake())
    return story


def asked(story: Story) -> None:
    """A question was asked, and the service has it."""
    story.happens(LinkOpened("s", "openai_realtime", ONLINE), SpeechStarted(20_000))
    story.passes(1.0)
    story.happens(SpeechEnded(36_000))
    story.passes(2.0)
    story.happens(UplinkStopped(60_000))
    assert story.phase is Phase.THINKING


# --- the policy alone ----------------------------------------------------------------------


def test_the_next_in_the_list_takes_over_and_the_first_is_left_alone_for_a_while() -> None:
    failover = Failover(("a", "b", "c"))
    assert failover.failed(ErrorKind.NETWORK, 0.0) == "b"
    assert failover.failed(ErrorKind.NETWORK, 1.0) == "c"
    assert failover.failed(ErrorKind.NETWORK, 2.0) is None
    assert failover.current == "c"
    assert failover.back_at == FIRST_REST_S
    assert failover.go_back(FIRST_REST_S - 1) is None
    assert failover.go_back(FIRST_REST_S) == "a"


def test_each_failure_in_a_row_rests_it_for_twice_as_long() -> None:
    failover = Failover(("a", "b"))
    now = 0.0
    for rest_s in (FIRST_REST_S, 2 * FIRST_REST_S, 4 * FIRST_REST_S):
        failover.failed(ErrorKind.SERVICE, now)
        assert failover.back_at == now + rest_s
        now += rest_s
        assert failover.go_back(now) == "a"
    failover.answered()
    failover.failed(ErrorKind.SERVICE, now)
    assert failover.back_at == now + FIRST_REST_S


def test_a_wrong_key_is_not_tried_again_every_minute() -> None:
    failover = Failover(("a", "b"))
    failover.failed(ErrorKind.KEY, 0.0)
    assert failover.back_at == LONGEST_REST_S


@given(st.lists(st.tuples(st.sampled_from(["fail", "open", "back"]), st.floats(0, 900))))
def test_one_of_the_listed_serves_whatever_happens(steps: list[tuple[str, float]]) -> None:
    failover = Failover(("a", "b", "c"))
    now = 0.0
    for what, passes in steps:
        now += passes
        before = failover.current
        if what == "fail":
            chosen = failover.failed(ErrorKind.NETWORK, now)
        elif what == "back":
            chosen = failover.go_back(now)
        else:
            failover.answered()
            chosen = None
        assert failover.current == (chosen or before)
        assert chosen is None or chosen != before


# --- in a conversation -----------------------------------------------------------------------


def test_who_cannot_be_reached_is_replaced_before_the_person_notices() -> None:
    story = begun()
    said = story.happens(LinkFailed(ErrorKind.NETWORK, "no route"))
    assert ChooseService("offline") in said and SwitchLink() in said
    assert story.phase is Phase.LISTENING
    said = story.happens(LinkOpened("s", "offline", capabilities_of("offline")))
    assert story.phase is Phase.LISTENING
    assert story.reports("failover")[0]["service"] == "offline"


def test_who_takes_too_long_to_open_is_replaced_within_three_seconds() -> None:
    story = begun()
    said = story.passes(2.6)
    assert ChooseService("offline") in said and SwitchLink() in said


def test_without_another_service_the_only_one_is_waited_for() -> None:
    story = begun(fallback=())
    assert SwitchLink() not in story.passes(4.0)
    assert SwitchLink() not in story.happens(LinkFailed(ErrorKind.NETWORK, "no route"))


def test_a_quota_that_is_used_up_costs_no_word() -> None:
    story = begun()
    asked(story)
    said = story.happens(ServiceTrouble(ErrorKind.QUOTA, "over quota"))
    assert AbandonTurn() in said and SwitchLink() in said
    assert said.index(AbandonTurn()) < said.index(SwitchLink())
    assert StartUplink(16000) in said, "the turn is said again from its start"
    assert story.phase is Phase.LISTENING


def test_an_answer_that_does_not_begin_is_asked_of_another() -> None:
    story = begun()
    asked(story)
    said = story.passes(SLOW_S + 0.1)
    assert ChooseService("offline") in said and StartUplink(16000) in said


def test_one_that_says_that_it_is_at_work_is_not_too_slow() -> None:
    story = begun()
    asked(story)
    story.passes(1.0)
    story.happens(ServiceWorking())
    assert not [c for c in story.passes(14.0) if isinstance(c, ChooseService)]
    assert ChooseService("offline") in story.passes(2.0)


def test_a_reply_that_fails_before_it_is_heard_is_asked_of_another() -> None:
    story = begun()
    asked(story)
    story.happens(ReplyStarted("r1"))
    said = story.happens(ReplyDone("r1", "failed", "server error"))
    assert ChooseService("offline") in said and StartUplink(16000) in said


def test_a_key_that_is_refused_in_the_middle_of_a_turn_goes_to_the_next() -> None:
    story = begun()
    story.happens(LinkOpened("s", "openai_realtime", ONLINE), SpeechStarted(20_000))
    said = story.happens(LinkClosed("key expired", ErrorKind.KEY))
    assert ChooseService("offline") in said and SwitchLink() in said
    assert story.phase is Phase.LISTENING


def test_the_first_is_tried_again_while_nobody_is_spoken_to() -> None:
    story = begun()
    story.happens(LinkFailed(ErrorKind.NETWORK, "no route"))
    story.happens(LinkOpened("s", "offline", capabilities_of("offline")))
    story.press()
    assert story.phase is Phase.IDLE
    said = story.passes(FIRST_REST_S + 1)
    chosen = [c for c in said if isinstance(c, ChooseService)]
    assert chosen == [ChooseService("openai_realtime")]
    after = said[said.index(chosen[0]) :]
    assert any(isinstance(c, CloseLink) for c in after) and OpenLink() in after
    said = story.happens(LinkFailed(ErrorKind.NETWORK, "still none"))
    assert ChooseService("offline") in said
    assert SwitchLink() not in said, "nobody needs a session now"


def test_it_is_not_tried_in_the_middle_of_a_conversation() -> None:
    story = begun()
    story.happens(LinkFailed(ErrorKind.NETWORK, "no route"))
    story.happens(LinkOpened("s", "offline", capabilities_of("offline")))
    story.passes(FIRST_REST_S - 5.0)
    story.press()
    story.happens(wake(), SpeechStarted(20_000))
    said = story.passes(8.0)
    assert story.phase is Phase.LISTENING
    assert not any(isinstance(c, ChooseService) for c in said)
    story.press()
    assert ChooseService("openai_realtime") in story.passes(6.0)


def test_the_next_service_is_told_what_was_said() -> None:
    story = begun()
    asked(story)
    story.happens(UserTranscript("what is the tallest tree", True))
    assert story.core.conversation.said(story.now) == [("user", "what is the tallest tree")]


def test_a_service_that_fails_when_it_is_tried_again_is_tried_later_too() -> None:
    down = LinkFailed(ErrorKind.NETWORK, "down")
    story = begun(connect="on_wake")
    story.happens(down, LinkOpened("s", "offline", capabilities_of("offline")))
    story.press()
    for trial in range(1, 4):
        story.passes(1000.0)
        assert story.said.count(ChooseService("openai_realtime")) == trial
        story.happens(down)
