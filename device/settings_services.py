"""What each service can be told beyond ``[service]``: one section a service, by its name.

``[service]`` holds what all services understand, for the one that is configured first; the
sections here hold what only one of them understands, and how the others of ``service.fallback``
are reached. Empty or 0 leaves a choice to the service. Pure data.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.setting import setting

PROVIDERS = (
    "offline",
    "openai_realtime",
    "azure_openai",
    "xai",
    "openai_compatible",
    "azure_voice_live",
    "openai_live",
    "wiro",
    "wiro_agent",
    "elevenlabs",
    "gemini",
    "deepgram",
    "cartesia",
    "vapi",
)
"""Names of the services, as they are configured; each but the first has a section of its own."""


CONNECT = ("on_wake", "keep", "always")
"""When a session is open: while it is needed, for a while longer, or all the time."""


@dataclass(frozen=True, slots=True)
class Connecting:
    """When sessions of one service are open. ``connect`` is one of :data:`CONNECT`;
    ``idle_close_s`` after a conversation they are closed, with "keep"."""

    connect: str
    idle_close_s: float


@dataclass(frozen=True)
class ServiceSettings:
    provider: str = setting("offline", "the speech-to-speech service", choices=PROVIDERS)
    fallback: tuple[str, ...] = setting(
        (),
        "who takes over, in this order, while it is out of reach, over its quota or too slow, e.g. "
        '["gemini", "offline"]; how each is reached stands in the section of its name',
    )
    url: str = setting("", "WebSocket address; empty means the provider's own")
    model: str = setting("", "model name; empty means the provider's default")
    voice: str = setting("", "voice name; empty means the provider's default")
    instructions: str = setting(
        "You are parlor, a friendly voice appliance. Answer in one or two short spoken sentences.",
        "what the service is told about its role",
    )
    language: str = setting("en", "language people speak, ISO 639-1", live=False)
    turn_detection: str = setting(
        "auto",
        "who ends the user's turn: device (alike wherever it can, learns the speaker's pauses), "
        "service, or auto (the device; on the offline service that service, which is here, too)",
        choices=("auto", "device", "service"),
    )
    key_name: str = setting("service_key", "name of the systemd credential that holds the API key")
    key_file: str = setting("", "file that holds the API key, readable by parlor only")
    transcription_model: str = setting(
        "gpt-transcribe",
        "model for the user's transcript (on Azure a deployment, which is yours to name); empty: "
        "none",
    )
    noise_reduction: str = setting(
        "far_field", "service-side noise reduction", choices=("far_field", "near_field", "off")
    )
    vad_threshold: float = setting(0.5, "service VAD: threshold", low=0, high=1)
    vad_prefix_ms: int = setting(300, "service VAD: audio kept before speech", low=0, high=2000)
    vad_silence_ms: int = setting(
        560, "service VAD: silence that ends the turn", low=200, high=5000
    )
    connect_timeout_s: float = setting(8.0, "give up one attempt after", low=1, high=60)
    reply_timeout_s: float = setting(
        15.0, "no sign of a reply for this long is an error", low=2, high=120
    )
    longest_work_s: float = setting(
        60.0,
        "a service that says that it is still at work (a tool server is asked, or a session is "
        "made) is waited for so long, without a sound",
        low=5,
        high=600,
    )
    connect: str = setting(
        "keep",
        "the session is opened when somebody speaks to the device and kept for idle_close_s "
        "(keep) or not at all (on_wake) after the conversation; or it is there always, which "
        "answers soonest and costs most where time is billed; `parlor cost` shows what each means; "
        "a service's own section may say otherwise",
        choices=CONNECT,
    )
    idle_close_s: float = setting(
        60.0, 'with connect = "keep": so long after a conversation', low=0, high=3600
    )
    max_message_bytes: int = setting(
        4 * 1024 * 1024, "larger messages are refused", low=65536, high=64 * 1024 * 1024
    )


@dataclass(frozen=True)
class Access:
    """How a service is reached: for the first one ``[service]`` comes before it."""

    url: str = setting("", "address of this service; empty: service.url, or its own")
    model: str = setting("", "model name; empty: service.model, or the service's default")
    voice: str = setting("", "voice; empty: service.voice, or the service's default")
    key_name: str = setting("", "systemd credential with its key; empty: service.key_name")
    key_file: str = setting("", "file that holds its key; empty: service.key_file")
    key_command: str = setting(
        "",
        "program that prints a short-lived key (or signed address), as text or as JSON with "
        '"value" and "expires_at"; it runs as the parlor user',
    )
    key_url: str = setting(
        "",
        "HTTPS address of yours that answers a POST with such a key, instead of key_command; what "
        "it knows this device by stands in key_file",
    )
    connect: str = setting(
        "",
        "when its session is open; empty: as service.connect says",
        choices=("", *CONNECT),
    )
    idle_close_s: float = setting(
        -1.0, 'with connect = "keep"; -1: service.idle_close_s', low=-1, high=3600
    )


def connecting(common: ServiceSettings, section: object) -> Connecting:
    """As ``section``, that of the service, says, else as ``[service]`` does."""
    own = section if isinstance(section, Access) else Access()
    kept_s = common.idle_close_s if own.idle_close_s < 0 else own.idle_close_s
    return Connecting(own.connect or common.connect, kept_s)


@dataclass(frozen=True)
class OpenAIRealtimeSettings(Access):
    """Also for azure_openai, xai and openai_compatible, as far as they understand it."""

    service_vad: str = setting(
        "server_vad",
        "where the service ends turns: by silence, or by what was said",
        choices=("server_vad", "semantic_vad"),
    )
    eagerness: str = setting(
        "auto", "semantic_vad: how soon", choices=("auto", "low", "medium", "high")
    )
    speed: float = setting(1.0, "of the voice", low=0.25, high=1.5)
    max_output_tokens: int = setting(0, "longest reply; 0: no limit", low=0, high=4096)
    reasoning_effort: str = setting(
        "",
        "gpt-realtime-2 and later: how long it thinks",
        choices=("", "minimal", "low", "medium", "high", "xhigh"),
    )
    truncation: str = setting(
        "auto",
        "what happens when the conversation is too long: auto, disabled, or the part that is "
        'kept, e.g. "0.8"',
    )
    tracing: bool = setting(False, "let the service keep traces of the sessions")
    safety_identifier: str = setting("", "a stable name of this device's users, without meaning")
    organization: str = setting("", "whose account")
    project: str = setting("", "of that account")
    noise_reduction_strength: float = setting(1.0, "of service.noise_reduction", low=0, high=1)
    transcription_prompt: str = setting("", "words that help the transcript")
    transcription_keywords: tuple[str, ...] = setting((), "names that may be said")
    mcp_servers: tuple[str, ...] = setting(
        (), 'tool servers that the service asks itself: ["label: https://address"]'
    )
    mcp_key_files: tuple[str, ...] = setting(
        (),
        'files with what those servers know the device by: ["label: /path"] with a token, '
        '["label Header: /path"] with what stands in that header',
    )
    mcp_tools: tuple[str, ...] = setting(
        (), 'tools of theirs that are offered: ["label.tool"]; of a server without any: all'
    )
    mcp_approval: str = setting(
        "never",
        "calls of those servers: never ask (they may), or always refuse those not in mcp_allowed",
        choices=("never", "always"),
    )
    mcp_allowed: tuple[str, ...] = setting((), "tools of theirs that may run when asked")


@dataclass(frozen=True)
class AzureVoiceLiveSettings(Access):
    api_version: str = setting("2026-04-10", "of the service")
    service_vad: str = setting(
        "azure_semantic_vad",
        "where the service ends turns",
        choices=(
            "server_vad",
            "azure_semantic_vad",
            "azure_semantic_vad_en",
            "azure_semantic_vad_multilingual",
        ),
    )
    voice_type: str = setting(
        "azure-standard", "kind of service.voice", choices=("azure-standard", "openai")
    )
    noise_reduction: bool = setting(True, "the service's deep noise suppression")
    echo_cancellation: bool = setting(False, "the service's, beside the device's own")


@dataclass(frozen=True)
class OpenAILiveSettings(Access):
    delegation: bool = setting(True, "let the model ask the device's tools")
    delegation_model: str = setting("", "the model that uses them; empty: gpt-5.5")
    silence_db: float = setting(
        -50.0, "what is fainter is silence of the service, of full scale", low=-90, high=-20
    )


@dataclass(frozen=True)
class WiroAccess(Access):
    secret_name: str = setting(
        "",
        "systemd credential with the API secret, for projects with signatures; the unit knows "
        '"wiro_secret", which stands in /etc/parlor/wiro_secret; empty: none',
    )
    secret_file: str = setting("", "file that holds the API secret, where there is no credential")


@dataclass(frozen=True)
class WiroSettings(WiroAccess):
    socket_url: str = setting(
        "",
        "where sessions are held; empty: wss://socket.wiro.ai/v1",
    )
    chunk_ms: int = setting(200, "microphone audio in one message", low=20, high=400)
    first_message: str = setting("", "ElevenLabs models: said first")
    tts_model_id: str = setting("", "ElevenLabs models")
    turn_eagerness: str = setting("", "ElevenLabs models", choices=("", "low", "normal", "high"))
    turn_timeout_s: int = setting(0, "ElevenLabs models; 0: theirs", low=0, high=60)
    silence_end_s: int = setting(
        0, "ElevenLabs models end a session after so much silence; 0: theirs", low=0, high=3600
    )
    max_duration_s: int = setting(
        0, "ElevenLabs models end a session after so long; 0: theirs", low=0, high=7200
    )
    speed: float = setting(0.0, "of the voice; 0: the model's", low=0, high=2)
    stability: float = setting(
        -1.0, "of the voice of ElevenLabs models; -1: theirs", low=-1, high=1
    )
    similarity_boost: float = setting(
        -1.0, "to the voice of ElevenLabs models; -1: theirs", low=-1, high=1
    )
    end_call: bool = setting(
        False, "ElevenLabs models: may end the session when the conversation seems over"
    )
    optimize_streaming_latency: str = setting(
        "",
        "ElevenLabs models: speech sooner, at some cost of its quality",
        choices=("", "0", "1", "2", "3", "4"),
    )
    server_tools: str = setting("", "ElevenLabs models: JSON text of webhook tools")
    text_temperature: float = setting(0.0, "PersonaPlex; 0: the model's", low=0, high=2)
    topk_audio: int = setting(0, "PersonaPlex; 0: the model's", low=0, high=5000)
    topk_text: int = setting(0, "PersonaPlex; 0: the model's", low=0, high=5000)
    seed: int = setting(-1, "PersonaPlex; -1: the model's", low=-1, high=2**31 - 1)


@dataclass(frozen=True)
class WiroAgentSettings(WiroAccess):
    agent: str = setting("", "useragentguid of the agent")
    chunk_ms: int = setting(200, "microphone audio in one message", low=20, high=400)


@dataclass(frozen=True)
class ElevenLabsSettings(Access):
    agent_id: str = setting("", "the agent, from its page")
    signed: bool = setting(False, "a private agent: ask for a signed address with the key")
    override_prompt: bool = setting(
        False, "send service.instructions; the agent's security settings must allow it"
    )
    override_voice: bool = setting(False, "send the voice; the agent must allow it")
    override_language: bool = setting(False, "send the language; the agent must allow it")
    override_first_message: bool = setting(
        False, "ask the agent to say nothing first; the agent must allow it"
    )
    override_events: bool = setting(
        False, "ask for the client events that parlor needs; the agent must allow it"
    )
    llm: str = setting("", "another model than the agent's; the agent must allow it")
    keywords: tuple[str, ...] = setting((), "names that may be said; the agent must allow it")
    stability: float = setting(
        -1.0, "of the voice; -1: the agent's; the agent must allow it", low=-1, high=1
    )
    similarity_boost: float = setting(
        -1.0, "of the voice; -1: the agent's; the agent must allow it", low=-1, high=1
    )
    speed: float = setting(
        0.0, "of the voice; 0: the agent's; the agent must allow it", low=0, high=2
    )
    dynamic_variables: tuple[str, ...] = setting(
        (), 'values of the variables in the agent\'s prompt: ["name: value"]'
    )
    environment: str = setting("", "of the agent")
    user_id: str = setting("", "a stable name of this device's users, without meaning")


@dataclass(frozen=True)
class GeminiSettings(Access):
    api_version: str = setting("v1beta", "in the address")
    temperature: float = setting(-1.0, "-1: the model's", low=-1, high=2)
    thinking_level: str = setting(
        "", "how long it thinks", choices=("", "minimal", "low", "medium", "high")
    )
    google_search: bool = setting(False, "let the model search")
    proactive_audio: bool = setting(False, "let the model stay silent when not spoken to")
    compression: bool = setting(True, "compress a long conversation instead of ending it")
    start_sensitivity: str = setting(
        "", "where the service ends turns", choices=("", "HIGH", "LOW")
    )
    end_sensitivity: str = setting("", "where the service ends turns", choices=("", "HIGH", "LOW"))


@dataclass(frozen=True)
class DeepgramSettings(Access):
    agent: str = setting("", "id of a stored agent configuration; empty: the settings here")
    listen_model: str = setting("nova-3", "recogniser; flux models end turns by what was said")
    think_provider: str = setting("open_ai", "who thinks")
    think_model: str = setting("gpt-4o-mini", "its model")
    temperature: float = setting(-1.0, "-1: the model's", low=-1, high=2)
    keyterms: tuple[str, ...] = setting((), "names that may be said")
    mip_opt_out: bool = setting(True, "the audio is not used for training")


@dataclass(frozen=True)
class CartesiaSettings(Access):
    agent_id: str = setting("", "the Line agent")
    api_version: str = setting(
        "2025-04-16",
        "sent with the hand-shake; it also tells which address is meant: before 2026-08-14 the "
        "key must be an access token (key_url, key_command), from then on an API key",
    )
    rate_hz: int = setting(24000, "of the audio, both ways", choices=(16000, 24000, 44100))


@dataclass(frozen=True)
class VapiSettings(Access):
    assistant_id: str = setting("", "the assistant")
    rate_hz: int = setting(16000, "of the audio, both ways", low=8000, high=48000)
