"""The appliance's side of a room test: playback and capture in a process of their own.

One JSON request a line on stdin, one JSON answer a line on stdout.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np

from device.adapters.alsa import quiet_alsa
from device.adapters.alsa_capture import AlsaCapture
from device.adapters.alsa_playback import AlsaPlayback
from device.adapters.clock import SystemClock
from device.commands import Cue
from device.events import Event, StopReason
from device.ports import Samples
from device.settings import AudioSettings


def noise(frames: int, seed: int) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Samples that are never zero and never repeat; both sides make the same."""
    return np.random.default_rng(seed).integers(500, 9000, frames).astype(np.int16)


class Child:
    def __init__(self, setup: dict[str, Any]) -> None:
        self.events: list[tuple[float, Event]] = []
        clock = SystemClock()

        def post(event: Event) -> None:
            self.events.append((clock.monotonic(), event))

        settings = AudioSettings(**setup["settings"])
        self.playback = AlsaPlayback(
            settings,
            output_latency_ms=setup["latency_ms"],
            downlink_rate_hz=settings.playback_rate_hz,
            post=post,
            clock=clock,
        )
        self.rate_hz = settings.playback_rate_hz
        self.capture = AlsaCapture(settings, post=post, clock=clock)
        self.heard: list[tuple[int, bytes]] = []

    def start(self) -> None:
        self.playback.start()

    def listen(self, hold_up_s: float = 0.0) -> None:
        """``hold_up_s``: so long the capture thread is kept from reading, 0.3 s after its start."""

        def hear(first: int, samples: Samples) -> None:
            self.heard.append((first, samples.tobytes()))
            if len(self.heard) == 30:
                time.sleep(hold_up_s)

        self.capture.start(hear)

    def take_heard(self) -> list[tuple[int, str]]:
        heard, self.heard = self.heard, []
        return [(first, data.hex()) for first, data in heard]

    def mute(self, on: bool) -> None:
        (self.capture.close_capture if on else self.capture.open_capture)()

    def warm(self, on: bool) -> None:
        self.playback.warm(on)

    def reply(self, reply: str, frames: int, seed: int) -> float:
        at = time.monotonic()
        self.playback.enqueue(self.playback.epoch, reply, "item", noise(frames, seed).tobytes())
        return at

    def paced_reply(
        self, reply: str, frames: int, seed: int, chunk: int, delays: list[float]
    ) -> None:
        """Chunk k arrives at its due time plus ``delays[k]``, never before the one before."""
        samples, began, epoch = noise(frames, seed), time.monotonic(), self.playback.epoch
        for k, delay in enumerate(delays):
            due = began + k * chunk / self.rate_hz + delay
            time.sleep(max(0.0, due - time.monotonic()))
            part = samples[k * chunk : (k + 1) * chunk]
            self.playback.enqueue(epoch, reply, "item", part.tobytes())
        self.playback.finish(epoch, reply)

    def finish(self, reply: str) -> None:
        self.playback.finish(self.playback.epoch, reply)

    def cut(self) -> dict[str, Any]:
        at = time.monotonic()
        stopped = self.playback.cut(StopReason.BUTTON)
        return {"at": at, "heard_ms": stopped.heard_ms if stopped else None}

    def cue(self, name: str) -> None:
        self.playback.cue(Cue(name))

    def counters(self) -> dict[str, Any]:
        return {
            "xruns": self.playback.xruns,
            "underruns": self.playback.underruns,
            "prebuffer_ms": self.playback.prebuffer_ms,
            "mic_xruns": self.capture.xruns,
            "lost_frames": self.capture.lost_frames,
        }

    def told(self) -> list[dict[str, Any]]:
        """Events so far, as their names and fields."""
        return [
            {"event": type(event).__name__, "posted": at}
            | {name: getattr(event, name) for name in event.__dataclass_fields__}
            for at, event in list(self.events)
        ]

    def stop(self) -> float:
        began = time.monotonic()
        self.playback.stop()
        self.capture.stop()
        return time.monotonic() - began


def main() -> None:
    quiet_alsa()
    child = Child(json.loads(sys.stdin.readline()))
    for line in sys.stdin:
        name, *arguments = json.loads(line)
        print(json.dumps(getattr(child, name)(*arguments)), flush=True)


if __name__ == "__main__":
    sys.setswitchinterval(0.0005)
    main()
