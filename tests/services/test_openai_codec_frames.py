"""What the codec sends in conversations with the stand-in, against the services' own models."""

from __future__ import annotations

import asyncio
import copy
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device.commands import (
    AbandonTurn,
    CancelReply,
    RequestReply,
    SendToolResult,
    ShowImage,
    TruncateReply,
)
from device.events import LinkOpened, ReplyAudio, ReplyDone, ToolCalled
from device.providers.base import Codec, Said, SessionSpec
from device.providers.openai_realtime import OpenAIRealtime as Realtime
from device.simulator.services.brain import ScriptedBrain
from device.simulator.services.openai_faults import McpServer, McpServers
from device.simulator.services.openai_realtime import OpenAIRealtime as StandIn
from device.simulator.services.stand_in import StandIn as AnyStandIn
from tests.judges.environment import judge_python
from tests.link.rig import KEY
from tests.services.captured import captured
from tests.services.openai_talk import (
    HOME,
    LIGHTS,
    LONG,
    NAMES,
    PICTURE,
    SHORT,
    TIME,
    TOOL,
    Talk,
)

JUDGES = Path(__file__).resolve().parents[1] / "judges"
pytestmark = pytest.mark.judge

EVERYTHING: dict[str, Any] = {
    "mcp_servers": (HOME,),
    "mcp_approval": "always",
    "mcp_allowed": ("lights",),
    "eagerness": "high",
    "speed": 1.1,
    "max_output_tokens": 900,
    "reasoning_effort": "low",
    "truncation": "0.8",
    "tracing": True,
    "noise_reduction_strength": 0.5,
    "transcription_prompt": "a shop",
    "transcription_keywords": ("parlor",),
}
OF_VOICE_LIVE: dict[str, Any] = {"echo_cancellation": True, "voice_type": "azure-standard"}
SENT = {
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "response.create",
    "response.cancel",
}


def frames_of(name: str, *, device_ends_turn: bool, **options: Any) -> list[dict[str, Any]]:
    """All that was sent in a conversation in which everything happens that can."""
    brain = ScriptedBrain(TIME, SHORT, LONG, SHORT, LIGHTS, SHORT)
    server = McpServer((("lights", "the lights", {"type": "object"}),))
    service = StandIn(lambda: brain, dialect=name, key=KEY, mcp=McpServers({"home": server}))
    service.pace = 20.0
    voice = "en-US-AvaNeural" if name == "voice_live" else "marin"
    wanted: dict[str, Any] = {
        "model": service.model,
        "voice": voice,
        "instructions": "Be brief.",
        "transcription_model": "gpt-transcribe",
        "tools": (TOOL,),
        "device_ends_turn": device_ends_turn,
        "vad_silence_ms": 300,
        "history": (Said("user", "My name is Ada."), Said("assistant", "Hello Ada.")),
        "options": options,
    }

    def codec(given: SessionSpec) -> Codec:
        return Realtime(replace(given, **wanted), NAMES[name])

    async def conversation(_service: AnyStandIn) -> None:
        talk = Talk(service.url, codec=codec)
        talk.device_ends = device_ends_turn
        talk.link.open()
        try:
            await talk.until(LinkOpened)
            await talk.turn(1)
            called = await talk.until(ToolCalled)
            talk.link.send(SendToolResult(called.call_id, '{"time": "12:00"}'))
            await talk.until(ReplyDone, 2)
            talk.link.send(RequestReply("Tell a story."))
            heard = await talk.until(ReplyAudio, len(talk.of(ReplyAudio)) + 2)
            talk.link.send(CancelReply(heard.reply_id))
            talk.link.send(TruncateReply(heard.item_id, 100))
            await talk.until(ReplyDone, 3)
            talk.link.send(ShowImage(PICTURE))
            await talk.says()
            talk.link.send(AbandonTurn())
            await asyncio.sleep(0.3)
            talk.link.send(RequestReply())
            await talk.until(ReplyDone, 4)
        finally:
            await talk.link.stop()

    capture = asyncio.run(captured(service, conversation))
    sent: list[dict[str, Any]] = capture.of("client")
    kinds = {frame["type"] for frame in sent}
    assert SENT - {"input_audio_buffer.commit"} <= kinds
    assert not device_ends_turn or "input_audio_buffer.commit" in kinds
    return sent


def judged(name: str, script: str, frames: list[dict[str, Any]]) -> list[str]:
    """What is wrong, if anything is."""
    unique = list(dict.fromkeys(json.dumps(frame) for frame in frames))
    done = subprocess.run(
        [judge_python(name), JUDGES / script],
        input="\n".join(unique) + "\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    verdicts = done.stdout.splitlines()
    assert len(verdicts) == len(unique)
    return [verdict for verdict in verdicts if verdict != "ok"]


def as_generally_available(frame: dict[str, Any]) -> dict[str, Any]:
    """xAI's deviations, put right: what stands at the top there stands inside elsewhere."""
    if frame["type"] != "session.update":
        return frame
    frame = copy.deepcopy(frame)
    session = frame["session"]
    session["type"] = "realtime"
    session["audio"]["output"]["voice"] = session.pop("voice")
    session["audio"]["input"]["turn_detection"] = session.pop("turn_detection")
    return frame


#: Microsoft's models have a picture as a part of content, and not that a message may have it.
PICTURES = "conversation.item.create.item.content[].image_url is unknown"
either = pytest.mark.parametrize("device_ends_turn", [True, False], ids=["device", "service"])


@pytest.mark.parametrize(
    ("name", "vad", "device_ends_turn"),
    [
        ("openai", "server_vad", True),
        ("openai", "server_vad", False),
        ("openai", "semantic_vad", False),
        ("azure", "semantic_vad", True),
        ("azure", "server_vad", False),
    ],
)
def test_openai_and_azure_are_sent_what_openais_models_know(
    name: str, vad: str, device_ends_turn: bool
) -> None:
    sent = frames_of(name, device_ends_turn=device_ends_turn, service_vad=vad, **EVERYTHING)
    assert judged("openai", "openai_frames_check.py", sent) == []


@either
def test_xai_is_sent_the_same_but_for_what_stands_at_the_top(device_ends_turn: bool) -> None:
    sent = frames_of("xai", device_ends_turn=device_ends_turn, **EVERYTHING)
    mended = [as_generally_available(frame) for frame in sent]
    assert judged("openai", "openai_frames_check.py", mended) == []


@pytest.mark.parametrize(
    ("vad", "device_ends_turn"),
    [("server_vad", False), ("azure_semantic_vad", False), ("azure_semantic_vad_en", True)],
)
def test_voice_live_is_sent_what_microsofts_models_know(vad: str, device_ends_turn: bool) -> None:
    options = {**EVERYTHING, **OF_VOICE_LIVE, "service_vad": vad}
    sent = frames_of("voice_live", device_ends_turn=device_ends_turn, **options)
    assert judged("azure_voicelive", "azure_voicelive_frames_check.py", sent) == [PICTURES]


def test_the_judges_find_what_is_wrong() -> None:
    update = {"type": "session.update", "session": {"modalities": ["text"], "colour": 1}}
    wrong = [update, {"type": "response.sing"}, {"type": "input_audio_buffer.append"}]
    for name, script in (
        ("openai", "openai_frames_check.py"),
        ("azure_voicelive", "azure_voicelive_frames_check.py"),
    ):
        assert len(judged(name, script, wrong)) == 3
