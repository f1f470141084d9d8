"""What is sent to OpenAI Live: frames, and nothing about when. Pure.

Field names are those of the service's published client types; it refuses unknown ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from device.providers import openai_options as options
from device.providers.base import Said, SessionSpec, ToolSpec
from device.providers.wire import encode_base64, frame

RATE_HZ = 24000
MODEL = "gpt-live-1"
BACKEND_MODEL = "gpt-5.5"
"""Who uses the device's tools. Setting ``delegation_model``."""

MOST_HISTORY = 128


def start(spec: SessionSpec) -> str:
    """``session.start``."""
    audio: dict[str, object] = {"format": {"type": "audio/pcm", "rate": RATE_HZ}}
    if spec.voice:
        audio["output"] = {"voice": options.voice(spec)}
    session: dict[str, object] = {"model": spec.model or MODEL, "audio": audio}
    if spec.instructions.strip():
        session["instructions"] = spec.instructions
    history = [_said(line) for line in spec.history if line.text.strip()]
    if history:
        session["input"] = history[-MOST_HISTORY:]
    if spec.tools and spec.options.get("delegation", True):
        session["delegation"] = _delegation(spec)
    return frame({"type": "session.start", "session": session})


def backend_model(spec: SessionSpec) -> str:
    """Who does the work of delegations."""
    return str(spec.options.get("delegation_model") or BACKEND_MODEL)


def append(pcm: bytes) -> str:
    return frame({"type": "session.input_audio.append", "audio": encode_base64(pcm)})


def call_output(call_id: str, output: str) -> str:
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    return frame({"type": "response.item.create", "item": item})


def go_on(event_id: str) -> str:
    """The backend has its answers."""
    return frame({"type": "response.create", "event_id": event_id})


def commentary(content: str, delegation_id: str) -> str:
    """Something the model may tell the person about work that was left to us."""
    fields = {"content": content, "delegation_id": delegation_id}
    return frame({"type": "session.commentary.append", **fields})


def close() -> str:
    return frame({"type": "session.close"})


def _said(line: Said) -> dict[str, object]:
    if line.by == "assistant":
        return _message("assistant", "output_text", line.text)
    return _message("user", "input_text", line.text)


def _message(role: str, kind: str, words: str) -> dict[str, object]:
    return {"type": "message", "role": role, "content": [{"type": kind, "text": words}]}


def _delegation(spec: SessionSpec) -> dict[str, object]:
    """The live model has no tools of its own: a second one uses them, and reports."""
    backend: dict[str, object] = {
        "model": backend_model(spec),
        "tools": _tools(spec.tools),
    }
    if spec.instructions.strip():
        backend["instructions"] = spec.instructions
    return {"type": "responses", "responses": backend}


def _tools(tools: Sequence[ToolSpec]) -> list[dict[str, object]]:
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
            "strict": False,  # or schemas would have to be of a certain form
        }
        for tool in tools
    ]
