"""The ear's thread: capture periods through :class:`Hearing`, events to the mailbox.

::

    capture thread --sink--> bounded queue --> ear thread --post--> mailbox
    any thread ----------> control requests ----^

The capture thread never waits: when the ear falls more than two seconds behind,
the oldest periods are dropped, counted and told (:mod:`device.adapters.losses`), and
hearing is degraded until it has caught up (:mod:`device.adapters.ear_backlog`). The
ear wakes up once per wake-word chunk (80 ms) while nothing else is wanted, every
period otherwise. There is no logging in either path.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import ParamSpec

import numpy as np

from device.adapters.clock import SystemClock
from device.adapters.ear_backlog import Backlog
from device.adapters.ear_ports import CaptureSource, Judge
from device.adapters.ear_requests import EarRequests, Request
from device.adapters.ear_words import (
    ear_degraded,
    echo_stays,
    fallen_behind,
    no_wake_word,
    tell_of_losses,
)
from device.adapters.losses import Losses
from device.audio.hearing import Hearing
from device.audio.wakewords.null import NullWake
from device.events import (
    Event,
    Part,
    PartReady,
    UplinkStopped,
)
from device.ports import Clock, Post, Samples, WakeEngine
from device.settings import VadSettings, WakeSettings

log = logging.getLogger(__name__)

QUEUE_PERIODS = 200
"""Periods that may wait for the ear: 2 s at 10 ms."""

FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.5, 4.0

MODEL_RETRY_S = 2.0
"""How often a wake engine that could not be loaded is tried again."""

JUDGED_MS = 8000
"""How much of the latest sound a judge of turns is shown."""

_PROVEN_INFERENCES = 125  # 10 s of work: the next failure is a new one

_P = ParamSpec("_P")

_BEAT_S = 0.5  # longest sleep of the thread: how often it shows that it lives


class EarThread:
    """Implements :class:`device.ports.Ear`. All methods: any thread.

    ``make_hearing`` builds the hearing with its engines; it is called by
    ``start`` (whose caller gets its ModelError) and again, in the ear thread,
    after a failure. When it comes with :class:`NullWake`, ``load_wake`` is tried
    every ``model_retry_s`` in a thread of its own, since loading may take seconds,
    and the real engine takes over without the microphone being touched.
    """

    def __init__(
        self,
        source: CaptureSource,
        make_hearing: Callable[[], Hearing],
        post: Post,
        *,
        load_wake: Callable[[], WakeEngine],
        judge: Judge | None = None,
        queue_periods: int = QUEUE_PERIODS,
        first_backoff_s: float = FIRST_BACKOFF_S,
        model_retry_s: float = MODEL_RETRY_S,
        clock: Clock | None = None,
    ) -> None:
        self._source, self._make_hearing, self._post = source, make_hearing, post
        self._load_wake, self._model_retry_s = load_wake, model_retry_s
        self._judge = judge
        self._loader: threading.Thread | None = None
        self._first_backoff_s = first_backoff_s
        self._clock = clock if clock is not None else SystemClock()
        # Appends and pops of a deque are atomic: no lock is taken on any path.
        self._periods: deque[tuple[int, Samples, float]] = deque(maxlen=queue_periods)
        self._requests = EarRequests()
        self._bell = threading.Event()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        # Written by one thread, read by others.
        self._wanted_frame = 0
        self._end_frame = 0
        self._inferences = 0
        self._beats = 0
        self._seen: tuple[bool, int, int] = (False, 0, 0)
        self._progress = 0
        self._vad_on = self._masked = self._guarding = False
        self._settings: tuple[WakeSettings, VadSettings] | None = None
        self._losses = Losses(tell_of_losses)
        self._backlog = Backlog()
        self._rebuilding = False  # nothing is heard meanwhile, as has been told

    def start(self) -> None:
        """Load the engines, start listening. Raises :class:`ModelError` when there is no
        voice-activity detector."""
        hearing = self._make_hearing()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, args=(hearing,), name="ear", daemon=True)
        self._thread.start()
        self._source.start(self._hear)

    def stop(self) -> None:
        self._stopping.set()
        self._source.stop()
        self._bell.set()
        if self._thread is not None:
            self._thread.join(timeout=1.0)
            self._thread = None

    def open_capture(self) -> None:
        if not self._source.is_open:
            # A period that was on its way when the microphone closed must not come back.
            self._request(Hearing.forget)
        self._source.open_capture()

    def close_capture(self) -> None:
        """Mute. What was heard and not yet sent is forgotten as well."""
        self._source.close_capture()
        self._periods.clear()
        self._request(Hearing.forget)

    def start_uplink(self, from_frame: int) -> None:
        """``from_frame`` below 0 counts back from the newest frame."""
        if from_frame < 0:
            from_frame = max(0, self._end_frame + from_frame)
        self._request(lambda hearing: _silently(hearing.start_uplink, from_frame))

    def stop_uplink(self) -> None:
        self._request(Hearing.stop_uplink)

    def run_vad(self, on: bool) -> None:
        self._vad_on = on
        self._request(lambda hearing: _silently(hearing.run_vad, on))

    def guard(self, on: bool) -> None:
        self._guarding = on
        self._request(lambda hearing: _silently(hearing.guard, on))

    def judge_turn(self) -> None:
        self._request(self._ask_judge)

    def mask(self, on: bool) -> None:
        self._masked = on
        self._request(lambda hearing: _silently(hearing.mask, on))

    def tune(self, wake: WakeSettings, vad: VadSettings) -> None:
        """Apply the live settings."""
        self._settings = (wake, vad)
        self._request(lambda hearing: _silently(hearing.tune, wake, vad))

    @property
    def frame(self) -> int:
        return self._end_frame

    @property
    def progress(self) -> int:
        """Grows with wake inferences while the microphone is open, with the
        capture's retry timer while it is not. One reader (the watchdog's feeder)."""
        is_open = self._source.is_open
        work = self._inferences if is_open else self._source.progress
        seen = (is_open, work, self._beats)
        if seen != self._seen:
            self._seen = seen
            self._progress += 1
        return self._progress

    @property
    def dropped_periods(self) -> int:
        """Periods of the microphone that were never listened to."""
        return self._losses.total

    def _request(self, request: Request) -> None:
        """It takes effect after the frames that had come when it was made."""
        self._requests.add(self._end_frame, request)
        self._bell.set()

    def _hear(self, first_frame: int, samples: Samples) -> None:
        """The sink; capture thread."""
        is_full = len(self._periods) == self._periods.maxlen
        if is_full and not self._rebuilding:
            self._losses.add(1)  # the deque drops its oldest
        now = self._clock.monotonic()
        self._periods.append((first_frame, samples, now))
        if not self._rebuilding and self._backlog.update(self._oldest_at(now), is_full, now):
            self._tell_of_backlog()
        self._end_frame = first_frame + len(samples)
        if self._end_frame >= self._wanted_frame:
            self._bell.set()

    def _oldest_at(self, now: float) -> float:
        try:
            return self._periods[0][2]
        except IndexError:  # the ear has just taken it
            return now

    def _tell_of_backlog(self) -> None:
        """The ear itself says that it hears again, and whether it hears all words."""
        if self._backlog.behind:
            self._post(fallen_behind())
        else:
            self._request(lambda hearing: _silently(self._tell_of_wake, hearing))

    # --- ear thread -----------------------------------------------------------

    def _run(self, hearing: Hearing) -> None:
        backoff_s = self._first_backoff_s
        rebuilt = False
        while True:
            self._tell_of_wake(hearing)
            if hearing.echo_trouble is not None:
                self._post(echo_stays(hearing.echo_trouble))
            elif rebuilt:
                self._post(PartReady(Part.ECHO))
            if rebuilt:  # it knows nothing of what was wrong with the microphone
                self._post(PartReady(Part.ARRAY))
            began = self._inferences
            error = self._listen(hearing)
            if error is None:
                return
            if self._inferences - began >= _PROVEN_INFERENCES:
                backoff_s = self._first_backoff_s
            if hearing.uplink_on:
                self._post(UplinkStopped(hearing.frame))
            again = self._rebuild(error, backoff_s)
            if again is None:
                return
            hearing, backoff_s = again
            rebuilt = True
            self._bell.set()  # requests may have come meanwhile

    def _tell_of_wake(self, hearing: Hearing) -> None:
        """Ready, or what is missing, and begin to try again."""
        engine = hearing.wake_engine
        if not isinstance(engine, NullWake):
            self._post(PartReady(Part.WAKE))
            return
        self._post(no_wake_word(engine.why, engine.words))
        if self._loader is None or not self._loader.is_alive():
            self._loader = threading.Thread(
                target=self._load_until_it_works,
                args=(str(engine.why), engine.words),
                name="wake-loader",
                daemon=True,
            )
            self._loader.start()

    def _load_until_it_works(self, told: str, words: tuple[str, ...]) -> None:
        """Its own thread: the ear hears on meanwhile."""
        while not self._stopping.wait(self._model_retry_s):
            try:
                engine = self._load_wake()
            except Exception as error:  # noqa: BLE001 - whatever it is, the retry must go on
                if str(error) != told:
                    told = str(error)
                    self._post(no_wake_word(error, words))
                continue
            self._request(partial(_replace_null, engine=engine))
            return

    def _listen(self, hearing: Hearing) -> Exception | None:
        """Until ``stop`` (None) or a failure (returned)."""
        try:
            while not self._stopping.is_set():
                self._bell.wait(_BEAT_S)
                self._bell.clear()
                before = hearing.inferences
                self._step(hearing)
                self._inferences += hearing.inferences - before
                self._wanted_frame = hearing.wanted_frame
        except Exception as error:  # noqa: BLE001 - whatever it is, we must hear again
            return error
        return None

    def _step(self, hearing: Hearing) -> None:
        for request in self._requests.take(partial(self._hear_up_to, hearing)):
            self._post_all(request(hearing))
            self._post_all(hearing.advance())
        self._hear_up_to(hearing)

    def _hear_up_to(self, hearing: Hearing, end_frame: int | None = None) -> None:
        """Process the queued periods that begin before ``end_frame`` (None: all).

        Those that join are processed as one, which costs less per frame.
        """
        parts: list[Samples] = []
        first = end = 0
        while (period := self._next_period(end_frame)) is not None:
            first_frame, samples, at = period
            if parts and first_frame != end:
                self._post_all(hearing.process(first, np.concatenate(parts)))
                parts = []
            if not parts:
                first = first_frame
            parts.append(samples)
            end = first_frame + len(samples)
            hearing.observe(end, at)
        if parts:
            self._post_all(hearing.process(first, np.concatenate(parts)))

    def _next_period(self, end_frame: int | None) -> tuple[int, Samples, float] | None:
        try:
            if end_frame is not None and self._periods[0][0] >= end_frame:
                return None
            return self._periods.popleft()
        except IndexError:  # empty, perhaps only since close_capture cleared it
            return None

    def _ask_judge(self, hearing: Hearing) -> list[Event]:
        if self._judge is not None:
            self._judge.ask(hearing.turn_so_far(JUDGED_MS), hearing.frame)
        return []

    def _answer_stops(self) -> None:
        """Without a hearing no uplink is on: who asked to stop it need not wait for one."""
        for _ in range(self._requests.give_up_stops()):
            self._post(UplinkStopped(self._end_frame))

    def _rebuild(self, error: Exception, backoff_s: float) -> tuple[Hearing, float] | None:
        """A new hearing and the next back-off; None when ``stop`` came first."""
        self._rebuilding = True
        while True:
            self._post(ear_degraded(error, backoff_s))
            if self._pause(backoff_s):
                return None
            backoff_s = min(2 * backoff_s, LONGEST_BACKOFF_S)
            try:
                hearing = self._make_hearing()
            except Exception as another:  # noqa: BLE001 - as above
                error = another
                continue
            if self._settings is not None:
                hearing.tune(*self._settings)
            hearing.run_vad(self._vad_on)
            hearing.mask(self._masked)
            hearing.guard(self._guarding)
            self._periods.clear()
            self._backlog.reset()
            self._rebuilding = False
            return hearing, backoff_s

    def _pause(self, duration_s: float) -> bool:
        """Wait, showing progress: a retry timer that advances is work. True when stopping."""
        left_s = duration_s
        self._answer_stops()
        while left_s > 0 and not self._stopping.wait(min(left_s, _BEAT_S)):
            left_s -= _BEAT_S
            self._beats += 1
            self._answer_stops()
        return self._stopping.is_set()

    def _post_all(self, events: list[Event]) -> None:
        for event in events:
            self._post(event)


def _silently(action: Callable[_P, None], *args: _P.args, **kwargs: _P.kwargs) -> list[Event]:
    action(*args, **kwargs)
    return []


def _replace_null(hearing: Hearing, engine: WakeEngine) -> list[Event]:
    """A hearing that was rebuilt meanwhile may have the real engine already."""
    if isinstance(hearing.wake_engine, NullWake):
        hearing.use_wake_engine(engine)
    return [PartReady(Part.WAKE)]
