"""The settings of one session with Deepgram's voice agent, as the service understands them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from device.simulator.services.deepgram_messages import AGENT, Fields, UnparsableError

INPUT_ENCODINGS = frozenset(
    [
        "linear16",
        "linear32",
        "flac",
        "alaw",
        "mulaw",
        "amr-nb",
        "amr-wb",
        "opus",
        "ogg-opus",
        "speex",
        "g729",
    ]
)
OUTPUT_ENCODINGS = frozenset(["linear16", "mulaw", "alaw", "mp3", "opus", "flac", "aac"])
MODELLED = "linear16"
DEFAULT_RATE_HZ = 24_000
MIN_RATE_HZ, MAX_RATE_HZ = 8_000, 48_000


class InvalidSettingsError(ValueError):
    """Well formed, and yet not to be had."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``think`` and ``speak`` in the order in which they are tried."""

    input_hz: int = DEFAULT_RATE_HZ
    output_hz: int = DEFAULT_RATE_HZ
    wav: bool = True  #: a header goes before each turn's audio
    history: bool = True
    experimental: bool = False
    greeting: str = ""
    listen: Fields = field(default_factory=dict)
    think: tuple[Fields, ...] = ()
    speak: tuple[Fields, ...] = ()
    think_live: bool = False
    context: tuple[Fields, ...] = ()
    prompt: str = ""

    @property
    def functions(self) -> dict[str, Fields]:
        """What the model may call, by name."""
        listed = self.think[0].get("functions") if self.think else None
        return {function["name"]: function for function in listed or []}

    def thinking(self, think: object) -> Settings:
        """With another model; its prompt replaces the one that there was."""
        chain = _chain(think)
        prompt = chain[0].get("prompt") if chain else None
        return replace(self, think=chain, prompt=self.prompt if prompt is None else prompt)

    def speaking(self, speak: object) -> Settings:
        return replace(self, speak=_chain(speak))


def understood(
    message: Mapping[str, Any],
    *,
    stored: Mapping[str, Fields],
    refused_models: Collection[str],
    think_live: bool,
) -> Settings:
    """A ``Settings`` message of the right form.

    ``stored`` are the agents that can be had by id. Raises :class:`InvalidSettingsError`, and
    :class:`UnparsableError` for ``think_live`` where the account may not use it.
    """
    audio = message["audio"]
    agent = message["agent"]
    if isinstance(agent, str):
        if agent not in stored:
            raise InvalidSettingsError(f"there is no agent {agent!r}")
        agent = stored[agent]
        AGENT(agent, "agent")
    if agent.get("think_live") and not think_live:
        raise UnparsableError("Settings.agent: expected no field 'think_live'")
    input_hz = _input(audio.get("input"))
    output_hz, wav = _output(audio.get("output") or {})
    settings = Settings(
        input_hz=input_hz,
        output_hz=output_hz,
        wav=wav,
        history=(message.get("flags") or {}).get("history") is not False,
        experimental=bool(message.get("experimental")),
        greeting=agent.get("greeting") or "",
        listen=agent.get("listen") or {},
        think_live=bool(agent.get("think_live")),
        context=tuple((agent.get("context") or {}).get("messages") or ()),
    )
    settings = settings.thinking(agent.get("think")).speaking(agent.get("speak"))
    available(settings, refused_models)
    return settings


def available(settings: Settings, refused_models: Collection[str]) -> None:
    """Raises :class:`InvalidSettingsError` where a model or voice does not exist."""
    providers = [settings.listen.get("provider") or {}]
    providers += [one["provider"] for one in (*settings.think, *settings.speak)]
    for provider in providers:
        if any(provider.get("model") == model for model in refused_models):
            raise InvalidSettingsError(f"there is no model {provider['model']!r}")


def _chain(value: Any) -> tuple[Fields, ...]:
    if value is None:
        return ()
    return tuple(value) if isinstance(value, list) else (value,)


def _input(audio: Fields | None) -> int:
    if audio is None:
        return DEFAULT_RATE_HZ
    if audio["encoding"] not in INPUT_ENCODINGS:
        raise InvalidSettingsError(f"audio.input.encoding: {audio['encoding']!r} is not supported")
    _only_modelled("audio.input", audio["encoding"])
    return _rate("audio.input", audio["sample_rate"])


def _output(audio: Fields) -> tuple[int, bool]:
    encoding = audio.get("encoding") or MODELLED
    if encoding not in OUTPUT_ENCODINGS:
        raise InvalidSettingsError(f"audio.output.encoding: {encoding!r} is not supported")
    _only_modelled("audio.output", encoding)
    container = audio.get("container")
    if container not in (None, "none", "wav"):
        raise InvalidSettingsError(
            f"audio.output.container: {container!r} does not go with {encoding}"
        )
    rate_hz = audio.get("sample_rate")
    hz = DEFAULT_RATE_HZ if rate_hz is None else _rate("audio.output", rate_hz)
    return hz, container != "none"


def _only_modelled(where: str, encoding: str) -> None:
    if encoding != MODELLED:
        raise InvalidSettingsError(
            f"{where}.encoding: this stand-in knows {MODELLED} only, not {encoding}"
        )


def _rate(where: str, rate_hz: int) -> int:
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        raise InvalidSettingsError(f"{where}.sample_rate: {rate_hz} is not supported")
    return rate_hz
