"""Somebody taps at one microphone after the other: which channel is which is told, or why not."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from device.audio.array.geometry import parse_geometry
from device.audio.microphones.tapping import (
    Outcome,
    Tapped,
    conclude,
    judge_taps,
    measure_room,
    twins,
)
from device.ports import Samples
from tests.array.sounds import RATE_HZ, babble, frames, noise

POSITIONS = parse_geometry("circle 4 x 45 mm")
CHANNELS = (0, 1, 2, 3)
CLOSE_M = 0.015
"""From the finger to the microphone that it taps at."""


def room(seconds: float, channels: int = 4, rms: float = 15.0) -> list[np.ndarray]:
    return [noise(seconds, rms, 100 + n) for n in range(channels)]


def taps(place: int, size: float = 6000.0, seconds: float = 4.0) -> list[np.ndarray]:
    """Three taps at one place of the circle as the microphones in their places hear them."""
    at = np.arange(round(0.03 * RATE_HZ)) / RATE_HZ
    tap = np.exp(-at * 250) * np.sin(2 * np.pi * 900 * at)
    made = room(seconds)
    for n, sound in enumerate(made):
        away = CLOSE_M + float(np.linalg.norm(POSITIONS[n] - POSITIONS[place]))
        for start_s in (0.7, 1.5, 2.4):
            start = round(start_s * RATE_HZ) + round(away / 343 * RATE_HZ)
            sound[start : start + len(tap)] += size * CLOSE_M / away * tap
    return made


def quiet() -> Samples:
    return frames(*room(2.0))


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_every_order_is_told_those_too_that_turn_the_array_into_itself(
    order: tuple[int, ...],
) -> None:
    """``order``: which channel each place is wired to."""
    measured = measure_room(quiet(), RATE_HZ)
    found = []
    for place in range(4):
        heard = taps(place)
        wired = [heard[order.index(channel)] for channel in range(4)]
        found.append(judge_taps(frames(*wired), RATE_HZ, measured))
    conclusion = conclude(CHANNELS, found)
    assert conclusion.order == order
    right = "in the order that is configured" in conclusion.says
    assert right is (order == CHANNELS)


def test_the_channels_of_the_card_are_named_not_the_places() -> None:
    found = [Tapped(Outcome.HEARD, place, 0, 9.0) for place in (1, 0, 2)]
    assert conclude((2, 3, 5), found).order == (3, 2, 5)


def test_faint_taps_and_a_mouth_close_by_do_as_well() -> None:
    measured = measure_room(quiet(), RATE_HZ)
    assert judge_taps(frames(*taps(2, size=400.0)), RATE_HZ, measured).place == 2
    hiss = noise(4.0, 1.0, 7) * (noise(4.0, 1.0, 8) > -9)
    spoken = [
        hiss * 2000 * CLOSE_M / (CLOSE_M + float(np.linalg.norm(POSITIONS[n] - POSITIONS[3])))
        + sound
        for n, sound in enumerate(room(4.0))
    ]
    found = judge_taps(frames(*spoken), RATE_HZ, measured)
    assert (found.outcome, found.place) == (Outcome.HEARD, 3)


def test_when_nobody_taps_nothing_is_heard() -> None:
    measured = measure_room(quiet(), RATE_HZ)
    found = judge_taps(frames(*room(4.0)), RATE_HZ, measured)
    assert found.outcome is Outcome.NOTHING
    conclusion = conclude(CHANNELS, [found])
    assert conclusion.order == ()
    assert "place 1" in conclusion.says


def test_somebody_who_only_talks_in_the_room_taps_at_no_microphone() -> None:
    measured = measure_room(quiet(), RATE_HZ)
    voice = babble(4.0, 900.0)
    heard = [np.roll(voice, n) + sound for n, sound in enumerate(room(4.0))]
    assert judge_taps(frames(*heard), RATE_HZ, measured).outcome is Outcome.UNCLEAR


def test_a_blow_that_overdrives_two_channels_is_too_loud() -> None:
    measured = measure_room(quiet(), RATE_HZ)
    found = judge_taps(frames(*taps(0, size=3_000_000.0)), RATE_HZ, measured)
    assert found.outcome is Outcome.TOO_LOUD


def test_a_microphone_twice_is_told() -> None:
    heard = taps(0)
    heard[3] = heard[0]
    sound = frames(*heard)
    found = judge_taps(sound, RATE_HZ, measure_room(quiet(), RATE_HZ))
    assert (found.outcome, {found.place, found.second}) == (Outcome.UNCLEAR, {0, 3})
    assert twins(sound) == (0, 3)
    conclusion = conclude(CHANNELS, [found], same=twins(sound))
    assert "channels 0 and 3 give the very same sound" in conclusion.says
    assert conclusion.order == ()


def test_two_microphones_are_no_twins_though_they_hear_the_same_voice() -> None:
    voice = babble(4.0, 2000.0)
    assert twins(frames(*[voice + sound for sound in room(4.0)])) is None
    assert twins(np.zeros((RATE_HZ, 4), np.int16)) is None


def test_a_dead_channel_is_told_before_anybody_taps() -> None:
    silent = quiet()
    silent[:, 2] = 0
    measured = measure_room(silent, RATE_HZ)
    assert measured.dead == {2}
    conclusion = conclude((4, 5, 6, 7), [], dead=measured.dead)
    assert "channel 6 gives only silence" in conclusion.says
    assert conclusion.do


def test_one_that_hears_little_is_found_by_its_neighbour_being_louder_twice() -> None:
    found = [Tapped(Outcome.HEARD, place, 3, 9.0) for place in (0, 1, 1, 3)]
    conclusion = conclude(CHANNELS, found)
    assert conclusion.order == ()
    assert "channel 1 was the loudest at places 2 and 3" in conclusion.says


def test_a_direct_voltage_is_no_sound() -> None:
    measured = measure_room(frames(*[sound + 5000 for sound in room(2.0)]), RATE_HZ)
    shifted = frames(*[sound + 5000 for sound in taps(1)])
    assert judge_taps(shifted, RATE_HZ, measured).place == 1
