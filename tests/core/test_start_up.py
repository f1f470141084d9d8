"""When the appliance is ready, and which states it names then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.commands import Command, Cue, PlayCue, ShowLight
from device.core.appliance import Appliance
from device.core.start_up import StartUp
from device.events import (
    HEARS_ALL_BUT_WORDS,
    NO_WAKE_WORD,
    ButtonEdge,
    Event,
    Part,
    PartDegraded,
    PartReady,
    Tick,
)
from device.session import capabilities
from device.settings import Settings
from tests.core.story import WALL, reports

EVERY_PART = frozenset(Part)
LIMIT = 102.5


class Start:
    """A core whose parts have not told of themselves yet."""

    def __init__(self, parts: frozenset[Part] = EVERY_PART) -> None:
        self.now = 100.0
        self.core = Appliance(
            Settings(), self.now, StartUp(parts, LIMIT), able=capabilities(Settings())
        )
        self.said: list[Command] = list(self.core.begin(self.now))

    def happens(self, *events: Event) -> None:
        for event in events:
            self.said += self.core.handle(event, self.now, WALL)

    def reports(self, event: str) -> list[dict[str, object]]:
        return reports(self.said, event)


def all_ready(but: Part | None = None) -> list[Event]:
    return [PartReady(part) for part in Part if part is not but]


def test_it_is_ready_when_the_last_part_has_told_and_not_before() -> None:
    start = Start()
    *first, last = all_ready()
    start.happens(*first)
    assert not start.core.started
    start.happens(last)
    assert start.core.started
    assert start.core.named_states == ()


def test_a_part_that_is_missing_has_told_too_and_is_named() -> None:
    start = Start()
    mistake = PartDegraded(Part.CONFIGURATION, "mistake in the configuration", "line 3")
    start.happens(*all_ready(but=Part.CONFIGURATION))
    assert not start.core.started
    start.happens(mistake)
    assert start.core.started
    assert start.core.named_states == ("mistake in the configuration",)


@pytest.mark.parametrize(
    ("part", "state"),
    [
        (Part.WAKE, "wake word loading"),
        (Part.OFFLINE_SERVICE, "offline service starting"),
        (Part.MICROPHONE, "microphone starting"),
        (Part.SPEAKER, "speaker starting"),
    ],
)
def test_a_part_that_takes_longer_is_named_as_starting_which_is_no_error(
    part: Part, state: str
) -> None:
    start = Start()
    start.happens(*all_ready(but=part))
    assert start.core.deadline == LIMIT
    start.now = LIMIT
    start.happens(Tick())
    assert start.core.started
    assert start.core.named_states == (state,)
    assert start.reports("error") == []
    assert PlayCue(Cue.ERROR) not in start.said
    assert [r["state"] for r in start.reports("part_degraded")] == [state]
    start.happens(PartReady(part))
    assert start.core.named_states == ()
    assert [r["part"] for r in start.reports("part_ready")] == [part.value]
    assert [c.light.value for c in start.said if isinstance(c, ShowLight)][-1] == "idle"


def test_what_told_in_time_is_never_named_as_starting() -> None:
    """Its word may be taken out of the mailbox after the limit: it still counts."""
    start = Start(frozenset({Part.OFFLINE_SERVICE}))
    start.now = LIMIT + 1.0
    start.happens(PartReady(Part.OFFLINE_SERVICE))
    assert start.core.started
    assert start.core.named_states == ()
    assert start.reports("part_degraded") == []


@pytest.mark.parametrize("told", [None, PartDegraded(Part.WAKE, "no hearing", "not installed")])
def test_the_microphone_waits_for_what_listens_to_it(told: PartDegraded | None) -> None:
    start = Start(frozenset({Part.WAKE, Part.MICROPHONE}))
    start.happens(*([told] if told else []))
    assert start.core.started is (told is not None)
    start.now = LIMIT
    start.happens(Tick())
    assert start.core.named_states == (told.state if told else "wake word loading",)


@pytest.mark.parametrize("state", sorted(HEARS_ALL_BUT_WORDS))
def test_without_a_wake_word_the_microphone_is_still_waited_for(state: str) -> None:
    start = Start(frozenset({Part.WAKE, Part.MICROPHONE}))
    start.happens(PartDegraded(Part.WAKE, state, "no such file"))
    assert not start.core.started
    start.happens(PartReady(Part.MICROPHONE))
    assert start.core.started


def test_a_press_while_the_wake_word_loads_says_that_nothing_is_heard() -> None:
    start = Start(frozenset({Part.WAKE}))
    start.now = LIMIT
    start.happens(Tick(), ButtonEdge(True, start.now))
    assert PlayCue(Cue.ERROR) in start.said


_TOLD = st.one_of(
    st.builds(PartReady, st.sampled_from(Part)),
    st.builds(
        PartDegraded,
        st.sampled_from(Part),
        st.sampled_from(["gone", NO_WAKE_WORD]),
        st.just("why"),
    ),
)


@given(st.lists(_TOLD, max_size=20))
def test_ready_comes_once_every_part_has_told_and_names_what_each_said_last(
    told: list[Event],
) -> None:
    start = Start()
    last: dict[Part, Event] = {}
    for event in told:
        assert isinstance(event, PartReady | PartDegraded)
        last[event.part] = event
        start.happens(event)
        if len(last) == len(Part):
            assert start.core.started
    states = {e.state for e in last.values() if isinstance(e, PartDegraded)}
    assert set(start.core.named_states) == states
    start.now = LIMIT
    start.happens(Tick())
    assert start.core.started
