"""The services that the contract is held against: each one's codec beside its stand-in.

A case says only what a service is; what of it is tried, the scenarios decide by its declared
capabilities and these marks. A service whose codec is not part of this build is left out.
"""

from __future__ import annotations

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Any

from device import settings_services
from device.capabilities import Capabilities
from device.providers.base import Codec, Service, SessionSpec
from device.settings_services import ServiceSettings
from device.simulator.services.elevenlabs_agent import Agent
from device.simulator.services.gemini_messages import Manner
from device.simulator.services.stand_in import StandIn

KEY = "the-secret-key-of-the-contract"


def _own_url(stand_in: StandIn) -> str:
    return stand_in.url


@dataclass(frozen=True)
class Case:
    """``tells``: names of events of every spoken turn, beyond those of the capabilities: where
    the device ends the turns, and where the service does. ``breaks_off``: it interrupts its reply
    when it hears the user, and says so. ``caps``: its stand-in ends a session after ``cap_s``.
    ``told_of_cuts``: what stands in the message that calls a reply off, where there is one;
    ``told_to_speak``: in the one that asks for a phrase, ``told_to_forget``: in the one that takes
    an item from what was said; ``told``: in what it is told in every
    session, fields that its stand-in would not miss; ``sign_of_life``: in what keeps a session
    open while nobody speaks. ``calls``: names of events around a tool call, beyond its own.
    ``ends_silence``: a turn ends though no pause is sent behind it. ``usage``: each turn's is
    told, ``first`` or ``after`` its reply's end; empty: not each turn's. ``late_words``: what was
    understood is told when the answer sounds already. ``pings``: the stand-in's options with
    which it asks in its own messages whether we are there; ``over_late``: with which it says late
    that its turn is over. ``pads``: a reply's sound may begin and end with silence. ``rate_hz``:
    of the stand-in's sound, where only settings or the hand-shake tell it; 0: as declared."""

    name: str
    codec: str  #: module and attribute of its registry entry
    stand_in_of: str  #: module and class
    section: str = "Access"  #: of ``settings_services``
    settings: Mapping[str, Any] = field(default_factory=dict)
    stand_in_options: Mapping[str, Any] = field(default_factory=dict)
    prepare: Callable[[Any], None] = lambda _stand_in: None
    url: Callable[[Any], str] = _own_url
    late_options: Callable[[Any], Mapping[str, Any]] = lambda _stand_in: {}
    tells: tuple[frozenset[str], frozenset[str]] = (frozenset(), frozenset())
    breaks_off: bool = False
    caps: bool = True
    checks_key: bool = True
    carries_history: bool = True
    tells_words: bool = True
    pads: bool = False
    told_of_cuts: str = ""
    told_to_speak: str = ""
    told_to_forget: str = ""
    told: tuple[str, ...] = ()
    calls: frozenset[str] = frozenset()
    sign_of_life: str = ""
    ends_silence: bool = False
    pings: Mapping[str, Any] = field(default_factory=dict)
    over_late: Mapping[str, Any] = field(default_factory=dict)
    rate_hz: int = 0
    usage: str = ""
    late_words: bool = False
    model: str = ""
    transcription_model: str = ServiceSettings.transcription_model

    def __str__(self) -> str:
        return self.name

    @property
    def exists(self) -> bool:
        return find_spec(self.codec.partition(":")[0]) is not None

    @cached_property
    def registered(self) -> Service:
        service = _named(self.codec)
        assert isinstance(service, Service)
        return service

    @property
    def able(self) -> Capabilities:
        return self.registered.able

    @property
    def rates_hz(self) -> tuple[int, int]:
        """Of the sound to and from the service, as the appliance runs for it."""
        able = self.able
        return self.rate_hz or able.uplink_rate_hz, self.rate_hz or able.downlink_rate_hz

    def make(self, spec: SessionSpec) -> Codec:
        return self.registered.make(spec)

    def stand_in(self, brain: Callable[[], Any], **options: Any) -> StandIn:
        made = _named(self.stand_in_of)(brain, **{"key": KEY, **self.stand_in_options, **options})
        self.prepare(made)
        assert isinstance(made, StandIn)
        return made

    def options(self, stand_in: StandIn) -> dict[str, Any]:
        section = getattr(settings_services, self.section)(**self.settings)
        return {**dataclasses.asdict(section), **self.late_options(stand_in)}

    @property
    def ends(self) -> tuple[bool, ...]:
        """Who may end the turns: the device, the service."""
        device = (True,) if self.able.commits else ()
        return (*device, False) if self.able.detects_turns else device

    def expected(self, *, device_ends: bool) -> frozenset[str]:
        return self.tells[0] if device_ends else self.tells[1]


def _named(where: str) -> Any:
    module, _, name = where.partition(":")
    return getattr(importlib.import_module(module), name)


def _fast(stand_in: Any) -> None:
    stand_in.pace = 40.0


HEARS = frozenset({"ServiceSpeechStarted"})
WORK, USAGE = frozenset({"ServiceWorking"}), frozenset({"UsageReported"})
HEARS_BOTH = HEARS | {"ServiceSpeechStopped"}
P, S = "device.providers.", "device.simulator.services."


def _openai(name: str, entry: str, dialect: str, section: str, **more: Any) -> Case:
    usual = {
        "stand_in_options": {"dialect": dialect},
        "prepare": _fast,
        "tells": (frozenset(), HEARS_BOTH),
        "told_of_cuts": "response.cancel",
        "told_to_speak": '"metadata":{"request":',
        "told_to_forget": "conversation.item.delete",
        "usage": "first",
        "calls": USAGE,
    }
    stand_in = f"{S}openai_realtime:OpenAIRealtime"
    return Case(name, f"{P}openai_realtime:{entry}", stand_in, section, **{**usual, **more})


TABLE = (
    _openai("openai_realtime", "SERVICE", "openai", "OpenAIRealtimeSettings"),
    _openai(
        "azure_openai",
        "AZURE",
        "azure",
        "OpenAIRealtimeSettings",
        transcription_model="whisper-1",  # the name of a deployment
    ),
    _openai("xai", "XAI", "xai", "OpenAIRealtimeSettings"),
    _openai(
        "openai_compatible",
        "COMPATIBLE",
        "openai",
        "OpenAIRealtimeSettings",
        model="gpt-realtime",
        transcription_model="whisper-1",
        told_to_speak="",  # not every server takes a name
    ),
    _openai("azure_voice_live", "VOICE_LIVE", "voice_live", "AzureVoiceLiveSettings"),
    Case(
        "openai_live",
        f"{P}live:SERVICE",
        f"{S}openai_live:OpenAILive",
        "OpenAILiveSettings",
        pads=True,
        late_words=True,
        calls=USAGE | WORK,
        ends_silence=True,
    ),
    Case(
        "wiro",
        f"{P}wiro:SERVICE",
        f"{S}wiro:Wiro",
        "WiroSettings",
        url=lambda stand_in: stand_in.api_url,
        late_options=lambda stand_in: {"socket_url": stand_in.url},
        told_of_cuts="task_session_interrupt",
        ends_silence=True,
        usage="first",
    ),
    Case(
        "wiro_agent",
        f"{P}wiro_agent:SERVICE",
        f"{S}wiro_agent:WiroAgent",
        "WiroAgentSettings",
        settings={"agent": "agent-1"},
        told=('"session_metadata":{"display_identifier":',),
        told_of_cuts='"interrupt"',
        ends_silence=True,
        carries_history=False,  # what an agent is told is its owner's
    ),
    Case(
        "elevenlabs",
        f"{P}elevenlabs:SERVICE",
        f"{S}elevenlabs:ElevenLabs",
        "ElevenLabsSettings",
        settings={"agent_id": "agent-1", "override_prompt": True, "override_first_message": True},
        breaks_off=True,
        rate_hz=16000,
        checks_key=False,  # a public agent asks for none
        sign_of_life="user_activity",
        ends_silence=True,
        pings={"agent": Agent(ping_interval_s=0.05)},
    ),
    Case(
        "gemini",
        f"{P}gemini:SERVICE",
        f"{S}gemini:GeminiStandIn",
        "GeminiSettings",
        ends_silence=True,
        usage="after",
        over_late={"manner": Manner(playback=1000.0)},
        breaks_off=True,
    ),
    Case(
        "deepgram",
        f"{P}deepgram:SERVICE",
        f"{S}deepgram:DeepgramStandIn",
        "DeepgramSettings",
        sign_of_life="KeepAlive",
        ends_silence=True,
        tells=(WORK, HEARS | WORK),
        told=(
            '"think":{"provider":{"type":"open_ai","model":',
            '"speak":{"provider":{"type":"deepgram","model":',
        ),
        breaks_off=True,
    ),
    Case(
        "cartesia",
        f"{P}cartesia:SERVICE",
        f"{S}cartesia:CartesiaStandIn",
        "CartesiaSettings",
        settings={"agent_id": "agent-1"},
        ends_silence=True,
        breaks_off=True,
        tells_words=False,
        carries_history=False,
    ),
    Case(
        "vapi",
        f"{P}vapi:SERVICE",
        f"{S}vapi:VapiStandIn",
        "VapiSettings",
        ends_silence=True,
        settings={"assistant_id": "assistant-1", "rate_hz": 24000},  # not what it takes unasked
        rate_hz=24000,
        carries_history=False,
        breaks_off=True,
    ),
)
"""All there are to be."""

CASES = tuple(case for case in TABLE if case.exists)
"""Those of this build."""
