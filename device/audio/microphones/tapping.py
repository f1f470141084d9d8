"""Which channel is which microphone, told by somebody who taps at one after the other.

Some orders of the microphones cannot be told from voices (``audio/array/channel_order.py``): a
finger at one of them can. A tap, or a mouth close by, is louder in that microphone than in its
neighbours; what comes from the room is alike in all. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from device.audio.format import frames_in
from device.ports import Samples

WINDOW_MS = 20
STANDS_OUT = 10.0
"""A tap has so much more power in a window than the room had."""

LEAST_RMS = 30.0
"""LSB; fainter is no tap."""

LEAST_MARGIN_DB = 3.0
"""By which the nearest microphone must exceed the next. Microphones differ by 1 dB, and a
finger 40 mm off is 10 dB fainter."""

ALIKE = 1e-4
"""Two channels that differ by less of their power are one microphone twice."""

DEAD_SPREAD = 2
FULL_SCALE = 32700
CLIPPED_SHARE = 0.001


class Outcome(Enum):
    """What came of one place."""

    HEARD = auto()
    NOTHING = auto()  #: nobody tapped, or its microphone is dead and no other heard it
    UNCLEAR = auto()  #: about as loud in two channels
    TOO_LOUD = auto()  #: the same, because they were overdriven


@dataclass(frozen=True, slots=True)
class Tapped:
    """``place`` in the list of channels (from 0) that was loudest, by ``margin_db`` over
    ``second``; those are -1 and 0 where nothing was heard."""

    outcome: Outcome
    place: int = -1
    second: int = -1
    margin_db: float = 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """Before anybody taps: power (LSB squared) of each channel, and the dead ones by place."""

    powers: NDArray[np.float64]
    dead: frozenset[int]


@dataclass(frozen=True, slots=True)
class Conclusion:
    """``order``: the card's channels in the order of the places that were tapped at, or empty
    where that is not known. ``says`` in words for people, ``do`` what to do about it."""

    order: tuple[int, ...]
    says: str
    do: str = ""


def measure_room(frames: Samples, rate_hz: int) -> Room:
    """From int16 (n, microphones) in which nobody taps; at least one window."""
    spreads = np.ptp(frames.astype(np.int32), axis=0)
    dead = frozenset(int(place) for place in np.flatnonzero(spreads <= DEAD_SPREAD))
    return Room(np.median(_powers(frames, rate_hz), axis=0), dead)


def judge_taps(frames: Samples, rate_hz: int, room: Room) -> Tapped:
    """From int16 (n, microphones) in which somebody taps at one of them, or does not."""
    powers = _powers(frames, rate_hz)
    out = np.maximum(powers - room.powers, 0.0)
    taps = (powers >= np.maximum(STANDS_OUT * room.powers, LEAST_RMS**2)).any(axis=1)
    if not taps.any():
        return Tapped(Outcome.NOTHING)
    levels = out[taps].sum(axis=0)
    second, place = (int(n) for n in np.argsort(levels)[-2:])
    margin_db = float(10 * np.log10(levels[place] / max(levels[second], 1.0)))
    if margin_db >= LEAST_MARGIN_DB:
        return Tapped(Outcome.HEARD, place, second, margin_db)
    full = (np.abs(frames.astype(np.int32)) >= FULL_SCALE).mean(axis=0)
    loud = bool(min(full[place], full[second]) >= CLIPPED_SHARE)
    return Tapped(Outcome.TOO_LOUD if loud else Outcome.UNCLEAR, place, second, margin_db)


def twins(frames: Samples) -> tuple[int, int] | None:
    """Two of int16 (n, microphones) that are one microphone twice, by place; of a sound that is
    not alike everywhere, such as taps."""
    fine = frames.astype(np.float64)
    fine -= fine.mean(axis=0)
    powers = np.square(fine).mean(axis=0)
    for one, other in combinations(range(frames.shape[1]), 2):
        apart = float(np.square(fine[:, one] - fine[:, other]).mean())
        if min(powers[one], powers[other]) > 1.0 and apart <= ALIKE * powers[one] + 1.0:
            return one, other
    return None


def conclude(
    channels: Sequence[int],
    found: Sequence[Tapped],
    *,
    dead: frozenset[int] = frozenset(),
    same: tuple[int, int] | None = None,
) -> Conclusion:
    """``channels`` of the card in the configured order, and what was ``found`` at each of
    their places in turn; ``dead`` and ``same`` (twins) are places, too."""
    if dead:
        names = " and ".join(str(channels[place]) for place in sorted(dead))
        gives = "gives" if len(dead) == 1 else "give"
        says = f"channel {names} {gives} only silence, so the order cannot be told"
        return Conclusion((), says, "look at its cable and its capture level (alsamixer, F4)")
    if same:
        one, other = (channels[place] for place in same)
        says = f"channels {one} and {other} give the very same sound: one microphone twice"
        do = "name one channel of each microphone in [audio] microphone_channels"
        return Conclusion((), says, do)
    missing = [n for n, tapped in enumerate(found, 1) if tapped.outcome is not Outcome.HEARD]
    if missing or len(found) < len(channels):
        places = ", ".join(map(str, missing)) or f"{len(found) + 1} and those after it"
        says = f"it is not known which channel stands at place {places}"
        return Conclusion((), says, "run this again, and tap lightly with a fingernail, close by")
    order = tuple(channels[tapped.place] for tapped in found)
    for channel in order:
        if order.count(channel) > 1:
            places = " and ".join(str(n) for n, at in enumerate(order, 1) if at == channel)
            says = f"channel {channel} was the loudest at places {places}"
            do = "run this again: was the right microphone tapped at? Does one hear very little?"
            return Conclusion((), says, do)
    if order == tuple(channels):
        return Conclusion(order, "the microphones stand in the order that is configured")
    return Conclusion(order, "the microphones stand in another order than configured")


def _powers(frames: Samples, rate_hz: int) -> NDArray[np.float64]:
    """(windows, microphones), without what is slower than a window."""
    window = frames_in(WINDOW_MS, rate_hz)
    count = len(frames) // window
    pieces = frames[: count * window].astype(np.float64).reshape(count, window, -1)
    return np.asarray(pieces.var(axis=1))
