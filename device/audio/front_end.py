"""From the microphones to the one stream that everything listens to.

Capture frames of all channels -> the kept ones at 16 kHz -> the echo canceller, channel by
channel -> one channel. Nothing that varies with time stands before the canceller. Pure; ear
thread only.

Positions are samples at 16 kHz. Capture frame *f* has position ``f // scale``, where ``scale``
is the capture rate over 16 kHz; so positions go on counting over gaps, as frames do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from device.audio.cancelling.facts import EchoFacts
from device.audio.polyphase import LowDelayResampler
from device.ports import Samples

RATE_HZ = 16_000

BLOCK_SAMPLES = 320
"""What the canceller takes at a time, and the most that waits for the rest of a block."""


class Canceller(Protocol):
    """What stands between the microphones and the listeners (``cancelling/stage.py``)."""

    @property
    def latency_samples(self) -> int:
        """By so much the output is late, always."""
        ...

    def observe(self, end_frame: int, at: float) -> None:
        """The capture period up to ``end_frame`` came at ``at`` (s, CLOCK_MONOTONIC)."""
        ...

    def restart(self) -> None:
        """The next block does not join the last one."""
        ...

    def process(self, near: Samples, first_frame: int) -> Samples:
        """Whole blocks, (n, channels); the first sample is of capture frame ``first_frame``."""
        ...

    @property
    def for_wake(self) -> Samples:
        """What the wake word hears instead of the last call's output; as long."""
        ...

    @property
    def facts(self) -> EchoFacts:
        """Of the last call."""
        ...


class Join(Protocol):
    """What makes one of several cancelled channels (``array/channel_join.py``)."""

    alone: int | None  #: the place of the one that is heard; None: all together

    @property
    def latency_samples(self) -> int: ...

    def reset(self) -> None: ...

    def join(self, frames: Samples) -> Samples:
        """(n, kept channels) in, (n,) out."""
        ...


class Polish(Protocol):
    """What makes the cancelled channel pleasant (``audio/cleaner.py``)."""

    @property
    def latency_samples(self) -> int: ...

    def reset(self) -> None: ...

    def clean(self, samples: Samples) -> Samples:
        """Whole blocks in, as many samples out."""
        ...


@dataclass(frozen=True, slots=True)
class Front:
    """What came out of one call, each (n,) int16; they need not be of one length."""

    raw: Samples  #: one kept channel as it was heard
    clean: Samples  #: cancelled, one channel
    words: Samples  #: the same, as the wake word hears it
    polished: Samples  #: made pleasant; as ``clean`` where nothing does so
    blocks: Samples  #: ``clean`` in whole blocks, with what is left out at its beginning
    blocks_at: int  #: the position of the first of them


class _Late:
    """A stream that is late by a constant: what came out of it before the beginning is dropped,
    and what has not come out yet is known."""

    def __init__(self) -> None:
        self.begin(0)

    def begin(self, latency: int) -> None:
        self._skip, self.owed = latency, 0

    def take(self, samples: Samples) -> Samples:
        skipped = min(self._skip, len(samples))
        self._skip -= skipped
        self.owed -= len(samples) - skipped
        return samples[skipped:]


class FrontEnd:
    """Turns capture frames into 16 kHz streams whose positions are known.

    ``keep`` names the channels that are used. Where they are several, ``join`` builds what
    makes one of the cancelled ones; ``raw`` is the place of the one that is passed as it is.
    """

    def __init__(
        self,
        canceller: Canceller,
        *,
        rate_hz: int,
        keep: tuple[int, ...] = (0,),
        raw: int = 0,
        join: Callable[[], Join] | None = None,
        polish: Polish | None = None,
    ) -> None:
        if rate_hz % RATE_HZ:
            raise ValueError(f"a microphone at {rate_hz} Hz is not at a multiple of {RATE_HZ} Hz")
        if len(keep) > 1 and join is None:
            raise ValueError(f"nothing makes one channel of {keep}")
        self.canceller = canceller
        self.scale = rate_hz // RATE_HZ
        self._keep, self._raw, self._polish = keep, raw, polish
        # One for what is clean, one for the words: each remembers what went through it.
        self._joins = [join(), join()] if join is not None else []
        self._resamplers = [LowDelayResampler(rate_hz, RATE_HZ) for _ in keep]
        self._clean, self._words, self._polished = _Late(), _Late(), _Late()
        self.begin(0)

    @property
    def lookahead(self) -> int:
        """Capture frames that must follow an instant before it can come out clean; up to a
        block more, until the block that it is in is whole."""
        return self._clean_latency * self.scale + self._resamplers[0].lookahead

    @property
    def next_block_frame(self) -> int:
        """One past the capture frame with which the next block comes out."""
        return self._next_frame + BLOCK_SAMPLES * self.scale + self._resamplers[0].lookahead

    def observe(self, end_frame: int, at: float) -> None:
        """The capture period up to ``end_frame`` came at ``at``; told before it is processed."""
        self.canceller.observe(end_frame, at)

    def use(self, channel: int, together: bool = False) -> None:
        """From the next frames on listen to ``channel`` of the card alone, or to all that are
        kept ``together``. Where one is kept, another takes its place; to the canceller that is
        a room that has changed."""
        if not self._joins:
            self._keep = (channel,)
            return
        for join in self._joins:
            join.alone = None if together else self._keep.index(channel)

    def begin(self, at_frame: int) -> None:
        """All streams begin anew, at the position of capture frame ``at_frame``."""
        for resampler in self._resamplers:
            resampler.reset()
        # Blocks end where a period's samples have come out of the resampler, not 2 ms later:
        # that would cost a whole period.
        lead = self._resamplers[0].lookahead // self.scale
        self._waiting: Samples = np.zeros((lead, len(self._keep)), np.int16)
        self._next_frame = at_frame - lead * self.scale  # of the first sample that waits
        self.canceller.restart()
        for join in self._joins:
            join.reset()
        latency = self._clean_latency + lead
        self._clean.begin(latency)
        self._words.begin(latency)
        if self._polish is not None:
            self._polish.reset()
            latency += self._polish.latency_samples
        self._polished.begin(latency)

    def process(self, frames: Samples) -> Front:
        """The next (n, channels) capture frames; they join those of the last call."""
        if frames.ndim != 2 or max(self._keep) >= frames.shape[1]:
            raise ValueError(f"no channels {self._keep} in frames of shape {frames.shape}")
        kept = [
            resampler.process(frames[:, channel].copy())
            for resampler, channel in zip(self._resamplers, self._keep, strict=True)
        ]
        return self._advance(np.stack(kept, axis=1))

    def flush(self) -> Front:
        """All that is still inside: the streams end here. ``begin`` must follow."""
        nothing = np.zeros(0, np.int16)
        rest = [resampler.process(nothing, last=True) for resampler in self._resamplers]
        front = self._advance(np.stack(rest, axis=1))
        owed = self._clean.owed, self._words.owed, self._polished.owed
        # Silence pushes the rest out; more than enough of it, for what is too much is cut off.
        blocks = 1 + self._latency // BLOCK_SAMPLES + 1
        tail = self._advance(np.zeros((blocks * BLOCK_SAMPLES, len(self._keep)), np.int16))
        return replace(
            front,
            clean=np.concatenate([front.clean, tail.clean[: owed[0]]]),
            words=np.concatenate([front.words, tail.words[: owed[1]]]),
            polished=np.concatenate([front.polished, tail.polished[: owed[2]]]),
        )

    @property
    def _clean_latency(self) -> int:
        return self.canceller.latency_samples + sum(j.latency_samples for j in self._joins[:1])

    @property
    def _latency(self) -> int:
        polish = 0 if self._polish is None else self._polish.latency_samples
        return self._clean_latency + polish

    def _advance(self, near: Samples) -> Front:
        """``near`` is (n, kept channels) at 16 kHz."""
        for late in (self._clean, self._words, self._polished):
            late.owed += len(near)
        waiting = np.concatenate([self._waiting, near])
        count = len(waiting) // BLOCK_SAMPLES * BLOCK_SAMPLES
        self._waiting = waiting[count:]
        at = self._next_frame // self.scale - self._clean_latency
        alone = self._joins[0].alone if self._joins else None
        raw, none = near[:, self._raw if alone is None else alone], near[:0, 0]
        if not count:
            return Front(raw, none, none, none, none, at)
        one = self._one(self.canceller.process(waiting[:count], self._next_frame), 0)
        self._next_frame += count * self.scale
        polished = one if self._polish is None else self._polish.clean(one)
        return Front(
            raw,
            self._clean.take(one),
            self._words.take(self._one(self.canceller.for_wake, 1)),
            self._polished.take(polished),
            one,
            at,
        )

    def _one(self, cancelled: Samples, stream: int) -> Samples:
        return self._joins[stream].join(cancelled) if self._joins else cancelled[:, 0]
