"""Edges to gestures: by table, by property, and in the words of the requirement."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.core.gesture import ButtonGestures, Gesture
from device.events import ButtonEdge, ButtonHeld, ButtonPressed, Part, PartDegraded, PartReady

HOLD_MS, DEBOUNCE_MS, STUCK_S = 800, 30, 30.0
END = 100.0

Edges = list[tuple[float, bool]]


def play(edges: Edges, until: float = END, *, prompt: bool = True) -> list[tuple[float, Gesture]]:
    """Gestures with the time at which they were told. ``prompt``: the machine is called at
    its deadlines; otherwise only at edges and at the end, as by a busy loop."""
    machine = ButtonGestures(HOLD_MS, DEBOUNCE_MS, STUCK_S)
    told: list[tuple[float, Gesture]] = []
    for at, pressed in [*edges, (until, None)]:
        while prompt and machine.deadline is not None and machine.deadline < at:
            due = machine.deadline
            told += [(due, gesture) for gesture in machine.tick(due)]
            assert machine.deadline is None or machine.deadline > due, "a deadline must pass"
        found = machine.tick(at) if pressed is None else machine.edge(ButtonEdge(pressed, at))
        told += [(at, gesture) for gesture in found]
    return told


def short(told: list[tuple[float, Gesture]]) -> str:
    """``P1.000 H1.800``: the gestures by their own times."""
    words = []
    for when, gesture in told:
        match gesture:
            case ButtonPressed(at=at):
                words.append(f"P{at:.3f}")
            case ButtonHeld(at=at):
                words.append(f"H{at:.3f}")
            case PartDegraded():
                words.append(f"stuck@{when:.3f}")
            case PartReady():
                words.append(f"free@{when:.3f}")
    return " ".join(words)


CASES: list[tuple[str, Edges, str]] = [
    ("nothing", [], ""),
    ("tap", [(1, True), (1.1, False)], "P1.000"),
    ("tap shorter than the debounce", [(1, True), (1.005, False)], "P1.000"),
    ("two taps", [(1, True), (1.1, False), (1.3, True), (1.4, False)], "P1.000 P1.300"),
    ("hold", [(1, True), (3, False)], "P1.000 H1.800"),
    ("just too short to hold", [(1, True), (1.799, False)], "P1.000"),
    ("just long enough", [(1, True), (1.801, False)], "P1.000 H1.800"),
    (
        "contact bounces when pressed",
        [(1, True), (1.002, False), (1.003, True), (1.009, False), (1.01, True), (1.2, False)],
        "P1.000",
    ),
    (
        "contact bounces when released",
        [(1, True), (1.2, False), (1.204, True), (1.206, False), (1.22, True), (1.221, False)],
        "P1.000",
    ),
    ("a scratch while held", [(1, True), (1.5, False), (1.501, True), (2.5, False)], "P1 H1.8"),
    ("hold that bounces at its end", [(1, True), (1.79, False), (1.81, True), (1.82, False)], "P1"),
    (
        "a scratch just before the hold",
        [(1, True), (1.79, False), (1.795, True), (3, False)],
        "P1 H1.825",
    ),
    ("hold, then tap", [(1, True), (2, False), (3, True), (3.1, False)], "P1 H1.8 P3"),
    ("two holds", [(1, True), (2, False), (3, True), (4, False)], "P1 H1.8 P3 H3.8"),
    ("released twice", [(1, True), (1.1, False), (1.2, False)], "P1.000"),
    ("pressed twice", [(1, True), (1.1, True), (1.2, False)], "P1.000"),
    ("release first", [(1, False), (2, True), (2.1, False)], "P2.000"),
    ("stuck", [(1, True)], "P1 H1.8 stuck@31"),
    ("stuck, then free", [(1, True), (50, False)], "P1 H1.8 stuck@31 free@50.03"),
    (
        "stuck and scratching when it comes free",
        [(1, True), (50, False), (50.01, True), (50.02, False)],
        "P1 H1.8 stuck@31 free@50.05",
    ),
    (
        "stuck twice",
        [(1, True), (40, False), (50, True)],
        "P1 H1.8 stuck@31 free@40.03 P50 H50.8 stuck@80",
    ),
]


def spelled(expected: str) -> str:
    """``P1`` as ``P1.000``."""
    words = []
    for word in expected.split():
        head = word.rstrip("0123456789.")
        words.append(f"{head}{float(word[len(head) :]):.3f}")
    return " ".join(words)


@pytest.mark.parametrize(("edges", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_gestures(edges: Edges, expected: str) -> None:
    assert short(play(edges)) == spelled(expected)


@pytest.mark.parametrize(("edges", "expected"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_presses_and_holds_are_the_same_when_called_late(edges: Edges, expected: str) -> None:
    """A loop that was busy hands the edges over later: nothing is invented, nothing lost."""

    def acts(text: str) -> list[str]:
        return [word for word in text.split() if word[0] in "PH"]

    assert acts(short(play(edges, prompt=False))) == acts(spelled(expected))


def test_the_first_edge_is_never_delayed() -> None:
    machine = ButtonGestures(HOLD_MS, DEBOUNCE_MS)
    assert machine.edge(ButtonEdge(True, 5.0)) == [ButtonPressed(5.0)]


def test_a_hold_is_told_while_the_button_is_still_down() -> None:
    told = play([(1, True), (60, False)], until=2.0)
    assert (1.8, ButtonHeld(1.8)) in [(round(when, 6), gesture) for when, gesture in told]


def test_a_stuck_button_is_named_with_what_to_do() -> None:
    (degraded,) = [g for _, g in play([(1, True)]) if isinstance(g, PartDegraded)]
    assert (degraded.part, degraded.state) == (Part.PANEL, "button stuck")
    assert "30 s" in degraded.detail
    assert degraded.hint


def test_live_settings_count_at_once() -> None:
    machine = ButtonGestures(HOLD_MS, DEBOUNCE_MS)
    machine.edge(ButtonEdge(True, 0.0))
    machine.configure(hold_ms=2000, debounce_ms=0)
    assert machine.tick(1.0) == []
    assert machine.tick(2.0) == [ButtonHeld(2.0)]
    machine.edge(ButtonEdge(False, 3.0))
    assert machine.edge(ButtonEdge(True, 3.0)) == [ButtonPressed(3.0)]


def test_idle_wants_no_call() -> None:
    machine = ButtonGestures(HOLD_MS, DEBOUNCE_MS)
    assert machine.deadline is None
    machine.edge(ButtonEdge(True, 0.0))
    machine.edge(ButtonEdge(False, 0.1))
    assert machine.deadline == pytest.approx(0.13)
    machine.tick(0.13)
    assert machine.deadline is None


# --- properties ------------------------------------------------------------------------


@st.composite
def noisy_edges(draw: st.DrawFn) -> Edges:
    gaps = draw(st.lists(st.floats(0.0001, 2.0), max_size=40))
    at, level, edges = 1.0, False, []
    for gap in gaps:
        at += gap
        level = not level
        edges.append((at, level))
    return edges


@given(noisy_edges())
def test_what_holds_for_any_edges(edges: Edges) -> None:
    told = play(edges, until=edges[-1][0] + 1 if edges else END)
    acts = [gesture for _, gesture in told if isinstance(gesture, ButtonPressed | ButtonHeld)]
    presses = [gesture.at for gesture in acts if isinstance(gesture, ButtonPressed)]
    assert set(presses) <= {at for at, pressed in edges if pressed}, "a press is an edge"
    if edges:
        assert presses[0] == edges[0][0]
    for first, second in itertools.pairwise(acts):
        if isinstance(second, ButtonHeld):
            assert isinstance(first, ButtonPressed), "one hold a press"
            late = second.at - (first.at + HOLD_MS / 1000)
            assert late >= 0, "held long enough"
    for first, second in itertools.pairwise(presses):
        assert second - first >= DEBOUNCE_MS / 1000, "bounce"
    times = [when for when, _ in told]
    assert times == sorted(times)


@given(noisy_edges(), st.randoms(use_true_random=False))
def test_extra_calls_change_nothing(edges: Edges, rng: object) -> None:
    """Whoever calls tick more often gets the same gestures."""
    prompt = [g for _, g in play(edges) if isinstance(g, ButtonPressed | ButtonHeld)]
    machine = ButtonGestures(HOLD_MS, DEBOUNCE_MS, STUCK_S)
    found: list[Gesture] = []
    now = 0.0
    for at, pressed in edges:
        for step in range(1, 4):
            found += machine.tick(now + (at - now) * step / 4)
        found += machine.edge(ButtonEdge(pressed, at))
        now = at
    found += machine.tick(END)
    assert [g for g in found if isinstance(g, ButtonPressed | ButtonHeld)] == prompt


@given(
    st.floats(0, 50),
    st.lists(st.floats(0.0005, 0.029), max_size=10),
    st.floats(0.03, 0.7),
    st.lists(st.floats(0.0005, 0.029), max_size=10),
)
def test_one_press_of_a_bouncing_contact_is_one_press(
    start: float, on: list[float], down: float, off: list[float]
) -> None:
    edges: Edges = [(start, True)]
    at, level = start, True
    for gap in on[: len(on) // 2 * 2]:
        at, level = at + gap, not level
        edges.append((at, level))
    at, level = at + down, False
    edges.append((at, level))
    for gap in off[: len(off) // 2 * 2]:
        at, level = at + gap, not level
        edges.append((at, level))
    presses = [g for _, g in play(edges, until=at + 1) if isinstance(g, ButtonPressed)]
    assert presses == [ButtonPressed(start)]
