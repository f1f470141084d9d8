"""How much memory hangs on an object, to the byte, and how much the process has."""

from __future__ import annotations

import gc
import os
import sys
import types
from collections import Counter
from pathlib import Path

_NOT_ITS_OWN = (
    type,
    types.ModuleType,
    types.FunctionType,
    types.BuiltinFunctionType,
    types.FrameType,
    types.CodeType,
)


def reachable(root: object) -> tuple[int, Counter[str]]:
    """Bytes of all that ``root`` holds, and how many objects of each type. What classes and
    modules hold is nobody's own; it does not grow with a conversation."""
    seen = {id(root)}
    waiting = [root]
    size, kinds = 0, Counter[str]()
    while waiting:
        one = waiting.pop()
        size += sys.getsizeof(one)
        kinds[type(one).__name__] += 1
        for inner in gc.get_referents(one):
            if id(inner) not in seen and not isinstance(inner, _NOT_ITS_OWN):
                seen.add(id(inner))
                waiting.append(inner)
    return size, kinds


def resident_mb() -> float:
    """Of this process, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def slope(points: list[tuple[float, float]]) -> float:
    """Of the straight line that fits them best (least squares)."""
    xs, ys = zip(*points, strict=True)
    x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - x_mean) ** 2 for x in xs)
    return float(sum((x - x_mean) * (y - y_mean) for x, y in points) / spread)
