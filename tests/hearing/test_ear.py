"""The ear's thread over a microphone that the test plays."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from device.audio.format import samples_of
from device.audio.hearing import Hearing
from device.audio.polyphase import LowDelayResampler
from device.audio.wakewords.null import NullWake, PartialWake
from device.errors import ModelError
from device.events import (
    NO_WAKE_WORD,
    WAKE_WORD_MISSING,
    Part,
    PartDegraded,
    PartReady,
    SpeechStarted,
    UplinkAudio,
    UplinkStopped,
    WakeDetected,
)
from device.ports import Samples
from device.settings import VadSettings, WakeSettings
from tests.hearing.ear_rig import (
    PATIENCE_S,
    BreakingWake,
    Rig,
    mic,
    with_sample,
)
from tests.hearing.fakes import LOUD, FakeWake, make_hearing


@pytest.fixture
def rig():  # type: ignore[no-untyped-def]
    rig = Rig()
    rig.ear.start()
    yield rig
    rig.ear.stop()


def test_says_that_it_listens_and_hears_the_word(rig: Rig) -> None:
    rig.microphone.play(with_sample(LOUD))
    rig.posted.wait_for_type(WakeDetected)
    assert rig.posted.events == [PartReady(Part.WAKE), WakeDetected("word", 1.0, 1280)]
    assert rig.ear.frame == 1280


def test_uplink_from_the_preroll_to_the_stop_is_the_microphone(rig: Rig) -> None:
    rig.microphone.play(mic[:16_000])
    rig.ear.start_uplink(4000)
    rig.posted.wait_for_type(UplinkAudio)  # without waiting for another period
    rig.microphone.play(mic[16_000:24_000], 16_000)
    rig.ear.stop_uplink()
    rig.posted.wait_for_type(UplinkStopped)
    pieces = [event for event in rig.posted.events if isinstance(event, UplinkAudio)]
    expected = LowDelayResampler(16_000, 24_000).process(mic[4000:24_000], last=True)
    assert np.array_equal(samples_of(b"".join(piece.pcm for piece in pieces)), expected)
    assert rig.posted.events[-1] == UplinkStopped(24_000)


def test_vad_on_request(rig: Rig) -> None:
    rig.ear.run_vad(True)
    rig.microphone.play(mic[:8000])
    rig.posted.wait_for_type(SpeechStarted)


def test_live_settings(rig: Rig) -> None:
    rig.ear.tune(WakeSettings(patience=2), VadSettings())
    rig.microphone.play(with_sample(LOUD))
    rig.microphone.play(with_sample(LOUD), 1280)
    rig.posted.wait_for_type(WakeDetected)
    # Reported by the second chunk, with the place of the first; with patience 1 a
    # second detection could not follow within the refractory time either.
    assert rig.posted.of(WakeDetected) == [WakeDetected("word", 1.0, 1280)]


def test_mute_closes_the_microphone_and_forgets(rig: Rig) -> None:
    rig.microphone.play(mic[:16_000])
    rig.ear.close_capture()
    assert not rig.microphone.is_open
    rig.ear.open_capture()
    assert rig.microphone.is_open
    rig.ear.start_uplink(0)
    rig.microphone.play(np.zeros(1600, np.int16), 16_000)
    rig.ear.stop_uplink()
    rig.posted.wait_for_type(UplinkStopped)
    sent = b"".join(e.pcm for e in rig.posted.events if isinstance(e, UplinkAudio))
    assert sent
    assert not any(sent)  # nothing from before the mute


def test_an_ear_that_falls_behind_drops_the_oldest_and_counts() -> None:
    entered, release = threading.Event(), threading.Event()

    class SlowWake(FakeWake):
        def score(self, chunk: Samples) -> dict[str, float]:
            entered.set()
            assert release.wait(PATIENCE_S)
            return super().score(chunk)

    rig = Rig(lambda: make_hearing(wake=SlowWake()), queue_periods=10)
    rig.ear.start()
    rig.microphone.play(np.zeros(1280, np.int16))
    assert entered.wait(PATIENCE_S)
    # 15 periods for 10 places; the word is in the newest, so it is still heard.
    samples = np.zeros(15 * 160, np.int16)
    samples[-100] = LOUD
    rig.microphone.play(samples, 1280)
    assert rig.ear.dropped_periods == 5
    release.set()
    rig.posted.wait_for_type(PartReady)
    rig.ear.stop()


def test_a_failure_is_reported_and_listening_goes_on() -> None:
    made: list[Hearing] = []

    def make() -> Hearing:
        made.append(make_hearing(wake=BreakingWake()))
        return made[-1]

    rig = Rig(make)
    rig.ear.start()
    rig.ear.start_uplink(0)
    rig.microphone.play(with_sample(-LOUD))
    rig.posted.wait_for_type(PartReady, 2)
    (degraded,) = rig.posted.of(PartDegraded)
    assert isinstance(degraded, PartDegraded)
    assert degraded.part is Part.WAKE
    assert "the interpreter broke" in degraded.detail
    assert len(rig.posted.of(UplinkStopped)) == 1  # the core is not left waiting
    assert len(made) == 2
    rig.microphone.play(with_sample(LOUD), 1280)
    rig.posted.wait_for_type(WakeDetected)
    rig.ear.stop()


def test_what_was_set_holds_after_a_failure() -> None:
    rig = Rig(lambda: make_hearing(wake=BreakingWake()))
    rig.ear.start()
    rig.ear.run_vad(True)
    rig.ear.tune(WakeSettings(patience=9), VadSettings())
    rig.microphone.play(with_sample(-LOUD))
    rig.posted.wait_for_type(PartReady, 2)
    rig.microphone.play(np.clip(mic[:8000] + with_sample(LOUD, 8000), -9000, LOUD), 1280)
    rig.posted.wait_for_type(SpeechStarted)
    assert rig.posted.of(WakeDetected) == []  # patience 9
    rig.ear.stop()


def test_it_tries_until_the_engine_can_be_built_again() -> None:
    attempts = 0

    def make() -> Hearing:
        nonlocal attempts
        attempts += 1
        if attempts in {2, 3}:
            raise ModelError("the file has gone")
        return make_hearing(wake=BreakingWake())

    rig = Rig(make)
    rig.ear.start()
    rig.microphone.play(with_sample(-LOUD))
    rig.posted.wait_for_type(PartReady, 2)
    details = [event.detail for event in rig.posted.events if isinstance(event, PartDegraded)]
    assert len(details) == 3
    assert "the file has gone" in details[-1]
    rig.ear.stop()


def test_a_missing_model_reaches_the_caller_of_start() -> None:
    def make() -> Hearing:
        raise ModelError("no such model")

    with pytest.raises(ModelError, match="no such model"):
        Rig(make).ear.start()


def test_stop_during_back_off_is_prompt() -> None:
    rig = Rig(lambda: make_hearing(wake=BreakingWake()))
    rig.ear._first_backoff_s = 1000.0
    rig.ear.start()
    rig.microphone.play(with_sample(-LOUD))
    rig.posted.wait_for_type(PartDegraded)
    thread = rig.ear._thread
    assert thread is not None
    rig.ear.stop()
    assert not thread.is_alive()
    assert rig.microphone.stopped


def test_progress_is_inferences_while_open_and_the_retry_timer_while_not(rig: Rig) -> None:
    start = rig.ear.progress
    assert rig.ear.progress == start  # nothing happened: stands still
    rig.microphone.progress += 1
    assert rig.ear.progress == start  # frames alone are not hearing
    rig.microphone.play(with_sample(LOUD))
    rig.posted.wait_for_type(WakeDetected)
    # The count is published just after the events; an open ear has at most one beat to go.
    deadline = threading.Event()
    for _ in range(100):
        if rig.ear.progress > start:
            break
        deadline.wait(0.05)
    heard = rig.ear.progress
    assert heard > start
    rig.microphone.is_open = False
    closed = rig.ear.progress
    rig.microphone.progress += 1
    assert rig.ear.progress > closed


def without_wake() -> Hearing:
    return make_hearing(wake=NullWake(ModelError("no such model")))


def test_a_missing_wake_word_leaves_the_rest_working_and_is_replaced_when_it_comes() -> None:
    in_place = threading.Event()
    attempts = 0

    def load() -> FakeWake:
        nonlocal attempts
        attempts += 1
        if not in_place.is_set():
            raise ModelError("no such model" if attempts < 3 else "half a model")
        return FakeWake()

    rig = Rig(without_wake, load_wake=load)
    rig.ear.start()
    rig.ear.run_vad(True)
    rig.ear.start_uplink(0)
    rig.microphone.play(mic[:8000])
    rig.posted.wait_for_type(SpeechStarted)
    rig.posted.wait_for_type(UplinkAudio)
    rig.posted.wait_for_type(PartDegraded, 2)
    told = [e for e in rig.posted.events if isinstance(e, PartDegraded)]
    assert [(e.part, e.state, e.detail) for e in told] == [
        (Part.WAKE, NO_WAKE_WORD, "no such model"),  # once, however often it is tried
        (Part.WAKE, NO_WAKE_WORD, "half a model"),
    ]
    assert not rig.posted.of(PartReady)
    in_place.set()
    rig.posted.wait_for_type(PartReady)
    rig.microphone.play(with_sample(LOUD), 8000)
    rig.microphone.play(with_sample(0), 9280)
    rig.posted.wait_for_type(WakeDetected)
    rig.ear.stop_uplink()
    rig.posted.wait_for_type(UplinkStopped)
    pieces = [event for event in rig.posted.events if isinstance(event, UplinkAudio)]
    assert pieces[0].first_frame == 0
    assert pieces[-1].end_frame == 10_560  # nothing was interrupted
    rig.ear.stop()


def test_the_words_that_load_are_heard_while_another_is_missing() -> None:
    in_place = threading.Event()
    attempts = threading.Semaphore(0)
    broken = ModelError("junk.tflite is not a usable model")

    def load() -> FakeWake:
        attempts.release()
        if not in_place.is_set():
            raise ModelError(str(broken))
        return FakeWake()

    rig = Rig(lambda: make_hearing(wake=PartialWake(FakeWake(), broken)), load_wake=load)
    rig.ear.start()
    rig.microphone.play(with_sample(LOUD))
    rig.posted.wait_for_type(WakeDetected)
    for _ in range(3):
        assert attempts.acquire(timeout=PATIENCE_S)
    told = [e for e in rig.posted.events if isinstance(e, PartDegraded)]
    assert [(e.part, e.state, e.detail) for e in told] == [
        (Part.WAKE, WAKE_WORD_MISSING, str(broken)),  # once
    ]
    assert "meanwhile use word;" in told[0].hint
    assert not rig.posted.of(PartReady)
    in_place.set()
    rig.posted.wait_for_type(PartReady)
    rig.ear.stop()


def test_a_rebuilt_hearing_may_lack_the_wake_word_for_a_while() -> None:
    made = 0

    def make() -> Hearing:
        nonlocal made
        made += 1
        return make_hearing(wake=BreakingWake()) if made == 1 else without_wake()

    rig = Rig(make)
    rig.ear.start()
    rig.microphone.play(with_sample(-LOUD))
    rig.posted.wait_for(lambda events: events.count(PartReady(Part.WAKE)) == 2)
    states = [e.state for e in rig.posted.events if isinstance(e, PartDegraded)]
    assert states == ["wake word restarting", NO_WAKE_WORD]
    rig.microphone.play(with_sample(LOUD), 1280)
    rig.posted.wait_for_type(WakeDetected)
    rig.ear.stop()


def test_the_mask_reaches_the_uplink_and_survives_a_failure() -> None:
    rig = Rig(lambda: make_hearing(wake=BreakingWake()))
    rig.ear.start()
    rig.ear.mask(True)
    rig.microphone.play(with_sample(-LOUD))
    rig.posted.wait_for_type(PartReady, 2)
    rig.ear.start_uplink(1280)
    rig.microphone.play(mic[:1600], 1280)
    rig.ear.mask(False)
    rig.microphone.play(mic[1600:3200], 2880)
    rig.ear.stop_uplink()
    rig.posted.wait_for_type(UplinkStopped)
    sent = samples_of(b"".join(e.pcm for e in rig.posted.events if isinstance(e, UplinkAudio)))
    assert len(sent) == 4800
    assert not sent[:2300].any()
    assert sent[2500:].any()
    rig.ear.stop()
