"""The echo stage in a simulated room: what it removes, what it keeps, and when it rests."""

from __future__ import annotations

import numpy as np
import pytest

from device.audio.cancelling.aec3 import LATENCY_SAMPLES, Aec3
from device.audio.cancelling.high_pass import HighPass
from device.audio.cancelling.pass_through import PassThrough
from device.audio.echo import BLOCK_SAMPLES, RATE_HZ
from device.ports import Samples
from tests.echo.room import babble, echo_of, level_db, microphone
from tests.echo.stage_rig import StageRig, removed_db

SECONDS = 4.0
far = babble(SECONDS, seed=1)


def heard_of(sound: Samples, *, seed: int = 3, delay_ms: int = 33, after_s: float = 0.0) -> Samples:
    long = np.concatenate([sound, np.zeros(round(after_s * RATE_HZ), np.int16)])
    return microphone(echo_of(long, seed=seed, delay_ms=delay_ms))


def ready(**kwargs: object) -> StageRig:
    rig = StageRig(**kwargs)  # type: ignore[arg-type]
    rig.wait(0.6)
    return rig


def test_the_device_does_not_hear_itself() -> None:
    heard = heard_of(far)
    assert removed_db(heard, ready().hear(heard, far), 2.0, 3.9) >= 18.0


def test_aec3_takes_what_the_linear_canceller_leaves() -> None:
    heard = heard_of(far)
    both = ready(suppressors=[Aec3()]).hear(heard, far)
    linear = ready().hear(heard, far)
    assert removed_db(heard, both, 0.0, 1.5) >= removed_db(heard, linear, 0.0, 1.5) + 5.0


def test_what_was_learnt_of_the_room_serves_the_next_reply() -> None:
    """Of the linear canceller, by the levels of each call."""
    rig = ready()
    heard = heard_of(far, after_s=1.0)
    removed = []
    for _ in range(2):
        rig.levels.clear()
        rig.hear(heard, far)
        begun = np.concatenate(rig.levels)[10:30]
        removed.append(float(np.mean(begun[:, 1] - begun[:, 2])))
        rig.wait(1.6)
    assert removed[1] >= removed[0] + 3.0


def test_while_nothing_plays_there_is_only_the_high_pass_and_the_latency() -> None:
    rig = StageRig()
    sound = babble(1.0, seed=4)
    out = rig.hear(sound, sound[:0])[:, 0]
    high_pass = HighPass(1)
    blocks = sound[: len(out)].reshape(-1, 1, BLOCK_SAMPLES).astype(np.float32)
    filtered = np.concatenate([high_pass.block(block)[0] for block in blocks])
    difference = out[LATENCY_SAMPLES:] - filtered[:-LATENCY_SAMPLES]
    assert np.abs(difference).max() <= 1.0
    assert not rig.stage.facts.active
    assert np.array_equal(rig.stage.for_wake, out[-BLOCK_SAMPLES:, None])
    assert rig.suppressors[0].blocks == 0  # type: ignore[attr-defined]


def test_a_person_is_at_the_same_place_before_during_and_after_a_reply() -> None:
    rig = ready(suppressors=[Aec3()])
    rig.hear(heard_of(far), far)
    rig.wait(1.0)
    person = babble(6.0, seed=6, rms=4000.0).astype(np.float64)
    reply = np.concatenate([np.zeros(RATE_HZ, np.int16), babble(3.0, seed=1, rms=300.0)])
    silence = np.zeros(len(person) - len(reply), np.int16)
    out = rig.hear(microphone(echo_of(np.concatenate([reply, silence])), person), reply)[:, 0]
    for second in (0, 2, 4):
        part = slice(second * RATE_HZ + 4000, second * RATE_HZ + 12000)
        spectrum = np.fft.rfft(out[part], 1 << 15) * np.conj(np.fft.rfft(person[part], 1 << 15))
        assert abs(int(np.argmax(np.fft.irfft(spectrum)[:1000])) - LATENCY_SAMPLES) <= 8


def test_it_rests_soon_after_the_playback() -> None:
    rig = ready()
    rig.hear(heard_of(far), far)
    assert rig.stage.facts.active
    rig.wait(0.5)
    assert not rig.stage.facts.active


def test_a_stream_of_silence_costs_nothing() -> None:
    rig = ready()
    rig.hear(babble(1.0, seed=4), np.zeros(RATE_HZ, np.int16))
    assert not rig.stage.facts.active


def test_a_microphone_at_48_khz_is_heard_as_well() -> None:
    heard = heard_of(far)
    assert removed_db(heard, ready(scale=3).hear(heard, far), 2.0, 3.9) >= 18.0


def test_each_channel_has_a_canceller_of_its_own() -> None:
    heard = np.stack([heard_of(far, seed=3), heard_of(far, seed=8)], axis=1)
    out = ready(channels=2).hear(heard, far)
    for channel in range(2):
        assert removed_db(heard[:, channel], out[:, channel], 2.0, 3.9) >= 18.0


def test_only_whole_blocks_of_all_channels_are_taken() -> None:
    stage = StageRig(channels=2).stage
    for shape in ((BLOCK_SAMPLES, 1), (BLOCK_SAMPLES + 1, 2), (BLOCK_SAMPLES,)):
        with pytest.raises(ValueError, match="whole blocks"):
            stage.process(np.zeros(shape, np.int16), 0)


def test_it_starts_unconverged_and_says_when_it_knows_the_room() -> None:
    rig = ready()
    assert not rig.stage.facts.converged
    rig.hear(heard_of(far), far)
    assert rig.stage.facts.converged
    assert rig.stage.facts.erle_db > 12.0


def test_the_first_sound_ever_is_turned_down_while_aec3_learns_but_not_for_the_wake_word() -> None:
    rig = ready()
    person = babble(4.0, seed=6, rms=6000.0)
    heard = microphone(echo_of(far), person)
    part = slice(0, RATE_HZ)
    first = rig.hear(heard[part], far[part])[:, 0]
    wake = rig.stage.for_wake[:, 0]
    assert level_db(first[-BLOCK_SAMPLES:]) < level_db(wake) - 20.0
    rest = slice(RATE_HZ, 2 * RATE_HZ)
    rig.hear(heard[rest], far[rest])
    assert (
        level_db(rig.hear(heard[rest], far[rest])[-BLOCK_SAMPLES:, 0])
        > level_db(rig.stage.for_wake[:, 0]) - 6.0
    )


def test_levels_tell_of_every_10_ms_of_the_call() -> None:
    rig = ready()
    rig.hear(heard_of(far), far)
    at = len(far) // BLOCK_SAMPLES * BLOCK_SAMPLES
    rig.stage.process(np.zeros((2 * BLOCK_SAMPLES, 1), np.int16), rig.frame + at)
    levels = rig.stage.facts.levels
    assert levels.shape == (4, 4)
    assert levels.dtype == np.float32
    assert np.isfinite(levels).all()


def test_expected_residual_is_about_what_is_left() -> None:
    rig = ready()
    heard = heard_of(far)
    out = rig.hear(heard, far)[:, 0]
    left_db = level_db(out[-RATE_HZ // 2 :]) - 20 * np.log10(32768)
    assert abs(rig.stage.facts.residual_db - left_db) < 15.0


def test_without_canceller_samples_pass_as_they_are() -> None:
    stage = PassThrough(2)
    near = np.arange(640, dtype=np.int16).reshape(320, 2)
    stage.observe(320, 1.0)
    stage.restart()
    assert stage.process(near, 0) is near
    assert stage.for_wake is near
    assert stage.latency_samples == 0
    assert not stage.facts.active
    assert stage.facts.levels.shape == (2, 4)


def test_whoever_speaks_while_the_first_stream_ever_only_waits_is_not_turned_down() -> None:
    """The first sounds that a device plays turn its output down. A stream that is open and waits,
    or that broke off and began anew, plays no sound; nor does the pause behind one."""
    rig = ready()
    person = babble(2.0, seed=8)
    blip = babble(0.2, seed=2)
    rig.hear(heard_of(blip), blip)  # far less than the first second and a half of sound
    rig.wait(0.5)
    silence = np.zeros(len(person), np.int16)
    out = np.concatenate(
        [rig.hear(person[at : at + 3200], silence[:3200]) for at in range(0, 32000, 3200)]
    )
    assert removed_db(person, out, 0.0, 1.9) < 1.0


def test_after_the_first_sound_of_a_stream_a_person_is_heard_again_while_it_stays_open() -> None:
    rig = ready()
    blip = babble(0.2, seed=2)
    person = babble(2.0, seed=8)
    stream = np.zeros(len(person), np.int16)
    stream[: len(blip)] = blip
    stream[-len(blip) :] = blip  # so that the whole of it counts as sound to who comes late
    rig.ahead = len(stream)
    out = rig.hear(person, stream)
    assert removed_db(person, out, 0.7, 1.6) < 1.0
