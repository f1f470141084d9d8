"""A score over time, drawn with plain characters: fits 80 columns, needs no colour."""

from __future__ import annotations

from collections.abc import Sequence

COLUMNS = 70
_LEVELS = (1.0, 0.8, 0.6, 0.4, 0.2)
_STEP = 0.2


def plot(scores: Sequence[float], threshold: float, chunk_s: float = 0.08) -> list[str]:
    """Lines of at most 78 characters. A column is one chunk, or the best of several where
    there are more than fit. The row of dashes is the threshold: bars that reach it count."""
    per_column = max(1, -(-len(scores) // COLUMNS))
    best = [max(scores[at : at + per_column]) for at in range(0, len(scores), per_column)]
    marked = min(_LEVELS, key=lambda level: abs(level - threshold))
    lines = []
    for level in _LEVELS:
        if level == marked:
            bars = "".join("#" if score >= threshold else "-" for score in best)
            lines.append(f"{threshold:4.2f} |{bars}")
        else:
            # A bar reaches a row when it comes nearer to it than to the row below.
            bars = "".join("#" if score > level - _STEP / 2 else " " for score in best)
            lines.append(f"{level:4.1f} |{bars}".rstrip())
    lines.append(" 0.0 +" + "-" * len(best))
    lines.append("      " + _seconds(len(best), per_column * chunk_s))
    return lines


def level_bar(dbfs: float, width: int = 40) -> str:
    """A live level from -60 dB to 0."""
    filled = round(width * min(1.0, max(0.0, (dbfs + 60) / 60)))
    return f"|{'#' * filled:<{width}}| {dbfs:4.0f} dB"


def _seconds(columns: int, column_s: float) -> str:
    """Whole seconds under their columns, as far apart as they need."""
    every = max(1, round(8 * column_s))
    text = ""
    second = 0
    while (at := round(second / column_s)) < columns:
        text = f"{text:<{at}}{second} s" if at >= len(text) else text
        second += every
    return text[: COLUMNS + 2]
