"""Fixtures shared by all tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import settings

REPO = Path(__file__).resolve().parents[1]
SHARED = REPO.parent / "shared"

# The same examples each time, so that a change alone decides whether its tests pass.
# To look for new ones: pytest --hypothesis-profile=default
# A machine that stands still for a moment breaks no test, so there is no deadline.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def speech_dir() -> Path:
    """Real recordings beside the repository, or a skip that says so."""
    if not (SHARED / "speech" / "manifest.json").exists():
        pytest.skip("real recordings (../shared/speech) are not here")
    return SHARED / "speech"


@pytest.fixture(scope="session")
def speech_manifest(speech_dir: Path) -> list[dict[str, object]]:
    """The recordings' manifest: file, cat, sr, ch, dur, licence."""
    entries: list[dict[str, object]] = json.loads((speech_dir / "manifest.json").read_text())
    return entries
