"""OpenAI's own client against the Live stand-in, every message against OpenAI's own models."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply
from device.simulator.services.openai_live import Manners, OpenAILive
from device.simulator.services.stand_in import StandIn
from tests.judges.environment import judge_python
from tests.services.captured import Capture, captured
from tests.services.openai_live_client import RESPONSES, joined

JUDGE = Path(__file__).resolve().parents[1] / "judges" / "openai_live_judge.py"
SERVICES = Path(__file__).resolve().parents[2] / "device" / "simulator" / "services"
PATIENCE_S = 60.0
pytestmark = pytest.mark.judge

HELLO = reply("Hello, I am here.", heard="good morning computer", seconds=0.6)
STORY = reply("This goes on for quite a while.", heard="tell me a story", seconds=8.0)
ASKED = Answer(heard="what time is it", calls=(Call("get_time"),))
TOLD = reply("It is five past two.", seconds=0.6)
ACTS: dict[str, tuple[Answer, ...]] = {
    "spoken_turn": (HELLO,),
    "tool_call": (ASKED, TOLD),
    "client_delegation": (ASKED, TOLD),
    "interruption": (STORY, HELLO),
    "mistakes": (HELLO,),
    "backend_failure": (ASKED,),
}


async def judged(python: Path) -> dict[str, Any]:
    """The judge's verdict on all acts; each is a connection, with answers of its own."""
    brains = iter(ACTS.values())
    service = OpenAILive(lambda: ScriptedBrain(*next(brains)), manners=Manners(usage_every_s=0.05))
    async with service:
        run = await asyncio.create_subprocess_exec(
            str(python),
            str(JUDGE),
            f"http://127.0.0.1:{service.port}/v1",
            *ACTS,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, errors = await asyncio.wait_for(run.communicate(), PATIENCE_S)
        except TimeoutError:
            run.kill()
            raise
        assert run.returncode == 0, errors.decode()[-4000:]
    verdict: dict[str, Any] = json.loads(out.splitlines()[-1])
    return verdict


def test_the_official_client_and_every_event_against_its_models() -> None:
    verdict = asyncio.run(judged(judge_python("openai")))
    print(json.dumps(verdict))
    assert set(verdict["seen"]) == emitted()
    assert set(verdict["nested"]) == {
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
        "response.failed",
    }


def conversation_of_ours() -> Capture:
    """Frames of the client of the other tests."""

    async def turn(service: StandIn) -> None:
        assert isinstance(service, OpenAILive)
        async with joined(service, delegation=RESPONSES, instructions="Be brief.") as client:
            client.talk(0.8)
            await client.when(lambda: client.said() == "Hello, I am here.")
            await client.send("session.close")
            await client.gone()

    return asyncio.run(captured(OpenAILive(lambda: ScriptedBrain(HELLO)), turn))


def test_frames_of_a_client_are_judged_by_the_official_models(tmp_path: Path) -> None:
    capture = conversation_of_ours()
    command = [str(judge_python("openai")), str(JUDGE), "frames"]
    path = str(capture.write(tmp_path / "good.json"))
    out = subprocess.run([*command, path], check=True, capture_output=True, text=True, timeout=60)
    sent = json.loads(out.stdout)["sent"]
    assert set(sent) == {"session.start", "session.input_audio.append", "session.close"}
    odd = capture.as_json()
    odd["frames"][0]["data"]["session"]["delegation"]["responses"]["voice"] = "marin"
    (tmp_path / "odd.json").write_text(json.dumps(odd))
    path = str(tmp_path / "odd.json")
    ran = subprocess.run([*command, path], check=False, capture_output=True, text=True, timeout=60)
    assert ran.returncode != 0
    assert "session.delegation.responses.voice" in ran.stderr


def emitted() -> set[str]:
    """Every event type that the stand-in can send."""
    found: set[str] = set()
    for path in SERVICES.glob("openai_live*.py"):
        source = path.read_text(encoding="utf-8")
        found |= set(re.findall(r'"(session\.[a-z_.]*(?:ed|delta|playing)|error)"', source))
        found |= set(re.findall(r'post\("(response\.event)"', source))
    channels = ("instructions", "thinking", "commentary")
    found |= {f"session.{channel}.appended" for channel in channels}
    found |= {f"session.{side}_transcript.delta" for side in ("input", "output")}
    found |= {"session.input_audio.muted", "session.input_audio.unmuted"}
    assert len(found) == 17
    return found
