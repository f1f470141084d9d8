"""The composition root: builds the parts, starts them in order, stops them in reverse.

::

    settings -> timeline -> playback -> ear -> panel -> offline service -> link -> runtime

READY is told when every part runs or is in a named degraded state, and the core has
handled the word of each (``core/start_up.py``). Signals:
SIGTERM and SIGINT end the appliance (speaker silent and lights off within two
seconds), SIGHUP reads the configuration again.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import signal
import sys
import time
from collections.abc import Mapping

from device import config
from device.adapters.alsa import quiet_alsa
from device.adapters.alsa_capture import AlsaCapture
from device.adapters.alsa_playback import AlsaPlayback
from device.adapters.clock import SystemClock
from device.adapters.ear import EarThread
from device.adapters.journal import MaskSecrets, set_level
from device.adapters.link import WebSocketLink
from device.adapters.meter_store import state_file
from device.adapters.phrases import LocalPhrases
from device.adapters.systemd import Notifier
from device.app_parts import (
    make_local_service,
    make_panel,
    make_start_up,
    make_timeline,
    virtual_board,
)
from device.audio.cancelling.far_end import FarEndReports
from device.core.appliance import Appliance
from device.core.liveness import Watchdog
from device.errors import ConfigError, ModelError, PanelError
from device.events import (
    ErrorKind,
    Event,
    LinkClosed,
    LinkFailed,
    Part,
    PartDegraded,
    PartReady,
    SettingsReloaded,
    StopReason,
)
from device.hearing_factory import make_hearing, make_turn_judge, make_wake_engine
from device.mailbox import Mailbox
from device.metering import Metering
from device.runtime import Runtime
from device.session import OFFLINE, SessionFactory, capabilities, model_of, services
from device.session_keys import SessionKeys
from device.voice.engines import create_synthesiser

log = logging.getLogger(__name__)

#: Threads that wait for the interpreter get it after this long at most. At the
#: default of 5 ms a busy loop delays the button's cut by tens of milliseconds
#: (scripts/bench_parts/cut.py --switch-interval compares).
SWITCH_INTERVAL_S = 0.0002
#: READY does not wait longer for a part to tell how it is; then it is named as starting.
START_S = 2.5
EAR_RETRY_S = 2.0
CONFIG_RETRY_S = 2.0
#: A part that shows no progress for this long is stalled.
STALL_S = 8.0


class App:
    """One appliance, built on the running loop. ``run`` returns the exit status."""

    def __init__(
        self,
        configuration: config.Outcome,
        environ: Mapping[str, str],
        mask: MaskSecrets,
    ) -> None:
        settings = configuration.settings
        self._settings = settings
        self._config_path = configuration.path
        self._config_errors = configuration.errors
        self._environ = environ
        self._began = time.monotonic()
        self._clock = SystemClock()
        self._mailbox = Mailbox()
        self._notifier = Notifier(environ)
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._ear_retries = 0
        self._board = virtual_board(settings.board)
        self._timeline = make_timeline(
            settings, self._board, lambda: self._settings.log.transcripts, mask.mask
        )
        rates = capabilities(settings)
        rng = random.Random()
        post = self._mailbox.post
        far_end = FarEndReports()
        self._playback = AlsaPlayback(
            settings.audio,
            output_latency_ms=settings.board.output_latency_ms,
            downlink_rate_hz=rates.downlink_rate_hz,
            post=post,
            clock=self._clock,
            far_end=far_end,
        )
        self._phrases = LocalPhrases(
            post,
            lambda: create_synthesiser(settings.offline.voice, settings.phrases.language),
            rates.downlink_rate_hz,
            settings.service.voice if settings.service.provider == OFFLINE else "",
        )
        self._judge = make_turn_judge(settings, post)
        self._capture = AlsaCapture(settings.audio, post=post, clock=self._clock)
        self._ear = EarThread(
            self._capture,
            lambda: make_hearing(self._settings, rates.uplink_rate_hz, far_end, rates.prefers),
            post,
            load_wake=lambda: make_wake_engine(self._settings.wake),
            judge=self._judge,
            clock=self._clock,
        )
        self._panel = make_panel(settings.board, self._board, self._mailbox.post)
        self._local_service = make_local_service(
            settings,
            configuration.path,
            self._mailbox.post,
            lambda pid: self._report("service_started", pid=pid),
            rng,
        )
        sessions = SessionFactory(
            settings,
            environ,
            lambda: self._local_service.url if self._local_service else "",
            mask.register,
            lambda: self._core.conversation.said(self._clock.monotonic()),
            lambda name: self._keys.held(name),  # noqa: PLW0108 - made below
            lambda: self._clock.wall() - self._clock.monotonic(),
        )
        self._sessions = sessions
        self._keys = SessionKeys(settings, environ, mask.register, self._clock)
        self._link = WebSocketLink(
            codec_factory=sessions,
            post=post,
            clock=self._clock,
            rng=rng,
            settings=settings.service,
            uplink_rate_hz=rates.uplink_rate_hz,
            downlink_rate_hz=rates.downlink_rate_hz,
            service=lambda: sessions.service,
            prepare=lambda: self._keys.prepare(sessions.service),
        )
        up_bytes_per_s = 2 * rates.uplink_rate_hz
        self._metering = Metering(
            settings.cost,
            state_file(settings.cost.state, environ),
            post=post,
            clock=self._clock,
            timeline=self._timeline,
            microphone_s=lambda: self._link.counters.microphone_bytes / up_bytes_per_s,
            model_of=lambda name: model_of(settings, name),
            bytes_per_s=2 * rates.downlink_rate_hz,
            services=services(settings),
        )
        self._metering.load()
        self._core = Appliance(
            settings, self._began, make_start_up(settings, self._began + START_S), able=rates
        )
        self._runtime = Runtime(
            self._core,
            mailbox=self._mailbox,
            clock=self._clock,
            ear=self._ear,
            playback=self._playback,
            panel=self._panel,
            link=self._link,
            phrases=self._phrases,
            timeline=self._timeline,
            downlink_rate_hz=rates.downlink_rate_hz,
            sessions=sessions,
            show_status=self._notifier.status,
            tell_ready=self._on_ready,
            watch=self._watch,
        )

    def _watch(self, event: Event) -> None:
        """Every event, before it is dealt with."""
        self._metering.saw(event)
        if isinstance(event, LinkFailed | LinkClosed) and event.kind is ErrorKind.KEY:
            self._keys.refused(self._sessions.service)

    # --- running ----------------------------------------------------------------

    async def run(self) -> int:
        """Until a signal ends it."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        quiet_alsa()  # it would write to stderr at every retry what we say once
        loop = self._loop
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        helpers: list[asyncio.Task[None]] = []
        try:
            if self._local_service is not None:
                self._local_service.start()  # first: it takes longest, in its own process
            if self._board is not None:
                self._board.start(self._stall_loop, self._end_from_any_thread)
            self._playback.start()
            if self._judge is not None:
                self._judge.start()
            helpers.append(loop.create_task(self._start_ear(), name="start ear"))
            # Loading in its thread would delay whatever the loop did meanwhile.
            await asyncio.wait(helpers, timeout=START_S)
            self._start_panel()
            self._tell_of_configuration()
            self._runtime.start(loop)
            if self._config_errors:
                helpers.append(loop.create_task(self._wait_for_mended_configuration()))
            helpers.append(loop.create_task(self._feed_watchdog(), name="watchdog"))
            helpers.append(loop.create_task(self._metering.run(), name="cost"))
            await self._stop.wait()
        finally:
            await self._shut_down(helpers)
        return 0

    async def _start_ear(self) -> None:
        """A part of the ear that is not installed must not keep the rest from running:
        it is tried again. (A missing wake word is met by the ear itself.)"""
        told = ""
        while True:
            try:
                await asyncio.to_thread(self._ear.start)
            except ModelError as error:
                if str(error) != told:
                    told = str(error)
                    self._mailbox.post(PartDegraded(Part.WAKE, "no hearing", told))
                self._ear_retries += 1
                await asyncio.sleep(EAR_RETRY_S)
            except Exception:
                log.exception("the ear cannot be started")
                raise
            else:
                return

    def _tell_of_configuration(self) -> None:
        """After the panel's start: see ``_start_up``."""
        for error in self._config_errors:
            log.error("%s", error)
        if not self._config_errors:
            self._mailbox.post(PartReady(Part.CONFIGURATION))
        else:
            self._mailbox.post(
                PartDegraded(
                    Part.CONFIGURATION,
                    "mistake in the configuration",
                    str(self._config_errors[0]),
                    "correct the file; it is read again by itself",
                )
            )

    async def _wait_for_mended_configuration(self) -> None:
        """End once the file is right; systemd starts us again with it."""
        while config.read(self._config_path).errors:
            await asyncio.sleep(CONFIG_RETRY_S)
        log.info("the configuration is right now: starting anew with it")
        self._stop.set()

    def _stall_loop(self, seconds: float) -> None:
        """The simulator's fault: pure Python holds the loop for ``seconds``. Any thread."""
        self._loop.call_soon_threadsafe(_be_busy, seconds)

    def _end_from_any_thread(self) -> None:
        """The simulator has gone: so does its appliance."""
        self._loop.call_soon_threadsafe(self._stop.set)

    def _start_panel(self) -> None:
        try:
            self._panel.start(self._on_press, self._mailbox.post)
        except PanelError as error:
            self._mailbox.post(PartDegraded(Part.PANEL, "no panel", str(error), error.hint))

    def _on_press(self, _at: float) -> None:
        """The cut, in the pin thread: neither the loop nor the network is asked."""
        self._playback.cut(StopReason.BUTTON)

    def _on_ready(self, states: tuple[str, ...]) -> None:
        # What lives now lives for ever: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        state = "; ".join(states) or "listening for the wake word"
        self._notifier.ready(state)
        took = time.monotonic() - self._began
        self._report("ready", start_s=round(took, 3), state=state)

    async def _feed_watchdog(self) -> None:
        every_s = self._notifier.feed_every_s or 2.0
        watchdog = Watchdog()
        now = self._clock.monotonic()
        counts = self._progress()
        for name, count in counts.items():
            watchdog.expect(name, STALL_S, count, now)
        was_stalled: tuple[str, ...] = ()
        while True:
            await asyncio.sleep(every_s)
            verdict = watchdog.judge(self._progress(), self._clock.monotonic())
            if verdict.feed:
                self._notifier.feed()
            elif verdict.stalled != was_stalled:
                log.error("%s; not feeding the watchdog", verdict)
            was_stalled = verdict.stalled

    def _progress(self) -> dict[str, int]:
        return {
            "ear": self._ear.progress + self._ear_retries,
            "playback": self._playback.progress,
        }

    def _reload(self) -> None:
        """SIGHUP: the live settings come into force, the others are named."""
        started = self._core.started  # before, the end of the reload would be taken for READY
        if started:
            self._notifier.reloading()
        try:
            new = config.load(self._config_path)
        except ConfigError as error:
            log.error("configuration not reloaded: %s", error)
        else:
            changed = config.changes(self._settings, new)
            self._settings = config.with_live(self._settings, new)
            self._core.apply(self._settings)
            self._ear.tune(self._settings.wake, self._settings.vad)
            self._metering.apply(self._settings.cost)
            set_level(self._settings.log.level)
            for key in changed.restart:
                log.warning("%s changed: restart needed", key)
            self._mailbox.post(SettingsReloaded(changed.live, changed.restart))
        if started:
            self._notifier.ready()

    async def _shut_down(self, helpers: list[asyncio.Task[None]]) -> None:
        """Silence and darkness first, farewells after."""
        self._notifier.stopping()
        self._runtime.perform(self._core.end(self._clock.monotonic()))
        self._panel.stop()
        for task in helpers:
            task.cancel()
        await asyncio.to_thread(self._playback.stop)
        await asyncio.to_thread(self._ear.stop)
        await asyncio.to_thread(self._phrases.stop)
        if self._judge is not None:
            await asyncio.to_thread(self._judge.stop)
        await self._link.stop()
        await self._keys.close()
        await self._metering.save()
        if self._local_service is not None:
            await self._local_service.stop()
        self._runtime.stop()
        self._report("stopped")
        if self._board is not None:
            self._board.stop()

    def _report(self, event: str, **fields: object) -> None:
        self._timeline.report(event, self._clock.monotonic(), fields)


def _be_busy(seconds: float) -> None:
    """Simulated fault: pure Python holds the loop for ``seconds``."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(100))


async def run_app(
    configuration: config.Outcome, environ: Mapping[str, str], mask: MaskSecrets
) -> int:
    """Build and run the appliance on the running loop."""
    return await App(configuration, environ, mask).run()
