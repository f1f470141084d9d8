"""What tool servers know the device by: from files, and never shown."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from device.secrets import Secret
from device.session_tools import tool_keys

SETTING = "openai_realtime.mcp_key_files"


def test_each_server_has_the_token_and_the_headers_of_its_files(tmp_path: Path) -> None:
    token, header = tmp_path / "token", tmp_path / "header"
    token.write_text("planted-token\n")
    header.write_text("planted-header")
    known: list[Secret] = []
    entries = (f"home: {token}", f"home X-Key: {header}", f"away:{token}", "nothing", "home:")
    found = tool_keys(entries, SETTING, known.append)
    assert found == {
        "home": {"": "planted-token", "X-Key": "planted-header"},
        "away": {"": "planted-token"},
    }
    assert {secret.reveal() for secret in known} == {"planted-token", "planted-header"}


def test_a_file_that_cannot_be_read_costs_that_server_its_key_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    assert tool_keys([f"home: {tmp_path / 'none'}"], SETTING, lambda _: None) == {}
    (message,) = caplog.messages
    assert "home" in message
    assert str(tmp_path / "none") in message
