"""The official client against the stand-in of its service."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from pathlib import Path

import pytest

from device.simulator.services import deepgram_agent, deepgram_session
from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.deepgram import DeepgramStandIn
from device.simulator.services.deepgram_manner import Manner
from tests.judges.environment import judge_python

SCRIPT = Path(__file__).resolve().parents[1] / "judges" / "deepgram_judge.py"
pytestmark = pytest.mark.judge

ASK = Answer("time and weather", calls=(Call("get_time", {"zone": "here"}), Call("weather")))
LONG = reply("A long while.", heard="tell me more", seconds=20.0)


def brains() -> list[ScriptedBrain]:
    """One for each of the judge's connections, in its order."""
    return [
        ScriptedBrain(
            reply("Hello."),
            ASK,
            reply("It is two. It rains."),
            LONG,
            reply("Fine.", heard="enough"),
        ),
        ScriptedBrain(ASK, reply("Never mind.", heard="forget it")),
        ScriptedBrain(LONG, reply("You are welcome.", heard="yes")),
        ScriptedBrain(),
        ScriptedBrain(reply("It is two.", heard="what time is it")),
    ]


def sendable() -> set[str]:
    """Every message type that the stand-in can send."""
    types = set()
    for module in (deepgram_agent, deepgram_session):
        source = Path(module.__file__).read_text(encoding="utf-8")
        types |= set(re.findall(r'_send\(\s*"(\w+)"', source))
        types |= set(re.findall(r'"(\w+Updated)"', source))
    assert len(types) >= 20
    return types


def test_the_official_client_and_every_message_against_its_models() -> None:
    waiting = iter(brains())
    manner = Manner(latency_reports=True, think_live=True, server_results={"weather": "rain"})
    service = DeepgramStandIn(lambda: next(waiting), manner=manner)

    async def act() -> subprocess.CompletedProcess[str]:
        async with service:
            arguments = [judge_python("deepgram"), SCRIPT, service.origin, service.http_origin]
            return await asyncio.to_thread(
                subprocess.run,
                [*map(str, arguments), service.key],
                check=False,
                capture_output=True,
                text=True,
                timeout=120,
            )

    ran = asyncio.run(act())
    assert ran.returncode == 0, ran.stderr[-4000:]
    seen = json.loads(ran.stdout.splitlines()[-1])["seen"]
    print("validated:", *(f"{seen[kind]:4} {kind}" for kind in sorted(seen)), sep="\n  ")
    assert set(seen) == sendable() | {"audio"}
    assert len(service.lines) == len(brains())
