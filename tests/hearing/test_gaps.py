"""Short gaps in the capture: they cost what was lost in them, and nothing around it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.chunks import Chunks
from device.audio.hearing import SHORT_GAP_MS
from device.audio.polyphase import LowDelayResampler
from device.audio.preroll import PrerollRing
from device.audio.wake import CHUNK_SAMPLES
from device.events import SpeechStarted, UplinkAudio, WakeDetected
from device.ports import Samples
from device.settings import VadSettings
from tests.hearing.fakes import LOUD, FakeVad, FakeWake, feed, make_hearing

BASE = 777
GAPS = st.lists(st.tuples(st.integers(1, 20_000), st.integers(1, 3000)), max_size=4)
RATES = st.sampled_from([16_000, 44_100, 48_000])


def microphone(frames: int) -> Samples:
    return np.random.default_rng(7).integers(-9000, 9000, frames).astype(np.int16)


def stretches(gaps: list[tuple[int, int]], last: int) -> list[tuple[int, int]]:
    """[first, end) of what is heard, between the gaps and ``last`` frames after them."""
    found, at = [], BASE
    for heard, lost in gaps:
        found.append((at, at + heard))
        at += heard + lost
    return [*found, (at, at + last)]


@settings(max_examples=60, deadline=None)
@given(GAPS, st.integers(0, 9000), RATES, st.integers(1, 4000), st.sampled_from([512, 1280]))
def test_chunks_splice_what_was_heard_and_number_its_frames_exactly(
    gaps: list[tuple[int, int]], last: int, rate_hz: int, period: int, size: int
) -> None:
    heard = stretches(gaps, last)
    frames = np.concatenate([np.arange(*part) for part in heard])
    sound = microphone(heard[-1][1] - BASE)
    ring = PrerollRing(200_000)
    ring.restart(BASE)
    chunks = Chunks(ring, rate_hz, size)
    taken = []
    for number, (first, end) in enumerate(heard):
        if number:
            chunks.resume(first)
            ring.restart(first)
        for at in range(first, end, period):
            ring.append(sound[at - BASE : min(at + period, end) - BASE])
            taken += list(chunks.take())
    expected = LowDelayResampler(rate_hz, 16_000).process(sound[frames - BASE])
    samples = np.concatenate([chunk for chunk, _, _ in taken]) if taken else expected[:0]
    assert np.array_equal(samples, expected[: len(samples)])  # nothing lost, nothing twice
    assert len(expected) - len(samples) < size
    for number, (chunk, first_frame, end_frame) in enumerate(taken):
        begin, end = (-(-k * size * rate_hz // 16_000) for k in (number, number + 1))
        assert len(chunk) == size
        assert first_frame == frames[begin]
        assert end_frame == frames[end - 1] + 1
    assert all(a[2] <= b[1] for a, b in pairwise(taken))
    assert chunks.wanted_frame > ring.end


def test_chunks_that_nobody_took_before_the_gap_are_not_lost() -> None:
    ring = PrerollRing(50_000)
    chunks = Chunks(ring, 16_000, 512)
    sound = microphone(4000)
    ring.append(sound[:2000])
    chunks.resume(2500)
    ring.restart(2500)
    ring.append(sound[2000:])
    taken = list(chunks.take())
    assert np.array_equal(np.concatenate([c for c, _, _ in taken]), sound[: 7 * 512])
    assert [first for _, first, _ in taken][:5] == [0, 512, 1024, 1536, 2048 + 500]


def test_a_reader_that_was_to_begin_later_is_not_moved_by_a_gap_before_that() -> None:
    ring = PrerollRing(50_000)
    for begin, gap_end, first in ((3000, 2500, 3000), (2200, 2500, 2500)):
        ring.restart(0)
        chunks = Chunks(ring, 16_000, 512)
        ring.append(microphone(2000))
        chunks.restart(begin)
        chunks.resume(gap_end)
        ring.restart(gap_end)
        ring.append(microphone(1500))
        assert next(chunks.take())[1:] == (first, first + 512)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 12_000),
    st.integers(1, 16 * SHORT_GAP_MS),
    st.sampled_from([1, 3]),
    st.sampled_from([37, 160, 480, 1280, 9000]),
)
def test_the_wake_word_hears_both_sides_of_a_short_gap_and_names_the_right_frame(
    gap_at: int, gap: int, scale: int, period: int
) -> None:
    sound = np.zeros(48_000 * scale, np.int16)
    loud_at = 20_000 * scale
    sound[loud_at : loud_at + 40] = LOUD + 9000
    gap_at, gap = gap_at * scale, gap * scale
    wake = FakeWake()
    hearing = make_hearing(16_000 * scale, wake=wake)
    events = feed(hearing, sound[:gap_at], 0, period)
    events += feed(hearing, sound[gap_at + gap :], gap_at + gap, period)
    (detected,) = (event for event in events if isinstance(event, WakeDetected))
    chunk = CHUNK_SAMPLES * scale
    assert loud_at < detected.at_frame <= loud_at + chunk + 40
    assert (detected.at_frame - gap) % chunk == 0  # counted in what was heard
    kept = np.concatenate([sound[:gap_at], sound[gap_at + gap :]])
    expected = LowDelayResampler(16_000 * scale, 16_000).process(kept)
    heard = np.concatenate(wake.chunks)
    assert np.array_equal(heard, expected[: len(heard)])


def test_the_vad_keeps_the_chunk_that_a_gap_broke() -> None:
    vad = FakeVad()
    hearing = make_hearing(vad=vad, vad_settings=VadSettings(onset_ms=64))
    hearing.run_vad(True)
    speech = np.tile(np.array([1000, -1000], np.int16), 5000)
    events = feed(hearing, speech[:500], 0)
    events += feed(hearing, speech[700:], 700)
    assert SpeechStarted(0) in events
    assert np.array_equal(np.concatenate(vad.chunks)[:1024], speech[:1024])


def question_after_a_word() -> tuple[Samples, int]:
    """A loud word, 100 ms of silence, a question; and where the word is detected, 160 ms
    (two chunks) after its end."""
    sound = np.zeros(64_000, np.int16)
    detected = 14 * CHUNK_SAMPLES
    end = detected - 2 * CHUNK_SAMPLES
    sound[end - 6000 : end] = microphone(6000)
    sound[end + 1600 :] = microphone(len(sound) - end - 1600)
    sound[detected - 1] = LOUD
    return sound, detected


def sent_with_a_gap(gap_at: int, gap: int) -> tuple[list[UplinkAudio], Samples, int]:
    """From the detection on; the gap begins ``gap_at`` frames after it."""
    sound, detected = question_after_a_word()
    hearing = make_hearing(uplink_rate_hz=16_000)
    feed(hearing, sound[:detected], 0)
    hearing.start_uplink(detected)
    hearing.run_vad(True)
    gap_at += detected
    events = feed(hearing, sound[detected:gap_at], detected)
    events += feed(hearing, sound[gap_at + gap :], gap_at + gap)
    events += hearing.stop_uplink()
    return [event for event in events if isinstance(event, UplinkAudio)], sound, gap_at


def test_an_uplink_that_waits_for_the_words_end_loses_the_gap_and_no_more() -> None:
    whole, sound, _ = sent_with_a_gap(30_000, 0)
    first = whole[0].first_frame
    for gap_at, gap in ((1000, 800), (1280, 3200), (2000, 160), (3700, 320)):
        audio, _, at = sent_with_a_gap(gap_at, gap)
        assert audio[0].first_frame == first < at
        sent = np.frombuffer(b"".join(piece.pcm for piece in audio), "<i2")
        assert np.array_equal(sent, np.concatenate([sound[first:at], sound[at + gap :]]))
        assert all(a.end_frame <= b.first_frame for a, b in pairwise(audio))


def test_nothing_of_the_word_is_sent_because_a_gap_came_in_it() -> None:
    """The word goes on until 150 ms after the detection; the gap lies before its end."""
    sound = microphone(64_000)
    detected = 14 * CHUNK_SAMPLES
    sound[detected - 1] = LOUD
    end = detected + 2400
    sound[end : end + 1600] = 0
    hearing = make_hearing(uplink_rate_hz=16_000)
    feed(hearing, sound[:detected], 0)
    hearing.start_uplink(detected)
    events = feed(hearing, sound[detected : detected + 500], detected)
    events += feed(hearing, sound[detected + 900 :], detected + 900)
    audio = [event for event in events if isinstance(event, UplinkAudio)]
    assert end <= audio[0].first_frame <= end + 1600


def test_forgetting_leaves_nothing_of_before_a_gap() -> None:
    sound, detected = question_after_a_word()
    hearing = make_hearing(uplink_rate_hz=16_000)
    feed(hearing, sound[:detected], 0)
    hearing.start_uplink(detected)
    at = detected + 1000
    events = feed(hearing, sound[detected:at], detected)
    events += feed(hearing, sound[at : at + 1000], at + 500)
    events += hearing.forget()
    events += feed(hearing, np.zeros(8000, np.int16), at + 1500)
    audio = [event for event in events if isinstance(event, UplinkAudio)]
    assert audio
    assert not any(byte for piece in audio for byte in piece.pcm)
