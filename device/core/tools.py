"""The device's own functions, offered to whichever service answers.

Pure: a call returns its JSON result and the commands it entails. Names, schemas
and results are a contract with the built-in offline service, which phrases them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from device.commands import Command, Report, SetVolume
from device.core.timers import Timers

CAN_DO = (
    "tell the time and the date",
    "set, list and cancel timers",
    "change the volume",
    "repeat what was said",
    "tell how the device is doing",
    "stop when told to",
)


@dataclass(frozen=True, slots=True)
class Tool:
    """A function as services want it declared. ``parameters``: name -> JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    required: tuple[str, ...] = ()

    @property
    def schema(self) -> dict[str, object]:
        return {
            "type": "object",
            "properties": {k: dict(v) for k, v in self.parameters.items()},
            "required": list(self.required),
            "additionalProperties": False,
        }


LEAST_VOLUME_PERCENT = 5
"""What words can turn it down to. A misheard "volume zero" would make it a device that does not
answer any more, and cannot say why."""

_WHOLE = {"type": "integer"}

TOOLS = (
    Tool("get_time", "The time of day where the device stands."),
    Tool("get_date", "Today's date and weekday where the device stands."),
    Tool(
        "set_timer",
        "Start a kitchen timer that rings on the device.",
        {
            "seconds": {**_WHOLE, "minimum": 1, "maximum": 86400},
            "name": {"type": "string", "description": "what it is for, if said"},
        },
        ("seconds",),
    ),
    Tool("list_timers", "The timers that run, with the seconds that remain."),
    Tool(
        "cancel_timer",
        "Cancel one timer by its id, or all of them when no id is given.",
        {"timer_id": _WHOLE},
    ),
    Tool(
        "set_volume",
        "Set the loudness to percent, or change it by so many percent points.",
        {
            "percent": {**_WHOLE, "minimum": 0, "maximum": 100},
            "change": {**_WHOLE, "minimum": -100, "maximum": 100},
        },
    ),
    Tool("get_status", "How the device is doing: microphone, speaker, service, volume, timers."),
    Tool("repeat", "What the device said last."),
    Tool("help", "What can be asked of the device itself."),
    Tool("stop", "Stop a ringing timer, or end the conversation."),
)


@dataclass(frozen=True, slots=True)
class StatusFacts:
    """What ``get_status`` reports, gathered by the appliance."""

    microphone: str
    speaker: str
    muted: bool
    service: str
    network: str
    uptime_s: int


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """``ends_conversation``: no follow-up listening after this turn."""

    output: str
    commands: tuple[Command, ...] = ()
    ends_conversation: bool = False


class Toolbox:
    """Runs the tools. ``status`` is asked for facts, so they are never stale."""

    def __init__(
        self, timers: Timers, volume_percent: int, status: Callable[[float], StatusFacts]
    ) -> None:
        self._timers = timers
        self._status = status
        self.volume_percent = volume_percent
        self.last_reply = ""
        self._untold: list[int] = []  # timers that were set, of which nobody has heard
        self._handlers: dict[str, Callable[[Mapping[str, object], float, float], ToolOutcome]] = {
            "get_time": self._get_time,
            "get_date": self._get_date,
            "set_timer": self._set_timer,
            "list_timers": self._list_timers,
            "cancel_timer": self._cancel_timer,
            "set_volume": self._set_volume,
            "get_status": self._get_status,
            "repeat": lambda _args, _now, _wall: _result(text=self.last_reply),
            "help": lambda _args, _now, _wall: _result(can_do=list(CAN_DO)),
            "stop": self._stop,
        }

    def call(self, name: str, arguments: str, now: float, wall: float) -> ToolOutcome:
        """Run tool ``name``; a wrong call is answered with an error the service can read."""
        handler = self._handlers.get(name)
        if handler is None:
            return _result(ok=False, error=f"this device has no function called {name}")
        try:
            parsed = json.loads(arguments or "{}")
        except json.JSONDecodeError as error:
            return _result(ok=False, error=f"the arguments are not JSON: {error.msg}")
        if not isinstance(parsed, dict):
            return _result(ok=False, error="the arguments are not a JSON object")
        try:
            return handler(parsed, now, wall)
        except ValueError as error:
            return _result(ok=False, error=str(error))

    def told(self) -> None:
        """The person hears what was done: it stands."""
        self._untold.clear()

    def undo_untold(self) -> tuple[Command, ...]:
        """The exchange was given up before the person heard what was done: a timer that nobody
        knows of must not ring."""
        undone = [timer_id for timer_id in self._untold if self._timers.cancel(timer_id)]
        self._untold.clear()
        reason = "given up before it was told"
        return tuple(Report("timer_stopped", {"timer_id": i, "reason": reason}) for i in undone)

    def _get_time(self, _args: Mapping[str, object], _now: float, wall: float) -> ToolOutcome:
        local = datetime.fromtimestamp(wall).astimezone()
        return _result(time=f"{local:%H:%M}", timezone=local.tzname() or "")

    def _get_date(self, _args: Mapping[str, object], _now: float, wall: float) -> ToolOutcome:
        local = datetime.fromtimestamp(wall).astimezone()
        return _result(date=f"{local:%Y-%m-%d}", weekday=f"{local:%A}")

    def _set_timer(self, args: Mapping[str, object], now: float, _wall: float) -> ToolOutcome:
        name = args.get("name", "")
        if not isinstance(name, str):
            raise ValueError("name must be text")
        timer = self._timers.set(_whole(args, "seconds"), name.strip(), now)
        self._untold.append(timer.timer_id)
        return _result(ok=True, timer_id=timer.timer_id, seconds=timer.seconds, name=timer.name)

    def _list_timers(self, _args: Mapping[str, object], now: float, _wall: float) -> ToolOutcome:
        return _result(
            timers=[
                {
                    "timer_id": t.timer_id,
                    "name": t.name,
                    "remaining_s": max(0, round(t.due - now)),
                    "ringing": t.ringing_since is not None,
                }
                for t in self._timers.all
            ]
        )

    def _cancel_timer(self, args: Mapping[str, object], _now: float, _wall: float) -> ToolOutcome:
        which = _whole(args, "timer_id") if args.get("timer_id") is not None else None
        cancelled = self._timers.cancel(which)
        if which is not None and not cancelled:
            raise ValueError(f"there is no timer {which}")
        return _result(ok=True, cancelled=cancelled)

    def _set_volume(self, args: Mapping[str, object], _now: float, _wall: float) -> ToolOutcome:
        if args.get("percent") is not None:
            wanted = _whole(args, "percent")
        elif args.get("change") is not None:
            wanted = self.volume_percent + _whole(args, "change")
        else:
            raise ValueError("give percent or change")
        self.volume_percent = min(100, max(LEAST_VOLUME_PERCENT, wanted))
        return _result((SetVolume(self.volume_percent),), ok=True, percent=self.volume_percent)

    def _get_status(self, _args: Mapping[str, object], now: float, _wall: float) -> ToolOutcome:
        facts = self._status(now)
        return _result(
            microphone=facts.microphone,
            speaker=facts.speaker,
            muted=facts.muted,
            service=facts.service,
            network=facts.network,
            volume_percent=self.volume_percent,
            timers=len(self._timers),
            uptime_s=facts.uptime_s,
        )

    def _stop(self, _args: Mapping[str, object], _now: float, _wall: float) -> ToolOutcome:
        rang = self._timers.stop_ringing()
        reports = tuple(Report("timer_stopped", {"timer_id": t.timer_id}) for t in rang)
        outcome = _result(reports, ok=True, stopped="timer" if rang else "reply")
        return ToolOutcome(outcome.output, outcome.commands, ends_conversation=True)


def _result(commands: tuple[Command, ...] = (), **fields: object) -> ToolOutcome:
    return ToolOutcome(json.dumps(fields), commands)


def _whole(args: Mapping[str, object], key: str) -> int:
    """Whole numbers only; models like to write 300.0 or "300"."""
    value = args.get(key)
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} must be a whole number")
    if not math.isfinite(value) or value != int(value):
        raise ValueError(f"{key} must be a whole number")
    return int(value)
