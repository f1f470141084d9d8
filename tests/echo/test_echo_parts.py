"""What the echo stage is made of, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.audio.cancelling.alignment import JUMP_FOR_MS, LEAD_MS, Alignment
from device.audio.cancelling.delay import DelayFinder
from device.audio.cancelling.far_end import RunTime
from device.audio.cancelling.gate import EchoGate
from device.audio.cancelling.high_pass import HighPass
from device.audio.cancelling.reference import Reference
from device.audio.cancelling.saturation import Saturation
from device.audio.cancelling.skew import MOST_PPM, SkewTracker
from device.audio.echo import BLOCK_SAMPLES, RATE_HZ, EchoCanceller, Signal
from tests.echo.room import babble


def powers(value_db: float) -> float:
    return float(10 ** (value_db / 10))


class GateRig:
    """One channel; the far end at −20 dBFS, its echo at −30."""

    def __init__(self) -> None:
        self.gate = EchoGate()

    def hear(self, seconds: float, *, left_db: float, aec3_db: float) -> bool:
        changed = False
        for _ in range(round(seconds * RATE_HZ / BLOCK_SAMPLES)):
            heard = max(-30.0, left_db)
            told = self.gate.update(
                10**-2.0, powers(heard), powers(-30.0), powers(left_db), powers(aec3_db)
            )
            changed |= told
        return changed

    def learn(self) -> None:
        self.hear(6.0, left_db=-60.0, aec3_db=-85.0)


def test_the_gate_is_shut_while_only_the_device_speaks() -> None:
    rig = GateRig()
    rig.learn()
    assert rig.gate.converged
    assert rig.gate.open < 0.1


def test_the_gate_opens_within_two_blocks_for_a_person_20_db_above_the_leak() -> None:
    rig = GateRig()
    rig.learn()
    rig.hear(0.04, left_db=-40.0, aec3_db=-44.0)
    assert rig.gate.open > 0.9


def test_the_gate_stays_shut_for_what_aec3_calls_echo() -> None:
    rig = GateRig()
    rig.learn()
    rig.hear(0.5, left_db=-40.0, aec3_db=-80.0)
    assert rig.gate.open < 0.1


def test_the_gate_says_that_the_path_has_changed_when_the_two_disagree_for_long() -> None:
    rig = GateRig()
    rig.learn()
    assert rig.hear(1.5, left_db=-33.0, aec3_db=-70.0)
    assert not rig.gate.converged


def test_half_a_minute_of_talking_is_not_taken_for_the_leak() -> None:
    rig = GateRig()
    rig.learn()
    changed = rig.hear(30.0, left_db=-38.0, aec3_db=-41.0)
    assert not changed
    assert rig.gate.open > 0.5


def test_the_gate_that_was_open_for_want_of_an_echo_shuts_with_its_first_blocks() -> None:
    rig = GateRig()
    rig.learn()
    for _ in range(50):
        rig.gate.update(0.0, powers(-75), powers(-120), powers(-75), powers(-75))
    assert rig.gate.open == 1.0
    rig.hear(0.04, left_db=-50.0, aec3_db=-75.0)
    assert rig.gate.open < 0.1


def test_behind_a_person_the_gate_shuts_slowly() -> None:
    rig = GateRig()
    rig.learn()
    rig.hear(0.5, left_db=-38.0, aec3_db=-41.0)
    rig.hear(0.04, left_db=-60.0, aec3_db=-80.0)
    assert rig.gate.open > 0.4


def test_as_soon_as_the_two_disagree_the_path_does_not_count_as_known() -> None:
    rig = GateRig()
    rig.learn()
    assert not rig.hear(0.15, left_db=-33.0, aec3_db=-70.0)
    assert not rig.gate.converged


def test_the_gate_is_open_when_nothing_echoes() -> None:
    gate = EchoGate()
    for _ in range(50):
        gate.update(0.0, powers(-40), powers(-120), powers(-40), powers(-40))
    assert gate.open == 1.0


@pytest.mark.parametrize("delay", [0, 700, 4000, 7500])
def test_a_delay_is_found_in_noise_and_reverberation(delay: int) -> None:
    far = babble(3.0, seed=1).astype(np.float32) / 32768
    near = np.zeros_like(far)
    near[delay:] += 0.2 * far[: len(far) - delay]
    near[delay + 90 :] += 0.1 * far[: len(far) - delay - 90]
    near += np.random.default_rng(2).standard_normal(len(far)).astype(np.float32) * 1e-3
    finder = DelayFinder()
    found = [
        finder.take(near[at : at + BLOCK_SAMPLES], far[at : at + BLOCK_SAMPLES])
        for at in range(0, len(far) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES)
    ]
    told = [lag for lag in found if lag is not None]
    assert told
    assert all(abs(lag - delay) <= 1 for lag in told)


def delays(near: Signal, far: Signal) -> list[int]:
    """All that is found of them."""
    finder = DelayFinder()
    found = [
        finder.take(near[at : at + BLOCK_SAMPLES], far[at : at + BLOCK_SAMPLES])
        for at in range(0, len(far) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES)
    ]
    return [lag for lag in found if lag is not None]


def test_of_two_loudspeakers_one_gives_the_delay() -> None:
    far = babble(4.0, seed=1).astype(np.float32) / 32768
    near = np.zeros_like(far)
    for delay in (720, 700):
        near[delay:] += 0.2 * far[: len(far) - delay]
    told = delays(near, far)
    assert told
    assert all(min(abs(lag - 700), abs(lag - 720)) <= 1 for lag in told)


def test_a_buzz_says_nothing_of_the_delay() -> None:
    far = np.where(np.arange(4 * RATE_HZ) // 40 % 2, 0.5, -0.5).astype(np.float32)
    assert delays(np.roll(0.2 * far, 700), far) == []


def test_no_delay_is_told_of_sounds_that_have_nothing_to_do_with_each_other() -> None:
    far = babble(4.0, seed=1).astype(np.float32) / 32768
    near = babble(4.0, seed=2).astype(np.float32) / 32768
    finder = DelayFinder()
    for at in range(0, len(far) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
        block = slice(at, at + BLOCK_SAMPLES)
        assert finder.take(near[block], far[block]) is None


def sliding_path(samples: float) -> np.ndarray:
    """One partition whose response lies ``samples`` later."""
    random = np.random.default_rng(4)
    hertz = np.fft.rfftfreq(2 * BLOCK_SAMPLES)
    shape = random.standard_normal(len(hertz)) + 1j * random.standard_normal(len(hertz))
    return (shape * np.exp(-2j * np.pi * hertz * samples))[None, :].astype(np.complex64)


@pytest.mark.parametrize("ppm", [-150.0, -20.0, 0.0, 50.0])
def test_a_path_that_slides_tells_the_skew(ppm: float) -> None:
    tracker, slid = SkewTracker(), 0.0
    for _ in range(1500):
        slid += BLOCK_SAMPLES * (tracker.ppm - ppm) * 1e-6  # what is left slides the path
        tracker.watch(sliding_path(slid))
    assert abs(tracker.ppm - ppm) < 2.0


def test_the_skew_stays_in_its_bounds() -> None:
    tracker = SkewTracker()
    for block in range(2000):
        tracker.watch(sliding_path(block * 0.02))
    assert abs(tracker.ppm) <= MOST_PPM
    assert tracker.ppm < -50.0


def test_a_path_that_is_another_one_altogether_is_no_skew() -> None:
    tracker, random = SkewTracker(), np.random.default_rng(1)
    before = np.repeat(sliding_path(0), 16, axis=0)
    for block in range(400):
        noise = random.standard_normal(before.shape) + 1j * random.standard_normal(before.shape)
        tracker.watch(before if block < 200 else (before + 3 * noise).astype(np.complex64))
    assert tracker.ppm == pytest.approx(0.0, abs=0.1)


def test_a_speaker_that_does_not_clip_keeps_a_straight_curve() -> None:
    canceller = EchoCanceller(tail_ms=40)
    saturation = Saturation(canceller.partitions)
    far = babble(6.0, seed=1, rms=6000.0).astype(np.float32) / 32768
    for at in range(0, len(far) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES):
        played = far[at : at + BLOCK_SAMPLES]
        _, echo, error = canceller.block(0.3 * played[None, :], saturation.bend(played))
        saturation.learn(canceller.path[0], echo[0], error[0])
    assert np.abs(saturation.slopes).max() < 0.1


def test_the_high_pass_removes_dc_and_keeps_the_voice() -> None:
    at = np.arange(RATE_HZ) / RATE_HZ
    for hertz, least_db, most_db in ((0, -200, -60), (20, -40, -14), (200, -0.5, 0.5)):
        tone = np.cos(2 * np.pi * hertz * at).astype(np.float32)
        high_pass = HighPass(1)
        out = np.concatenate(
            [high_pass.block(block)[0] for block in tone.reshape(-1, 1, BLOCK_SAMPLES)]
        )
        half = RATE_HZ // 2
        gain = 10 * np.log10(np.mean(out[half:] ** 2) / np.mean(tone[half:] ** 2) + 1e-20)
        assert least_db <= gain <= most_db


class Sine:
    """Stands in for a far end."""

    def read(self, from_instant: int, to_instant: int) -> np.ndarray:
        return np.rint(20000 * np.sin(0.3 * np.arange(from_instant, to_instant))).astype(np.int16)


@given(st.floats(0, 1), st.floats(-200, 200))
def test_the_reference_is_read_between_samples_and_at_its_own_pace(
    fraction: float, skew_ppm: float
) -> None:
    instant = 1000 + fraction
    got = Reference(Sine()).read(instant, skew_ppm)  # type: ignore[arg-type]
    places = instant + np.arange(BLOCK_SAMPLES) * (1 + skew_ppm * 1e-6)
    assert np.abs(got - 20000 / 32768 * np.sin(0.3 * places)).max() < 2e-3


def run(began_at: float, number: int = 1, settled: bool = True) -> RunTime:
    return RunTime(number, 0, round(began_at * RATE_HZ), began_at, settled)


def aligned() -> Alignment:
    alignment = Alignment()
    for _ in range(60):
        alignment.update(run(5.0), 3.0, BLOCK_SAMPLES)
    return alignment


LEAD = LEAD_MS * RATE_HZ // 1000


def test_time_stamps_align_the_beginning() -> None:
    assert aligned().instant(100) == 3 * RATE_HZ + 100 + LEAD


def test_a_late_report_does_not_move_what_is_aligned() -> None:
    alignment = aligned()
    before = alignment.instant(0)
    for late in (0.004, -0.006, 0.009):
        assert not alignment.update(run(5.0 + late), 3.0, BLOCK_SAMPLES)
    assert abs(alignment.instant(0) - before - 0.009 * RATE_HZ) <= 1.0  # its origin moved along


def test_time_stamps_that_go_on_telling_something_else_are_believed() -> None:
    alignment = aligned()
    moved = [
        alignment.update(RunTime(1, 0, 5 * RATE_HZ, 5.06, True), 3.0, BLOCK_SAMPLES)
        for _ in range(JUMP_FOR_MS // 10 + 20)
    ]
    assert moved.count(True) == 1
    assert alignment.jumps == 1
    assert abs(alignment.instant(0) - (2.94 * RATE_HZ + LEAD)) < 3


def test_what_was_found_out_of_the_delay_serves_the_next_run() -> None:
    alignment = aligned()
    alignment.correct(-800)
    assert alignment.update(run(9.0, number=2), 3.0, BLOCK_SAMPLES)
    assert abs(alignment.instant(0) - (3 * RATE_HZ + LEAD - 800)) <= 1


def test_clocks_that_differ_slide_the_alignment() -> None:
    alignment = aligned()
    before = alignment.instant(0)
    alignment.advance(RATE_HZ * 10, 50.0)
    assert alignment.instant(0) - before == pytest.approx(8.0)


def test_a_path_is_shifted_when_the_reference_comes_earlier() -> None:
    canceller = EchoCanceller()
    far = babble(3.0, seed=1).astype(np.float32) / 32768
    near = np.zeros_like(far)
    near[400:] = 0.3 * far[:-400]
    starts = range(0, len(far) - BLOCK_SAMPLES + 1, BLOCK_SAMPLES)
    blocks = [slice(at, at + BLOCK_SAMPLES) for at in starts]
    for block in blocks:
        canceller.block(near[None, block], far[block])
    canceller.shift(-250)
    later = np.concatenate([np.zeros(250, np.float32), far[:-250]])
    left = [canceller.block(near[None, block], later[block])[0] for block in blocks[2:40]]
    heard = np.concatenate([near[block] for block in blocks[2:40]])
    assert float(np.mean(np.square(left))) < 0.03 * float(np.mean(heard**2))
