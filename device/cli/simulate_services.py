"""``parlor simulate --service``: which services there are, and what their stand-ins can ask for."""

from __future__ import annotations

import time
from typing import Any

from device.core.timers import Timers
from device.core.tools import TOOLS, StatusFacts, Toolbox
from device.errors import SimulatorError
from device.providers import SERVICES
from device.simulator.hosted import HostedSpec
from device.simulator.services.offline_brain import Tools
from device.simulator.services.table import TABLE

ALL = "all"
START_VOLUME_PERCENT = 60


def names() -> tuple[str, ...]:
    """Those that the appliance speaks to and that have a stand-in."""
    return tuple(name for name in TABLE if name in SERVICES)


def chosen(name: str) -> tuple[HostedSpec, ...]:
    """The services that ``--service`` names. Raises SimulatorError."""
    known = names()
    if name != ALL and name not in known:
        raise SimulatorError(
            f"there is no stand-in of a service '{name}'", hint=f"one of {', '.join(known)}, {ALL}"
        )
    return tuple(spec_of(one) for one in known if name in (ALL, one))


def spec_of(name: str) -> HostedSpec:
    """With the device's own tools: the device runs them, or, for a service that has none of the
    device's, a box of the same that belongs to the stand-in."""
    declared: list[dict[str, Any]] = [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.schema,
        }
        for tool in TOOLS
    ]
    box = Toolbox(Timers(), START_VOLUME_PERCENT, _nothing_known)

    def run(tool: str, arguments: str) -> str:
        return box.call(tool, arguments, time.monotonic(), time.time()).output

    return HostedSpec(name, Tools(declared), Tools(declared, run))


def _nothing_known(_now: float) -> StatusFacts:
    """The stand-in does not know how the device is doing."""
    unknown = "unknown"
    return StatusFacts(unknown, unknown, False, unknown, unknown, 0)
