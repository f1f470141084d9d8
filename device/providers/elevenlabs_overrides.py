"""What the owner wants otherwise than an ElevenLabs agent is set up, and what it is told. Pure.

An override that the owner did not ask for is not sent: the service refuses a session for one that
the agent's security settings do not allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from device.providers.base import Said, SessionSpec

#: The settings, where each goes, and what it is in an owner's words.
PLACES: Mapping[str, tuple[str, str]] = {
    "override_prompt": ("agent.prompt.prompt", "the prompt"),
    "llm": ("agent.prompt.llm", "the model"),
    "override_first_message": ("agent.first_message", "the first message"),
    "override_language": ("agent.language", "the language"),
    "keywords": ("asr.keywords", "the keywords"),
    "override_voice": ("tts.voice_id", "the voice"),
    "stability": ("tts.stability", "the voice's stability"),
    "speed": ("tts.speed", "the voice's speed"),
    "similarity_boost": ("tts.similarity_boost", "the voice's similarity"),
    "override_events": ("conversation.client_events", "the client events"),
}
#: All that the codec can make use of.
EVENTS = (
    "conversation_initiation_metadata",
    "ping",
    "audio",
    "interruption",
    "user_transcript",
    "agent_response",
    "client_tool_call",
    "agent_tool_request",
    "agent_tool_response",
    "mcp_tool_call",
)


def overridden(spec: SessionSpec) -> dict[str, object]:
    """Those of :data:`PLACES` that the owner asked for, and their values."""
    return {name: value for name, value in _values(spec) if value is not None}


def _values(spec: SessionSpec) -> Iterator[tuple[str, object]]:
    """None: not asked for."""
    given = spec.options
    prompt = "\n\n".join(part for part in (spec.instructions, so_far(spec.history)) if part)
    yield "override_prompt", prompt if given.get("override_prompt") else None
    yield "llm", given.get("llm") or None
    yield "override_first_message", "" if given.get("override_first_message") else None
    language = spec.language.partition("-")[0].lower()
    yield "override_language", (language or None) if given.get("override_language") else None
    yield "keywords", list(given.get("keywords", ())) or None
    yield "override_voice", (spec.voice or None) if given.get("override_voice") else None
    for name in ("stability", "similarity_boost"):
        value = float(given.get(name, -1.0))
        yield name, value if value >= 0 else None
    yield "speed", float(given.get("speed", 0.0)) or None
    yield "override_events", list(EVENTS) if given.get("override_events") else None


def config(spec: SessionSpec) -> dict[str, object]:
    """``conversation_config_override``; empty: nothing is overridden."""
    whole: dict[str, object] = {}
    for name, value in overridden(spec).items():
        *parents, last = PLACES[name][0].split(".")
        at = whole
        for parent in parents:
            inner = at.setdefault(parent, {})
            assert isinstance(inner, dict)
            at = inner
        at[last] = value
    return whole


def refused(message: str, spec: SessionSpec) -> list[str]:
    """Which settings an ``override_error`` is about; all that were sent, where it does not say."""
    lowered, sent = message.lower(), [*overridden(spec)]
    exactly = [name for name in sent if PLACES[name][0] in lowered]
    words = lowered.replace(" ", "_")
    roughly = [name for name in sent if _last(name) in words]
    return exactly or roughly or sent


def _last(name: str) -> str:
    return PLACES[name][0].rpartition(".")[2].removesuffix("_id")


def variables(spec: SessionSpec) -> dict[str, str]:
    """``dynamic_variables``, from ``name: value``; what is none is left out."""
    pairs = (entry.partition(":") for entry in spec.options.get("dynamic_variables", ()))
    return {name.strip(): value.strip() for name, colon, value in pairs if colon and name.strip()}


def mistakes(spec: SessionSpec) -> Iterator[str]:
    """What in the settings is of no use, in an owner's words."""
    given = spec.options.get("dynamic_variables", ())
    if any(not entry.partition(":")[1] for entry in given):
        yield 'elevenlabs.dynamic_variables: expected "name: value"'


def so_far(history: Sequence[Said]) -> str:
    """What was said before, in words for a model; empty: nothing was."""
    if not history:
        return ""
    lines = [f"{'User' if said.by == 'user' else 'You'}: {said.text}" for said in history]
    return "\n".join(["The conversation so far, which goes on now:", *lines])
