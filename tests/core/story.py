"""A story for the core: say what happens, read what it commands."""

from __future__ import annotations

import json
from dataclasses import replace

from device.capabilities import Capabilities
from device.commands import Command, Report, ShowLight, StartUplink
from device.core.appliance import Appliance
from device.core.phases import Phase
from device.events import (
    ButtonEdge,
    Event,
    LinkOpened,
    PlaybackStarted,
    PlaybackStopped,
    ReplyAudioReceived,
    ReplyDone,
    ReplyStarted,
    ServiceSpeechStarted,
    StopReason,
    Tick,
    ToolCalled,
    TurnCommitted,
    WakeDetected,
)
from device.providers import capabilities_of
from device.session import capabilities
from device.settings import PhrasesSettings, ServiceSettings, Settings

WALL = 1_800_000_000.0


WHY_NOT = ("say_again", "no_network", "log_in", "clock", "no_service", "no_key", "no_quota")

#: A service on the network that cannot be told what to say.
UNTOLD = replace(capabilities_of("openai_realtime"), says_on_request=False)


class Story:
    """Drives an appliance's core with its own clock; deadlines are met on the way."""

    def __init__(self, *, able: Capabilities | None = None, **sections: dict[str, object]) -> None:
        # The service ends the turns, unless a story says otherwise: then each step has an event.
        # Why there is no connection is told by the cue alone, likewise.
        unsaid = dict.fromkeys(WHY_NOT, "")
        settings = replace(
            Settings(),
            service=ServiceSettings(turn_detection="service"),
            phrases=PhrasesSettings(**unsaid),
        )
        for name, values in sections.items():
            settings = replace(settings, **{name: replace(getattr(settings, name), **values)})
        self.settings = settings
        self.now = 100.0
        self.core = Appliance(settings, self.now, able=able or capabilities(settings))
        self.said: list[Command] = list(self.core.begin(self.now))

    @property
    def phase(self) -> Phase:
        return self.core.conversation.phase

    def happens(self, *events: Event) -> list[Command]:
        """The commands that follow from these events, in order."""
        commands = [c for e in events for c in self.core.handle(e, self.now, WALL)]
        self.said += commands
        return commands

    def passes(self, seconds: float) -> list[Command]:
        """Let time pass; ticks come when the core asked for them."""
        until = self.now + seconds
        commands: list[Command] = []
        for _ in range(1000):
            deadline = self.core.deadline
            if deadline is None or deadline > until:
                self.now = until
                return commands
            self.now = max(self.now, deadline)
            commands += self.happens(Tick())
        raise AssertionError("the core asks for ticks without end")

    def button_down(self) -> list[Command]:
        return self.happens(ButtonEdge(True, self.now))

    def button_up(self) -> list[Command]:
        return self.happens(ButtonEdge(False, self.now))

    def press(self, held_s: float = 0.1) -> list[Command]:
        commands = self.button_down()
        commands += self.passes(held_s)
        commands += self.button_up()
        return commands + self.passes(0.1)

    def playback_stops(
        self, reason: StopReason, heard_ms: int, reply: str = "r1", item: str = "i1"
    ) -> list[Command]:
        return self.happens(PlaybackStopped(reply, item, reason, heard_ms, self.now))

    # --- chapters -------------------------------------------------------------

    def listening(self) -> Story:
        self.happens(wake(), LinkOpened("s"))
        return self

    def thinking(self) -> Story:
        self.listening().happens(ServiceSpeechStarted(), TurnCommitted("item-user"))
        return self

    def speaking(self, reply: str = "r1", item: str = "i1") -> Story:
        self.thinking().happens(ReplyStarted(reply), ReplyAudioReceived(reply, item, 2000.0))
        self.happens(PlaybackStarted(reply, self.now))
        return self

    def thinking_again(self, reply: str, item: str) -> Story:
        """Who is being listened to is answered."""
        self.happens(ServiceSpeechStarted(), TurnCommitted(f"for {reply}"), ReplyStarted(reply))
        self.happens(ReplyAudioReceived(reply, item, 2000.0), PlaybackStarted(reply, self.now))
        return self

    def heard_to_the_end(self, reply: str = "r1", item: str = "i1") -> list[Command]:
        commands = self.happens(ReplyDone(reply, "completed"))
        return commands + self.playback_stops(StopReason.DONE, 2000, reply, item)

    # --- reading ----------------------------------------------------------------

    @property
    def light(self) -> str:
        return [c.light.value for c in self.said if isinstance(c, ShowLight)][-1]

    def reports(self, event: str) -> list[dict[str, object]]:
        return reports(self.said, event)


def wake(at_frame: int = 16000) -> WakeDetected:
    return WakeDetected("hey_jarvis", 0.9, at_frame)


def set_timer(story: Story, seconds: int) -> None:
    """A turn in which the service sets a timer; its answer is not spoken."""
    story.thinking().happens(ReplyStarted("t1"))
    story.happens(
        ToolCalled("t1", "c", "set_timer", json.dumps({"seconds": seconds})),
        ReplyDone("t1", "completed"),
        ReplyStarted("t2"),
        ReplyDone("t2", "completed"),
    )


def reports(commands: list[Command], event: str) -> list[dict[str, object]]:
    """The fields of every report of ``event``."""
    return [c.fields for c in commands if isinstance(c, Report) and c.event == event]


def sends_from(commands: list[Command]) -> int | None:
    """Where the uplink was told to begin; None: it was not."""
    starts = [c.from_frame for c in commands if isinstance(c, StartUplink)]
    assert len(starts) <= 1
    return starts[0] if starts else None


def kinds(commands: list[Command]) -> list[str]:
    """Names of the commands, without reports, lights and status."""
    quiet = {"Report", "ShowLight", "ShowStatus"}
    return [type(c).__name__ for c in commands if type(c).__name__ not in quiet]
