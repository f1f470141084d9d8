"""The output stream: one open PCM, what was written to it, and the ledger of it.

Not thread-safe: :mod:`device.adapters.alsa_playback` holds its micro-lock around
every call. Nothing here takes longer than the PCM call in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from device.adapters.alsa import (
    DISCONNECTED,
    MOST_XRUNS,
    XRUN,
    OpenPcm,
    PcmError,
    checked,
    never_recovers,
)
from device.audio.ledger import Ledger
from device.audio.mixer import Block
from device.ports import Clock

_PREFILL_PERIODS = 2
"""In the first write: the card starts on it and must not run dry before the second."""

_LOST_MS = 5.0
"""More than this unaccounted at an xrun was discarded by the card, not played."""

_RUNS_S = 0.1
"""A card that still runs so long after its start has recovered from what was before."""


@dataclass(slots=True)
class _Pending:
    """The part of a block that the card has not taken yet."""

    block: Block
    done: int = 0


class OutputStream:
    """A playback PCM with its accounts. All methods raise ``PcmError`` when it has gone."""

    def __init__(self, opened: OpenPcm, ledger: Ledger, runs: Iterator[int], clock: Clock) -> None:
        """``runs`` numbers the times that the card is started."""
        self.opened = opened
        self.xruns = 0
        self.run = 0
        self.taken = b""  #: of the last write, without a lead of silence
        self._runs = runs
        self._clock = clock
        self._pcm = opened.pcm
        self._ledger = ledger
        self._rate_hz = opened.request.rate_hz
        self._frame_bytes = 2 * opened.request.channels
        self._prefill = min(_PREFILL_PERIODS * opened.period_frames, opened.buffer_frames)
        self._running = False
        self._pending: _Pending | None = None
        self._seen_at = 0.0
        self._seen_queued = 0
        self._started_at = 0.0
        self._dry_at: float | None = None  # since then nothing was in the card's buffer
        self._fruitless = 0  # xruns that are the card's own, since it last ran for a while

    @property
    def is_running(self) -> bool:
        return self._running

    @property
    def has_pending(self) -> bool:
        """A block was taken only in part; it goes before any other."""
        return self._pending is not None

    def dry_frames(self, now: float) -> int:
        """How long the card has had nothing to play: what its converter held has sounded."""
        return 0 if self._dry_at is None else max(0, round((now - self._dry_at) * self._rate_hz))

    def queued(self, now: float) -> int:
        """Frames in the card's buffer. An xrun is counted and the stream left stopped,
        to start again with the next block."""
        if not self._running:
            return 0
        avail = checked(self._pcm.avail())
        if avail == XRUN:
            self._xrun(now)
            return 0
        if self._pcm.state() == DISCONNECTED:
            # It can notice only as it is asked; the position it gives then is a guess.
            raise PcmError("No such device")
        if now - self._started_at >= _RUNS_S:
            self._fruitless = 0
        queued = min(max(0, self.opened.buffer_frames - avail), self.opened.buffer_frames)
        self._seen_at, self._seen_queued = now, queued
        return queued

    def queued_at_loss(self, now: float) -> int:
        """Frames that were queued when the card went away, as is noticed ``now``.

        It cannot be asked any more. It played on after it was last asked, and went some
        time between then and now: the middle is at most half of that time wrong.
        """
        if not self._running:
            return 0
        return self._seen_queued - self._played_since(now) // 2

    def _played_since(self, now: float) -> int:
        """Frames that a running card has played since it was asked; never more than it had."""
        played = round((now - self._seen_at) * self._rate_hz)
        return min(max(0, played), self._seen_queued)

    def write(self, block: Block | None, now: float) -> None:
        """Give ``block`` (or what is pending) to the card; never blocks."""
        if block is not None:
            if self._pending is not None:
                raise RuntimeError("the pending block must be written first")
            self._pending = _Pending(block)
        pending = self._pending
        self.taken = b""
        if pending is None:
            return
        data = memoryview(pending.block.data)[pending.done * self._frame_bytes :]
        lead = 0
        if not self._running:
            lead = max(0, self._prefill - (pending.block.frames - pending.done))
        # A lead of silence: what was there to start with is less than the card needs.
        sent = bytes(lead * self._frame_bytes) + data if lead else bytes(data)
        taken = checked(self._pcm.write(sent))
        if taken == XRUN:
            self._xrun(now)
            return
        if taken > 0:
            if not self._running:
                self.run = next(self._runs)
                self._started_at = self._seen_at = now
                self._seen_queued = 0
            self._running = True
            self._dry_at = None
            self.taken = bytes(data[: max(0, taken - lead) * self._frame_bytes])
            self._seen_queued += taken
            self._account(pending, lead, taken)

    def _account(self, pending: _Pending, lead: int, taken: int) -> None:
        block = pending.block
        self._ledger.write_silence(min(lead, taken))
        taken = max(0, taken - lead)
        self._ledger.write(block.pieces, taken, pending.done)
        pending.done += taken
        if pending.done < block.frames:
            return
        self._pending = None
        if block.ended_reply is not None:
            self._ledger.end(block.ended_reply)
        for cue in block.ended_cues:
            self._ledger.end_cue(cue.value)

    def halt(self, now: float) -> int:
        """Silence at once; returns the frames that were still queued. The cut itself."""
        self._pending = None
        if not self._running:
            return 0
        at_loss = self.queued_at_loss(now)
        self._running = False
        asked_at = self._clock.monotonic()
        avail = self._pcm.avail()  # before drop(): afterwards it says nothing
        dropped_at = self._clock.monotonic()
        try:
            checked(self._pcm.drop())
        except PcmError:  # it has gone; its owner meets the same error at the next write
            return at_loss
        if avail == XRUN:
            self._note_dry(now)
            return 0
        if avail < 0:
            return at_loss
        # Mostly microseconds. But the interpreter, or a busy machine, may let this thread wait
        # between the two calls, and the card plays on.
        played = round((dropped_at - asked_at) * self._rate_hz)
        return min(max(0, self.opened.buffer_frames - avail - played), self.opened.buffer_frames)

    def _note_dry(self, now: float) -> None:
        """It has run dry: when all that was seen in its buffer was played, at the earliest."""
        self._dry_at = min(now, self._seen_at + self._seen_queued / self._rate_hz)

    def rest(self, now: float) -> None:
        """Stop the card; it can be started again by a write."""
        self._ledger.lose(self.halt(now))
        checked(
            self._pcm.write(b"")
        )  # prepares it: poll() reports a merely dropped PCM as an error

    def check(self) -> None:
        """Notice, while nothing is played, that the card has gone."""
        avail = self._pcm.avail()
        if self._pcm.state() == DISCONNECTED:
            raise PcmError("No such device")
        checked(avail)

    def _xrun(self, now: float) -> None:
        self.xruns += 1
        lost = self._seen_queued - self._played_since(now) if self._running else 0
        was_discarded = lost > self._rate_hz * _LOST_MS / 1000
        if was_discarded:
            self._ledger.lose(lost)
        if was_discarded or not self._running:  # not because we came too late
            self._fruitless += 1
        elif self._dry_at is None:
            self._note_dry(now)
        self._running = False
        self._seen_queued = 0
        checked(self._pcm.drop())  # as after a cut: the next write prepares and starts it
        if self._fruitless >= MOST_XRUNS:
            raise never_recovers()
