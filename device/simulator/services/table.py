"""Which service has which stand-in, and what an owner would configure to reach it.

The names are those of ``service.provider``. Everything that is set goes into the section of the
service's own name, whose address comes before ``service.url``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from device.simulator.services.brain import Brain
from device.simulator.services.cartesia import CartesiaStandIn
from device.simulator.services.deepgram import DeepgramStandIn
from device.simulator.services.deepgram_manner import Manner as DeepgramManner
from device.simulator.services.elevenlabs import ElevenLabs
from device.simulator.services.elevenlabs_agent import Agent
from device.simulator.services.gemini import GeminiStandIn
from device.simulator.services.gemini_messages import Manner as GeminiManner
from device.simulator.services.openai_live import OpenAILive
from device.simulator.services.openai_realtime import OpenAIRealtime
from device.simulator.services.plain_agent import Pace
from device.simulator.services.stand_in import StandIn
from device.simulator.services.vapi import VapiStandIn
from device.simulator.services.wiro import Wiro
from device.simulator.services.wiro_agent import WiroAgent
from device.simulator.services.wiro_agent_session import AgentManners
from device.simulator.services.wiro_manners import Manners as WiroManners

MakeBrain = Callable[[], Brain]
MakeStandIn = Callable[[MakeBrain, str], StandIn]
"""From who answers, and the key that clients must show."""

PACE = 2.0
"""How much faster than real time they speak: slowly enough that a long reply is still being sent
when it is cut, and some of its audio comes later, where the service's way allows that."""
LATE_PIECES = 3


def _own_url(stand_in: StandIn) -> str:
    return stand_in.url


@dataclass(frozen=True, slots=True)
class ServiceStandIn:
    """``url``: what the owner configures. ``proxied``: that is a WebSocket's, so the recording
    proxy can stand between; else the way there begins with HTTP. ``device_tools``: the service
    lets the device run tools; else the brain runs its own. ``section``: the rest of the service's
    own section."""

    make: MakeStandIn
    url: Callable[[StandIn], str] = _own_url
    proxied: bool = True
    device_tools: bool = True
    section: Callable[[StandIn], Mapping[str, Any]] = field(default=lambda _stand_in: {})


def _openai(dialect: str, section: Mapping[str, Any] | None = None) -> ServiceStandIn:
    def make(brain: MakeBrain, key: str) -> StandIn:
        made = OpenAIRealtime(brain, dialect=dialect, key=key)
        made.pace = PACE
        return made

    return ServiceStandIn(make, section=lambda _stand_in: section or {})


def _api_url(stand_in: StandIn) -> str:
    assert isinstance(stand_in, Wiro)
    return stand_in.api_url


TABLE: Mapping[str, ServiceStandIn] = {
    "openai_realtime": _openai("openai"),
    "azure_openai": _openai("azure"),
    "xai": _openai("xai"),
    "openai_compatible": _openai("openai", {"model": "any"}),  # it has no default one
    "azure_voice_live": _openai("voice_live"),
    "openai_live": ServiceStandIn(lambda brain, key: OpenAILive(brain, key=key)),
    "wiro": ServiceStandIn(
        lambda brain, key: Wiro(brain, key=key, manners=WiroManners(pace=1 / PACE)),
        url=_api_url,
        proxied=False,
        device_tools=False,
        section=lambda stand_in: {"socket_url": stand_in.url},
    ),
    "wiro_agent": ServiceStandIn(
        lambda brain, key: WiroAgent(
            brain, key=key, manners=AgentManners(pace=1 / PACE, late_pieces=LATE_PIECES)
        ),
        proxied=False,
        device_tools=False,
        section=lambda _stand_in: {"agent": "agent-1"},
    ),
    "elevenlabs": ServiceStandIn(
        lambda brain, key: ElevenLabs(brain, Agent(speed=PACE, late_pieces=LATE_PIECES), key=key),
        section=lambda _stand_in: {
            "agent_id": "agent-1",
            "override_prompt": True,
            "override_first_message": True,
        },
    ),
    "gemini": ServiceStandIn(
        lambda brain, key: GeminiStandIn(
            brain, key=key, manner=GeminiManner(pace=PACE, late_pieces=LATE_PIECES)
        )
    ),
    "deepgram": ServiceStandIn(
        lambda brain, key: DeepgramStandIn(
            brain, key=key, manner=DeepgramManner(speed=PACE, late_pieces=LATE_PIECES)
        )
    ),
    "cartesia": ServiceStandIn(
        lambda brain, key: CartesiaStandIn(brain, key=key, pace=Pace(speed=PACE)),
        device_tools=False,
        section=lambda _stand_in: {"agent_id": "agent-1"},
    ),
    "vapi": ServiceStandIn(
        lambda brain, key: VapiStandIn(
            brain, key=key, pace=Pace(speed=PACE, late_pieces=LATE_PIECES)
        ),
        proxied=False,
        device_tools=False,
        section=lambda _stand_in: {"assistant_id": "assistant-1"},
    ),
}
"""By name, in the order in which "all" runs them."""
