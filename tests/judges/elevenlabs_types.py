"""Frames of ElevenLabs Agents against the service's own TypeScript types, by the compiler.

Each frame becomes an object literal that is assigned to the official type of its kind, so that
``tsc --strict`` refuses fields that are missing, of a wrong type, or not known to the type.

    python -m tests.judges.elevenlabs_types FRAMES.json

with ``{"outgoing": [client's frames], "incoming": [service's frames]}``; exits with 1 and prints
what is wrong.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.judges.node_environment import node_judge

NAME = "elevenlabs_types"
_AUDIO = "user_audio_chunk"  #: the one frame without a type
_PROJECT = {
    "compilerOptions": {
        "noEmit": True,
        "strict": True,
        "target": "es2022",
        "module": "nodenext",
        "moduleResolution": "nodenext",
        "types": [],
    },
    "files": ["frames.ts"],
}

OUTGOING = {
    _AUDIO: "UserAudio",
    "pong": "PongClientToOrchestratorEvent",
    "user_message": "UserMessageClientToOrchestratorEvent",
    "user_activity": "UserActivityClientToOrchestratorEvent",
    "feedback": "UserFeedbackClientToOrchestratorEvent",
    "client_tool_result": "ClientToolResultClientToOrchestratorEvent",
    "mcp_tool_approval_result": "McpToolApprovalResultClientToOrchestratorEvent",
    "contextual_update": "ContextualUpdateClientToOrchestratorEvent",
    "conversation_initiation_client_data": "ConversationInitiationClientToOrchestratorEvent",
    "multimodal_message": "MultimodalMessageClientToOrchestratorEvent",
}
INCOMING = {
    "conversation_initiation_metadata": "ConversationMetadata",
    "audio": "AudioClientEvent",
    "user_transcript": "UserTranscriptionClientEvent",
    "tentative_user_transcript": "TentativeUserTranscriptionClientEvent",
    "agent_response": "AgentResponseClientEvent",
    "agent_response_correction": "AgentResponseCorrectionClientEvent",
    "agent_chat_response_part": "AgentChatResponsePartClientEvent",
    "agent_reasoning_response_part": "AgentReasoningResponsePartClientEvent",
    "interruption": "Interruption",
    "client_tool_call": "ClientToolCallClientEvent",
    "rich_content": "RichContentClientEvent",
    "agent_tool_request": "AgentToolRequestClientEvent",
    "agent_tool_response": "AgentToolResponseClientEvent",
    "agent_tool_response_full_payload": "AgentToolResponseFullPayloadClientEvent",
    "mcp_tool_call": "McpToolCallClientEvent",
    "mcp_connection_status": "McpConnectionStatusClientEvent",
    "vad_score": "VadScoreClientEvent",
    "ping": "Ping",
    "context_usage": "ContextUsageClientEvent",
    "asr_initiation_metadata": "AsrInitiationMetadataEvent",
    "guardrail_triggered": "GuardrailTriggeredClientEvent",
    "internal_turn_probability": "TurnProbabilityInternalClientEvent",
    "internal_tentative_agent_response": "TentativeAgentResponseInternalClientEvent",
    "agent_typing": "AgentTypingClientEvent",
    "external_agent_connected": "ExternalAgentConnectedClientEvent",
    "external_agent_disconnected": "ExternalAgentDisconnectedClientEvent",
    "error": "ErrorClientEvent",
}
"""Kinds -> the official type's name. ``ping``, ``interruption`` and the metadata have no type
among the package's ``Incoming`` (there, their payload has); the package exports it all the same.
"""


def check_frames(
    outgoing: Sequence[Mapping[str, Any]], incoming: Sequence[Mapping[str, Any]]
) -> list[str]:
    """What is wrong with a client's frames and with the service's; empty: nothing.

    ``outgoing`` is what a client sends, ``incoming`` what it receives. Raises NodeMissingError
    where there is no Node, CalledProcessError where npm cannot install.
    """
    home = node_judge(NAME)
    wrong: list[str] = []
    lines = ['import type * as T from "@elevenlabs/types";', ""]
    frames: dict[int, str] = {}
    for direction, kinds, list_of in (
        ("outgoing", OUTGOING, outgoing),
        ("incoming", INCOMING, incoming),
    ):
        for number, frame in enumerate(list_of):
            kind = _kind(frame)
            where = f"{direction}[{number}] {kind}"
            if kind not in kinds:
                wrong.append(f"{where}: no such kind of frame")
                continue
            literal = _literal(frame)
            frames[len(lines) + 1] = where
            lines.append(f"export const {direction}{number}: T.{kinds[kind]} = {literal};")
    return wrong + _compiled(home, "\n".join(lines) + "\n", frames)


def _kind(frame: Mapping[str, Any]) -> str:
    return str(frame["type"]) if "type" in frame else next(iter(frame), "")


def _literal(frame: Mapping[str, Any]) -> str:
    """JSON in ASCII on one line is TypeScript, but for the key ``__proto__``, which sets the
    prototype there and is a field here."""
    return json.dumps(_shortened(frame)).replace('"__proto__":', '["__proto__"]:')


def _shortened(value: Any) -> Any:
    """Audio cut short: it is a string whatever its length."""
    if isinstance(value, Mapping):
        return {name: _shortened(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_shortened(item) for item in value]
    return value[:200] if isinstance(value, str) else value


def _compiled(home: Path, source: str, frames: Mapping[int, str]) -> list[str]:
    with tempfile.TemporaryDirectory(dir=home) as directory:
        (Path(directory) / "package.json").write_text('{"type": "module"}')
        (Path(directory) / "tsconfig.json").write_text(json.dumps(_PROJECT))
        (Path(directory) / "frames.ts").write_text(source, encoding="ascii")
        tsc = home / "node_modules" / "typescript" / "bin" / "tsc"
        ran = subprocess.run(
            ["node", str(tsc), "--noEmit", "--strict", "--pretty", "false", "--project", "."],
            check=False,
            cwd=directory,
            capture_output=True,
            text=True,
            timeout=300,
        )
    wrong = []
    for line in ran.stdout.splitlines():
        found = re.match(r"frames\.ts\((\d+),\d+\): error (.*)", line)
        wrong.append(f"{frames[int(found[1])]}: {found[2]}" if found else line)
    if ran.returncode and not wrong:
        raise RuntimeError(f"tsc failed: {ran.stderr[-2000:]}")
    return wrong


def main(path: str) -> int:
    frames = json.loads(Path(path).read_text(encoding="utf-8"))
    wrong = check_frames(frames.get("outgoing", []), frames.get("incoming", []))
    print(*wrong, sep="\n", end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
