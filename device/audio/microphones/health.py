"""Is the microphone well? Every channel is watched, whatever else is listened to.

Each half second of frames becomes a few numbers (:mod:`device.audio.microphones.blocks`,
:mod:`device.audio.microphones.hum`); those become faults that begin and end, each with its own
patience, so that none flickers. 0.1 % of a core at 48 kHz, 0.05 % more for each further
channel. Pure; ear thread only.

**Silence is the hard one.** A real microphone has noise: a person who is silent in a very
quiet room still leaves some LSB of it, digital zero (or one LSB at most) is no room. But
some USB microphones cut what is quiet to zero (a noise gate). Nothing in the samples tells
a closed gate from a broken wire, only that a gate opens again. So a channel that came back
by itself is given twice as long the next time as it was away (15 min at most): a gate is
reported a few times at most, each time later, a wire that breaks within 3 s. A muted
microphone is closed, and never seen here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

import numpy as np

from device.audio.format import frames_in
from device.audio.microphones.blocks import Block, BlockMeter
from device.audio.microphones.faults import (
    ALL_CHANNELS,
    HINTS,
    ChannelFault,
    FaultChange,
    FaultKind,
    name_of,
)
from device.audio.microphones.hum import Hum, HumMeter
from device.audio.microphones.true_rate import SPAN_S, TrueRate
from device.ports import Samples

BLOCK_MS: Final = 500

DEAD_S, LONGEST_PATIENCE_S = 3.0, 900.0
FAINT_FACTOR = 4
"""Noise of one LSB, heard by every channel, is that much less suspicious than none at all."""
DEAD_SPREAD = 2

OFFSET_LSB, NO_OFFSET_LSB = 1000.0, 600.0
"""3 % of full scale; cheap cards have 1 %, which harms nothing."""

CLIPPED_SHARE = 0.005
CLIPPED_BLOCKS, LOUD_BLOCKS = 4, 10
"""Clipping begins when so many of the last loud blocks are clipped, and ends when none is."""
CLIPPING_FORGOTTEN_S = 120.0
"""Nothing loud was heard for so long: whether it would still clip is not known."""

HOLES, HOLES_WITHIN_S = 3, 15.0


class _Held:
    """A fault of one channel: begins after ``begin_s`` of bad evidence in a row, ends after
    ``end_s`` of good evidence in a row."""

    def __init__(self, begin_s: float, end_s: float) -> None:
        self.begin_s, self._end_s = begin_s, end_s
        self.on = False
        self.bad_s = 0.0
        self._good_s = 0.0

    def update(self, bad: bool | None, block_s: float) -> bool:
        """``bad`` None: no evidence either way. True: ``on`` has changed."""
        if bad:
            self.bad_s, self._good_s = self.bad_s + block_s, 0.0
        elif bad is not None:
            self.bad_s, self._good_s = 0.0, self._good_s + block_s
        if self.on == (self._good_s < self._end_s if self.on else self.bad_s >= self.begin_s):
            return False
        self.on = not self.on
        return True


class _Channel:
    """What is known of one channel. All patience is multiplied by ``pace``."""

    def __init__(self, pace: float) -> None:
        self.held = {
            FaultKind.DEAD: _Held(DEAD_S * pace, 1.0),
            FaultKind.STUCK: _Held(1.5 * pace, 1.0),
            FaultKind.DROPS_OUT: _Held(BLOCK_MS / 1000, BLOCK_MS / 1000),
            FaultKind.CLIPPING: _Held(BLOCK_MS / 1000, BLOCK_MS / 1000),
            FaultKind.OFFSET: _Held(3.0 * pace, 3.0),
            FaultKind.HUM: _Held(4.0 * pace, 3.0),
        }
        self.patience_s = DEAD_S * pace
        self.silent_s = 0.0
        self.holes: deque[int] = deque()  # end frames of the blocks with holes, one per hole
        self.clipped: deque[bool] = deque(maxlen=LOUD_BLOCKS)
        self.loud_frame = 0
        self.sign = 0.0
        self.hum = Hum(0, 0.0, 0.0)


class MicHealth:
    """Frames in, changes out. ``rate_hz`` is a multiple of 1000; ``channels`` are those of
    the frames that are microphones (an array's playback channel is silent for good reason).
    ``pace`` shortens how long a fault must last: who has only seconds gives 0.5."""

    def __init__(self, rate_hz: int, channels: Sequence[int], *, pace: float = 1.0) -> None:
        if not channels:
            raise ValueError("a microphone without channels has no health")
        self._rate_hz, self._channels = rate_hz, tuple(channels)
        first, last = self._channels[0], self._channels[-1]
        neighbours = self._channels == tuple(range(first, last + 1))
        # A slice, where it will do, copies nothing.
        self._columns = slice(first, last + 1) if neighbours else list(self._channels)
        self._block = frames_in(BLOCK_MS, rate_hz)
        self._meter = BlockMeter(rate_hz, len(self._channels))
        self._hums = HumMeter(rate_hz, len(self._channels))
        self._known = [_Channel(pace) for _ in self._channels]
        self._rate = TrueRate(rate_hz, SPAN_S * pace)
        self._rate_held = _Held(2.0 * pace, 2.0)
        self._pending: list[FaultChange] = []
        self._faults: dict[tuple[int, FaultKind], ChannelFault] = {}
        self._buffer = np.zeros((self._block, len(self._channels)), np.int16)
        self._filled = 0
        self._end: int | None = None

    @property
    def faults(self) -> tuple[ChannelFault, ...]:
        """Those that last, in the order in which they began."""
        return tuple(self._faults.values())

    @property
    def unusable(self) -> frozenset[int]:
        """Channels of which nothing is worth hearing."""
        return frozenset(fault.channel for fault in self.faults if fault.unusable)

    @property
    def true_rate_hz(self) -> float | None:
        """As measured over the last seconds; None when not known."""
        return self._rate.hz

    def observe(self, end_frame: int, at: float) -> None:
        """The period up to ``end_frame`` came at ``at`` (s, CLOCK_MONOTONIC). To be told
        before the period is heard; a period late is harmless."""
        if not self._rate.observe(end_frame, at):
            return
        hz = self._rate.hz
        if self._rate_held.update(self._rate.wrong, 1.0) and hz is not None:
            detail = f"the microphone runs at {hz:.0f} Hz instead of {self._rate_hz} Hz"
            self._pending += self._change(
                ALL_CHANNELS, FaultKind.WRONG_RATE, self._rate_held.on, detail, end_frame
            )

    def hear(self, first_frame: int, samples: Samples) -> list[FaultChange]:
        """The next int16 frames (n, channels of the card), the first of them ``first_frame``.

        A jump of it is a gap: what was begun is started again, the faults stay.
        """
        if first_frame != self._end:
            self._restart(lost=self._end is not None)
        changes, self._pending = self._pending, []
        done = 0
        while done < len(samples):
            part = samples[done : done + self._block - self._filled]
            if len(part) == self._block:  # needs no buffer
                done += len(part)
                changes += self._judge(part[:, self._columns], first_frame + done)
                continue
            self._buffer[self._filled : self._filled + len(part)] = part[:, self._columns]
            self._filled += len(part)
            done += len(part)
            if self._filled == self._block:
                self._filled = 0
                changes += self._judge(self._buffer, first_frame + done)
        self._end = first_frame + len(samples)
        return changes

    def _restart(self, lost: bool) -> None:
        self._filled = 0
        self._meter.restart()
        self._hums.restart()
        if lost:
            self._rate.restart()

    def _judge(self, frames: Samples, end_frame: int) -> list[FaultChange]:
        blocks = self._meter.measure(frames)
        hums = self._hums.hear(frames, [block.rms for block in blocks])
        heard = [block.spread > 2 * DEAD_SPREAD for block in blocks]
        changes: list[FaultChange] = []
        for n, block in enumerate(blocks):
            others_hear = any(heard[:n] + heard[n + 1 :])
            changes += self._judge_silence(n, block, others_hear, end_frame)
            if block.spread > DEAD_SPREAD:
                changes += self._judge_holes(n, block, end_frame)
                changes += self._judge_clipping(n, block, end_frame)
                changes += self._judge_offset(n, block, end_frame)
            if hums is not None:
                changes += self._judge_hum(n, hums[n], end_frame)
        return changes

    def _judge_silence(
        self, n: int, block: Block, others_hear: bool, end_frame: int
    ) -> list[FaultChange]:
        known = self._known[n]
        still = block.spread <= DEAD_SPREAD
        zero = still and abs(block.mean) <= DEAD_SPREAD
        if zero:
            known.silent_s += BLOCK_MS / 1000
        elif known.silent_s:
            healed_s, known.silent_s = known.silent_s, 0.0
            if healed_s >= DEAD_S:  # as a gate does; a wire may as well
                known.patience_s = min(max(known.patience_s, 2 * healed_s), LONGEST_PATIENCE_S)
        faint = block.spread > 0 and not others_hear
        dead = known.held[FaultKind.DEAD]
        dead.begin_s = known.patience_s * (FAINT_FACTOR if faint else 1)
        stuck = block.spread == 0 and not zero
        silence = f"only digital silence for {dead.bad_s + BLOCK_MS / 1000:.0f} s"
        if others_hear:
            silence += ", while the other channels hear sound"
        return [
            *self._hold(n, FaultKind.DEAD, zero, f"gives {silence}", end_frame),
            *self._hold(
                n, FaultKind.STUCK, stuck, f"always gives the value {block.high}", end_frame
            ),
        ]

    def _judge_holes(self, n: int, block: Block, end_frame: int) -> list[FaultChange]:
        holes = self._known[n].holes
        holes.extend([end_frame] * block.holes)
        while holes and holes[0] < end_frame - HOLES_WITHIN_S * self._rate_hz:
            holes.popleft()
        on = self._known[n].held[FaultKind.DROPS_OUT].on
        bad = len(holes) > 0 if on else len(holes) >= HOLES
        detail = f"dropped out {len(holes)} times within {HOLES_WITHIN_S:.0f} s"
        return self._hold(n, FaultKind.DROPS_OUT, bad, detail, end_frame)

    def _judge_clipping(self, n: int, block: Block, end_frame: int) -> list[FaultChange]:
        known = self._known[n]
        on = known.held[FaultKind.CLIPPING].on
        if block.loud:
            known.clipped.append(block.clipped >= CLIPPED_SHARE)
            known.loud_frame = end_frame
        elif end_frame - known.loud_frame > CLIPPING_FORGOTTEN_S * self._rate_hz:
            known.clipped.clear()
        clipped = sum(known.clipped)
        detail = (
            f"is overdriven: {block.clipped:.0%} of the samples of the last half second are cut off"
        )
        bad = clipped > 0 if on else clipped >= CLIPPED_BLOCKS
        return self._hold(n, FaultKind.CLIPPING, bad, detail, end_frame)

    def _judge_offset(self, n: int, block: Block, end_frame: int) -> list[FaultChange]:
        known = self._known[n]
        if block.clipped:  # what is cut off on one side more than on the other has a mean
            return []
        size = abs(block.direct)
        # Wind and slammed doors swing to both sides.
        bad = size >= OFFSET_LSB and block.direct * known.sign >= 0
        known.sign = block.direct
        verdict = True if bad else (False if size < NO_OFFSET_LSB else None)
        detail = f"has a direct voltage of {100 * block.direct / 32768:+.0f} % of full scale"
        return self._hold(n, FaultKind.OFFSET, verdict, detail, end_frame)

    def _judge_hum(self, n: int, hum: Hum, end_frame: int) -> list[FaultChange]:
        detail = (
            f"hums at {hum.mains_hz} Hz, {20 * np.log10(max(hum.rms, 1) / 32768):.0f} dB of full "
            f"scale: {hum.share:.0%} of all it hears"
        )
        known = self._known[n]
        before, known.hum = known.hum, hum
        bad: bool | None = hum.dominant and hum.steady_since(before)
        if hum.loud and (known.held[FaultKind.HUM].on or hum.steady_since(before)):
            bad = bad or None  # only something else is louder just now
        return self._hold(n, FaultKind.HUM, bad, detail, end_frame, every_s=1.0)

    def _hold(
        self,
        n: int,
        kind: FaultKind,
        bad: bool | None,
        detail: str,
        end_frame: int,
        every_s: float = BLOCK_MS / 1000,
    ) -> list[FaultChange]:
        held = self._known[n].held[kind]
        if not held.update(bad, every_s):
            return []
        name = name_of(self._channels[n], len(self._channels))
        return self._change(self._channels[n], kind, held.on, f"{name} {detail}", end_frame)

    def _change(
        self, channel: int, kind: FaultKind, began: bool, detail: str, at_frame: int
    ) -> list[FaultChange]:
        if not began:
            return [FaultChange(self._faults.pop((channel, kind)), False, at_frame)]
        fault = ChannelFault(channel, kind, detail, HINTS[kind], at_frame)
        self._faults[channel, kind] = fault
        return [FaultChange(fault, True, at_frame)]
