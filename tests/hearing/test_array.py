"""An array as the ear hears it: beam, direction, swapped channels, and what is sent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from device.audio.array.beam import LATENCY_SAMPLES, FixedBeam
from device.audio.array.channel_join import BeamOrOne
from device.audio.array.geometry import parse_geometry
from device.audio.array.speaker_direction import SpeakerDirection
from device.audio.cancelling.far_end import FarEndReports
from device.audio.hearing import Hearing
from device.audio.microphones.health import MicHealth
from device.audio.microphones.watch import Listening, MicWatch
from device.events import (
    Event,
    PartDegraded,
    PartReady,
    SpeakerLocated,
    SpeechStarted,
    UplinkAudio,
    WakeDetected,
)
from device.hearing_factory import make_front_end, make_hearing, make_watch
from device.ports import Samples
from device.settings import AudioSettings, Settings
from tests.array.rooms import responses
from tests.array.sounds import babble, noise, pcm
from tests.hearing.fakes import LOUD, FakeVad, FakeWake

RATE_HZ = 16_000
GEOMETRY = "circle 4 x 45 mm"
CIRCLE = parse_geometry(GEOMETRY)
CHANNELS = (1, 2, 3, 4)
"""Of six: channel 0 is processed on board, channel 5 plays back."""


def audio(**changes: object) -> AudioSettings:
    array = AudioSettings(
        capture_channels=6,
        capture_channel=1,
        microphone_channels="1, 2, 3, 4",
        microphone_geometry=GEOMETRY,
        echo_cancellation="off",
    )
    return replace(array, **changes)  # type: ignore[arg-type]


def said_from(azimuth_deg: float, seconds: float, seed: int = 0) -> Samples:
    """Six channels: somebody speaks, every other half second, outdoors."""
    voice = noise(seconds, 900.0, seed) * (np.arange(round(seconds * RATE_HZ)) % 16_000 > 8000)
    heard = np.zeros((len(voice), 6))
    for place, response in zip(
        CHANNELS, responses(CIRCLE, azimuth_deg, 1.0, rt60_s=0), strict=True
    ):
        heard[:, place] = np.convolve(voice, response)[: len(voice)]
    heard *= 3000 / np.abs(heard).max()
    heard[:, CHANNELS] += np.stack([noise(seconds, 4.0, n) for n in range(4)], axis=1)
    return np.asarray(pcm(heard))


def listening(vad: bool = False) -> Hearing:
    hearing = Hearing(
        FakeWake(),
        FakeVad(),
        rate_hz=RATE_HZ,
        uplink_rate_hz=RATE_HZ,
        front=make_front_end(audio(), FarEndReports()),
        watch=make_watch(audio()),
    )
    hearing.run_vad(vad)
    return hearing


def hears(hearing: Hearing, sound: Samples, period: int = 320) -> list[Event]:
    """The next frames, in periods."""
    at, events = hearing.frame, list[Event]()
    for start in range(0, len(sound), period):
        events += hearing.process(at + start, sound[start : start + period])
    return events


def waking(sound: Samples) -> Samples:
    """``sound``, in whose last tenth of a second the wake word is found."""
    woken = sound.copy()
    woken[-1600, list(CHANNELS)] = LOUD
    return woken


@pytest.mark.parametrize("azimuth_deg", [20.0, 130.0, 275.0])
def test_the_wake_word_tells_where_who_said_it_is(azimuth_deg: float) -> None:
    events = hears(listening(), waking(said_from(azimuth_deg, 2.0)))
    events = [e for e in events if isinstance(e, WakeDetected | SpeakerLocated)]
    woken, located = events
    assert isinstance(woken, WakeDetected), "it does not wait for the direction"
    assert isinstance(located, SpeakerLocated)
    assert located.at_frame == woken.at_frame
    assert abs((located.azimuth_deg - azimuth_deg + 180) % 360 - 180) <= 15
    assert 0 < located.confidence <= 1


def test_the_beginning_of_speech_tells_it_too_once_some_of_it_was_heard() -> None:
    events = hears(listening(vad=True), said_from(130.0, 2.0))
    began = next(e for e in events if isinstance(e, SpeechStarted))
    located = next(e for e in events if isinstance(e, SpeakerLocated))
    assert located.at_frame == began.at_frame
    assert abs(located.azimuth_deg - 130) <= 15


def test_over_the_devices_own_sound_nobody_is_looked_for() -> None:
    direction = SpeakerDirection(CIRCLE, CHANNELS, RATE_HZ)
    watch = MicWatch(
        MicHealth(RATE_HZ, CHANNELS),
        rate_hz=RATE_HZ,
        channels=CHANNELS,
        home=Listening(1),
        direction=direction,
    )
    sound = said_from(130.0, 2.0)
    for over_own_sound, found in ((True, 0), (False, 1)):
        watch.hear(0, sound)
        watch.told([WakeDetected("word", 1.0, 31_000)], over_own_sound=over_own_sound)
        assert len(watch.hear(32_000, sound[:320])) == found


def test_a_gap_makes_the_direction_unknown() -> None:
    direction = SpeakerDirection(CIRCLE, CHANNELS, RATE_HZ)
    sound = said_from(130.0, 2.0)
    direction.hear(0, sound)
    direction.told([WakeDetected("word", 1.0, 32_000)])
    assert direction.hear(64_000, sound) == []


def test_two_swapped_channels_become_a_fault_and_end_when_they_are_put_right() -> None:
    hearing = listening()
    right = [waking(said_from(azimuth, 2.0, n)) for n, azimuth in enumerate((20, 80, 200, 310))]
    swapped = [sound[:, [0, 2, 1, 3, 4, 5]] for sound in right]
    told = [e for s in swapped + right[:1] for e in hears(hearing, s)]
    (fault,) = (e for e in told if isinstance(e, PartDegraded))
    assert "channels 1 and 2" in fault.detail
    assert "channels 3 and 4" in fault.detail, "in a circle nothing tells which of them"
    assert "seem to be swapped" in fault.detail
    assert "microphone_geometry" in fault.hint
    ended = [e for s in right * 3 for e in hears(hearing, s) if isinstance(e, PartReady)]
    assert len(ended) == 1


def test_the_beam_hears_where_it_looks_and_stands_in_place() -> None:
    front = make_front_end(audio(beam_azimuth_deg=130), FarEndReports())
    assert front is not None
    sound = said_from(130.0, 4.0)
    parts = [front.process(sound[at : at + 320]) for at in range(0, len(sound), 320)]
    parts.append(front.flush())
    clean = np.concatenate([part.clean for part in parts]).astype(float)
    words = np.concatenate([part.words for part in parts])
    raw = np.concatenate([part.raw for part in parts])
    assert len(clean) == len(sound)
    assert np.array_equal(words, clean), "both streams have a beam of their own"
    assert np.array_equal(raw, sound[:, 1]), "raw is the configured channel"
    middle = sound[:, CHANNELS].astype(float).mean(axis=1)
    across = np.fft.irfft(np.fft.rfft(clean, 1 << 18) * np.conj(np.fft.rfft(middle, 1 << 18)))
    lag = int(np.argmax(across))
    assert min(lag, (1 << 18) - lag) <= 1


def test_one_channel_instead_of_the_beam_is_as_late() -> None:
    join = BeamOrOne(FixedBeam(CIRCLE, 0.0, RATE_HZ), 4)
    join.alone = 2
    sound = pcm(noise(1.0, 900.0)[:, None].repeat(4, axis=1) + np.arange(4) * 100)
    heard = np.concatenate(
        [join.join(sound[:700]), join.join(sound[700:710]), join.join(sound[710:])]
    )
    assert not heard[:LATENCY_SAMPLES].any()
    assert np.array_equal(heard[LATENCY_SAMPLES:], sound[:-LATENCY_SAMPLES, 2])


def test_the_beam_gives_way_to_one_channel_through_the_whole_ear() -> None:
    settings = audio(beam_azimuth_deg=130)
    hearing = Hearing(
        FakeWake(),
        FakeVad(),
        rate_hz=RATE_HZ,
        uplink_rate_hz=RATE_HZ,
        front=make_front_end(settings, FarEndReports()),
        watch=make_watch(settings),
    )
    sound = said_from(130.0, 6.0)
    sound[:, 4] = 0
    events = hears(hearing, sound)
    (told,) = (e for e in events if isinstance(e, PartDegraded))
    assert "channel 4" in told.detail
    assert "channel 1 of the microphone alone is listened to now" in told.detail
    hearing.start_uplink(5 * RATE_HZ)
    sent = b"".join(e.pcm for e in hears(hearing, sound) if isinstance(e, UplinkAudio))
    heard = np.frombuffer(sent, "<i2")
    expected = np.concatenate([sound[5 * RATE_HZ :, 1], sound[:, 1]])[: len(heard)]
    assert np.array_equal(heard[:-100], expected[:-100])


def test_without_a_beam_one_channel_is_kept() -> None:
    front = make_front_end(audio(), FarEndReports())
    assert front is not None
    sound = said_from(20.0, 1.0)
    clean = np.concatenate([front.process(sound).clean, front.flush().clean])
    assert np.array_equal(clean, sound[:, 1])


# --- what is sent --------------------------------------------------------------------------


def sent(uplink: str, prefers: str = "echo_cancelled", echo: str = "software") -> Samples:
    """What the service gets of a quiet, noisy voice on channel 1."""
    settings = replace(Settings(), audio=audio(uplink=uplink, echo_cancellation=echo))
    hearing = make_hearing(settings, RATE_HZ, FarEndReports(), prefers)
    hearing.start_uplink(0)
    sound = np.zeros((6 * RATE_HZ, 6), np.int16)
    sound[:, 1] = pcm(babble(6.0, 200.0, 5) + noise(6.0, 60.0) + 400)
    events = [*hears(hearing, sound), *hearing.stop_uplink()]
    pieces = [e for e in events if isinstance(e, UplinkAudio)]
    assert [p.first_frame for p in pieces[1:]] == [p.end_frame for p in pieces[:-1]]
    samples = np.frombuffer(b"".join(piece.pcm for piece in pieces), "<i2")
    assert 0 <= len(sound) - len(samples) < 0.02 * RATE_HZ, "but for what is still inside"
    return np.asarray(samples[RATE_HZ : 5 * RATE_HZ])


def test_the_service_gets_what_it_prefers_or_what_is_set() -> None:
    raw, cancelled = sent("raw"), sent("echo_cancelled")
    assert abs(raw.mean() - 400) < 20, "raw is the microphone as it is"
    assert abs(cancelled.mean()) < 20, "without its direct voltage"
    assert np.array_equal(sent("auto", "raw"), raw)
    assert np.array_equal(sent("auto"), cancelled)
    assert np.array_equal(sent("auto", "cleaned"), sent("cleaned", "raw"))


def test_cleaned_works_without_echo_cancellation_too() -> None:
    cleaned, raw = sent("cleaned", echo="off"), sent("raw", echo="off")
    assert np.array_equal(sent("echo_cancelled", echo="off"), raw)
    assert abs(cleaned.mean()) < 20
    loud, quiet = np.quantile(np.abs(cleaned.astype(float)), [0.95, 0.1])
    was_loud, was_quiet = np.quantile(np.abs(raw - raw.mean()), [0.95, 0.1])
    assert loud / max(quiet, 1) > 1.5 * was_loud / was_quiet, "the voice stands out more"
