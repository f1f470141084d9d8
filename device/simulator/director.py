"""Runs one scenario: room, proxy, panel and the unmodified appliance; then judges.

Everything but the room's engine and the appliance lives in one asyncio loop of
this process. The only clock is CLOCK_MONOTONIC.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from device.adapters import meter_store
from device.errors import SimulatorError
from device.simulator.appliance import Appliance
from device.simulator.console import Console
from device.simulator.cues import Cues
from device.simulator.evidence import Evidence
from device.simulator.faults import Faults
from device.simulator.hosted import Hosted, HostedSpec, hosted
from device.simulator.lock import held
from device.simulator.naming import Names
from device.simulator.outcome import Outcome, recorded, warnings, write_results
from device.simulator.overlay import overlay, to_toml, upstream_of
from device.simulator.panel_socket import PanelSocket
from device.simulator.report import Json, Report
from device.simulator.room import Room
from device.simulator.scenario import Scenario
from device.simulator.seam import wake_words
from device.simulator.speech import render
from device.simulator.timeline import Entry, Timeline
from device.simulator.ways import Destination, Ways
from device.simulator.wire_log import WireLog

FIFO_MS = 8.0  #: what the simulated converter holds
READY_TIMEOUT_S = 30.0

MakeCommand = Callable[[Path], Sequence[str]]
"""The appliance's command line, given its configuration file."""


def parlor_command(config: Path) -> Sequence[str]:
    """The real one."""
    return (sys.executable, "-m", "device.cli.main", "run", "--config", str(config))


class Director:
    """One run of one scenario into ``out``, which it creates. ``service``: whose stand-in is to
    take the place of the configured service."""

    def __init__(
        self,
        scenario: Scenario,
        config: Mapping[str, Any],
        out: Path,
        console: Console,
        *,
        service: HostedSpec | None = None,
        command: MakeCommand = parlor_command,
        ready_timeout_s: float = READY_TIMEOUT_S,
    ) -> None:
        self._scenario = scenario
        self._config = config
        self._out = out
        self._console = console
        self._service = service
        self._command = command
        self._ready_timeout_s = ready_timeout_s
        self._timeline = Timeline()
        self._turns = _LiveTurns(self._timeline)
        self._wire = WireLog()
        self._ready = asyncio.Event()

    async def run(self) -> Outcome:
        """Raises ScenarioError or SimulatorError when it cannot even begin."""
        try:
            self._out.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SimulatorError(
                f"the folder {self._out} cannot be made: {error.strerror}",
                hint="name another with --out",
            ) from error
        with held(self._out):
            if self._service is None:
                return await self._run(self._config, None)
            self._service.check(self._scenario)
            async with hosted(self._service, self._config, self._out) as service:
                self._console.note(f"service: the stand-in of {self._service.name}, {service.url}")
                return await self._run(service.configured(self._config), service)

    async def _run(self, owned: Mapping[str, Any], service: Hosted | None) -> Outcome:
        utterances = render(self._scenario, wake_words(owned))
        self._timeline.listen(self._console.entry)
        self._timeline.listen(self._became_ready)
        spec = asdict(self._scenario.room)
        with Room(**spec, fifo_ms=FIFO_MS, directory=self._out) as room:
            offline_port = free_port()
            ways = Ways(
                service.destinations
                if service
                else [Destination("service", upstream_of(owned, offline_port))],
                self._wire,
                lambda why, at: self._timeline.add("service_unreachable", at, reason=why),
            )
            await ways.start()
            main, *others = ways.each
            real = main.to.upstream.name
            names = Names(f"127.0.0.1:{main.port}" if main.port else real, real)
            panel = PanelSocket(
                lambda event, at, fields: self._timeline.add_reported(
                    event, at, names.fields(fields)
                )
            )
            await panel.start()
            config_path = self._out / "config.toml"
            config = overlay(
                owned,
                room=self._scenario.room,
                fifo_ms=FIFO_MS,
                socket=panel.path,
                state=self._out,
                proxy_port=main.port,
                offline_port=offline_port,
                section=main.to.section,
                other_ports={way.to.section: way.port for way in others if way.port},
            )
            # What an earlier run in this folder cost is none of this one's.
            (self._out / meter_store.FILE_NAME).unlink(missing_ok=True)
            config_path.write_text(to_toml(config), encoding="utf-8")
            appliance = Appliance(
                self._command(config_path), room.environment(), self._out / "appliance.log"
            )
            faults = Faults(
                room=room,
                ways=ways,
                panel=panel,
                appliance=appliance,
                timeline=self._timeline,
            )
            cues = Cues(
                self._scenario,
                utterances,
                room=room,
                panel=panel,
                faults=faults,
                timeline=self._timeline,
            )
            self._timeline.listen(lambda e: self._turns.heard_of(e, cues))
            failure, timing = await self._play(appliance, cues, room)
            ways.all_well(time.monotonic())
            await panel.stop()
            await ways.stop()
            names.file(self._out / "appliance.log")
            ended_at = appliance.exited_at or time.monotonic()
            counters = asdict(room.counters())
            clocks = room.clock("speaker"), room.clock("mic")
        t0 = self._timeline.t0 if self._timeline.t0 is not None else appliance.started_at
        started = self._timeline.t0 is not None
        channel = int(config["audio"].get("capture_channel", 0))
        evidence = Evidence(
            t0=t0,
            end=ended_at,
            nominal_rate_hz=self._scenario.room.rate_hz,
            speaker=recorded(self._out / "speaker.wav", clocks[0], t0 if started else None),
            mic=recorded(self._out / "mic.wav", clocks[1], t0 if started else None, channel),
            spoken=cues.spoken,
            presses=cues.presses,
            uplink=service.book.uplink() if service else self._wire.uplink.runs,
            downlink=service.book.downlink() if service else self._wire.downlink.runs,
            rows=self._wire.rows,
            entries=self._timeline.sorted(),
            room=counters,
            wire_tells_turns=service is None,
        )
        report = Report(evidence)
        summary = {
            "ok": not failure,
            "failure": failure,
            "scenario": str(self._scenario.path or ""),
            "service": service.summary(t0) if service else None,
            "duration_s": self._scenario.duration_s,
            **timing,
            "warnings": warnings(counters, cues.never_triggered, timing),
            "never_triggered": [c.line for c in cues.never_triggered],
            **report.summary(),
        }
        write_results(self._out, report, self._timeline, summary)
        return Outcome(failure, summary, report, self._timeline, appliance.last_words())

    # --- the run itself ------------------------------------------------------------

    async def _play(self, appliance: Appliance, cues: Cues, room: Room) -> tuple[str, Json]:
        """Start, wait for READY, let the scenario happen, end. Returns (failure, times)."""
        await appliance.start()
        exited = asyncio.create_task(appliance.wait())
        ready = asyncio.create_task(self._ready.wait())
        timing: Json = {}
        try:
            await asyncio.wait(
                {exited, ready},
                timeout=self._ready_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if exited.done():
                return f"the appliance ended before READY (exit status {exited.result()})", timing
            t0 = self._timeline.t0
            if t0 is None:
                return f"the appliance was not READY after {self._ready_timeout_s:g} s", timing
            timing["start_to_ready_ms"] = round((t0 - appliance.started_at) * 1000, 1)
            room.mark_start(t0)
            cues.begin(t0)
            left = t0 + self._scenario.duration_s - time.monotonic()
            await asyncio.wait({exited}, timeout=max(0.0, left))
            if exited.done():
                at = appliance.exited_at or time.monotonic()
                return (
                    f"the appliance ended by itself after {at - t0:.1f} s "
                    f"(exit status {exited.result()})",
                    timing,
                )
            cues.stop()
            asked_at = time.monotonic()
            status = await appliance.stop()
            timing["shutdown_ms"] = round((time.monotonic() - asked_at) * 1000, 1)
            return _shutdown_verdict(status, appliance.was_killed), timing
        finally:
            cues.stop()
            ready.cancel()
            await appliance.stop()
            with contextlib.suppress(asyncio.CancelledError):
                await exited

    def _became_ready(self, entry: Entry) -> None:
        if entry.event == "ready":
            self._ready.set()


class _LiveTurns:
    """A preliminary ``turn`` line as soon as a reply begins to play; the measured
    one takes its place when the run is over."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline = timeline
        self._answered: set[float] = set()

    def heard_of(self, entry: Entry, cues: Cues) -> None:
        if entry.event != "playback_started":
            return
        before = [s for s in cues.spoken if s.last_loud_at < entry.at]
        last = max(before, key=lambda s: s.last_loud_at, default=None)
        if last is None or last.last_loud_at in self._answered:
            return
        self._answered.add(last.last_loud_at)
        latency_ms = round((entry.at - last.last_loud_at) * 1000, 1)
        self._timeline.add("turn", entry.at, latency_ms=latency_ms, preliminary=True)


def free_port() -> int:
    """A loopback port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _shutdown_verdict(status: int, was_killed: bool) -> str:
    if was_killed:
        return "the appliance did not end after SIGTERM and had to be killed"
    return "" if status == 0 else f"the appliance ended with exit status {status}"
