"""Tool servers, cuts and turns in any order: one reply to a turn, and nothing of what was cut."""

from __future__ import annotations

import base64
from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from device.commands import AbandonTurn, CancelReply, CommitTurn
from device.events import ReplyAudio, ReplyDone, ReplyStarted
from device.providers.base import Output, SessionSpec
from tests.providers.driver import URL, Driver, event_ids, events, frames
from tests.providers.turns import AUDIO, BUFFER, BUSY

OPTIONS = {
    "mcp_servers": ("home: https://x.y/z",),
    "mcp_approval": "always",
    "mcp_allowed": ("lights",),
}


class Service:
    """Asks a tool server, with our leave or without, and goes on by itself or when asked."""

    def __init__(self, *, follows_up: bool) -> None:
        self.follows_up = follows_up
        self.to_do: deque[dict[str, Any]] = deque()
        self.said: deque[tuple[str, dict[str, Any]]] = deque()
        self.active = ""
        self.output: list[dict[str, Any]] = []
        self.calls: list[tuple[str, int]] = []  # at a tool server, and for which turn
        self.count = self.turns = 0
        self.turn = 0  # which one the active reply, or the last one, is about
        self.asked: dict[str, int] = {}  # approvals, and for which turn

    def is_sent(self, outputs: list[Output]) -> None:
        for event_id, frame in zip(event_ids(outputs), frames(outputs), strict=True):
            self.to_do.append({**frame, "event_id": event_id})

    def works(self) -> None:
        if not self.to_do:
            return
        frame = self.to_do.popleft()
        item = frame.get("item", {})
        match frame["type"]:
            case "input_audio_buffer.clear":
                self.say(f"{BUFFER}.cleared")
            case "input_audio_buffer.commit":
                self.turns += 1
                self.say(f"{BUFFER}.committed", item_id=f"item of {frame['event_id']}")
            case "response.create" if self.active:
                self.say("error", error={"code": BUSY, "event_id": frame["event_id"]})
            case "response.create":
                self.begins(frame["response"]["metadata"], self.turns)
            case "response.cancel" if frame["response_id"] == self.active:
                self.ends("cancelled")
            case "conversation.item.create" if item.get("approve"):
                call = self.item("mcp_call") | {"approval_request_id": item["approval_request_id"]}
                self.say("conversation.item.added", item=call)
                self.say("response.mcp_call.in_progress", item_id=call["id"])
                self.calls.append((call["id"], self.asked[item["approval_request_id"]]))
            case _:
                pass

    def item(self, kind: str) -> dict[str, Any]:
        self.count += 1
        return {"id": f"i{self.count}", "type": kind, "name": "lights", "server_label": "home"}

    def begins(self, metadata: dict[str, str] | None, turn: int) -> None:
        self.count += 1
        self.turn = turn
        self.active, self.output = f"r{self.count}", []
        response = {"id": self.active, "metadata": metadata, "conversation_id": "conv_1"}
        self.say("response.created", response=response)

    def speaks(self) -> None:
        if self.active:
            item = self.item("message")
            self.output.append(item)
            ids = {"response_id": self.active, "item_id": item["id"]}
            delta = base64.b64encode(self.turn.to_bytes(2, "little")).decode()
            self.say("response.output_audio.delta", **ids, delta=delta)

    def asks(self, kind: str) -> None:
        if self.active:
            item = self.item(kind)
            self.output.append(item)
            self.say("response.output_item.done", response_id=self.active, item=item)
            self.asked[item["id"]] = self.turn
            if kind == "mcp_call":
                self.say("response.mcp_call.in_progress", item_id=item["id"])
                self.calls.append((item["id"], self.turn))

    def server_answers(self) -> None:
        if self.calls:
            item_id, turn = self.calls.pop(0)
            self.say("response.mcp_call.completed", item_id=item_id)
            if self.follows_up and not self.active:
                self.begins(None, turn)

    def ends(self, status: str = "completed") -> None:
        if self.active:
            response = {"id": self.active, "status": status, "output": self.output}
            self.say("response.done", response=response)
            self.active = ""

    def say(self, kind: str, **fields: Any) -> None:
        self.said.append((kind, fields))


STEPS = st.lists(
    st.sampled_from(
        [
            "turn", "abandon", "service", "service", "service", "hear", "hear", "hear", "speak",
            "call", "ask", "end", "answer", "wait",
        ]
    ),
    max_size=80,
)  # fmt: skip
TIDY = [*["service", "hear", "hear"] * 4, "answer", "speak", "hear", "hear", "end", "hear", "wait"]


@given(STEPS, st.booleans())
@settings(max_examples=400, deadline=None)
def test_every_turn_that_is_wanted_gets_one_reply_whatever_tool_servers_do(
    steps: list[str], follows_up: bool
) -> None:
    spec = SessionSpec(url=URL, device_ends_turn=True, options=OPTIONS)
    driver, service = Driver(spec).ready(), Service(follows_up=follows_up)
    wanted, begun, over, turn = False, list[str](), set[str](), 0

    def told(outputs: list[Output]) -> None:
        nonlocal wanted
        service.is_sent(outputs)
        for event in events(outputs):
            match event:
                case ReplyStarted(reply_id):
                    if not wanted or begun:  # nobody waits for it, as the core knows
                        told(driver.command(CancelReply(reply_id)))
                        over.add(reply_id)
                    else:
                        begun.append(reply_id)
                case ReplyAudio(reply_id, _, pcm):
                    assert reply_id not in over
                    assert int.from_bytes(pcm, "little") == turn, "an answer to another turn"
                case ReplyDone(reply_id):
                    if reply_id in begun and reply_id not in over:
                        wanted = False
                        begun.clear()
                    over.add(reply_id)
                case _:
                    pass

    for step in [*steps, *TIDY * (len(steps) + 4)]:
        match step:
            case "turn" if not wanted:
                wanted = True
                turn += 1
                driver.command(AUDIO)
                told(driver.command(CommitTurn()))
            case "abandon" if wanted:
                wanted = False
                cut = [*begun]
                begun.clear()
                over.update(cut)
                told(driver.command(AbandonTurn()))
                for reply_id in cut:
                    told(driver.command(CancelReply(reply_id)))
            case "service":
                service.works()
            case "speak":
                service.speaks()
            case "call":
                service.asks("mcp_call")
            case "ask":
                service.asks("mcp_approval_request")
            case "end":
                service.ends()
            case "answer":
                service.server_answers()
            case "hear" if service.said:
                kind, fields = service.said.popleft()
                told(driver.event(kind, **fields))
            case "wait":
                told(driver.wait(0.5))
            case _:
                pass
    assert not wanted, "a turn was not answered to the end"
