"""Between the appliance's sample rates and those of the service that serves now.

Ear and playback run at the rates of the service that is configured first; another one that
takes over may have its own. Where they are alike, nothing is done. Loop thread only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from device.audio.resample import StreamResampler
from device.capabilities import Capabilities
from device.commands import AbandonTurn, AppendAudio, ClearInput, CommitTurn, ServiceCommand
from device.events import Event, ReplyAudio, ReplyDone, ReplyInterrupted

NOTHING = np.zeros(0, np.int16)


class Rates:
    """One session's conversions. ``up_hz`` and ``down_hz`` are the appliance's."""

    def __init__(self, up_hz: int, down_hz: int, able: Capabilities) -> None:
        self._up = StreamResampler(up_hz, able.uplink_rate_hz)
        self._down_hz = down_hz
        self._service_down_hz = able.downlink_rate_hz
        self._up_alike = up_hz == able.uplink_rate_hz
        self._replies: dict[str, tuple[str, StreamResampler]] = {}  # newest item, and its stream

    def up(self, command: ServiceCommand) -> Iterable[ServiceCommand]:
        """What the codec is told in place of ``command``."""
        if self._up_alike:
            return [command]
        match command:
            case AppendAudio(pcm):
                return _append(self._up, pcm)
            case CommitTurn():
                rest = _append(self._up, b"", last=True)
                self._up.reset()
                return [*rest, command]
            case ClearInput() | AbandonTurn():
                self._up.reset()
                return [command]
            case _:
                return [command]

    def down(self, event: Event) -> Iterable[Event]:
        """What is posted in place of ``event``."""
        if self._service_down_hz == self._down_hz:
            return [event]
        match event:
            case ReplyAudio(reply_id, item_id, pcm):
                rest = self._finish(reply_id, except_item=item_id)
                if reply_id not in self._replies:
                    stream = StreamResampler(self._service_down_hz, self._down_hz)
                    self._replies[reply_id] = (item_id, stream)
                made = _converted(self._replies[reply_id][1], pcm)
                return [*rest, replace(event, pcm=made)] if made else rest
            case ReplyDone(reply_id, "cancelled") | ReplyInterrupted(reply_id):
                self._replies.pop(reply_id, None)  # nothing more of it is to be heard
                return [event]
            case ReplyDone(reply_id):
                return [*self._finish(reply_id), event]
            case _:
                return [event]

    def _finish(self, reply_id: str, except_item: str | None = None) -> list[Event]:
        """What the stream of the reply's item still holds."""
        held = self._replies.get(reply_id)
        if held is None or held[0] == except_item:
            return []
        item_id, stream = self._replies.pop(reply_id)
        rest = _converted(stream, b"", last=True)
        return [ReplyAudio(reply_id, item_id, rest)] if rest else []


def _append(stream: StreamResampler, pcm: bytes, *, last: bool = False) -> list[AppendAudio]:
    made = _converted(stream, pcm, last=last)
    return [AppendAudio(made)] if made else []


def _converted(stream: StreamResampler, pcm: bytes, *, last: bool = False) -> bytes:
    samples = np.frombuffer(pcm, "<i2").astype(np.int16) if pcm else NOTHING
    return stream.process(samples, last).astype("<i2").tobytes()
