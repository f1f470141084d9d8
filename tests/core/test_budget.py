"""What services may cost is used up: the conversation ends politely."""

from __future__ import annotations

from device.commands import ChooseService, CloseLink, CutPlayback, SpeakPhrase, SwitchLink
from device.core.phases import Phase
from device.events import BudgetNeared, BudgetReached, LinkOpened, StopReason
from device.providers import capabilities_of
from tests.core.story import Story, wake

REACHED = BudgetReached("cost.daily_usd: 2.00 of 2 USD used")
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
    assert story.phase is Phase.IDLE


def test_who_is_being_listened_to_is_told() -> None:
    story = Story(service=ONLINE).listening()
    commands = story.happens(REACHED)
    assert said(commands) == ["I have used up what I may spend. Please ask me again later."]
    assert any(isinstance(c, CloseLink) for c in commands)
    phrase = next(c for c in commands if isinstance(c, SpeakPhrase)).phrase_id
    story.playback_stops(StopReason.DONE, 900, phrase, "")
    assert story.phase is Phase.IDLE


def test_a_service_that_costs_nothing_takes_over_where_there_is_one() -> None:
    story = Story(service={**ONLINE, "fallback": ("offline",)})
    story.happens(wake(), LinkOpened("s", "openai_realtime", capabilities_of("openai_realtime")))
    commands = story.happens(REACHED)
    assert ChooseService("offline") in commands and SwitchLink() in commands
    assert story.phase is Phase.LISTENING


def test_in_silence_nothing_is_said() -> None:
    story = Story(service=ONLINE).listening()
    story.press()
    commands = story.happens(REACHED)
    assert said(commands) == [] and any(isinstance(c, CloseLink) for c in commands)
    assert story.phase is Phase.IDLE
