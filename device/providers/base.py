"""The sans-I/O contract between a service's protocol and whoever moves its bytes.

A codec is a machine: it is told what happened (`opened`, `received`, `closed`,
an HTTP answer, a command, the time) and returns what to do. It never reads a
clock, a socket or the environment, so any trouble can be replayed in a test.

The driver (``adapters/link.py``) obeys these rules:

1. ``start(now)`` is called once per attempt, on a fresh codec.
2. Every returned output is performed in order.
3. ``timeout(now)`` is called when ``deadline`` has passed.
4. ``AskFence(token)`` is answered with ``fence_passed(token, now)`` when all that the other
   side had said before it heard of our asking has been given to the codec.
5. After ``Disconnect`` was returned or ``closed`` was called, the codec is finished:
   it may still be called, and answers nothing.

And the codec obeys these:

1. ``Emit(LinkOpened)`` comes once, when the session is usable. Commands that came
   before are sent right after it, in order.
2. It never emits LinkClosed or LinkFailed. It says why it ends with one
   ``Disconnect``, also in the answer to ``closed`` and ``refused``; the driver knows
   whether that was a failed attempt or a lost session, and when to try again.
3. Each ReplyStarted is followed by exactly one ReplyDone, unless the session ends first.
4. Nothing the other side sends makes it raise.
5. After ``ClearInput`` it emits nothing that the service says of the audio from before it:
   ServiceSpeechStarted, ServiceSpeechStopped and TurnCommitted are always about what was
   sent since, and a reply that the service began to audio taken back is not emitted at all.
   After ``AbandonTurn`` the same holds of a turn that was committed, by whom ever, and of every
   reply that had been asked for or promised and had not begun.

6. Every reply is about a turn that was committed, a ``RequestReply`` or tool results; what a
   service says unasked (a greeting) is a reply like any other, which the core may cancel.
7. ``TurnCommitted`` comes before the ReplyStarted that answers it. Where a service says nothing
   of turns (``tells_turns``), it comes with the first sign that it took one: the user's
   transcript, or the answer.
8. After ``CancelReply`` nothing of that reply is emitted but its ReplyDone, however late the
   service's audio of it comes.
9. A service that wants sound without a gap is kept supplied by the codec: silence while the
   device sends nothing (``silence.py``), paced by ``deadline``, for a bounded time.
10. ``ReplyInterrupted`` says that the service has broken off its reply because it hears the
   user; ReplyDone("cancelled") follows.
11. ``ServiceWorking`` comes only while a reply that is wanted is awaited or under way, and where
   the service tells when its work is over, several times in ``reply_timeout_s`` until then.
12. ``SessionOpening`` comes before ``LinkOpened`` only, with each sign of the service that its
    session is being made: an answer over HTTP, a queue that moves.

A service with a hand-shake over HTTP answers ``start`` with ``HttpRequest`` and
``http_answered`` with ``Connect``. One with a keep-alive of its own sets
``deadline`` and answers ``timeout`` with a frame. One that wants a farewell
answers ``finish`` with a frame and ``Disconnect`` when the other side has
answered (the driver waits for a bounded time). What was begun over HTTP and is
not wanted is ended there: with ``HttpRequest``s before the ``Disconnect``, which
the driver performs for a bounded time. As long as the answer that begins it is
on its way, ``finish`` answers nothing, and ``http_answered`` the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from device.capabilities import Capabilities
from device.commands import ServiceCommand
from device.events import ErrorKind, Event


@dataclass(frozen=True, slots=True)
class ToolSpec:
    """A function the device offers. ``parameters`` is a JSON schema."""

    name: str
    description: str
    parameters: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Said:
    """Something that was said in the conversation before this session. ``by`` is ``user`` or
    ``assistant``."""

    by: str
    text: str


@dataclass(frozen=True, slots=True)
class SessionSpec:
    """What the owner wants of a session, in no service's words. ``options`` are those of the
    service's own section (``settings_services.py``), by name."""

    url: str = field(repr=False)  # it may be signed
    key: str = field(default="", repr=False)
    model: str = ""
    voice: str = ""
    instructions: str = ""
    language: str = "en"
    device_ends_turn: bool = False
    transcription_model: str = ""
    noise_reduction: str = "far_field"
    vad_threshold: float = 0.5
    vad_prefix_ms: int = 300
    vad_silence_ms: int = 560
    handshake_timeout_s: float = 8.0
    reply_timeout_s: float = 15.0
    longest_work_s: float = 60.0
    tools: Sequence[ToolSpec] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    secret: str = field(default="", repr=False)  #: the second half of a key that has two
    #: tool server -> header -> what it knows the device by; without a header: a token
    tool_keys: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    history: Sequence[Said] = ()  #: what the conversation was about, oldest first
    resume: str = field(default="", repr=False)  #: the handle of ``SessionResumable``
    wall_ahead_s: float | None = None  #: the wall clock, less the one that codecs are told


# --- outputs ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """``token`` comes back with the answer. No answer at all ends the attempt."""

    token: str
    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class Connect:
    """Open the WebSocket. ``pings`` is False for a service that does not answer
    WebSocket pings and keeps itself alive otherwise; ``endless``: it sends sound in real time
    without a pause, so that the line is never found empty. The address may carry a
    secret in its query, so it is not shown either."""

    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    subprotocols: tuple[str, ...] = ()
    pings: bool = True
    endless: bool = False


@dataclass(frozen=True, slots=True)
class SendFrame:
    """A WebSocket message: str is a text frame, bytes a binary one."""

    data: str | bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskFence:
    """Ask for a mark in what the other side says. On a slow line its words may be many seconds
    on their way, and no length of silence tells that none are. What comes back after every
    frame sent before this was received does: see ``fence_passed``. The mark may never come."""

    token: str


@dataclass(frozen=True, slots=True)
class Disconnect:
    """Send what is queued, then close. ``kind`` is None for an orderly end."""

    reason: str
    kind: ErrorKind | None = None


@dataclass(frozen=True, slots=True)
class Emit:
    event: Event


@dataclass(frozen=True, slots=True)
class Note:
    """One line for the log about something odd that changes nothing. Says no secrets."""

    text: str


Output = HttpRequest | Connect | SendFrame | AskFence | Disconnect | Emit | Note


class Codec(Protocol):
    """One session, from first byte to last."""

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def deadline(self) -> float | None:
        """When ``timeout`` wants to be called, or None."""
        ...

    def start(self, now: float) -> list[Output]: ...

    def opened(self, now: float) -> list[Output]:
        """The WebSocket is up."""
        ...

    def http_answered(self, token: str, status: int, body: bytes, now: float) -> list[Output]: ...

    def decode(self, data: str | bytes) -> object:
        """The costly half of ``received``: parse one message, text or binary.

        Stateless, so it may run in any thread, which big messages need. Malformed
        input never raises: what comes back says so.
        """
        ...

    def decoded(self, message: object, now: float) -> list[Output]:
        """The other half: act on what ``decode`` returned."""
        ...

    def received(self, data: str | bytes, now: float) -> list[Output]:
        """One WebSocket message: ``decoded(decode(data), now)``."""
        ...

    def command(self, command: ServiceCommand, now: float) -> list[Output]:
        """Before the session is usable, commands are kept and sent after it is."""
        ...

    def timeout(self, now: float) -> list[Output]: ...

    def fence_passed(self, token: str, now: float) -> list[Output]:
        """Nothing that the other side said before it had received what was sent before
        ``AskFence(token)`` is on its way any more."""
        ...

    def finish(self, reason: str, now: float) -> list[Output]:
        """We want to end: a farewell if the service has one, then ``Disconnect``."""
        ...

    def refused(self, status: int, body: bytes, now: float) -> list[Output]:
        """The WebSocket hand-shake was answered with HTTP ``status``."""
        ...

    def closed(self, code: int, reason: str, now: float) -> list[Output]: ...


@dataclass(frozen=True, slots=True)
class Service:
    """An entry of the registry (``providers/__init__.py``). ``url`` is where it is found when
    the owner gives no address, empty where only the owner can know; ``able`` what it is
    expected to be able to do, before any session; ``keyed``: it wants a key; ``options_of``: the
    section of its settings, where that is another service's; ``model``: which one runs when the
    owner names none; ``needs``: options without which no session can be opened; ``ignores``:
    what of ``[service]`` is not sent (instructions, voice, model), but with an option that is
    named behind it."""

    make: Callable[[SessionSpec], Codec]
    able: Capabilities
    url: str = ""
    keyed: bool = True
    options_of: str = ""
    model: str = ""
    needs: tuple[str, ...] = ()
    ignores: Mapping[str, str] = field(default_factory=dict)
