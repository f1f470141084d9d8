"""Earcons, loudness and the mixer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from device.audio.earcons import LOOPING, earcon
from device.audio.headroom import Headroom
from device.audio.loudness import GainRamp, gain_of
from device.audio.mixer import Mixer
from device.audio.polyphase import LowDelayResampler
from device.audio.reply_stream import ReplyStream
from device.commands import Cue


@pytest.mark.parametrize("cue", Cue)
@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_earcons_are_soft_short_and_without_clicks(cue: Cue, rate_hz: int) -> None:
    samples = earcon(cue, rate_hz).astype(float)
    assert 0.1 < samples.size / rate_hz < 2.0
    sounding = samples[samples != 0]
    level_db = 20 * np.log10(np.sqrt(np.mean(sounding**2)) / 32768)
    softest, loudest = {Cue.RING: (-17, -13), Cue.WORKING: (-31, -25)}.get(cue, (-23, -19))
    assert softest < level_db < loudest
    assert abs(samples[0]) < 20 and abs(samples[-1]) < 20
    # Nothing steeper than the steepest slope of the tones themselves.
    steepest = np.pi * 2 * 2 * 1175 / rate_hz * 32768 * 0.3
    assert np.abs(np.diff(samples)).max() < steepest


def test_earcons_differ() -> None:
    sounds = {earcon(cue, 16000).tobytes() for cue in Cue}
    assert len(sounds) == len(Cue)


def test_the_sign_that_an_answer_is_on_its_way_is_short_soft_and_of_its_own_kind() -> None:
    working, waiting = (earcon(cue, 48000).astype(float) for cue in (Cue.WORKING, Cue.WAITING))
    assert working.size <= 0.4 * 48000 and Cue.WORKING not in LOOPING
    # It swells: the first 5 ms are 20 dB below its loudest, where the waiting cue is there at once.
    assert np.abs(working[:240]).max() < 0.1 * np.abs(working).max()
    assert np.abs(waiting[:240]).max() > 0.5 * np.abs(waiting).max()
    # Lower than the waiting cue throughout, and quieter.
    assert _centroid_hz(working) < 0.8 * _centroid_hz(waiting)
    assert np.abs(working).max() < 0.7 * np.abs(waiting).max()


def test_a_sign_that_is_stopped_fades_and_has_ended() -> None:
    mixer = Mixer(48000, 1, 100)
    mixer.play(Cue.WORKING)
    heard = mixer.render(4800)
    mixer.stop(Cue.WORKING)
    mixer.stop(Cue.WORKING)
    rest = mixer.render(4800)
    samples = np.frombuffer(heard.data + rest.data, np.int16).astype(int)
    assert not heard.ended_cues and rest.ended_cues == (Cue.WORKING,)
    assert samples[:4800].any() and not samples[4800 + 480 :].any()
    assert np.abs(np.diff(samples)).max() < 300
    assert not mixer.has_cue


def _centroid_hz(samples: NDArray[np.float64]) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(np.sum(power * np.fft.rfftfreq(samples.size, 1 / 48000)) / np.sum(power))


def test_loudness_scale() -> None:
    assert gain_of(0) == 0.0 and gain_of(100) == 1.0 and gain_of(140) == 1.0
    assert 20 * np.log10(gain_of(50)) == pytest.approx(-10, abs=0.01)
    gains = [gain_of(percent) for percent in range(101)]
    assert gains == sorted(gains)


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 700)), max_size=12))
def test_a_ramp_never_steps_and_always_arrives(moves: list[tuple[float, int]]) -> None:
    ramp = GainRamp(0.5, full_scale_frames=1000)
    last = 0.5
    for target, frames in moves:
        ramp.aim(target)
        gains = np.atleast_1d(np.asarray(ramp.next(frames), np.float64))
        steps = np.abs(np.diff(np.concatenate([[last], gains])))
        assert steps.max() <= 1 / 1000 + 1e-5
        last = float(gains[-1])
    ramp.aim(1.0)
    ramp.next(2000)
    assert ramp.is_unity


def test_an_interrupted_reply_is_let_down_softly() -> None:
    mixer = Mixer(48000, 1, 100)
    loud = np.full(480, 20000, np.int16)
    blocks = [
        mixer.render(480, loud),
        mixer.render(480, ran_dry=True),
        mixer.render(480),
        mixer.render(480, loud),
        mixer.render(480, loud),
    ]
    heard = np.frombuffer(b"".join(block.data for block in blocks), np.int16).astype(int)
    assert np.abs(np.diff(heard)).max() <= 20000 / (0.004 * 48000) + 1
    assert not heard[960:1440].any() and (heard[-480:] == 20000).all()


def test_too_loud_is_clipped_not_wrapped() -> None:
    mixer = Mixer(48000, 1, 100)
    mixer.play(Cue.RING)
    loudest = mixer.render(9600, np.full(9600, 32767, np.int16))
    heard = np.frombuffer(loudest.data, np.int16)
    assert heard.max() == 32767 and heard.min() > 20000


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 6000)), max_size=8))
def test_resampled_items_keep_their_borders(parts: list[tuple[str, int]]) -> None:
    stream = ReplyStream(24000, 16000)
    rng = np.random.default_rng(0)
    fed = [rng.integers(-9000, 9000, size).astype(np.int16) for _, size in parts]
    got: list[tuple[str, int]] = []
    out = []
    for (item, _), samples in zip(parts, fed, strict=True):
        for name, ready in stream.feed(item, samples):
            got.append((name, ready.size))
            out.append(ready)
    for name, ready in stream.flush() if fed else ():
        got.append((name, ready.size))
        out.append(ready)
    whole = np.concatenate(fed) if fed else np.zeros(0, np.int16)
    joined = np.concatenate(out) if out else np.zeros(0, np.int16)
    at_once = LowDelayResampler(24000, 16000).process(whole, last=True)
    assert np.array_equal(joined, at_once)
    for item in "ab":
        wanted = sum(size for name, size in parts if name == item) * 2 / 3
        assert abs(sum(size for name, size in got if name == item) - wanted) <= len(parts) + 1


def test_headroom_grows_after_an_xrun_and_shrinks_again() -> None:
    headroom = Headroom(most_ms=200)
    assert (headroom.playing_ms, headroom.silence_ms) == (40, 20)
    headroom.ran_dry(now=0.0)
    assert (headroom.playing_ms, headroom.silence_ms) == (60, 40)
    headroom.tick(now=19.0)
    assert headroom.playing_ms == 60
    headroom.tick(now=21.0)
    assert headroom.playing_ms == 40
    assert Headroom(most_ms=30).playing_ms == 30
