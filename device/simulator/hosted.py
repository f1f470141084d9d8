"""Services that the simulator runs itself: stand-ins on loopback, with the built-in offline
service behind them, in the place of those that are configured."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.adapters.local_service import LocalService
from device.errors import ScenarioError, SimulatorError
from device.events import Event, PartDegraded, PartReady
from device.simulator.conduct import Conduct, Minded
from device.simulator.overlay import Tree, table_of, to_toml
from device.simulator.report import Json
from device.simulator.scenario import Fault, Scenario
from device.simulator.services.book import Book
from device.simulator.services.offline_brain import OfflineBrain, Tools
from device.simulator.services.stand_in import StandIn
from device.simulator.services.table import TABLE, ServiceStandIn
from device.simulator.upstream import Upstream
from device.simulator.ways import Destination

START_S = 30.0
OFFLINE = "offline"
NETWORK_FAULTS = (
    "network_down",
    "network_up",
    "stall_network",
    "network_jitter",
    "wifi_down",
    "wifi_up",
    "reset_network",
    "service_refuses",
    "service_hangs",
    "service_slow",
    "service_well",
)
#: What an owner says about how a service is reached, none of which leads to a stand-in.
ACCESS = (
    "url",
    "model",
    "voice",
    "key_name",
    "key_file",
    "key_command",
    "key_url",
    "secret_name",
    "secret_file",
)


@dataclass(frozen=True, slots=True)
class HostedSpec:
    """``name``: of ``service.provider``. ``device_tools``: as the offline service has them
    declared; ``own_tools``: the same with who runs them, for services without the device's.
    ``cap_s``: the longest a session may last; None: the service's own cap. ``watch`` is given
    the stand-in once it runs. ``fallback``: who takes over, in order; ``offline_last``: behind
    them the appliance's own offline service."""

    name: str
    device_tools: Tools
    own_tools: Tools
    cap_s: float | None = None
    watch: Callable[[StandIn], object] | None = None
    fallback: tuple[HostedSpec, ...] = ()
    offline_last: bool = False

    @property
    def all(self) -> tuple[HostedSpec, ...]:
        """The preferred one first."""
        return (self, *self.fallback)

    @property
    def row(self) -> ServiceStandIn:
        """Raises SimulatorError where there is no stand-in of that name."""
        if self.name not in TABLE:
            raise SimulatorError(
                f"there is no stand-in of '{self.name}'", hint=f"use one of {', '.join(TABLE)}"
            )
        return TABLE[self.name]

    def check(self, scenario: Scenario) -> None:
        """Raises ScenarioError for a fault that cannot be made with this service."""
        for cue in scenario.cues:
            if not isinstance(cue.action, Fault):
                continue
            kind = cue.action.kind
            straight = [spec.name for spec in self.all if not spec.row.proxied]
            if kind in NETWORK_FAULTS and straight:
                raise ScenarioError(
                    f"'{kind}' cannot be made with --service {straight[0]}: the way to it begins "
                    "with HTTP, so that the appliance talks to its stand-in without the proxy "
                    "that makes such faults",
                    file=scenario.path,
                    line=cue.line,
                )
            if cue.action.arguments.get("service", 0) > len(self.all):
                raise ScenarioError(
                    f"there are only {len(self.all)} services", file=scenario.path, line=cue.line
                )
            if kind == "kill_service" and not self.offline_last:
                raise ScenarioError(
                    f"'kill_service' cannot be made with --service {self.name}: its stand-in is "
                    "part of the simulator, and no child of the appliance",
                    file=scenario.path,
                    line=cue.line,
                )


class Hosted:
    """While it runs. ``book`` has what was asked of it and of ``others``, those that would take
    over, and what was answered. Loop thread only."""

    def __init__(
        self,
        spec: HostedSpec,
        stand_in: StandIn,
        key_file: Path,
        book: Book,
        others: Sequence[Hosted] = (),
    ) -> None:
        self._spec, self._stand_in, self._key_file, self.book = spec, stand_in, key_file, book
        self.others = others
        self.name, self.url = spec.name, spec.row.url(stand_in)
        self.proxied = spec.row.proxied
        self.conduct = Conduct()
        self.brains: list[int] = []  #: as ``book`` numbers them

    @property
    def destinations(self) -> list[Destination]:
        """Its own first."""
        mine = Destination(self.name, Upstream.of_any(self.url), self.proxied, self.conduct)
        return [mine, *(to for other in self.others for to in other.destinations)]

    def configured(self, config: Mapping[str, Any]) -> Tree:
        """The owner's configuration with this service and ``others`` alone in it, at their own
        addresses.

        Unless the owner says otherwise, the sign that an answer takes long is a sound: words
        would be sound of the speaker's that scenarios count as a reply's."""
        name = self._spec.name
        service = {k: v for k, v in table_of(config, "service").items() if k not in ACCESS}
        last = [OFFLINE] if self._spec.offline_last else []
        service |= {"provider": name, "fallback": [*(one.name for one in self.others), *last]}
        sections = {one.name: one._section(config) for one in (self, *self.others)}
        turn = {"slow_reply": "sound", **table_of(config, "turn")}
        return {**config, "service": service, **sections, "turn": turn}

    def _section(self, config: Mapping[str, Any]) -> Tree:
        own = {k: v for k, v in table_of(config, self.name).items() if k not in ACCESS}
        own |= self._spec.row.section(self._stand_in)
        return own | {"url": self.url, "key_file": str(self._key_file)}

    def summary(self, t0: float) -> Json:
        """Which service it was, and what it was asked; times from READY."""
        answers = [
            {
                "t": round(asked.answered_at - t0, 3),
                "item_id": key,
                "heard": self.book.heard_before(asked),
                "words": asked.answer.words,
                "service": self._whose(asked.connection),
            }
            for key, asked in self.book.answers()
        ]
        return {
            "name": self._spec.name,
            "stand_in": type(self._stand_in).__name__,
            "url": self.url,
            "proxied": self.proxied,
            "device_tools": self._spec.row.device_tools,
            "connections": len(self._stand_in.lines),
            "asked": len(self.book.entries),
            "answers": answers,
        }

    def _whose(self, brain: int) -> str:
        return next(one.name for one in (self, *self.others) if brain in one.brains)


@contextlib.asynccontextmanager
async def hosted(spec: HostedSpec, config: Mapping[str, Any], out: Path) -> AsyncIterator[Hosted]:
    """Starts and stops it, and those that would take over. Raises SimulatorError. The keys are
    made for this run, and stand in ``out`` for their owner only."""
    book = Book()
    async with contextlib.AsyncExitStack() as running:
        url = await running.enter_async_context(_offline_service(config, out))
        others = [
            await running.enter_async_context(
                _one(other, url, book, out / f"service_key_{other.name}")
            )
            for other in spec.fallback
        ]
        yield await running.enter_async_context(_one(spec, url, book, out / "service_key", others))


@contextlib.asynccontextmanager
async def _one(
    spec: HostedSpec, url: str, book: Book, key_file: Path, others: Sequence[Hosted] = ()
) -> AsyncIterator[Hosted]:
    """``url``: of the brains' service."""
    brains: list[OfflineBrain] = []
    made: list[Hosted] = []
    key = secrets.token_urlsafe(18)
    tools = spec.device_tools if spec.row.device_tools else spec.own_tools

    def brain() -> Minded:
        brains.append(OfflineBrain(url, tools, book))
        made[0].brains.append(book.connections)
        return Minded(brains[-1], made[0].conduct)

    async with spec.row.make(brain, key) as stand_in:
        if spec.cap_s is not None:
            stand_in.cap_s = spec.cap_s
        made.append(Hosted(spec, stand_in, private_file(key_file, key), book, others))
        if spec.watch is not None:
            spec.watch(stand_in)
        try:
            yield made[0]
        finally:
            for one in brains:
                await one.close()


@contextlib.asynccontextmanager
async def _offline_service(config: Mapping[str, Any], out: Path) -> AsyncIterator[str]:
    """The brains' service, with the owner's ``[offline]``; its address."""
    path = out / "brain.toml"
    offline = {k: v for k, v in table_of(config, "offline").items() if k != "port"}
    path.write_text(to_toml({"offline": offline}), encoding="utf-8")
    ready = asyncio.Event()
    troubles: list[str] = []

    def post(event: Event) -> None:
        if isinstance(event, PartDegraded):
            troubles.append(event.detail)
        if isinstance(event, PartDegraded | PartReady):
            ready.set()

    arguments = ["--port", "0", "--pace", "0", "--exit-with-parent", "--config", str(path)]
    service = LocalService(arguments, post, lambda _pid: None, random.Random(), quiet=True)
    service.start()
    try:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), START_S)
        if not service.url:
            why = "; ".join(troubles) or f"it is not there after {START_S:g} s"
            raise SimulatorError(f"the offline service, which answers for the stand-in: {why}")
        yield service.url
    finally:
        await service.stop()


def private_file(path: Path, text: str) -> Path:
    """A file that only its owner may read, from its first byte on."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    return path.absolute()
