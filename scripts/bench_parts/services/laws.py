"""What holds of a codec's answers whatever it was told (:mod:`device.providers.base`)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from device.events import (
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyStarted,
    ReplyTranscript,
    ToolCalled,
)
from device.providers.base import Codec, Disconnect, Emit, Output, SendFrame

STATUSES = frozenset({"completed", "cancelled", "failed", "incomplete"})


class BrokenError(AssertionError):
    """One of them does not hold."""


class Laws:
    """Of one codec, from its start on. :meth:`take` raises BrokenError."""

    def __init__(self) -> None:
        self.open = self.ended = False
        self._under_way: set[str] = set()
        self.replies: list[str] = []  #: names that it told, the newest last
        self.items: list[str] = []
        self.tools: list[str] = []

    def take(self, codec: Codec, outputs: Sequence[Output]) -> None:
        _must(not (self.ended and outputs), "a finished codec answers nothing")
        for output in outputs:
            match output:
                case Disconnect():
                    _must(not self.ended, "it ends once")
                    self.ended = True
                case Emit(event):
                    self._event(event)
                case SendFrame(data):
                    _must(isinstance(data, str | bytes), "a frame is text or bytes")
                    if isinstance(data, str):
                        data.encode()  # half of a surrogate pair cannot be sent
                case _:
                    pass
        due = codec.deadline
        _must(due is None or math.isfinite(due), "a deadline comes")

    def _event(self, event: object) -> None:
        match event:
            case LinkOpened():
                _must(not self.open, "a session opens once")
                self.open = True
            case LinkClosed() | LinkFailed():
                _must(False, "the end is the driver's to tell")
            case ReplyStarted(reply_id):
                _must(bool(reply_id), "a reply has a name")
                _must(reply_id not in self._under_way, "a reply begins once")
                self._under_way.add(reply_id)
                self.replies.append(reply_id)
                del self.replies[:-20]
            case ReplyAudio(reply_id, item_id, pcm):
                _must(reply_id in self._under_way, "sound of a reply that is under way")
                _must(bool(pcm) and len(pcm) % 2 == 0, "whole samples")
                self.items.append(item_id)
                del self.items[:-20]
            case ReplyTranscript(reply_id):
                _must(reply_id in self._under_way, "words of a reply that is under way")
            case ToolCalled(reply_id, call_id):
                _must(reply_id in self._under_way, "a tool of a reply that is under way")
                self.tools.append(call_id)
                del self.tools[:-20]
            case ReplyDone(reply_id, status):
                _must(reply_id in self._under_way, "a reply that is under way ends")
                _must(status in STATUSES, "a known status")
                self._under_way.remove(reply_id)
            case _:
                pass


def _must(holds: bool, law: str) -> None:
    if not holds:
        raise BrokenError(law)
