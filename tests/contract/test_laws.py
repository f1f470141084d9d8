"""The laws themselves: what they forbid, and what they leave free."""

from __future__ import annotations

import pytest

from device.events import (
    ErrorKind,
    Event,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ServiceSpeechStarted,
    SessionOpening,
    SessionResumable,
    TurnCommitted,
    UsageReported,
    UserTranscript,
)
from tests.contract.laws import BrokenError, check

OPEN, BEGUN, BROKEN = LinkOpened(), ReplyStarted("r"), ReplyInterrupted("r")
OVER = ReplyDone("r", "cancelled")


def test_a_reply_that_was_interrupted_ends_before_the_turn_that_interrupts() -> None:
    check([OPEN, BEGUN, BROKEN, UserTranscript("late words", True), OVER, TurnCommitted()])
    for early in (TurnCommitted(), ServiceSpeechStarted()):
        with pytest.raises(BrokenError, match="ends at once"):
            check([OPEN, BEGUN, BROKEN, early, OVER])


def test_a_session_shows_that_it_opens_only_before_it_is_open() -> None:
    check([SessionOpening(1.0), SessionOpening(1.0), OPEN])
    with pytest.raises(BrokenError, match="opens no more"):
        check([OPEN, SessionOpening(1.0)])


def test_a_handle_is_of_a_session_that_is_open() -> None:
    check([SessionResumable(""), OPEN, SessionResumable("handle")])
    with pytest.raises(BrokenError, match="cannot be taken up"):
        check([SessionResumable("handle"), OPEN])


def test_what_a_session_took_may_be_told_with_its_farewell_and_never_before_it_opens() -> None:
    check([OPEN, LinkClosed("over"), UsageReported(seconds=1.0)])
    for before in ([], [LinkFailed(ErrorKind.NETWORK, "no way")]):
        with pytest.raises(BrokenError, match="nothing before it is open"):
            check([*before, UsageReported(seconds=1.0)])


def test_what_broke_a_law_is_shown_with_what_came_before() -> None:
    said: list[Event] = [OPEN, BEGUN, ReplyDone("another", "completed")]
    with pytest.raises(BrokenError, match="LinkOpened") as broken:
        check(said)
    assert "another" in str(broken.value)
