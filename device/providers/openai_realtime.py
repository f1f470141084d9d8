"""The OpenAI Realtime protocol, generally available shape, as a sans-I/O codec.

Also spoken by the built-in offline service and, in dialects (:mod:`openai_dialects`), by Azure,
xAI and many compatible servers. Loop thread only, except `decode`.

Rulings where the protocol leaves room:

- Odd-length audio: the odd byte waits for the item's next delta. When none comes
  it is dropped and reported once, as ServiceTrouble.
- After ``CancelReply`` nothing of that reply is emitted any more, neither audio
  nor words nor calls, except its ReplyDone.
- From ``input_audio_buffer.clear`` to its ``cleared`` the service speaks of audio that we
  have taken back: its verdicts, and the transcript and answer they cause, are dropped,
  and deleted from the conversation before another reply is asked for.
- Every ``response.create`` carries a name in its ``metadata``, by which its reply is known;
  where a service repeats or takes no names, by the order. The service is told not to interrupt
  a reply by itself; one that does so all the same is believed (``ReplyInterrupted``).
- The service takes one turn; what it makes of sound behind that is dropped like the above.
- ``response.create`` waits while a reply is under way or about to begin; a
  request that crossed a reply of the service's own is made again after it.
- What somebody else asked for outside the conversation is no reply.
- Truncating what was received whole and heard to the end is not sent: the service
  would throw away the item's text.
- What the conversation was about before is written into it when the session is acknowledged,
  before anything that waited.
- Malformed messages are reported once per run of them; a hundred end the session.

Not verified against a live service: most error codes (matched by their words), how a service
goes on after a tool server has answered, and the dialects' deviations that are listed there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from urllib.parse import urlsplit

from device.commands import (
    AbandonTurn,
    AppendAudio,
    CancelReply,
    ClearInput,
    CommitTurn,
    RequestReply,
    SendToolResult,
    ServiceCommand,
    ShowImage,
    TruncateReply,
)
from device.events import ErrorKind, ServiceTrouble
from device.providers import openai_dialects as dialects
from device.providers import openai_frames as frames
from device.providers import openai_options as options
from device.providers.base import (
    Connect,
    Emit,
    Note,
    Output,
    SendFrame,
    Service,
    SessionSpec,
)
from device.providers.faults import Fault
from device.providers.machine import BACKLOG_S, Machine, Stage
from device.providers.openai_barrier import Barrier
from device.providers.openai_dialects import Dialect
from device.providers.openai_input import UserInput
from device.providers.openai_lifetime import Lifetime
from device.providers.openai_responses import Responses
from device.providers.openai_sessions import RATE_HZ
from device.providers.openai_wire import Message, parse
from device.providers.wire import mapping, text, whole

#: PCM that waits for a session, at most.
BACKLOG_BYTES = 2 * RATE_HZ * BACKLOG_S
#: Known, and of no use here; everything else without a handler is noted as unknown.
_OF_NO_USE = frozenset(
    {
        "conversation.item.retrieved",
        "conversation.item.deleted",
        "conversation.item.truncated",
        "conversation.item.input_audio_transcription.segment",
        "input_audio_buffer.timeout_triggered",
        "input_audio_buffer.dtmf_event_received",
        "output_audio_buffer.started",
        "output_audio_buffer.stopped",
        "output_audio_buffer.cleared",
        "rate_limits.updated",
        "ping",
    }
)
_HAND_SHAKE = frozenset({"session.created", "conversation.created", "session.updated", "error"})
#: Faults that another way of writing the session cannot mend.
_NOT_OF_THE_SHAPE = frozenset({ErrorKind.KEY, ErrorKind.QUOTA})


class OpenAIRealtime(Machine):
    """One session. See :class:`device.providers.base.Codec` for the contract. ``wall_ahead_s``:
    the wall clock less the one that is told as ``now``, where that is known."""

    def __init__(
        self,
        spec: SessionSpec,
        dialect: Dialect = dialects.OPENAI,
        wall_ahead_s: float | None = None,
    ) -> None:
        super().__init__(spec, dialect.able_with(dialect.able, spec))
        self._dialect = dialect
        self._shapes = deque(dialect.shapes)  # those that were not refused; the first is used
        self._session_id = ""
        self._update_id = ""
        self._ids = 0
        self._tidied: deque[str] = deque(maxlen=64)  # events whose refusal changes nothing
        self._lifetime = Lifetime(self._able.session_cap_s, wall_ahead_s)
        barrier = Barrier()
        self._responses = Responses(
            spec, dialect, self._explain, self._next_id, self._next_tidy_id, barrier
        )
        self._input = UserInput(
            spec,
            self._explain,
            self._next_id,
            self._responses,
            barrier,
            metered=not dialect.free,
        )
        self._handlers: dict[str, Callable[[Message, float], list[Output]]] = {
            "session.created": self._on_greeting,
            "conversation.created": self._on_greeting,
            "session.updated": self._on_session_updated,
            "error": self._on_error,
            "warning": self._on_warning,
            **self._input.handlers,
            **self._responses.handlers,
        }

    # --- the session's frame ---------------------------------------------------------

    def _begin(self, now: float) -> list[Output]:
        if not urlsplit(self._spec.url).netloc:
            return self._end(ErrorKind.PROTOCOL, "no address of the service is configured")
        notes = [Note(f"an option is left out: {says}") for says in options.mistakes(self._spec)]
        address = self._dialect.address(self._spec)
        return [*notes, Connect(address, self._dialect.headers(self._spec))]

    def _greet(self, now: float) -> list[Output]:
        return []  # the service speaks first

    def _parse(self, data: str | bytes) -> object:
        return parse(data)

    def _on_message(self, message: object, now: float) -> list[Output]:
        if not isinstance(message, Message):
            return []
        if self._stage is not Stage.READY and message.type not in _HAND_SHAKE:
            return []  # no turn and no reply can be ours yet
        handler = self._handlers.get(message.type)
        if handler is not None:
            return handler(message, now)
        return [] if message.type in _OF_NO_USE else self._on_unknown(message.type)

    def _due(self) -> float | None:
        times = (self._responses.due, self._lifetime.due)
        return min((time for time in times if time is not None), default=None)

    def _time_out(self, now: float) -> list[Output]:
        return [*self._lifetime.take(now), *self._responses.time_out(now)]

    def fence_passed(self, token: str, now: float) -> list[Output]:
        self._input.fence_passed(token, now)
        return []

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
                return self._responses.cancel(reply_id, now)
            case TruncateReply(item_id, heard_ms):
                return self._truncate(item_id, heard_ms)
            case SendToolResult(call_id, output):
                return self._responses.answer_call(call_id, output, now)
            case RequestReply(instructions):
                return self._responses.request(instructions, now)
            case ShowImage(data_url):
                return self._show(data_url)

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

    def _show(self, data_url: str) -> list[Output]:
        """The next turn, or reply, may be about it."""
        if not data_url.startswith("data:image/"):
            return [Note("nothing was shown: expected an image as a data: address")]
        return [SendFrame(frames.shown_by_user(self._next_id(), data_url))]

    # --- events of the session ---------------------------------------------------------

    def _on_greeting(self, message: Message, now: float) -> list[Output]:
        self._hear_of_session(message.object("session"))
        return [] if self._update_id else self._configure()

    def _configure(self) -> list[Output]:
        self._update_id = self._next_id()
        session = self._shapes[0].session(self._spec)
        return [SendFrame(frames.session_update(self._update_id, session))]

    def _hear_of_session(self, session: Mapping[str, object]) -> None:
        self._session_id = text(session, "id") or self._session_id
        self._lifetime.told(whole(session, "expires_at"))

    def _on_session_updated(self, message: Message, now: float) -> list[Output]:
        if self._stage is not Stage.GREETING or not self._update_id:
            return []
        session = message.object("session")
        if spoken := _other_format(session):
            words = f"the service speaks {spoken}, not 24 kHz PCM"
            return self._end(ErrorKind.PROTOCOL, self._explain.clean(words))
        self._hear_of_session(session)
        self._able = replace(self._able, session_cap_s=self._lifetime.opened(now))
        return [*self._tell_history(), *self._ready(self._session_id, now)]

    def _tell_history(self) -> list[Output]:
        """What was said in sessions before this one."""
        kind, told = self._shapes[0].assistant_text, list[Output]()
        for said in self._spec.history:
            if not said.text:
                continue
            event_id = self._next_tidy_id()
            if said.by == "user":
                told.append(SendFrame(frames.said_by_user(event_id, said.text)))
            else:
                told.append(SendFrame(frames.said_by_assistant(event_id, said.text, kind)))
        return told

    def _on_error(self, message: Message, now: float) -> list[Output]:
        error = message.object("error")
        fault = self._explain.error(error)
        event_id = text(error, "event_id")
        if fault.code == "response_cancel_not_active":
            return []
        if fault.over:
            return self._end_with(fault)
        if self._stage is not Stage.READY or (event_id and event_id == self._update_id):
            return self._on_session_refused(fault)
        if event_id and event_id in self._tidied:
            return [Note(f"the history was not corrected: {fault.detail}")]
        handled = self._input.refused(event_id, fault, now)
        if handled is None:
            handled = self._responses.refused(event_id, fault, now)
        if handled is not None:
            return handled
        return [Emit(ServiceTrouble(fault.kind, fault.detail))]

    def _on_session_refused(self, fault: Fault) -> list[Output]:
        known = self._update_id and fault.kind not in _NOT_OF_THE_SHAPE
        if known and len(self._shapes) > 1 and self._stage is Stage.GREETING:
            self._shapes.popleft()
            note = Note(f"the service understands another form of settings: {fault.detail}")
            return [note, *self._configure()]
        return self._end(fault.kind, f"the service refused the session: {fault.detail}")

    def _on_warning(self, message: Message, now: float) -> list[Output]:
        """Azure Voice Live's."""
        fault = self._explain.error(message.object("warning"))
        return [Note(f"the service warns: {fault.detail}")]

    # --- small things -------------------------------------------------------------------------

    def _next_tidy_id(self) -> str:
        event_id = self._next_id()
        self._tidied.append(event_id)
        return event_id

    def _next_id(self) -> str:
        self._ids += 1
        return f"parlor_{self._ids}"


def _other_format(session: Mapping[str, object]) -> str:
    """What the service will speak, if that is not what we asked for."""
    flat = text(session, "output_audio_format")
    if flat not in ("", "pcm16"):
        return flat
    output = mapping(mapping(mapping(session, "audio"), "output"), "format")
    kind, rate = output.get("type"), output.get("rate", RATE_HZ)
    if output and (kind != "audio/pcm" or rate != RATE_HZ):
        return f"{kind} at {rate} Hz"
    return ""


def _service(
    dialect: Dialect, url: str = "", *, keyed: bool = True, options_of: str = ""
) -> Service:
    def make(spec: SessionSpec) -> OpenAIRealtime:
        return OpenAIRealtime(spec, dialect, spec.wall_ahead_s)

    return Service(make, dialect.able, url, keyed, options_of, dialect.default_model)


#: Its options are also those of others, as far as they understand them.
_SHARED = "openai_realtime"

SERVICE = _service(dialects.OPENAI, "wss://api.openai.com/v1/realtime")
OFFLINE = _service(dialects.OFFLINE, keyed=False)
AZURE = _service(dialects.AZURE, options_of=_SHARED)
XAI = _service(dialects.XAI, "wss://api.x.ai/v1/realtime", options_of=_SHARED)
COMPATIBLE = _service(dialects.COMPATIBLE, keyed=False, options_of=_SHARED)
VOICE_LIVE = _service(dialects.VOICE_LIVE)
