"""``parlor cost``: what the services were used for, and what that cost."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime

from device import config
from device.adapters.meter_store import Kept, UnreadableError, read_days, state_file, tree_of
from device.cli import connecting
from device.cli.options import Subparsers, add_config_option
from device.cli.turns import Turn, recent
from device.core.meter import KEPT_DAYS, local_day
from device.core.meter_totals import Day, Totals, dollars
from device.errors import ParlorError
from device.settings_cost import CostSettings

#: So many of the last turns tell how long a session takes to open.
TURNS = 200


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "cost",
        help="show what the services were used for, what that cost, and what connecting does",
        description="Costs are what a service tells, else what its list price or [cost] prices "
        "say of the tokens and minutes that it tells. The service's own bill is the one that "
        "counts.",
    )
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="everything that is kept, for tools")
    parser.add_argument(
        "--days",
        type=_days,
        metavar="N",
        help=f"the last N days, up to {KEPT_DAYS} (default: this month's)",
    )


def run(args: argparse.Namespace) -> int:
    """Exit 0; raises ParlorError when what is kept cannot be read."""
    outcome = config.read(args.config)
    everything, settings = outcome.settings, outcome.settings.cost
    for error in outcome.errors:
        if not error.key or error.key.startswith("cost."):
            print(f"parlor: {error}", file=sys.stderr)
    path = state_file(settings.state, os.environ)
    try:
        kept = read_days(path)
    except PermissionError as error:
        raise ParlorError(
            f"{path} may not be read by this user", hint="sudo parlor cost"
        ) from error
    except UnreadableError as error:
        raise ParlorError(f"{path} cannot be used: {error}") from error
    today = local_day(time.time())
    shown = chosen(kept.days, today, args.days)
    found = connecting.by_service(everything, _turns(everything.log.timeline))
    if args.json:
        ways = {name: [asdict(way) for way in rows] for name, rows in found.items()}
        tree = {**as_json(shown, kept, today, settings), "connecting": ways}
        print(json.dumps(tree, indent=2))
        return 0
    if kept.written_at is None:
        print(f"Nothing was metered yet: there is no {path}.")
    else:
        print("\n".join(report(shown, kept, today, settings)))
    print("\n".join(["", *connecting.lines(found)]))
    return 0


def _turns(timeline: str) -> list[Turn]:
    """Those that can be read; what they tell here is no reason to fail."""
    try:
        return recent(timeline, TURNS)
    except ParlorError:
        return []


def chosen(days: Mapping[date, Day], today: date, count: int | None) -> dict[date, Day]:
    """The last ``count`` calendar days, or those of this month; and today. Oldest first."""
    if count is None:
        fitting = [d for d in days if (d.year, d.month) == (today.year, today.month)]
    else:
        fitting = [d for d in days if 0 <= (today - d).days < count]
    return {day: days.get(day, Day()) for day in sorted({*fitting, today})}


def report(shown: Mapping[date, Day], kept: Kept, today: date, settings: CostSettings) -> list[str]:
    """The lines for people."""
    lines = [f"Today, {today:%A} {today.day} {today:%B %Y}{_as_of(kept, today)}"]
    lines += _table(shown[today]) or ["  nothing was used"]
    lines += ["", "Limits", *_limits(shown[today].total, settings)]
    if len(shown) > 1:
        lines += ["", f"{_span(list(shown))}, by day"]
        width = max(len(day.total.cost_in_words) for day in shown.values())
        for day, entry in shown.items():
            total = entry.total
            lines.append(
                f"  {day:%a} {day.day:>2} {day:%b}  {total.cost_in_words:<{width}}  {_use(total)}"
            )
        lines += ["", f"{_span(list(shown))}, by service", *_table(_together(shown.values()))]
    return lines


def as_json(
    shown: Mapping[date, Day], kept: Kept, today: date, settings: CostSettings
) -> dict[str, object]:
    """Sums that are 0 are left out; ``cost_usd`` is null where something has no price."""
    return {
        "today": today.isoformat(),
        "written_at": kept.written_at,
        "limits": {
            "daily_usd": settings.daily_usd,
            "session_usd": settings.session_usd,
            "daily_minutes": settings.daily_minutes,
        },
        "days": {
            day.isoformat(): {
                "total": _with_cost(entry.total),
                "services": {name: _with_cost(sums) for name, sums in entry.services.items()},
            }
            for day, entry in shown.items()
        },
    }


def _with_cost(totals: Totals) -> dict[str, object]:
    return {"cost_usd": totals.cost_usd, **tree_of(totals)}


def _table(day: Day) -> list[str]:
    rows = [(name, sums) for name, sums in sorted(day.services.items()) if not sums.empty]
    if len(rows) > 1:
        rows.append(("together", day.total))
    names = max((len(name) for name, _ in rows), default=0)
    costs = max((len(sums.cost_in_words) for _, sums in rows), default=0)
    return [
        f"  {name:<{names}}  {sums.cost_in_words:<{costs}}  {_use(sums)}" for name, sums in rows
    ]


def _use(totals: Totals) -> str:
    """``12 turns, 3.2 min of microphone sent, 41.0 k tokens in (30.1 k cached), 9.2 k out``."""
    parts = [
        "1 turn" if totals.turns == 1 else f"{totals.turns} turns",
        f"{_minutes(totals.microphone_s)} of microphone sent",
    ]
    tokens_in = totals.text_in + totals.audio_in + totals.image_in
    tokens_out = totals.text_out + totals.audio_out
    if tokens_in or tokens_out:
        cached = totals.cached_text_in + totals.cached_audio_in
        of_these = f" ({_count(cached)} cached)" if cached else ""
        parts.append(f"{_count(tokens_in)} tokens in{of_these}, {_count(tokens_out)} out")
    if totals.billed_s:
        parts.append(f"{_minutes(totals.billed_s)} billed")
    return ", ".join(parts)


def _limits(total: Totals, settings: CostSettings) -> list[str]:
    lines = []
    if limit := settings.daily_usd:
        used = f"{dollars(total.priced_usd)} of {dollars(limit)}"
        lines.append(f"  daily_usd      {used}{_part(total.priced_usd, limit)}")
        if total.unpriced:
            lines[-1] += "; what has no known price is not in it"
    if limit := settings.daily_minutes:
        minutes = total.microphone_s / 60
        lines.append(f"  daily_minutes  {minutes:.1f} of {limit:g} min sent{_part(minutes, limit)}")
    if limit := settings.session_usd:
        lines.append(f"  session_usd    {dollars(limit)} a session")
    return lines or ["  none ([cost] daily_usd, session_usd, daily_minutes)"]


def _part(used: float, limit: float) -> str:
    return " (reached)" if used >= limit else f" ({int(100 * used / limit)} %)"


def _together(days: Iterable[Day]) -> Day:
    whole = Day()
    for day in days:
        whole.add(day.copy())
    return whole


def _span(days: Sequence[date]) -> str:
    first, last = days[0], days[-1]
    if (first.year, first.month) == (last.year, last.month):
        return f"{last:%B %Y}"
    return f"{first.day} {first:%B} to {last.day} {last:%B %Y}"


def _as_of(kept: Kept, today: date) -> str:
    written = datetime.fromtimestamp(kept.written_at or 0.0).astimezone()
    return f", as of {written:%H:%M}" if written.date() == today else ""


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.1f} min"


def _count(number: int) -> str:
    if number < 1000:
        return f"{number}"
    return f"{number / 1000:.1f} k" if number < 1_000_000 else f"{number / 1e6:.2f} M"


def _days(text: str) -> int:
    count = int(text)
    if not 1 <= count <= KEPT_DAYS:
        raise argparse.ArgumentTypeError(f"expected from 1 to {KEPT_DAYS}, found {count}")
    return count
