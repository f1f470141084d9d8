"""The official client against the Gemini Live stand-in, every frame against the official models.

What the client sends is judged as well: the stand-in refuses every field that it does not know.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from device.simulator.services.brain import Answer, ScriptedBrain, reply
from device.simulator.services.gemini import Failures, GeminiStandIn
from device.simulator.services.gemini_access import QUOTA
from device.simulator.services.gemini_messages import Manner
from tests.certificates import certificate, server_context
from tests.judges.environment import judge_python
from tests.services.gemini_client import ASKS

__all__ = ["certificate"]
pytestmark = pytest.mark.judge
SCRIPT = Path(__file__).resolve().parents[1] / "judges" / "gemini_judge.py"
ANSWER = reply("It is five past two.", heard="what time is it", seconds=1.0)
LONG = reply("A long story about nothing.", seconds=20.0)
PLAIN = Manner(pace=20.0, playback=0.05)
RICH = dataclasses.replace(PLAIN, combined=True, thoughts=True, cached=True, binary=False)
LATE = dataclasses.replace(PLAIN, pace=1.0, late_pieces=2)


async def judged(
    certificate: Path, scenario: str, answers: tuple[Answer, ...], **options: Any
) -> dict[str, int]:
    """The paths of all fields that the official client was sent, and how often."""
    tls = server_context(certificate)
    async with GeminiStandIn(lambda: ScriptedBrain(*answers), tls=tls, **options) as stand_in:
        url = f"https://127.0.0.1:{stand_in.port}"
        python = await asyncio.to_thread(judge_python, "gemini")
        command = [str(python), str(SCRIPT), url, str(certificate), stand_in.key, scenario]
        process = await asyncio.create_subprocess_exec(
            *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        try:
            async with asyncio.timeout(90):
                out, err = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
    assert process.returncode == 0, err.decode()[-4000:]
    seen: dict[str, int] = json.loads(out.splitlines()[-1])["seen"]
    return seen


SCENARIOS: dict[str, tuple[Answer, ...]] = {
    "spoken": (ASKS, ANSWER),
    "cut": (LONG, ASKS, ANSWER),
    "by_hand": (ANSWER,),
    "free": (ASKS, ANSWER),
    "resumed": (ANSWER,),
    "nothing_said": (Answer(),),
    "keys": (ANSWER,),
}


def test_the_official_client_holds_every_conversation(certificate: Path) -> None:
    seen: set[str] = set()
    for scenario, answers in SCENARIOS.items():
        how = LATE if scenario == "cut" else PLAIN
        seen |= set(asyncio.run(judged(certificate, scenario, answers, manner=how)))
    content = {
        "modelTurn",
        "interrupted",
        "generationComplete",
        "turnComplete",
        "turnCompleteReason",
        "inputTranscription",
        "interimInputTranscription",
        "outputTranscription",
        "waitingForInput",
        "interactionStatus",
    }
    assert {f".serverContent.{name}" for name in content} <= seen
    top = {"setupComplete", "toolCall", "toolCallCancellation", "sessionResumptionUpdate"}
    assert {f".{name}" for name in top | {"usageMetadata"}} <= seen


def test_the_official_client_reads_several_fields_in_one_message(certificate: Path) -> None:
    seen = asyncio.run(judged(certificate, "spoken", SCENARIOS["spoken"], manner=RICH))
    assert seen[".serverContent.modelTurn.parts[].thought"] == 1
    seen = asyncio.run(judged(certificate, "by_hand", SCENARIOS["by_hand"], manner=RICH))
    assert seen[".usageMetadata.cacheTokensDetails[].tokenCount"] > 0


def test_the_official_client_is_warned_before_the_end(certificate: Path) -> None:
    seen = asyncio.run(judged(certificate, "ended", (ANSWER,), cap_s=0.3))
    assert seen[".goAway.timeLeft"] == 1


def test_the_official_client_understands_that_the_quota_is_used_up(certificate: Path) -> None:
    failures = Failures(setup=QUOTA)
    assert not asyncio.run(judged(certificate, "quota", (ANSWER,), failures=failures))
