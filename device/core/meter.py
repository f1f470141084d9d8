"""The meter: what the services were used for and what that cost, a turn, a session and a day.

It is told of everything that costs, and answers with verdicts when a limit is near or reached.
Costs are what a service tells, else what the price list says; of what has neither nothing is
made up (:attr:`Totals.unpriced`), and limits in dollars count what has a price. Pure: time is an
argument, ``now`` of CLOCK_MONOTONIC, ``wall`` of the wall clock. Loop thread only.

**Days** are those of the wall clock, and a budget must not begin anew because that clock jumps:

- A clock that shows a time before :data:`CLOCK_SET_SINCE` is not set yet (there may be no
  battery to it). What is used meanwhile is booked on the last day known, or else moved to the
  day that turns out to be.
- A clock that goes back by a day (somebody travels, or corrects it) leaves us on the later day.
- A clock that goes back by more was wrong before: the days that have not come yet are today.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from device.core.meter_totals import Day, Totals
from device.events_service import UsageReported
from device.prices import AUDIO_MINUTE, MINUTE, Price, PriceList, cost_of

KEPT_DAYS = 31
#: Sessions that are over and may yet tell what they cost.
_KEPT_CONNECTIONS = 4
CLOCK_SET_SINCE = date(2026, 1, 1)
DAILY_USD = "daily_usd"
SESSION_USD = "session_usd"
DAILY_MINUTES = "daily_minutes"
#: Sound that was sent before any service was known.
NOBODY = "unknown"
_NEAR, _REACHED = 1, 2


@dataclass(frozen=True, slots=True)
class Limits:
    """As the [cost] section says; 0: none."""

    daily_usd: float = 0.0
    session_usd: float = 0.0
    daily_minutes: float = 0.0
    warn_part: float = 0.8


@dataclass(frozen=True, slots=True)
class LimitNeared:
    """``warn_part`` of a limit is used. ``which``: the name of its setting in [cost], whose
    unit ``used`` and ``limit`` have (US dollars, or minutes of microphone sent)."""

    which: str
    used: float
    limit: float


@dataclass(frozen=True, slots=True)
class LimitReached:
    """A limit is used up: the session is to be ended politely."""

    which: str
    used: float
    limit: float


Verdict = LimitNeared | LimitReached


def local_day(wall: float) -> date:
    """The calendar day here at ``wall`` (seconds since the epoch)."""
    try:
        return datetime.fromtimestamp(wall).astimezone().date()
    except (OverflowError, OSError, ValueError):
        return date.min  # no clock shows that: it counts as not set


@dataclass(slots=True)
class _Connection:
    """A session with a service. ``uncertain``: sums that count it as having no price, until
    the service tells one itself. ``session``: the sums of what is one session to the limits."""

    service: str
    price: Price | None
    counted_until: float
    open_minute_usd: float  #: of a service that bills by time and does not tell it
    session: Totals
    uncertain: list[Totals] = field(default_factory=list)

    def mark(self, sums: Totals) -> None:
        sums.unpriced += 1
        self.uncertain.append(sums)


class Meter:
    """See the module. ``days`` is what :meth:`days` gave before a restart; ``limits`` may be
    replaced at any time."""

    def __init__(
        self,
        prices: PriceList,
        limits: Limits,
        days: Mapping[date, Day] | None = None,
        day_of: Callable[[float], date] = local_day,
    ) -> None:
        self.limits = limits
        self._prices = prices
        self._day_of = day_of
        self._days = {day: entry.copy() for day, entry in (days or {}).items()}
        self._connections: list[_Connection] = []
        self._closed: list[_Connection] = []
        self._last_service = NOBODY
        self._turn, self._in_turn = Totals(), False
        self._session = Totals()
        self._session_told: dict[str, int] = {}
        self.revision = 0
        """Grows with everything that is worth being kept."""

    # --- what happens ---------------------------------------------------------------------

    def session_began(
        self,
        service: str,
        model: str,
        now: float,
        wall: float,
        *,
        tells_usage: bool = True,
        goes_on: bool = False,
    ) -> None:
        """A session is open. ``tells_usage`` as in :class:`Capabilities`. One that is open
        already goes on beside it (a rollover), or was left for it (``goes_on``: a failover):
        both are one session to the limits."""
        self._advance(now, wall)
        if not self._connections and not goes_on:
            self._session, self._session_told = Totals(), {}
        price = self._prices.find(service, model)
        usd = price.usd if price else {}
        minute_usd = 0.0 if tells_usage else usd.get(MINUTE, 0.0)
        connection = _Connection(service, price, now, minute_usd, self._session)
        self._connections.append(connection)
        self._last_service = service
        today = self._today(wall).of(service)
        self._session.sessions += 1
        today.sessions += 1
        if price is None or not (tells_usage or MINUTE in usd or AUDIO_MINUTE in usd):
            for sums in (self._session, today, *([self._turn] if self._in_turn else [])):
                connection.mark(sums)
        self.revision += 1

    def session_over(self, service: str, now: float, wall: float) -> None:
        """The older session with ``service`` is closed. Nothing happens if there is none."""
        self._advance(now, wall)
        for connection in self._connections:
            if connection.service == service:
                self._connections.remove(connection)
                self._closed = [*self._closed, connection][-_KEPT_CONNECTIONS:]
                self.revision += 1
                return

    def turn_began(self, now: float, wall: float) -> None:
        """Before a session is open, or in one."""
        self._advance(now, wall)
        self._turn, self._in_turn = Totals(), True
        for connection in self._connections:
            if connection.uncertain:
                connection.mark(self._turn)

    def turn_over(self, now: float, wall: float) -> Totals:
        """What the turn took so far; what the service reports later still counts to it. It is
        a turn only where a session was open: one that reached nobody cost nothing."""
        self._advance(now, wall)
        if self._in_turn and self._connections:
            for sums in self._sums(self._service, wall):
                sums.turns += 1
            self.revision += 1
        self._in_turn = False
        return self.turn

    def usage(
        self, service: str, model: str, event: UsageReported, now: float, wall: float
    ) -> None:
        """A report of ``service``; ``model`` is the one that was used for it. What it tells of a
        session that is over counts to that, and to the last turn only if none came after it."""
        self._advance(now, wall)
        cost = event.cost_usd
        if cost is None:
            cost = cost_of(self._prices.find(service, model), event)
        else:
            self._tells_its_price(service)
        for sums in self._sums_of_report(service, wall):
            sums.add_tokens(event)
            if cost is None:
                sums.unpriced += 1
            else:
                sums.priced_usd += cost
        self.revision += 1

    def microphone_sent(self, seconds: float, now: float, wall: float) -> None:
        """So much of the microphone went to the service that is open."""
        self._advance(now, wall)
        usd = self._sound_cost(seconds)
        for sums in self._sums(self._service, wall):
            sums.microphone_s += seconds
            sums.priced_usd += usd

    def reply_received(self, seconds: float, now: float, wall: float) -> None:
        """So much sound came from it."""
        self._advance(now, wall)
        usd = self._sound_cost(seconds)
        for sums in self._sums(self._service, wall):
            sums.reply_s += seconds
            sums.priced_usd += usd

    # --- what is known --------------------------------------------------------------------

    @property
    def turn(self) -> Totals:
        """Of the turn that is, or else of the last one."""
        return self._turn.copy()

    @property
    def session(self) -> Totals:
        """Of the session that is, or else of the last one."""
        return self._session.copy()

    def today(self, wall: float) -> Day:
        return self._today(wall).copy()

    def days(self) -> dict[date, Day]:
        """The last :data:`KEPT_DAYS` days, to be kept across a restart."""
        return {day: entry.copy() for day, entry in sorted(self._days.items())}

    def verdicts(self, now: float, wall: float) -> tuple[Verdict, ...]:
        """What is new about the limits: each is said to be near once, and reached once, a day
        or a session; again when it was raised in between, and is met again."""
        self._advance(now, wall)
        today = self._today(wall)
        found: list[Verdict] = []
        for which, used, limit in self._used(wall):
            told = self._session_told if which == SESSION_USD else today.told
            level = self._level(used, limit)
            if level > told.get(which, 0):
                kind = LimitReached if level == _REACHED else LimitNeared
                found.append(kind(which, used, limit))
            if level != told.get(which, 0):
                told[which] = level
                self.revision += 1
        return tuple(found)

    def standing(self, now: float, wall: float) -> tuple[LimitReached, ...]:
        """The daily limits that are used up now: until tomorrow no session is to begin."""
        self._advance(now, wall)
        return tuple(
            LimitReached(which, used, limit)
            for which, used, limit in self._used(wall)
            if which != SESSION_USD and self._level(used, limit) == _REACHED
        )

    # --- within ---------------------------------------------------------------------------

    @property
    def _service(self) -> str:
        return self._connections[-1].service if self._connections else self._last_service

    def _sums(self, service: str, wall: float) -> tuple[Totals, ...]:
        return self._turn, self._session, self._today(wall).of(service)

    def _sums_of_report(self, service: str, wall: float) -> tuple[Totals, ...]:
        closed = [c for c in self._closed if c.service == service]
        is_open = any(c.service == service for c in self._connections)
        if is_open or not closed or closed[-1].session is self._session:
            return self._sums(service, wall)
        return closed[-1].session, self._today(wall).of(service)

    def _used(self, wall: float) -> tuple[tuple[str, float, float], ...]:
        total = self._today(wall).total
        return (
            (DAILY_USD, total.priced_usd, self.limits.daily_usd),
            (SESSION_USD, self._session.priced_usd, self.limits.session_usd),
            (DAILY_MINUTES, total.microphone_s / 60, self.limits.daily_minutes),
        )

    def _level(self, used: float, limit: float) -> int:
        if not limit:
            return 0
        if used >= limit:
            return _REACHED
        return _NEAR if used >= limit * self.limits.warn_part else 0

    def _advance(self, now: float, wall: float) -> None:
        """Count the time of services that bill by it and do not tell it."""
        for connection in self._connections:
            elapsed = now - connection.counted_until
            connection.counted_until = now
            if elapsed <= 0 or not connection.open_minute_usd:
                continue
            for sums in self._sums(connection.service, wall)[0 if self._in_turn else 1 :]:
                sums.billed_s += elapsed
                sums.priced_usd += elapsed / 60 * connection.open_minute_usd

    def _sound_cost(self, seconds: float) -> float:
        price = self._connections[-1].price if self._connections else None
        return seconds / 60 * price.usd.get(AUDIO_MINUTE, 0.0) if price else 0.0

    def _tells_its_price(self, service: str) -> None:
        """No list is needed for a service that tells what it costs."""
        is_open = any(connection.service == service for connection in self._connections)
        for connection in self._connections if is_open else self._closed[-1:]:
            if connection.service == service:
                for sums in connection.uncertain:
                    sums.unpriced -= 1
                connection.uncertain.clear()

    def _today(self, wall: float) -> Day:
        """The entry of the day it is, see the module."""
        shown, newest = self._day_of(wall), max(self._days, default=date.min)
        if shown == newest:
            return self._days[newest]
        if shown < CLOCK_SET_SINCE:
            day = max(newest, CLOCK_SET_SINCE - timedelta(days=1))
        elif newest - shown == timedelta(days=1):
            day = newest
        else:
            day = shown
        self._days.setdefault(day, Day())
        self._tidy(day)
        return self._days[day]

    def _tidy(self, today: date) -> None:
        """What was booked on days that cannot be belongs to today; the oldest days go."""
        for day in [d for d in self._days if d > today or d < CLOCK_SET_SINCE]:
            if day != today:
                self._days[today].add(self._days.pop(day))
        for day in sorted(self._days)[:-KEPT_DAYS]:
            del self._days[day]
