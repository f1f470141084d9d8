"""Everything that can happen, as immutable messages in the past tense.

Producers (ear, panel, playback, link, clock) post these to the one mailbox of
:mod:`device.runtime`; :mod:`device.core` decides what they mean. Times are
seconds of CLOCK_MONOTONIC; ``*_frame`` counts capture frames (one sample of
each channel) since the process started; ``*_ms`` are milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.events_service import BudgetNeared as BudgetNeared
from device.events_service import BudgetReached as BudgetReached
from device.events_service import BudgetRestored as BudgetRestored
from device.events_service import LineDrained as LineDrained
from device.events_service import LinkClosed as LinkClosed
from device.events_service import LinkFailed as LinkFailed
from device.events_service import LinkOpened as LinkOpened
from device.events_service import ReplyAudio as ReplyAudio
from device.events_service import ReplyAudioReceived as ReplyAudioReceived
from device.events_service import ReplyDone as ReplyDone
from device.events_service import ReplyInterrupted as ReplyInterrupted
from device.events_service import ReplyStarted as ReplyStarted
from device.events_service import ReplyTranscript as ReplyTranscript
from device.events_service import ServiceSpeechStarted as ServiceSpeechStarted
from device.events_service import ServiceSpeechStopped as ServiceSpeechStopped
from device.events_service import ServiceTrouble as ServiceTrouble
from device.events_service import ServiceWorking as ServiceWorking
from device.events_service import SessionExpiring as SessionExpiring
from device.events_service import SessionLeft as SessionLeft
from device.events_service import SessionOpening as SessionOpening
from device.events_service import SessionResumable as SessionResumable
from device.events_service import SuccessorFailed as SuccessorFailed
from device.events_service import SuccessorReady as SuccessorReady
from device.events_service import ToolCalled as ToolCalled
from device.events_service import TurnCommitted as TurnCommitted
from device.events_service import UsageReported as UsageReported
from device.events_service import UserTranscript as UserTranscript
from device.kinds import HEARS_ALL_BUT_WORDS as HEARS_ALL_BUT_WORDS
from device.kinds import NO_WAKE_WORD as NO_WAKE_WORD
from device.kinds import WAKE_WORD_MISSING as WAKE_WORD_MISSING
from device.kinds import Cause as Cause
from device.kinds import ErrorKind as ErrorKind
from device.kinds import Part as Part
from device.kinds import StopReason as StopReason

# --- the ear ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WakeDetected:
    """A wake word was detected in the chunk that ended at ``at_frame``: the first at or above
    the threshold, or where that would have been, had the engine not been late. The word's own
    end lies near it (``audio/wakewords/word_end.py``)."""

    word: str
    score: float
    at_frame: int


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """Local VAD: somebody began to speak at ``at_frame``."""

    at_frame: int


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """Local VAD: the last speech frame was ``at_frame``; posted ``hangover_ms`` later.
    ``level_db``: dBFS of the loudest 32 ms of the speech; None where that is not known."""

    at_frame: int
    level_db: float | None = None


@dataclass(frozen=True, slots=True)
class NearEndHeard:
    """While a reply sounds or is awaited something else is heard: what is known of it by now.

    Posted when it begins and then with every 32 ms until it is over, while the ear guards a
    reply (:class:`device.commands.GuardReply`). Of the cancelled microphone; the times are
    milliseconds of what was captured, not of the clock.
    """

    since_frame: int  #: where it began
    lasted_ms: int  #: from there to now
    speech_ms: int  #: of that, taken for speech
    voiced_ms: int  #: of that, with a voice's pitch
    quiet_ms: int  #: since it was last taken for speech
    above_echo_db: float  #: loudness against what the canceller leaves of the echo
    certain: bool  #: the canceller knows the room; else the echo itself may be heard
    level_db: float | None = None  #: dBFS of the loudest 32 ms of the latest 0.4 s of speech


@dataclass(frozen=True, slots=True)
class SpeakerLocated:
    """Who said the wake word, or began to speak, at ``at_frame`` is at ``azimuth_deg``, seen
    from an array whose geometry is configured: 0 is its x axis, counted towards y."""

    azimuth_deg: float
    confidence: float  #: 0 to 1; below 0.17 nothing is told
    at_frame: int


@dataclass(frozen=True, slots=True)
class TurnJudged:
    """What was said up to ``to_frame`` sounds finished with this probability, 0 to 1."""

    finished: float
    to_frame: int


@dataclass(frozen=True, slots=True)
class UplinkAudio:
    """Microphone audio for the service: mono s16le at the provider's rate.

    ``first_frame`` and ``end_frame`` bound the capture frames it was made from.
    """

    pcm: bytes
    first_frame: int
    end_frame: int


@dataclass(frozen=True, slots=True)
class UplinkStopped:
    """The ear stopped sending; all earlier ``UplinkAudio`` was posted before this."""

    end_frame: int


# --- the panel -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ButtonEdge:
    """A raw edge of the action button, not debounced."""

    pressed: bool
    at: float


@dataclass(frozen=True, slots=True)
class ButtonPressed:
    """The gesture: a press (posted on its first edge, never delayed)."""

    at: float


@dataclass(frozen=True, slots=True)
class ButtonHeld:
    """The gesture: the button was held long enough to mean mute."""

    at: float


# --- playback --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    """The first sample of reply ``reply_id`` reached the converter."""

    reply_id: str
    at: float


@dataclass(frozen=True, slots=True)
class PlaybackStopped:
    """Reply ``reply_id`` is silent. ``heard_ms`` counts what left the converter
    of service item ``item_id``; a reply may hold several items, the one being
    heard at the stop is reported."""

    reply_id: str
    item_id: str
    reason: StopReason
    heard_ms: int
    at: float


@dataclass(frozen=True, slots=True)
class CueFinished:
    """An earcon ended by itself or was cut (not sent for a looping one)."""

    name: str


@dataclass(frozen=True, slots=True)
class PhraseAudio:
    """A phrase of the device's own, spoken on the device: the whole of it, mono s16le at the
    provider's downlink rate. Goes straight to playback, as a reply called ``phrase_id``."""

    phrase_id: str
    pcm: bytes


@dataclass(frozen=True, slots=True)
class PhraseFailed:
    """It cannot be spoken on the device."""

    phrase_id: str
    detail: str


@dataclass(frozen=True, slots=True)
class PlaybackUnderrun:
    """The speaker ran dry in the middle of a reply."""

    reply_id: str
    at: float


# --- devices ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PartReady:
    """A part works (again)."""

    part: Part
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PartDegraded:
    """A part does not work; ``state`` names it (``no microphone``, ``reopening``,
    ``busy``), ``detail`` says why and ``hint`` what to do."""

    part: Part
    state: str
    detail: str
    hint: str = ""


# --- the clock and the operator --------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """A deadline that somebody asked for has passed."""


@dataclass(frozen=True, slots=True)
class SettingsReloaded:
    """SIGHUP: ``live`` settings are in force, ``restart`` ones wait for a restart."""

    live: tuple[str, ...]
    restart: tuple[str, ...]


Event = (
    WakeDetected
    | SpeechStarted
    | SpeechEnded
    | NearEndHeard
    | SpeakerLocated
    | TurnJudged
    | UplinkAudio
    | UplinkStopped
    | ButtonEdge
    | ButtonPressed
    | ButtonHeld
    | PlaybackStarted
    | PlaybackStopped
    | CueFinished
    | PhraseAudio
    | PhraseFailed
    | PlaybackUnderrun
    | PartReady
    | PartDegraded
    | LinkOpened
    | LinkClosed
    | LinkFailed
    | SessionOpening
    | SuccessorReady
    | SuccessorFailed
    | LineDrained
    | TurnCommitted
    | ServiceSpeechStarted
    | ServiceSpeechStopped
    | UserTranscript
    | ReplyStarted
    | ReplyAudio
    | ReplyAudioReceived
    | ReplyTranscript
    | ToolCalled
    | ReplyDone
    | ReplyInterrupted
    | ServiceWorking
    | UsageReported
    | BudgetNeared
    | BudgetReached
    | BudgetRestored
    | SessionExpiring
    | SessionLeft
    | SessionResumable
    | ServiceTrouble
    | Tick
    | SettingsReloaded
)
