"""Which light shows."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from device.commands import Light
from device.core.indication import PRIORITY, Appearance, light_for
from device.events import Part

LISTENING = (Light.LISTENING, Light.LISTENING_OFFLINE)
MICROPHONE = frozenset({Part.MICROPHONE})

# What is true, most urgent last; each outdoes all before it.
ASCENDING: list[tuple[str, object, Light]] = [
    ("offline", True, Light.OFFLINE),
    ("degraded", MICROPHONE, Light.DEGRADED),
    ("thinking", True, Light.THINKING),
    ("speaking", True, Light.SPEAKING),
    ("muted", True, Light.MUTED),
    ("error", True, Light.ERROR),
    ("ringing", True, Light.RINGING),
    ("listening", True, Light.LISTENING),
    ("running", False, Light.OFF),
]


def test_nothing_special_is_idle() -> None:
    assert light_for(Appearance()) is Light.IDLE


@pytest.mark.parametrize(("name", "value", "light"), ASCENDING, ids=[a[0] for a in ASCENDING])
def test_each_alone(name: str, value: object, light: Light) -> None:
    assert light_for(dataclasses.replace(Appearance(), **{name: value})) is light


def test_the_more_urgent_wins_in_every_combination() -> None:
    for chosen in itertools.product((False, True), repeat=len(ASCENDING)):
        facts = {a[0]: a[1] for a, on in zip(ASCENDING, chosen, strict=True) if on}
        waits = {"thinking"} if "offline" in facts else set()  # then nobody thinks
        lights = [a[2] for a in ASCENDING if a[0] in facts.keys() - waits]
        expected = lights[-1] if lights else Light.IDLE
        if expected is Light.LISTENING and "offline" in facts:
            expected = Light.LISTENING_OFFLINE
        assert light_for(dataclasses.replace(Appearance(), **facts)) is expected


def test_nothing_hides_that_the_microphone_is_heard_elsewhere() -> None:
    everything = Appearance(True, True, True, True, True, True, True, MICROPHONE, True)
    assert light_for(everything) is Light.LISTENING_OFFLINE
    assert light_for(dataclasses.replace(everything, offline=False)) is Light.LISTENING


def test_nothing_else_looks_like_listening() -> None:
    for facts in itertools.product((False, True), repeat=7):
        names = ("ringing", "error", "muted", "speaking", "thinking", "offline", "running")
        appearance = Appearance(**dict(zip(names, facts, strict=True)))
        assert light_for(appearance) not in LISTENING


def test_every_light_has_a_reason() -> None:
    assert {light for light, _ in PRIORITY} == set(Light)
    assert len(PRIORITY) == len(Light)
