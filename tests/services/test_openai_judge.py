"""The Realtime stand-in against the official clients, each in an environment of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from device.simulator.services.brain import Answer, Call, ScriptedBrain, reply, tone
from device.simulator.services.openai_faults import Faults, McpServer, McpServers
from device.simulator.services.openai_realtime import OpenAIRealtime
from tests.judges.environment import judge_python

JUDGES = Path(__file__).resolve().parents[1] / "judges"
pytestmark = pytest.mark.judge
TIME = Call("get_time", {"zone": "here"})
ASKS = Answer("what time is it", calls=(TIME,))
ASKS_TWICE = Answer("what time is it", calls=(TIME, TIME))
TOLD = reply("It is five past two.", seconds=1.0)
LONG = reply("This is a very long story about a dog.", seconds=20)
SHORT = reply("Yes?", heard="hello", seconds=0.2)
LOOKS = Answer("look it up", calls=(Call("lookup", {"word": "tea"}),))
OPENAI_TYPES = {
    "error", "session.created", "session.updated", "conversation.item.added",
    "conversation.item.done", "conversation.item.retrieved", "conversation.item.deleted",
    "conversation.item.truncated", "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "conversation.item.input_audio_transcription.failed", "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped", "input_audio_buffer.committed",
    "input_audio_buffer.cleared", "input_audio_buffer.timeout_triggered", "response.created",
    "response.done", "response.output_item.added", "response.output_item.done",
    "response.content_part.added", "response.content_part.done", "response.output_audio.delta",
    "response.output_audio.done", "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done", "response.output_text.delta",
    "response.output_text.done", "response.function_call_arguments.delta",
    "response.function_call_arguments.done", "response.mcp_call_arguments.delta",
    "response.mcp_call_arguments.done", "response.mcp_call.in_progress",
    "response.mcp_call.completed", "response.mcp_call.failed", "mcp_list_tools.in_progress",
    "mcp_list_tools.completed", "mcp_list_tools.failed", "rate_limits.updated",
}  # fmt: skip
NOT_IN_VOICE_LIVE = {
    "conversation.item.done", "rate_limits.updated", "input_audio_buffer.timeout_triggered",
    # provoked in the other judge's scenarios only
    "conversation.item.input_audio_transcription.failed", "mcp_list_tools.failed",
    "response.mcp_call.failed",
}  # fmt: skip


async def judged(name: str, script: str, *arguments: str) -> dict[str, Any]:
    """The verdict of a judge's script; it must end well."""
    python = await asyncio.to_thread(judge_python, name)
    process = await asyncio.create_subprocess_exec(
        str(python),
        str(JUDGES / script),
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode == 0, err.decode()[-4000:]
    verdict: dict[str, Any] = json.loads(out.decode().splitlines()[-1])
    return verdict


class Home:
    """Finds what it is asked for the first time only."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, name: str, arguments: Mapping[str, object]) -> str:
        self.asked += 1
        if self.asked > 1:
            raise RuntimeError("no such word")
        return "tea: a drink"


def servers() -> McpServers:
    tools = (("lookup", "looks up", {"type": "object"}),)
    return McpServers({"home": McpServer(tools, Home()), "gone": McpServer(lists=False)})


def stand_in(*conversations: tuple[Answer, ...], **options: object) -> OpenAIRealtime:
    brains = iter([ScriptedBrain(*answers) for answers in conversations])
    return OpenAIRealtime(lambda: next(brains), **options)  # type: ignore[arg-type]


def test_openais_client_and_every_event_against_its_models() -> None:
    async def go() -> dict[str, Any]:
        main = stand_in(
            (ASKS_TWICE, TOLD),
            (LONG, SHORT),
            (LOOKS, SHORT, LOOKS, SHORT),
            (SHORT,),
            (SHORT,),
            (SHORT,),
            mcp=servers(),
        )
        inner = main.converse

        async def converse(line, request):  # type: ignore[no-untyped-def]
            main.faults = Faults(transcription=len(main.lines) == 5)
            await inner(line, request)

        main.converse = converse  # type: ignore[method-assign]
        capped = stand_in((SHORT,), cap_s=0.2)
        azure = stand_in((SHORT,), dialect="azure")
        async with main, capped, azure:
            return await judged(
                "openai",
                "openai_stand_in_judge.py",
                main.origin.replace("ws", "http") + "/v1",
                main.http_origin + "/v1",
                capped.origin.replace("ws", "http") + "/v1",
                azure.origin.replace("ws", "http") + "/openai/v1",
            )

    seen = set(asyncio.run(go())["seen"])
    assert seen == OPENAI_TYPES


def test_microsofts_client_and_every_event_of_voice_live_against_its_models() -> None:
    async def go() -> dict[str, Any]:
        service = stand_in(
            (ASKS, TOLD), (LONG, SHORT), (LOOKS, SHORT), (SHORT,),
            dialect="voice_live", mcp=servers(),
        )  # fmt: skip
        async with service:
            base = service.origin.replace("ws", "http")
            return await judged("azure_voicelive", "azure_voicelive_judge.py", base)

    seen = set(asyncio.run(go())["seen"])
    names = {
        "output_audio": "audio",
        "output_audio_transcript": "audio_transcript",
        "output_text": "text",
    }
    expected = set()
    for kind in OPENAI_TYPES - NOT_IN_VOICE_LIVE:
        parts = [names.get(part, part) for part in kind.split(".")]
        expected.add(
            ".".join(parts).replace("conversation.item.added", "conversation.item.created")
        )
    assert seen == expected


def test_openai_agents_holds_a_conversation_and_truncates(tmp_path: Path) -> None:
    (tmp_path / "time.pcm").write_bytes(tone(0.6))

    async def go() -> dict[str, Any]:
        service = stand_in((ASKS, TOLD, LONG, ASKS, TOLD), key="any")
        async with service:
            url = f"{service.url}?model={service.model}"
            return await judged("agents", "agents_judge.py", url, str(tmp_path))

    verdict = asyncio.run(go())
    assert verdict["errors"] == []
    assert verdict["transcripts"] == ["It is five past two."]
    assert verdict["statuses"] == ["completed", "completed", "cancelled", "completed", "completed"]
    assert verdict["audio_s"] == 1.0
    assert "conversation.item.truncated" in verdict["types"]
