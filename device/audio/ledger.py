"""The books of playback: which frame of the output stream belongs to which reply.

The playback adapter writes one endless stream: reply audio, inserted silence and
cues. This ledger turns a position in that stream into "of this item, so many
frames were heard". Positions count frames since the ledger began; what a cut
discards leaves the count again. Silence and cues advance the position and are
nobody's audio.

Pure: the adapter says what it wrote and how much still stands queued.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Piece:
    """``frames`` frames of a written block, from frame ``item_frame`` of ``item_id`` on.

    ``offset`` is where in the block they stand.
    """

    offset: int
    frames: int
    reply_id: str
    item_id: str
    item_frame: int


@dataclass(frozen=True, slots=True)
class Heard:
    """How far a reply was heard: up to frame ``frames`` of ``item_id``, the last one heard."""

    reply_id: str
    item_id: str
    frames: int


@dataclass(frozen=True, slots=True)
class Started:
    """The first frame of a reply reached the converter ``frames_ago``."""

    reply_id: str
    frames_ago: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last frame of a reply left the converter ``frames_ago``."""

    heard: Heard
    frames_ago: int


@dataclass(frozen=True, slots=True)
class CueEnded:
    """The last frame of a cue left the converter."""

    name: str


Passed = Started | Ended | CueEnded


@dataclass(slots=True)
class _Span:
    start: int
    end: int
    item_id: str
    item_frame: int

    def goes_on_in(self, other: _Span) -> bool:
        """Whether ``other`` is simply the next part, in the stream and in the item."""
        return (
            self.end == other.start
            and self.item_id == other.item_id
            and self.item_frame + self.end - self.start == other.item_frame
        )


@dataclass(slots=True)
class _Reply:
    reply_id: str
    item_id: str  #: the item being heard, or the first that will be
    heard: int = 0  #: frames of it from spans already forgotten
    first: int | None = None  #: stream position of its first frame
    end: int = 0  #: position after its newest frame
    last: int | None = None  #: the same, once that frame is known to be the last
    announced: bool = False
    spans: deque[_Span] = field(default_factory=deque)

    def at(self, position: int) -> Heard:
        """What was heard when the stream had been heard up to ``position``."""
        while self.spans and self.spans[0].start < position:
            span = self.spans[0]
            self.item_id = span.item_id
            self.heard = span.item_frame + min(position, span.end) - span.start
            if span.end > position:
                break
            self.spans.popleft()
        return Heard(self.reply_id, self.item_id, self.heard)


@dataclass(slots=True)
class _Cue:
    name: str
    end: int | None = None  #: position after its last frame, once that is written


class Ledger:
    """Accounts for one output stream. One thread at a time (the adapter locks).

    ``latency_frames``: what the converter holds when the stream's buffer has let
    go of it (``output_latency_ms``).
    """

    def __init__(self, latency_frames: int) -> None:
        self._latency = latency_frames
        self._written = 0
        self._replies: dict[str, _Reply] = {}
        self._cues: list[_Cue] = []

    @property
    def written(self) -> int:
        """Frames written and not discarded, since the beginning."""
        return self._written

    @property
    def is_idle(self) -> bool:
        """No reply is known and no cue is open."""
        return not self._replies and not self._cues

    @property
    def sounding(self) -> str | None:
        """The reply that is in the stream and not over; the oldest one."""
        for reply in self._replies.values():
            if reply.first is not None:
                return reply.reply_id
        return None

    def open(self, reply_id: str, item_id: str) -> None:
        """Audio of this reply waits to be written. Once more does no harm."""
        if reply_id not in self._replies:
            self._replies[reply_id] = _Reply(reply_id, item_id)

    def write_silence(self, frames: int) -> None:
        """``frames`` of nobody's audio were written."""
        self._written += frames

    def write(self, pieces: Sequence[Piece], frames: int, done: int = 0) -> None:
        """``frames`` frames of a block were written, from frame ``done`` of it on.

        ``pieces`` are those of the whole block, in order; what no piece covers is
        nobody's audio.
        """
        for piece in pieces:
            skipped = max(0, done - piece.offset)
            end = min(piece.offset + piece.frames, done + frames)
            taken = end - piece.offset - skipped
            reply = self._replies.get(piece.reply_id)
            if taken <= 0 or reply is None:
                continue
            start = self._written + piece.offset + skipped - done
            if reply.first is None:
                reply.first, reply.item_id = start, piece.item_id
            span = _Span(start, start + taken, piece.item_id, piece.item_frame + skipped)
            if reply.spans and reply.spans[-1].goes_on_in(span):
                reply.spans[-1].end = span.end
            else:
                reply.spans.append(span)
            reply.end = start + taken
        self._written += frames

    def end(self, reply_id: str) -> None:
        """All audio of the reply is written. One without any is over when what was written
        before is."""
        reply = self._replies.get(reply_id)
        if reply is not None:
            reply.last = reply.end if reply.first is not None else self._written

    def open_cue(self, name: str) -> None:
        """A cue begins whose end somebody waits for."""
        self._cues.append(_Cue(name))

    def end_cue(self, name: str) -> None:
        """The cue's last frame was the last one written."""
        for cue in self._cues:
            if cue.name == name and cue.end is None:
                cue.end = self._written
                return

    def advance(self, played: int) -> list[Passed]:
        """What has happened by the time ``played`` frames left the stream's buffer."""
        passed: list[Passed] = []
        position = played - self._latency
        for reply in list(self._replies.values()):
            if not reply.announced and reply.first is not None and played > reply.first:
                reply.announced = True
                passed.append(Started(reply.reply_id, played - reply.first))
            heard = reply.at(position)
            if reply.last is not None and position >= reply.last:
                del self._replies[reply.reply_id]
                passed.append(Ended(heard, position - reply.last))
        over = [cue for cue in self._cues if cue.end is not None and position >= cue.end]
        passed += [CueEnded(cue.name) for cue in over]
        self._cues = [cue for cue in self._cues if cue not in over] if over else self._cues
        return passed

    def next_in(self, played: int) -> int | None:
        """Frames until :meth:`advance` has something to tell, as far as is known."""
        marks = [cue.end + self._latency for cue in self._cues if cue.end is not None]
        for reply in self._replies.values():
            if reply.last is not None:
                marks.append(reply.last + self._latency)
            if not reply.announced and reply.first is not None:
                marks.append(reply.first + 1)
        return max(0, min(marks) - played) if marks else None

    def cut(self, queued: int, dry: int = 0) -> tuple[list[Heard], list[str]]:
        """The stream was dropped with ``queued`` frames in it: what was heard of every
        reply, in order, and which cues were cut off. Nothing remains open. ``dry``: it had
        nothing to play for so many frames, in which the converter played what it held."""
        played = self._written - queued
        in_converter = max(0, self._latency - dry)
        heard = [reply.at(played - in_converter) for reply in self._replies.values()]
        cues = [cue.name for cue in self._cues]
        self._replies.clear()
        self._cues.clear()
        self._written = played
        return heard, cues

    def lose(self, frames: int) -> None:
        """The last ``frames`` written will never be heard (an xrun that discarded them).

        The stream goes on: later audio of the same reply follows at once.
        """
        if frames <= 0:
            return
        edge = self._written - frames
        for reply in self._replies.values():
            while reply.spans and reply.spans[-1].start >= edge:
                reply.spans.pop()
            if reply.spans:
                reply.spans[-1].end = min(reply.spans[-1].end, edge)
            if reply.first is not None:
                reply.first = min(reply.first, edge)
            reply.end = min(reply.end, edge)
            if reply.last is not None:
                reply.last = min(reply.last, edge)
        for cue in self._cues:
            cue.end = None if cue.end is None else min(cue.end, edge)
        self._written = edge
