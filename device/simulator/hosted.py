"""A service that the simulator runs itself: a stand-in on loopback, with the built-in offline
service behind it, in the place of the one that is configured."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import secrets
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.adapters.local_service import LocalService
from device.errors import ScenarioError, SimulatorError
from device.events import Event, PartDegraded, PartReady
from device.simulator.overlay import Tree, table_of, to_toml
from device.simulator.report import Json
from device.simulator.scenario import Fault, Scenario
from device.simulator.services.book import Book
from device.simulator.services.offline_brain import OfflineBrain, Tools
from device.simulator.services.stand_in import StandIn
from device.simulator.services.table import TABLE, ServiceStandIn

START_S = 30.0
NETWORK_FAULTS = ("network_down", "network_up", "stall_network", "network_jitter")
#: What an owner says about how a service is reached, none of which leads to a stand-in.
ACCESS = ("url", "model", "voice", "key_name", "key_file", "key_command", "key_url", "secret_name")


@dataclass(frozen=True, slots=True)
class HostedSpec:
    """``name``: of ``service.provider``. ``device_tools``: as the offline service has them
    declared; ``own_tools``: the same with who runs them, for services without the device's."""

    name: str
    device_tools: Tools
    own_tools: Tools

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
            if kind in NETWORK_FAULTS and not self.row.proxied:
                raise ScenarioError(
                    f"'{kind}' cannot be made with --service {self.name}: the way to it begins "
                    "with HTTP, so that the appliance talks to its stand-in without the proxy "
                    "that makes such faults",
                    file=scenario.path,
                    line=cue.line,
                )
            if kind == "kill_service":
                raise ScenarioError(
                    f"'kill_service' cannot be made with --service {self.name}: its stand-in is "
                    "part of the simulator, and no child of the appliance",
                    file=scenario.path,
                    line=cue.line,
                )


class Hosted:
    """While it runs. ``book`` has what was asked of it and answered. Loop thread only."""

    def __init__(self, spec: HostedSpec, stand_in: StandIn, key_file: Path, book: Book) -> None:
        self._spec, self._stand_in, self._key_file, self.book = spec, stand_in, key_file, book
        self.name, self.url = spec.name, spec.row.url(stand_in)
        self.proxied = spec.row.proxied

    def configured(self, config: Mapping[str, Any]) -> Tree:
        """The owner's configuration with this service alone in it, at its own address.

        Unless the owner says otherwise, the sign that an answer takes long is a sound: words
        would be sound of the speaker's that scenarios count as a reply's."""
        name = self._spec.name
        service = {k: v for k, v in table_of(config, "service").items() if k not in ACCESS}
        service |= {"provider": name, "fallback": []}
        own = {k: v for k, v in table_of(config, name).items() if k not in ACCESS}
        own |= self._spec.row.section(self._stand_in)
        own |= {"url": self.url, "key_file": str(self._key_file)}
        turn = {"slow_reply": "sound", **table_of(config, "turn")}
        return {**config, "service": service, name: own, "turn": turn}

    def summary(self, t0: float) -> Json:
        """Which service it was, and what it was asked; times from READY."""
        answers = [
            {
                "t": round(asked.answered_at - t0, 3),
                "item_id": key,
                "heard": self.book.heard_before(asked),
                "words": asked.answer.words,
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


@contextlib.asynccontextmanager
async def hosted(spec: HostedSpec, config: Mapping[str, Any], out: Path) -> AsyncIterator[Hosted]:
    """Starts and stops it. Raises SimulatorError. The key is made for this run, and stands in
    ``out`` for its owner only."""
    book = Book()
    brains: list[OfflineBrain] = []
    key = secrets.token_urlsafe(18)
    tools = spec.device_tools if spec.row.device_tools else spec.own_tools
    async with _offline_service(config, out) as url:

        def brain() -> OfflineBrain:
            brains.append(OfflineBrain(url, tools, book))
            return brains[-1]

        async with spec.row.make(brain, key) as stand_in:
            try:
                yield Hosted(spec, stand_in, private_file(out / "service_key", key), book)
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
