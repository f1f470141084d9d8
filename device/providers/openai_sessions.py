"""What a session is to be, in the shape of ``session.update`` that each dialect understands.

Pure functions from :class:`SessionSpec` to the ``session`` object. What is as the service has
it anyway is left out: a field that is not sent cannot be refused.
"""

from __future__ import annotations

from dataclasses import replace

from device.providers import openai_options as options
from device.providers.base import SessionSpec

RATE_HZ = 24000  #: the only PCM rate of the protocol

_FORMAT = {"type": "audio/pcm", "rate": RATE_HZ}
_FLAT_FORMAT = "pcm16"  #: 24 kHz, in the retired shape
#: What Azure's own recogniser is called there.
_AZURE_SPEECH = "azure-speech"


def generally_available(spec: SessionSpec) -> dict[str, object]:
    """OpenAI's own, and but for :func:`azure` Azure's: everything the owner can wish."""
    session: dict[str, object] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {"input": _audio_input(spec), "output": _audio_output(spec)},
        **_tools(spec, tool_servers(spec)),
        **_instructions(spec),
    }
    if limit := int(options.number(spec, "max_output_tokens", 0)):
        session["max_output_tokens"] = limit
    if effort := options.words(spec, "reasoning_effort"):
        session["reasoning"] = {"effort": effort}
    if truncation := options.truncation(spec):
        session["truncation"] = truncation
    if options.is_on(spec, "tracing"):
        session["tracing"] = "auto"
    return session


def azure(spec: SessionSpec) -> dict[str, object]:
    """Azure's: the model that transcribes is the name of a deployment, too, which only the owner
    knows."""
    named = spec.transcription_model != options.OPENAI_TRANSCRIBES
    return generally_available(spec if named else replace(spec, transcription_model=""))


def core(spec: SessionSpec) -> dict[str, object]:
    """The least that makes a conversation, for servers of other people's that know no more."""
    sent: dict[str, object] = {"format": _FORMAT, "turn_detection": _plain_turn_detection(spec)}
    if transcription := _own_transcription(spec):
        sent["transcription"] = transcription
    received: dict[str, object] = {"format": _FORMAT}
    if spec.voice:
        received["voice"] = spec.voice
    return {
        "type": "realtime",
        "audio": {"input": sent, "output": received},
        **_tools(spec),
        **_instructions(spec),
    }


def flat_core(spec: SessionSpec) -> dict[str, object]:
    """The same for servers that know only the retired shape."""
    session: dict[str, object] = {
        "modalities": ["text", "audio"],
        "input_audio_format": _FLAT_FORMAT,
        "output_audio_format": _FLAT_FORMAT,
        "turn_detection": _plain_turn_detection(spec),
        **_tools(spec),
        **_instructions(spec),
    }
    if transcription := _own_transcription(spec):
        session["input_audio_transcription"] = transcription
    if spec.voice:
        session["voice"] = spec.voice
    return session


def xai(spec: SessionSpec) -> dict[str, object]:
    """xAI's: voice and turn detection at the top, formats with any rate. It transcribes by
    itself, with a model of its own; which further fields it takes is not verified."""
    received: dict[str, object] = {"format": _FORMAT}
    if (speed := options.number(spec, "speed", 1.0)) != 1.0:
        received["speed"] = speed
    session: dict[str, object] = {
        "turn_detection": _plain_turn_detection(spec),
        "audio": {"input": {"format": _FORMAT}, "output": received},
        **_tools(spec, _unasked_tool_servers(spec)),
        **_instructions(spec),
    }
    if spec.voice:
        session["voice"] = spec.voice
    if effort := options.words(spec, "reasoning_effort"):
        session["reasoning"] = {"effort": effort}
    return session


def voice_live(spec: SessionSpec) -> dict[str, object]:
    """Azure Voice Live's: the retired shape with additions of its own."""
    quiet = {"type": "azure_deep_noise_suppression"}
    session: dict[str, object] = {
        "modalities": ["text", "audio"],
        "input_audio_format": _FLAT_FORMAT,
        "output_audio_format": _FLAT_FORMAT,
        "turn_detection": _azure_turn_detection(spec),
        "input_audio_noise_reduction": (
            quiet if options.is_on(spec, "noise_reduction", default=True) else None
        ),
        **_tools(spec, tool_servers(spec)),
        **_instructions(spec),
    }
    if options.is_on(spec, "echo_cancellation"):
        session["input_audio_echo_cancellation"] = {"type": "server_echo_cancellation"}
    if spec.transcription_model:
        own = spec.transcription_model != options.OPENAI_TRANSCRIBES
        model = spec.transcription_model if own else _AZURE_SPEECH
        session["input_audio_transcription"] = {"model": model, **_language(spec)}
    if spec.voice:
        kind = options.words(spec, "voice_type", "azure-standard")
        session["voice"] = {"type": kind, "name": spec.voice}
    return session


# --- parts --------------------------------------------------------------------------


def _audio_input(spec: SessionSpec) -> dict[str, object]:
    return {
        "format": _FORMAT,
        "noise_reduction": _noise_reduction(spec),
        "transcription": _transcription(spec),
        "turn_detection": _turn_detection(spec),
    }


def _audio_output(spec: SessionSpec) -> dict[str, object]:
    output: dict[str, object] = {"format": _FORMAT}
    if spec.voice:
        output["voice"] = options.voice(spec)
    if (speed := options.number(spec, "speed", 1.0)) != 1.0:
        output["speed"] = speed
    return output


def _instructions(spec: SessionSpec) -> dict[str, object]:
    return {"instructions": spec.instructions} if spec.instructions else {}


def _tools(spec: SessionSpec, servers: list[dict[str, object]] | None = None) -> dict[str, object]:
    functions: list[dict[str, object]] = [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": dict(tool.parameters),
        }
        for tool in spec.tools
    ]
    tools = [*functions, *(servers or [])]
    return {"tools": tools, "tool_choice": "auto"} if tools else {"tools": []}


def tool_servers(spec: SessionSpec) -> list[dict[str, object]]:
    """MCP servers that the service asks; it asks us before, where the owner wants that."""
    approval = options.words(spec, "mcp_approval", "never")
    return [
        {
            **_tool_server(server),
            "require_approval": "always" if approval == "always" else "never",
        }
        for server in options.tool_servers(spec)
    ]


def _unasked_tool_servers(spec: SessionSpec) -> list[dict[str, object]]:
    """For a service that asks nobody: what may not run is not offered."""
    servers = options.tool_servers(spec)
    if options.words(spec, "mcp_approval", "never") != "always":
        return [_tool_server(server) for server in servers]
    allowed = options.several(spec, "mcp_allowed")
    return [{**_tool_server(server), "allowed_tools": _both(server, allowed)} for server in servers]


def _both(server: options.ToolServer, allowed: list[str]) -> list[str]:
    """The names of the tools that are offered, and may run without being asked about."""
    names = [name.removeprefix(f"{server.label}.") for name in allowed]
    return [name for name in names if not server.tools or name in server.tools]


def _tool_server(server: options.ToolServer) -> dict[str, object]:
    wish: dict[str, object] = {
        "type": "mcp",
        "server_label": server.label,
        "server_url": server.url,
    }
    if server.token:
        wish["authorization"] = server.token
    if server.headers:
        wish["headers"] = dict(server.headers)
    if server.tools:
        wish["allowed_tools"] = list(server.tools)
    return wish


def _noise_reduction(spec: SessionSpec) -> dict[str, object] | None:
    if spec.noise_reduction in ("", "off"):
        return None
    wish: dict[str, object] = {"type": spec.noise_reduction}
    if (strength := options.number(spec, "noise_reduction_strength", 1.0)) != 1.0:
        wish["strength"] = strength
    return wish


def _language(spec: SessionSpec) -> dict[str, object]:
    return {"language": spec.language} if spec.language else {}


def _transcription(spec: SessionSpec) -> dict[str, object] | None:
    if not spec.transcription_model:
        return None
    wish: dict[str, object] = {"model": spec.transcription_model, **_language(spec)}
    if prompt := options.words(spec, "transcription_prompt"):
        wish["prompt"] = prompt
    if keywords := options.several(spec, "transcription_keywords"):
        wish["keywords"] = keywords
    return wish


def _own_transcription(spec: SessionSpec) -> dict[str, object] | None:
    if spec.transcription_model in ("", options.OPENAI_TRANSCRIBES):
        return None
    return {"model": spec.transcription_model, **_language(spec)}


def _by_silence(spec: SessionSpec, kind: str = "server_vad") -> dict[str, object]:
    return {
        "type": kind,
        "threshold": spec.vad_threshold,
        "prefix_padding_ms": spec.vad_prefix_ms,
        "silence_duration_ms": spec.vad_silence_ms,
    }


#: What breaks off a reply is decided here, by the device: whatever it still sends while
#: one has begun, words that lay on a slow line or its own echo, is no interruption.
_ANSWERS = {"create_response": True, "interrupt_response": False}


def _turn_detection(spec: SessionSpec) -> dict[str, object] | None:
    if spec.device_ends_turn:
        return None
    if options.words(spec, "service_vad", "server_vad") == "semantic_vad":
        eagerness = options.words(spec, "eagerness", "auto")
        return {"type": "semantic_vad", "eagerness": eagerness, **_ANSWERS}
    return {**_by_silence(spec), **_ANSWERS}


def _plain_turn_detection(spec: SessionSpec) -> dict[str, object] | None:
    return None if spec.device_ends_turn else _by_silence(spec)


def _azure_turn_detection(spec: SessionSpec) -> dict[str, object] | None:
    if spec.device_ends_turn:
        return None
    kind = options.words(spec, "service_vad", "azure_semantic_vad")
    return {**_by_silence(spec, kind), **_ANSWERS}
