"""A playback on a fake speaker, with time that passes only when told."""

from __future__ import annotations

from random import Random
from typing import Any, Self, TypeVar

import numpy as np

from device.adapters.alsa import Pcm, PcmRequest
from device.adapters.alsa_playback import AlsaPlayback
from device.adapters.alsa_reopen import reopen_backoff
from device.audio.cancelling.far_end import FarEndReports
from device.events import Event
from device.fakes import FakeClock
from device.fakes_audio import FakeSpeaker
from device.ports import Samples
from device.settings import AudioSettings

RATE = 48000
E = TypeVar("E")


class Stage:
    """Rate 48 kHz in and out, full volume, unless ``settings`` or ``downlink_hz`` differ."""

    def __init__(
        self,
        *,
        latency_ms: float = 0.0,
        downlink_hz: int = RATE,
        far_end: FarEndReports | None = None,
        **settings: Any,
    ) -> None:
        self.clock = FakeClock()
        self.speaker = FakeSpeaker(self.clock)
        self.events: list[Event] = []
        settings = {"playback": "fake", "volume_percent": 100, **settings}
        self.playback = AlsaPlayback(
            AudioSettings(**settings),
            output_latency_ms=latency_ms,
            downlink_rate_hz=downlink_hz,
            post=self.events.append,
            clock=self.clock,
            opener=self.open,
            backoff=reopen_backoff(Random(1)),
            far_end=far_end,
        )

    def open(self, request: PcmRequest) -> Pcm:
        """The opener; a stage with another card has its own."""
        return self.speaker.open(request)

    def run(self, seconds: float) -> None:
        """Let the playback thread work for so long."""
        end = self.clock.now + seconds
        while True:
            wait = self.playback.step()
            if self.clock.now + wait >= end:
                break
            self.clock.now += max(wait, 1e-4)
        self.clock.now = end

    def say(self, reply: str, samples: Samples, item: str = "item") -> None:
        """Audio of a reply arrives."""
        self.playback.enqueue(self.playback.epoch, reply, item, samples.tobytes())

    def finish(self, reply: str) -> None:
        self.playback.finish(self.playback.epoch, reply)

    def say_all(self, reply: str, samples: Samples, item: str = "item") -> None:
        """A whole reply arrives."""
        self.say(reply, samples, item)
        self.finish(reply)

    # --- chapters -------------------------------------------------------------

    def warmed_up(self) -> Self:
        """The card runs, and nothing is said yet."""
        self.playback.warm(True)
        self.run(0.2)
        return self

    def within_a_reply(self, *, length_s: int = 5, played_s: float = 0.7) -> Self:
        """Reply ``r`` has arrived up to ``length_s`` and is being played; it is not finished."""
        self.say("r", ramp(RATE * length_s))
        self.run(played_s)
        return self

    # --- reading --------------------------------------------------------------

    def of(self, kind: type[E]) -> list[E]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def sounded(self) -> Samples:
        """What was heard, without the silence before and after."""
        heard = self.speaker.sounded()[:, 0]
        where = np.flatnonzero(heard)
        return heard[where[0] : where[-1] + 1] if len(where) else heard[:0]


def ramp(frames: int, first: int = 1) -> Samples:
    """Samples that are all different from zero, and from their neighbours."""
    return ((np.arange(first, first + frames) % 30000) + 1).astype(np.int16)
