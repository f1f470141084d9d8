"""What else is heard while the device speaks: the evidence on which a reply is cut.

The canceller's output comes in blocks of 10 ms. :class:`device.audio.onset.Onset` says first
that something is there, Silero whether it is speech, :mod:`device.audio.pitch` whether it has
a voice. Nothing is decided here; ``core/bargein.py`` does that from the events. Pure; ear
thread only.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace

import numpy as np

from device.audio import pitch, vad
from device.audio.levels import SILENT_DB, level_db
from device.audio.onset import BLOCK_MS, BLOCKS, EchoLevels, Onset
from device.events import NearEndHeard
from device.ports import Samples, VadEngine

RATE_HZ = 16_000
BLOCK_SAMPLES = RATE_HZ * BLOCK_MS // 1000

SPEECH = 0.5
"""Silero's probability from which 32 ms are speech."""

STILL_LOUD_DB = 24.0
"""Below the loudest of it a sound is over, whatever Silero says: it holds on for 30 to 60 ms,
which makes an acknowledgement look like a sentence. Weak consonants lie within this."""

CREDIT_MS = 96
"""Silero notices speech late; what stood out before that, this far back, was speech too."""

MASKED_DB = 3.0
"""What is expected of the echo by no more than this above the noise is masked by it."""

LEVEL_CHUNKS = 12
"""How loud somebody is, is told of the last 0.4 s that were speech: one may fall silent, and
another begin."""

OVER_MS = 480
"""So long without speech, and it is over."""

NOBODY_MS = 192
"""The same where nothing was ever taken for speech."""

FAINT_DB = 6.0
"""Above the room's noise. What is fainter, while nobody is heard, Silero is not asked about:
it would cost as much as the whole canceller, to hear nothing."""

LEAD_CHUNKS = 4
"""So much of what it was not asked about it hears first when it is asked again: without it
the first 100 ms of a voice sound to it like a noise."""

_PART = vad.CHUNK_SAMPLES // 4  # 8 ms
_PART_MS = vad.CHUNK_MS // 4
_KEPT = pitch.PIECE_SAMPLES


class NearEnd:
    """Blocks of the canceller's output in, :class:`device.events.NearEndHeard` out.

    ``vad`` belongs to this instance alone: it hears the whole cancelled stream. ``rate_hz``
    is the capture's, in whose frames the events count.
    """

    def __init__(self, vad_engine: VadEngine, rate_hz: int) -> None:
        self._vad, self._rate_hz = vad_engine, rate_hz
        self._onset = Onset()
        self.restart()

    @property
    def heard(self) -> NearEndHeard | None:
        """What is known of the sound that is going on; None when there is none."""
        return self._report() if self._since is not None else None

    def restart(self) -> None:
        """The next block does not join the last one (another reply, a gap): whatever was
        heard is forgotten. What is known of the room's noise stays."""
        self._onset.restart()
        self._vad.reset()
        self._recent: Samples = np.zeros(_KEPT, np.int16)
        self._waiting = 0  # samples at the end of ``_recent`` that no chunk has taken
        self._since: int | None = None
        self._echo = EchoLevels(-120.0, None, None, certain=False)
        self._unheard: deque[Samples] = deque(maxlen=LEAD_CHUNKS)
        self._forget()

    def _forget(self) -> None:
        self._lasted_ms = self._speech_ms = self._voiced_ms = self._quiet_ms = 0
        self._credit_ms = 0  # stood out, before Silero had noticed
        self._peak_db = SILENT_DB
        self._levels: deque[float] = deque(maxlen=LEVEL_CHUNKS)

    def hear(self, block: Samples, first_frame: int, echo: EchoLevels) -> list[NearEndHeard]:
        """The next 160 samples, which begin at capture frame ``first_frame``: what is new.

        Raises ``ValueError`` for any other number of samples.
        """
        if len(block) != BLOCK_SAMPLES:
            raise ValueError(f"{len(block)} samples are not a block of {BLOCK_SAMPLES}")
        self._recent = np.concatenate([self._recent[BLOCK_SAMPLES:], block])
        self._waiting += BLOCK_SAMPLES
        # An echo that is weaker than the room's noise is not heard, known path or not.
        inaudible = (
            echo.residual_db is not None and echo.residual_db < self._onset.floor.db + MASKED_DB
        )
        if inaudible and not echo.certain:
            echo = replace(echo, certain=True)
        self._echo = echo
        onset = self._onset.update(level_db(block), echo, speech=self._speech_ms > 0)
        found = []
        if onset and self._since is None:
            self._begin(first_frame, BLOCKS * BLOCK_MS)
            found.append(self._report())
        if self._waiting >= vad.CHUNK_SAMPLES:
            found += self._chunk(first_frame)
        return found

    def _begin(self, block_frame: int, ago_ms: int) -> None:
        """It began ``ago_ms`` before the end of the block at ``block_frame``."""
        back_ms = ago_ms - BLOCK_MS
        self._since = max(0, block_frame - back_ms * self._rate_hz // 1000)
        self._forget()
        # What no chunk has taken yet is counted with the next one; so this may be negative.
        self._lasted_ms = ago_ms - self._waiting * 1000 // RATE_HZ
        self._credit_ms = max(0, self._lasted_ms)

    def _chunk(self, block_frame: int) -> list[NearEndHeard]:
        end = len(self._recent) - (self._waiting - vad.CHUNK_SAMPLES)
        chunk = self._recent[end - vad.CHUNK_SAMPLES : end]
        self._waiting -= vad.CHUNK_SAMPLES
        if self._since is None and self._is_faint(chunk):
            self._unheard.append(chunk)
            return []
        speaks = self._speaks(chunk)
        if self._since is None:
            if not speaks:
                return []
            self._begin(block_frame, vad.CHUNK_MS + self._waiting * 1000 // RATE_HZ)
            self._lasted_ms = self._credit_ms = 0  # this chunk, which is counted now
        self._weigh(chunk, speaks)
        report = self._report()
        if self._quiet_ms >= (OVER_MS if self._speech_ms else NOBODY_MS):
            if not self._speech_ms:
                self._onset.was_nobody()
            self._since = None
            self._forget()
        return [report]

    def _is_faint(self, chunk: Samples) -> bool:
        floor = self._onset.floor
        return floor.known and level_db(chunk) < floor.db + FAINT_DB

    def _speaks(self, chunk: Samples) -> bool:
        if self._unheard:
            self._vad.reset()
            for before in self._unheard:
                self._vad.probability(before)
            self._unheard.clear()
        return self._vad.probability(chunk) >= SPEECH

    def _weigh(self, chunk: Samples, speaks: bool) -> None:
        parts = [level_db(chunk[at : at + _PART]) for at in range(0, len(chunk), _PART)]
        self._peak_db = max(self._peak_db, *parts)
        least_db = max(self._peak_db - STILL_LOUD_DB, self._onset.floor.db)
        loud = [level > least_db for level in parts]
        self._lasted_ms += vad.CHUNK_MS
        loud_ms = sum(loud) * _PART_MS
        if not speaks or not loud_ms:
            self._credit_ms = min(self._credit_ms + loud_ms, CREDIT_MS)
            self._quiet_ms += vad.CHUNK_MS
            return
        if not self._speech_ms:
            self._begin_with_speech()
            loud_ms += self._credit_ms
        self._speech_ms += loud_ms
        self._levels.append(level_db(chunk))
        self._quiet_ms = loud[::-1].index(True) * _PART_MS
        if pitch.harmonicity(self._recent) >= pitch.VOICED:
            self._voiced_ms += vad.CHUNK_MS

    def _begin_with_speech(self) -> None:
        """A noise shortly before somebody speaks is no part of what they say."""
        assert self._since is not None
        idle_ms = self._lasted_ms - vad.CHUNK_MS - CREDIT_MS
        if idle_ms > 0:
            self._since += idle_ms * self._rate_hz // 1000
            self._lasted_ms -= idle_ms

    def _report(self) -> NearEndHeard:
        assert self._since is not None
        lasted_ms = max(0, self._lasted_ms)
        rest_db = self._onset.floor.db
        if self._echo.residual_db is not None:
            rest_db = max(rest_db, self._echo.residual_db)
        return NearEndHeard(
            since_frame=self._since,
            lasted_ms=lasted_ms,
            speech_ms=min(self._speech_ms, lasted_ms),
            voiced_ms=min(self._voiced_ms, lasted_ms),
            quiet_ms=min(self._quiet_ms, lasted_ms),
            above_echo_db=round(self._peak_db - rest_db, 1),
            certain=self._echo.certain,
            level_db=round(max(self._levels), 1) if self._levels else None,
        )
