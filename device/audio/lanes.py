"""The three readers of the preroll ring: wake word, voice activity, uplink.

Each stands at a capture frame of its own and resamples for itself; so each can
start in the past, and none changes what another hears. Pure, ear thread only.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from device.audio import vad, wake
from device.audio.chunks import Chunks
from device.audio.format import frames_in, pcm_of
from device.audio.levels import SILENT_DB, SlowGain, level_db
from device.audio.own_sound import OwnSoundMask
from device.audio.polyphase import LowDelayResampler
from device.audio.preroll import PrerollRing
from device.audio.vad import VoiceActivity
from device.audio.wake import WakeGate
from device.audio.wakewords.word_end import WordEnds
from device.events import SpeechEnded, SpeechStarted, UplinkAudio, WakeDetected
from device.ports import Samples, VadEngine, WakeEngine

PIECE_MS = 100
"""The longest audio of one ``UplinkAudio``."""

CATCH_UP_MS = 2000
"""The most preroll that one call sends, so that the ear never falls behind its queue."""


LOUD_ENOUGH = 0.5
"""The probability of speech from which a chunk tells how loud somebody speaks."""


class WakeLane:
    """Runs the wake engine on every 80 ms, always."""

    def __init__(
        self,
        ring: PrerollRing,
        rate_hz: int,
        engine: WakeEngine,
        gate: WakeGate,
    ) -> None:
        self.engine = engine
        self._gate = gate
        self.word_ends = WordEnds(rate_hz)
        self._chunks = Chunks(ring, rate_hz, wake.CHUNK_SAMPLES)
        self.inferences = 0

    @property
    def wanted_frame(self) -> int:
        return self._chunks.wanted_frame

    def advance(self) -> list[WakeDetected]:
        found: list[WakeDetected] = []
        for chunk, _, end_frame in self._chunks.take():
            self.word_ends.hear(chunk, end_frame)
            for event in self._gate.update(self.engine.score(chunk), end_frame):
                self.word_ends.expect(event.at_frame)
                found.append(event)
            self.inferences += 1
        return found

    def restart(self, at_frame: int) -> None:
        """Begin at ``at_frame``, knowing nothing of before."""
        self._chunks.restart(at_frame)
        self.word_ends.restart(at_frame)
        self.engine.reset()
        self._gate.reset()

    def resume(self, at_frame: int) -> None:
        """Some frames were lost: a word that is being said goes on at ``at_frame``.

        Called while the ring still holds the frames from before the gap.
        """
        self._chunks.resume(at_frame)


class VadLane:
    """Runs the voice-activity detector on every 32 ms while it is on.

    It hears a microphone that is too quiet through a slow gain (``audio/levels.py``), which
    remembers what it has learnt of the microphone from one use to the next.
    """

    def __init__(
        self,
        ring: PrerollRing,
        rate_hz: int,
        engine: VadEngine,
        activity: VoiceActivity,
        mask: OwnSoundMask,
    ) -> None:
        self._engine, self._activity, self._mask = engine, activity, mask
        self._gain = SlowGain(vad.RATE_HZ)
        self._level_db = SILENT_DB  # of the loudest speech since speech last ended
        self._chunks = Chunks(ring, rate_hz, vad.CHUNK_SAMPLES)

    def restart(self, at_frame: int) -> None:
        """Begin at ``at_frame``, knowing nothing of before."""
        self._chunks.restart(at_frame)
        self._engine.reset()
        self._activity.reset()
        self._level_db = SILENT_DB

    def resume(self, at_frame: int) -> None:
        """Some frames were lost; who was speaking before still speaks.

        Called while the ring still holds the frames from before the gap.
        """
        self._chunks.resume(at_frame)

    def break_off(self, at_frame: int) -> list[SpeechStarted | SpeechEnded]:
        """What comes next has nothing to do with what came up to ``at_frame``: speech that
        was going on has ended there, or nobody would ever hear of its end."""
        ended: list[SpeechStarted | SpeechEnded] = []
        if self._activity.speaking:
            ended.append(SpeechEnded(at_frame))
        self._activity.reset()
        return ended

    def advance(self) -> list[SpeechStarted | SpeechEnded]:
        found = []
        for chunk, first_frame, end_frame in self._chunks.take():
            if not self._activity.speaking and self._mask.touches(first_frame, end_frame):
                # Our own sound is no onset, nor a measure of voices. Who spoke before it is
                # still speaking.
                self._engine.probability(chunk)
                probability = 0.0
            else:
                probability = self._engine.probability(self._gain.apply(chunk))
            if probability >= LOUD_ENOUGH:
                self._level_db = max(self._level_db, level_db(chunk))
            verdict = self._activity.update(probability, first_frame, end_frame)
            if isinstance(verdict, SpeechEnded):
                verdict = replace(verdict, level_db=round(self._level_db, 1))
                self._level_db = SILENT_DB
            if verdict is not None:
                found.append(verdict)
        return found


class UplinkLane:
    """What the service is sent: every frame from a given one on, exactly once.

    The concatenated audio is the resampling of those frames and of nothing
    else, whatever the sizes of the calls. ``first_frame`` and ``end_frame`` of
    the events say which capture frames the audio *represents*; they join
    without gap or overlap. Frames under ``mask`` are sent as zeros.
    """

    def __init__(
        self,
        ring: PrerollRing,
        rate_hz: int,
        out_hz: int,
        from_frame: int,
        mask: OwnSoundMask,
    ) -> None:
        self._ring, self._rate_hz, self._out_hz, self._mask = ring, rate_hz, out_hz, mask
        self._resampler = LowDelayResampler(rate_hz, out_hz)
        self._piece = frames_in(PIECE_MS, rate_hz)
        self._catch_up = frames_in(CATCH_UP_MS, rate_hz)
        self._restart(from_frame)

    @property
    def from_frame(self) -> int:
        """Where it begins: as asked, or with the oldest frame that is still there."""
        return self._origin

    def advance(self) -> list[UplinkAudio]:
        """What can be sent now, in pieces."""
        start = max(self._read_to, self._ring.oldest)
        return self._send(min(self._ring.end, start + self._catch_up))

    def finish(self) -> tuple[list[UplinkAudio], int]:
        """The rest up to the ring's end, and the frame where the uplink ended."""
        sent = self._send(self._ring.end)
        tail = self._event(self._resampler.process(np.zeros(0, np.int16), last=True), last=True)
        return sent + ([tail] if tail.pcm else []), min(self._read_to, self._ring.end)

    def resume(self, at_frame: int) -> list[UplinkAudio]:
        """Frames were lost: send what came before, go on at ``at_frame``.

        Called while the ring still holds the frames from before the gap.
        """
        if self._origin > self._ring.end:  # it has not begun, so it is not interrupted
            return []
        sent, _ = self.finish()
        self._restart(at_frame)
        return sent

    def _restart(self, from_frame: int) -> None:
        self._resampler.reset()
        self._origin = self._read_to = self._sent_to = from_frame
        self._sent_samples = 0
        self._begun = False  # the ring has reached the first frame

    def _send(self, to_frame: int) -> list[UplinkAudio]:
        if not self._begun and self._origin <= self._ring.end:
            self._restart(max(self._origin, self._ring.oldest))
            self._begun = True
        sent = []
        while self._read_to < to_frame:
            upto = min(to_frame, self._read_to + self._piece)
            heard = self._ring.read(self._read_to, upto)
            ready = self._resampler.process(self._mask.blank(heard, self._read_to))
            self._read_to = upto
            if len(ready):
                sent.append(self._event(ready))
        return sent

    def _event(self, ready: Samples, last: bool = False) -> UplinkAudio:
        self._sent_samples += len(ready)
        first = self._sent_to
        covered = self._origin + self._sent_samples * self._rate_hz // self._out_hz
        self._sent_to = self._read_to if last else min(covered, self._read_to)
        return UplinkAudio(pcm_of(ready), first, self._sent_to)
