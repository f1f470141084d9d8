"""The replies of a service that gives them no names of their own. Pure.

Names them, announces each once, keeps a cut one silent, and puts the halves of samples
together that come in different messages.
"""

from __future__ import annotations

from collections.abc import Mapping

from device.events import ReplyAudio, ReplyDone, ReplyStarted, ReplyTranscript, ToolCalled
from device.providers.base import Emit, Output


class Speech:
    """One reply at a time. What comes for none is nobody's: call :meth:`begin` first."""

    def __init__(self) -> None:
        self._count = 0
        self._odd = b""
        self._silent = False
        self.reply_id = ""  #: of the one under way; empty: none is

    @property
    def wanted(self) -> bool:
        """One is under way, and was not called off."""
        return bool(self.reply_id) and not self._silent

    def begin(self) -> list[Output]:
        """A reply is under way; nothing, if one was already."""
        if self.reply_id:
            return []
        self._count += 1
        self.reply_id, self._silent, self._odd = f"reply_{self._count}", False, b""
        return [Emit(ReplyStarted(self.reply_id))]

    def audio(self, pcm: bytes) -> list[Output]:
        """Mono s16le of the reply, of any length."""
        whole = self._odd + pcm
        cut = len(whole) - len(whole) % 2
        self._odd = whole[cut:]
        if not self.wanted or not cut:
            return []
        return [Emit(ReplyAudio(self.reply_id, self.reply_id, whole[:cut]))]

    def words(self, text: str, *, final: bool) -> list[Output]:
        """``text`` is a delta unless ``final``."""
        if not self.wanted:
            return []
        return [Emit(ReplyTranscript(self.reply_id, self.reply_id, text, final))]

    def call(self, call_id: str, name: str, arguments: str) -> list[Output]:
        """The service asks for a tool; ``arguments`` is JSON text."""
        return [Emit(ToolCalled(self.reply_id, call_id, name, arguments))] if self.wanted else []

    def end(
        self,
        status: str = "completed",
        detail: str = "",
        usage: Mapping[str, float] | None = None,
    ) -> list[Output]:
        """Nothing more comes of it; nothing, if none is under way."""
        if not self.reply_id:
            return []
        reply_id, self.reply_id, self._odd = self.reply_id, "", b""
        return [Emit(ReplyDone(reply_id, status, detail, usage))]

    def cancel(self, reply_id: str) -> bool:
        """Nothing of it is emitted any more but its end. Whether it is under way."""
        if reply_id != self.reply_id or not reply_id:
            return False
        self._silent = True
        return True
