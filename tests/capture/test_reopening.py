"""What is told of a card that comes and goes, whatever it does."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.adapters.alsa_reopen import LONGEST_S, PROVEN_S, Reopening, reopen_backoff
from device.errors import AudioError, DeviceBusyError, DeviceMissingError
from device.events import Event, Part, PartDegraded, PartReady

GONE = DeviceMissingError("gone")
ERRORS = {"gone": GONE, "busy": DeviceBusyError("busy"), "broken": AudioError("broken")}


def make() -> Reopening:
    return Reopening(Part.SPEAKER, "no speaker", reopen_backoff(Random(3)))


def states(told: list[Event]) -> list[str]:
    return [event.state if isinstance(event, PartDegraded) else "ready" for event in told]


class Card:
    """A card and its owner, who does what an owner does, in time that is told."""

    def __init__(self) -> None:
        self.now, self.is_open = 100.0, False
        self.trouble: AudioError | None = None
        self.reopening = make()
        self.told: list[Event] = []

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 20)):
            self.now += 0.05
            self.told += self._turn()

    def _turn(self) -> list[Event]:
        reopening = self.reopening
        if self.is_open and self.trouble is not None:
            self.is_open = False
            return reopening.lost(self.now, self.trouble)
        if self.is_open:
            return reopening.works(self.now)
        if self.now < reopening.retry_at:
            return []
        if isinstance(self.trouble, DeviceMissingError | DeviceBusyError):
            return reopening.refused(self.now, self.trouble)
        # A broken card can be opened, and fails when it is used.
        self.is_open = True
        reopening.opened(self.now, "fine")
        return [] if self.trouble else reopening.works(self.now)


@pytest.mark.parametrize(
    ("trouble", "state"), [("gone", "no speaker"), ("broken", "reopening"), ("busy", "reopening")]
)
def test_a_trouble_is_one_line_and_its_end_another(trouble: str, state: str) -> None:
    card = Card()
    card.run(3.0)
    card.trouble = ERRORS[trouble]
    card.run(60.0)
    # A card that "is busy" while it is open is a loss; that it is then held, another cause.
    expected = ["ready", state, "busy"] if trouble == "busy" else ["ready", state]
    assert states(card.told) == expected
    card.trouble = None
    card.run(LONGEST_S + PROVEN_S + 0.2)
    assert states(card.told) == [*expected, "ready"]


def test_an_unplugged_card_is_ready_as_soon_as_it_is_back() -> None:
    card = Card()
    card.run(3.0)
    card.trouble = GONE
    card.run(0.05)
    card.trouble = None
    card.run(0.5)
    assert states(card.told) == ["ready", "no speaker", "ready"]


@given(st.lists(st.tuples(st.sampled_from([None, *ERRORS]), st.integers(1, 60)), max_size=20))
def test_whatever_happens_no_word_is_said_twice_and_the_last_one_is_true(
    story: list[tuple[str | None, int]],
) -> None:
    card = Card()
    for trouble, twentieths in story:
        card.trouble = ERRORS[trouble] if trouble else None
        card.run(twentieths / 20)
        assert card.reopening.retry_at <= card.now + LONGEST_S
    assert all(a != b for a, b in pairwise(card.told))
    card.trouble = None
    card.run(LONGEST_S + PROVEN_S + 0.2)
    assert isinstance(card.told[-1], PartReady)
    card.trouble = ERRORS["broken"]
    card.run(5.0)
    assert isinstance(card.told[-1], PartDegraded)


def test_a_broken_card_that_is_then_unplugged_is_told_as_missing() -> None:
    card = make()
    card.opened(0.0, "card")
    card.works(2.0)
    assert states(card.lost(5.0, AudioError("input/output error"))) == ["reopening"]
    assert states(card.refused(6.0, DeviceMissingError("gone"))) == ["no speaker"]
    assert states(card.refused(8.0, DeviceMissingError("gone"))) == []
