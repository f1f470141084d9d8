"""The jitter buffer: reply audio between its arrival and the speaker.

Replies wait in order, each with its items and its samples, already at the
playback rate. The head reply is held back until the prebuffer is full, its audio
has waited that long, or nothing more will come. When it runs dry in the middle it
is held back again, for longer (:mod:`device.audio.prebuffer`), and for longer still
when that goes on, because the reply comes more slowly than it is spoken.

Pure and not thread-safe: time is passed in (seconds), the adapter locks.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from device.audio.ledger import Piece
from device.audio.prebuffer import Prebuffer
from device.ports import Samples


@dataclass(slots=True)
class _Chunk:
    item_id: str
    item_frame: int  #: of the item, where ``samples`` begin
    samples: Samples


@dataclass(slots=True)
class _Queue:
    epoch: int
    reply_id: str
    chunks: deque[_Chunk] = field(default_factory=deque)
    frames: int = 0  #: waiting
    arrived: int = 0  #: in all
    item_frames: dict[str, int] = field(default_factory=dict)
    finished: bool = False
    overfull: bool = False  #: a chunk of it was refused: so is what follows
    flowing: bool = False  #: being played, not held back
    waiting_since: float | None = None


@dataclass(frozen=True, slots=True)
class Pulled:
    """Samples for the speaker: mono, and the reply and items they belong to."""

    samples: Samples
    pieces: tuple[Piece, ...]


class JitterBuffer:
    """Reply audio in order of arrival.

    ``capacity_s`` bounds what may wait, so that a service gone mad cannot fill the
    memory. A chunk beyond it is refused, and with it the rest of its reply: what was
    heard stays the reply's beginning.
    """

    def __init__(self, rate_hz: int, prebuffer: Prebuffer, capacity_s: float = 600.0) -> None:
        self._rate_hz = rate_hz
        self._prebuffer = prebuffer
        self._capacity = round(capacity_s * rate_hz)
        self._queues: deque[_Queue] = deque()

    @property
    def frames(self) -> int:
        """Frames that wait, of all replies."""
        return sum(queue.frames for queue in self._queues)

    @property
    def prebuffer_ms(self) -> float:
        """The prebuffer's level."""
        return self._prebuffer.level_ms

    @property
    def slow_reply(self) -> str | None:
        """The head reply, when it comes more slowly than it is spoken."""
        return self._queues[0].reply_id if self._queues and self._prebuffer.holds_back else None

    @property
    def capacity_s(self) -> float:
        """Seconds of audio that may wait."""
        return self._capacity / self._rate_hz

    @property
    def is_empty(self) -> bool:
        """No reply is known, not even one whose audio is all played."""
        return not self._queues

    @property
    def flowing(self) -> str | None:
        """The reply that is being played, whether or not audio of it is there."""
        return self._queues[0].reply_id if self._queues and self._queues[0].flowing else None

    def push(
        self, epoch: int, reply_id: str, item_id: str, samples: Samples, *, now: float, ahead: int
    ) -> bool:
        """Append audio; False when it was refused.

        ``ahead``: frames that the speaker's own buffer still holds.
        """
        queue = self._find(epoch, reply_id)
        if queue is None:  # also for one that is refused whole: it ends with ``finish``
            queue = _Queue(epoch, reply_id)
            self._queues.append(queue)
        if queue.overfull or self.frames + samples.size > self._capacity:
            queue.overfull = True
            return False
        if queue is self._queues[0]:
            self._prebuffer.arrived(
                now,
                media_ms=self._ms(queue.arrived),
                chunk_ms=self._ms(samples.size),
                ahead_ms=self._ms(queue.frames + ahead) if queue.flowing else -1.0,
            )
        item_frame = queue.item_frames.get(item_id, 0)
        queue.item_frames[item_id] = item_frame + samples.size
        queue.chunks.append(_Chunk(item_id, item_frame, samples))
        queue.frames += samples.size
        queue.arrived += samples.size
        if queue.waiting_since is None:
            queue.waiting_since = now
        return True

    def finish(self, epoch: int, reply_id: str) -> bool:
        """No more audio for this reply; False when it is not here."""
        queue = self._find(epoch, reply_id)
        if queue is not None:
            queue.finished = True
        return queue is not None

    def discard_before(self, epoch: int) -> int:
        """Forget every reply of an older epoch; returns the frames thrown away."""
        old = [queue for queue in self._queues if queue.epoch < epoch]
        if old:
            self._prebuffer.reply_over()
        self._queues = deque(queue for queue in self._queues if queue.epoch >= epoch)
        return sum(queue.frames for queue in old)

    def ready_in(self, now: float, ahead: int) -> float | None:
        """Seconds until the head reply may be played: 0 is now, None is "when more comes".

        ``ahead`` frames of silence in the speaker's buffer come before it anyway, so
        they count as prebuffer.
        """
        if not self._queues:
            return None
        head = self._queues[0]
        if head.finished or (head.flowing and head.frames):
            return 0.0
        if not head.frames or head.waiting_since is None:
            return None
        if self._ms(head.frames + ahead) >= self._prebuffer.needed_ms:
            return 0.0
        patience_s = (self._prebuffer.patience_ms - self._ms(ahead)) / 1000.0
        return max(0.0, head.waiting_since + patience_s - now)

    def pull(self, frames: int) -> Pulled:
        """Take up to ``frames`` of the head reply; the caller has asked :meth:`ready_in`."""
        samples: list[Samples] = []
        pieces: list[Piece] = []
        head = self._queues[0]
        head.flowing = True
        offset = 0
        while offset < frames and head.chunks:
            chunk = head.chunks[0]
            taken = chunk.samples[: frames - offset]
            samples.append(taken)
            pieces.append(Piece(offset, taken.size, head.reply_id, chunk.item_id, chunk.item_frame))
            offset += taken.size
            if taken.size == chunk.samples.size:
                head.chunks.popleft()
            else:
                chunk.samples = chunk.samples[taken.size :]
                chunk.item_frame += taken.size
        head.frames -= offset
        whole = np.concatenate(samples) if samples else np.zeros(0, np.int16)
        return Pulled(whole, tuple(pieces))

    def pop_finished(self) -> str | None:
        """The head reply's id, when all of it was pulled; it is forgotten."""
        if not self._queues or not self._queues[0].finished or self._queues[0].frames:
            return None
        self._prebuffer.reply_over()
        return self._queues.popleft().reply_id

    def ran_dry(self) -> str | None:
        """The head reply flowed and has nothing left: hold it back. Its id."""
        head = self._queues[0] if self._queues else None
        if head is None or not head.flowing or head.frames or head.finished:
            return None
        head.flowing = False
        head.waiting_since = None
        self._prebuffer.ran_dry()
        return head.reply_id

    def _find(self, epoch: int, reply_id: str) -> _Queue | None:
        for queue in self._queues:
            if queue.reply_id == reply_id and queue.epoch == epoch:
                return queue
        return None

    def _ms(self, frames: int) -> float:
        return frames * 1000.0 / self._rate_hz
