"""Scenario files: what happens in the simulated room, and when.

The TOML format is a contract with other tools::

    duration_s = 20            # all times count from READY
    [room]                     # optional, and so is every key of it
    echo_gain_db = -10         # also rate_hz mic_channels echo_delay_ms noise_db clock_skew_ppm
    [[cue]]
    at_s = 1.0                 # or: after = "playback_started", count = 2, delay_ms = 800
    say = "what time is it"    # optional: voice speed_wpm gain_db
    # or  play = "clip.wav"    # path relative to the scenario; optional: gain_db
    # or  button = "action"    # optional: hold_ms
    # or  fault = "unplug_mic"

Two faults need arguments, ``stall_network`` (``ms``) and ``network_jitter``
(``delay_ms jitter_ms rate_kbps``); those of a service may name one (``service``, from 1).
They may be written three ways::

    fault = "stall_network"                      fault = {stall_network = {ms = 500}}
    ms = 500

    fault = "stall_network"
    stall_network = {ms = 500}

Under ``after`` a plain ``delay_ms`` is the wait after the event; to give
``network_jitter`` a delay there, write its arguments as a table.

Every mistake is a ScenarioError that names its line.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from device.errors import ScenarioError
from device.simulator.toml_lines import LineFinder, error_line, syntax_words
from device.simulator.toml_table import TableReader

FAULTS: dict[str, tuple[str, ...]] = {
    "unplug_mic": (),
    "replug_mic": (),
    "unplug_speaker": (),
    "replug_speaker": (),
    "xrun_mic": (),
    "xrun_speaker": (),
    "network_down": (),
    "network_up": (),
    "stall_network": ("ms",),
    "network_jitter": ("delay_ms", "jitter_ms", "rate_kbps"),
    "wifi_down": (),
    "wifi_up": (),
    "reset_network": (),
    "service_refuses": ("service",),
    "service_hangs": ("service",),
    "service_slow": ("service",),
    "service_well": ("service",),
    "stall_loop": (),
    "kill_service": (),
}
"""Every fault and the arguments it takes."""

KNOWN_EVENTS = (
    "ready",
    "wake_detected",
    "button_pressed",
    "uplink_started",
    "uplink_stopped",
    "link_opened",
    "link_closed",
    "speech_started",
    "speech_ended",
    "user_transcript",
    "reply_audio_received",
    "reply_transcript",
    "playback_started",
    "playback_stopped",
    "tool_called",
    "light",
    "muted",
    "unmuted",
    "fault",
    "error",
    "turn",
    "service_started",
)


@dataclass(frozen=True, slots=True)
class RoomSpec:
    """The acoustics; ``echo_gain_db`` is speaker full scale to microphone."""

    rate_hz: int = 48_000
    mic_channels: int = 1
    echo_delay_ms: float = 25.0
    echo_gain_db: float = -20.0
    noise_db: float = -60.0
    clock_skew_ppm: float = 0.0


@dataclass(frozen=True, slots=True)
class At:
    """``at_s`` seconds after READY."""

    at_s: float


@dataclass(frozen=True, slots=True)
class After:
    """``delay_ms`` after the ``count``-th timeline event of that name."""

    event: str
    count: int = 1
    delay_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Say:
    text: str
    voice: str = "en"
    speed_wpm: int = 160
    gain_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Play:
    path: Path
    gain_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Button:
    name: str = "action"
    hold_ms: float = 120.0


@dataclass(frozen=True, slots=True)
class Fault:
    """``arguments`` in the units of their names, all present."""

    kind: str
    arguments: dict[str, float] = field(default_factory=dict)


Action = Say | Play | Button | Fault


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing that happens. ``line`` is where its action stands in the file."""

    trigger: At | After
    action: Action
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    duration_s: float
    room: RoomSpec = RoomSpec()
    cues: tuple[Cue, ...] = ()
    path: Path | None = None


def load(path: Path) -> Scenario:
    """Read a scenario file. Raises ScenarioError, also when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ScenarioError(f"cannot be read: {error}", file=path) from error
    return parse(text, path)


def parse(text: str, path: Path) -> Scenario:
    """Read a scenario's text; ``path`` anchors ``play`` files and names errors."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = error_line(str(error), text)
        raise ScenarioError(syntax_words(str(error), text), file=path, line=line) from error
    lines = LineFinder(text)
    top = TableReader(data, (), lines, path)
    top.refuse_unknown(("duration_s", "room", "cue"))
    duration_s = top.number("duration_s", None, low=0.1, high=86_400)
    room = _room(top.table("room"))
    cues = tuple(_cue(table, duration_s, path) for table in top.tables("cue"))
    return Scenario(duration_s, room, cues, path)


def _room(table: TableReader) -> RoomSpec:
    default = RoomSpec()
    table.refuse_unknown(tuple(RoomSpec.__dataclass_fields__))
    return RoomSpec(
        rate_hz=table.choice("rate_hz", default.rate_hz, (16_000, 48_000)),
        mic_channels=table.integer("mic_channels", default.mic_channels, low=1, high=8),
        echo_delay_ms=table.number("echo_delay_ms", default.echo_delay_ms, low=10, high=500),
        echo_gain_db=table.number("echo_gain_db", default.echo_gain_db, low=-120, high=20),
        noise_db=table.number("noise_db", default.noise_db, low=-120, high=0),
        clock_skew_ppm=table.number("clock_skew_ppm", 0.0, low=-1000, high=1000),
    )


_ACTIONS = ("say", "play", "button", "fault")
_EXTRAS = {
    "say": ("voice", "speed_wpm", "gain_db"),
    "play": ("gain_db",),
    "button": ("hold_ms",),
    "fault": (),
}


def _cue(table: TableReader, duration_s: float, path: Path) -> Cue:
    named = [name for name in _ACTIONS if name in table.data]
    arguments = tuple(a for names in FAULTS.values() for a in names)
    every = ("at_s", "after", "count", "delay_ms", *_ACTIONS, *sum(_EXTRAS.values(), ()))
    table.refuse_unknown((*every, *arguments, *(k for k, a in FAULTS.items() if a)))
    if len(named) != 1:
        have = " and ".join(named) if named else "none"
        raise table.error(f"a cue needs exactly one of {', '.join(_ACTIONS)}; this one has {have}")
    kind = named[0]
    trigger = _trigger(table, duration_s)
    if kind == "fault":
        return Cue(trigger, _fault(table, isinstance(trigger, After)), table.line_of(kind))
    mine = {kind, *_EXTRAS[kind], "at_s", "after", "count"}
    mine |= {"delay_ms"} if isinstance(trigger, After) else set()
    for key in table.data:
        if key not in mine:
            raise table.error(f"'{key}' does not go with '{kind}'", key)
    return Cue(trigger, _action(kind, table, path), table.line_of(kind))


def _trigger(table: TableReader, duration_s: float) -> At | After:
    if ("at_s" in table.data) == ("after" in table.data):
        raise table.error("a cue needs either at_s or after")
    if "at_s" in table.data:
        if "count" in table.data:
            raise table.error("'count' goes with 'after', not with 'at_s'", "count")
        at_s = table.number("at_s", None, low=0, high=86_400)
        if at_s >= duration_s:
            raise table.error(f"at_s = {at_s:g} lies behind the end ({duration_s:g} s)", "at_s")
        return At(at_s)
    event = table.text("after")
    table.refuse_near_miss("after", event, KNOWN_EVENTS)
    return After(
        event,
        count=table.integer("count", 1, low=1, high=10_000),
        delay_ms=table.number("delay_ms", 0.0, low=0, high=86_400_000),
    )


def _action(kind: str, table: TableReader, path: Path) -> Action:
    if kind == "say":
        return Say(
            table.text("say"),
            voice=table.text("voice", "en"),
            speed_wpm=table.integer("speed_wpm", 160, low=80, high=450),
            gain_db=table.number("gain_db", 0.0, low=-80, high=30),
        )
    if kind == "play":
        clip = path.parent / table.text("play")
        if not clip.is_file():
            raise table.error(f"no such file: {clip}", "play")
        return Play(clip, gain_db=table.number("gain_db", 0.0, low=-80, high=30))
    return Button(
        table.choice("button", "", ("action",)),
        hold_ms=table.number("hold_ms", 120.0, low=1, high=60_000),
    )


def _fault(table: TableReader, after: bool) -> Fault:
    source = table
    raw: Any = table.data["fault"]
    if isinstance(raw, dict):
        inner = table.table("fault")
        inner.refuse_unknown(tuple(FAULTS))
        if len(raw) != 1:
            raise inner.error("name exactly one fault", "fault")
        kind = next(iter(raw))
        source = inner.table(kind)
        source.refuse_unknown(FAULTS[kind])
    else:
        kind = table.choice("fault", "", tuple(FAULTS))
        if isinstance(table.data.get(kind), dict):
            source = table.table(kind)
            source.refuse_unknown(FAULTS[kind])
    own = {"fault", "at_s", "after", "count", kind} | ({"delay_ms"} if after else set())
    allowed = own if source is not table else own | set(FAULTS[kind])
    for key in table.data:
        if key not in allowed:
            raise table.error(f"'{key}' does not go with the fault '{kind}'", key)
    given = {
        name: source.number(name, 0.0, low=0, high=3_600_000)
        for name in FAULTS[kind]
        if not (name == "delay_ms" and after and source is table)
    }
    if kind == "stall_network" and not given.get("ms"):
        raise table.error("stall_network needs ms, above 0", "fault")
    if kind == "network_jitter":
        given.setdefault("delay_ms", 0.0)
    return Fault(kind, given)
