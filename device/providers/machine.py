"""What the codecs of small protocols have in common: the life of a session, around its messages.

A subclass says how to begin (:meth:`_begin`, :meth:`_greet`), what a message means
(:meth:`_parse`, :meth:`_on_message`) and how commands are sent (:meth:`_perform`). Everything
that the contract asks of every codec (:mod:`device.providers.base`) is kept here: commands wait
for the session, a hand-shake is bounded in time, nothing that comes raises, one ``Disconnect``
ends it, and a finished codec answers nothing.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import Enum
from urllib.parse import urlsplit

from device.capabilities import Capabilities
from device.commands import ServiceCommand
from device.events import ErrorKind, LinkOpened, ServiceTrouble, SessionOpening
from device.providers.backlog import Backlog
from device.providers.base import Disconnect, Emit, Note, Output, SessionSpec
from device.providers.faults import Explainer, Fault, secrets_in
from device.providers.wire import Malformed, parse_object

BACKLOG_S = 20
MALFORMED_LIMIT = 100
#: One of them is forgotten in so long: it is a flood that ends a session.
MALFORMED_FORGOTTEN_S = 10.0
#: Kinds of unknown messages that are worth a line in the log, at most.
UNKNOWN_NOTED = 32


class Stage(Enum):
    NEW = 0
    CONNECTING = 1  #: HTTP, then the socket
    GREETING = 2  #: the socket is up, the session not usable yet
    READY = 3
    LEAVING = 4  #: a farewell was sent, its answer is awaited
    FINISHED = 5


class Machine(ABC):
    """One session. See :class:`device.providers.base.Codec` for the contract. Loop thread only,
    except `decode`."""

    def __init__(self, spec: SessionSpec, able: Capabilities) -> None:
        self._spec = spec
        self._able = able
        self._explain = Explainer(spec.key, spec.secret, spec.resume, *secrets_in(spec.url))
        for keys in spec.tool_keys.values():
            self._explain.keep(*keys.values())
        self._stage = Stage.NEW
        self._greeting_due: float | None = None
        self._heard_anything = False
        self._asked = False  # over HTTP, and something begins with the answer
        self._waiting = Backlog(2 * able.uplink_rate_hz * BACKLOG_S)
        self._malformed, self._malformed_at = 0.0, 0.0
        self._malformed_in_a_row = 0
        self._decoded_at = 0.0
        self._unknown: set[str] = set()

    # --- what a protocol is -----------------------------------------------------------

    @abstractmethod
    def _begin(self, now: float) -> list[Output]:
        """The first step: ``Connect``, or ``HttpRequest`` and the rest in ``_answered``."""

    def _answered(self, token: str, status: int, body: bytes, now: float) -> list[Output]:
        """The answer to an ``HttpRequest``."""
        return []

    @abstractmethod
    def _greet(self, now: float) -> list[Output]:
        """The socket is up: what is said first. :meth:`_ready` when the session is usable."""

    def _parse(self, data: str | bytes) -> object:
        """One message; stateless, any thread. ``Malformed`` when it is none."""
        return parse_object(data)

    @abstractmethod
    def _on_message(self, message: object, now: float) -> list[Output]:
        """What `_parse` made, in the stages from GREETING to LEAVING."""

    @abstractmethod
    def _perform(self, command: ServiceCommand, now: float) -> list[Output]:
        """A command, in stage READY."""

    def _due(self) -> float | None:
        """When `_time_out` wants to be called, in stage READY."""
        return None

    def _time_out(self, now: float) -> list[Output]:
        return []

    def _farewell(self, reason: str, now: float) -> list[Output]:
        """What is said before leaving an open session; empty: nothing. Its answer ends in
        :meth:`_leave`, or the connection in the driver's patience."""
        return []

    def _give_back(self, now: float) -> list[Output]:
        """What was begun over HTTP is not wanted, and no socket is up: the requests that end it."""
        return []

    def _fault_of_refusal(self, status: int, body: bytes) -> Fault:
        return self._explain.refusal(status, body)

    def _fault_of_closing(self, code: int, reason: str) -> Fault:
        return self._explain.closing(code, reason)

    # --- for the protocol ---------------------------------------------------------------

    def _opens(self) -> list[Output]:
        """The service shows that the session is being made."""
        if self._stage not in (Stage.CONNECTING, Stage.GREETING):
            return []
        return [Emit(SessionOpening(self._able.opens_within_s))]

    def _ready(self, session_id: str, now: float) -> list[Output]:
        """The session is usable: told, and what waited is sent. Once."""
        if self._stage is not Stage.GREETING:
            return []
        self._stage = Stage.READY
        self._explain.opened = True
        outputs: list[Output] = [Emit(LinkOpened(session_id))]
        while self._waiting:
            outputs += self._perform(self._waiting.pop(), now)
        return outputs

    def _end(self, kind: ErrorKind | None, words: str) -> list[Output]:
        """It is over, for this reason."""
        if self._stage is Stage.FINISHED:
            return []
        self._stage = Stage.FINISHED
        return [Disconnect(words, kind)]

    def _end_with(self, fault: Fault) -> list[Output]:
        return self._end(fault.kind, fault.detail)

    def _leave(self, reason: str = "") -> list[Output]:
        """The service has answered our farewell."""
        return self._end(None, reason or "closed")

    def _trouble(self, kind: ErrorKind, words: str) -> list[Output]:
        """Something went wrong, and the session goes on."""
        return [Emit(ServiceTrouble(kind, self._explain.clean(words)))]

    def _on_unknown(self, name: str) -> list[Output]:
        """A kind of message that nobody here knows."""
        if name in self._unknown or len(self._unknown) >= UNKNOWN_NOTED:
            return []
        self._unknown.add(name)
        return [Note(f"unknown message {self._explain.clean(name, 80)}: ignored")]

    # --- what the driver asks -------------------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        return self._able

    @property
    def deadline(self) -> float | None:
        if self._stage is Stage.GREETING:
            return self._greeting_due
        return self._due() if self._stage is Stage.READY else None

    def start(self, now: float) -> list[Output]:
        key = self._spec.key
        if not (key.isascii() and key.isprintable()) or key != key.strip():
            return self._end(ErrorKind.KEY, "the key is not one line of plain text")
        try:
            parts = urlsplit(self._spec.url)
            loopback = (parts.hostname or "") in {"localhost", "::1", "127.0.0.1"}
        except ValueError:
            return self._end(ErrorKind.PROTOCOL, "the service's address is not an address")
        self._stage = Stage.CONNECTING
        outputs: list[Output] = []
        if key and parts.scheme in ("ws", "http") and not loopback:
            outputs.append(Note("the key travels unencrypted: use wss:// or https://"))
        return [*outputs, *self._begin(now)]

    def http_answered(self, token: str, status: int, body: bytes, now: float) -> list[Output]:
        self._asked = False
        if self._stage is Stage.CONNECTING:
            return self._answered(token, status, body, now)
        if self._stage is not Stage.LEAVING or self._heard_anything:
            return []
        # It was not wanted any more, and has begun all the same, unless it was refused.
        answered = self._answered(token, status, body, now)
        over = [output for output in answered if isinstance(output, Disconnect)]
        return [*over] or [*self._give_back(now), *self._leave()]

    def opened(self, now: float) -> list[Output]:
        if self._stage is not Stage.CONNECTING:
            return []
        self._stage = Stage.GREETING
        self._greeting_due = now + self._spec.handshake_timeout_s
        return self._greet(now)

    def decode(self, data: str | bytes) -> object:
        return self._parse(data)

    def received(self, data: str | bytes, now: float) -> list[Output]:
        return self.decoded(self._parse(data), now)

    def decoded(self, message: object, now: float) -> list[Output]:
        if self._stage in (Stage.NEW, Stage.CONNECTING, Stage.FINISHED):
            return []
        self._heard_anything, self._decoded_at = True, now
        if isinstance(message, Malformed):
            return self._on_malformed(message)
        self._malformed_in_a_row = 0
        return self._on_message(message, now)

    def command(self, command: ServiceCommand, now: float) -> list[Output]:
        if self._stage is Stage.READY:
            return self._perform(command, now)
        if self._stage not in (Stage.LEAVING, Stage.FINISHED):
            self._waiting.push(command)
        return []

    def timeout(self, now: float) -> list[Output]:
        due = self.deadline
        if due is None or now < due:
            return []
        if self._stage is Stage.READY:
            return self._time_out(now)
        waited = f"within {self._spec.handshake_timeout_s:g} s"
        if self._heard_anything:
            return self._end(ErrorKind.PROTOCOL, f"the session was not acknowledged {waited}")
        return self._end(ErrorKind.NETWORK, f"connected, but nothing came {waited}")

    def fence_passed(self, token: str, now: float) -> list[Output]:
        return []

    def finish(self, reason: str, now: float) -> list[Output]:
        if self._stage in (Stage.LEAVING, Stage.FINISHED):
            return []
        if self._asked:
            self._stage = Stage.LEAVING
            return []
        farewell = self._farewell(reason, now) if self._stage is Stage.READY else []
        if not farewell:
            return [*self._returned(now), *self._end(None, reason)]
        self._stage = Stage.LEAVING
        return farewell

    def refused(self, status: int, body: bytes, now: float) -> list[Output]:
        return [*self._returned(now), *self._end_with(self._fault_of_refusal(status, body))]

    def _returned(self, now: float) -> list[Output]:
        return self._give_back(now) if self._stage is Stage.CONNECTING else []

    def closed(self, code: int, reason: str, now: float) -> list[Output]:
        if self._stage is Stage.LEAVING:
            return self._leave()
        return self._end_with(self._fault_of_closing(code, reason))

    def _on_malformed(self, message: Malformed) -> list[Output]:
        forgotten = (self._decoded_at - self._malformed_at) / MALFORMED_FORGOTTEN_S
        self._malformed = max(0.0, self._malformed - forgotten) + 1
        self._malformed_at = self._decoded_at
        self._malformed_in_a_row += 1
        if self._malformed >= MALFORMED_LIMIT:
            words = f"{self._malformed:.0f} malformed messages, the last one {message.why}"
            return self._end(ErrorKind.PROTOCOL, words)
        if self._malformed_in_a_row > 1:
            return []
        return self._trouble(ErrorKind.PROTOCOL, f"malformed message: {message.why}")
