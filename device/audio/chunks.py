"""The preroll ring's audio at 16 kHz, cut into the chunks that a model takes.

Pure; ear thread only.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from device.audio.polyphase import LowDelayResampler
from device.audio.preroll import PrerollRing
from device.ports import Samples

RATE_HZ = 16_000


class Chunks:
    """Chunks of a fixed size, each with the capture frames that it represents.

    A chunk is taken when its last sample is known, not before: idle, the ring
    is then read once a chunk and not once a period.

    Over a short gap the samples are *spliced*: the resampler and the chunk that was
    begun go on with the first frame after it. A word with a hole loses the hole, then,
    and not the up to 80 ms before it as well. Internally frames are counted without the
    gaps (``position``); ``_gaps`` turns positions into capture frames.
    """

    def __init__(self, ring: PrerollRing, rate_hz: int, chunk_samples: int) -> None:
        self._ring, self._rate_hz, self._chunk = ring, rate_hz, chunk_samples
        self._resampler = LowDelayResampler(rate_hz, RATE_HZ)
        self.restart(ring.end)

    def restart(self, at_frame: int) -> None:
        """The first chunk begins at ``at_frame``; nothing of before is in it."""
        self._resampler.reset()
        self._origin = self._read_to = at_frame
        self._position = 0  # frames read since
        self._taken = 0  # samples taken since
        self._gaps: list[tuple[int, int]] = []  # (position, frames lost there)
        self._ready: Samples = np.zeros(0, np.int16)

    def resume(self, at_frame: int) -> None:
        """The frames from the ring's end up to ``at_frame`` were lost: go on there, as
        though it joined. Called while the ring still holds the frames from before."""
        if self._read_to > self._ring.end:  # it has not begun, so it is not interrupted
            if self._read_to < at_frame:
                self.restart(at_frame)
            return
        self._read(self._ring.end)
        self._gaps.append((self._position, at_frame - self._read_to))
        self._read_to = at_frame

    @property
    def wanted_frame(self) -> int:
        """The ring's end at which the next chunk is complete."""
        end = self._position_of(self._taken + self._chunk)
        return self._end_frame(end + self._resampler.lookahead)

    def take(self) -> Iterator[tuple[Samples, int, int]]:
        """Every complete chunk: its samples, first frame and end frame (exclusive).

        A chunk with a gap in it is that much longer in frames than in samples.
        """
        while self._ring.end >= (wanted := self.wanted_frame):
            self._read(max(wanted, self._read_to))  # read already, if it lies before a gap
            chunk, self._ready = self._ready[: self._chunk], self._ready[self._chunk :]
            first = self._first_frame(self._position_of(self._taken))
            self._taken += self._chunk
            end = self._position_of(self._taken)
            end_frame = self._end_frame(end)
            while self._gaps and self._gaps[0][0] <= end:  # all that follows lies behind it
                self._origin += self._gaps.pop(0)[1]
            yield chunk, first, end_frame

    def _read(self, to_frame: int) -> None:
        fresh = self._resampler.process(self._ring.read(self._read_to, to_frame))
        self._ready = np.concatenate([self._ready, fresh])
        self._position += to_frame - self._read_to
        self._read_to = to_frame

    def _position_of(self, sample: int) -> int:
        """Of the 16 kHz sample counted from the origin, rounded up."""
        return -(-sample * self._rate_hz // RATE_HZ)

    def _first_frame(self, position: int) -> int:
        """The capture frame at ``position``."""
        return self._origin + position + sum(lost for at, lost in self._gaps if at <= position)

    def _end_frame(self, position: int) -> int:
        """One past the capture frame before ``position``."""
        return self._origin + position + sum(lost for at, lost in self._gaps if at < position)
