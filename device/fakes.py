"""Hand-written stand-ins for the ports, in memory; shipped, as gpiozero ships mock pins.

They do what the ports promise and remember what they were asked, so that a test
reads like a story: no patching, no expectations set beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from device.commands import Cue, Light, ServiceCommand
from device.events import (
    LineDrained,
    PhraseAudio,
    PhraseFailed,
    PlaybackStopped,
    StopReason,
    UplinkStopped,
)
from device.ports import Post
from device.settings import VadSettings, WakeSettings


@dataclass
class FakeClock:
    """Time that passes only when told."""

    now: float = 1000.0
    epoch: float = 1_800_000_000.0

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.epoch + self.now


@dataclass
class FakeEar:
    """A microphone that hears what a test posts."""

    post: Post
    frame: int = 0
    progress: int = 0
    open: bool = True
    vad: bool = False
    masked: bool = False
    guarding: bool = False
    judgements: int = 0  #: how often it was asked to judge the turn
    uplink_from: int | None = None
    running: bool = False
    tuned: tuple[WakeSettings, VadSettings] | None = None

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = self.open = False

    def open_capture(self) -> None:
        self.open = True

    def close_capture(self) -> None:
        self.open = False

    def start_uplink(self, from_frame: int) -> None:
        self.uplink_from = from_frame

    def stop_uplink(self) -> None:
        if self.uplink_from is not None:
            self.uplink_from = None
            self.post(UplinkStopped(self.frame))

    def run_vad(self, on: bool) -> None:
        self.vad = on

    def guard(self, on: bool) -> None:
        self.guarding = on

    def judge_turn(self) -> None:
        self.judgements += 1

    def mask(self, on: bool) -> None:
        self.masked = on

    def tune(self, wake: WakeSettings, vad: VadSettings) -> None:
        self.tuned = (wake, vad)


@dataclass
class FakePlayback:
    """A speaker that keeps every sample of the current epoch, and never plays on its own."""

    post: Post
    epoch: int = 0
    progress: int = 0
    is_warm: bool = False
    ducked: bool = False
    volume: int = 0
    heard_ms: int = 0  #: what the next cut will report
    sounding: tuple[str, str] | None = None
    enqueued: list[tuple[str, str, bytes]] = field(default_factory=list)
    discarded: int = 0
    finished: list[str] = field(default_factory=list)
    cues: list[Cue] = field(default_factory=list)
    running: bool = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def warm(self, on: bool) -> None:
        self.is_warm = on

    def enqueue(self, epoch: int, reply_id: str, item_id: str, pcm: bytes) -> None:
        if epoch != self.epoch:
            self.discarded += 1
            return
        self.enqueued.append((reply_id, item_id, pcm))
        self.sounding = (reply_id, item_id)

    def finish(self, epoch: int, reply_id: str) -> None:
        if epoch == self.epoch:
            self.finished.append(reply_id)

    def cut(self, reason: StopReason) -> PlaybackStopped | None:
        self.epoch += 1
        if self.sounding is None:
            return None
        reply_id, item_id = self.sounding
        self.sounding = None
        stopped = PlaybackStopped(reply_id, item_id, reason, self.heard_ms, 0.0)
        self.post(stopped)
        return stopped

    def cue(self, cue: Cue) -> None:
        self.cues.append(cue)

    def stop_cue(self, cue: Cue) -> None:
        if cue in self.cues:
            self.cues.remove(cue)

    def duck(self, on: bool) -> None:
        self.ducked = on

    def set_volume(self, percent: int) -> None:
        self.volume = percent


@dataclass
class FakePhraseSpeaker:
    """Remembers what it was to say; speaks it at once when given samples to speak with."""

    post: Post
    pcm: bytes = b""
    said: list[str] = field(default_factory=list)
    running: bool = True

    def say(self, phrase_id: str, text: str) -> None:
        self.said.append(text)
        if self.pcm:
            self.post(PhraseAudio(phrase_id, self.pcm))
        else:
            self.post(PhraseFailed(phrase_id, "no voice here"))

    def stop(self) -> None:
        self.running = False


@dataclass
class FakePanel:
    """A button a test can press and a light it can look at."""

    light: Light = Light.OFF
    on_press: Callable[[float], None] | None = None
    post: Post | None = None

    def start(self, on_press: Callable[[float], None], post: Post) -> None:
        self.on_press, self.post = on_press, post

    def show(self, light: Light) -> None:
        self.light = light

    def stop(self) -> None:
        self.light = Light.OFF


@dataclass
class FakeSession:
    """A link that is open when told so, and remembers what was sent."""

    is_open: bool = False
    wanted: bool = False
    sent: list[ServiceCommand] = field(default_factory=list)
    closed_because: list[str] = field(default_factory=list)
    post: Post | None = None  #: given one, a line is drained at once

    def open(self) -> None:
        self.wanted = True

    def close(self, reason: str) -> None:
        self.wanted = self.is_open = False
        self.closed_because.append(reason)

    def send(self, command: ServiceCommand) -> None:
        self.sent.append(command)

    def drain(self, token: int) -> None:
        if self.post is not None:
            self.post(LineDrained(token))

    async def stop(self) -> None:
        self.close("shutting down")


@dataclass
class FakeTimeline:
    """Remembers every report."""

    lines: list[tuple[str, float, dict[str, object]]] = field(default_factory=list)

    def report(self, event: str, at: float, fields: dict[str, object]) -> None:
        self.lines.append((event, at, fields))

    def events(self) -> list[str]:
        return [event for event, _, _ in self.lines]
