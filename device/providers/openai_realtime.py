"""The OpenAI Realtime protocol, generally available shape, as a sans-I/O codec.

Also spoken by the built-in offline service and, with small deviations that are
tolerated, by many compatible servers. Loop thread only, except `decode`.

Rulings where the protocol leaves room:

- Odd-length audio: the odd byte waits for the item's next delta. When none comes
  it is dropped and reported once, as ServiceTrouble.
- After ``CancelReply`` nothing of that reply is emitted any more, neither audio
  nor words nor calls, except its ReplyDone.
- From ``input_audio_buffer.clear`` to its ``cleared`` the service speaks of audio that we
  have taken back: its verdicts, and the transcript and answer they cause, are dropped,
  and deleted from the conversation before another reply is asked for.
- Every ``response.create`` carries a name in its ``metadata``, by which its reply is known;
  where a service repeats no names, by the order. The service is told not to interrupt a
  reply by itself.
- The service takes one turn; what it makes of sound behind that is dropped like the above.
- ``response.create`` waits while a reply is under way or about to begin; a
  request that crossed a reply of the service's own is made again after it.
- Truncating what was received whole and heard to the end is not sent: the service
  would throw away the item's text.
- Malformed messages are reported once per run of them; a hundred end the session.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from urllib.parse import urlsplit

from device.capabilities import Capabilities
from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    RequestReply,
    SendToolResult,
    ServiceCommand,
    TruncateReply,
)
from device.events import (
    ErrorKind,
    LinkOpened,
    ServiceTrouble,
)
from device.providers import openai_frames as frames
from device.providers.backlog import Backlog
from device.providers.base import (
    Connect,
    Disconnect,
    Emit,
    Note,
    Output,
    SendFrame,
    Service,
    SessionSpec,
)
from device.providers.faults import Explainer, Fault
from device.providers.openai_barrier import Barrier
from device.providers.openai_input import UserInput
from device.providers.openai_responses import Responses
from device.providers.openai_wire import Message, parse
from device.providers.wire import Malformed, mapping, text

DEFAULT_MODEL = "gpt-realtime-2.1"
SESSION_CAP_S = 3600.0
BACKLOG_BYTES = 20_000 * frames.BYTES_PER_MS
MALFORMED_LIMIT = 100
#: Kinds of unknown events that are worth a line in the log, at most.
UNKNOWN_NOTED = 32

CAPABILITIES = Capabilities(
    uplink_rate_hz=frames.RATE_HZ,
    downlink_rate_hz=frames.RATE_HZ,
    detects_turns=True,
    truncates=True,
    calls_tools=True,
    transcribes_user=True,
    says_on_request=True,
    session_cap_s=SESSION_CAP_S,
)

#: Known, and of no use here; everything else without a handler is noted as unknown.
_OF_NO_USE = frozenset(
    {
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.retrieved",
        "conversation.item.deleted",
        "conversation.item.truncated",
        "conversation.item.input_audio_transcription.segment",
        "conversation.item.input_audio_transcription.updated",
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.dtmf_event_received",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "output_audio_buffer.cleared",
        "rate_limits.updated",
    }
)
_HAND_SHAKE = frozenset({"session.created", "conversation.created", "session.updated", "error"})
_OF_NO_USE_FAMILIES = ("response.mcp_call", "mcp_list_tools.")


class Stage(Enum):
    NEW = 0
    CONNECTING = 1
    GREETING = 2  #: the socket is up, ``session.created`` is awaited
    CONFIGURING = 3  #: ``session.update`` was sent, ``session.updated`` is awaited
    READY = 4
    FINISHED = 5


class OpenAIRealtime:
    """One session. See :class:`device.providers.base.Codec` for the contract."""

    def __init__(self, spec: SessionSpec, default_model: str = DEFAULT_MODEL) -> None:
        self._spec = spec
        self._default_model = default_model
        self._explain = Explainer(spec.key)
        self._stage = Stage.NEW
        self._session_id = ""
        self._handshake_due: float | None = None
        self._heard_anything = False
        self._update_id = ""
        self._ids = 0
        self._waiting = Backlog(BACKLOG_BYTES)
        self._malformed = 0
        self._malformed_in_a_row = 0
        self._unknown: set[str] = set()
        self._tidied: deque[str] = deque(maxlen=64)  # events whose refusal changes nothing
        barrier = Barrier()
        self._responses = Responses(spec, self._explain, self._next_id, self._next_tidy_id, barrier)
        self._input = UserInput(spec, self._explain, self._next_id, self._responses, barrier)
        self._handlers: dict[str, Callable[[Message, float], list[Output]]] = {
            "session.created": self._on_greeting,
            "conversation.created": self._on_greeting,
            "session.updated": self._on_session_updated,
            "error": self._on_error,
            **self._input.handlers,
            **self._responses.handlers,
        }

    # --- what the driver asks -------------------------------------------------

    @property
    def capabilities(self) -> Capabilities:
        return CAPABILITIES

    @property
    def deadline(self) -> float | None:
        if self._stage in (Stage.GREETING, Stage.CONFIGURING):
            return self._handshake_due
        return self._responses.due if self._stage is Stage.READY else None

    def start(self, now: float) -> list[Output]:
        key = self._spec.key
        if not (key.isascii() and key.isprintable()) or key != key.strip():
            return self._end(Fault(ErrorKind.KEY, "the key is not one line of plain text", True))
        try:
            parts = urlsplit(self._spec.url)
            url = frames.address(self._spec, self._default_model)
        except ValueError:
            return self._end(Fault(ErrorKind.PROTOCOL, "service.url is not an address", True))
        self._stage = Stage.CONNECTING
        outputs: list[Output] = []
        if key and parts.scheme == "ws" and not _is_loopback(parts.hostname or ""):
            outputs.append(Note("the key travels unencrypted: use wss:// instead of ws://"))
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return [*outputs, Connect(url, headers)]

    def opened(self, now: float) -> list[Output]:
        if self._stage is Stage.CONNECTING:
            self._stage = Stage.GREETING
            self._handshake_due = now + self._spec.handshake_timeout_s
        return []

    def http_answered(self, token: str, status: int, body: bytes, now: float) -> list[Output]:
        return []  # this protocol asks nothing over HTTP

    def decode(self, data: str | bytes) -> object:
        return parse(data)

    def received(self, data: str | bytes, now: float) -> list[Output]:
        return self.decoded(parse(data), now)

    def decoded(self, message: object, now: float) -> list[Output]:
        if self._stage in (Stage.NEW, Stage.CONNECTING, Stage.FINISHED):
            return []
        self._heard_anything = True
        if not isinstance(message, Message):
            return self._on_malformed(message)
        self._malformed_in_a_row = 0
        handler = self._handlers.get(message.type)
        if self._stage is not Stage.READY and message.type not in _HAND_SHAKE:
            return []  # no turn and no reply can be ours yet
        return handler(message, now) if handler else self._on_unknown(message.type)

    def command(self, command: ServiceCommand, now: float) -> list[Output]:
        if self._stage is Stage.FINISHED:
            return []
        if self._stage is not Stage.READY:
            self._waiting.push(command)
            return []
        return self._perform(command, now)

    def timeout(self, now: float) -> list[Output]:
        due = self.deadline
        if due is None or now < due:
            return []
        if self._stage is Stage.READY:
            return self._responses.time_out(now)
        waited = f"within {self._spec.handshake_timeout_s:g} s"
        if not self._heard_anything:
            fault = Fault(ErrorKind.NETWORK, f"connected, but nothing came {waited}", True)
        elif self._stage is Stage.GREETING:
            fault = Fault(ErrorKind.PROTOCOL, f"no session.created came {waited}", True)
        else:
            words = f"the session was not acknowledged {waited}"
            fault = Fault(ErrorKind.PROTOCOL, words, True)
        return self._end(fault)

    def fence_passed(self, token: str, now: float) -> list[Output]:
        self._input.fence_passed(token, now)
        return []

    def finish(self, reason: str, now: float) -> list[Output]:
        if self._stage is Stage.FINISHED:
            return []
        self._stage = Stage.FINISHED
        return [Disconnect(reason)]

    def refused(self, status: int, body: bytes, now: float) -> list[Output]:
        return self._end(self._explain.refusal(status, body))

    def closed(self, code: int, reason: str, now: float) -> list[Output]:
        return self._end(self._explain.closing(code, reason))

    # --- commands -----------------------------------------------------------------

    def _perform(self, command: ServiceCommand, now: float) -> list[Output]:
        match command:
            case AppendAudio(pcm):
                return self._input.append(pcm)
            case CommitTurn():
                return self._input.commit(now)
            case ClearInput():
                return self._input.clear(now)
            case AbandonTurn():
                return self._input.abandon(now)
            case CancelReply(reply_id):
                return self._responses.cancel(reply_id)
            case TruncateReply(item_id, heard_ms):
                return self._truncate(item_id, heard_ms)
            case SendToolResult(call_id, output):
                return self._responses.answer_call(call_id, output, now)
            case RequestReply(instructions):
                return self._responses.request(instructions, now)

    def _truncate(self, item_id: str, heard_ms: int) -> list[Output]:
        item = self._responses.ledger.find_item(item_id)
        if item is None or not item.named or item.received_bytes == 0:
            return [Note("nothing to truncate: no audio of that item was received")]
        if heard_ms >= item.received_ms and self._responses.ledger.is_complete(item):
            return []
        end_ms = max(0, min(heard_ms, item.received_ms))
        item.limit_ms = end_ms
        event_id = self._next_tidy_id()
        return [SendFrame(frames.truncate(event_id, item_id, item.content_index, end_ms))]

    # --- events of the session ---------------------------------------------------------

    def _on_greeting(self, message: Message, now: float) -> list[Output]:
        session_id = text(message.object("session"), "id")
        self._session_id = session_id or self._session_id
        if self._stage is not Stage.GREETING:
            return []
        self._stage = Stage.CONFIGURING
        self._update_id = self._next_id()
        return [SendFrame(frames.session_update(self._spec, self._update_id))]

    def _on_session_updated(self, message: Message, now: float) -> list[Output]:
        if self._stage is not Stage.CONFIGURING:
            return []
        session = message.object("session")
        output_format = mapping(mapping(mapping(session, "audio"), "output"), "format")
        kind, rate = output_format.get("type"), output_format.get("rate", frames.RATE_HZ)
        if output_format and (kind != "audio/pcm" or rate != frames.RATE_HZ):
            words = f"the service speaks {kind} at {rate} Hz, not 24 kHz PCM"
            return self._end(Fault(ErrorKind.PROTOCOL, self._explain.clean(words), True))
        self._stage = Stage.READY
        outputs: list[Output] = [Emit(LinkOpened(text(session, "id") or self._session_id))]
        while self._waiting:
            outputs += self._perform(self._waiting.pop(), now)
        return outputs

    def _on_error(self, message: Message, now: float) -> list[Output]:
        error = message.object("error")
        fault = self._explain.error(error)
        event_id = text(error, "event_id")
        if fault.code == "response_cancel_not_active":
            return []
        if fault.over:
            return self._end(fault)
        if self._stage is not Stage.READY or (event_id and event_id == self._update_id):
            words = f"the service refused the session: {fault.detail}"
            return self._end(Fault(fault.kind, words, True))
        if event_id and event_id in self._tidied:
            return [Note(f"the history was not corrected: {fault.detail}")]
        handled = self._input.refused(event_id, fault, now)
        if handled is None:
            handled = self._responses.refused(event_id, fault, now)
        if handled is not None:
            return handled
        return [Emit(ServiceTrouble(fault.kind, fault.detail))]

    def _on_malformed(self, message: object) -> list[Output]:
        why = message.why if isinstance(message, Malformed) else "unusable"
        self._malformed += 1
        self._malformed_in_a_row += 1
        if self._malformed >= MALFORMED_LIMIT:
            words = f"{self._malformed} malformed messages, the last one {why}"
            return self._end(Fault(ErrorKind.PROTOCOL, words, True))
        if self._malformed_in_a_row > 1:
            return []
        return [Emit(ServiceTrouble(ErrorKind.PROTOCOL, f"malformed message: {why}"))]

    def _on_unknown(self, name: str) -> list[Output]:
        if name in _OF_NO_USE or name.startswith(_OF_NO_USE_FAMILIES):
            return []
        if name in self._unknown or len(self._unknown) >= UNKNOWN_NOTED:
            return []
        self._unknown.add(name)
        return [Note(f"unknown event {self._explain.clean(name, 80)}: ignored")]

    # --- small things -------------------------------------------------------------------------

    def _end(self, fault: Fault) -> list[Output]:
        if self._stage is Stage.FINISHED:
            return []
        self._stage = Stage.FINISHED
        return [Disconnect(fault.detail, fault.kind)]

    def _next_tidy_id(self) -> str:
        event_id = self._next_id()
        self._tidied.append(event_id)
        return event_id

    def _next_id(self) -> str:
        self._ids += 1
        return f"parlor_{self._ids}"


#: The offline service has one model; the protocol wants one to be named. It answers what it
#: did not understand in words of its own, and each question for itself.
OFFLINE_MODEL = "parlor-offline"

SERVICE = Service(OpenAIRealtime, CAPABILITIES, "wss://api.openai.com/v1/realtime")
OFFLINE = Service(
    lambda spec: OpenAIRealtime(spec, OFFLINE_MODEL),
    replace(
        CAPABILITIES,
        best_ends_turns=True,  # it is here, too, and quicker for short commands
        reads_history=False,
        answers_nonsense=True,
        says_on_request=False,  # it says what it knows, not what it is told
        session_cap_s=None,
    ),
    keyed=False,
)


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")
