"""Turns taken back, replies called off: in any order nothing of what was lost is carried out."""

from __future__ import annotations

from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device.commands import (
    AbandonTurn,
    CancelReply,
    CommitTurn,
)
from device.events import ToolCalled
from device.providers.base import Output
from tests.providers.driver import event_ids, events, frames
from tests.providers.turns import AUDIO, BUFFER, BUSY, device_ends_turns, started


class Service:
    """Takes frames in order, whenever it gets to it; its words lie on a slow line."""

    def __init__(self) -> None:
        self.to_do: deque[dict[str, Any]] = deque()
        self.said: deque[tuple[str, dict[str, Any]]] = deque()
        self.active = ""
        self.count = 0

    def is_sent(self, outputs: list[Output]) -> None:
        for event_id, frame in zip(event_ids(outputs), frames(outputs), strict=True):
            self.to_do.append({**frame, "event_id": event_id})

    def works(self) -> None:
        if not self.to_do:
            return
        frame = self.to_do.popleft()
        match frame["type"].split(".")[-1]:
            case "clear":
                self._say(f"{BUFFER}.cleared")
            case "commit":
                self._say(f"{BUFFER}.committed", item_id=f"item of {frame['event_id']}")
            case "create" if frame["type"] == "response.create":
                self._begin(frame)
            case "cancel" if frame["response_id"] == self.active:
                self._end("cancelled")
            case _:
                pass

    def finishes(self) -> None:
        if self.active:
            self._end("completed")

    def _begin(self, frame: dict[str, Any]) -> None:
        if self.active:
            self._say("error", error={"code": BUSY, "event_id": frame["event_id"]})
            return
        self.count += 1
        self.active = f"r{self.count}"
        metadata = frame["response"]["metadata"]
        self._say("response.created", response={"id": self.active, "metadata": metadata})
        call = {"call_id": f"call of {metadata['request']}", "name": "tool", "arguments": "{}"}
        self._say("response.function_call_arguments.done", response_id=self.active, **call)

    def _end(self, status: str) -> None:
        self._say("response.done", response={"id": self.active, "status": status})
        self.active = ""

    def _say(self, kind: str, **fields: Any) -> None:
        self.said.append((kind, fields))


STEPS = st.lists(
    st.sampled_from(["turn", "abandon", "service", "service", "finish", "hear", "hear"]),
    max_size=60,
)


@given(STEPS)
@settings(max_examples=400)
def test_no_interleaving_carries_out_what_a_turn_asked_for_that_was_taken_back(
    steps: list[str],
) -> None:
    """A call is told of only for the turn that is waited for, and a wanted turn gets its own."""
    driver, service = device_ends_turns(), Service()
    waited_for = ""  # the request of the turn whose reply is wanted
    called: list[str] = []
    begun: list[str] = []
    allowed: set[str] = set()

    def hears() -> None:
        if not service.said:
            return
        kind, fields = service.said.popleft()
        outputs = driver.event(kind, **fields)
        service.is_sent(outputs)
        begun.extend(started(outputs))
        for event in events(outputs):
            if isinstance(event, ToolCalled):
                called.append(event.call_id)
                assert waited_for and event.call_id in allowed

    for step in [*steps, *["service", "finish", "hear", "hear", "hear"] * (2 * len(steps) + 2)]:
        match step:
            case "turn" if not waited_for:
                driver.command(AUDIO)
                outputs = driver.command(CommitTurn())
                service.is_sent(outputs)
                waited_for = "a turn"
                called.clear()
                # The request may have to wait, or to be made again: any later name is this turn's.
                made = int(event_ids(outputs)[0].removeprefix("parlor_"))
                allowed = {f"call of parlor_{n}" for n in range(made, made + 10_000)}
            case "abandon" if waited_for:
                service.is_sent(driver.command(AbandonTurn()))
                for reply_id in begun:
                    service.is_sent(driver.command(CancelReply(reply_id)))
                begun.clear()
                waited_for = ""
            case "service":
                service.works()
            case "finish":
                service.finishes()
            case "hear":
                hears()
            case _:
                pass
    assert not waited_for or called
