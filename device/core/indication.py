"""Which light shows: one table, most urgent first, re-derived on every change.

The light is a pure function of what is true now, so it cannot be left in a
wrong state: nobody switches it on or off, everybody only says what is so.
``listening`` is the *real* uplink, not the conversation's opinion: what is said now is meant
for the service and goes there at once or, while the button is down or the link is not open,
as soon as that is over (a hold, and a link that does not come, send nothing of it). Nothing
may hide that, so it stands first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device.commands import Light
from device.events import Part


@dataclass(frozen=True, slots=True)
class Appearance:
    """Everything a person may need to see, all at once."""

    running: bool = True  #: False before READY and after the stop: dark
    listening: bool = False  #: what is said now goes, or will go, to the service
    ringing: bool = False  #: a timer rings
    error: bool = False  #: something just went wrong; the core takes it back
    muted: bool = False  #: the microphone is closed on request
    speaking: bool = False  #: a reply sounds
    thinking: bool = False  #: the turn is over, no reply sounds yet
    degraded: frozenset[Part] = frozenset()  #: parts that do not work
    offline: bool = False  #: the service cannot be reached, or not as soon as it should


Rule = tuple[Light, Callable[[Appearance], bool]]

PRIORITY: tuple[Rule, ...] = (
    (Light.OFF, lambda a: not a.running),
    (Light.LISTENING_OFFLINE, lambda a: a.listening and a.offline),
    (Light.LISTENING, lambda a: a.listening),
    (Light.RINGING, lambda a: a.ringing),
    (Light.ERROR, lambda a: a.error),
    (Light.MUTED, lambda a: a.muted),
    (Light.SPEAKING, lambda a: a.speaking),
    # Nobody thinks about a turn that still waits for the service.
    (Light.THINKING, lambda a: a.thinking and not a.offline),
    # Deaf or dumb is worse than offline: a dead microphone does not mend itself.
    (Light.DEGRADED, lambda a: bool(a.degraded)),
    (Light.OFFLINE, lambda a: a.offline),
    (Light.IDLE, lambda a: True),
)
"""The first rule that holds decides. Ringing stands above muted because timers
ring while muted; an error stands above it because it is short."""


def light_for(appearance: Appearance) -> Light:
    """The light that tells ``appearance``."""
    return next(light for light, holds in PRIORITY if holds(appearance))
