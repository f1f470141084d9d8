"""Where the key of a service is fetched, and what is shown to whom for it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from device.session_keys import SessionKeys
from device.settings import Settings
from tests.keys.clock import HandClock
from tests.keys.test_key_endpoint import KEY, Endpoint, endpoint

__all__ = ["endpoint"]

LASTING = "the-lasting-key-of-the-service"
TOKEN = "what-the-device-is-known-by"


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    lasting, token = tmp_path / "service", tmp_path / "own"
    lasting.write_text(LASTING)
    token.write_text(TOKEN)
    yield lasting, token


def bearer(settings: Settings, endpoint: Endpoint) -> str | None:
    """What the owner's address was shown when a key was fetched from it."""

    async def main() -> None:
        keys = SessionKeys(settings, {}, lambda _secret: None, HandClock())
        await keys.prepare("openai_realtime")
        held = keys.held("openai_realtime")
        assert held is not None
        assert held.reveal() == KEY
        await keys.close()

    asyncio.run(main())
    ((_, _, headers),) = endpoint.heard
    return headers.get("Authorization")


def settings_with(endpoint: Endpoint, lasting: Path, own: str = "") -> Settings:
    settings = Settings()
    service = replace(settings.service, provider="openai_realtime", key_file=str(lasting))
    section = replace(settings.openai_realtime, key_url=endpoint.url, key_file=own)
    return replace(settings, service=service, openai_realtime=section)


def test_the_lasting_key_of_the_service_is_not_shown_to_the_address_that_gives_short_ones(
    endpoint: Endpoint, files: tuple[Path, Path]
) -> None:
    assert bearer(settings_with(endpoint, files[0]), endpoint) is None


def test_the_section_s_own_file_says_what_the_device_is_known_by(
    endpoint: Endpoint, files: tuple[Path, Path]
) -> None:
    settings = settings_with(endpoint, files[0], str(files[1]))
    assert bearer(settings, endpoint) == f"Bearer {TOKEN}"
