"""Capture on a fake microphone, with time that passes only when told."""

from __future__ import annotations

import errno
import os
import select
from dataclasses import replace
from random import Random
from typing import Any, TypeVar

import numpy as np
import pytest

from device.adapters.alsa import Pcm, PcmError, PcmRequest
from device.adapters.alsa_capture import AlsaCapture
from device.adapters.alsa_reopen import reopen_backoff
from device.events import Event, Part, PartDegraded, PartReady
from device.fakes import FakeClock
from device.fakes_audio import FakeCapturePcm, FakeMicrophone
from device.ports import Samples
from device.settings import AudioSettings

E = TypeVar("E")


class Stage:
    def __init__(self, microphone: type[FakeMicrophone] = FakeMicrophone, **settings: Any) -> None:
        self.clock = FakeClock()
        self.microphone = microphone(self.clock)
        self.events: list[Event] = []
        self.heard: list[tuple[int, Samples]] = []
        self.capture = AlsaCapture(
            AudioSettings(capture="fake", **settings),
            post=self.events.append,
            clock=self.clock,
            opener=self.microphone.open,
            backoff=reopen_backoff(Random(1)),
        )
        self.capture.feed(lambda first, samples: self.heard.append((first, samples)))

    def run(self, seconds: float) -> None:
        """Wake the thread every 10 ms, as the card's period would."""
        for _ in range(round(seconds * 100)):
            self.capture.step()
            self.clock.now += 0.01

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.mark.parametrize(("rate_hz", "channels"), [(16000, 1), (48000, 4), (16000, 8)])
def test_every_frame_is_delivered_once_with_its_number(rate_hz: int, channels: int) -> None:
    stage = Stage(capture_rate_hz=rate_hz, capture_channels=channels)
    stage.run(1.0)
    expected = 0
    for first, samples in stage.heard:
        assert first == expected
        assert samples.dtype == np.int16 and samples.shape[1] == channels
        wanted = np.arange(first, first + len(samples))[:, None] + 1000 * np.arange(channels)
        assert np.array_equal(samples, wanted.astype(np.int16))
        expected += len(samples)
    assert expected == stage.capture.frame >= rate_hz * 0.98
    assert [r.part for r in stage.of(PartReady)] == [Part.MICROPHONE]
    assert stage.capture.xruns == 0


def test_an_overrun_is_counted_in_frames() -> None:
    stage = Stage()
    stage.run(0.5)
    stage.clock.now += 0.7  # nobody reads: more than the buffer holds
    stage.run(0.5)
    assert stage.capture.xruns == 1
    jumps = [
        second - first - len(samples)
        for (first, samples), (second, _) in zip(stage.heard, stage.heard[1:], strict=False)
    ]
    gaps = [jump for jump in jumps if jump]
    assert len(gaps) == 1 and abs(gaps[0] - 0.7 * 16000) <= 320
    assert stage.capture.lost_frames == gaps[0]
    assert abs(stage.capture.frame - 1.7 * 16000) <= 480


@pytest.mark.parametrize("period_ms", [5, 10, 30, 50])
def test_a_late_thread_within_the_buffer_loses_nothing(period_ms: int) -> None:
    stage = Stage(period_ms=period_ms)
    stage.run(0.2)
    stage.clock.now += 0.45
    stage.run(0.2)
    assert stage.capture.xruns == 0 and stage.capture.lost_frames == 0
    assert sum(len(samples) for _, samples in stage.heard) == stage.capture.frame


class SmallMicrophone(FakeMicrophone):
    """A card with room for 6 periods of 8 ms, whatever is asked for."""

    def open(self, request: PcmRequest) -> FakeCapturePcm:
        return super().open(replace(request, period_frames=128, periods=6))


def test_a_card_with_a_smaller_buffer_and_other_periods_works_as_it_is() -> None:
    stage = Stage(SmallMicrophone)
    stage.run(0.5)
    stage.clock.now += 0.2  # more than it holds
    stage.run(0.5)
    assert stage.capture.xruns == 1
    assert abs(stage.capture.lost_frames - 0.2 * 16000) <= 480
    assert sum(len(samples) for _, samples in stage.heard) + stage.capture.lost_frames == (
        stage.capture.frame
    )
    (ready,) = stage.of(PartReady)
    assert ready.detail.endswith("period 8 ms, buffer 48 ms")
    assert not stage.of(PartDegraded)


def test_mute_really_closes_and_the_count_goes_on() -> None:
    stage = Stage()
    stage.run(0.3)
    stage.capture.close_capture()
    stage.run(0.01)
    assert not stage.capture.is_open
    assert stage.microphone.closed == 1
    heard, progress = len(stage.heard), stage.capture.progress
    stage.run(3600.0 / 100)
    assert len(stage.heard) == heard
    assert stage.capture.progress > progress
    stage.capture.open_capture()
    stage.run(0.3)
    assert stage.capture.is_open and stage.microphone.opened == 2
    first = stage.heard[heard][0]
    assert abs(first - 16000 * 36.31) <= 480
    assert not stage.of(PartDegraded)


def test_unplugged_and_plugged_in_again() -> None:
    stage = Stage()
    stage.run(0.3)
    stage.microphone.plugged = False
    stage.run(5.0)
    (lost,) = stage.of(PartDegraded)  # one cause, told once
    assert lost.state == "no microphone" and "went away: No such device" in lost.detail
    progress = stage.capture.progress
    stage.run(5.0)
    assert stage.capture.progress > progress
    stage.microphone.plugged = True
    stage.run(2.5)
    assert len(stage.of(PartReady)) == 2
    firsts = [first for first, _ in stage.heard]
    assert firsts == sorted(firsts) and firsts[-1] > 16000 * 11
    assert stage.microphone.opened == stage.microphone.closed + 1


@pytest.mark.parametrize(
    ("change", "state", "words"),
    [
        ({"plugged": False}, "no microphone", "there is no microphone"),
        ({"busy": True}, "busy", "another program holds the microphone"),
        ({"rate_hz": 44100}, "wrong format", "44100 Hz, not 16000 Hz"),
        ({"channels": 4}, "wrong format", "delivers 4 channel(s), not 1"),
    ],
)
def test_each_failure_has_its_words_and_is_said_once(
    change: dict[str, object], state: str, words: str
) -> None:
    stage = Stage()
    for name, value in change.items():
        setattr(stage.microphone, name, value)
    stage.run(6.0)
    degraded = stage.of(PartDegraded)
    assert [(d.part, d.state) for d in degraded] == [(Part.MICROPHONE, state)]
    assert words in degraded[0].detail and degraded[0].hint
    assert not stage.heard


def test_a_microphone_that_delivers_nothing_is_reopened() -> None:
    stage = Stage()
    stage.run(0.5)
    stage.microphone.stuck = True
    stage.run(3.0)
    stage.microphone.stuck = False
    stage.run(1.0)
    (lost,) = stage.of(PartDegraded)
    assert lost.state == "reopening" and "delivers nothing" in lost.detail and lost.hint
    assert stage.microphone.opened == 2


def test_a_microphone_that_never_delivers_is_told_once_and_never_as_ready() -> None:
    stage = Stage()
    stage.microphone.stuck = True
    stage.run(20.0)
    assert [d.state for d in stage.of(PartDegraded)] == ["reopening"]
    assert not stage.of(PartReady) and stage.microphone.opened > 3
    stage.microphone.stuck = False
    stage.run(5.0)
    assert len(stage.of(PartReady)) == 1


class Broken:
    """A PCM of the fake microphone whose ``read`` gives ``result`` while it is broken."""

    def __init__(self, pcm: Pcm, card: BreakableMicrophone) -> None:
        self._pcm, self._card = pcm, card

    def read(self) -> tuple[int, bytes]:
        if self._card.result is None:
            return self._pcm.read()
        self._card.reads += 1
        assert self._card.reads < 10_000, "it reads without end"
        return self._card.result, b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pcm, name)


class BreakableMicrophone(FakeMicrophone):
    result: int | None = None
    reads = 0

    def open(self, request: PcmRequest) -> Any:
        return Broken(super().open(request), self)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (-errno.EPIPE, "over- or underruns without end"),
        (-errno.EIO, "Input/output error"),
        (-errno.EBADFD, "File descriptor in bad state"),
        (-errno.ESTRPIPE, "Streams pipe error"),
    ],
)
def test_a_microphone_that_fails_every_read_is_reopened_and_told_once(
    result: int, words: str
) -> None:
    stage = Stage(microphone=BreakableMicrophone)
    microphone = stage.microphone
    assert isinstance(microphone, BreakableMicrophone)
    stage.run(1.5)
    microphone.result = result
    stage.run(30.0)
    (lost,) = stage.of(PartDegraded)
    assert lost.state == "reopening" and words in lost.detail and lost.hint
    assert len(stage.of(PartReady)) == 1  # that it can be opened again is no news
    # It backs off although it can be opened each time: about every 1.5 s in the end.
    assert 10 < microphone.opened < 30 and microphone.reads < 10 * microphone.opened
    progress = stage.capture.progress
    microphone.result = None
    stage.run(5.0)
    assert len(stage.of(PartReady)) == 2 and stage.capture.progress > progress + 100


def test_an_overrun_now_and_then_is_no_loss() -> None:
    stage = Stage()
    for _ in range(40):
        stage.run(0.1)
        stage.microphone.xrun_requests += 1
    assert stage.capture.xruns == 39 and stage.microphone.opened == 1
    assert not stage.of(PartDegraded)


class Touchy:
    """A PCM on which one method fails, as on a card that is unplugged at that moment."""

    def __init__(self, pcm: Pcm, method: str) -> None:
        self._pcm, self._method = pcm, method

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            raise PcmError(os.strerror(errno.ENODEV))
        return getattr(self._pcm, name)


@pytest.mark.parametrize("method", ["info", "polldescriptors"])
def test_gone_while_it_is_being_opened(method: str) -> None:
    stage = Stage()
    real = stage.microphone.open
    pcms = [Touchy(real(PcmRequest("fake", True, 16000, 1, 160, 20)), method)]
    stage.capture._opener = lambda request: pcms.pop() if pcms else real(request)
    stage.run(3.0)
    assert [d.state for d in stage.of(PartDegraded)] == ["no microphone"]
    assert len(stage.of(PartReady)) == 1 and stage.capture.is_open
    assert stage.microphone.closed == 1


def test_gone_while_its_descriptors_are_asked() -> None:
    stage = Stage()
    real = stage.microphone.open
    readable, written = os.pipe()
    os.write(written, b"x")
    pcms = [Touchy(real(PcmRequest("fake", True, 16000, 1, 160, 20)), "polldescriptors_revents")]
    pcms[0].polldescriptors = lambda: [(readable, select.POLLIN)]  # type: ignore[attr-defined]
    stage.capture._opener = lambda request: pcms.pop() if pcms else real(request)
    stage.capture.step()
    stage.capture._wait(0.0)
    stage.run(3.0)
    assert [d.state for d in stage.of(PartDegraded)] == ["no microphone"]
    assert stage.capture.is_open
    os.close(readable)
    os.close(written)
