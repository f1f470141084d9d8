"""Performs the cues of a scenario at their times. Loop thread only.

Utterances at fixed times are handed to the room as soon as READY is known, so
that they stand at their exact sample; the rest is done by the loop's timer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from device.errors import SimulatorError
from device.simulator.evidence import Spoken
from device.simulator.faults import Faults
from device.simulator.panel_socket import PanelSocket
from device.simulator.room import Room
from device.simulator.scenario import After, At, Button, Cue, Fault, Play, Say, Scenario
from device.simulator.speech import Utterance
from device.simulator.timeline import Entry, Timeline


class Cues:
    """Listens to the timeline; ``begin`` when it says ``ready``."""

    def __init__(
        self,
        scenario: Scenario,
        utterances: dict[int, Utterance],
        *,
        room: Room,
        panel: PanelSocket,
        faults: Faults,
        timeline: Timeline,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cues = list(enumerate(scenario.cues))
        self._utterances = utterances
        self._room = room
        self._panel = panel
        self._faults = faults
        self._timeline = timeline
        self._clock = clock
        self._handles: set[asyncio.TimerHandle] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = [(i, c) for i, c in self._cues if isinstance(c.trigger, After)]
        self.presses: list[float] = []
        self.spoken: list[Spoken] = []
        timeline.listen(self._heard_of)

    @property
    def never_triggered(self) -> list[Cue]:
        """Cues whose event did not come (often enough)."""
        return [cue for _, cue in self._waiting]

    def begin(self, t0: float) -> None:
        """READY was at ``t0``: everything with a fixed time is set up."""
        for index, cue in self._cues:
            if isinstance(cue.trigger, At):
                self._arm(index, cue, t0 + cue.trigger.at_s)

    def stop(self) -> None:
        for handle in self._handles:
            handle.cancel()
        for task in self._tasks:
            task.cancel()

    def _heard_of(self, entry: Entry) -> None:
        count = self._timeline.counts[entry.event]
        for waiting in tuple(self._waiting):
            index, cue = waiting
            trigger = cue.trigger
            if isinstance(trigger, After) and (entry.event, count) == (
                trigger.event,
                trigger.count,
            ):
                self._waiting.remove(waiting)
                self._arm(index, cue, entry.at + trigger.delay_ms / 1000)

    def _arm(self, index: int, cue: Cue, at: float) -> None:
        action = cue.action
        if isinstance(action, Say | Play):
            task = asyncio.create_task(self._speak(index, action, at))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        elif isinstance(action, Button):
            self._later(at, lambda: self._press(action))
        else:
            self._later(at, lambda: self._fault(action))

    def _later(self, at: float, do: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()

        def fire() -> None:
            self._handles.discard(handle)
            do()

        handle = loop.call_later(max(0.0, at - self._clock()), fire)
        self._handles.add(handle)

    async def _speak(self, index: int, action: Say | Play, at: float) -> None:
        utterance = self._utterances[index]
        try:
            placed = await asyncio.to_thread(
                self._room.say, utterance.samples, at=at, gain_db=action.gain_db
            )
        except SimulatorError as error:
            self._note("fault", self._clock(), fault="say", failed=str(error))
            return
        per_sample = (placed.ends_at - placed.starts_at) / max(1, placed.frames)

        def at_sample(index: int | None) -> float | None:
            return None if index is None else placed.starts_at + index * per_sample

        text = action.text if isinstance(action, Say) else action.path.name
        spoken = Spoken(
            text,
            placed.starts_at + utterance.first_loud * per_sample,
            placed.starts_at + utterance.last_loud * per_sample,
            at_sample(utterance.word_end),
            at_sample(utterance.question),
        )
        self.spoken.append(spoken)
        kind = "say" if isinstance(action, Say) else "play"
        seconds = round(spoken.last_loud_at - placed.starts_at, 3)
        self._later(
            placed.starts_at,
            lambda: self._note(kind, placed.starts_at, text=text, seconds=seconds),
        )

    def _note(self, event: str, at: float, **fields: object) -> None:
        self._timeline.add(event, at, **fields)

    def _press(self, action: Button) -> None:
        try:
            stamped = self._panel.edge(pressed=True)
        except SimulatorError as error:
            self._note("fault", self._clock(), fault="button", failed=str(error))
            return
        self.presses.append(stamped)
        self._note("button_pressed", stamped, button=action.name)
        self._later(stamped + action.hold_ms / 1000, self._release)

    def _release(self) -> None:
        try:
            stamped = self._panel.edge(pressed=False)
        except SimulatorError as error:
            self._note("fault", self._clock(), fault="button", failed=str(error))
            return
        self._note("button_released", stamped)

    def _fault(self, fault: Fault) -> None:
        at = self._clock()
        try:
            self._faults.perform(fault, at)
        except (SimulatorError, ProcessLookupError) as error:
            self._note("fault", at, fault=fault.kind, failed=str(error), **fault.arguments)
            return
        self._note("fault", at, fault=fault.kind, **fault.arguments)
