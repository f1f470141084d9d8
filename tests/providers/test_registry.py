"""Provider names and the contract."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.errors import ConfigError
from device.providers import SERVICES, create_codec, service_of
from device.providers.base import Codec, Connect, SessionSpec
from device.settings import PROVIDERS, Settings

OURS = ("offline", "openai_realtime")


def test_every_service_can_be_configured_and_has_a_section() -> None:
    assert tuple(SERVICES) == PROVIDERS
    assert all(hasattr(Settings(), provider) for provider in PROVIDERS)


@pytest.mark.parametrize("provider", OURS)
def test_every_provider_has_a_codec_and_an_address(provider: str) -> None:
    url = service_of(provider).url or "ws://127.0.0.1:4711/v1/realtime"
    codec: Codec = create_codec(provider, SessionSpec(url=url))
    (connect,) = codec.start(0.0)
    assert isinstance(connect, Connect)
    assert connect.url.startswith(f"{url}?model=")
    assert codec.capabilities.uplink_rate_hz == 24000
    assert create_codec(provider, SessionSpec(url=url)) is not codec


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(ConfigError, match="nobody"):
        create_codec("nobody", SessionSpec(url=""))
    with pytest.raises(ConfigError, match="nobody"):
        service_of("nobody")


def test_codecs_do_no_input_or_output() -> None:
    """What they may not import: a socket, a thread, a clock, the environment."""
    forbidden = ("socket", "threading", "asyncio", "time", "os", "ssl", "websockets", "logging")
    for file in (Path(__file__).parents[2] / "device" / "providers").glob("*.py"):
        for line in file.read_text().splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]):
                assert words[1].split(".")[0] not in forbidden, f"{file.name}: {line}"
