"""What the cut shares with the playback thread, behind one lock held for microseconds.

Under the lock stand only: non-blocking PCM calls (``write``, ``avail``, ``drop``)
and the ledger's arithmetic. Never opening or closing a device, resampling, mixing,
posting, or anything that waits. So whoever wants silence has it at once, whatever
the event loop, the network or the playback thread are doing.

``generation`` is raised by every cut and by every loss of the card, to a number
that was never used before. The thread notes it before it renders a block, and the
block is thrown away if it has changed: nothing rendered before a cut can sound
after it.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from dataclasses import dataclass

from device.adapters.alsa import OpenPcm, PcmError
from device.adapters.alsa_playback_stream import OutputStream
from device.audio.ledger import Heard, Ledger, Passed
from device.audio.mixer import Block
from device.ports import Clock

_REMEMBERED = 64
"""Replies given up while there was no speaker, whose late audio is to be ignored."""


@dataclass(frozen=True, slots=True)
class CutResult:
    """What a cut (or the loss of the card) ended: replies in order, and cues."""

    heard: tuple[Heard, ...] = ()
    cues: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """The stream at one moment."""

    queued: int  #: frames in the card's buffer
    passed: tuple[Passed, ...]  #: what became audible, or ended, since the last look
    next_in: int | None  #: frames until the next such thing
    xruns: int  #: since the card was opened
    sounding: str | None  #: the reply that is in the stream and not over
    is_running: bool
    has_pending: bool
    is_idle: bool  #: no reply is open, no cue waits for its end
    run: int  #: counts the starts of the card
    position: int  #: stream frames written so far, less those that were discarded
    taken: bytes = b""  #: what the card took in this write


class SharedOutput:
    """The stream, its ledger, and the generation. All methods: any thread."""

    def __init__(self, latency_frames: int, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ledger = Ledger(latency_frames)
        self._stream: OutputStream | None = None
        self._epoch = 0
        self._generations = itertools.count(1)  # next() of it is atomic
        self._runs = itertools.count(1)
        self._generation = 0
        self._lost = False
        self._given_up: deque[str] = deque(maxlen=_REMEMBERED)

    @property
    def epoch(self) -> int:
        """Raised by every cut."""
        return self._epoch

    @property
    def generation(self) -> int:
        """Raised by every cut and every loss of the card."""
        return self._generation

    @property
    def is_lost(self) -> bool:
        """There is no speaker: replies are given up as they come."""
        return self._lost

    # -- the cut ------------------------------------------------------------------

    def cut(self, now: float) -> CutResult:
        """Silence. The caller posts and wakes the thread afterwards."""
        # Raised before the lock is had: a thread that renders meanwhile gives up sooner.
        self._generation = next(self._generations)
        with self._lock:
            self._epoch += 1
            # Again: the value above may have been seen, and audio taken in under it.
            self._generation = next(self._generations)
            stream = self._stream
            queued = stream.halt(now) if stream is not None else 0
            dry = stream.dry_frames(now) if stream is not None else 0
            heard, cues = self._ledger.cut(queued, dry)
        return CutResult(tuple(heard), tuple(cues))

    # -- replies --------------------------------------------------------------------

    def open_reply(self, epoch: int, reply_id: str, item_id: str) -> tuple[int | None, bool]:
        """Audio of a reply came: (generation to keep it under, or None to discard it;
        whether the reply has to be reported as given up)."""
        with self._lock:
            if epoch != self._epoch or reply_id in self._given_up:
                return None, False
            if self._lost:
                self._given_up.append(reply_id)
                return None, True
            self._ledger.open(reply_id, item_id)
            return self._generation, False

    def end_reply(self, reply_id: str, generation: int) -> None:
        """Everything of it was already written when it was finished."""
        with self._lock:
            if generation == self._generation:
                self._ledger.end(reply_id)

    def open_cue(self, name: str, generation: int) -> bool:
        """A one-shot cue begins; False when a cut came in between."""
        with self._lock:
            if generation != self._generation:
                return False
            self._ledger.open_cue(name)
            return True

    # -- the playback thread ----------------------------------------------------------

    def attach(self, opened: OpenPcm) -> None:
        """A card was opened."""
        with self._lock:
            self._stream = OutputStream(opened, self._ledger, self._runs, self._clock)
            self._lost = False

    def detach(self, now: float) -> tuple[OpenPcm | None, CutResult, int]:
        """There is no card (any more): its PCM, to be closed, what that ended, and the
        generation that begins."""
        with self._lock:
            self._lost = True
            generation = self._generation = next(self._generations)
            stream, self._stream = self._stream, None
            queued = stream.queued_at_loss(now) if stream is not None else 0
            heard, cues = self._ledger.cut(queued)
            self._given_up.extend(reply.reply_id for reply in heard)
        opened = stream.opened if stream is not None else None
        return opened, CutResult(tuple(heard), tuple(cues)), generation

    def close(self, now: float) -> OpenPcm | None:
        """Silence for good; the PCM, to be closed."""
        with self._lock:
            self._generation = next(self._generations)
            stream, self._stream = self._stream, None
            if stream is not None:
                stream.halt(now)
            self._ledger.cut(0)
        return stream.opened if stream is not None else None

    def look(self, now: float) -> Look:
        """Where the stream is. Raises ``PcmError`` when the card has gone."""
        with self._lock:
            return self._look(self._need(), now)

    def write(self, block: Block | None, generation: int, now: float) -> Look | None:
        """Write ``block``, or what is pending, and look; None when a cut came between."""
        with self._lock:
            if generation != self._generation:
                return None
            stream = self._need()
            stream.write(block, now)
            return self._look(stream, now, stream.taken)

    @property
    def position(self) -> int:
        """Stream frames written so far, less those that were discarded."""
        return self._ledger.written

    def _look(self, stream: OutputStream, now: float, taken: bytes = b"") -> Look:
        queued = stream.queued(now)
        played = self._ledger.written - queued
        return Look(
            queued=queued,
            passed=tuple(self._ledger.advance(played)),
            next_in=self._ledger.next_in(played) if stream.is_running else None,
            xruns=stream.xruns,
            sounding=self._ledger.sounding,
            is_running=stream.is_running,
            has_pending=stream.has_pending,
            is_idle=self._ledger.is_idle,
            run=stream.run,
            position=self._ledger.written,
            taken=taken,
        )

    def rest(self, now: float) -> None:
        """Stop the card until the next write."""
        with self._lock:
            self._need().rest(now)

    def check(self) -> None:
        """While it rests: has the card gone? Raises ``PcmError``."""
        with self._lock:
            self._need().check()

    def _need(self) -> OutputStream:
        if self._stream is None:
            raise PcmError("no card is open")
        return self._stream
