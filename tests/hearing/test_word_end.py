"""Where the uplink starts after a wake word: fixed cases and what holds for any sound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.wake import CHUNK_SAMPLES
from device.audio.wakewords.word_end import AHEAD_MS, FAR_REACH_MS, WordEnds, uplink_start
from device.events import SpeechStarted, UplinkAudio, UplinkStopped
from device.ports import Samples
from tests.hearing.fakes import LOUD, feed, make_hearing

KHZ = 16


def noise(ms: int, level: float) -> Samples:
    rng = np.random.default_rng(ms)
    return (rng.standard_normal(ms * KHZ) * level).astype(np.int16)


def voice(ms: int) -> Samples:
    return noise(ms, 3000.0)


def hiss(ms: int) -> Samples:
    return noise(ms, 8.0)


def start_ms(*parts: Samples, detected_ms: int) -> float:
    return uplink_start(np.concatenate(parts), detected_ms * KHZ) / KHZ


# --- the decision -------------------------------------------------------------


def test_a_late_detection_starts_in_the_pause_before_the_question() -> None:
    start = start_ms(hiss(600), voice(500), hiss(100), voice(700), detected_ms=1250)
    assert 1100 <= start <= 1200
    assert start >= 1200 - 100


def test_a_very_late_detection_starts_in_the_pause_before_the_question() -> None:
    start = start_ms(hiss(600), voice(500), hiss(150), voice(900), detected_ms=1600)
    assert 1180 <= start <= 1250


def test_a_closure_is_no_pause_however_late_the_detection() -> None:
    word = np.concatenate([voice(300), hiss(90), voice(400)])
    assert start_ms(hiss(500), word, hiss(150), voice(500), detected_ms=1250) >= 1290


def test_an_early_detection_waits_for_the_word_to_end() -> None:
    start = start_ms(hiss(600), voice(500), hiss(100), voice(700), detected_ms=1000)
    assert 1100 <= start <= 1200


def test_a_pause_that_still_lasts_is_where_it_starts() -> None:
    assert 1100 <= start_ms(hiss(600), voice(500), hiss(900), detected_ms=1200) <= 1440


def test_long_after_the_word_nothing_of_the_reach_is_left_out_in_doubt() -> None:
    start = start_ms(hiss(600), voice(500), hiss(600), voice(500), detected_ms=1800)
    assert 1600 <= start <= 1700


def test_a_closure_inside_the_word_is_no_end() -> None:
    """The "k" of alexa: deep, but short; the word ends 100 ms after the detection."""
    word = np.concatenate([voice(400), hiss(40), voice(260)])
    start = start_ms(hiss(500), word, hiss(150), voice(500), detected_ms=1100)
    assert 1200 <= start <= 1350


def test_a_weak_s_in_the_word_is_no_end() -> None:
    """It is as quiet as a pause in level, but not in the differences between samples."""
    hum = (5000 * np.sin(np.arange(300 * KHZ) * 2 * np.pi * 200 / 16_000)).astype(np.int16)
    weak_s = noise(120, 120.0)
    assert start_ms(hiss(500), hum, weak_s, hum, hiss(200), detected_ms=1000) >= 1220
    assert start_ms(hiss(500), hum, hiss(120), hum, hiss(200), detected_ms=1000) <= 920


def test_without_a_pause_all_that_was_looked_at_is_left_out() -> None:
    assert start_ms(hiss(600), voice(2000), detected_ms=1200) == 1200 + AHEAD_MS


def test_it_makes_do_with_what_there_is() -> None:
    assert start_ms(voice(5), detected_ms=0) == 0
    assert start_ms(voice(100), detected_ms=0) == 100
    assert start_ms(voice(100), detected_ms=100) == 100


@st.composite
def sounds(draw: st.DrawFn) -> tuple[Samples, int]:
    """Sounds of any loudness in any order, and a detection anywhere in them."""
    parts = draw(
        st.lists(
            st.tuples(st.integers(1, 600), st.sampled_from([0.0, 8.0, 300.0, 9000.0])),
            min_size=1,
            max_size=6,
        )
    )
    sound = np.concatenate([noise(ms, level) for ms, level in parts])
    return sound, draw(st.integers(0, len(sound)))


@given(sounds())
def test_it_stays_within_its_reach_and_the_sound(case: tuple[Samples, int]) -> None:
    sound, detected = case
    start = uplink_start(sound, detected)
    assert 0 <= start <= len(sound)
    assert detected - FAR_REACH_MS * KHZ <= start <= detected + AHEAD_MS * KHZ


@given(sounds(), st.integers(0, 2000))
def test_what_it_need_not_know_changes_nothing(case: tuple[Samples, int], ms: int) -> None:
    """Neither audio after ``AHEAD_MS`` nor audio from long before the detection."""
    sound, detected = case
    sound = np.concatenate([hiss(1500), sound, hiss(AHEAD_MS)])
    detected += 1500 * KHZ
    start = uplink_start(sound, detected)
    assert uplink_start(np.concatenate([sound, voice(ms)]), detected) == start
    earlier = voice(ms - ms % 10)
    assert uplink_start(np.concatenate([earlier, sound]), detected + len(earlier)) == start + len(
        earlier
    )


# --- for each detection, from chunks ------------------------------------------


def heard(ends: WordEnds, sound: Samples, at: int, first_frame: int, khz: int) -> None:
    for end in range(CHUNK_SAMPLES, len(sound) + 1, CHUNK_SAMPLES):
        frame = first_frame + end * khz // KHZ
        ends.hear(sound[end - CHUNK_SAMPLES : end], frame)
        if end == at:
            ends.expect(frame)


@pytest.mark.parametrize("khz", [16, 48])
def test_the_answer_counts_capture_frames_and_comes_when_enough_was_heard(khz: int) -> None:
    ends = WordEnds(khz * 1000)
    sound = np.concatenate([hiss(600), voice(520), hiss(100), voice(700)])
    at = 16 * CHUNK_SAMPLES  # 1280 ms
    frame = 5000 + 1280 * khz
    heard(ends, sound[: at + 2 * CHUNK_SAMPLES], at, 5000, khz)
    assert ends.start_for(frame) is None
    ends.hear(sound[at + 2 * CHUNK_SAMPLES :][:CHUNK_SAMPLES], frame + AHEAD_MS * khz)
    start = ends.start_for(frame)
    assert start == 5000 + uplink_start(sound, at) * khz // KHZ
    assert 5000 + 1120 * khz <= start <= 5000 + 1220 * khz


def test_a_frame_of_no_detection_is_meant_as_it_stands() -> None:
    ends = WordEnds(16_000)
    assert ends.start_for(1234) == 1234
    assert not ends.is_detection(1234)


def test_a_gap_before_the_decision_begins_it_at_the_gaps_end() -> None:
    ends = WordEnds(16_000)
    heard(ends, voice(320), 4 * CHUNK_SAMPLES, 0, 16)
    assert ends.start_for(4 * CHUNK_SAMPLES) is None
    ends.restart(20_000)
    assert ends.start_for(4 * CHUNK_SAMPLES) == 20_000


def test_a_run_of_chunks_that_a_gap_broke_never_starts_before_the_gap() -> None:
    ends = WordEnds(16_000)
    heard(ends, voice(320), 0, 0, 16)
    ends.restart(8000)
    ends.expect(4 * CHUNK_SAMPLES)  # patience: the run began before the gap
    heard(ends, voice(320), 0, 8000, 16)
    start = ends.start_for(4 * CHUNK_SAMPLES)
    assert start is not None
    assert 8000 <= start <= 8000 + AHEAD_MS * KHZ


# --- in the ear ---------------------------------------------------------------

DETECTED = 17 * CHUNK_SAMPLES


def spoken() -> Samples:
    """1.1 s of which the last sample of the 17th chunk wakes, a pause, and a question."""
    sound = np.concatenate([hiss(600), voice(500), hiss(110), voice(1500)])
    sound = np.clip(sound, -15_000, 15_000).astype(np.int16)
    sound[DETECTED - 1] = LOUD
    return sound


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1, 7, 160, 480, 1280, 4000, 50_000]), st.integers(0, 3), st.booleans())
def test_the_uplink_is_the_same_whatever_the_period_and_however_late_it_is_asked_for(
    period: int, late: int, vad_first: bool
) -> None:
    sound = spoken()
    hearing = make_hearing(uplink_rate_hz=16_000)
    asked = DETECTED + late * 1600
    feed(hearing, sound[:asked], 0, max(period, 40))
    if vad_first:
        hearing.run_vad(True)
        hearing.advance()
    hearing.start_uplink(DETECTED)
    assert hearing.uplink_on
    hearing.run_vad(True)
    events = [*hearing.advance(), *feed(hearing, sound[asked:], asked, max(period, 40))]
    events += hearing.stop_uplink()
    audio = [event for event in events if isinstance(event, UplinkAudio)]
    first = uplink_start(sound, DETECTED)
    assert audio[0].first_frame == first
    pcm = np.frombuffer(b"".join(event.pcm for event in audio), "<i2")
    assert np.array_equal(pcm, sound[first:])
    begun = [event.at_frame for event in events if isinstance(event, SpeechStarted)]
    assert all(frame >= first for frame in begun)


def test_stopped_before_the_words_end_is_known_nothing_is_sent() -> None:
    hearing = make_hearing()
    feed(hearing, spoken()[:DETECTED], 0)
    hearing.start_uplink(DETECTED)
    assert hearing.advance() == []
    assert hearing.stop_uplink() == [UplinkStopped(DETECTED)]
    assert not hearing.uplink_on
    assert not [e for e in feed(hearing, voice(500), DETECTED) if isinstance(e, UplinkAudio)]
