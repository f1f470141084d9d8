"""Codecs of speech-to-speech services, and which provider name means which codec.

A codec is imported when somebody asks for its service, and only then: an appliance speaks to one
or two of them, and all together cost it tens of milliseconds at start and some megabytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module

from device.capabilities import Capabilities
from device.errors import ConfigError
from device.providers.base import Codec, Service, SessionSpec

__all__ = ["SERVICES", "capabilities_of", "create_codec", "service_of"]


class _Registry(Mapping[str, Service]):
    """By name, from ``module:attribute`` of this package. Names are known without any import."""

    def __init__(self, entries: Mapping[str, str]) -> None:
        self._entries = entries

    def __getitem__(self, name: str) -> Service:
        module, _, attribute = self._entries[name].partition(":")
        entry: Service = getattr(import_module(f"{__name__}.{module}"), attribute)
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)


SERVICES: Mapping[str, Service] = _Registry(
    {
        "offline": "openai_realtime:OFFLINE",
        "openai_realtime": "openai_realtime:SERVICE",
        "azure_openai": "openai_realtime:AZURE",
        "xai": "openai_realtime:XAI",
        "openai_compatible": "openai_realtime:COMPATIBLE",
        "azure_voice_live": "openai_realtime:VOICE_LIVE",
        "openai_live": "live:SERVICE",
        "wiro": "wiro:SERVICE",
        "wiro_agent": "wiro_agent:SERVICE",
        "elevenlabs": "elevenlabs:SERVICE",
        "gemini": "gemini:SERVICE",
        "deepgram": "deepgram:SERVICE",
        "cartesia": "cartesia:SERVICE",
        "vapi": "vapi:SERVICE",
    }
)


def service_of(provider: str) -> Service:
    """Raises :class:`ConfigError`: nobody here speaks to ``provider``."""
    if provider not in SERVICES:
        raise ConfigError(
            f"unknown provider {provider!r}", key="service.provider", hint=f"one of {[*SERVICES]}"
        )
    return SERVICES[provider]


def create_codec(provider: str, spec: SessionSpec) -> Codec:
    """A fresh codec for one attempt. Raises :class:`ConfigError` as :func:`service_of`."""
    return service_of(provider).make(spec)


def capabilities_of(provider: str) -> Capabilities:
    """What the service can do; needs neither key nor network. Raises :class:`ConfigError`."""
    return service_of(provider).able
