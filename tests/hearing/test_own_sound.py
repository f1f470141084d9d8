"""Under the mask: zeros of the same length, and no onset."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.audio.format import samples_of
from device.audio.own_sound import OwnSoundMask
from device.audio.polyphase import LowDelayResampler
from device.events import SpeechEnded, SpeechStarted, UplinkAudio
from tests.hearing.fakes import feed, make_hearing

mic = np.random.default_rng(8).integers(-20_000, 19_000, 64_000).astype(np.int16)


@pytest.mark.parametrize("rate_hz", [16_000, 48_000])
@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(1, 4000), min_size=1, max_size=6), st.integers(1, 700))
def test_the_uplink_is_the_microphone_with_zeros_where_the_device_sounded(
    rate_hz: int, stretches: list[int], period: int
) -> None:
    """Stretches alternate, unmasked first; not one sample is lost, doubled or moved."""
    hearing = make_hearing(rate_hz)
    hearing.start_uplink(0)
    expected, events, at = mic[: sum(stretches)].copy(), [], 0
    for number, length in enumerate(stretches):
        masked = number % 2 == 1
        hearing.mask(masked)
        if masked:
            expected[at : at + length] = 0
        events += feed(hearing, mic[at : at + length], at, period)
        at += length
    events += hearing.stop_uplink()
    sent = samples_of(b"".join(e.pcm for e in events if isinstance(e, UplinkAudio)))
    assert np.array_equal(sent, LowDelayResampler(rate_hz, 24_000).process(expected, last=True))


def test_a_late_start_does_not_blank_what_was_said_before_it() -> None:
    """Masked in the follow-up window, then the wake word: its words are whole."""
    hearing = make_hearing()
    hearing.mask(True)
    feed(hearing, mic[:4000], 0)
    hearing.mask(False)
    hearing.start_uplink(2000)
    events = feed(hearing, mic[4000:8000], 4000) + hearing.stop_uplink()
    sent = samples_of(b"".join(e.pcm for e in events if isinstance(e, UplinkAudio)))
    expected = LowDelayResampler(16_000, 24_000).process(mic[2000:8000], last=True)
    assert np.array_equal(sent, expected)


def test_our_own_sound_is_no_onset_and_who_goes_on_after_it_is_heard() -> None:
    hearing = make_hearing()
    hearing.run_vad(True)
    feed(hearing, np.zeros(1600, np.int16), 0)
    hearing.mask(True)
    assert feed(hearing, mic[:8000], 1600) == []
    hearing.mask(False)
    [started] = feed(hearing, mic[8000:12_000], 9600)
    assert isinstance(started, SpeechStarted)
    assert 9600 <= started.at_frame <= 9600 + 512


def test_who_spoke_before_our_sound_is_still_speaking() -> None:
    hearing = make_hearing()
    hearing.run_vad(True)
    assert [type(e) for e in feed(hearing, mic[:8000], 0)] == [SpeechStarted]
    hearing.mask(True)
    assert feed(hearing, mic[8000:16_000], 8000) == []
    hearing.mask(False)
    silence = np.zeros(8000, np.int16)
    assert [type(e) for e in feed(hearing, silence, 16_000)] == [SpeechEnded]


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 50)), max_size=12), st.integers(0, 300))
def test_touches_and_blank_agree(steps: list[tuple[bool, int]], first: int) -> None:
    mask, frame, masked = OwnSoundMask(), 0, np.zeros(2000, bool)
    for on, length in steps:
        (mask.begin if on else mask.end)(frame)
        masked[frame : frame + length] = on
        frame += length
        masked[frame:] = on
    blanked = mask.blank(np.ones(40, np.int16), first) == 0
    assert np.array_equal(blanked, masked[first : first + 40])
    assert mask.touches(first, first + 40) == bool(blanked.any())
