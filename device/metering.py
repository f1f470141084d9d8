"""The meter at work: told of everything that passes, kept on disk, heard by the core.

Part of the composition: :class:`device.core.meter.Meter` decides, :class:`MeterStore` keeps,
and what is new about a limit is posted as an event like any other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from device.adapters.link_threads import in_daemon_thread
from device.adapters.meter_store import MeterStore
from device.config_cost import own_prices
from device.core.meter import DAILY_MINUTES, LimitNeared, Limits, Meter, Verdict
from device.events import (
    BudgetNeared,
    BudgetReached,
    Event,
    LinkClosed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    UplinkAudio,
    UplinkStopped,
    UsageReported,
)
from device.ports import Clock, Post, Timeline
from device.prices import PriceList
from device.settings_cost import CostSettings

log = logging.getLogger(__name__)

SAVED_EACH_S = 20.0


class Metering:
    """Loop thread only; the file is read and written in other threads.

    ``microphone_s`` tells how many seconds of the microphone were given to services so far;
    ``model_of`` names the model that a service runs, ``bytes_per_s`` is of reply audio.
    """

    def __init__(
        self,
        settings: CostSettings,
        path: Path,
        *,
        post: Post,
        clock: Clock,
        timeline: Timeline,
        microphone_s: Callable[[], float],
        model_of: Callable[[str], str],
        bytes_per_s: int,
    ) -> None:
        self._settings, self._post, self._clock = settings, post, clock
        self._timeline, self._model_of, self._bytes_per_s = timeline, model_of, bytes_per_s
        self._microphone_s, self._counted_s = microphone_s, 0.0
        self._store = MeterStore(path)
        self._prices = PriceList(own_prices(settings))
        self._meter = Meter(self._prices, _limits(settings))
        self._service = ""  # of the session that is open
        self._listening = False
        self._saved = self._meter.revision

    def load(self) -> None:
        """What was kept of the days before. Blocks: call it before anything is counted."""
        days = self._store.load()
        self._meter = Meter(self._prices, _limits(self._settings), days)
        self._saved = self._meter.revision

    async def run(self) -> None:
        """Keep what is new; until cancelled."""
        while True:
            await asyncio.sleep(SAVED_EACH_S)
            await self.save()

    async def save(self) -> None:
        """Write what is new; nothing where nothing is."""
        revision, days = self._meter.revision, self._meter.days()
        if revision == self._saved:
            return
        if await in_daemon_thread("cost", lambda: self._store.save(days)):
            self._saved = revision

    def apply(self, settings: CostSettings) -> None:
        """Take the live settings into force."""
        self._settings = settings
        self._meter.limits = _limits(settings)

    def saw(self, event: Event) -> None:
        """Everything that the appliance is told of, before it is dealt with."""
        now, wall = self._clock.monotonic(), self._clock.wall()
        match event:
            case LinkOpened(service=service, able=able) if service:
                before, self._service = self._service, service
                self._count_microphone(now, wall)
                tells = able is None or able.tells_usage
                self._meter.session_began(
                    service, self._model_of(service), now, wall, tells_usage=tells
                )
                if before:  # its place was taken: to the limits both are one session
                    self._meter.session_over(before, now, wall)
                if not self._is_free(service):
                    for verdict in self._meter.standing(now, wall):
                        self._post(BudgetReached(_words(verdict)))
            case LinkClosed():
                self._close(now, wall)
            case UsageReported():
                model = event.model or self._model_of(self._service)
                self._meter.usage(self._service, model, event, now, wall)
            case ReplyAudio(pcm=pcm):
                self._meter.reply_received(len(pcm) / self._bytes_per_s, now, wall)
                return
            case UplinkAudio():
                if not self._listening:
                    self._listening = True
                    self._meter.turn_began(now, wall)
                return
            case UplinkStopped():
                self._listening = False
                self._count_microphone(now, wall)
            case ReplyDone():
                self._report_turn(now, wall)
            case _:
                return
        self._judge(now, wall)

    def _is_free(self, service: str) -> bool:
        price = self._prices.find(service, self._model_of(service))
        return price is not None and not any(price.usd.values())

    def _close(self, now: float, wall: float) -> None:
        self._count_microphone(now, wall)
        if self._service:
            self._meter.session_over(self._service, now, wall)
            self._service = ""

    def _count_microphone(self, now: float, wall: float) -> None:
        given_s = self._microphone_s()
        if given_s > self._counted_s:
            self._meter.microphone_sent(given_s - self._counted_s, now, wall)
            self._counted_s = given_s

    def _report_turn(self, now: float, wall: float) -> None:
        self._count_microphone(now, wall)
        turn = self._meter.turn_over(now, wall)
        fields: dict[str, object] = {"microphone_s": round(turn.microphone_s, 1)}
        if turn.cost_usd is not None:
            fields["usd"] = round(turn.cost_usd, 5)
        self._timeline.report("cost", now, fields)

    def _judge(self, now: float, wall: float) -> None:
        for verdict in self._meter.verdicts(now, wall):
            near = isinstance(verdict, LimitNeared)
            words = _words(verdict)
            log.warning("%s: %s", "a limit is near" if near else "a limit is reached", words)
            if near or self._is_free(self._service):
                self._post(BudgetNeared(words))
            else:
                self._post(BudgetReached(words))


def _limits(settings: CostSettings) -> Limits:
    return Limits(
        settings.daily_usd, settings.session_usd, settings.daily_minutes, settings.warn_part
    )


def _words(verdict: Verdict) -> str:
    unit = "minutes" if verdict.which == DAILY_MINUTES else "USD"
    return f"cost.{verdict.which}: {verdict.used:.2f} of {verdict.limit:g} {unit} used"
