"""The live timeline for people: one line an event, and the latency of each turn."""

from __future__ import annotations

import os
from typing import Any, TextIO

from device.simulator.timeline import Entry

WIDTH = 110  #: columns that a line may fill
_NARROWEST = 40
INDENT = " " * 32  #: below the words of an event

_QUIET = {"led", "light", "speech_started", "turn_reported", "button_noticed", "release_noticed"}

#: event -> (sign, colour, who)
_STYLE: dict[str, tuple[str, str]] = {
    "ready": ("*", "1;32"),
    "say": (">", "36"),
    "play": (">", "36"),
    "wake_detected": ("!", "1;33"),
    "wake_suppressed": ("-", "2"),
    "button_pressed": ("#", "1;35"),
    "button_released": ("#", "35"),
    "uplink_started": ("^", "34"),
    "uplink_stopped": ("^", "34"),
    "link_opened": ("=", "2"),
    "link_closed": ("=", "33"),
    "speech_ended": (".", "2"),
    "user_transcript": ('"', "36"),
    "reply_audio_received": ("v", "2"),
    "reply_transcript": ('"', "32"),
    "playback_started": ("<", "32"),
    "playback_stopped": ("<", "32"),
    "tool_called": ("@", "35"),
    "ducked": ("<", "2"),
    "restored": ("<", "2"),
    "barge_in": ("!", "33"),
    "stop_word": ("!", "33"),
    "phrase": ("<", "32"),
    "muted": ("m", "33"),
    "unmuted": ("m", "33"),
    "fault": ("x", "1;31"),
    "error": ("x", "1;31"),
    "service_started": ("=", "2"),
    "service_unreachable": ("x", "31"),
    "turn": ("~", "1;37"),
}


class Console:
    """Writes entries to ``out``; in colour when that is a terminal and NO_COLOR is
    not set (``colour`` overrides)."""

    def __init__(self, out: TextIO, *, colour: bool | None = None, quiet: bool = False) -> None:
        self._out = out
        self._colour = out.isatty() if colour is None else colour
        self._quiet = quiet
        self.t0: float | None = None

    def entry(self, entry: Entry) -> None:
        """One event; those that come many times a turn are left out."""
        if entry.event == "ready" and self.t0 is None:
            self.t0 = entry.at
        if self._quiet or entry.event in _QUIET:
            return
        if entry.event == "user_transcript" and not entry.fields.get("final", True):
            return
        sign, colour = _STYLE.get(entry.event, ("-", "0"))
        when = "  start" if self.t0 is None else f"{entry.at - self.t0:7.3f}"
        words = f"{entry.event.replace('_', ' '):<20} "
        first = f"{when}  {sign} {words}"
        for line in _folded(first, _describe(entry)):
            self._write(line, colour)

    def note(self, text: str, colour: str = "2") -> None:
        """A line of the simulator's own."""
        if not self._quiet:
            self._write(f"         {text}", colour)

    def say(self, text: str, colour: str = "0") -> None:
        """A line that is also written when quiet: results and errors."""
        self._write(text, colour)

    def _write(self, text: str, colour: str) -> None:
        # What somebody said, or a service sent, must not steer the terminal.
        text = "".join(c if c.isprintable() else "?" for c in text)
        line = f"\x1b[{colour}m{text}\x1b[0m" if self._colour and colour != "0" else text
        self._out.write(line + "\n")
        self._out.flush()


def wants_colour(out: TextIO) -> bool:
    """Terminal, and nobody asked for none (https://no-color.org)."""
    return out.isatty() and "NO_COLOR" not in os.environ


def _describe(entry: Entry) -> str:
    fields = entry.fields
    if entry.event in ("user_transcript", "reply_transcript", "say"):
        return f"“{fields.get('text', '')}”"
    if entry.event == "turn":
        return turn_words(fields)
    return "  ".join(f"{k}={_plain(v)}" for k, v in fields.items() if v not in ("", None))


def turn_words(fields: dict[str, Any]) -> str:
    """The latencies of a turn in one line."""
    parts = []
    for key, words in (
        ("latency_ms", "user's last sample to reply"),
        ("commit_ms", "of it end of turn"),
        ("service_ms", "service"),
        ("device_ms", "device"),
    ):
        if fields.get(key) is not None:
            parts.append(f"{words} {fields[key]:.0f} ms")
    return ", ".join(parts) or "no latency measured"


def _plain(value: Any) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def _folded(first: str, text: str) -> list[str]:
    """``text`` behind ``first``, on as many lines as it takes; the others are indented.

    Folded at spaces only, and nothing is left out: an address or a path that is longer
    than a line stays whole.
    """
    width = max(WIDTH, len(first) + _NARROWEST)
    # Not textwrap's own notion of spaces: it would drop or turn those inside of values.
    lines, line = [], first
    for word in text.split(" "):
        joined = line + word if line in (first, INDENT) else f"{line} {word}"
        if len(joined) > width and line not in (first, INDENT):
            lines.append(line)
            joined = INDENT + word
        line = joined
    return [kept.rstrip() for kept in [*lines, line]]
