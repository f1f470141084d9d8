"""Which channels are microphones and where those stand, as written in ``[audio]``.

Positions are metres in the plane of the array, one (x, y) a microphone, in the order of its
channels. Azimuth 0 is the x axis, counted towards the y axis. Pure.
"""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

Positions = NDArray[np.float64]
"""(microphones, 2), in metres."""

FORMS = '"circle 4 x 45 mm" (its diameter), "line 4 x 35 mm" (the spacing), or "0,0 45,0 0,45" (mm)'

LARGEST_MM = 1000.0
CLOSEST_MM = 1.0
_NAMED = re.compile(r"(circle|line)\s+(\d+)\s*x\s*(\d+(?:\.\d+)?)\s*mm", re.IGNORECASE)


def parse_geometry(text: str) -> Positions:
    """The positions that ``text`` describes. Raises ``ValueError``, with words for people,
    for what is no geometry.

    A circle begins on the x axis and goes on towards the y axis; a line lies on the x axis.
    Both have the origin in their middle.
    """
    named = _NAMED.fullmatch(text.strip())
    if named is None:
        positions = _listed(text)
    else:
        shape, count, size_mm = named[1].lower(), int(named[2]), float(named[3])
        if not 2 <= count <= 8:
            raise ValueError(f"an array has 2 to 8 microphones, not {count}")
        if not CLOSEST_MM <= size_mm <= LARGEST_MM:
            raise ValueError(f"expected a size from 1 to 1000 mm, not {size_mm:g} mm")
        steps = np.arange(count)
        if shape == "circle":
            angles = 2 * np.pi * steps / count
            positions = np.stack([np.cos(angles), np.sin(angles)], axis=1) * size_mm / 2
        else:
            along = (steps - (count - 1) / 2) * size_mm
            positions = np.stack([along, np.zeros(count)], axis=1)
    if not np.isfinite(positions).all() or np.abs(positions).max() > 1e6:
        raise ValueError("expected positions in millimetres, of a metre at most")
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    if apart.max() > LARGEST_MM:
        raise ValueError(f"{apart.max():.0f} mm between two microphones; expected at most 1000")
    if (apart + CLOSEST_MM * 2 * np.eye(len(positions))).min() < CLOSEST_MM:
        raise ValueError("two microphones stand at the same place")
    return positions / 1000


def parse_channels(text: str, channels: int) -> tuple[int, ...]:
    """Which of the card's ``channels`` are microphones: "1, 2, 3, 4", or "" for all. Raises
    ``ValueError``, with words for people."""
    if not text.strip():
        return tuple(range(channels))
    try:
        listed = tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise ValueError('expected numbers of channels, e.g. "1, 2, 3, 4"') from None
    for channel in listed:
        if not 0 <= channel < channels:
            raise ValueError(
                f"the microphone delivers {channels} channel(s), counted from 0; found {channel}"
            )
        if listed.count(channel) > 1:
            raise ValueError(f"channel {channel} is listed twice; expected each once")
    return listed


def is_line(positions: Positions) -> bool:
    """All in one line: what comes from one side cannot be told from what comes from the other."""
    centred = positions - positions.mean(axis=0)
    sizes = np.linalg.svd(centred, compute_uv=False)
    return bool(sizes[-1] < 0.02 * sizes[0])


def _listed(text: str) -> Positions:
    try:
        pairs = [tuple(float(part) for part in pair.split(",")) for pair in text.split()]
    except ValueError:
        pairs = []
    if any(len(pair) != 2 for pair in pairs) or not 2 <= len(pairs) <= 8:
        raise ValueError(f"expected {FORMS}")
    return np.array(pairs, np.float64)
