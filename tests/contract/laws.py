"""What holds of everything that a codec emits, in whatever order its service speaks."""

from __future__ import annotations

from collections.abc import Sequence

from device.events import (
    Event,
    LinkClosed,
    LinkFailed,
    LinkOpened,
    ReplyAudio,
    ReplyDone,
    ReplyInterrupted,
    ReplyStarted,
    ReplyTranscript,
    ServiceSpeechStarted,
    ServiceSpeechStopped,
    ServiceTrouble,
    SessionOpening,
    SessionResumable,
    ToolCalled,
    TurnCommitted,
    UsageReported,
    UserTranscript,
)

STATUSES = frozenset({"completed", "cancelled", "failed", "incomplete"})
_BEFORE_IT_OPENS = (LinkOpened, LinkFailed, ServiceTrouble, SessionOpening, SessionResumable)

#: Between a reply's interruption and its end, at which the meter takes its turn for over: nothing
#: of the turn that interrupts.
_IN_A_CUT = (ReplyDone, UserTranscript, UsageReported, ServiceTrouble, SessionResumable)


class BrokenError(AssertionError):
    """The contract does not hold."""


def check(events: Sequence[Event]) -> None:
    """Raises BrokenError with the events around the first that breaks a law."""
    laws = _Laws()
    for at, event in enumerate(events):
        try:
            laws.take(event)
        except BrokenError as broken:
            raise BrokenError(f"{broken}:\n  {shown(events[: at + 1])}") from None


def shown(events: Sequence[Event]) -> str:
    """The newest of them, a line each; sound in a row once."""
    lines: list[str] = []
    for event in events:
        said = repr(event)
        line = said if len(said) < 160 else said[:157] + "..."
        if not (isinstance(event, ReplyAudio) and lines and lines[-1].startswith("ReplyAudio")):
            lines.append(line)
    return "\n  ".join(lines[-16:])


class _Laws:
    def __init__(self, after_one: bool = False) -> None:
        self._open = False
        self._after_one = after_one  # a session has been closed
        self._reply = ""
        self._seen: set[str] = set()
        self._cut = ""  # interrupted: its end must say so
        self._hears = False  # speech that has not stopped

    def take(self, event: Event) -> None:
        if isinstance(event, LinkClosed | LinkFailed):
            self.__init__(isinstance(event, LinkClosed))  # type: ignore[misc]
            return
        if isinstance(event, LinkOpened):
            _must(not self._open, "a session opens once")
            self._open = True
            return
        early = isinstance(event, _BEFORE_IT_OPENS)
        owed = self._after_one and isinstance(event, UsageReported)  # with the farewell
        _must(self._open or early or owed, "nothing before it is open")
        _must(not self._cut or isinstance(event, _IN_A_CUT), "what was interrupted ends at once")
        match event:
            case SessionResumable(handle):
                _must(self._open or not handle, "what is not open cannot be taken up")
            case SessionOpening():
                _must(not self._open, "a session that is open opens no more")
            case ReplyStarted(reply_id):
                _must(bool(reply_id), "a reply has a name")
                _must(not self._reply, "one reply after the other")
                _must(reply_id not in self._seen, "a reply begins once")
                self._seen.add(reply_id)
                self._reply = reply_id
            case ReplyAudio(reply_id, _, pcm):
                _must(reply_id == self._reply, "sound of the reply that is under way")
                _must(len(pcm) % 2 == 0, "whole samples")
                _must(bool(pcm), "sound that is some")
            case ReplyTranscript(reply_id) | ToolCalled(reply_id):
                _must(reply_id == self._reply, "words of the reply that is under way")
            case ReplyInterrupted(reply_id):
                _must(reply_id == self._reply, "the reply that is under way is interrupted")
                self._cut = reply_id
            case ReplyDone(reply_id, status):
                _must(reply_id == self._reply, "the reply that is under way ends")
                _must(status in STATUSES, "a known status")
                _must(not self._cut or status == "cancelled", "interrupted means cancelled")
                self._reply = self._cut = ""
            case ServiceSpeechStarted():
                _must(not self._hears, "speech stops, or is taken, before it starts again")
                self._hears = True
            case ServiceSpeechStopped():
                _must(self._hears, "what stops has started")
                self._hears = False
            case TurnCommitted():
                self._hears = False
            case UserTranscript(text, final):
                _must(final or bool(text), "a part has words")
            case _:
                pass


def _must(holds: bool, law: str) -> None:
    if not holds:
        raise BrokenError(law)
