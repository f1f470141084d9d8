"""The front end: three streams that stand where the microphone was, whatever the delays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.cancelling.facts import EchoFacts
from device.audio.front_end import BLOCK_SAMPLES, Front, FrontEnd
from device.audio.hearing import Hearing, Sent
from device.events import Event, SpeechEnded, SpeechStarted, UplinkAudio, WakeDetected
from device.ports import Samples
from device.settings import VadSettings, WakeSettings
from tests.hearing.fakes import LOUD, FakeVad, FakeWake, feed


class Late:
    """A canceller that removes nothing and is late."""

    def __init__(self, latency_samples: int, channels: int = 1) -> None:
        self.latency_samples = latency_samples
        self.channels = channels
        self.calls: list[tuple[int, int]] = []  # (first frame, samples)
        self.restarts = 0
        self.restart()

    def observe(self, end_frame: int, at: float) -> None:
        pass

    def restart(self) -> None:
        self.restarts += 1
        self.held = np.zeros((self.latency_samples, self.channels), np.int16)
        self.made = self.held[:0]

    @property
    def for_wake(self) -> Samples:
        return self.made

    @property
    def facts(self) -> EchoFacts:
        parts = ((0.0, 0.0, 0.0, 0.0),) * (len(self.made) // BLOCK_SAMPLES)
        return EchoFacts(False, True, 0.0, 0.0, 0.0, -120.0, parts)

    def process(self, near: Samples, first_frame: int) -> Samples:
        assert len(near) % BLOCK_SAMPLES == 0
        self.calls.append((first_frame, len(near)))
        whole = np.concatenate([self.held, near])
        self.held = whole[len(near) :]
        self.made = whole[: len(near)]
        return self.made


class LatePolish:
    """A polish that doubles every sample, later."""

    latency_samples = 37

    def __init__(self) -> None:
        self.late = Late(self.latency_samples)

    def reset(self) -> None:
        self.late.restart()

    def clean(self, samples: Samples) -> Samples:
        return 2 * self.late.process(samples[:, None], 0)[:, 0]


def noise(frames: int, channels: int = 1) -> Samples:
    shape = (frames, channels)
    return np.random.default_rng(3).integers(-9000, 9000, shape).astype(np.int16)


def joined(parts: list[Front], stream: str) -> Samples:
    return np.concatenate([getattr(part, stream) for part in parts])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 500), st.lists(st.integers(1, 900), min_size=1, max_size=30))
def test_every_stream_begins_with_the_first_sample_and_ends_with_the_last(
    latency: int, sizes: list[int]
) -> None:
    front = FrontEnd(Late(latency), rate_hz=16_000, polish=LatePolish())
    front.begin(1000)
    sound = noise(sum(sizes))
    parts, at = [], 0
    for size in sizes:
        parts.append(front.process(sound[at : at + size]))
        at += size
    early = joined(parts, "clean")
    assert np.array_equal(early, sound[: len(early), 0])
    assert at - len(early) < latency + BLOCK_SAMPLES
    parts.append(front.flush())
    assert np.array_equal(joined(parts, "raw"), sound[:, 0])
    assert np.array_equal(joined(parts, "clean"), sound[:, 0])
    assert np.array_equal(joined(parts, "words"), sound[:, 0])
    assert np.array_equal(joined(parts, "polished"), 2 * sound[:, 0])


def test_the_canceller_is_told_which_capture_frame_each_block_begins_with() -> None:
    canceller = Late(0)
    front = FrontEnd(canceller, rate_hz=48_000)
    front.begin(300)
    for _ in range(5):
        front.process(noise(480))
    at = canceller.calls[0][0]
    assert at <= 300
    for first_frame, count in canceller.calls:
        assert first_frame == at
        at += 3 * count


def test_a_block_does_not_wait_for_another_period_because_the_resampler_looks_ahead() -> None:
    canceller = Late(0)
    front = FrontEnd(canceller, rate_hz=48_000)
    front.begin(0)
    for number in range(1, 6):
        front.process(noise(480))
        assert len(canceller.calls) == number // 2


class LateJoin:
    """The mean of two channels, or one of them, later."""

    latency_samples = 23

    def __init__(self) -> None:
        self.alone: int | None = None
        self.late = Late(self.latency_samples, channels=2)

    def reset(self) -> None:
        self.late.restart()

    def join(self, frames: Samples) -> Samples:
        late = self.late.process(frames, 0)
        if self.alone is not None:
            return late[:, self.alone].copy()
        return (late.astype(int).sum(axis=1) // 2).astype(np.int16)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
def test_the_kept_channels_reach_the_canceller_and_become_one_in_place_behind_it(
    rate_hz: int,
) -> None:
    keep, join = (3, 1), LateJoin
    front = FrontEnd(
        Late(24, channels=2), rate_hz=rate_hz, keep=keep, raw=1, join=join, polish=LatePolish()
    )
    alone = [FrontEnd(Late(24), rate_hz=rate_hz, keep=(channel,)) for channel in keep]
    sound = noise(4800, 4)
    parts = [front.process(sound[:1100]), front.process(sound[1100:]), front.flush()]
    one, other = (joined([f.process(sound), f.flush()], "clean").astype(int) for f in alone)
    assert np.array_equal(joined(parts, "raw"), other), "of the one that is named"
    assert np.array_equal(joined(parts, "clean"), (one + other) // 2)
    assert np.array_equal(joined(parts, "words"), (one + other) // 2)
    assert len(joined(parts, "polished")) == len(one)


def test_one_of_them_can_be_heard_alone_and_no_position_moves() -> None:
    front = FrontEnd(Late(24, channels=2), rate_hz=16_000, keep=(3, 1), join=LateJoin)
    sound = noise(4800, 4)
    parts = [front.process(sound[:1600])]
    front.use(1)
    parts.append(front.process(sound[1600:3200]))
    front.use(3, together=True)
    parts += [front.process(sound[3200:]), front.flush()]
    mean = (sound[:, 3].astype(int) + sound[:, 1]) // 2
    clean = joined(parts, "clean")
    assert np.array_equal(clean[:1500], mean[:1500])
    assert np.array_equal(clean[1600:3100], sound[1600:3100, 1])
    assert np.array_equal(clean[3200:], mean[3200:])
    assert np.array_equal(joined(parts, "raw")[1600:3200], sound[1600:3200, 1])


def test_another_channel_takes_the_place_of_the_one_that_is_kept() -> None:
    front = FrontEnd(Late(24), rate_hz=16_000, keep=(2,))
    sound = noise(3200, 3)
    parts = [front.process(sound[:1600])]
    front.use(0)
    parts += [front.process(sound[1600:]), front.flush()]
    heard = np.concatenate([sound[:1600, 2], sound[1600:, 0]])
    assert np.array_equal(joined(parts, "clean")[:1500], heard[:1500])
    assert np.array_equal(joined(parts, "clean")[1650:], heard[1650:])


def test_several_channels_that_nothing_joins_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing makes one channel"):
        FrontEnd(Late(0, channels=2), rate_hz=16_000, keep=(0, 1))


def test_a_microphone_with_too_few_channels_is_refused() -> None:
    with pytest.raises(ValueError, match="no channels"):
        FrontEnd(Late(0), rate_hz=16_000, keep=(4,)).process(noise(160, 2))


def test_a_rate_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(ValueError, match="44100"):
        FrontEnd(Late(0), rate_hz=44_100)


# --- behind it -----------------------------------------------------------------------------


def hearing_behind(
    latency: int, rate_hz: int = 16_000, send: Sent = Sent.CLEAN, wake: FakeWake | None = None
) -> Hearing:
    return Hearing(
        wake or FakeWake(),
        FakeVad(),
        rate_hz=rate_hz,
        uplink_rate_hz=16_000,
        wake_settings=WakeSettings(),
        vad_settings=VadSettings(onset_ms=64, hangover_ms=128),
        front=FrontEnd(Late(latency), rate_hz=rate_hz),
        send=send,
    )


def sent(events: list[Event]) -> Samples:
    pcm = b"".join(e.pcm for e in events if isinstance(e, UplinkAudio))
    return np.frombuffer(pcm, np.int16)


@pytest.mark.parametrize("latency", [0, 64, 200])
@pytest.mark.parametrize("period", [37, 160, 1280])
def test_a_wake_word_stands_where_it_was_said_whatever_the_delay(latency: int, period: int) -> None:
    samples = np.zeros(9000, np.int16)
    samples[3000] = LOUD
    events = feed(hearing_behind(latency), samples, 5000, period)
    assert events == [WakeDetected("word", 1.0, 5000 + 3 * 1280)]


def test_frames_are_capture_frames_at_48_khz() -> None:
    hearing = hearing_behind(64, 48_000)
    quiet = np.zeros(15_360, np.int16)
    speech = np.tile(np.repeat(np.array([3000, -3000], np.int16), 48), 320)
    hearing.run_vad(True)
    events = feed(hearing, np.concatenate([quiet, speech, quiet, quiet]), 900, 480)
    started, ended = (e for e in events if isinstance(e, SpeechStarted | SpeechEnded))
    assert abs(started.at_frame - 900 - len(quiet)) <= 3 * 512
    assert abs(ended.at_frame - 900 - len(quiet) - len(speech)) <= 3 * 512


@pytest.mark.parametrize("send", [Sent.CLEAN, Sent.RAW])
def test_the_uplink_is_the_microphone_to_the_sample(send: Sent) -> None:
    hearing = hearing_behind(64, send=send)
    sound = noise(8000)[:, 0]
    events = feed(hearing, sound[:4000], 700)
    hearing.start_uplink(700 + 1000)
    events += hearing.advance()
    events += feed(hearing, sound[4000:], 4700)
    events += hearing.stop_uplink()
    audio = [e for e in events if isinstance(e, UplinkAudio)]
    assert audio[0].first_frame == 1700
    heard = sent(events)
    assert np.array_equal(heard, sound[1000 : 1000 + len(heard)])
    assert len(sound) - 1000 - len(heard) < 64 + BLOCK_SAMPLES + 160


def test_a_short_gap_loses_only_what_was_lost_in_it() -> None:
    wake = FakeWake()
    hearing = hearing_behind(64, wake=wake)
    sound = noise(2560)[:, 0]
    feed(hearing, sound[:1000], 0)
    feed(hearing, sound[1000:], 1000 + 777)
    feed(hearing, np.zeros(1280, np.int16), 2560 + 777)
    assert np.array_equal(np.concatenate(wake.chunks)[: len(sound)], sound)


def test_the_microphone_that_is_closed_leaves_nothing_behind() -> None:
    hearing = hearing_behind(64)
    feed(hearing, noise(1600)[:, 0], 0)
    hearing.forget()
    hearing.start_uplink(0)
    events = feed(hearing, np.zeros(3200, np.int16), 1600)
    assert not sent(events).any()


def test_what_was_said_in_this_turn_can_be_judged() -> None:
    hearing = hearing_behind(0)
    sound = noise(32_000)[:, 0]
    feed(hearing, sound[:16_000], 0)
    assert not len(hearing.turn_so_far(8000))
    hearing.start_uplink(8000)
    hearing.advance()
    feed(hearing, sound[16_000:], 16_000)
    assert np.array_equal(hearing.turn_so_far(8000), sound[8000:])
    assert np.array_equal(hearing.turn_so_far(500), sound[-8000:])
