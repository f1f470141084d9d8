"""Everything the core can ask for, as immutable messages in the imperative.

:mod:`device.runtime` performs them. Those under "to the service" are also what
a codec understands (:mod:`device.providers.base`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from device.events import StopReason


class Light(StrEnum):
    """Patterns of the status light, most urgent first in ``core/indication.py``."""

    OFF = "off"
    IDLE = "idle"
    LISTENING = "listening"
    LISTENING_OFFLINE = "listening_offline"  #: listens, and the service is not reached yet
    THINKING = "thinking"
    SPEAKING = "speaking"
    RINGING = "ringing"
    MUTED = "muted"
    OFFLINE = "offline"
    DEGRADED = "degraded"
    ERROR = "error"


class Cue(StrEnum):
    """Short sounds of the device's own (``audio/earcons.py``)."""

    WAITING = "waiting"  #: still connecting, your words are kept
    WORKING = "working"  #: the answer is on its way
    GAVE_UP = "gave_up"  #: listening ended without speech, or ran too long
    MUTED = "muted"
    UNMUTED = "unmuted"
    ERROR = "error"
    RING = "ring"  #: a timer; loops until stopped


# --- to the ear ------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartUplink:
    """Send microphone audio from capture frame ``from_frame`` on; None: from now on; negative:
    from so many frames before the newest on."""

    from_frame: int | None = None


@dataclass(frozen=True, slots=True)
class StopUplink:
    """Send nothing more; the ear answers ``UplinkStopped`` after the last audio.

    ``discard``: the turn is abandoned, what is still on its way to the link is dropped.
    ``undecided``: what the service says of the turn still counts, until the next uplink starts.
    """

    discard: bool = False
    undecided: bool = False


@dataclass(frozen=True, slots=True)
class RunVad:
    """Switch the local voice-activity detector on or off."""

    on: bool


@dataclass(frozen=True, slots=True)
class GuardReply:
    """A reply sounds or is awaited (until ``on`` is False): tell of whatever else is heard
    meanwhile, as :class:`device.events.NearEndHeard`."""

    on: bool


@dataclass(frozen=True, slots=True)
class JudgeTurn:
    """Answer ``TurnJudged``: does what was said until now sound finished? Unanswered where
    nothing on the device can tell, and where it takes too long to matter."""


@dataclass(frozen=True, slots=True)
class MaskOwnSound:
    """What the microphone hears from now on is a sound of the device's own (until ``on``
    is False): the uplink carries silence in its place, sample for sample, and the local
    voice-activity detector takes no onset from it."""

    on: bool


@dataclass(frozen=True, slots=True)
class CloseCapture:
    """Really close the microphone (mute)."""


@dataclass(frozen=True, slots=True)
class OpenCapture:
    """Open the microphone again."""


# --- to playback -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WarmPlayback:
    """Run the playback PCM (silence between replies) or let it rest."""

    on: bool


@dataclass(frozen=True, slots=True)
class FinishReply:
    """No more audio will come for ``reply_id``: play out what is there."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class CutPlayback:
    """Silence now. The button cuts without the core; this is for wake and errors."""

    reason: StopReason


@dataclass(frozen=True, slots=True)
class PlayCue:
    """Play an earcon over or between replies; ``RING`` loops."""

    cue: Cue


@dataclass(frozen=True, slots=True)
class StopCue:
    """Fade a cue out, if it sounds."""

    cue: Cue


@dataclass(frozen=True, slots=True)
class DuckPlayback:
    """Lower the reply (until ``on`` is False), as fast as is possible without a click."""

    on: bool


@dataclass(frozen=True, slots=True)
class SpeakPhrase:
    """Let the device itself say ``text``; answered by ``PhraseAudio`` or ``PhraseFailed``."""

    phrase_id: str
    text: str


@dataclass(frozen=True, slots=True)
class SetVolume:
    """``percent`` 0-100 of the loudness scale."""

    percent: int


# --- to the panel ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShowLight:
    light: Light


# --- to the link -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class OpenLink:
    """Open the session if it is not, retrying with back-off until ``CloseLink``. One that is
    open is probed: when nothing comes back, it counts as lost."""


@dataclass(frozen=True, slots=True)
class ChoosePersona:
    """Whom the sessions that are opened from now on are to be; empty: as configured."""

    instructions: str = ""
    voice: str = ""


@dataclass(frozen=True, slots=True)
class ChooseService:
    """Whom the sessions are opened with from now on; the link is told what becomes of the
    one that is."""

    name: str


@dataclass(frozen=True, slots=True)
class SwitchLink:
    """Give up the session or the attempt under way, and open one with whom was chosen. What
    was kept of a turn is kept, and the audio that waits."""


@dataclass(frozen=True, slots=True)
class PrepareSuccessor:
    """Open the session that will follow the one that is open, beside it; answered by
    ``SuccessorReady`` or ``SuccessorFailed``."""


@dataclass(frozen=True, slots=True)
class TakeOver:
    """The successor takes the place of the session that is open, which is closed."""


@dataclass(frozen=True, slots=True)
class CloseLink:
    reason: str


@dataclass(frozen=True, slots=True)
class DrainLine:
    """Answer with ``LineDrained(token)`` when the service has received all that waits to be
    sent, and nothing that it said before is on its way any more. Forgotten with the session."""

    token: int


# --- to the service, through its codec -------------------------------------


@dataclass(frozen=True, slots=True)
class AppendAudio:
    """Mono s16le at the codec's declared uplink rate."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class CommitTurn:
    """The device decided that the user's turn is over (``turn_detection = "device"``):
    commit and ask for a reply."""


@dataclass(frozen=True, slots=True)
class ClearInput:
    """Forget uplink audio that is in no turn: what was sent since the last commit."""


@dataclass(frozen=True, slots=True)
class AbandonTurn:
    """The person's turn is given up, sent or not, committed or not: nothing is to come of it,
    and no reply that was asked for or promised and has not begun is wanted any more."""


@dataclass(frozen=True, slots=True)
class CancelReply:
    """Stop generating ``reply_id``; later audio of it must not be emitted."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class TruncateReply:
    """Rewrite the service's history of ``item_id`` to what was heard."""

    item_id: str
    heard_ms: int


@dataclass(frozen=True, slots=True)
class SendToolResult:
    """``output`` is JSON text. The codec asks for the next reply when every call
    of a response has been answered and the response is done."""

    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class RequestReply:
    """Ask for a reply without a user turn (announcements); ``instructions`` override.

    ``words``: exactly these are to be spoken, and nothing else. ``instructions`` are then the
    same as an order, for a service that is told in words what to say.
    """

    instructions: str = ""
    words: str | None = None


@dataclass(frozen=True, slots=True)
class ShowImage:
    """Let the service see a picture: what is said next may be about it. ``data_url``:
    ``data:image/...;base64,...``. Services that see nothing ignore it."""

    data_url: str = field(repr=False)


ServiceCommand = (
    AppendAudio
    | CommitTurn
    | ClearInput
    | AbandonTurn
    | CancelReply
    | TruncateReply
    | SendToolResult
    | RequestReply
    | ShowImage
)

# --- to the daemon's keeper ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class ShowStatus:
    """One line for ``systemctl status``: what the appliance is doing and what it lacks."""

    text: str


# --- to whoever watches ----------------------------------------------------


@dataclass(frozen=True, slots=True)
class Report:
    """A line of the timeline: ``event`` and its fields (JSON types only)."""

    event: str
    fields: dict[str, object] = field(default_factory=dict)


Command = (
    StartUplink
    | StopUplink
    | RunVad
    | GuardReply
    | JudgeTurn
    | MaskOwnSound
    | CloseCapture
    | OpenCapture
    | WarmPlayback
    | FinishReply
    | CutPlayback
    | PlayCue
    | StopCue
    | DuckPlayback
    | SpeakPhrase
    | SetVolume
    | ShowLight
    | ChoosePersona
    | OpenLink
    | ChooseService
    | SwitchLink
    | PrepareSuccessor
    | TakeOver
    | CloseLink
    | DrainLine
    | ServiceCommand
    | ShowStatus
    | Report
)
