"""A key is kept while it is good, renewed before it is not, and asked for once at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from device.adapters.key_answer import Answer
from device.adapters.key_fetch import KeyFetchError
from device.adapters.key_source import LONGEST_TRUST_S, MARGIN_S, KeySource
from device.errors import SecretError
from device.events import ErrorKind
from device.secrets import Secret
from tests.keys.clock import HandClock


class Giver:
    """Gives ``key-1``, ``key-2``, ... as its clock and its ``lifetime`` say; fails while told."""

    setting = "gemini.key_command"

    def __init__(self, clock: HandClock) -> None:
        self.clock = clock
        self.asked = 0
        self.fails = False
        self.expires_in_s: float | None = None
        self.expires_at: float | None = None
        self.gate: asyncio.Event | None = None

    async def __call__(self) -> Answer:
        self.asked += 1
        number = self.asked
        if self.gate is not None:
            await self.gate.wait()
        if self.fails:
            raise KeyFetchError("no key", ErrorKind.NETWORK, key=self.setting, hint="do something")
        return Answer(Secret(f"key-{number}"), self.expires_at, self.expires_in_s)


class Rig:
    def __init__(self) -> None:
        self.clock = HandClock()
        self.giver = Giver(self.clock)
        self.registered: list[str] = []
        self.source = KeySource(
            self.giver, lambda secret: self.registered.append(secret.reveal()), self.clock
        )

    async def key(self) -> str:
        return (await self.source.key()).reveal()


def story(tell: Callable[[Rig], Awaitable[None]]) -> None:
    async def run() -> None:
        rig = Rig()
        await tell(rig)
        await rig.source.close()

    asyncio.run(run())


def test_a_key_is_used_until_a_minute_before_it_expires() -> None:
    async def tell(rig: Rig) -> None:
        rig.giver.expires_at = rig.clock.time + 600
        assert await rig.key() == "key-1"
        rig.clock.passes(600 - MARGIN_S - 1)
        assert await rig.key() == "key-1"
        rig.clock.passes(1)
        rig.giver.expires_at = rig.clock.time + 600
        assert await rig.key() == "key-2"

    story(tell)


def test_a_key_that_is_good_for_seconds_counts_from_when_it_was_given() -> None:
    async def tell(rig: Rig) -> None:
        rig.giver.expires_in_s = 120
        assert await rig.key() == "key-1"
        rig.clock.passes(59)
        assert await rig.key() == "key-1"
        rig.clock.passes(1)
        assert await rig.key() == "key-2"

    story(tell)


def test_a_key_that_says_nothing_of_its_life_is_used_once() -> None:
    async def tell(rig: Rig) -> None:
        assert [await rig.key() for _ in range(3)] == ["key-1", "key-2", "key-3"]

    story(tell)


def test_every_key_is_registered_before_it_is_used() -> None:
    async def tell(rig: Rig) -> None:
        for _ in range(3):
            key = await rig.key()
            assert rig.registered[-1] == key

    story(tell)


def test_one_fetch_at_a_time_answers_all_who_wait() -> None:
    async def tell(rig: Rig) -> None:
        rig.giver.gate = asyncio.Event()
        waiting = [asyncio.create_task(rig.key()) for _ in range(5)]
        await asyncio.sleep(0)
        rig.giver.gate.set()
        assert await asyncio.gather(*waiting) == ["key-1"] * 5
        assert rig.giver.asked == 1

    story(tell)


def test_who_stops_waiting_does_not_stop_the_others() -> None:
    async def tell(rig: Rig) -> None:
        rig.giver.gate = asyncio.Event()
        first, second = (asyncio.create_task(rig.key()) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        rig.giver.gate.set()
        assert await second == "key-1"

    story(tell)


def test_without_any_key_a_failure_is_an_error_and_the_next_call_asks_again() -> None:
    async def tell(rig: Rig) -> None:
        rig.giver.fails = True
        with pytest.raises(SecretError, match="do something"):
            await rig.key()
        rig.giver.fails = False
        assert await rig.key() == "key-2"

    story(tell)


def test_a_key_that_cannot_be_renewed_is_used_until_it_expires(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def tell(rig: Rig) -> None:
        rig.giver.expires_in_s = 120
        await rig.key()
        rig.giver.fails = True
        rig.clock.passes(119)
        assert await rig.key() == "key-1"
        rig.clock.passes(1)
        with pytest.raises(SecretError):
            await rig.key()

    with caplog.at_level(logging.WARNING):
        story(tell)
    assert "the key from before is still good" in caplog.text
    assert "key-1" not in caplog.text


def test_a_wall_clock_that_jumps_changes_nothing() -> None:
    async def tell(rig: Rig) -> None:
        rig.giver.expires_at = rig.clock.time + 600
        await rig.key()
        rig.clock.time += 10 * 365 * 86400
        assert await rig.key() == "key-1"
        rig.clock.time = 0.0
        rig.clock.now += 600 - MARGIN_S
        rig.giver.expires_at = 600.0
        assert await rig.key() == "key-2"

    story(tell)


def test_a_clock_that_is_not_set_keeps_no_key_for_years() -> None:
    """At boot it may be 1970 here, and the key seems to be good for half a century."""

    async def tell(rig: Rig) -> None:
        rig.giver.expires_at = rig.clock.time + 600
        rig.clock.time = 0.0
        assert await rig.key() == "key-1"
        rig.clock.passes(LONGEST_TRUST_S)
        assert await rig.key() == "key-2"

    story(tell)


def test_a_clock_that_is_ahead_still_uses_what_was_just_given(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def tell(rig: Rig) -> None:
        rig.giver.expires_at = rig.clock.time - 3600
        assert [await rig.key(), await rig.key()] == ["key-1", "key-2"]

    story(tell)
    assert "is the clock right?" in caplog.text


def test_a_key_that_the_service_refused_is_not_used_again() -> None:
    async def tell(rig: Rig) -> None:
        rig.giver.expires_in_s = 3600
        await rig.key()
        rig.source.forget()
        assert await rig.key() == "key-2"

    story(tell)


def test_closing_ends_a_fetch_that_is_under_way() -> None:
    async def tell(rig: Rig) -> None:
        rig.giver.gate = asyncio.Event()
        waiting = asyncio.create_task(rig.key())
        await asyncio.sleep(0)
        await rig.source.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    story(tell)
