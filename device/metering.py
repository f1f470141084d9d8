"""The meter at work: told of everything that passes, kept on disk, heard by the core.

Part of the composition: :class:`device.core.meter.Meter` decides, :class:`MeterStore` keeps,
and what is new about a limit is posted as an event like any other.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from device.adapters.link_threads import in_daemon_thread
from device.adapters.meter_store import MeterStore
from device.config_cost import own_prices
from device.core.meter import DAILY_MINUTES, SESSION_USD, LimitNeared, Limits, Meter, Verdict
from device.events import (
    BudgetNeared,
    BudgetReached,
    BudgetRestored,
    Event,
    LinkClosed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    SessionLeft,
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
    ``model_of`` names the model that a service runs, ``bytes_per_s`` is of reply audio;
    ``services`` are those that may serve.
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
        services: Sequence[str] = (),
    ) -> None:
        self._settings, self._post, self._clock = settings, post, clock
        self._timeline, self._model_of, self._bytes_per_s = timeline, model_of, bytes_per_s
        self._microphone_s, self._counted_s = microphone_s, 0.0
        self._store = MeterStore(path)
        self._prices = PriceList(own_prices(settings))
        self._meter = Meter(self._prices, _limits(settings))
        self._services = services
        self._service = ""  # of the session that is open, or was last
        self._open = self._was_left = False
        self._spent = False  # a daily limit, and the core knows
        self._listening = False
        self._saved = self._meter.revision

    def load(self) -> None:
        """What was kept of the days before. Blocks: call it before anything is counted."""
        days = self._store.load()
        self._meter = Meter(self._prices, _limits(self._settings), days)
        self._saved = self._meter.revision

    async def run(self) -> None:
        """Judge what time alone has used up, and keep what is new; until cancelled."""
        while True:
            try:
                self._judge(self._clock.monotonic(), self._clock.wall())
                await self.save()
            except Exception:  # the next round may fare better, and the core must hear of limits
                log.exception("the meter")
            await asyncio.sleep(SAVED_EACH_S)

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
                self._open_session(service, able is None or able.tells_usage, now, wall)
            case LinkClosed():
                self._close(now, wall)
            case SessionLeft():
                self._close(now, wall)
                self._was_left = True
            case UsageReported():  # it may come behind the end of its session
                service = event.service or self._service
                model = event.model or self._model(service)
                self._meter.usage(service, model, event, now, wall)
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

    def _open_session(self, service: str, tells_usage: bool, now: float, wall: float) -> None:
        before, self._service = self._service if self._open else "", service
        self._count_microphone(now, wall)
        self._meter.session_began(
            service,
            self._model_of(service),
            now,
            wall,
            tells_usage=tells_usage,
            goes_on=self._was_left,
        )
        self._open, self._was_left = True, False
        if before:  # its place was taken: to the limits both are one session
            self._meter.session_over(before, now, wall)

    def _model(self, service: str) -> str:
        return self._model_of(service) if service else ""

    @property
    def _free(self) -> tuple[str, ...]:
        """The configured services that cost nothing."""
        found = {name: self._prices.find(name, self._model_of(name)) for name in self._services}
        return tuple(name for name, price in found.items() if price and not any(price.usd.values()))

    def _close(self, now: float, wall: float) -> None:
        self._count_microphone(now, wall)
        if self._open:
            self._meter.session_over(self._service, now, wall)
            self._open = False

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
        """Tell what is new about the limits; of the daily ones, also that a day is over."""
        for verdict in self._meter.verdicts(now, wall):
            near, words = isinstance(verdict, LimitNeared), _words(verdict)
            log.warning("%s: %s", "a limit is near" if near else "a limit is reached", words)
            if near:
                self._post(BudgetNeared(words))
            elif verdict.which == SESSION_USD:
                self._post(BudgetReached(words, self._free))
        standing = self._meter.standing(now, wall)
        if bool(standing) == self._spent:
            return
        self._spent = bool(standing)
        if standing:
            self._post(BudgetReached(_words(standing[0]), self._free, lasting=True))
        else:
            self._post(BudgetRestored())


def _limits(settings: CostSettings) -> Limits:
    return Limits(
        settings.daily_usd, settings.session_usd, settings.daily_minutes, settings.warn_part
    )


def _words(verdict: Verdict) -> str:
    unit = "minutes" if verdict.which == DAILY_MINUTES else "USD"
    return f"cost.{verdict.which}: {verdict.used:.2f} of {verdict.limit:g} {unit} used"
