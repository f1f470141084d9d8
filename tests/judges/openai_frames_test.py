"""Every frame the codec can send, judged by OpenAI's own models."""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path

import pytest

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    RequestReply,
    SendToolResult,
    TruncateReply,
)
from device.providers.base import SendFrame, SessionSpec, ToolSpec
from tests.judges.environment import judge_python
from tests.providers.driver import URL, Driver

pytestmark = pytest.mark.judge

TOOLS = (
    ToolSpec("get_time", "the time", {"type": "object", "properties": {}}),
    ToolSpec(
        "set_timer",
        "ring later",
        {
            "type": "object",
            "properties": {"seconds": {"type": "integer", "minimum": 1}},
            "required": ["seconds"],
            "additionalProperties": False,
        },
    ),
)
EVERY_TYPE = {
    "session.update",
    "input_audio_buffer.append",
    "input_audio_buffer.commit",
    "input_audio_buffer.clear",
    "conversation.item.create",
    "conversation.item.truncate",
    "conversation.item.delete",
    "response.create",
    "response.cancel",
}


def judge(frames: list[str]) -> list[str]:
    """One verdict per frame."""
    python = judge_python("openai")
    check = Path(__file__).with_name("openai_frames_check.py")
    done = subprocess.run(
        [python, check],
        input="\n".join(frames) + "\n",
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    verdicts = done.stdout.splitlines()
    assert len(verdicts) == len(frames)
    return verdicts


def all_sessions() -> list[SessionSpec]:
    """Every combination of settings that changes the shape of ``session.update``."""
    return [
        SessionSpec(
            url=URL,
            voice=voice,
            instructions=instructions,
            language=language,
            device_ends_turn=device_ends_turn,
            transcription_model=transcription,
            noise_reduction=noise_reduction,
            tools=tools,
        )
        for voice, instructions, language, device_ends_turn, transcription, noise_reduction, tools
        in itertools.product(
            ("", "marin"),
            ("", "Be brief."),
            ("", "en"),
            (False, True),
            ("", "gpt-transcribe"),
            ("off", "near_field", "far_field"),
            ((), TOOLS),
        )
    ]  # fmt: skip


def frames_of_a_long_session(spec: SessionSpec) -> list[str]:
    """Everything the codec can be made to send."""
    driver = Driver(spec).ready()
    driver.command(AppendAudio(bytes(9600)))
    driver.command(CommitTurn())
    driver.created("r1")
    driver.audio(bytes(4800), "r1", "item_1")
    driver.command(CancelReply("r1"))
    driver.command(TruncateReply("item_1", 40))
    driver.done("r1", "cancelled")
    driver.command(ClearInput())
    driver.event("input_audio_buffer.cleared")
    driver.command(RequestReply("Say that the tea is ready: “4 min”."))
    driver.created("r2")
    driver.call("call_1", "r2")
    driver.command(SendToolResult("call_1", '{"time": "12:00", "words": "Grüße \\ud83c"}'))
    driver.done("r2")
    driver.created("r3")
    driver.wait(spec.reply_timeout_s)  # gives up, and cancels
    driver.command(AppendAudio(bytes(9600)))
    driver.command(AbandonTurn())
    driver.event("input_audio_buffer.committed", item_id="item_2")  # late: it is deleted
    driver.event("input_audio_buffer.cleared")
    return [output.data for output in driver.outputs if isinstance(output, SendFrame)]  # type: ignore[misc]


def test_every_frame_is_of_the_current_shape() -> None:
    frames: list[str] = []
    for spec in all_sessions():
        frames += frames_of_a_long_session(spec)
    unique = list(dict.fromkeys(frames))
    assert {json.loads(frame)["type"] for frame in unique} == EVERY_TYPE
    assert [verdict for verdict in judge(unique) if verdict != "ok"] == []


@pytest.mark.parametrize(
    ("frame", "complaint"),
    [
        (
            {"type": "session.update", "session": {"type": "realtime", "modalities": ["audio"]}},
            "unknown .session.modalities",
        ),
        (
            {
                "type": "session.update",
                "session": {
                    "type": "realtime",
                    "audio": {"input": {"turn_detection": {"type": "server_vad", "treshold": 1}}},
                },
            },
            "unknown .session.audio.input.turn_detection.treshold",
        ),
        ({"type": "input_audio_buffer.append"}, "missing"),
        ({"type": "response.sing"}, "response.sing"),
    ],
)
def test_the_judge_is_awake(frame: dict[str, object], complaint: str) -> None:
    (verdict,) = judge([json.dumps(frame)])
    assert complaint in verdict
