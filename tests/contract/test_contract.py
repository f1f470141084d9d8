"""One contract for all services: every scenario, on every one of them."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from tests.contract.cases import CASES, TABLE
from tests.contract.scenarios import Scenario, scenarios_of
from tests.contract.talk import Room

ROOMS = [
    pytest.param(Room(case, device_ends), id=f"{case}-{who}")
    for case in CASES
    for device_ends, who in ((True, "device_ends"), (False, "service_ends"))
    if device_ends in case.ends
]


def play(scenario: Scenario, room: Room) -> None:
    """On a fresh loop; no exception goes unseen."""
    unseen: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, what: unseen.append(what))
        async with asyncio.timeout(60):
            await scenario(room)
        gc.collect()
        await asyncio.sleep(0)

    asyncio.run(main())
    assert unseen == []


async def all_at_once(room: Room) -> None:
    """Each on a stand-in of its own: most of the time is spent waiting."""
    scenarios = scenarios_of(room)
    ends = await asyncio.gather(*(one(room) for one in scenarios), return_exceptions=True)
    failed = {s.__name__: e for s, e in zip(scenarios, ends, strict=True) if e is not None}
    assert not failed, "\n".join(f"{name}: {error!r:.1500}" for name, error in failed.items())


@pytest.mark.parametrize("room", ROOMS)
def test_a_service_keeps_the_contract(room: Room) -> None:
    play(all_at_once, room)


def test_every_service_of_the_settings_is_in_the_table() -> None:
    from device.settings_services import PROVIDERS

    assert {"offline", *(case.name for case in TABLE)} == set(PROVIDERS)
    assert CASES
