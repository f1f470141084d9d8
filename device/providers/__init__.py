"""Codecs of speech-to-speech services, and which provider name means which codec."""

from __future__ import annotations

from collections.abc import Mapping

from device.capabilities import Capabilities
from device.errors import ConfigError
from device.providers import (
    cartesia,
    deepgram,
    elevenlabs,
    gemini,
    live,
    openai_realtime,
    vapi,
    wiro,
    wiro_agent,
)
from device.providers.base import Codec, Service, SessionSpec

__all__ = ["SERVICES", "capabilities_of", "create_codec", "service_of"]

SERVICES: Mapping[str, Service] = {
    "offline": openai_realtime.OFFLINE,
    "openai_realtime": openai_realtime.SERVICE,
    "azure_openai": openai_realtime.AZURE,
    "xai": openai_realtime.XAI,
    "openai_compatible": openai_realtime.COMPATIBLE,
    "azure_voice_live": openai_realtime.VOICE_LIVE,
    "openai_live": live.SERVICE,
    "wiro": wiro.SERVICE,
    "wiro_agent": wiro_agent.SERVICE,
    "elevenlabs": elevenlabs.SERVICE,
    "gemini": gemini.SERVICE,
    "deepgram": deepgram.SERVICE,
    "cartesia": cartesia.SERVICE,
    "vapi": vapi.SERVICE,
}


def service_of(provider: str) -> Service:
    """Raises :class:`ConfigError`: nobody here speaks to ``provider``."""
    try:
        return SERVICES[provider]
    except KeyError:
        raise ConfigError(
            f"unknown provider {provider!r}", key="service.provider", hint=f"one of {[*SERVICES]}"
        ) from None


def create_codec(provider: str, spec: SessionSpec) -> Codec:
    """A fresh codec for one attempt. Raises :class:`ConfigError` as :func:`service_of`."""
    return service_of(provider).make(spec)


def capabilities_of(provider: str) -> Capabilities:
    """What the service can do; needs neither key nor network. Raises :class:`ConfigError`."""
    return service_of(provider).able
