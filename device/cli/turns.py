"""``parlor turns``: how long the last turns took, and where the time went."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path

from device import config
from device.cli.options import Subparsers, add_config_option
from device.errors import ParlorError
from device.idle_cost import FirstTurns

UNIT = "parlor.service"
SHOWN = 20
TO_LINK = "wake_to_link_ms"
"""Until the session was open, and 0 where it was. A figure of its own: while a person speaks it
costs nothing, and no other span counts it."""
SPANS = (
    (TO_LINK, "link"),
    ("speech_end_to_commit_ms", "end of turn"),
    ("commit_to_reply_ms", "service"),
    ("reply_to_playback_ms", "device"),
    ("speech_end_to_playback_ms", "felt"),
)
"""Milliseconds until the session was open, from the end of speech to the turn's end, from there
to the reply's first byte, from there to its first sound, and these three together."""

Turn = Mapping[str, object]


def add_parser(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "turns",
        help="show how long the last turns took, and where the time went",
        description="From the timeline file, if [log] timeline names one, else from the journal.",
    )
    add_config_option(parser)
    parser.add_argument("--json", action="store_true", help="one object a turn, for tools")
    parser.add_argument(
        "-n", "--number", type=_number, default=SHOWN, metavar="N", help=f"turns (default {SHOWN})"
    )


def run(args: argparse.Namespace) -> int:
    """Exit 0; raises ParlorError where nothing can be read."""
    turns = recent(config.read(args.config).settings.log.timeline, args.number)
    if args.json:
        for turn in turns:
            print(json.dumps(dict(turn)))
    elif turns:
        print("\n".join([*table(turns), "", first_turns(turns)]))
    else:
        print("no turn has been answered yet")
    return 0


def recent(file: str, number: int) -> list[Turn]:
    """The last turns, of the timeline ``file`` or, where that is empty, of the journal. Raises
    ParlorError where nothing can be read."""
    return list(of_file(Path(file), number) if file else of_journal(number))


def first_turns(turns: Iterable[Turn]) -> str:
    """One line: how long a turn waited for its session, which not every turn has to."""
    found = FirstTurns.of(turn.get(TO_LINK) for turn in turns)
    if not found.waited_ms:
        return f"No turn waited for its session; {found.at_once} found it open."
    return f"To an open session: {found}; {found.at_once} turns found it open."


def of_file(path: Path, number: int) -> Iterable[Turn]:
    """The last turns of a timeline file; a torn last line is passed over."""
    try:
        with path.open(encoding="utf-8", errors="replace") as lines:
            return deque(_turns_of(lines), number)
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ParlorError(f"{path} cannot be read: {error.strerror}", hint="use sudo") from error


def _turns_of(lines: Iterable[str]) -> Iterator[Turn]:
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("event") == "turn":
            yield {name: value for name, value in entry.items() if name != "event"}


def of_journal(number: int) -> Iterable[Turn]:
    """The last turns that the unit has logged."""
    if shutil.which("journalctl") is None:
        raise ParlorError(
            "there is no journal here", hint="name a file with [log] timeline, and read that"
        )
    command = ["journalctl", "--unit", UNIT, "--output", "json", "--quiet", "--grep", "^turn "]
    done = subprocess.run([*command, "--lines", str(number)], capture_output=True, check=False)
    if done.returncode not in (0, 1):  # 1: nothing was found
        words = done.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise ParlorError(f"the journal cannot be read: {words}", hint="use sudo")
    return [turn for line in done.stdout.splitlines() if (turn := of_entry(line)) is not None]


def of_entry(line: bytes) -> Turn | None:
    """One entry of the journal: ``turn opened_by=wake service=offline …_ms=12.5``."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    message = entry.get("MESSAGE") if isinstance(entry, dict) else None
    if not isinstance(message, str) or not message.startswith("turn "):
        return None
    turn: dict[str, object] = {}
    for word in message.split()[1:]:
        name, _, value = word.partition("=")
        turn[name] = float(value) if name.endswith("_ms") and _is_number(value) else value
    stamp = str(entry.get("__REALTIME_TIMESTAMP", ""))
    if stamp.isdigit():
        turn["at"] = int(stamp) / 1e6
    return turn


def table(turns: list[Turn]) -> list[str]:
    """Readable at a glance, with the medians below."""
    titles = ["when", "by", "service", *(title for _, title in SPANS)]
    rows = [[_when(turn), _text(turn, "opened_by"), _text(turn, "service")] for turn in turns]
    for row, turn in zip(rows, turns, strict=True):
        row += [_milliseconds(turn.get(name)) for name, _ in SPANS]
    known = [[v for t in turns if isinstance(v := t.get(name), float | int)] for name, _ in SPANS]
    medians = [f"{statistics.median(values):.0f} ms" if values else "-" for values in known]
    lines = [titles, *rows, ["median", "", "", *medians]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(titles))]
    return [
        "  ".join(
            cell.ljust(width) if column < 3 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]


def _when(turn: Turn) -> str:
    at = turn.get("at")
    return (
        datetime.fromtimestamp(at).astimezone().strftime("%d %b %H:%M:%S")
        if isinstance(at, float)
        else "-"
    )


def _text(turn: Turn, name: str) -> str:
    value = turn.get(name)
    return value if isinstance(value, str) and value else "-"


def _milliseconds(value: object) -> str:
    return f"{value:.0f} ms" if isinstance(value, float | int) else "-"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def _number(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= 10_000:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 10000, found {text!r}")
    return int(text)
