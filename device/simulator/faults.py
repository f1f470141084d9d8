"""Breaks things on purpose, as scenarios ask. Loop thread only."""

from __future__ import annotations

import time
from collections.abc import Callable

from device.simulator.appliance import Appliance
from device.simulator.panel_socket import PanelSocket
from device.simulator.room import Room
from device.simulator.scenario import FAULTS, Fault
from device.simulator.timeline import Timeline
from device.simulator.trouble import NO_WAY
from device.simulator.ways import Ways

STALL_LOOP_S = 2.0


class Faults:
    """Performs the faults of :data:`device.simulator.scenario.FAULTS`."""

    def __init__(
        self,
        *,
        room: Room,
        ways: Ways,
        panel: PanelSocket,
        appliance: Appliance,
        timeline: Timeline,
    ) -> None:
        self._ways = ways
        self._appliance = appliance
        self._timeline = timeline
        self._do: dict[str, Callable[[], None]] = {
            "unplug_mic": lambda: room.unplug("mic"),
            "replug_mic": lambda: room.replug("mic"),
            "unplug_speaker": lambda: room.unplug("speaker"),
            "replug_speaker": lambda: room.replug("speaker"),
            "xrun_mic": lambda: room.xrun("mic"),
            "xrun_speaker": lambda: room.xrun("speaker"),
            "stall_loop": lambda: panel.stall_loop(STALL_LOOP_S),
            "kill_service": self._kill_service,
            "reset_network": ways.reset,
        }

    def perform(self, fault: Fault, now: float) -> None:
        """Raises SimulatorError or ProcessLookupError when it cannot be done."""
        assert fault.kind in FAULTS
        ways, number = self._ways, int(fault.arguments.get("service", 1))
        match fault.kind:
            case "network_down":
                ways.down(now)
            case "network_up":
                ways.up(now)
            case "wifi_down":
                ways.down(now, NO_WAY)
            case "wifi_up":
                ways.up(now, NO_WAY)
            case "stall_network":
                ways.stall(now, fault.arguments["ms"] / 1000, time.monotonic)
            case "network_jitter":
                ways.jitter(**fault.arguments)
            case "service_refuses":
                ways.refuse(number)
            case "service_hangs":
                ways.hang(number, now)
            case "service_slow":
                ways.slow(number)
            case "service_well":
                ways.well(number, now)
            case other:
                self._do[other]()

    def _kill_service(self) -> None:
        started = self._timeline.of("service_started")
        if not started:
            raise ProcessLookupError("the appliance has not said that it started a service")
        self._appliance.kill_child(int(started[-1].fields["pid"]))
