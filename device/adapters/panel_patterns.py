"""What each light looks like: colour and rhythm, as data.

A pattern is a loop of steps; a single step is a steady light and costs nothing.
Steps are 1/8 s or longer, so that the liveliest light is a handful of pin
writes a second. Colours are red, green, blue from 0 to 1. The rhythms differ
too, so that they can be told apart on a board with one lamp, and by somebody
who does not see the colours.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.commands import Light

Colour = tuple[float, float, float]

DARK: Colour = (0.0, 0.0, 0.0)
WHITE: Colour = (1.0, 1.0, 0.9)
BLUE: Colour = (0.0, 0.2, 1.0)
CYAN: Colour = (0.0, 0.6, 0.6)
GREEN: Colour = (0.0, 0.4, 0.1)
AMBER: Colour = (1.0, 0.4, 0.0)
RED: Colour = (1.0, 0.0, 0.0)

SHORTEST_S = 0.125


@dataclass(frozen=True, slots=True)
class Step:
    """``colour`` for ``seconds``; 0 seconds: for good."""

    colour: Colour
    seconds: float = 0.0


Pattern = tuple[Step, ...]


def dim(colour: Colour, level: float) -> Colour:
    """``colour`` at ``level`` (0-1) of its brightness."""
    return (colour[0] * level, colour[1] * level, colour[2] * level)


def steady(colour: Colour, level: float = 1.0) -> Pattern:
    return (Step(dim(colour, level)),)


def blink(colour: Colour, on_s: float, off_s: float, times: int = 1, gap_s: float = 0.0) -> Pattern:
    """``times`` flashes, then ``gap_s`` of dark more."""
    flashes = [Step(colour, on_s), Step(DARK, off_s)] * times
    flashes[-1] = Step(DARK, off_s + gap_s)
    return tuple(flashes)


def pulse(colour: Colour, period_s: float, low: float) -> Pattern:
    """Brightness from 1 down to ``low`` and up again in ``period_s``."""
    half = max(1, round(period_s / SHORTEST_S / 2))
    fall = [1 - (1 - low) * step / half for step in range(half)]
    rise = [low + (1 - low) * step / half for step in range(half)]
    return tuple(Step(dim(colour, level), period_s / (2 * half)) for level in (*fall, *rise))


PATTERNS: dict[Light, Pattern] = {
    Light.OFF: steady(DARK),
    Light.IDLE: steady(GREEN, 0.06),  # it may stand in a bedroom
    Light.LISTENING: steady(BLUE),
    Light.LISTENING_OFFLINE: (
        Step(BLUE, 0.625),
        Step(DARK, 0.125),
        Step(AMBER, 0.125),
        Step(DARK, 0.125),
    ),
    Light.THINKING: pulse(BLUE, period_s=1.0, low=0.1),
    Light.SPEAKING: pulse(CYAN, period_s=3.0, low=0.5),
    Light.RINGING: blink(WHITE, on_s=0.25, off_s=0.25),
    Light.MUTED: (Step(dim(RED, 0.6), 3.75), Step(DARK, 0.25)),
    Light.OFFLINE: blink(AMBER, on_s=0.125, off_s=2.875),
    Light.DEGRADED: blink(AMBER, on_s=0.125, off_s=0.25, times=2, gap_s=2.0),
    Light.ERROR: blink(RED, on_s=0.125, off_s=0.125),
}


def brightness(colour: Colour) -> float:
    """What a board with one lamp shows of a colour."""
    return max(colour)
