"""A codec is imported when its service is asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

from device.providers import SERVICES, service_of
from device.providers.base import Service

REPORT = "print(*sorted(m.rpartition('.')[2] for m in sys.modules if m.startswith('device.pro')))"


def imported_by(statement: str) -> set[str]:
    command = [sys.executable, "-c", f"import sys\n{statement}\n{REPORT}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_names_are_known_without_any_codec() -> None:
    loaded = imported_by("from device.providers import SERVICES; assert 'gemini' in [*SERVICES]")
    assert loaded == {"providers", "base"}


def test_asking_for_a_service_imports_no_other_ones_codec() -> None:
    loaded = imported_by("from device.providers import service_of; service_of('vapi')")
    assert "vapi" in loaded
    assert not {name for name in loaded if name.startswith(("openai", "gemini", "wiro", "live"))}


@pytest.mark.parametrize("name", SERVICES)
def test_every_name_leads_to_its_service(name: str) -> None:
    assert isinstance(service_of(name), Service)
    assert service_of(name) is SERVICES[name]


def test_a_name_that_nobody_has_is_in_none_of_its_ways_there() -> None:
    assert "nobody" not in SERVICES
    assert SERVICES.get("nobody") is None
    assert len(SERVICES) == len([*SERVICES])
