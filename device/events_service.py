"""What services tell, as every codec and the link report it (:mod:`device.events`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from device.capabilities import Capabilities
from device.kinds import Cause, ErrorKind


@dataclass(frozen=True, slots=True)
class LinkOpened:
    """The session is usable: connected, configured and acknowledged. ``service`` and ``able``
    are told by the link: whose session it is, and what that one can do."""

    session_id: str = ""
    service: str = ""
    able: Capabilities | None = None


@dataclass(frozen=True, slots=True)
class LinkClosed:
    """The session is gone. ``kind`` is None when we closed it ourselves."""

    reason: str
    kind: ErrorKind | None = None
    cause: Cause = Cause.UNKNOWN


@dataclass(frozen=True, slots=True)
class LinkFailed:
    """It could not be opened; the link retries at ``retry_at`` if not told otherwise."""

    kind: ErrorKind
    detail: str
    attempt: int = 1
    retry_at: float | None = None
    cause: Cause = Cause.UNKNOWN


@dataclass(frozen=True, slots=True)
class SessionOpening:
    """The session is not open, and the service shows that it is being made (its queue moves).
    It may take ``within_s`` until the next sign, or until it is open."""

    within_s: float


@dataclass(frozen=True, slots=True)
class SuccessorReady:
    """The session that was prepared to follow the one that is open is usable."""


@dataclass(frozen=True, slots=True)
class SuccessorFailed:
    """It could not be opened, or was lost before it was needed."""

    kind: ErrorKind
    detail: str


@dataclass(frozen=True, slots=True)
class LineDrained:
    """The answer to ``DrainLine(token)``: what the service has not said by now of what it was
    sent, it had not said when it received it."""

    token: int


@dataclass(frozen=True, slots=True)
class TurnCommitted:
    """The service took the user's turn: what was sent so far is one utterance."""

    item_id: str = ""


@dataclass(frozen=True, slots=True)
class ServiceSpeechStarted:
    """The service's own VAD heard speech, ``audio_ms`` into what was sent."""

    audio_ms: int = 0


@dataclass(frozen=True, slots=True)
class ServiceSpeechStopped:
    """The service's own VAD heard the speech end."""

    audio_ms: int = 0


@dataclass(frozen=True, slots=True)
class UserTranscript:
    """What the service understood; ``text`` is a delta unless ``final``."""

    text: str
    final: bool
    item_id: str = ""


@dataclass(frozen=True, slots=True)
class ReplyStarted:
    """The service began a reply."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class ReplyAudio:
    """Reply samples: mono s16le at the provider's rate. Goes straight to playback."""

    reply_id: str
    item_id: str
    pcm: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReplyAudioReceived:
    """The verdict on ``ReplyAudio`` for the core: ``audio_ms`` of item ``item_id`` so far."""

    reply_id: str
    item_id: str
    audio_ms: float


@dataclass(frozen=True, slots=True)
class ReplyTranscript:
    """Words of the reply as they arrive; ``text`` is a delta unless ``final``."""

    reply_id: str
    item_id: str
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """The service asks the device to run one of its tools."""

    reply_id: str
    call_id: str
    name: str
    arguments: str  #: JSON text, as it came


@dataclass(frozen=True, slots=True)
class ReplyDone:
    """The service has nothing more for this reply.

    ``status``: completed, cancelled, failed or incomplete. ``usage`` is the
    service's own accounting, flattened to numbers.
    """

    reply_id: str
    status: str
    detail: str = ""
    usage: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class ReplyInterrupted:
    """The service heard the user over its reply, and broke it off."""

    reply_id: str


@dataclass(frozen=True, slots=True)
class ServiceWorking:
    """Nothing sounds, and the service is still at work on the reply that is awaited: it runs a
    tool of its own, or thinks. Comes again while that goes on."""


@dataclass(frozen=True, slots=True)
class UsageReported:
    """What the service says was used since it last said so: tokens by kind, seconds that are
    billed, and a price in US dollars where it tells one. ``text_in`` and ``audio_in`` include
    what came from the service's cache."""

    text_in: int = 0
    text_out: int = 0
    audio_in: int = 0
    audio_out: int = 0
    image_in: int = 0
    cached_text_in: int = 0
    cached_audio_in: int = 0
    seconds: float = 0.0
    cost_usd: float | None = None
    model: str = ""  #: which was used, where that is another than the session's
    service: str = ""  #: whose session it was, where that has ended meanwhile


@dataclass(frozen=True, slots=True)
class BudgetNeared:
    """Most of what the owner lets services cost is used; ``detail`` in words and numbers."""

    detail: str


@dataclass(frozen=True, slots=True)
class BudgetReached:
    """All of it is: the session is to be ended politely. ``free``: the configured services that
    cost nothing; ``lasting``: until :class:`BudgetRestored` no other one is to be opened."""

    detail: str
    free: tuple[str, ...] = ()
    lasting: bool = False


@dataclass(frozen=True, slots=True)
class BudgetRestored:
    """Services may cost something again: another day has begun, or the limit was raised."""


@dataclass(frozen=True, slots=True)
class SessionLeft:
    """The session that was open is given up for another service's. For who counts; the core
    has ordered it."""


@dataclass(frozen=True, slots=True)
class SessionExpiring:
    """The service ends this session in so many seconds."""

    in_s: float


@dataclass(frozen=True, slots=True)
class SessionResumable:
    """With ``handle`` another connection takes up this session where it is now."""

    handle: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServiceTrouble:
    """An error the service reported; the session may go on when not ``fatal``."""

    kind: ErrorKind
    detail: str
    fatal: bool = False
