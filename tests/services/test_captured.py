"""What is captured is all that passed."""

from __future__ import annotations

import asyncio
import base64
import json
from pathlib import Path

import pytest
from websockets.asyncio.client import connect
from websockets.http11 import Request

from device.simulator.services.brain import ScriptedBrain
from device.simulator.services.line import GARBAGE, Line, Trouble
from device.simulator.services.stand_in import StandIn
from tests.services.captured import captured


class Echo(StandIn):
    """Sends everything back."""

    @property
    def url(self) -> str:
        return f"{self.origin}/echo"

    async def converse(self, line: Line, request: Request) -> None:
        async for data in line:
            await line.send(data)


async def speak(service: StandIn) -> None:
    for number in range(2):
        async with connect(service.url, additional_headers={"X-Key": "k"}) as socket:
            await socket.send(json.dumps({"n": number}))
            assert json.loads(await socket.recv()) == {"n": number}
    async with connect(service.url) as socket:
        await socket.send(b"\x00\x01")
        await socket.recv()
        await socket.send("no json")
        await socket.recv()


def test_both_directions_are_kept_in_order() -> None:
    capture = asyncio.run(captured(Echo(ScriptedBrain), speak))
    assert [(one.connection, one.side, one.kind, one.data) for one in capture.frames] == [
        (0, "client", "json", {"n": 0}),
        (0, "service", "json", {"n": 0}),
        (1, "client", "json", {"n": 1}),
        (1, "service", "json", {"n": 1}),
        (2, "client", "binary", base64.b64encode(b"\x00\x01").decode()),
        (2, "service", "binary", base64.b64encode(b"\x00\x01").decode()),
        (2, "client", "text", "no json"),
        (2, "service", "text", "no json"),
    ]
    times = [one.at_ms for one in capture.frames]
    assert times == sorted(times)
    assert capture.of("client") == [{"n": 0}, {"n": 1}]
    assert capture.of("client", "text") == ["no json"]
    assert [one["path"] for one in capture.requests] == ["/echo"] * 3
    assert capture.requests[0]["headers"]["X-Key"] == "k"


def test_a_capture_can_be_handed_to_another_interpreter(tmp_path: Path) -> None:
    capture = asyncio.run(captured(Echo(ScriptedBrain), speak))
    written = json.loads(capture.write(tmp_path / "capture.json").read_text(encoding="utf-8"))
    assert written == json.loads(json.dumps(capture.as_json()))
    assert written["frames"][0]["data"] == {"n": 0}
    assert len(written["frames"]) == 8


def test_what_trouble_adds_is_captured_too() -> None:
    async def once(service: StandIn) -> None:
        async with connect(service.url) as socket:
            await socket.send("{}")
            assert [await socket.recv() for _ in range(2)] == [GARBAGE, "{}"]

    service = Echo(ScriptedBrain, trouble=Trouble(garbage_at=1))
    capture = asyncio.run(captured(service, once))
    assert [one.kind for one in capture.frames] == ["json", "text", "json"]


def test_a_conversation_that_does_not_end_is_ended() -> None:
    async def endless(_service: StandIn) -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(captured(Echo(ScriptedBrain), endless, patience_s=0.02))
