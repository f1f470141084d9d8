"""An ear's thread, a microphone that the test plays, and what the ear posts."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np

from device.adapters.ear import EarThread
from device.adapters.ear_ports import Sink
from device.audio.hearing import Hearing
from device.events import Event
from device.ports import Samples, WakeEngine
from tests.hearing.fakes import LOUD, FakeWake, make_hearing

PATIENCE_S = 10.0  # how long a test waits before it fails; it never waits that long otherwise

mic = np.random.default_rng(4).integers(-9000, 9000, 64_000).astype(np.int16)


class ManualClock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now


class FakeMicrophone:
    """Plays what the test gives it; where there is a clock, it moves with the sound."""

    def __init__(self, clock: ManualClock | None = None) -> None:
        self.clock = clock
        self.is_open = True
        self.progress = 0
        self.stopped = False
        self.sink: Sink | None = None

    def start(self, sink: Sink) -> None:
        self.sink = sink

    def stop(self) -> None:
        self.stopped = True

    def open_capture(self) -> None:
        self.is_open = True

    def close_capture(self) -> None:
        self.is_open = False

    def play(
        self,
        samples: Samples,
        first_frame: int = 0,
        period: int = 160,
        true_rate_hz: float = 16_000,
    ) -> None:
        """(n,) or (n, channels)."""
        assert self.sink is not None
        frames = samples[:, None] if samples.ndim == 1 else samples
        for start in range(0, len(frames), period):
            part = frames[start : start + period]
            if self.clock is not None:
                self.clock.now += len(part) / true_rate_hz
            self.sink(first_frame + start, part)


class Posted:
    """Collects events and lets the test wait for one."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = threading.Condition()

    def __call__(self, event: Event) -> None:
        with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    def wait_for(self, condition: Callable[[list[Event]], bool]) -> None:
        with self._changed:
            found = self._changed.wait_for(lambda: condition(self.events), PATIENCE_S)
        assert found, f"waited in vain; posted: {self.events}"

    def wait_for_type(self, kind: type[Event], count: int = 1) -> None:
        self.wait_for(lambda events: sum(isinstance(event, kind) for event in events) >= count)

    def of(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


class BreakingWake(FakeWake):
    """Fails on a chunk that holds -LOUD."""

    def score(self, chunk: Samples) -> dict[str, float]:
        if chunk.min() <= -LOUD:
            raise RuntimeError("the interpreter broke")
        return super().score(chunk)


class Rig:
    def __init__(
        self,
        make: Callable[[], Hearing] = make_hearing,
        queue_periods: int = 400,
        load_wake: Callable[[], WakeEngine] = FakeWake,
        clock: ManualClock | None = None,
    ) -> None:
        self.microphone, self.posted = FakeMicrophone(clock), Posted()
        self.ear = EarThread(
            self.microphone,
            make,
            self.posted,
            queue_periods=queue_periods,
            first_backoff_s=0.01,
            load_wake=load_wake,
            model_retry_s=0.01,
            clock=clock,
        )

    def hears(self, samples: Samples, true_rate_hz: float = 16_000) -> None:
        """Play ``samples`` after all that was played, and wait until the ear has heard them."""
        for start in range(0, len(samples), 3200):
            part = samples[start : start + 3200]
            self.microphone.play(part, self.ear.frame, true_rate_hz=true_rate_hz)
            self.catch_up()

    def catch_up(self) -> None:
        """Wait until the ear has heard all that was played."""
        heard = threading.Event()

        def say_so(_hearing: Hearing) -> list[Event]:
            heard.set()
            return []

        self.ear._request(say_so)
        assert heard.wait(PATIENCE_S)


def with_sample(value: int, count: int = 1280) -> Samples:
    samples = np.zeros(count, np.int16)
    samples[10] = value
    return samples
