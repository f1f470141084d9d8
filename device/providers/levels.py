"""How loud sound is, and whether a person in it is speaking. Pure; mono s16le, lengths in bytes
even.

Peaks of short windows, because they cost next to nothing. What tells a person from the room is
relative to both: the quietest and the loudest window of the turn.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

WINDOW_MS = 20
#: Windows that are looked back on.
_KEPT = 50
#: A person's loudest window is so many times the room's quietest one, and at least -50 dB.
_ABOVE_ROOM, _FAINTEST = 3, 104
#: Speech is what lies above this part of the way from the quietest to the loudest (-14 dB).
_SPEECH = 0.2
#: Somebody who was quiet for so long may have finished.
PAUSE_MS = 200
#: Where nobody stands out of the room, speech cannot be told; it is assumed after so long.
_UNTOLD_MS = 2500
#: A sample's upper byte: how many steps of 256 it is away from zero.
_STEP_OF = bytes(min(upper, 256 - upper) for upper in range(256))
#: More samples than that are not looked at one by one.
_FEW = 200


def peak(pcm: bytes) -> int:
    """The largest magnitude in whole samples.

    Most samples are ruled out by their upper byte, many at a time: of speech that takes a quarter
    of the time that looking at each would.
    """
    if pcm.count(0) == len(pcm):
        return 0
    samples = memoryview(pcm).cast("h")
    steps = pcm[1::2].translate(_STEP_OF)
    highest = max(set(steps))
    # A step below zero reaches up to the one above it, so the largest lies in one of two.
    near = [bytes([step]) for step in {highest, max(0, highest - 1)}]
    if sum(map(steps.count, near)) > _FEW:
        most, least = max(samples), min(samples)
        return max(most, -least)
    return max(abs(samples[at]) for step in near for at in _places(steps, step))


def _places(steps: bytes, step: bytes) -> Iterator[int]:
    at = steps.find(step)
    while at >= 0:
        yield at
        at = steps.find(step, at + 1)


class Speaker:
    """Who speaks in one turn, as far as levels tell."""

    def __init__(self, rate_hz: int) -> None:
        self._window = 2 * (rate_hz * WINDOW_MS // 1000)
        self.begin()

    def begin(self) -> None:
        """Another turn."""
        self._rest = b""
        self._recent: deque[int] = deque(maxlen=_KEPT)
        self._quietest, self._loudest = 32768, 0
        self._heard_ms = 0
        self._paused = False

    def hear(self, pcm: bytes) -> None:
        """What comes next of the turn."""
        whole = self._rest + pcm
        end = len(whole) - len(whole) % self._window
        for start in range(0, end, self._window):
            level = peak(whole[start : start + self._window])
            self._recent.append(level)
            self._quietest = min(self._quietest, level)
            self._loudest = max(self._loudest, level)
            self._heard_ms += WINDOW_MS
        self._rest = whole[end:]
        self._paused = self._paused or (self._stands_out and self.quiet_ms >= PAUSE_MS)

    @property
    def quiet_ms(self) -> int:
        """Nobody has spoken for so long, up to what is looked back on."""
        floor = self._quietest
        speech = max(_FAINTEST, floor + (self._loudest - floor) * _SPEECH)
        quiet = 0
        for level in reversed(self._recent):
            if level >= speech:
                break
            quiet += WINDOW_MS
        return quiet

    @property
    def paused(self) -> bool:
        """Has spoken, and then been quiet for a moment, if only within the turn."""
        return self._paused or self._cannot_tell

    @property
    def may_have_finished(self) -> bool:
        """Has spoken, and is quiet now."""
        return (self._stands_out and self.quiet_ms >= PAUSE_MS) or self._cannot_tell

    @property
    def _stands_out(self) -> bool:
        return self._loudest > max(_FAINTEST, _ABOVE_ROOM * self._quietest)

    @property
    def _cannot_tell(self) -> bool:
        return not self._stands_out and self._heard_ms >= _UNTOLD_MS
