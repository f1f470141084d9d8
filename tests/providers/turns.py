"""Turns that the device ends itself, as a service sees them."""

from __future__ import annotations

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    CommitTurn,
)
from device.events import ReplyStarted
from device.providers.base import Output, SessionSpec
from tests.providers.driver import URL, Driver, event_ids, events, frames, kinds

BUFFER = "input_audio_buffer"
AUDIO = AppendAudio(bytes(9600))
BUSY = "conversation_already_has_active_response"


def device_ends_turns() -> Driver:
    return Driver(SessionSpec(url=URL, device_ends_turn=True)).ready()


def says_a_turn(driver: Driver) -> str:
    """The device's own turn; the name of the reply it asks for."""
    driver.command(AUDIO)
    outputs = driver.command(CommitTurn())
    assert kinds(outputs) == [f"{BUFFER}.commit", "response.create"]
    return event_ids(outputs)[1]


def is_taken_back(driver: Driver, item_id: str = "u1") -> None:
    """Word of the commit crosses the clear."""
    driver.command(AbandonTurn())
    assert driver.event(f"{BUFFER}.committed", item_id=item_id) == []
    outputs = driver.event(f"{BUFFER}.cleared")
    assert frames(outputs) == [{"type": "conversation.item.delete", "item_id": item_id}]


def is_under_way(driver: Driver) -> None:
    """A reply to an earlier turn, which was called off and has not ended."""
    name = says_a_turn(driver)
    driver.event(f"{BUFFER}.committed", item_id="u1")
    driver.created("r1", request=name)
    driver.command(CancelReply("r1"))


def started(outputs: list[Output]) -> list[str]:
    return [e.reply_id for e in events(outputs) if isinstance(e, ReplyStarted)]
