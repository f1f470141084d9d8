"""Whatever drops sound says so: one line an episode, with how much and what to do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from device.adapters import losses
from device.adapters.ear import EarThread
from device.adapters.losses import EVERY_S, QUIET_S, Losses
from device.events import Event, PartReady, UplinkAudio
from device.mailbox import Mailbox
from device.ports import Samples
from tests.capture.test_capture import Stage as CaptureStage
from tests.hearing.fakes import FakeWake, make_hearing
from tests.playback.stage import RATE
from tests.playback.stage import Stage as PlaybackStage

Script = list[tuple[float, int]]  # at what time how much more is lost


class Tale:
    """A loss, more losses at given times, and the lines that come of it."""

    def __init__(self, script: Script) -> None:
        self.now, self.script = 0.0, sorted(script)
        self.lines: list[tuple[float, int]] = []
        self.followers: list[Callable[[], None]] = []
        self.losses = Losses(self._tell, pause=self._pause, spawn=self.followers.append)

    def _tell(self, amount: int) -> None:
        self.lines.append((self.now, amount))

    def _pause(self, seconds: float) -> None:
        end = self.now + seconds
        while self.script and self.script[0][0] <= end:
            self.now, amount = self.script.pop(0)
            self.losses.add(amount)
        self.now = end

    def run(self) -> None:
        self.losses.add(1)
        while self.followers:
            self.followers.pop()()


def test_an_episode_is_one_line_with_its_sum() -> None:
    tale = Tale([(0.1 * n, 10) for n in range(1, 50)])
    tale.run()
    ((at, amount),) = tale.lines
    assert amount == tale.losses.total == 491 and 4.9 + QUIET_S <= at <= 4.9 + 2 * QUIET_S


def test_losses_without_end_are_a_line_a_minute() -> None:
    tale = Tale([(float(n), 1) for n in range(1, 600)])
    tale.run()
    assert sum(amount for _, amount in tale.lines) == tale.losses.total == 600
    times = [at for at, _ in tale.lines]
    assert all(b - a >= EVERY_S for a, b in pairwise(times))
    assert 4 <= len(times) <= 11 and times[0] <= EVERY_S + QUIET_S


def test_a_later_episode_is_told_as_well() -> None:
    tale = Tale([])
    tale.run()
    tale.run()
    assert [amount for _, amount in tale.lines] == [1, 1]


def test_nothing_lost_is_nothing_told() -> None:
    tale = Tale([])
    tale.losses.add(0)
    assert not tale.followers


def test_no_thread_to_be_had_is_survived() -> None:
    told: list[int] = []
    asked: list[Callable[[], None]] = []

    def spawn(run: Callable[[], None]) -> None:
        asked.append(run)
        if len(asked) == 1:
            raise RuntimeError("can't start new thread")
        run()

    sums = Losses(told.append, pause=lambda _s: None, spawn=spawn)
    sums.add(3)
    assert not told
    sums.add(4)
    assert told == [7]


def test_it_tells_in_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(losses, "time", SimpleNamespace(sleep=lambda _s: None))
    told = threading.Event()
    names: list[str] = []

    def tell(amount: int) -> None:
        names.append(threading.current_thread().name)
        told.set()

    Losses(tell).add(1)
    assert told.wait(10.0) and names == ["losses"]


# --- those that drop --------------------------------------------------------------------


@pytest.fixture
def lines(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Callable[[], list[str]]:
    """The lines that the losses until now come to."""
    followers: list[Callable[[], None]] = []
    monkeypatch.setattr(losses, "_in_a_thread", followers.append)
    monkeypatch.setattr(losses, "time", SimpleNamespace(sleep=lambda _s: None))

    def tell() -> list[str]:
        while followers:
            followers.pop()()
        return [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]

    return tell


def test_overruns_are_told(lines: Callable[[], list[str]]) -> None:
    stage = CaptureStage()
    stage.run(0.5)
    for _ in range(2):
        stage.clock.now += 0.75  # nobody reads: more than the buffer holds
        stage.run(0.2)
    (line,) = lines()
    lost_s = stage.capture.lost_frames / 16000
    assert lost_s > 1.4
    assert line.startswith(f"microphone: {lost_s:.2f} s of sound were lost") and "top" in line


def test_gaps_that_were_wanted_or_told_otherwise_are_not(lines: Callable[[], list[str]]) -> None:
    stage = CaptureStage()
    stage.run(0.5)
    stage.capture.close_capture()
    stage.run(1.0)
    stage.capture.open_capture()
    stage.run(0.5)
    stage.microphone.plugged = False
    stage.run(1.0)
    stage.microphone.plugged = True
    stage.run(3.0)
    assert stage.capture.lost_frames > 16000
    assert not lines()


def test_uplink_that_the_loop_did_not_take_is_told(lines: Callable[[], list[str]]) -> None:
    mailbox = Mailbox(most_uplink=10)
    for n in range(25):
        mailbox.post(UplinkAudio(b"", n, n + 1))
    (line,) = lines()
    assert line.startswith("uplink: 15 pieces of microphone sound") and "top" in line
    assert mailbox.dropped_uplink == 15


def test_a_reply_too_long_to_wait_is_told(lines: Callable[[], list[str]]) -> None:
    stage = PlaybackStage()
    minute = np.full(60 * RATE, 100, np.int16)
    for _ in range(12):
        stage.say("r", minute)
    stage.say("next", minute)
    (line,) = lines()
    assert line.startswith("playback: 180.0 s of reply audio were dropped")
    assert "600 s" in line and "button" in line


class Microphone:
    """A capture source that the test plays."""

    is_open, progress = True, 0

    def start(self, sink: Callable[[int, Samples], None]) -> None:
        self.sink = sink

    def stop(self) -> None: ...

    def open_capture(self) -> None: ...

    def close_capture(self) -> None: ...


def test_periods_that_the_ear_did_not_take_are_told(lines: Callable[[], list[str]]) -> None:
    entered, release = threading.Event(), threading.Event()

    class SlowWake(FakeWake):
        def score(self, chunk: Samples) -> dict[str, float]:
            entered.set()
            assert release.wait(10.0)
            return super().score(chunk)

    microphone, posted = Microphone(), list[Event]()
    ear = EarThread(
        microphone,
        lambda: make_hearing(wake=SlowWake()),
        posted.append,
        load_wake=FakeWake,
        queue_periods=10,
    )
    ear.start()
    period = np.zeros((160, 1), np.int16)
    for n in range(8):
        microphone.sink(160 * n, period)
    assert entered.wait(10.0)
    for n in range(8, 23):
        microphone.sink(160 * n, period)
    (line,) = lines()
    assert line.startswith("hearing: 5 periods of microphone sound were dropped")
    assert "top" in line and ear.dropped_periods == 5
    release.set()
    ear.stop()
    assert any(isinstance(event, PartReady) for event in posted)


def test_what_comes_while_the_ear_is_rebuilt_is_not_called_falling_behind(
    lines: Callable[[], list[str]],
) -> None:
    class BreakingWake(FakeWake):
        def score(self, chunk: Samples) -> dict[str, float]:
            raise RuntimeError("the interpreter broke")

    microphone, degraded = Microphone(), threading.Event()
    ear = EarThread(
        microphone,
        lambda: make_hearing(wake=BreakingWake()),
        lambda event: degraded.set() if not isinstance(event, PartReady) else None,
        load_wake=FakeWake,
        queue_periods=10,
        first_backoff_s=4.0,
    )
    ear.start()
    for n in range(8):
        microphone.sink(160 * n, np.zeros((160, 1), np.int16))
    assert degraded.wait(10.0)  # it waits now, before it tries again
    for n in range(8, 40):
        microphone.sink(160 * n, np.zeros((160, 1), np.int16))
    assert not ear.dropped_periods and not lines()
    ear.stop()
