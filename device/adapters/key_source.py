"""Short-lived keys from the owner: kept while they are good, renewed before they are not.

So a kiosk need hold no long-lived key. One :class:`KeySource` a service; loop thread only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from device.adapters.key_answer import Answer, parts_of
from device.adapters.key_fetch import Fetch
from device.errors import SecretError
from device.ports import Clock
from device.secrets import Secret

log = logging.getLogger(__name__)

MARGIN_S = 60.0
"""A key that is good for less is renewed before it is used."""
LONGEST_TRUST_S = 3600.0
"""A key is renewed after so long whatever it says of itself: clocks may be wrong, here or there,
and one that was withdrawn must not be used for days."""


@dataclass(frozen=True, slots=True)
class _Key:
    """Times of CLOCK_MONOTONIC, so that a wall clock that jumps changes nothing."""

    secret: Secret
    renew_at: float
    good_until: float


class KeySource:
    """``fetch`` asks for a key, ``register`` is told of every one before it is used anywhere
    (the log's mask).

    A key that does not say how long it is good is used once: it is asked for anew each time.
    """

    def __init__(self, fetch: Fetch, register: Callable[[Secret], None], clock: Clock) -> None:
        self._fetch = fetch
        self._register = register
        self._clock = clock
        self._key: _Key | None = None
        self._fetching: asyncio.Task[_Key] | None = None

    async def key(self) -> Secret:
        """A key that is good now. Raises SecretError: what is wrong and what to do.

        Whoever asks while it is being fetched gets that one; who stops waiting does not stop
        the others. When it cannot be renewed, the key from before is used as long as it is good.
        """
        held, now = self._key, self._clock.monotonic()
        if held is not None and now < held.renew_at:
            return held.secret
        if self._fetching is None:
            self._fetching = asyncio.create_task(self._renew())
            # Even when nobody waits any more: else asyncio complains of it.
            self._fetching.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            return (await asyncio.shield(self._fetching)).secret
        except SecretError as error:
            if held is None or self._clock.monotonic() >= held.good_until:
                raise
            log.warning("%s; the key from before is still good", error)
            return held.secret

    def forget(self) -> None:
        """The service refused the key: the next one is asked for anew."""
        self._key = None

    async def close(self) -> None:
        """Stop asking."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    async def _renew(self) -> _Key:
        try:
            answer = await self._fetch()
            for secret in parts_of(answer.secret):
                self._register(secret)
            self._key = self._judge(answer)
            return self._key
        finally:
            self._fetching = None

    def _judge(self, answer: Answer) -> _Key:
        """What has just been given is good now, whatever the clocks say."""
        now, good_for_s = self._clock.monotonic(), 0.0
        if answer.expires_in_s is not None:
            good_for_s = answer.expires_in_s
        elif answer.expires_at is not None:
            good_for_s = answer.expires_at - self._clock.wall()
            if good_for_s <= 0:
                log.warning(
                    "%s gave a key that has expired already; is the clock right?",
                    self._fetch.setting,
                )
        good_for_s = max(good_for_s, 0.0)
        renew_after_s = min(good_for_s - MARGIN_S, LONGEST_TRUST_S)
        return _Key(answer.secret, now + renew_after_s, now + good_for_s)
