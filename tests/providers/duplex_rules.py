"""What a codec promises whatever happens, checked against all that it put out."""

from __future__ import annotations

from collections.abc import Sequence

from device.commands import CancelReply, ServiceCommand
from device.events import (
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ToolCalled,
)
from device.providers.base import Disconnect, Emit, Output


class Rules:
    """Fed with every step, in order."""

    def __init__(self) -> None:
        self._open = ""
        self._known: set[str] = set()
        self._cancelled: set[str] = set()
        self._over = False

    def told(self, command: ServiceCommand) -> None:
        if isinstance(command, CancelReply) and command.reply_id == self._open:
            self._cancelled.add(command.reply_id)

    def check(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            assert not self._over, "nothing comes behind a Disconnect"
            if isinstance(output, Disconnect):
                self._over = True
            elif isinstance(output, Emit):
                self._check(output.event)

    def _check(self, event: object) -> None:
        match event:
            case ReplyStarted(reply_id):
                assert not self._open, "one at a time"
                assert reply_id not in self._known, "each begins once"
                self._open = reply_id
                self._known.add(reply_id)
            case ReplyDone(reply_id):
                assert reply_id == self._open, "it had begun, and ends once"
                self._open = ""
            case ReplyAudio(reply_id) | ReplyTranscript(reply_id):
                assert reply_id == self._open
                assert reply_id not in self._cancelled
            case ToolCalled(reply_id) | ReplyInterrupted(reply_id):
                assert reply_id == self._open
                assert reply_id not in self._cancelled
            case _:
                pass
