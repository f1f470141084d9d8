"""The proxy's address is replaced by the configured one, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.simulator.naming import Names

NAMES = Names("127.0.0.1:4000", "api.example.com:443")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("127.0.0.1:4000 refused", "api.example.com:443 refused"),
        ("ws://127.0.0.1:4000/v1 and 127.0.0.1:4000", None),
        ("127.0.0.1:40001 refused", "127.0.0.1:40001 refused"),
        ("at 127.0.0.1:400", "at 127.0.0.1:400"),
        ("", ""),
    ],
)
def test_only_the_proxys_address(said: str, shown: str | None) -> None:
    expected = "ws://api.example.com:443/v1 and api.example.com:443" if shown is None else shown
    assert NAMES.text(said) == expected


def test_reports_and_logs(tmp_path: Path) -> None:
    fields = {"detail": "127.0.0.1:4000 hung up", "attempt": 2, "more": ["127.0.0.1:4000"]}
    assert NAMES.fields(fields) == {**fields, "detail": "api.example.com:443 hung up"}
    log = tmp_path / "appliance.log"
    NAMES.file(log)
    assert not log.exists()
    log.write_bytes(b"to 127.0.0.1:4000\n\xff\n")
    NAMES.file(log)
    assert log.read_text() == "to api.example.com:443\n\N{REPLACEMENT CHARACTER}\n"


@given(st.text())
def test_other_texts_stay(text: str) -> None:
    assert NAMES.text(text) == text or "127.0.0.1:4000" in text
