"""Every fault is noticed within seconds and ends when it ends; nothing else is taken for one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.microphones.faults import ALL_CHANNELS, FaultKind
from device.audio.microphones.health import MicHealth
from tests.array import sounds
from tests.array.sounds import Fault, Signal, babble, frames, heard, noise, pcm

K = FaultKind
FAULTS: list[tuple[str, Fault, FaultKind, float]] = [
    ("digital silence", sounds.dead, K.DEAD, 3.5),
    ("a stuck value", sounds.stuck, K.STUCK, 2.0),
    ("a direct voltage", sounds.offset, K.OFFSET, 3.5),
    ("hum at 50 Hz", sounds.hum(50.0), K.HUM, 7.0),
    ("hum at 60 Hz", sounds.hum(60.0), K.HUM, 7.0),
    ("hum on a mains that is off", sounds.hum(49.85), K.HUM, 7.0),
    ("clipping", sounds.clipping, K.CLIPPING, 6.0),
    ("clipping before the converter", sounds.clipping_before_the_converter, K.CLIPPING, 6.0),
    ("dropping out", sounds.dropping_out, K.DROPS_OUT, 6.0),
]
BEFORE_S, DURING_S, AFTER_S = 6.0, 12.0, 25.0


def room(seed: int = 0, rate_hz: int = 16_000, rms: float = 900.0) -> Signal:
    """Somebody talks."""
    return babble(BEFORE_S + DURING_S + AFTER_S, rms, seed, rate_hz)


def with_fault(sound: Signal, fault: Fault, rate_hz: int = 16_000) -> Signal:
    start, end = round(BEFORE_S * rate_hz), round((BEFORE_S + DURING_S) * rate_hz)
    return np.concatenate([sound[:start], fault(sound[start:end], rate_hz), sound[end:]])


@pytest.mark.parametrize("channels", [1, 4])
@pytest.mark.parametrize(
    ("fault", "kind", "within_s"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_a_fault_is_noticed_and_its_end_too(
    fault: Fault, kind: FaultKind, within_s: float, channels: int
) -> None:
    sick = channels - 1
    loud = 1800.0 if kind is K.CLIPPING else 900.0  # to hear that it is over, too
    sound = [room(rms=loud) + noise(43, 4.0, seed) for seed in range(channels)]
    sound[sick] = with_fault(sound[sick], fault)
    health = MicHealth(16_000, range(channels))
    changes = heard(health, frames(*sound))
    assert [(c.fault.channel, c.fault.kind, c.began) for c in changes] == [
        (sick, kind, True),
        (sick, kind, False),
    ]
    began, ended = (change.at_frame / 16_000 for change in changes)
    assert BEFORE_S < began <= BEFORE_S + within_s
    assert BEFORE_S + DURING_S < ended <= BEFORE_S + DURING_S + 17.0
    assert health.faults == ()


def test_at_48_khz_faults_are_noticed_alike() -> None:
    sound = [room(rate_hz=48_000) for _ in range(3)]
    sick = [sounds.hum(50.0), sounds.dead, sounds.dropping_out]
    faulty = [with_fault(s, fault, 48_000) for s, fault in zip(sound, sick, strict=True)]
    changes = heard(MicHealth(48_000, range(3)), frames(*faulty))
    assert {(c.fault.channel, c.fault.kind) for c in changes} == {
        (0, K.HUM),
        (1, K.DEAD),
        (2, K.DROPS_OUT),
    }
    assert len(changes) == 6


def test_one_lsb_of_noise_beside_channels_that_hear_is_a_dead_channel() -> None:
    sound = [room(), with_fault(room(), sounds.dead_with_lsb_noise)]
    changes = heard(MicHealth(16_000, [0, 1]), frames(*sound))
    assert [(c.fault.channel, c.fault.kind) for c in changes] == [(1, K.DEAD)] * 2
    assert changes[0].at_frame <= (BEFORE_S + 3.5) * 16_000
    assert "while the other channels hear sound" in changes[0].fault.detail


def test_one_lsb_of_noise_everywhere_is_suspicious_only_after_a_while() -> None:
    faint = sounds.dead_with_lsb_noise(np.zeros(30 * 16_000), 16_000)
    (began,) = heard(MicHealth(16_000, [0]), frames(faint))
    assert began.fault.kind is K.DEAD
    assert 10 * 16_000 < began.at_frame < 13 * 16_000


@pytest.mark.parametrize("rms", [0.5, 1.2, 4.0])
def test_a_silent_person_in_a_very_quiet_room_is_no_fault(rms: float) -> None:
    assert heard(MicHealth(16_000, [0, 1]), frames(noise(60, rms), noise(60, rms, 1))) == []


def test_whispers_are_no_fault() -> None:
    whisper = noise(40, 25.0) * np.clip(babble(40, 1.0, 3), 0, 1) + noise(40, 1.0, 1)
    assert heard(MicHealth(16_000, [0]), frames(whisper)) == []


@pytest.mark.parametrize("hz", [41.2, 49.0, 55.0, 58.27, 61.74, 98.0, 110.0, 123.5, 440.0])
def test_a_held_note_is_no_hum(hz: float) -> None:
    at = np.arange(20 * 16_000) / 16_000
    note = sum(np.sin(2 * np.pi * hz * k * at) / k for k in range(1, 6)) * 2000
    assert heard(MicHealth(16_000, [0]), frames(note + noise(20, 3.0))) == []


def test_music_that_passes_through_the_mains_frequency_is_no_hum() -> None:
    at = np.arange(30 * 16_000) / 16_000
    notes = np.repeat([50.0, 66.7, 75.0, 100.0, 60.0, 90.0] * 5, 16_000)
    tune = 3000 * np.sin(2 * np.pi * np.cumsum(notes) / 16_000) * (1 + 0.3 * np.sin(9 * at))
    assert heard(MicHealth(16_000, [0]), frames(tune + noise(30, 3.0))) == []


def test_hum_that_somebody_talks_over_goes_on() -> None:
    loud = np.concatenate([noise(10, 5.0), babble(20, 3000.0), noise(5, 5.0)])
    changes = heard(MicHealth(16_000, [0]), frames(sounds.hum(50.0)(loud, 16_000)))
    assert [change.began for change in changes] == [True]


def test_one_shout_is_no_clipping() -> None:
    shout = np.concatenate([noise(5, 5.0), babble(1, 900.0) * 40, babble(20, 900.0)])
    assert heard(MicHealth(16_000, [0]), frames(shout)) == []


@pytest.mark.parametrize("side", [1, -1])
def test_what_is_overdriven_on_one_side_more_has_no_direct_voltage(side: int) -> None:
    """Pulses, as of a voice: far out to one side, a little to the other. Cut off, their mean is
    not zero any more."""
    at = np.arange(20 * 16_000) / 16_000
    pulses = np.maximum(0, np.sin(2 * np.pi * 133 * at)) ** 6
    overdriven = side * (pulses - pulses.mean()) * 120_000 + noise(20, 5.0)
    assert abs(pcm(overdriven).mean()) > 1500, "or this shows nothing"
    kinds = [change.fault.kind for change in heard(MicHealth(16_000, [0]), frames(overdriven))]
    assert kinds == [K.CLIPPING]


@pytest.mark.parametrize("limit", [32768, 20_000])
def test_the_flat_tops_of_an_overdriven_bass_are_no_dropping_out(limit: int) -> None:
    at = np.arange(20 * 16_000) / 16_000
    bass = np.clip(400_000 * np.sin(2 * np.pi * 41 * at), -limit, limit)
    for channels in (1, 2):
        health = MicHealth(16_000, range(channels))
        kinds = {change.fault.kind for change in heard(health, frames(*[bass] * channels))}
        assert kinds == {K.CLIPPING}


@pytest.mark.parametrize("clipped_s", [0.5, 1.0])
def test_a_direct_voltage_is_found_though_somebody_shouts_over_it(clipped_s: float) -> None:
    shout = np.clip(babble(clipped_s, 900.0) * 40, -25_000, 25_000)
    sound = np.concatenate([part for _ in range(8) for part in (shout, noise(1.5, 300.0))])
    kinds = {change.fault.kind for change in heard(MicHealth(16_000, [0]), frames(sound + 3000))}
    assert K.OFFSET in kinds


def test_the_pauses_of_a_noise_gate_are_no_dropping_out() -> None:
    words = babble(30, 900.0)
    gate = np.convolve(np.abs(words) > 60, np.ones(800), "same") > 0
    assert heard(MicHealth(16_000, [0]), frames(words * gate)) == []


def test_a_noise_gate_is_told_less_and_less_often() -> None:
    """For an hour it closes for 20 s, then somebody speaks for 5 s."""
    word, gap = frames(babble(5, 900.0)), np.zeros((20 * 16_000, 1), np.int16)
    health, first, told = MicHealth(16_000, [0]), 0, 0
    for _ in range(24):
        for part in (word, gap):
            told += sum(change.began for change in heard(health, part, first))
            first += len(part)
    assert told == 1


def test_a_wire_that_breaks_for_good_is_told_even_after_it_has_come_back_before() -> None:
    quiet, gone = frames(noise(5, 5.0)), np.zeros((10 * 16_000, 1), np.int16)
    health = MicHealth(16_000, [0])
    sound = np.concatenate([quiet, gone, quiet, gone, gone, gone])
    changes = heard(health, sound)
    assert [change.began for change in changes] == [True, False, True]
    assert changes[2].at_frame <= (20 + 21) * 16_000


def test_the_playback_channel_of_an_array_may_be_silent() -> None:
    sound = frames(room(), room(1), np.zeros(43 * 16_000))
    assert heard(MicHealth(16_000, [0, 1]), sound) == []


def test_a_dead_channel_has_no_other_fault() -> None:
    health = MicHealth(16_000, [0, 1])
    heard(health, frames(noise(10, 50.0), np.full(160_000, 12_000.0)))
    assert [fault.kind for fault in health.faults] == [K.STUCK]
    assert health.unusable == {1}
    assert "channel 1 of the microphone always gives the value 12000" in health.faults[0].detail


@pytest.mark.parametrize("hz", [15_200, 15_800, 16_200, 44_100, 8_000])
def test_a_microphone_that_runs_at_another_rate_is_told(hz: int) -> None:
    health = MicHealth(16_000, [0])
    rng = np.random.default_rng(1)
    changes = []
    for period in range(12 * hz // 160):
        end = (period + 1) * 160
        health.observe(end, 100 + end / hz + rng.exponential(0.004))
        changes += health.hear(end - 160, pcm(rng.normal(0, 20, 160))[:, None])
    (change,) = changes
    assert (change.fault.kind, change.fault.channel) == (K.WRONG_RATE, ALL_CHANNELS)
    assert change.at_frame / hz < 9.0
    said = int(change.fault.detail.split(" at ")[1].split()[0])
    assert abs(said / hz - 1) < 0.01


def test_the_rate_is_well_again_when_the_microphone_is() -> None:
    health = MicHealth(16_000, [0])
    at, began = 0.0, []
    for period in range(4000):
        at += 0.01 * (1.05 if period < 1500 else 1.0)
        health.observe((period + 1) * 160, at)
        changes = health.hear(period * 160, pcm(noise(0.01, 20.0, period))[:, None])
        began += [change.began for change in changes]
    assert began == [True, False]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(0.0, 0.3), min_size=40, max_size=40), st.floats(-2e-4, 2e-4))
def test_a_thread_that_is_held_up_is_no_wrong_rate(late_s: list[float], skew: float) -> None:
    """Up to 300 ms, each ten periods; and the crystals differ a little."""
    health = MicHealth(16_000, [0])
    for period in range(1600):
        end = (period + 1) * 160
        late = late_s[period // 10 % 40] if period % 10 < 5 else 0.0
        health.observe(end, end / 16_000 * (1 + skew) + late)
    assert health.hear(0, pcm(noise(0.01, 20.0))[:, None]) == []
    assert health.true_rate_hz == pytest.approx(16_000 * (1 - skew), rel=0.002)


def test_a_gap_starts_the_rate_afresh() -> None:
    health = MicHealth(16_000, [0])
    end = 0
    for period in range(3000):
        end += 160 + (800 if period % 300 == 0 else 0)  # frames that were lost are counted late
        health.observe(end, period * 0.01)
        assert health.hear(end - 160, pcm(noise(0.01, 20.0, period))[:, None]) == []


def test_nothing_in_the_recordings_is_taken_for_a_fault(speech_dir: Path) -> None:
    found, count, seconds = [], 0, 0.0
    for name, rate_hz, recording in sounds.wav_recordings(speech_dir):
        if rate_hz % 1000:
            continue
        health = MicHealth(rate_hz, range(recording.shape[1]))
        found += [(name, change.fault) for change in heard(health, recording)]
        count += 1
        seconds += len(recording) / rate_hz
    assert found == []
    assert count > 100
    assert seconds > 300


def test_real_speech_at_any_level_on_any_channels_is_at_worst_overdriven(speech_dir: Path) -> None:
    """Sentences after one another, from a whisper to far beyond full scale, with the noise of
    the microphones, and now and then a thump of direct voltage of up to 2 s."""
    spoken = [
        recording[:, 0].astype(np.float64)
        for _name, rate_hz, recording in sounds.wav_recordings(speech_dir)
        if rate_hz == 16_000 and len(recording) < 10 * 16_000
    ]
    assert len(spoken) > 50
    found = []
    for trial in range(40):
        rng = np.random.default_rng(trial)
        said = np.concatenate([spoken[n] for n in rng.integers(len(spoken), size=5)])
        said *= 10 ** rng.uniform(-2.0, 1.7)
        if rng.random() < 0.3:
            start = int(rng.integers(len(said) // 2))
            thump = rng.choice([-1, 1]) * rng.uniform(1000, 12_000)
            said[start : start + int(rng.uniform(800, 32_000))] += thump
        channels = [
            np.roll(said, 3 * n) * rng.uniform(0.7, 1.4) + rng.normal(0, 3.0, len(said))
            for n in range(rng.integers(1, 5))
        ]
        changes = heard(MicHealth(16_000, range(len(channels))), frames(*channels))
        found += [change.fault for change in changes if change.fault.kind is not K.CLIPPING]
    assert found == []


def test_a_microphone_without_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="without channels"):
        MicHealth(16_000, [])
    with pytest.raises(ValueError, match="whole kilohertz"):
        MicHealth(44_100, [0])
