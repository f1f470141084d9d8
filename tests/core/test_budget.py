"""What services may cost is used up: the conversation ends politely."""

from __future__ import annotations

from device.commands import (
    ChooseService,
    CloseLink,
    CutPlayback,
    OpenLink,
    SpeakPhrase,
    SwitchLink,
)
from device.core.phases import Phase
from device.events import (
    BudgetNeared,
    BudgetReached,
    BudgetRestored,
    LinkOpened,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    StopReason,
)
from device.providers import capabilities_of
from tests.core.story import Story, wake

REACHED = BudgetReached("cost.daily_usd: 2.00 of 2 USD used")
TODAY = BudgetReached("cost.daily_usd: 2.00 of 2 USD used", ("offline",), lasting=True)
SPENT = "I have used up what I may spend. Please ask me again later."
ONLINE = {"provider": "openai_realtime", "turn_detection": "service"}


def said(commands: list[object]) -> list[str]:
    return [c.text for c in commands if isinstance(c, SpeakPhrase)]


def test_a_limit_that_is_near_is_only_told() -> None:
    story = Story(service=ONLINE).listening()
    story.happens(BudgetNeared("cost.daily_usd: 1.60 of 2 USD used"))
    assert story.phase is Phase.LISTENING
    assert story.reports("budget") == [
        {"state": "near", "detail": "cost.daily_usd: 1.60 of 2 USD used"}
    ]


def test_a_reply_is_heard_to_its_end_and_then_it_says_why_it_stops() -> None:
    story = Story(service=ONLINE).speaking()
    commands = story.happens(REACHED)
    assert not any(isinstance(c, CutPlayback) for c in commands)
    assert story.phase is Phase.SPEAKING
    commands = [*story.heard_to_the_end(), *story.passes(1.0)]
    assert any(isinstance(c, CloseLink) for c in commands)
    assert said(commands) == [SPENT]


def test_who_is_being_listened_to_is_told() -> None:
    story = Story(service=ONLINE).listening()
    commands = story.happens(REACHED)
    assert said(commands) == [SPENT]
    assert any(isinstance(c, CloseLink) for c in commands)
    phrase = next(c for c in commands if isinstance(c, SpeakPhrase)).phrase_id
    story.playback_stops(StopReason.DONE, 900, phrase, "")
    assert story.phase is Phase.IDLE


def test_a_service_that_costs_nothing_takes_over_where_there_is_one() -> None:
    story = Story(service={**ONLINE, "fallback": ("offline",)})
    story.happens(wake(), LinkOpened("s", "openai_realtime", capabilities_of("openai_realtime")))
    commands = story.happens(TODAY)
    assert ChooseService("offline") in commands and SwitchLink() in commands
    assert story.phase is Phase.LISTENING


def test_in_silence_nothing_is_said() -> None:
    story = Story(service=ONLINE).listening()
    story.press()
    commands = story.happens(REACHED)
    assert said(commands) == [] and any(isinstance(c, CloseLink) for c in commands)
    assert story.phase is Phase.IDLE


def test_an_answer_that_is_paid_for_is_heard_though_it_does_not_sound_yet() -> None:
    thinking, received = (Story(service=ONLINE).thinking() for _ in range(2))
    received.happens(ReplyStarted("r1"), ReplyAudioReceived("r1", "i1", 2000.0))
    received.happens(ReplyDone("r1", "completed"))
    for story in (thinking, received):
        commands = [*story.happens(REACHED), *story.passes(2.0)]
        assert not {CutPlayback, CloseLink} & {type(c) for c in commands}
        assert story.phase is Phase.THINKING


def test_a_free_service_takes_over_behind_the_answer_without_a_word() -> None:
    story = Story(service={**ONLINE, "fallback": ("gemini", "offline")}).speaking()
    assert CloseLink not in {type(c) for c in story.happens(TODAY, ReplyDone("r1", "completed"))}
    commands = [*story.playback_stops(StopReason.DONE, 2000), *story.passes(1.0)]
    assert ChooseService("offline") in commands, "never one that costs"
    assert said(commands) == []
    assert story.phase is Phase.FOLLOW_UP


def test_nothing_that_costs_is_opened_while_the_day_lasts() -> None:
    story = Story(service=ONLINE)
    story.happens(BudgetReached("used up", lasting=True))
    commands = [*story.happens(wake()), *story.passes(0.1)]
    assert OpenLink() not in commands
    assert said(commands) == [SPENT]
    story.happens(BudgetRestored())
    phrase = next(c for c in commands if isinstance(c, SpeakPhrase)).phrase_id
    story.playback_stops(StopReason.DONE, 900, phrase, "")
    assert OpenLink() in story.happens(wake(90000))


def test_the_preferred_service_is_gone_back_to_on_the_next_day_only() -> None:
    story = Story(service={**ONLINE, "fallback": ("offline",)})
    story.happens(TODAY)
    assert OpenLink() in story.happens(wake())
    assert ChooseService("offline") in story.said
    story.happens(LinkOpened("s", "offline", capabilities_of("offline")))
    story.press()
    story.passes(7200.0)
    assert ChooseService("openai_realtime") not in story.said
    story.happens(BudgetRestored())
    story.passes(60.0)
    assert ChooseService("openai_realtime") in story.said
