"""Draws the pictures of the acoustic bench. Runs in an environment that has matplotlib.

    python figures_draw.py FOLDER < data.json

Each of echo.png, bargein.png and turn.png whose numbers are in the JSON (``figures.py`` says
which they are); 800 px wide.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import NullLocator, StrMethodFormatter
from PIL import Image

GREY, PALE_GREY, BLUE, RED, GREEN = "#80868b", "#d3d6d9", "#1f5fa8", "#c0392b", "#2e7d32"
PALE = "#f3e3b3"
FLOOR_DB = -100
MOST_CUT = 0.05
TICKS_PERCENT = (0.5, 1, 2, 5, 10, 20, 50, 100)
COLOURS = 48  #: of the palette: a picture is small then, and looks the same
STYLE = {
    "figure.figsize": (8.0, 4.3),
    "figure.dpi": 100,  # 800 px wide
    "font.size": 10.5,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "savefig.facecolor": "white",
}


def echo(data):
    """Levels over time: what the microphone hears, and what is left of it."""
    _, axes = plt.subplots()
    at = data["seconds"]
    begin, end = data["person"]
    axes.axvspan(begin, end, color=PALE, alpha=0.45, zorder=1.5, linewidth=0)
    axes.text(
        (begin + end) / 2,
        -7,
        f"a person speaks,\n{-data['ser_db']:g} dB below the echo",
        ha="center",
        va="top",
        fontsize=9,
    )
    heard = np.maximum(FLOOR_DB, data["microphone"])
    axes.fill_between(at, heard, FLOOR_DB, color=PALE_GREY, label="microphone: the reply's echo")
    for key, colour, label, width in (
        ("linear", BLUE, "behind the linear canceller", 1.1),
        ("output", RED, "what voice activity and barge-in hear", 1.6),
    ):
        left = np.maximum(FLOOR_DB, data[key])
        axes.plot(at, left, color=colour, label=label, linewidth=width)
    axes.set(xlim=(0, at[-1]), ylim=(FLOOR_DB, -5), xlabel="seconds since the reply began")
    axes.set_ylabel("level, dBFS")
    axes.set_title("The device's own voice, before and after echo cancelling")
    _legend_below(axes, 3)


def bargein(data):
    """How soon the reply is lowered, and how soon it is silent."""
    _, axes = plt.subplots()
    edges = data["histogram"]["edges"]
    width = edges[1] - edges[0]
    for key, times, colour, label in (
        ("ducked", data["ducked_ms"], BLUE, "lowered by 15 dB or more"),
        ("cut", data["cut_ms"], RED, "cut: silent"),
    ):
        counts = data["histogram"][key]
        name = f"{label} (n = {times['n']})"
        axes.bar(edges[:-1], counts, width, align="edge", color=colour, alpha=0.75, label=name)
        axes.axvline(times["p50"], color=colour, linestyle="--", linewidth=1.2)
        axes.annotate(
            f"median {times['p50']:.0f} ms",
            (times["p50"], 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(4, -2),
            textcoords="offset points",
            va="top",
            color=colour,
            fontsize=9.5,
        )
    axes.set(xlim=(0, edges[-1]), xlabel="ms from the first sound of the person's voice")
    axes.set_ylabel(f"interruptions (of {data['n']})")
    axes.set_title("Somebody talks over a reply")
    _legend_below(axes, 2)


def turn(data):
    """The trade-off: waiting against cutting people off."""
    _, axes = plt.subplots()
    last = 0.0
    for key, colour, label, marker in (
        ("fixed", GREY, "fixed silence", "o"),
        ("adaptive", RED, "learns the speaker's pauses, hears sentences end", "s"),
    ):
        curve = data["curves"][key]
        late = curve["median_ms"]
        cut = [100 * rate for rate in curve["cut_off"]]
        last = max(
            [last, *(ms for ms, rate in zip(late, cut, strict=True) if rate >= TICKS_PERCENT[0])]
        )
        axes.plot(late, cut, color=colour, marker=marker, markersize=4, label=label)
    most = 100 * MOST_CUT
    axes.axhline(most, color=GREEN, linestyle=":", linewidth=1.4)
    sooner, later = (_reaches(data["curves"][key]) for key in ("adaptive", "fixed"))
    arrow = {"arrowstyle": "->", "color": GREEN, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.6}
    axes.annotate("", (sooner, most), (later, most), arrowprops=arrow)
    axes.annotate(
        f"at 5 %: {later:.0f} → {sooner:.0f} ms",
        (max(sooner, later), most),
        xytext=(8, 4),
        textcoords="offset points",
        color=GREEN,
        fontsize=9.5,
    )
    axes.set(xlabel="median ms from the last word until the turn ends", yscale="log")
    axes.set(yticks=TICKS_PERCENT, ylim=(TICKS_PERCENT[0], 100), xlim=(None, last + 100))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("pauses within sentences\nthat are cut off, %")
    axes.set_title("Ending the turn: sooner without interrupting")
    _legend_below(axes, 2)


def _reaches(curve):
    """The median ms at which a curve cuts off ``MOST_CUT``, between its points."""
    rates, late = np.array(curve["cut_off"]), np.array(curve["median_ms"])
    order = np.argsort(rates)
    return float(np.interp(MOST_CUT, rates[order], late[order]))


def _legend_below(axes, columns):
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=columns, fontsize=9.5)


DRAWN = {"echo": echo, "bargein": bargein, "turn": turn}


def main():
    folder, data = Path(sys.argv[1]), json.load(sys.stdin)
    plt.rcParams.update(STYLE)
    for name, numbers in data.items():
        DRAWN[name](numbers)
        plt.tight_layout()
        path = folder / f"{name}.png"
        plt.savefig(path, metadata={"Software": None})
        plt.close()
        with Image.open(path) as picture:
            small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(path, optimize=True)


if __name__ == "__main__":
    main()
