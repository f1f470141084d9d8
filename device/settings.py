"""The settings tree: frozen, typed, bounded, documented where it is declared.

Pure data. ``device/config.py`` fills it from TOML by reading the metadata here,
and writes the commented example from the same. ``live`` settings are applied on
SIGHUP; the others need a restart.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from device.setting import setting
from device.settings_cost import CostSettings
from device.settings_services import (
    PROVIDERS,
    Access,
    AzureVoiceLiveSettings,
    CartesiaSettings,
    DeepgramSettings,
    ElevenLabsSettings,
    GeminiSettings,
    OpenAILiveSettings,
    OpenAIRealtimeSettings,
    ServiceSettings,
    VapiSettings,
    WiroAgentSettings,
    WiroSettings,
)

__all__ = [
    "PROVIDERS",
    "Access",
    "AudioSettings",
    "BoardSettings",
    "CostSettings",
    "LogSettings",
    "OfflineSettings",
    "PhrasesSettings",
    "ServiceSettings",
    "Settings",
    "TurnSettings",
    "VadSettings",
    "WakeSettings",
]


@dataclass(frozen=True)
class WakeSettings:
    words: tuple[str, ...] = setting(
        ("hey_jarvis",),
        "alexa, hey_jarvis, hey_mycroft, hey_rhasspy, okay_nabu, or paths of .tflite files",
    )
    engine: str = setting(
        "litert",
        "litert (openWakeWord's models on our own runner), openwakeword (the same in that "
        "package), or micro (microWakeWord's models, Apache-2.0: may be sold; no hey_rhasspy)",
        choices=("litert", "micro", "openwakeword"),
    )
    confirm: bool = setting(
        False,
        "wake only when openWakeWord and microWakeWord agree, for rooms with a television; "
        "words of your own .tflite files go unconfirmed",
    )
    threshold: float = setting(0.5, "score that counts as heard", low=0.05, high=0.99, live=True)
    patience: int = setting(1, "80 ms chunks in a row at or above it", low=1, high=10, live=True)
    refractory_s: float = setting(
        1.5, "deaf to the same word after a wake", low=0, high=10, live=True
    )
    stop_words: tuple[str, ...] = setting(
        (),
        "those of words that do not wake, but stop whatever is going on: a reply, a ring, "
        'listening; e.g. ["okay_nabu"]',
    )
    personas: tuple[str, ...] = setting(
        (),
        "what the service is told about its role (service.instructions) when it is this word "
        'that woke: ["hey_mycroft: You are Mycroft, a butler of few words."]',
    )
    persona_voices: tuple[str, ...] = setting(
        (), 'the voice (service.voice) when it is this word that woke: ["hey_mycroft: cedar"]'
    )


@dataclass(frozen=True)
class VadSettings:
    threshold: float = setting(
        0.5, "speech probability that counts", low=0.05, high=0.99, live=True
    )
    onset_ms: int = setting(
        64, "speech for this long means somebody speaks", low=32, high=500, live=True
    )
    hangover_ms: int = setting(256, "silence still counted as speech", low=32, high=2000, live=True)


@dataclass(frozen=True)
class TurnSettings:
    silence_ms: int = setting(
        700,
        "where the device ends turns: silence that ends one, until the speaker's pauses are known",
        low=200,
        high=5000,
        live=True,
    )
    eagerness: str = setting(
        "medium",
        "how soon a turn ends: low (lets people think), medium, high (answers fast, cuts off more),"
        " or fixed (always silence_ms)",
        choices=("low", "medium", "high", "fixed"),
        live=True,
    )
    shortest_silence_ms: int = setting(
        350,
        "no shorter silence ends a turn, however finished it sounds",
        low=200,
        high=5000,
        live=True,
    )
    longest_silence_ms: int = setting(
        1600,
        "no longer silence is needed, however slowly somebody speaks",
        low=200,
        high=10000,
        live=True,
    )
    smart_turn: str = setting(
        "auto",
        "a model hears whether a sentence is finished: on, off, or auto (where it is installed)",
        choices=("auto", "on", "off"),
    )
    no_speech_s: float = setting(
        5.0, "stop listening when nobody speaks", low=1, high=60, live=True
    )
    barge_in: str = setting(
        "normal",
        "talking over a reply stops it: eager (after half a second of speech), normal, patient "
        "(a sentence), or off (only the wake word and the button do); also who goes on speaking "
        "before the reply is heard",
        choices=("eager", "normal", "patient", "off"),
        live=True,
    )
    longest_s: float = setting(
        30.0, "stop listening after this much speech", low=5, high=300, live=True
    )
    follow_up_s: float = setting(
        4.0,
        "after a reply, speech in this time needs no wake word; 0: never",
        low=0,
        high=30,
        live=True,
    )
    invited_s: float = setting(
        8.0,
        "the same after a reply that asks something, or offers it (follow_up_s = 0: never)",
        low=0,
        high=60,
        live=True,
    )
    follow_ups: int = setting(
        12,
        "so many turns in a row without the wake word or the button, then it is needed again",
        low=1,
        high=1000,
        live=True,
    )
    slow_reply_s: float = setting(
        1.2,
        "a sign that the answer is on its way, when it takes longer; 0: never",
        low=0,
        high=10,
        live=True,
    )
    slow_reply: str = setting(
        "sound",
        "that sign: sound, or phrase (the first words of [phrases])",
        choices=("sound", "phrase"),
        live=True,
    )
    slow_again_s: float = setting(
        6.0,
        "the sign is repeated this long after the last one; 0: never",
        low=0,
        high=60,
        live=True,
    )
    send_wake_word: bool = setting(False, "also send the wake word itself", live=True)
    waiting_cue_s: float = setting(
        1.5, "a cue when the link takes longer", low=0.2, high=10, live=True
    )
    link_wait_s: float = setting(
        15.0,
        "what is said is kept this long for a link that is not open",
        low=2,
        high=18,
        live=True,
    )


@dataclass(frozen=True)
class AudioSettings:
    capture: str = setting("default", "ALSA PCM of the microphone, e.g. plughw:CARD=Device")
    playback: str = setting("default", "ALSA PCM of the speaker")
    capture_rate_hz: int = setting(16000, "microphone rate", choices=(16000, 48000))
    playback_rate_hz: int = setting(48000, "speaker rate", choices=(16000, 24000, 44100, 48000))
    capture_channels: int = setting(1, "channels the microphone delivers", low=1, high=8)
    capture_channel: int = setting(0, "the channel that is used, from 0", low=0, high=7)
    microphone_channels: str = setting(
        "",
        "which channels are microphones, if not all, e.g. '1, 2, 3, 4' (an array's playback "
        "channel is none)",
    )
    microphone_geometry: str = setting(
        "",
        "where those stand: 'circle 4 x 45 mm' (diameter), 'line 4 x 35 mm' (spacing), or x,y of "
        "each in mm, e.g. '0,0 45,0 0,45'; empty: not known",
    )
    beam_azimuth_deg: int = setting(
        -1,
        "where people speak from, seen from the array (x axis = 0, towards y); a beam then listens "
        "there, which hurts them anywhere else; -1: from anywhere",
        low=-1,
        high=359,
    )
    playback_channels: int = setting(1, "channels the speaker wants", low=1, high=2)
    period_ms: int = setting(10, "ALSA period", low=5, high=50)
    echo_cancellation: str = setting(
        "software",
        "software (it does not hear itself), hardware (the microphones cancel on board: name their "
        "processed channel in capture_channel), or off (then only wake word and button interrupt)",
        choices=("software", "hardware", "off"),
    )
    uplink: str = setting(
        "auto",
        "what the service is sent: raw (the microphone as it is), echo_cancelled, cleaned (less "
        "noise, evenly loud), or auto (what the service prefers)",
        choices=("auto", "raw", "echo_cancelled", "cleaned"),
    )
    volume_percent: int = setting(70, "loudness at start", low=0, high=100, live=True)
    prebuffer_min_ms: int = setting(40, "smallest prebuffer", low=10, high=500)
    prebuffer_max_ms: int = setting(
        200,
        "largest prebuffer; a reply that arrives more slowly than it is spoken waits for longer",
        low=40,
        high=2000,
    )


@dataclass(frozen=True)
class BoardSettings:
    name: str = setting(
        "none",
        "none, gpio (pins below), or virtual (the simulator)",
        choices=("none", "gpio", "virtual"),
    )
    button_pin: int = setting(
        17, "BCM number of the button, pressed = low; -1: none", low=-1, high=27
    )
    red_pin: int = setting(22, "BCM number of the red light; -1: none", low=-1, high=27)
    green_pin: int = setting(23, "BCM number of the green light; -1: none", low=-1, high=27)
    blue_pin: int = setting(24, "BCM number of the blue light; -1: none", low=-1, high=27)
    hold_ms: int = setting(800, "holding the button this long mutes", low=300, high=5000, live=True)
    debounce_ms: int = setting(30, "edges closer than this are bounce", low=0, high=200, live=True)
    output_latency_ms: float = setting(
        0.0, "what the converter still holds when ALSA has let go of it", low=0, high=500
    )
    socket: str = setting("", "virtual board only: Unix socket of the simulator's panel")


@dataclass(frozen=True)
class OfflineSettings:
    port: int = setting(0, "loopback port of the built-in service; 0: any", low=0, high=65535)
    vocabulary: str = setting(
        "commands",
        "commands (sure of them) or open (anything, worse)",
        choices=("commands", "open"),
    )
    voice: str = setting("espeak", "espeak or flite", choices=("espeak", "flite"))
    chat_url: str = setting("", "OpenAI-compatible chat endpoint for the rest, e.g. Ollama's /v1")
    chat_model: str = setting("", "its model")


@dataclass(frozen=True)
class PhrasesSettings:
    voice: str = setting(
        "auto",
        "who says these texts: service (its own voice; unsaid where it cannot), device (the voice "
        "of [offline]), or auto (the service where it can, else the device)",
        choices=("auto", "service", "device"),
        live=True,
    )
    language: str = setting(
        "en", "language of these texts, ISO 639-1, for the device's own voice (espeak)"
    )
    moment: str = setting(
        "One moment.",
        "turn.slow_reply = phrase, or a service that is slow to open; an empty text here or below "
        "is not said",
        live=True,
    )
    still_working: str = setting("I am still working on it.", "the same, repeated", live=True)
    still_there: str = setting(
        "Are you still there?", "the reply asked something, and nobody answered", live=True
    )
    goodbye: str = setting("I'll be here.", "nobody answered that either", live=True)
    no_network: str = setting(
        "I cannot reach the network.", "there is none, or it resolves no names", live=True
    )
    log_in: str = setting(
        "This network wants somebody to log in first.", "a captive portal answers", live=True
    )
    clock: str = setting(
        "I cannot connect safely. My clock may be wrong.",
        "certificates seem too old or too new",
        live=True,
    )
    no_service: str = setting(
        "I cannot reach my service.", "it is the service that does not answer", live=True
    )
    no_key: str = setting("My service does not accept my key.", "the key is refused", live=True)
    no_quota: str = setting(
        "My service says that its limit is used up.", "a quota or a balance is", live=True
    )
    no_budget: str = setting(
        "I have used up what I may spend. Please ask me again later.",
        "a limit of [cost] is reached",
        live=True,
    )
    say_again: str = setting(
        "The connection broke off. Please say that again.",
        "it broke off with what you said, which the device itself does not have any more",
        live=True,
    )
    not_understood: str = setting(
        "Sorry, I did not understand that.",
        "something was said, and nothing could be understood",
        live=True,
    )


@dataclass(frozen=True)
class LogSettings:
    level: str = setting(
        "info",
        "debug, info, warning or error",
        choices=("debug", "info", "warning", "error"),
        live=True,
    )
    transcripts: bool = setting(False, "write what was said to the log", live=True)
    timeline: str = setting("", "also write the timeline as JSON lines to this file")


@dataclass(frozen=True)
class Settings:
    wake: WakeSettings = field(default_factory=WakeSettings)
    vad: VadSettings = field(default_factory=VadSettings)
    service: ServiceSettings = field(default_factory=ServiceSettings)
    turn: TurnSettings = field(default_factory=TurnSettings)
    audio: AudioSettings = field(default_factory=AudioSettings)
    board: BoardSettings = field(default_factory=BoardSettings)
    offline: OfflineSettings = field(default_factory=OfflineSettings)
    phrases: PhrasesSettings = field(default_factory=PhrasesSettings)
    cost: CostSettings = field(default_factory=CostSettings)
    log: LogSettings = field(default_factory=LogSettings)
    openai_realtime: OpenAIRealtimeSettings = field(default_factory=OpenAIRealtimeSettings)
    azure_openai: Access = field(default_factory=Access)
    xai: Access = field(default_factory=Access)
    openai_compatible: Access = field(default_factory=Access)
    azure_voice_live: AzureVoiceLiveSettings = field(default_factory=AzureVoiceLiveSettings)
    openai_live: OpenAILiveSettings = field(default_factory=OpenAILiveSettings)
    wiro: WiroSettings = field(default_factory=WiroSettings)
    wiro_agent: WiroAgentSettings = field(default_factory=WiroAgentSettings)
    elevenlabs: ElevenLabsSettings = field(default_factory=ElevenLabsSettings)
    gemini: GeminiSettings = field(default_factory=GeminiSettings)
    deepgram: DeepgramSettings = field(default_factory=DeepgramSettings)
    cartesia: CartesiaSettings = field(default_factory=CartesiaSettings)
    vapi: VapiSettings = field(default_factory=VapiSettings)
