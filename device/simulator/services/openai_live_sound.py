"""The Live service's two audio tracks: what the client sends, and what the model says.

Both lie on one time line, the session's, which advances with the audio that the client sends.
Pure: no I/O, no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from device.simulator.services.brain import RATE_HZ, converted

FRAME_MS = 100  #: of the track of what the model says, in one event
SLOT_MS = 200  #: transcripts are placed on a grid of these

Int16s = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Fragment:
    """Of a transcript; it brings its own leading space."""

    text: str
    start_ms: int

    @property
    def end_ms(self) -> int:
        return self.start_ms + SLOT_MS


def fragments(words: str, start_ms: int, end_ms: int) -> Iterator[Fragment]:
    """``words`` spread evenly over a stretch of the time line, on the grid."""
    slots: dict[int, list[str]] = {}
    parts = words.split()
    for index, part in enumerate(parts):
        at = start_ms + (end_ms - start_ms) * index // len(parts)
        slots.setdefault(at - at % SLOT_MS, []).append(part)
    for number, (at, texts) in enumerate(slots.items()):
        yield Fragment((" " if number else "") + " ".join(texts), at)


class Codec:
    """Between the session's wire format and mono s16le at ``rate_hz``."""

    def __init__(self, wire: Mapping[str, object]) -> None:
        rate = wire["rate"]
        assert isinstance(rate, int)
        self.rate_hz = rate
        self._law = {"audio/pcmu": _mu_law, "audio/pcma": _a_law}.get(str(wire["type"]))
        self.sample_bytes = 1 if self._law else 2
        if self._law:
            self._table = np.array([self._law(code) for code in range(256)], np.int16)

    def decode(self, data: bytes) -> bytes:
        if self._law is None:
            return data
        return self._table[np.frombuffer(data, np.uint8)].astype("<i2").tobytes()

    def encode(self, pcm: bytes) -> bytes:
        """The nearest code to each sample."""
        if self._law is None:
            return pcm
        order = np.argsort(self._table, kind="stable")
        levels = self._table[order].astype(np.int32)
        samples = np.frombuffer(pcm, "<i2").astype(np.int32)
        above = np.clip(np.searchsorted(levels, samples), 1, 255)
        nearer = (samples - levels[above - 1]) < (levels[above] - samples)
        codes: npt.NDArray[np.uint8] = order[above - nearer].astype(np.uint8)
        return codes.tobytes()


def _mu_law(code: int) -> int:
    """ITU-T G.711, table 2a, at 16 bits."""
    code = ~code & 0xFF
    level = (((code & 0x0F) << 3) + 0x84) << (code >> 4 & 7)
    return 0x84 - level if code & 0x80 else level - 0x84


def _a_law(code: int) -> int:
    """ITU-T G.711, table 1a, at 16 bits."""
    code ^= 0x55
    level, segment = (code & 0x0F) << 4, code >> 4 & 7
    level = level + 8 if not segment else (level + 0x108) << (segment - 1)
    return level if code & 0x80 else -level


@dataclass(slots=True)
class _Utterance:
    pcm: bytes = field(repr=False)
    words: str = ""
    fixture: str | None = None  #: the id of it, where it is not the model that speaks
    at: int = 0
    script: deque[Fragment] | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """FRAME_MS of the model's track, silence included."""

    pcm: bytes = field(repr=False)
    said: tuple[Fragment, ...] = ()
    drained: str | None = None  #: the fixture that ended with it
    voice: bool = False  #: whether the model speaks in it


class Mouth:
    """What the model is going to say, cut into frames of one endless track."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._frame_bytes = 2 * rate_hz * FRAME_MS // 1000
        self._queue: deque[_Utterance] = deque()
        self.ms = 0  #: of the track so far

    @property
    def speaking(self) -> bool:
        """In the middle of something."""
        return bool(self._queue) and self._queue[0].fixture is None and self._queue[0].at > 0

    @property
    def fixture(self) -> bool:
        return any(one.fixture is not None for one in self._queue)

    def say(self, words: str, pcm: bytes) -> None:
        """``pcm`` is mono s16le at :data:`brain.RATE_HZ`."""
        if pcm:
            self._queue.append(_Utterance(converted(pcm, RATE_HZ, self._rate_hz), words))

    def play(self, pcm: bytes, fixture: str) -> None:
        """Instead of what the model is saying, and before anything else."""
        self.hush()
        self._queue.appendleft(_Utterance(converted(pcm, RATE_HZ, self._rate_hz), fixture=fixture))

    def hush(self) -> None:
        """The model stops in the middle of the word; what it has not begun is said later."""
        if self.speaking:
            self._queue.popleft()

    def next(self, *, hold: bool = False) -> Frame:
        """``hold``: nothing new is begun, as somebody else is speaking."""
        start_ms = self.ms
        self.ms += FRAME_MS
        if not self._queue or (hold and not self._queue[0].at and not self.fixture):
            return Frame(bytes(self._frame_bytes))
        one = self._queue[0]
        if one.script is None:
            length_ms = 1000 * len(one.pcm) // (2 * self._rate_hz)
            one.script = deque(fragments(one.words, start_ms, start_ms + length_ms))
        piece = one.pcm[one.at : one.at + self._frame_bytes]
        one.at += len(piece)
        over = one.at >= len(one.pcm)
        said = tuple(_due(one.script, float("inf") if over else self.ms))
        if over:
            self._queue.popleft()
        silence = bytes(self._frame_bytes - len(piece))
        return Frame(piece + silence, said, one.fixture if over else None, one.fixture is None)


def _due(script: deque[Fragment], before_ms: float) -> Iterable[Fragment]:
    while script and script[0].start_ms < before_ms:
        yield script.popleft()
