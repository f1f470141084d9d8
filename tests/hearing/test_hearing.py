"""Wake word, VAD, gaps: everything of Hearing but the uplink."""

from __future__ import annotations

import numpy as np
import pytest

from device.events import SpeechEnded, SpeechStarted, WakeDetected
from device.settings import VadSettings, WakeSettings
from tests.hearing.fakes import LOUD, FakeVad, FakeWake, feed, make_hearing

RATE = 16_000


def with_loud(count: int, *at: int) -> np.ndarray:
    samples = np.zeros(count, np.int16)
    for frame in at:
        samples[frame] = LOUD
    return samples


@pytest.mark.parametrize("period", [1, 37, 160, 1280, 9000])
def test_at_frame_is_the_end_of_the_chunk_whatever_the_period(period: int) -> None:
    events = feed(make_hearing(), with_loud(9000, 3000), 5000, period)
    assert events == [WakeDetected("word", 1.0, 5000 + 3 * 1280)]


@pytest.mark.parametrize("period", [480, 500, 8000])
def test_at_frame_counts_capture_frames_at_48_khz(period: int) -> None:
    samples = np.zeros(24_000, np.int16)
    samples[9000:9100] = 30_000  # a pulse long enough to survive the filter
    events = feed(make_hearing(48_000), samples, 777, period)
    assert events == [WakeDetected("word", 1.0, 777 + 3 * 3840)]


def test_wake_is_heard_within_a_period_of_the_chunks_end_at_48_khz() -> None:
    wake = FakeWake()
    hearing = make_hearing(48_000, wake=wake)
    feed(hearing, np.zeros(3840, np.int16), 0, 480)
    assert len(wake.chunks) == 0  # the resampler looks 2 ms ahead
    feed(hearing, np.zeros(480, np.int16), 3840, 480)
    assert len(wake.chunks) == 1


def test_the_wake_engine_gets_the_microphone_unchanged_at_16_khz() -> None:
    wake, samples = FakeWake(), np.arange(4 * 1280).astype(np.int16)
    hearing = make_hearing(wake=wake)
    feed(hearing, samples, 0)
    assert np.array_equal(np.concatenate(wake.chunks), samples)
    assert hearing.inferences == 4


def test_only_the_chosen_channel_is_heard() -> None:
    frames = np.zeros((1280, 3), np.int16)
    frames[:, 2] = LOUD
    assert make_hearing(channel=1).process(0, frames) == []
    assert len(make_hearing(channel=2).process(0, frames)) == 1


def test_a_stall_longer_than_the_preroll_loses_nothing() -> None:
    wake, samples = FakeWake(), np.arange(12 * 16_000).astype(np.int16)
    make_hearing(wake=wake, preroll_ms=1000).process(0, samples[:, None])
    heard = np.concatenate(wake.chunks)
    assert np.array_equal(heard, samples[: len(heard)])
    assert len(samples) - len(heard) < 1280


def test_a_preroll_must_be_longer_than_a_slice() -> None:
    with pytest.raises(ValueError, match="preroll of 500 ms"):
        make_hearing(preroll_ms=500)


def test_an_idle_ear_wants_to_be_woken_once_a_chunk() -> None:
    hearing = make_hearing()
    feed(hearing, np.zeros(2000, np.int16), 0)
    assert hearing.wanted_frame == 2 * 1280
    hearing.run_vad(True)
    assert hearing.wanted_frame == 0
    hearing.run_vad(False)
    hearing.start_uplink(0)
    assert hearing.wanted_frame == 0


def test_settings_change_while_it_runs() -> None:
    hearing = make_hearing(wake_settings=WakeSettings(patience=3))
    assert feed(hearing, with_loud(1280, 5), 0) == []
    hearing.tune(WakeSettings(patience=1), VadSettings())
    assert len(feed(hearing, with_loud(1280, 5), 1280)) == 1


# --- gaps ---------------------------------------------------------------------


def test_after_a_long_gap_chunks_begin_at_the_new_frame() -> None:
    wake = FakeWake()
    hearing = make_hearing(wake=wake)
    feed(hearing, np.full(1000, 1, np.int16), 0)
    events = feed(hearing, with_loud(1280, 0), 5000)
    assert events == [WakeDetected("word", 1.0, 5000 + 1280)]
    (chunk,) = wake.chunks
    assert np.array_equal(chunk, with_loud(1280, 0))  # nothing of what came before


def test_a_short_gap_keeps_what_the_engine_heard_and_a_long_one_does_not() -> None:
    wake = FakeWake()
    hearing = make_hearing(wake=wake)
    feed(hearing, np.zeros(1600, np.int16), 0)
    at_start = wake.resets
    feed(hearing, np.zeros(1600, np.int16), 1600 + 3200)  # 200 ms lost
    assert wake.resets == at_start
    feed(hearing, np.zeros(1600, np.int16), 6400 + 3360)  # 210 ms lost
    assert wake.resets == at_start + 1


def test_forget_leaves_nothing_of_the_past() -> None:
    wake = FakeWake()
    hearing = make_hearing(wake=wake)
    feed(hearing, np.full(1600, 7, np.int16), 0)
    resets = wake.resets
    assert hearing.forget() == []
    assert wake.resets == resets + 1
    hearing.start_uplink(0)
    (audio,) = feed(hearing, np.zeros(1600, np.int16), 1600, 1600)
    assert audio.first_frame == 1600
    assert not any(audio.pcm)


# --- voice activity -----------------------------------------------------------

SPEECH = np.tile(np.array([1000, -1000], np.int16), 2560)  # 10 chunks of 512


def test_the_vad_does_not_run_unless_asked() -> None:
    vad = FakeVad()
    hearing = make_hearing(vad=vad)
    feed(hearing, SPEECH, 0)
    assert vad.chunks == []
    hearing.run_vad(True)
    feed(hearing, SPEECH, len(SPEECH))
    assert len(vad.chunks) == 10
    hearing.run_vad(False)
    feed(hearing, SPEECH, 2 * len(SPEECH))
    assert len(vad.chunks) == 10


@pytest.mark.parametrize(("rate_hz", "scale"), [(16_000, 1), (48_000, 3)])
def test_speech_has_capture_frames(rate_hz: int, scale: int) -> None:
    hearing = make_hearing(rate_hz, vad_settings=VadSettings(onset_ms=64, hangover_ms=128))
    silence = np.zeros(scale * 5120, np.int16)
    feed(hearing, silence, 0)
    hearing.run_vad(True)
    speech = np.repeat(np.tile(np.array([1000] * 8 + [-1000] * 8, np.int16), 320), scale)
    samples = np.concatenate([silence, speech, silence])
    events = feed(hearing, samples, len(silence), 160 * scale)
    started, ended = events
    assert isinstance(started, SpeechStarted)
    assert isinstance(ended, SpeechEnded)
    assert abs(started.at_frame - 2 * len(silence)) <= 512 * scale
    assert abs(ended.at_frame - (2 * len(silence) + len(speech))) <= 512 * scale


def test_switched_on_with_an_uplink_it_hears_what_is_sent_from_its_first_frame() -> None:
    for vad_first in (True, False):
        hearing = make_hearing(vad_settings=VadSettings(onset_ms=64))
        feed(hearing, np.concatenate([np.zeros(5120, np.int16), SPEECH]), 0)
        if vad_first:
            hearing.run_vad(True)
        hearing.start_uplink(5120)
        hearing.run_vad(True)
        assert SpeechStarted(5120) in hearing.advance()


def test_switched_on_without_an_uplink_it_starts_now() -> None:
    hearing = make_hearing(vad_settings=VadSettings(onset_ms=64))
    feed(hearing, SPEECH, 0)
    hearing.run_vad(True)
    assert hearing.advance() == []
    assert feed(hearing, SPEECH, len(SPEECH))[0] == SpeechStarted(len(SPEECH))


def test_each_start_of_the_vad_is_a_fresh_one() -> None:
    vad = FakeVad()
    hearing = make_hearing(vad=vad)
    hearing.run_vad(True)
    feed(hearing, SPEECH, 0)
    hearing.run_vad(False)
    hearing.run_vad(True)
    events = feed(hearing, SPEECH, len(SPEECH))
    assert vad.resets >= 2
    assert events == [SpeechStarted(len(SPEECH))]


def speech_with_a_gap(gap_at: int, gap: int) -> list[object]:
    """Loud from 0.5 s to 2 s; ``gap`` frames from frame ``gap_at`` on are lost."""
    samples = np.zeros(8 * RATE, np.int16)
    samples[RATE // 2 : 2 * RATE] = LOUD
    hearing = make_hearing()
    hearing.run_vad(True)
    events = feed(hearing, samples[:gap_at], 0)
    events += feed(hearing, samples[gap_at + gap :], gap_at + gap)
    return [e for e in events if isinstance(e, SpeechStarted | SpeechEnded)]


@pytest.mark.parametrize("gap_at", [1.0, 1.8, 1.95, 2.05, 2.2])
@pytest.mark.parametrize("gap_s", [0.02, 0.15])
def test_an_overrun_does_not_swallow_the_end_of_speech(gap_at: float, gap_s: float) -> None:
    started, ended = speech_with_a_gap(round(gap_at * RATE), round(gap_s * RATE))
    assert isinstance(started, SpeechStarted) and isinstance(ended, SpeechEnded)
    assert abs(ended.at_frame - 2 * RATE) <= round(gap_s * RATE) + 512


def test_speech_ends_where_the_microphone_was_lost() -> None:
    started, ended = speech_with_a_gap(RATE, 5 * RATE)
    assert isinstance(started, SpeechStarted)
    assert ended == SpeechEnded(RATE)


def test_a_microphone_lost_in_silence_says_nothing_of_speech() -> None:
    assert speech_with_a_gap(RATE // 4, 6 * RATE) == []
