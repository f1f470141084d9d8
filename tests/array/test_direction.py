"""Where a voice comes from, on simulated arrays; the beam; what counts as a geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.array.beam import FixedBeam
from device.audio.array.channel_order import ChannelOrder
from device.audio.array.direction import DirectionFinder
from device.audio.array.geometry import parse_geometry
from device.audio.microphones.faults import ALL_CHANNELS, swapped_fault
from device.ports import Samples
from tests.array import rooms
from tests.array.sounds import pcm

CIRCLE = parse_geometry("circle 4 x 45 mm")
LINE = parse_geometry("line 4 x 35 mm")


def word(seed: int, seconds: float = 1.2) -> rooms.Signal:
    """Coloured noise in syllables: as broad as speech, with pauses in which the room is heard."""
    random = np.random.default_rng(seed)
    n = round(seconds * 16_000)
    hz = np.fft.rfftfreq(n, 1 / 16_000)
    colour = 1 / np.maximum(hz, 200.0)
    sound = np.fft.irfft(np.fft.rfft(random.normal(size=n)) * colour, n)
    return np.asarray(sound * (np.sin(2 * np.pi * 3.0 * np.arange(n) / 16_000) > 0.2))


def at_array(positions: rooms.Signal, azimuth_deg: float, rt60_s: float, snr_db: float) -> Samples:
    response = rooms.responses(positions, azimuth_deg, rt60_s=rt60_s)
    sound = rooms.heard(word(round(azimuth_deg)), response)
    noise = rooms.diffuse_noise(positions, 1.2, 7)
    sound = sound + noise * sound.std() * 10 ** (-snr_db / 20)
    return pcm(sound * 500 / sound.std())


def apart_deg(one: float, other: float) -> float:
    return abs((one - other + 180) % 360 - 180)


@pytest.mark.parametrize(
    ("azimuth_deg", "rt60_s"),
    [*((azimuth, 0.0) for azimuth in range(10, 360, 50)), (20, 0.2), (140, 0.2), (265, 0.2)],
)
def test_the_direction_is_found_within_10_degrees_at_20_db(azimuth_deg: int, rt60_s: float) -> None:
    found = DirectionFinder(CIRCLE, 16_000).find(at_array(CIRCLE, azimuth_deg, rt60_s, 20.0))
    assert found is not None
    assert apart_deg(found.azimuth_deg, azimuth_deg) <= 10
    assert 0 < found.confidence <= 1


@pytest.mark.parametrize("azimuth_deg", [30, 90, 150])
def test_a_line_cannot_tell_front_from_back(azimuth_deg: int) -> None:
    finder = DirectionFinder(LINE, 16_000)
    for real in (azimuth_deg, 360 - azimuth_deg):
        found = finder.find(at_array(LINE, real, 0.0, 20.0))
        assert found is not None
        assert apart_deg(found.azimuth_deg, azimuth_deg) <= 10


def test_noise_from_everywhere_has_no_direction() -> None:
    noise = pcm(rooms.diffuse_noise(CIRCLE, 1.5, 3) * 300)
    assert DirectionFinder(CIRCLE, 16_000).find(noise) is None


@pytest.mark.parametrize("count", [0, 100, 3000])
def test_silence_or_too_little_has_no_direction(count: int) -> None:
    finder = DirectionFinder(CIRCLE, 16_000)
    assert finder.find(np.ones((count, 4), np.int16)) is None
    assert finder.find(np.zeros((16_000, 4), np.int16)) is None


def test_the_beam_keeps_what_it_looks_at_and_takes_from_the_rest() -> None:
    def level(sound: Samples) -> float:
        return 20 * float(np.log10(sound.astype(float).std()))

    beam, gains = FixedBeam(CIRCLE, 90.0, 16_000), {}
    for azimuth_deg in (90, 270):
        sound = at_array(CIRCLE, azimuth_deg, 0.0, 40.0)
        beam.reset()
        gains[azimuth_deg] = level(beam.steer(sound)) - level(sound[:, 0])
    noise = pcm(rooms.diffuse_noise(CIRCLE, 2.0, 3) * 1000)
    beam.reset()
    gains["diffuse"] = level(beam.steer(noise)) - level(noise[:, 0])
    assert abs(gains[90]) < 1.5
    assert gains[270] < gains[90] - 2
    assert gains["diffuse"] < gains[90] - 2


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 2500), min_size=1, max_size=5))
def test_the_beam_gives_the_same_whatever_the_pieces(cuts: list[int]) -> None:
    sound = pcm(np.random.default_rng(1).normal(0, 900, (sum(cuts), 4)))
    whole = FixedBeam(CIRCLE, 30.0, 16_000).steer(sound)
    beam, at, parts = FixedBeam(CIRCLE, 30.0, 16_000), 0, []
    for cut in cuts:
        parts.append(beam.steer(sound[at : at + cut]))
        at += cut
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1)


def test_a_geometry_may_be_named_or_listed() -> None:
    np.testing.assert_allclose(CIRCLE[1] * 1000, [0, 22.5], atol=1e-9)
    np.testing.assert_allclose(parse_geometry("line 2 x 58 mm") * 1000, [[-29, 0], [29, 0]])
    np.testing.assert_allclose(
        parse_geometry("0,0 45,0 0,45.5") * 1000, [[0, 0], [45, 0], [0, 45.5]]
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "square",
        "circle 1 x 45 mm",
        "circle 9 x 45 mm",
        "0,0",
        "0,0 0,0",
        "0,0 1,2,3",
        "nan,0 1,1",
        "0,0 1e999,1",
        "circle 4 x " + "9" * 400 + " mm",
        "line 8 x 900 mm",
    ],
)
def test_what_is_no_geometry_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected|microphones"):
        parse_geometry(text)


def test_two_neighbours_that_are_swapped_are_known_after_some_words() -> None:
    order = ChannelOrder(CIRCLE, 16_000)
    told = [
        order.hear(at_array(CIRCLE, azimuth_deg, rt60_s, 20.0)[:, [0, 2, 1, 3]])
        for azimuth_deg, rt60_s in ((15, 0.0), (80, 0.2), (140, 0.0), (200, 0.0), (260, 0.2))
    ]
    assert told[:3] == [None] * 3
    # On a square, to swap the opposite pair 0 and 3 is the same but for a mirror.
    assert told[-1] in {(1, 2), (0, 3)}


@pytest.mark.parametrize("positions", [CIRCLE, LINE], ids=["circle", "line"])
def test_an_array_that_is_wired_well_is_never_called_swapped(positions: rooms.Signal) -> None:
    order = ChannelOrder(positions, 16_000)
    for rt60_s, azimuths in ((0.0, (20, 75, 130, 190, 250, 310)), (0.2, (45, 200))):
        for azimuth_deg in azimuths:
            assert order.hear(at_array(positions, azimuth_deg, rt60_s, 15.0)) is None


def test_silence_says_nothing_of_the_order() -> None:
    assert ChannelOrder(CIRCLE, 16_000).hear(np.zeros((16_000, 4), np.int16)) is None


def test_swapped_channels_are_a_fault_of_the_microphone_in_words() -> None:
    fault = swapped_fault(2, 3, 480)
    assert (fault.channel, fault.unusable, fault.since_frame) == (ALL_CHANNELS, False, 480)
    assert "channels 2 and 3" in fault.detail
    assert "microphone_geometry" in fault.hint
