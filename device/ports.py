"""The seams of the house: what the runtime needs, said as Protocols.

Adapters implement them over ALSA, GPIO and sockets; ``device/fakes.py`` in
memory. A method says which thread may call it; "any" means it neither blocks
nor takes a lock that a slow path holds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from device.commands import ChoosePersona, ChooseService, Cue, Light, ServiceCommand
from device.events import Event, PlaybackStopped, StopReason
from device.settings import VadSettings, WakeSettings

Post = Callable[[Event], None]
"""Puts an event into the mailbox. Any thread; never blocks; never drops, but for
``UplinkAudio``, of which the oldest is dropped and counted when too many wait."""

Samples = NDArray[np.int16]


class Clock(Protocol):
    """Where time comes from."""

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC."""
        ...

    def wall(self) -> float:
        """Seconds since the epoch, for people."""
        ...


class WakeEngine(Protocol):
    """Scores wake words. Ear thread only."""

    @property
    def words(self) -> tuple[str, ...]: ...

    def score(self, chunk: Samples) -> dict[str, float]:
        """Score 1280 mono samples at 16 kHz (80 ms): word -> 0..1."""
        ...

    def reset(self) -> None:
        """Forget what was heard (restores the warmed-up state)."""
        ...


class VadEngine(Protocol):
    """Speech probability of 512 mono samples at 16 kHz (32 ms). Ear thread only."""

    def probability(self, chunk: Samples) -> float: ...

    def reset(self) -> None: ...


class Ear(Protocol):
    """Microphone to verdicts and uplink audio; owns the capture and ear threads.

    Posts WakeDetected, SpeechStarted, SpeechEnded, UplinkAudio, UplinkStopped,
    PartReady and PartDegraded. All methods: any thread.
    """

    def start(self) -> None: ...

    def stop(self) -> None:
        """Close the PCM and join the threads (at most 1 s)."""
        ...

    def open_capture(self) -> None: ...

    def close_capture(self) -> None:
        """Mute: the PCM is really closed. Returns once that is under way."""
        ...

    def start_uplink(self, from_frame: int) -> None:
        """Post UplinkAudio from capture frame ``from_frame`` (it may lie up to
        the preroll's length in the past), every frame exactly once. Negative: from so
        many frames before the newest."""
        ...

    def stop_uplink(self) -> None:
        """Flush, then post UplinkStopped."""
        ...

    def run_vad(self, on: bool) -> None: ...

    def guard(self, on: bool) -> None:
        """A reply sounds from now on (until off): post NearEndHeard of whatever else is heard."""
        ...

    def judge_turn(self) -> None:
        """Post TurnJudged on what was heard until now, if anything here can judge it in time."""
        ...

    def mask(self, on: bool) -> None:
        """The device itself sounds from now on (until off): the uplink carries silence
        for what is heard meanwhile, of the same length, and no speech starts in it."""
        ...

    def tune(self, wake: WakeSettings, vad: VadSettings) -> None:
        """Apply the live settings."""
        ...

    @property
    def frame(self) -> int:
        """Capture frames so far."""
        ...

    @property
    def progress(self) -> int:
        """Grows while the part does its work, or its retry timer advances."""
        ...


class Playback(Protocol):
    """Reply audio and cues to the speaker; owns the playback thread.

    Posts PlaybackStarted, PlaybackStopped, PlaybackUnderrun, CueFinished,
    PartReady and PartDegraded.
    """

    @property
    def epoch(self) -> int:
        """Raised by every cut; audio of an older epoch is discarded on arrival. Any thread."""
        ...

    def start(self) -> None: ...

    def stop(self) -> None:
        """Silence (drop), close, join (at most 1 s)."""
        ...

    def warm(self, on: bool) -> None:
        """Keep the PCM running on silence between replies. Any thread."""
        ...

    def enqueue(self, epoch: int, reply_id: str, item_id: str, pcm: bytes) -> None:
        """Mono s16le at the provider's downlink rate; loop thread."""
        ...

    def finish(self, epoch: int, reply_id: str) -> None:
        """No more audio for this reply: play it out, then post PlaybackStopped(DONE).
        When it brought no audio at all, nothing is posted."""
        ...

    def cut(self, reason: StopReason) -> PlaybackStopped | None:
        """Silence at once, from any thread: raise the epoch, read ``avail()``, ``drop()``.

        Posts a PlaybackStopped for each reply that was sounding or queued and returns
        the first, else None. Cues and a ring fall silent with it.
        """
        ...

    def cue(self, cue: Cue) -> None: ...

    def stop_cue(self, cue: Cue) -> None: ...

    def duck(self, on: bool) -> None:
        """Lower the replies until off. What already stands in the card's queue cannot be
        lowered any more. A cut ends it. Any thread."""
        ...

    def set_volume(self, percent: int) -> None: ...

    @property
    def progress(self) -> int: ...


class PhraseSpeaker(Protocol):
    """Says the device's own words with a voice that is on the device."""

    def say(self, phrase_id: str, text: str) -> None:
        """Post PhraseAudio or PhraseFailed. Any thread; never blocks."""
        ...

    def stop(self) -> None:
        """Nothing is posted afterwards (at most 1 s)."""
        ...


class Panel(Protocol):
    """Button and lights."""

    def start(self, on_press: Callable[[float], None], post: Post) -> None:
        """``on_press(at)`` runs in the pin thread on every first edge, before
        ButtonEdge is posted; it must be the cut and nothing else."""
        ...

    def show(self, light: Light) -> None:
        """Loop thread."""
        ...

    def stop(self) -> None:
        """Lights off, pins released."""
        ...


class Link(Protocol):
    """One session with the realtime service. Loop thread only.

    Posts every event listed under "the service" in :mod:`device.events`.
    """

    @property
    def is_open(self) -> bool: ...

    def open(self) -> None:
        """Connect if not connected; failed attempts are repeated with jittered back-off
        until ``close``. A session that was open and is lost stays lost until ``open``.
        One that is open is probed."""
        ...

    def switch(self) -> None:
        """Give up the attempt or session under way and open one anew, with whatever codec is
        made now. Nothing is posted of the old one; what was kept of a turn goes to the new."""
        ...

    def prepare_successor(self) -> None:
        """Open the next session beside the one that is open; posts ``SuccessorReady`` or
        ``SuccessorFailed``. It takes the place of a session that is lost, too, with `open`."""
        ...

    def take_over(self) -> None:
        """The successor takes the place of the session that is open, which is closed without a
        word. Posts ``LinkOpened``. Nothing happens where there is none."""
        ...

    def close(self, reason: str) -> None: ...

    def send(self, command: ServiceCommand) -> None:
        """Queue a command; AppendAudio is dropped oldest first (and counted) when more
        than 60 s wait, other commands when more than 256 do. Forgotten while no session is
        wanted. The audio of a turn that the service has not taken survives a lost session,
        until ``close``, ClearInput or AbandonTurn."""
        ...

    def drain(self, token: int) -> None:
        """Post ``LineDrained(token)`` when all that waits has been sent and received, and all
        that the service had said before has been posted. Forgotten with the session."""
        ...

    async def stop(self) -> None:
        """Close for good; returns when nothing of the link runs any more."""
        ...


class Sessions(Protocol):
    """Who makes the codecs of the sessions that are opened from now on. Loop thread only."""

    def choose(self, persona: ChoosePersona) -> None:
        """Whom they speak for."""
        ...

    def choose_service(self, choice: ChooseService) -> None:
        """Whose they are."""
        ...

    def resumable(self, handle: str) -> None:
        """The service's next session may go on where this one is."""
        ...


class Timeline(Protocol):
    """Where reports go: journal, console, JSON lines. Any thread; never blocks."""

    def report(self, event: str, at: float, fields: dict[str, object]) -> None: ...
