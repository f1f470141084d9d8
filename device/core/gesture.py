"""Edges of one button -> presses and holds. Pure: time comes with the edges.

A press counts at its *first* edge; debounce only decides which later edges are
echoes of it. A level must then stay for ``debounce_ms`` to be believed, so a
release is known that much later: what the press held back is sent late by that, not lost.

The machine, with ``level`` the last raw level and ``down`` the believed one::

    up   --press edge-----------------------------> down   ButtonPressed, at once
    down --released for debounce_ms---------------> up     ButtonReleased, when not held
    down --held for hold_ms, once a press---------> down   ButtonHeld
    down --for stuck_s, once a press--------------> down   PartDegraded(panel, "button stuck")
    stuck down --released for debounce_ms---------> up     PartReady(panel)
"""

from __future__ import annotations

from dataclasses import dataclass

from device.events import ButtonEdge, ButtonHeld, ButtonPressed, Part, PartDegraded, PartReady


@dataclass(frozen=True, slots=True)
class ButtonReleased:
    """The gesture: the press is over and did not mean mute."""

    at: float


Gesture = ButtonReleased | ButtonPressed | ButtonHeld | PartDegraded | PartReady

STUCK_S = 30.0
"""Nobody holds a button this long on purpose; a jammed or short-circuited one is held."""


class ButtonGestures:
    """Turns the action button's raw edges into gestures.

    ``hold_ms`` and ``debounce_ms`` are the board's settings. Times are seconds
    of CLOCK_MONOTONIC; they may come late (the loop was busy) but in order.
    """

    def __init__(self, hold_ms: int, debounce_ms: int, stuck_s: float = STUCK_S) -> None:
        self._hold_s = hold_ms / 1000
        self._debounce_s = debounce_ms / 1000
        self._stuck_s = stuck_s
        self._level = False
        self._down = False
        self._level_since = float("-inf")
        self._pressed_at = 0.0
        self._held = False
        self._stuck = False

    def configure(self, hold_ms: int, debounce_ms: int) -> None:
        """Apply changed live settings; a press under way is judged by the new ones."""
        self._hold_s = hold_ms / 1000
        self._debounce_s = debounce_ms / 1000

    @property
    def undecided(self) -> bool:
        """A press is under way that may still become a hold (or has, and it is not told yet)."""
        return self._down and not self._held

    @property
    def deadline(self) -> float | None:
        """When :meth:`tick` wants to be called next, or None."""
        if not self._down:
            return None
        times = [self._pressed_at + self._stuck_s] if not self._stuck else []
        if not self._level:
            times.append(self._settles_at)
        elif not self._held:
            times.append(self._held_at)
        return min(times, default=None)

    @property
    def _held_at(self) -> float:
        """A contact that bounces open at the last moment must first settle again."""
        return max(self._pressed_at + self._hold_s, self._settles_at)

    @property
    def _settles_at(self) -> float:
        return self._level_since + self._debounce_s

    def edge(self, edge: ButtonEdge) -> list[Gesture]:
        """One raw edge; gestures that were due before it come first."""
        found = self.tick(edge.at)
        if edge.pressed == self._level:
            return found  # an edge was lost or doubled; nothing changed
        self._level = edge.pressed
        self._level_since = edge.at
        if edge.pressed and not self._down:
            self._down, self._held, self._stuck = True, False, False
            self._pressed_at = edge.at
            found.append(ButtonPressed(edge.at))
        return found

    def tick(self, now: float) -> list[Gesture]:
        """What became true by ``now`` without an edge."""
        found: list[Gesture] = []
        if not self._down:
            return found
        released = not self._level and now >= self._settles_at
        # Only a closed contact holds, or a call that comes late would invent a hold.
        if self._level and not self._held and now >= self._held_at:
            self._held = True
            found.append(ButtonHeld(self._held_at))
        if not self._stuck and not released and now >= self._pressed_at + self._stuck_s:
            self._stuck = True
            found.append(
                PartDegraded(
                    Part.PANEL,
                    "button stuck",
                    f"the button has been down for {self._stuck_s:g} s",
                    "look for a jammed button or a short circuit; it cannot be pressed until then",
                )
            )
        if released:
            if self._stuck:
                found.append(PartReady(Part.PANEL, "the button was released"))
            if not self._held:
                found.append(ButtonReleased(self._level_since))
            self._down = self._stuck = False
        return found
