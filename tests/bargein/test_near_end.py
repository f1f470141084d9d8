"""Blocks of the cancelled microphone in, evidence out."""

from __future__ import annotations

import numpy as np
import pytest

from device.audio.near_end import BLOCK_SAMPLES, OVER_MS, RATE_HZ, NearEnd
from device.audio.onset import EchoLevels
from device.audio.vad import SileroVad
from device.events import NearEndHeard
from device.ports import Samples
from tests.hearing.clips import real_clips

QUIET = EchoLevels(-30.0, -65.0, -72.0, certain=True)


class LevelVad:
    """Takes for speech what is loud and voiced enough: louder than ``over``."""

    def __init__(self, over: float = 300.0) -> None:
        self.over, self.resets = over, 0

    def probability(self, chunk: Samples) -> float:
        return 1.0 if np.sqrt(np.mean(chunk.astype(np.float64) ** 2)) > self.over else 0.0

    def reset(self) -> None:
        self.resets += 1


def noise(seconds: float, rms: float = 3.0, seed: int = 1) -> Samples:
    made = np.random.default_rng(seed).standard_normal(round(seconds * RATE_HZ)) * rms
    return np.rint(made).astype(np.int16)


def hum(seconds: float, rms: float = 2000.0) -> Samples:
    """Something with a voice's pitch."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    made = np.asarray(sum(np.sin(2 * np.pi * 130 * n * at) / n for n in range(1, 10)))
    return np.rint(made * rms / np.sqrt(np.mean(made**2))).astype(np.int16)


def told(
    near_end: NearEnd,
    sound: Samples,
    first_frame: int = 0,
    *,
    scale: int = 1,
    echo: EchoLevels = QUIET,
) -> list[tuple[float, NearEndHeard]]:
    """Every event with the seconds after the beginning of ``sound`` at which it came."""
    found = []
    for at in range(0, len(sound) // BLOCK_SAMPLES * BLOCK_SAMPLES, BLOCK_SAMPLES):
        block = sound[at : at + BLOCK_SAMPLES]
        news = near_end.hear(block, first_frame + at * scale, echo)
        found += [((at + BLOCK_SAMPLES) / RATE_HZ, event) for event in news]
    return found


def test_a_quiet_reply_tells_nothing() -> None:
    assert told(NearEnd(LevelVad(), RATE_HZ), noise(5.0)) == []


def test_it_tells_of_a_beginning_at_once_and_then_every_32_ms() -> None:
    sound = np.concatenate([noise(2.0), hum(0.6), noise(1.0)])
    events = told(NearEnd(LevelVad(), RATE_HZ), sound)
    first_at, first = events[0]
    assert 0.0 < first_at - 2.0 <= 0.03
    assert abs(first.since_frame - 2 * RATE_HZ) <= 2 * BLOCK_SAMPLES
    steps = np.diff([at for at, _ in events[1:]])
    assert np.allclose(steps, 0.032, atol=0.0101)
    assert {event.since_frame for _, event in events} == {first.since_frame}


def test_what_it_says_of_0_6_s_of_a_voice_is_about_that() -> None:
    sound = np.concatenate([noise(2.0), hum(0.6), noise(1.0)])
    events = told(NearEnd(LevelVad(), RATE_HZ), sound)
    last = events[-1][1]
    assert abs(last.lasted_ms - last.quiet_ms - 600) <= 24
    assert abs(last.speech_ms - 600) <= 24
    assert last.voiced_ms >= 500
    assert last.above_echo_db > 40
    assert last.certain
    assert OVER_MS <= last.quiet_ms < OVER_MS + 32


def test_it_is_over_after_half_a_second_and_the_next_sound_is_another() -> None:
    sound = np.concatenate([noise(2.0), hum(0.4), noise(1.0), hum(0.4), noise(1.0)])
    near_end = NearEnd(LevelVad(), RATE_HZ)
    since = {event.since_frame for _, event in told(near_end, sound)}
    assert len(since) == 2
    assert near_end.heard is None


def test_a_short_gap_is_within_one_sound() -> None:
    sound = np.concatenate([noise(2.0), hum(0.3), noise(0.2), hum(0.3), noise(1.0)])
    events = told(NearEnd(LevelVad(), RATE_HZ), sound)
    assert len({event.since_frame for _, event in events}) == 1
    assert abs(events[-1][1].speech_ms - 600) <= 40


def test_a_noise_that_is_no_speech_is_over_sooner() -> None:
    sound = np.concatenate([noise(2.0), noise(0.1, rms=250.0, seed=4), noise(1.0)])
    events = told(NearEnd(LevelVad(), RATE_HZ), sound)
    assert all(event.speech_ms == 0 for _, event in events)
    assert events[-1][0] - 2.0 < 0.35


def test_a_noise_before_somebody_speaks_is_no_part_of_it() -> None:
    sound = np.concatenate([noise(2.0), noise(0.15, rms=250.0, seed=4), noise(0.1), hum(0.5)])
    events = told(NearEnd(LevelVad(), RATE_HZ), sound)
    last = events[-1][1]
    assert events[0][1].since_frame < 2.05 * RATE_HZ
    assert 2.12 * RATE_HZ <= last.since_frame <= 2.26 * RATE_HZ
    assert 440 <= last.lasted_ms <= 630


def test_a_hiss_is_not_voiced() -> None:
    sound = np.concatenate([noise(2.0), noise(0.6, rms=2000.0, seed=5), noise(1.0)])
    last = told(NearEnd(LevelVad(), RATE_HZ), sound)[-1][1]
    assert last.speech_ms > 500
    assert last.voiced_ms < 0.3 * last.speech_ms


def test_silero_alone_may_begin_it() -> None:
    # Of a stream that is loud throughout nothing stands out; a voice in it is found still.
    sound = np.concatenate([noise(2.0, rms=250.0), hum(0.6, rms=600.0), noise(1.0, rms=250.0)])
    events = told(NearEnd(LevelVad(over=400.0), RATE_HZ), sound)
    assert abs(events[0][1].since_frame - 2 * RATE_HZ) < 0.05 * RATE_HZ


def test_frames_are_those_of_the_capture() -> None:
    sound = np.concatenate([noise(2.0), hum(0.4)])
    events = told(NearEnd(LevelVad(), 48_000), sound, first_frame=9_000, scale=3)
    assert abs(events[0][1].since_frame - 9_000 - 2 * 48_000) <= 2 * 3 * BLOCK_SAMPLES


def test_a_restart_forgets_what_was_heard() -> None:
    vad = LevelVad()
    near_end = NearEnd(vad, RATE_HZ)
    told(near_end, np.concatenate([noise(2.0), hum(0.3)]))
    assert near_end.heard is not None
    before = vad.resets
    near_end.restart()
    assert near_end.heard is None
    assert vad.resets == before + 1
    assert told(near_end, noise(1.0, seed=3), first_frame=80_000) == []


def test_an_unconverged_canceller_is_told_of() -> None:
    unsure = EchoLevels(-30.0, -65.0, -72.0, certain=False)
    sound = np.concatenate([noise(2.0), hum(0.3)])
    events = told(NearEnd(LevelVad(), RATE_HZ), sound, echo=unsure)
    assert not events[-1][1].certain


def test_a_block_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="block"):
        NearEnd(LevelVad(), RATE_HZ).hear(noise(0.02), 0, QUIET)


def test_of_a_recorded_sentence_most_is_speech(
    speech_dir: object, speech_manifest: list[dict[str, object]]
) -> None:
    chosen = [entry for entry in speech_manifest if "arctic_a0010" in str(entry["file"])]
    [clip] = real_clips(speech_dir, chosen)  # type: ignore[arg-type]
    sound = np.concatenate([noise(1.0), clip.samples[: 3 * RATE_HZ], noise(1.0)])
    events = told(NearEnd(SileroVad(), RATE_HZ), sound)
    assert max(event.speech_ms for _, event in events) > 1000
    assert max(event.voiced_ms for _, event in events) > 500
