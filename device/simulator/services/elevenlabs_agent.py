"""How an ElevenLabs agent of the stand-in is set up: what its owner chooses in the dashboard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

ALL_OVERRIDES = frozenset(
    {
        "agent.prompt.prompt",
        "agent.prompt.llm",
        "agent.first_message",
        "agent.language",
        "agent.native_mcp_server_ids",
        "asr.keywords",
        "tts.voice_id",
        "tts.stability",
        "tts.speed",
        "tts.similarity_boost",
        "conversation.text_only",
        "conversation.client_events",
    }
)
"""What a client may ask to be otherwise, where the agent's security settings let it."""

USUAL_EVENTS = frozenset(
    {
        "conversation_initiation_metadata",
        "audio",
        "interruption",
        "ping",
        "user_transcript",
        "agent_response",
        "agent_response_correction",
        "client_tool_call",
        "agent_tool_request",
        "agent_tool_response",
        "mcp_tool_call",
        "mcp_connection_status",
    }
)
ALL_EVENTS = USUAL_EVENTS | {
    "agent_chat_response_part",
    "agent_reasoning_response_part",
    "tentative_user_transcript",
    "rich_content",
    "agent_tool_response_full_payload",
    "vad_score",
    "context_usage",
    "asr_initiation_metadata",
    "guardrail_triggered",
    "internal_turn_probability",
    "internal_tentative_agent_response",
    "agent_typing",
    "external_agent_connected",
    "external_agent_disconnected",
}
"""``client_events``: all that can be switched. ``error`` cannot."""


@dataclass(frozen=True, slots=True)
class Agent:
    """Times in seconds of the clock unless the name says otherwise; None: never."""

    agent_id: str = "agent-1"
    private: bool = False  #: only by signed URL
    input_format: str = "pcm_16000"
    output_format: str = "pcm_16000"
    overrides: frozenset[str] = ALL_OVERRIDES
    client_events: frozenset[str] = USUAL_EVENTS
    variables: frozenset[str] = frozenset()  #: names that ``dynamic_variables`` must have
    first_message: str = ""
    text_only: bool = False
    initiation_timeout_s: float = 10.0  #: to wait for the client's first frame
    ping_interval_s: float = 2.0
    pong_timeout_s: float | None = None
    turn_timeout_s: float | None = None  #: of the user's silence; then the agent speaks
    turn_prompt: str = "Ask whether the user is still there."  #: what it is then told
    soft_timeout_s: float | None = None  #: of the model's; then the agent fills the pause
    soft_timeout_message: str = "Hmm, let me see."
    inactivity_s: float | None = None  #: of the user's silence; then the call is ended
    max_duration_s: float = 600.0
    silence_ms: int = 500  #: of the stream, that ends a turn
    tool_timeout_s: float = 20.0
    silent_tools: frozenset[str] = frozenset()  #: client tools whose answer is not awaited
    server_tools: Mapping[str, str] = field(default_factory=dict)  #: name -> result
    mcp_tools: Mapping[str, str] = field(default_factory=dict)  #: name -> result
    work_s: float = 0.0  #: that a tool of the service's or of an MCP server takes
    mcp_approval: bool = True
    late_pieces: int = 2  #: of audio that still come after an interruption
    piece_ms: int = 200
    speed: float = 8.0  #: of the audio sent, in multiples of real time
    also: tuple[Mapping[str, Any], ...] = ()  #: messages behind the metadata, if switched on


@dataclass(frozen=True, slots=True)
class Fault:
    """An error of the service's own, made once.

    ``error_type`` None: the connection is closed without an error message. ``flat``: the
    message has no ``error_event``, as the service was seen to do when a quota is used up.
    """

    error_type: str | None = None
    code: int = 1011
    message: str = "Something went wrong."
    at: Literal["start", "turn", "reply"] = "turn"
    close: bool = True
    flat: bool = False


def quota_fault(at: Literal["start", "turn", "reply"] = "start") -> Fault:
    """The account's credits are used up."""
    return Fault("quota", 1002, "This request exceeds your quota limit.", at, flat=True)
